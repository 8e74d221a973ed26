"""Deploying an app, what was deployed before, and what a model then sees."""
