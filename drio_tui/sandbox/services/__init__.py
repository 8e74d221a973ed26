"""The rules for creating, changing and deleting apps and resources, one module per kind.

Each module has `RULES` and functions that take an open `Store`, so that the routes and the templates create
resources in the same way.
"""
