"""What may be created and changed, kind by kind: the rules that every document of the sandbox keeps.

Each module has `RULES` and functions that take an open `Store`, so that the routes and the template
catalogue build resources in the same way.
"""
