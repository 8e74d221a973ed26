"""One app as data: the snapshot, what refers to what, the tree, the server's own description of requests."""
