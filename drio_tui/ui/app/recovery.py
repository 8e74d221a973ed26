"""Keep unsaved edits when the program or a screen ends without being asked to, and offer them at the next start."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from textual.app import App
from textual.screen import Screen

from drio_tui.server_id import is_earlier_sandbox_url, may_belong_to
from drio_tui.ui.app.idle_work import InputPause
from drio_tui.ui.app.navigation import make_screen
from drio_tui.ui.base.connection import Connection
from drio_tui.ui.base.textual_internals.screens import all_screens
from drio_tui.ui.base.type_ahead import LoadsContent
from drio_tui.ui.base.workers import start_worker
from drio_tui.ui.screen import Leavable
from drio_tui.ui.widgets.sanitize import sanitize
from drio_tui.urls import is_loopback

if TYPE_CHECKING:
    from drio_tui.plan.record import PlanRecord
    from drio_tui.ui.editing.batch_dialog import InterruptedPlanDialog
    from drio_tui.workspace.saving.unsaved_edits import UnsavedEdit


def screen_of_edit(edit: UnsavedEdit) -> Screen[Any]:
    """Return a screen that goes on with a kept edit, or that opens the form in which it was typed once it is loaded."""
    from drio_tui.ui.editing.recovery_dialog import target_for
    from drio_tui.ui.forms import keeps_edit

    match edit.kind:
        case keeps_edit.TEST:
            return make_screen("tool_tests", edit.app, edit.resource, edit=edit)
        case keeps_edit.ARGUMENTS:
            return make_screen("playground", edit.app, edit.resource, edit=edit)
        case keeps_edit.BULK | keeps_edit.IMPORT:
            return make_screen("app", edit.app, edit=edit)
        case keeps_edit.REQUEST | keeps_edit.RAW_REQUEST:
            return make_screen("explorer", edit=edit)
        case _:
            return make_screen("edit", target_for(edit))


def reopen_edit(app: App[Any], edit: UnsavedEdit) -> None:
    """Open a kept edit over the list of apps, to go on with it."""
    app.switch_mode("apps")
    app.push_screen(screen_of_edit(edit))


class Recovery:
    """Keeps the unsaved edits of the screens of `app`, and offers those that earlier runs kept.

    They are offered while nothing is typed into a form or a dialog, whose keys would go to the dialog that offers them.
    """

    def __init__(self, app: App[Any], connection: Connection, pause: InputPause | None = None) -> None:
        self._app = app
        self._connection = connection
        self._pause = pause or InputPause()
        self._is_waiting = self._is_subscribed = False
        self.offered = False
        """Whether the kept edits were looked for since the connection was chosen; set it to False to offer again."""

    def keep_all(self, reason: str) -> bool:
        """Write the unsaved edits of all screens to files, without asking; return whether there were any."""
        from drio_tui.workspace.saving.unsaved_edits import offer_left

        offer_left()
        return bool(self.keep(all_screens(self._app), reason))

    def keep(self, screens: Iterable[Screen[Any]], reason: str) -> list[UnsavedEdit]:
        """Write the unsaved edits of these screens to files; return them."""
        edits: list[UnsavedEdit] = []
        for screen in screens:
            if not isinstance(screen, Leavable):
                continue
            # A screen that fails, perhaps the one that ends the program, must not lose the edits of the others.
            with contextlib.suppress(Exception):
                screen.keep_draft()
            with contextlib.suppress(Exception):
                if (edit := screen.keep_edit(reason)) is not None:
                    edits.append(edit)
        return edits

    def offer(self) -> None:
        """Offer the edits that were kept when the program ended, for the connection in use, once."""
        if self.offered or not self._app.is_running:  # it is called later, when the program may be ending
            return
        if not self._may_interrupt:
            self._offer_later()
            return
        self.offered = True
        start_worker(self._app, self._load_and_offer, group="unsaved", exclusive=True)

    @property
    def _may_interrupt(self) -> bool:
        """Whether a dialog may come up unasked: the screen that is shown is no dialog and no form."""
        screen = self._app.screen
        if screen.is_modal or (isinstance(screen, LoadsContent) and screen.opens_fields):
            return False
        return not isinstance(screen, Leavable) or not (screen.unsaved_input() or screen.running_task())

    def _offer_later(self) -> None:
        """Offer once another screen is shown."""
        self.offered = False
        self._is_waiting = True
        if not self._is_subscribed:
            self._is_subscribed = True
            self._app.screen_change_signal.subscribe(self._app, self._screen_changed)

    def _screen_changed(self, _screen: object) -> None:
        if self._is_waiting:
            self._is_waiting = False
            self._app.call_later(self.offer)  # the screen that comes back is then the one that is shown

    async def _load_and_offer(self) -> None:
        from drio_tui.ui.editing.recovery_dialog import RecoveryDialog
        from drio_tui.workspace.saving import unsaved_edits

        client = self._connection.client
        if client is not None and is_loopback(urlsplit(client.transport.base_url).hostname or ""):
            await client.transport.server_id_known.wait()  # it may be a sandbox: its first response says which one
        kept = await asyncio.to_thread(unsaved_edits.load, self._connection.status.profile)
        for problem in kept.problems[:3]:
            self._app.notify(sanitize(problem).plain, severity="warning", markup=False)
        edits = []
        for edit in kept.buffers:
            if not await asyncio.to_thread(unsaved_edits.is_edited, edit):
                edits += [edit] if await self._is_of_this_server(edit) else []

        def open_edit(edit: UnsavedEdit | None) -> None:
            if edit is not None:
                reopen_edit(self._app, edit)

        plans = await self._plans()
        if not edits and not plans:
            return
        await self._pause.wait()
        if not self._may_interrupt:
            self._offer_later()
            return
        for dialog in plans:
            self._app.push_screen(dialog)
        if edits:
            self._app.push_screen(RecoveryDialog(edits), open_edit)

    async def _plans(self) -> list[InterruptedPlanDialog]:
        """Return dialogs for the plans that earlier runs did not finish, unless nothing may be changed."""
        from drio_tui.plan.record import load_records
        from drio_tui.ui.editing.batch_dialog import InterruptedPlanDialog

        if self._connection.status.read_only:
            return []
        loaded = await asyncio.to_thread(load_records, self._connection.status.profile, self._connection.server)
        for problem in loaded.problems[:3]:
            self._app.notify(sanitize(problem).plain, severity="warning", markup=False)
        offered = {
            screen.record.id for screen in all_screens(self._app) if isinstance(screen, InterruptedPlanDialog)
        }  # fmt: skip
        records = [record for record in loaded.records if record.id not in offered]
        return [InterruptedPlanDialog(record) for record in records[:3] if not await self._forget_finished(record)]

    async def _forget_finished(self, record: PlanRecord) -> bool:
        """Forget a plan of which nothing is left to do, for example since its command was run again."""
        from drio_tui.api.errors import DrioError
        from drio_tui.plan.finished import has_nothing_left
        from drio_tui.plan.record import discard
        from drio_tui.workspace.model.loader import read_app

        client = self._connection.client
        if client is None or not record.app:
            return False
        try:
            if not has_nothing_left(record, await read_app(client, record.app)):
                return False
        except DrioError:  # then it is offered
            return False
        with contextlib.suppress(OSError):
            await asyncio.to_thread(discard, record.id)
        return True

    async def _is_of_this_server(self, edit: UnsavedEdit) -> bool:
        """Return whether an edit belongs to the drio in use.

        Earlier versions stored the address of a sandbox, which another sandbox may have by now: then the edit is of
        this one if it has the edited app.
        """
        server, client = self._connection.server, self._connection.client
        if edit.server == server or client is None or not edit.app or not is_earlier_sandbox_url(edit.server, server):
            return may_belong_to(edit.server, server)
        from drio_tui.api.errors import DrioError
        from drio_tui.kinds import APP

        try:
            await client.get(APP, edit.app)
        except DrioError:
            return False
        return True
