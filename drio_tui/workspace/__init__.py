"""One open app as data: what was read, what refers to what, what is wrong, and how it is laid out as a tree.

Nothing here knows a terminal. `load_app` delivers `Update`s as answers arrive, a `Snapshot` takes them in
any order, and `Links`, `find_problems` and `Outline` are computed from a snapshot.
"""
