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
_recorded: Callable[[str, str], bool] | None = None


def new_client(**options: Any) -> httpx.AsyncClient:
    """Return `httpx.AsyncClient(**options)`, or one that records its exchanges, or replays recorded ones."""
    return _factory(**options)


def replace_clients(
    factory: Callable[..., httpx.AsyncClient] | None, *, recorded: Callable[[str, str], bool] | None = None
) -> None:
    """Use `factory` for all further clients, None for httpx's own.

    `recorded` says that it uses no network, and returns whether it has a response to a request without a body.
    """
    global _factory, _recorded
    _factory, _recorded = factory or httpx.AsyncClient, recorded


def is_replay() -> bool:
    """Return whether no network may be used, because a cassette is replayed."""
    return _recorded is not None


def is_recording() -> bool:
    """Return whether the exchanges are recorded, so that a replay can do without the caches of this machine."""
    return _factory is not httpx.AsyncClient and _recorded is None


def can_answer(method: str, url: str) -> bool:
    """Return whether a request without a body can be answered: False for one that a replayed cassette does not have."""
    return _recorded is None or _recorded(method, url)
