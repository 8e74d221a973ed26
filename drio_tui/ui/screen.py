"""What every full screen is made of: the status line, its own content, the footer; and how it makes requests."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar, cast

from textual import events, on
from textual.app import ComposeResult
from textual.await_complete import AwaitComplete
from textual.binding import BindingType
from textual.message import Message
from textual.screen import Screen
from textual.widget import Widget
from textual.widgets import Input

from drio_tui.ui.base import keymap
from drio_tui.ui.base.keymap import Key
from drio_tui.ui.base.messages import UNREACHABLE, RequestFailed, Status
from drio_tui.ui.base.textual_internals import IgnoresStaleSizes, PageBindings, forget_watchers
from drio_tui.ui.widgets.footer import KeyFooter
from drio_tui.ui.widgets.status_line import StatusLine

if TYPE_CHECKING:
    from textual.worker import Worker

    from drio_tui.api.client import DrioClient
    from drio_tui.ui.base.connection import Backend
    from drio_tui.ui.base.context import DrioContext

R = TypeVar("R")
S = TypeVar("S")


class Requests:
    """Making requests from a screen without a worker ever touching a widget. Mixed into screens and modals."""

    opens_fields: ClassVar[bool] = False
    """Whether what is typed right after opening the screen belongs to fields that come once it is filled."""

    _first_requests: tuple[Worker[None], ...] = ()

    @property
    def drio(self) -> DrioContext:
        """The app, with its own type."""
        return cast("DrioContext", cast("Screen[Any]", self).app)

    @property
    def backend(self) -> Backend:
        """The connection and everything known about it."""
        return self.drio.backend

    def run_request(
        self,
        call: Callable[[DrioClient], Awaitable[R]],
        done: Callable[[R], Message],
        *,
        group: str = "request",
        failed: Callable[[Any], Message] | None = None,
        once: bool = False,
    ) -> Worker[None] | None:
        """Run `call(client)` in a worker; post what `done` makes of the result to this screen.

        The client is waited for if it is not there yet. A newer request of the same `group` cancels the
        older one; with `once`, the newer one is not made instead (and None is given), which is how a key
        pressed twenty times makes one request. A `DrioError` becomes the message `failed` makes of it, or
        a `RequestFailed`, which ends up in `show_error`. Esc cancels what is under way.
        """
        screen = cast("Screen[Any]", self)
        if once and self.asking(group):
            return None

        async def work() -> None:
            from drio_tui.api.errors import DrioError

            try:
                result = await call(await self.backend.ready())
            except DrioError as error:
                screen.post_message(failed(error) if failed else RequestFailed(error, group))
            else:
                screen.post_message(done(result))

        worker: Worker[None] = screen.run_worker(work, name=group, group=group, exclusive=not once)
        if not screen.is_mounted:
            self._first_requests = (*self._first_requests, worker)
        return worker

    @property
    def filling(self) -> bool:
        """Whether the requests that the screen made when it was opened are under way: type-ahead waits for them."""
        return any(not worker.is_finished for worker in self._first_requests)

    def asking(self, group: str) -> bool:
        """Whether a request of this group is under way."""
        return any(worker.group == group for worker in self._under_way())

    def cancel_requests(self) -> bool:
        """Cancel every request of this screen; whether there was one."""
        running = self._under_way()
        for worker in running:
            worker.cancel()
        return bool(running)

    def _under_way(self) -> list[Worker[Any]]:
        screen = cast("Screen[Any]", self)
        return [worker for worker in screen.workers if worker.node is screen and not worker.is_finished]

    def on_request_failed(self, message: RequestFailed) -> None:
        """Every failed request of a screen ends here, unless the screen asked for a message of its own."""
        message.stop()
        self.drio.show_error(message.error)


class Guarded:
    """Actions that may be switched off, with a reason. Mixed into screens and widgets that have keys."""

    def why_not(self, action: str, parameters: tuple[object, ...]) -> str | None:
        """Why an action cannot be done now, as a sentence for the person; None when it can. Override it."""
        return None

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """False hides the key (what changes something, under --read-only), None dims it (see `why_not`)."""
        app = cast("DrioContext", cast("Screen[Any]", self).app)
        if app.options.read_only and keymap.is_dangerous(action):
            return False
        return None if self.why_not(action, parameters) else True


class SafeDismiss(IgnoresStaleSizes):
    """Mixed into screens and dialogs, before textual's class.

    textual's `dismiss` takes away whatever is on top, and as often as it is called. A button that is pressed
    twice, or an answer that comes while help is read, would close something else. Here a screen that is covered
    (by a dialog, or by another area) goes when it is uncovered, and one that is gone stays gone.
    """

    _end: tuple[Any] | None = None

    def dismiss(self, result: Any = None) -> AwaitComplete:
        """End with `result`, now or once nothing covers this screen."""
        if self.is_active:
            return super().dismiss(result)
        self._end = (result,)
        return AwaitComplete()

    def on_screen_resume(self) -> None:
        if self._end is not None:
            self.call_later(self._end_now)

    def _end_now(self) -> None:
        """What textual calls later it waits for, and a screen cannot wait for its own end: this gives nothing."""
        if self._end is not None:
            self.dismiss(*self._end)


class DrioScreen(Guarded, Requests, SafeDismiss, PageBindings[S]):
    """A full screen. Subclasses fill `compose_body`, name their `AREA` and declare keys with `keymap.section`."""

    AREA: ClassVar[str] = ""
    """The area of the navigation this screen belongs to."""

    AUTO_FOCUS = ""  # a text field that takes the focus by itself would swallow q and the other keys

    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (100, "-normal"), (160, "-wide")]
    BINDINGS: ClassVar[list[BindingType]] = keymap.section(
        "screen",
        "Every screen",
        Key("screen.back", "escape", "back", "Back", "Cancel what is under way, or go back one screen", show=False),
    )

    def compose(self) -> ComposeResult:
        yield StatusLine(self.AREA)
        yield from self.compose_body()
        yield KeyFooter()

    def compose_body(self) -> ComposeResult:
        """The content between the status line and the footer."""
        yield from ()

    def on_mount(self) -> None:
        self.watch(self.app, "session_count", self._session_changed, init=False)
        self.watch(self.app, "status", self._status_changed, init=False)

    @on(events.Unmount)
    def _forget_watching(self) -> None:
        """Be forgotten by the app: textual keeps who watches an attribute until that changes the next time."""
        forget_watchers(self.app, self)

    def _session_changed(self) -> None:
        self.session_changed()

    def session_changed(self) -> None:
        """Another session (or none) is in use: what is shown belongs to the old one. Override to load anew."""

    def _status_changed(self, before: Status, now: Status) -> None:
        is_back = before.phase in UNREACHABLE and now.phase in ("online", "signed-out")
        if is_back and self.is_current:
            self.reconnected()

    def reconnected(self) -> None:
        """drio answers again after it did not. By default what is shown is read anew, where that can be done."""
        refresh = getattr(self, "action_refresh", None)
        if refresh is not None:
            refresh()

    def unsaved(self) -> str:
        """What would be lost by leaving now (`your edits of the tool`); empty when nothing would."""
        return ""

    def under_way(self) -> str:
        """What goes on that should not be left unseen (`The deploy`); empty when nothing does."""
        return ""

    def _reset_focus(self, widget: Widget, avoiding: list[Widget] | None = None) -> None:
        """When the focused widget goes away, no text field takes the focus in its place: keys stay keys."""
        super()._reset_focus(widget, avoiding)
        if isinstance(self.focused, Input) and not isinstance(widget, Input):
            self.set_focus(None)

    def action_back(self) -> None:
        """Cancel what is under way; with nothing under way, go back one screen."""
        if not self.cancel_requests():
            self.drio.back()
