"""Cassettes: files of recorded requests and responses without secrets, which can be replayed without a network."""
