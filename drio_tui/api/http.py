"""The only module that imports the HTTP library, so that changing to its successor changes one line."""

import sys
from collections.abc import Callable
from typing import Any

# httpx imports its command-line program where it can, and with it click, rich and pygments: 40 % of its import time.
# If that module cannot be imported, httpx works without it.
_skips_main = "httpx" not in sys.modules and "httpx._main" not in sys.modules
if _skips_main:
    sys.modules["httpx._main"] = None  # type: ignore[assignment]  # None makes the import fail
import httpx as httpx  # noqa: E402 - only after the above

if _skips_main:
    del sys.modules["httpx._main"]

_factory: Callable[..., httpx.AsyncClient] = httpx.AsyncClient
_is_replay = False


def new_client(**options: Any) -> httpx.AsyncClient:
    """Return `httpx.AsyncClient(**options)`, or one that records its exchanges, or replays recorded ones."""
    return _factory(**options)


def replace_clients(factory: Callable[..., httpx.AsyncClient] | None, *, is_replay: bool = False) -> None:
    """Use `factory` for all further clients, None for httpx's own; `is_replay` says that it uses no network."""
    global _factory, _is_replay
    _factory, _is_replay = factory or httpx.AsyncClient, is_replay


def is_replay() -> bool:
    """Return whether no network may be used, because a cassette is replayed."""
    return _is_replay
