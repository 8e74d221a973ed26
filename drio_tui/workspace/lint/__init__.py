"""Diagnostics of an app: what is wrong with it now, and what will be once it is deployed."""
