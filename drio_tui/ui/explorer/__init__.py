"""The API explorer: the operations of the server, requests of them, and their responses."""
