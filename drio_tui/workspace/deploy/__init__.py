"""Deploying an app, its earlier deployments, and what a model sees of it afterwards."""
