"""The OpenAPI document of the connected drio: requested in the background, cached with its ETag.

It is cached in the cache folder, one file per base URL, so that the next start can send a conditional request. It
describes the API and contains no data of the user.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from contextvars import Context
from dataclasses import dataclass, field
from pathlib import Path

from drio_tui.api import json_codec
from drio_tui.api.errors import DrioError, NotFound
from drio_tui.api.transport import Transport
from drio_tui.schema.resolve import Json
from drio_tui.storage.cache import CacheFolder
from drio_tui.storage.files import read_private

_FILES = CacheFolder("openapi")
VERSION = 1
PATHS = {"/openapi.json": False, "/api/openapi.json": True}
"""The paths that are tried. True: relative to the origin, not the base URL; contract section 1.1 names both."""

FRESH_SECONDS = 60.0
"""For how long the document counts as that of the server without another request."""

KEEP_BYTES = 16 << 20
"""The largest document that is cached; a larger one is downloaded again at each start."""


@dataclass(frozen=True, slots=True)
class CacheEntry:
    """A document as received. `json` is None if the server has none; `path` is the one of `PATHS` that has it."""

    json: Json = field(default=None, repr=False)
    etag: str = ""
    path: str = ""


class ServerOpenApi:
    """The OpenAPI document of one connection."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._cached: CacheEntry | None = None
        self._refresh_task: asyncio.Task[bool] | None = None
        self._refreshed_at = -FRESH_SECONDS
        self.path: Path = _FILES.path(transport.base_url)

    def refresh(self) -> asyncio.Task[bool]:
        """Start downloading or revalidating the document, and return the task.

        A request that is in progress, or was answered less than `FRESH_SECONDS` ago, is not repeated.
        """
        fresh = time.monotonic() - self._refreshed_at < FRESH_SECONDS
        if self._refresh_task is None or (self._refresh_task.done() and not fresh):
            # An empty context: the task outlives the worker that starts it, and would keep the worker and its screen.
            self._refresh_task = asyncio.create_task(self._refresh(), context=Context())
        return self._refresh_task

    async def now(self, patience: float) -> tuple[Json | None, bool]:
        """Return the document, waiting at most `patience` seconds, and whether the server has just confirmed it.

        The request goes on after that; a later call returns its result.
        """
        refresh = self.refresh()
        await asyncio.wait({refresh}, timeout=patience)
        fresh = refresh.done() and not refresh.cancelled() and refresh.result()
        return (self._cached.json if self._cached is not None else None), fresh

    async def _refresh(self) -> bool:
        """Update the cached document; return whether the server responded. Keeps the cached one after an error."""
        if self._cached is None:
            self._cached = await asyncio.to_thread(self._load)
        cached = self._cached or CacheEntry()
        for path in dict.fromkeys((cached.path, *PATHS) if cached.path else PATHS):
            etag = cached.etag if path == cached.path else ""
            try:
                reply = await self._transport.request("GET", path, anonymous=True, at_origin=PATHS[path], etag=etag)
            except NotFound:
                continue
            except DrioError:
                return False
            if reply.status != 304:
                self._cached = CacheEntry(reply.data, reply.headers.get("etag", ""), path)
                await asyncio.to_thread(self._store, self._cached)
            break
        else:
            self._cached = CacheEntry()
        self._refreshed_at = time.monotonic()
        return True

    def _load(self) -> CacheEntry | None:
        """Return the document in the cache file, None if there is no valid one."""
        try:
            content = json_codec.loads(read_private(self.path, limit=KEEP_BYTES))
        except (OSError, ValueError):
            return None
        if not isinstance(content, dict) or content.get("v") != VERSION or content.get("place") not in PATHS:
            return None
        etag = content.get("etag")
        return CacheEntry(content.get("document"), etag, content["place"]) if isinstance(etag, str) and etag else None

    def _store(self, entry: CacheEntry) -> None:
        """Write the cache file, unless the document has no ETag: it could not be revalidated."""
        if not entry.etag:
            return
        content = {"v": VERSION, "etag": entry.etag, "place": entry.path, "document": entry.json}
        with contextlib.suppress(OSError, ValueError, RecursionError):
            data = json_codec.dumps(content).encode("ascii")
            if len(data) <= KEEP_BYTES:
                _FILES.write(self.path, data)
