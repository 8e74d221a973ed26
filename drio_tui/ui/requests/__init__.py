"""The request log and its screen."""
