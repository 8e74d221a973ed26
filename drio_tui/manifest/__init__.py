"""The app as a document: read, validate, export, pull, and compare it with drio."""
