"""One app as data: the snapshot, its references, the tree model, and the OpenAPI document of the server."""
