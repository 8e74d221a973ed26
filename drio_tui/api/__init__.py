"""The drio API: models, the async client, errors."""
