"""Cassettes: files of recorded requests and answers without secrets, which can be replayed without a network."""
