"""The requests of a `Saver`: they can be cancelled, and changes are recorded in the journal of their app."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from drio_tui.api.client import DrioClient
from drio_tui.api.errors import ApiError, DrioError, NotFound
from drio_tui.kinds import Kind
from drio_tui.workspace.saving.cancellation import CancellableRequests, RequestCancelled
from drio_tui.workspace.saving.history import Entry, State
from drio_tui.workspace.saving.journal import Journal
from drio_tui.workspace.saving.merge import Object
from drio_tui.workspace.saving.save_result import Failed, ReadBack, Refused

T = TypeVar("T")


class RecordedRequests:
    """`running` are the requests that change something or belong to a change, `before_write` those before it.

    `journal_of` returns the journal of an app; without it there is no journal.
    """

    def __init__(self, client: DrioClient, journal_of: Callable[[str], Journal] | None) -> None:
        self.client = client
        self.running = CancellableRequests()
        self.before_write = CancellableRequests()
        self._journal_of = journal_of
        self._journals: dict[Path, Journal] = {}

    def journal(self, app: str) -> Journal | None:
        """Return the journal of an app, None if there is none; the same object each time."""
        if self._journal_of is None or not app:
            return None
        journal = self._journal_of(app)
        return self._journals.setdefault(journal.path, journal)

    async def read(
        self, kind: Kind[Any], app: str, id: str, requests: CancellableRequests | None = None
    ) -> Object | DrioError | None:
        """Return the current resource, None if it does not exist, or the error."""
        try:
            return (await (requests or self.running).run(app, self.client.get(kind, id, app=app))).raw
        except NotFound:
            return None
        except DrioError as error:
            return error

    async def list_resources(self, kind: Kind[Any], app: str, parent: str = "") -> list[Object] | DrioError:
        """Return all current resources of a kind, or the error."""
        try:
            listing = self.client.list(kind, app=app, parent=parent)
            return (await self.running.run(app, listing)).items
        except DrioError as error:
            return error

    async def write(self, entry: Entry, send: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Record a change in the journal, then send its request.

        Raises `RequestCancelled` if the change is cancelled meanwhile, else what the request raises.
        """
        with self.running.change(entry.app):
            await self.note_begin(entry)
            return await self.running.run(entry.app, send(), changes=True)

    async def note_begin(self, entry: Entry) -> None:
        """Record a change before its request is sent, without blocking the event loop."""
        if (journal := self.journal(entry.app)) is not None:
            await asyncio.to_thread(journal.begin, entry)

    async def note_end(self, entry: Entry, state: State) -> None:
        """Record the outcome of a change."""
        if (journal := self.journal(entry.app)) is not None:
            await asyncio.to_thread(journal.end, replace(entry, state=state))

    async def note_read_back(self, entry: Entry, read_back: ReadBack, error: DrioError) -> None:
        """Record what reading back showed after an unknown outcome.

        A cancelled request may still arrive at the server: if it was not applied yet, its entry stays `unknown`, and an
        undo reads the resource.
        """
        if read_back == "applied":
            await self.note_end(entry, "done")
        elif read_back == "not applied" and not isinstance(error, RequestCancelled):
            await self.note_end(entry, "failed")


def refused_or_failed(error: DrioError) -> Refused | Failed:
    """Return the outcome of a change that an error has ended before anything was changed."""
    return Refused(error) if isinstance(error, ApiError) else Failed(error)
