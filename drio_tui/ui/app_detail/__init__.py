"""One app: the tree of its resources, the details of what the cursor is on, and what can be done with it."""
