"""The Textual app: what it starts with, the screens that belong to no feature, how it opens screens and ends."""
