"""The one place that imports the HTTP library, so that moving to its continuation is one line."""

import httpx as httpx
