"""Editing one resource: the editor, saving it, and what saving may ask."""
