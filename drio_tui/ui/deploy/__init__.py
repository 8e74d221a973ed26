"""Deploying, restoring an earlier deployment, and connecting AI clients."""
