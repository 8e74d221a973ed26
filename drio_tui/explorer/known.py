"""The operations that a server was last seen to have, for completion in a shell: kept in the cache folder."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import TYPE_CHECKING

from drio_tui.storage.cache import CacheFolder
from drio_tui.storage.files import read_private

if TYPE_CHECKING:
    from drio_tui.explorer.server_api import ServerApi

_FILES = CacheFolder("explorer")
_MOST = 5_000
_LIMIT = 4 << 20


def remember(base_url: str, server_api: ServerApi) -> None:
    """Keep the methods, paths and summaries of the operations of a server."""
    listed = [
        [operation.method, server_api.argument_of(operation), operation.summary[:100]]
        for operation in server_api.operations[:_MOST]
    ]
    with contextlib.suppress(OSError, ValueError):
        path = _path(base_url)
        _FILES.write(path, json.dumps(listed).encode("ascii"))


def known_operations(base_url: str) -> list[tuple[str, str, str]]:
    """Return method, path and summary of the operations of a server; empty if it was not seen yet."""
    try:
        listed = json.loads(read_private(_path(base_url), limit=_LIMIT))
        return [(str(method), str(path), str(summary)) for method, path, summary in listed]
    except (OSError, ValueError, TypeError, RecursionError):
        return []


def _path(base_url: str) -> Path:
    return _FILES.path(base_url.rstrip("/"))
