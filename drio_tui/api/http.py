"""The one place that imports the HTTP library, so that moving to its continuation is one line."""

import sys

# httpx imports its own command-line program where it can, and with it click, rich and pygments: two fifths of the
# time its import takes. Told that there is none, it goes on without.
_spared = "httpx" not in sys.modules and "httpx._main" not in sys.modules
if _spared:
    sys.modules["httpx._main"] = None  # type: ignore[assignment]  # None means: cannot be imported
import httpx as httpx  # noqa: E402 - only now

if _spared:
    del sys.modules["httpx._main"]
