"""Saving changes to an app without overwriting those of others: read, merge, write, reconcile, journal, undo."""
