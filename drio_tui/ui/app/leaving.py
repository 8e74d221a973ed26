"""Leaving a screen or the program: confirm first, keep unsaved edits, and offer them at the next start."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlsplit

from textual.screen import Screen

from drio_tui.server_id import is_earlier_sandbox_url, may_belong_to
from drio_tui.ui.app.opening import make_screen
from drio_tui.ui.base.textual_internals import all_screens
from drio_tui.ui.widgets.sanitize import sanitize
from drio_tui.urls import is_loopback

if TYPE_CHECKING:
    from drio_tui.ui.app.drio_app import DrioApp
    from drio_tui.ui.app.terminal import TerminalApp
    from drio_tui.workspace.saving.unsaved_edits import UnsavedEdit

    _Base = TerminalApp
else:
    _Base = object


class Leaving(_Base):
    """Confirmations, quitting and unsaved edits. Mixed into the app."""

    @property
    def _drio(self) -> DrioApp:
        return cast("DrioApp", self)

    async def confirm(
        self,
        title: str,
        body: str = "",
        *,
        agree: str = "Yes",
        name: str | None = None,
        danger: bool = True,
        ctrl_s: bool = True,
    ) -> bool:
        """Show a `ConfirmScreen` (the options are the same) from a worker; return whether the user agreed."""
        screen = make_screen("confirm", title, body, agree=agree, name=name, danger=danger, ctrl_s=ctrl_s)
        return bool(await self.push_screen_wait(screen))

    def back(self) -> None:
        """Go back one screen, if there is one below in this area; ask first when something would be lost."""
        if len(self.screen_stack) < 2:
            return
        lost = getattr(self.screen, "unsaved", str)()
        busy = getattr(self.screen, "under_way", str)()
        reason = f"You would lose {lost}." if lost else ""
        if busy:
            reason = f"{busy} is under way and goes on; you would not see its result."
        if reason:
            self.run_worker(self._confirm_back(self.screen, reason), group="leave", exclusive=True)
        else:
            self.screen.dismiss(None)

    async def _confirm_back(self, leaving: Screen[Any], reason: str) -> None:
        if await self.confirm("Leave it?", reason, agree="Leave", ctrl_s=False):
            leaving.dismiss()

    async def action_quit(self) -> None:
        """Quit; ask first when something typed would be lost, or something is under way."""
        screens = all_screens(self)
        lost = [name for screen in screens if (name := getattr(screen, "unsaved", str)())]
        busy = [name for screen in screens if (name := getattr(screen, "under_way", str)())]
        reasons = [f"You would lose {' and '.join(lost)}."] if lost else []
        reasons += [f"{name} is under way and may be cut off in the middle." for name in busy]
        if reasons:
            self.run_worker(self._confirm_quit(" ".join(reasons)), group="leave", exclusive=True)
        else:
            self._quit()

    async def _confirm_quit(self, reason: str) -> None:
        if await self.confirm("Quit?", reason, agree="Quit", ctrl_s=False):
            self._quit()

    def _quit(self) -> None:
        """Exit; edits that the user agreed to lose are not offered at the next start."""
        for screen in all_screens(self):
            getattr(screen, "discard_kept_edit", str)()
        self.exit(0)

    # -- unsaved edits ----------------------------------------------------------------------------

    def keep_unsaved(self, reason: str) -> bool:
        """Write the unsaved edits of all screens to files, without asking; return whether there were any."""
        return bool(self.keep_screens(all_screens(self), reason))

    def keep_screens(self, screens: Iterable[Screen[Any]], reason: str) -> list[UnsavedEdit]:
        """Write the unsaved edits of these screens to files; return them."""
        edits: list[UnsavedEdit] = []
        for screen in screens:
            # A screen that fails, perhaps the one that ends the program, must not lose the edits of the others.
            with contextlib.suppress(Exception):
                getattr(screen, "keep_draft", str)()
            with contextlib.suppress(Exception):
                keep = getattr(screen, "keep_edit", None)
                if keep is not None and (edit := keep(reason)) is not None:
                    edits.append(edit)
        return edits

    def _offer_kept(self) -> None:
        """Offer the edits that were kept when the program ended, for the connection in use, once."""
        if self._drio._recovery_offered or self._drio.session is None or self._drio.options.read_only:
            return
        self._drio._recovery_offered = True
        self.run_worker(self._load_and_offer_unsaved(), name="unsaved", group="unsaved", exclusive=True)

    async def _load_and_offer_unsaved(self) -> None:
        from drio_tui.ui.editing.recovery_screen import RecoveryScreen, target_for
        from drio_tui.workspace.saving import unsaved_edits

        client = self._drio.connection.client
        if client is not None and is_loopback(urlsplit(client.transport.base_url).hostname or ""):
            await client.transport.server_id_known.wait()  # it may be a sandbox: its first response says which one
        kept = await asyncio.to_thread(unsaved_edits.load, self._drio.status.profile)
        for problem in kept.problems[:3]:
            self.notify(sanitize(problem).plain, severity="warning", markup=False)
        edits = []
        for edit in kept.buffers:
            # Edits that this process kept are still on its screen; `is_edited` ones are open in another process.
            if edit.at < self._drio._began and not await asyncio.to_thread(unsaved_edits.is_edited, edit):
                edits += [edit] if await self._is_of_this_server(edit) else []

        def open_edit(edit: Any) -> None:
            if edit is not None:
                self.switch_mode("apps")
                self.push_screen(make_screen("edit", target_for(edit)))

        if edits:
            self.push_screen(RecoveryScreen(edits), open_edit)

    async def _is_of_this_server(self, edit: UnsavedEdit) -> bool:
        """Return whether an edit belongs to the drio in use.

        Earlier versions stored the address of a sandbox, which another sandbox may have by now: then the edit is of
        this one if it has the edited app.
        """
        server, client = self._drio.connection.server, self._drio.connection.client
        if edit.server == server or client is None or not edit.app or not is_earlier_sandbox_url(edit.server, server):
            return may_belong_to(edit.server, server)
        from drio_tui.api.errors import DrioError
        from drio_tui.kinds import APP

        try:
            await client.get(APP, edit.app)
        except DrioError:
            return False
        return True
