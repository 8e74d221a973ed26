"""Detects servers that speak a newer API than v1, the version that drio-tui edits."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

_NEWER = ("v3", "v2")
_NONEXISTENT = "v0"  # a server that responds in the same way to this version says nothing about the others
_REFUSED = (401, 403)


async def newer_version(base_url: str, status: Callable[[str], Awaitable[int | None]]) -> str | None:
    """Return the newest API version beside the v1 of `base_url`, or None.

    `status` returns the status of an anonymous GET to a path of the same origin; None for anything but JSON.
    """
    root = urlsplit(base_url).path.rstrip("/").removesuffix("/v1")
    for version in _NEWER:
        response_status = await status(f"{root}/{version}/apps")
        if response_status is None:
            continue
        if 200 <= response_status < 300:
            return version
        if response_status in _REFUSED and await status(f"{root}/{_NONEXISTENT}/apps") != response_status:
            return version  # this path requires a token, and not every path does
    return None


def version_of_envelope(envelope: Mapping[str, Any]) -> str | None:
    """Return the API version whose lists have this form: `items` with a cursor in v3, `data` with a page in v2."""
    if isinstance(envelope.get("items"), list):
        return "v3"
    return "v2" if isinstance(envelope.get("data"), list) else None
