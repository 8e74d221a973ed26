"""The requests that were made."""
