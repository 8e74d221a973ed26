"""The only module that imports the HTTP library, so that changing to its successor changes one line."""

import sys

# httpx imports its command-line program where it can, and with it click, rich and pygments: 40 % of its import time.
# If that module cannot be imported, httpx works without it.
_skips_main = "httpx" not in sys.modules and "httpx._main" not in sys.modules
if _skips_main:
    sys.modules["httpx._main"] = None  # type: ignore[assignment]  # None makes the import fail
import httpx as httpx  # noqa: E402 - only after the above

if _skips_main:
    del sys.modules["httpx._main"]
