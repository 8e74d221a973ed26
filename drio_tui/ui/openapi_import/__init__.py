"""Importing operations from an OpenAPI document."""
