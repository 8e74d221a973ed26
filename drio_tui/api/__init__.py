"""The drio API: wire models, the async client, errors."""
