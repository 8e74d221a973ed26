"""Changing an app without losing anyone's work: read, merge, write, look up what is unknown, journal, undo."""
