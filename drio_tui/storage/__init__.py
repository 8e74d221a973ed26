"""Files on this machine: paths, private files, locks, and a store of JSON files."""
