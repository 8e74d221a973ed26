"""Deploying an app: one deploy at a time, and no change while it runs."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Coroutine
from functools import partial
from typing import TYPE_CHECKING, Any

from drio_tui.api.errors import DrioError, NotFound
from drio_tui.api.resource_type import Item
from drio_tui.kinds import APP
from drio_tui.workspace.saving.cancellation import RequestCancelled
from drio_tui.workspace.saving.history import new_entry
from drio_tui.workspace.saving.merge import equal_at_depth
from drio_tui.workspace.saving.recorded_requests import RecordedRequests, refused_or_failed
from drio_tui.workspace.saving.save_result import Failed, ReadBack, Refused, Unknown
from drio_tui.workspace.saving.single_flight import SingleFlight

if TYPE_CHECKING:
    from drio_tui.api.models import DeployResult

Look = Callable[[], Coroutine[Any, Any, None]]


class Deploys:
    """The running deploys by app."""

    def __init__(self, requests: RecordedRequests, single_flight: SingleFlight) -> None:
        self._requests = requests
        self._single_flight = single_flight
        self._running: dict[str, asyncio.Event] = {}

    def is_running(self, app: str) -> bool:
        """Return whether an app is being deployed."""
        return app in self._running

    async def wait(self, app: str) -> Failed | None:
        """Wait until no deploy is running; return the outcome of the write if the user cancels it meanwhile."""
        while (finished := self._running.get(app)) is not None:
            try:
                await self._requests.before_write.run(app, finished.wait())
            except RequestCancelled as error:
                return Failed(error)
        return None

    async def deploy(self, app: str, look: Look | None) -> Item[DeployResult] | Refused | Failed | Unknown:
        """Deploy an app after the running writes to it have ended; see `Saver.deploy`."""
        await self._single_flight.wait_idle(app)
        finished = self._running[app] = asyncio.Event()
        try:
            if look is not None:
                await self._requests.running.run(app, look())
            outcome = await self._deploy(app)
            if look is not None and not isinstance(outcome, Refused | Failed):
                with contextlib.suppress(DrioError):
                    await self._requests.running.run(app, look())
            return outcome
        except DrioError as error:
            return refused_or_failed(error)
        finally:
            del self._running[app]
            finished.set()

    async def _deploy(self, app: str) -> Item[DeployResult] | Refused | Failed | Unknown:
        requests = self._requests
        before = await requests.read(APP, app, app)
        if before is None or isinstance(before, DrioError):
            return refused_or_failed(before or NotFound("the app is not there any more", status=404))
        entry = new_entry("deploy", app, APP.name, app, APP.label(before))
        try:
            item = await requests.write(entry, partial(requests.client.deploy, app))
        except DrioError as error:
            if not error.outcome_unknown:
                await requests.note_end(entry, "failed")
                return refused_or_failed(error)
            current = await requests.read(APP, app, app)
            raw = current if isinstance(current, dict) else None
            version_changed = raw is not None and not equal_at_depth(raw.get("version"), before.get("version"))
            read_back: ReadBack = "applied" if version_changed else "cannot tell"
            await requests.note_read_back(entry, read_back, error)
            return Unknown(error, read_back, raw, group=entry.group)
        await requests.note_end(entry, "done")
        return item
