"""Leaving a screen or the program: asked about first, and what is not saved is kept and offered again."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlsplit

from textual.screen import Screen

from drio_tui.server_id import is_earlier, may_belong
from drio_tui.ui.app.opening import make_screen
from drio_tui.ui.base.textual_internals import all_screens
from drio_tui.ui.widgets.sanitize import safe
from drio_tui.urls import is_loopback

if TYPE_CHECKING:
    from drio_tui.ui.app.drio_app import DrioApp
    from drio_tui.ui.app.terminal import TerminalApp
    from drio_tui.workspace.saving.unsaved_edits import UnsavedEdit

    _Base = TerminalApp
else:
    _Base = object


class Leaving(_Base):
    """Mixed into the app."""

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
        """Ask, from a worker; whether the person agreed. The options are those of `ConfirmScreen`."""
        screen = make_screen("confirm", title, body, agree=agree, name=name, danger=danger, ctrl_s=ctrl_s)
        return bool(await self.push_screen_wait(screen))

    def back(self) -> None:
        """One screen back, if there is one below in this area; asks first when something would be lost."""
        if len(self.screen_stack) < 2:
            return
        lost = getattr(self.screen, "unsaved", str)()
        busy = getattr(self.screen, "under_way", str)()
        why = f"You would lose {lost}." if lost else ""
        if busy:
            why = f"{busy} is under way and goes on; you would not be told what comes of it."
        if why:
            self.run_worker(self._back_after_asking(self.screen, why), group="leave", exclusive=True)
        else:
            self.screen.dismiss(None)

    async def _back_after_asking(self, leaving: Screen[Any], why: str) -> None:
        if await self.confirm("Leave it?", why, agree="Leave", ctrl_s=False):
            leaving.dismiss()

    async def action_quit(self) -> None:
        """Leave; asks first when something typed would be lost, or something is under way."""
        screens = all_screens(self)
        lost = [name for screen in screens if (name := getattr(screen, "unsaved", str)())]
        busy = [name for screen in screens if (name := getattr(screen, "under_way", str)())]
        why = [f"You would lose {' and '.join(lost)}."] if lost else []
        why += [f"{name} is under way and may be cut off in the middle." for name in busy]
        if why:
            self.run_worker(self._quit_after_asking(" ".join(why)), group="leave", exclusive=True)
        else:
            self._quit()

    async def _quit_after_asking(self, why: str) -> None:
        if await self.confirm("Quit?", why, agree="Quit", ctrl_s=False):
            self._quit()

    def _quit(self) -> None:
        """End; nothing that the person agreed to lose is offered at the next start."""
        for screen in all_screens(self):
            getattr(screen, "drop_typed", str)()
        self.exit(0)

    # -- unsaved edits ----------------------------------------------------------------------------

    def keep_unsaved(self, why: str) -> bool:
        """Keep what is being edited in files of its own, without asking; whether there was anything."""
        return bool(self.keep_screens(all_screens(self), why))

    def keep_screens(self, screens: Iterable[Screen[Any]], why: str) -> list[UnsavedEdit]:
        """Keep what is being edited on these screens; gives it."""
        buffers: list[UnsavedEdit] = []
        for screen in screens:
            # A screen that fails, perhaps the one that the program ends of, must not take the others' edits with it.
            with contextlib.suppress(Exception):
                getattr(screen, "keep_draft", str)()
            with contextlib.suppress(Exception):
                keep = getattr(screen, "keep_edit", None)
                if keep is not None and (kept := keep(why)) is not None:
                    buffers.append(kept)
        return buffers

    def _offer_kept(self) -> None:
        """Offer what was kept at the last end, for the connection in use, once."""
        if self._drio._offered or self._drio.session is None or self._drio.options.read_only:
            return
        self._drio._offered = True
        self.run_worker(self._offer_unsaved(), name="unsaved", group="unsaved", exclusive=True)

    async def _offer_unsaved(self) -> None:
        from drio_tui.ui.editing.recovery_screen import RecoveryScreen, target_of
        from drio_tui.workspace.saving import unsaved_edits

        client = self._drio.backend.client
        if client is not None and is_loopback(urlsplit(client.transport.base_url).hostname or ""):
            await client.transport.known.wait()  # it may be a sandbox, which says with its first answer which one
        kept = await asyncio.to_thread(unsaved_edits.load, self._drio.status.profile)
        for problem in kept.problems[:3]:
            self.notify(safe(problem).plain, severity="warning", markup=False)
        buffers = []
        for buffer in kept.buffers:
            # What this program kept itself is still on the screen, what another one has open on that one's.
            if buffer.at < self._drio._began and not await asyncio.to_thread(unsaved_edits.is_edited, buffer):
                buffers += [buffer] if await self._is_from_here(buffer) else []

        def go_on(buffer: Any) -> None:
            if buffer is not None:
                self.switch_mode("apps")
                self.push_screen(make_screen("edit", target_of(buffer)))

        if buffers:
            self.push_screen(RecoveryScreen(buffers), go_on)

    async def _is_from_here(self, buffer: UnsavedEdit) -> bool:
        """Whether an edit was made at the drio in use.

        Earlier versions kept the address of a sandbox, which may be another one's by now: its apps tell.
        """
        server, client = self._drio.backend.server, self._drio.backend.client
        if buffer.server == server or client is None or not buffer.app or not is_earlier(buffer.server, server):
            return may_belong(buffer.server, server)
        from drio_tui.api.errors import DrioError
        from drio_tui.kinds import APP

        try:
            await client.get(APP, buffer.app)
        except DrioError:
            return False
        return True
