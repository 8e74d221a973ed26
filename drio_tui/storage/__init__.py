"""Files on this machine: where they lie, private files, locks, and JSON documents kept per server."""
