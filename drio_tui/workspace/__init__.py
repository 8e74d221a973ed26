"""One open app without its interface: reading, checking, saving, deploying and running it.

Nothing here depends on a terminal. `load_app` delivers `Update`s as responses arrive, a `Snapshot` applies them in
any order, and `Links`, `check_resources` and `TreeModel` are computed from a snapshot.
"""
