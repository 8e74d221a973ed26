"""The base of every full screen: status line, content and footer; and how screens make requests."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar, cast

from textual import actions, events, on
from textual.app import ComposeResult
from textual.await_complete import AwaitComplete
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.screen import Screen
from textual.widget import Widget
from textual.widgets import Input

from drio_tui.text import with_options
from drio_tui.ui.base import keymap
from drio_tui.ui.base.keymap import Key
from drio_tui.ui.base.messages import UNREACHABLE, RequestFailed, Status
from drio_tui.ui.base.textual_internals.bindings import PrefixBindings
from drio_tui.ui.base.textual_internals.memory import forget_watchers
from drio_tui.ui.base.textual_internals.screens import IgnoresStaleSizes, OpensAtOnce, is_first_of_its_area
from drio_tui.ui.base.type_ahead import LoadsContent
from drio_tui.ui.base.workers import start_worker
from drio_tui.ui.widgets.footer import KeyFooter
from drio_tui.ui.widgets.status_line import StatusLine

if TYPE_CHECKING:
    from textual.worker import Worker

    from drio_tui.api.client import DrioClient
    from drio_tui.ui.base.connection import Connection
    from drio_tui.ui.base.context import DrioContext
    from drio_tui.workspace.saving.unsaved_edits import UnsavedEdit

R = TypeVar("R")
S = TypeVar("S")


class Leavable(Screen[S]):
    """A screen or dialog that is left, or quit, with a question if something would be lost: it overrides these."""

    @property
    def drio(self) -> DrioContext:
        """The app, with its type."""
        return cast("DrioContext", self.app)

    def unsaved_input(self) -> str:
        """Return what would be lost by leaving now (`your edits of the tool`); empty if nothing would."""
        return ""

    def running_task(self) -> str:
        """Return what is running whose result the user should see (`The deploy`); empty if nothing is."""
        return ""

    def keep_edit(self, reason: str) -> UnsavedEdit | None:
        """Write the unsaved edit to a file now and return it; None if nothing was edited.

        Called without asking the user, for `reason` (a sentence without a full stop): the program or the screen ends.
        """
        return None

    def dismiss_kept(self, reason: str) -> None:
        """Close without asking, and keep the unsaved edit for the next start, for `reason`."""
        self.dismiss(None)

    def keep_draft(self) -> None:
        """Write the wizard's draft now, as `keep_edit` does an edit."""

    def discard_kept_edit(self) -> None:
        """Delete what was kept of the edit: the user leaves without saving, and agreed to lose it."""


class Requests(LoadsContent, Leavable[S]):
    """A screen that makes requests, so that no worker touches a widget: a base of `DrioScreen` and of dialogs.

    It is the last base of a dialog: Textual takes the styles of the first one.
    """

    _first_requests: tuple[Worker[None], ...] = ()

    @property
    def connection(self) -> Connection:
        """The connection to drio."""
        return self.drio.connection

    def run_request(
        self,
        call: Callable[[DrioClient], Awaitable[R]],
        done: Callable[[R], Message],
        *,
        group: str = "request",
        failed: Callable[[Any], Message] | None = None,
        once: bool = False,
    ) -> Worker[None] | None:
        """Run `call(client)` in a worker; post the message `done(result)` to this screen.

        If there is no client yet, the worker waits for it. A newer request of the same `group` cancels the
        older one; with `once`, the newer one is not made instead and None is returned, so that a key
        pressed twenty times makes one request. A `DrioError` is posted as `failed(error)`, or as
        `RequestFailed`, which is shown by `show_error`. Esc cancels running requests.
        """
        if once and self.has_request(group):
            return None

        async def work() -> None:
            from drio_tui.api.errors import DrioError

            try:
                result = await call(await self.connection.ready())
            except DrioError as error:
                error.hint = with_options(error.hint, self.connection.command_options)
                self.post_message(failed(error) if failed else RequestFailed(error, group))
            else:
                self.post_message(done(result))

        worker: Worker[None] = start_worker(self, work, group=group, exclusive=not once)
        if not self.is_mounted:
            self._first_requests = (*self._first_requests, worker)
        return worker

    @property
    def filling(self) -> bool:
        return any(not worker.is_finished for worker in self._first_requests)

    def has_request(self, group: str) -> bool:
        """Return whether a request of this group is running."""
        return any(worker.group == group for worker in self._running_workers())

    def cancel_requests(self) -> bool:
        """Cancel every request of this screen; return whether there was one."""
        running = self._running_workers()
        for worker in running:
            worker.cancel()
        return bool(running)

    def _running_workers(self) -> list[Worker[Any]]:
        return [worker for worker in self.workers if worker.node is self and not worker.is_finished]

    def on_request_failed(self, message: RequestFailed) -> None:
        """Show the error of a request, unless the screen asked for another message with `failed`."""
        message.stop()
        self.drio.show_error(message.error)


class SafeDismiss(IgnoresStaleSizes, OpensAtOnce):
    """Dismisses a screen at most once, and never another one. Mixed into screens and dialogs, before Textual's class.

    Textual's `dismiss` removes whatever screen is on top, each time it is called. A button that is pressed twice, or
    a response that comes while help is open, would close another screen. Here a screen that is covered (by a dialog,
    or by another area) is removed when it is uncovered, and further calls do nothing.
    """

    WAITS: ClassVar[bool] = False
    """Whether it waits while the screen that opens it is covered, or in another area: its keys are not meant yet.

    True for dialogs, and for screens that are opened once a response came.
    """

    _pending_result: tuple[Any] | None = None
    _waiting_dialogs: tuple[Callable[[], None], ...] = ()

    def when_uncovered(self, open_dialog: Callable[[], None]) -> None:
        """Call `open_dialog` once nothing covers this screen any more; never, if it is removed before."""
        self._waiting_dialogs = (*self._waiting_dialogs, open_dialog)

    def dismiss(self, result: Any = None) -> AwaitComplete:
        """Remove the screen with `result`, now or once nothing covers it."""
        if self.is_active:
            return super().dismiss(result)
        self._pending_result = (result,)
        return AwaitComplete()

    def on_screen_resume(self) -> None:
        if self._pending_result is not None:
            self.call_later(self._dismiss_pending)
        elif self._waiting_dialogs:
            self.call_later(self._open_waiting_dialog)

    def _open_waiting_dialog(self) -> None:
        """Open the first dialog that waits; the next one follows when this screen is uncovered again."""
        if self._waiting_dialogs and self.is_active:
            open_dialog, *others = self._waiting_dialogs
            self._waiting_dialogs = tuple(others)
            open_dialog()
            if self.is_active:  # it is not wanted any more
                self._open_waiting_dialog()

    def _dismiss_pending(self) -> None:
        """Dismiss, but return nothing: Textual would await the result, and a screen cannot await its own removal."""
        if self._pending_result is not None:
            self.dismiss(*self._pending_result)


class DrioScreen(SafeDismiss, PrefixBindings[S], Requests[S]):
    """A full screen. Subclasses override `compose_body`, set `AREA` and declare keys with `keymap.section`."""

    AREA: ClassVar[str] = ""
    """The area of the navigation this screen belongs to."""

    AUTO_FOCUS = ""  # a text field that had the focus from the start would take q and the other keys as text

    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (100, "-normal"), (160, "-wide")]
    BINDINGS: ClassVar[list[BindingType]] = keymap.section(
        "screen",
        "Every screen",
        Key("screen.back", "escape", "back", "Back", "Cancel what is under way, or go back one screen", show=False),
    )

    _opened_by: tuple[str, str | None] | None = None
    _enabled: tuple[bool | None, ...] | None = None
    """Whether each of `_footer_actions` is enabled in the footer as it is."""

    def compose(self) -> ComposeResult:
        yield StatusLine(self.AREA)
        yield from self.compose_body()
        yield KeyFooter()

    def compose_body(self) -> ComposeResult:
        """Yield the content between the status line and the footer."""
        yield from ()

    def on_mount(self) -> None:
        self._opened_by = self.account_key
        self.watch(self.app, "session_count", self._session_changed, init=False)
        self.watch(self.app, "status", self._status_changed, init=False)

    def on_idle(self) -> None:
        """Refresh the footer if a key was enabled or disabled by the messages that were handled, or by an action."""
        if self.is_mounted and self.is_current:
            enabled = tuple(self.check_action(*action) for action in self._footer_actions)
            if enabled != self._enabled:
                self._enabled = enabled
                self.refresh_bindings()

    @cached_property
    def _footer_actions(self) -> tuple[tuple[str, tuple[Any, ...]], ...]:
        """The names and parameters of this screen's actions that the footer shows."""
        shown = [binding.action for _, binding in self._bindings if binding.show]
        parsed = [actions.parse(action) for action in dict.fromkeys(shown)]
        return tuple((name, parameters) for namespace, name, parameters in parsed if not namespace)

    @on(events.Unmount)
    def _stop_watching(self) -> None:
        """Remove this screen from the app's watchers: Textual keeps them until the next change of the reactive."""
        forget_watchers(self.app, self)

    @property
    def is_on_top(self) -> bool:
        """Whether nothing covers this screen, not even a dialog that it can be seen behind."""
        return self.drio.screen is self

    @property
    def account_key(self) -> tuple[str, str | None] | None:
        """The base URL and the account of the session: what is shown is theirs."""
        session = self.drio.session
        return (session.base_url, session.account) if session else None

    def _session_changed(self) -> None:
        self.session_changed()
        self.check_idle()

    def session_changed(self) -> None:
        """Handle that another session, or none, is in use.

        By default the screen is refreshed if account and server are the same, else closed, since its data are the old
        account's. The first screen of an area cannot close: it is refreshed. Override it in a screen that shows
        nothing of an account, or that has something to lose.
        """
        if self.account_key == self._opened_by or is_first_of_its_area(self):
            self.reconnected()
        else:
            self.cancel_requests()
            self.dismiss_kept("another account was signed in")

    def _status_changed(self, before: Status, current: Status) -> None:
        is_back = before.phase in UNREACHABLE and current.phase in ("online", "signed-out")
        if is_back and self.is_current:
            self.reconnected()

    def reconnected(self) -> None:
        """Handle that drio responds again. By default the screen is refreshed, if it has a refresh action."""
        refresh = getattr(self, "action_refresh", None)
        if refresh is not None:
            refresh()

    def prefix_bindings(self) -> list[Binding]:
        return [key.binding for key in keymap.keys_after(self.PREFIX)]

    # -- which keys are active -----------------------------------------------------------------------

    def disabled_reason(self, action: str, parameters: tuple[object, ...]) -> str | None:
        """Return why an action cannot be done now, as a sentence for the user; None if it can. Override it."""
        return None

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Return False to hide the key (of a dangerous action, under --read-only), None to dim one that is disabled."""
        if self.drio.options.read_only and keymap.is_dangerous(action):
            return False
        return None if self.disabled_reason(action, parameters) else True

    def _reset_focus(self, widget: Widget, avoiding: list[Widget] | None = None) -> None:
        """When the focused widget is removed, move the focus to no text field, which would take keys as text."""
        super()._reset_focus(widget, avoiding)
        if isinstance(self.focused, Input) and not isinstance(widget, Input):
            self.set_focus(None)

    def action_back(self) -> None:
        """Cancel running requests; if there are none, go back one screen."""
        if not self.cancel_requests():
            self.drio.navigator.back()
