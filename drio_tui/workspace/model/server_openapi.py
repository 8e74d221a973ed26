"""The OpenAPI document of the connected drio: asked for in the background, kept by its ETag.

It lies in the cache folder, one file for each base URL, so that the next start only has to ask whether it
still holds. It describes what the server takes and holds nothing of anybody's.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from contextvars import Context
from dataclasses import dataclass, field
from pathlib import Path

from drio_tui.api import json_codec
from drio_tui.api.errors import DrioError, NotFound
from drio_tui.api.transport import Transport
from drio_tui.schema.resolve import Json
from drio_tui.storage import paths
from drio_tui.storage.files import private_dir, read_private, write_private

VERSION = 1
PLACES = {"/openapi.json": False, "/api/openapi.json": True}
"""Where it is looked for, and whether that is below the origin, not the base URL: contract section 1.1 has both."""

KEEP_BYTES = 16 << 20
"""The most of it that is kept in a file; a larger one is asked for anew at each start."""


@dataclass(frozen=True, slots=True)
class CacheEntry:
    """A document as it was answered. `json` is None where the server has none."""

    json: Json = field(default=None, repr=False)
    etag: str = ""
    place: str = ""


class ServerOpenApi:
    """The document of one connection."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._held: CacheEntry | None = None
        self._asking: asyncio.Task[bool] | None = None
        name = hashlib.sha256(transport.base_url.encode()).hexdigest()[:32]
        self.path: Path = paths.cache_dir() / "openapi" / f"{name}.json"

    def ask(self) -> asyncio.Task[bool]:
        """Begin to ask for it, or for whether it changed; what is under way is not begun twice."""
        if self._asking is None or self._asking.done():
            # In a context of its own: it outlives the worker that asks, and would keep that, and so its screen.
            self._asking = asyncio.create_task(self._ask(), context=Context())
        return self._asking

    async def now(self, patience: float) -> tuple[Json | None, bool]:
        """The document as far as it is known within `patience` seconds, and whether the server has just said so.

        An answer that comes later is there the next time: asking goes on.
        """
        asking = self.ask()
        await asyncio.wait({asking}, timeout=patience)
        fresh = asking.done() and not asking.cancelled() and asking.result()
        return (self._held.json if self._held is not None else None), fresh

    async def _ask(self) -> bool:
        """Whether the server answered. Raises nothing: without an answer what is known goes on to count."""
        if self._held is None:
            self._held = await asyncio.to_thread(self._load)
        known = self._held or CacheEntry()
        for place in dict.fromkeys((known.place, *PLACES) if known.place else PLACES):
            etag = known.etag if place == known.place else ""
            try:
                reply = await self._transport.request(
                    "GET", place, anonymous=True, below_origin=PLACES[place], etag=etag
                )
            except NotFound:
                continue
            except DrioError:
                return False
            if reply.status != 304:
                self._held = CacheEntry(reply.data, reply.headers.get("etag", ""), place)
                await asyncio.to_thread(self._store, self._held)
            return True
        self._held = CacheEntry()
        return True

    def _load(self) -> CacheEntry | None:
        try:
            kept = json_codec.loads(read_private(self.path, limit=KEEP_BYTES))
        except (OSError, ValueError):
            return None
        if not isinstance(kept, dict) or kept.get("v") != VERSION or kept.get("place") not in PLACES:
            return None
        etag = kept.get("etag")
        return CacheEntry(kept.get("document"), etag, kept["place"]) if isinstance(etag, str) and etag else None

    def _store(self, held: CacheEntry) -> None:
        """Keep it for the next start; without an ETag there would be no way to ask whether it still holds."""
        if not held.etag:
            return
        kept = {"v": VERSION, "etag": held.etag, "place": held.place, "document": held.json}
        with contextlib.suppress(OSError, ValueError, RecursionError):
            data = json_codec.dumps(kept).encode("ascii")
            if len(data) <= KEEP_BYTES:
                private_dir(self.path.parent.parent)
                private_dir(self.path.parent)
                write_private(self.path, data)
