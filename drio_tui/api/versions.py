"""Noticing that a server speaks a newer API than v1, the one that drio-tui edits."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

_NEWER = ("v3", "v2")
_NEVER = "v0"  # a version that never was: what a server answers there says nothing about the others
_REFUSED = (401, 403)


async def newer_version(base_url: str, status: Callable[[str], Awaitable[int | None]]) -> str | None:
    """The newest API version beside the v1 of `base_url`, or None.

    `status` gives the status of an anonymous GET to a path of the same origin; None for anything but JSON.
    """
    root = urlsplit(base_url).path.rstrip("/").removesuffix("/v1")
    for version in _NEWER:
        answered = await status(f"{root}/{version}/apps")
        if answered is None:
            continue
        if 200 <= answered < 300:
            return version
        if answered in _REFUSED and await status(f"{root}/{_NEVER}/apps") != answered:
            return version  # it wants a sign-in there, and not on just any path
    return None


def version_of_envelope(envelope: Mapping[str, Any]) -> str | None:
    """The API version whose lists look like this: `items` with a cursor in v3, `data` with a page in v2."""
    if isinstance(envelope.get("items"), list):
        return "v3"
    return "v2" if isinstance(envelope.get("data"), list) else None
