"""Type-ahead: keys, pastes and mouse events are handled one by one, each after the effects of those before it.

Textual forwards a key to the widget that has the focus when the key is read. Focus changes, new screens and fields
come later, so keys that arrive together would all go to the widget that had the focus before the first one.
"""

from __future__ import annotations

import asyncio
import time
import weakref
from collections import deque
from collections.abc import Callable
from typing import Any, ClassVar

from textual import events
from textual.app import App
from textual.message import Message
from textual.screen import Screen
from textual.widget import Widget

from drio_tui.ui.base.textual_internals.painting import loop_is_idle, waits_for_refresh
from drio_tui.ui.base.textual_internals.screens import is_searching

_LIMITS = {"work": 3.0, "refresh": 0.25, "search": 1.0, "fill": 3.0}
"""Seconds to wait at most: for the event loop, a repaint, the command palette, and a new screen's first request."""
REACTION_SECONDS = 0.25
"""Seconds after a screen appeared in which a user cannot have reacted to it yet: text was meant for its fields."""
# Events after which nothing is waited for, since they only move the pointer or scroll.
_WITHOUT_EFFECT = (
    events.MouseMove,
    events.MouseScrollUp,
    events.MouseScrollDown,
    events.MouseScrollLeft,
    events.MouseScrollRight,
)
_POLL_SECONDS = 0.004
_MAX_STEP = 0.05
"""The most that one check counts, in seconds: a busy machine or one long callback must not use up a limit."""


class LoadsContent:
    """What type-ahead asks of a screen that loads its content after it is opened. Mixed into screens."""

    opens_fields: ClassVar[bool] = False
    """Whether text typed right after the screen is opened is meant for fields that appear once it is filled."""

    @property
    def filling(self) -> bool:
        """Whether the requests that the screen made when it was opened are running: type-ahead waits for them."""
        return False

    @property
    def waits_for_connection(self) -> bool:
        """Whether the screen shows what it had at the last start, while the program connects: all input waits then."""
        return False

    @property
    def holds_input(self) -> bool:
        """Whether the screen computes what the next input is about: it waits then, but for Esc."""
        return False


class TypeAhead:
    """Decides when an input event of `app` is delivered; `dropped` is called when text was dropped.

    After each delivered event the next one waits until the event loop is idle, which means that every message
    the event caused was handled, until the screen was laid out, and until a screen that was opened is filled
    (`LoadsContent.filling`). The waits are limited, so that no screen and no worker can hold input back for ever.
    Text that continues in the same field waits for the event loop only. Text that was meant for the fields of
    a screen (with `LoadsContent.opens_fields`) that is not filled in time is dropped, since it would act as commands.
    """

    def __init__(self, app: App[Any], dropped: Callable[[], None] = lambda: None) -> None:
        self._app = app
        self._on_dropped = dropped
        self._held: deque[Message] = deque()
        self._released: Message | None = None
        self._scheduled = False
        self._waited = dict.fromkeys(_LIMITS, 0.0)
        self._checked_at = 0.0
        self._text_field: weakref.ref[Widget] | None = None
        self._screen_ref: weakref.ref[Screen[Any]] | None = None
        self._screen_since = 0.0
        self._fill_given_up = False

    @property
    def waiting(self) -> bool:
        """Whether an event is held back."""
        return bool(self._held) or self._released is not None

    def holds(self, event: Message) -> bool:
        """Return whether `event` is held back to be delivered later; call it for each event."""
        if not isinstance(event, events.InputEvent | events.Paste) or event.is_forwarded:
            return False
        if event is self._released:
            self._released = None
        elif self._held or self._released is not None or self._scheduled or self._wait_reason(event):
            self._held.append(event)
            self._schedule()
            return True
        if isinstance(event, _WITHOUT_EFFECT):
            if self._held:
                self._schedule()
        else:
            field = self._focused_field() if _is_text(event) else None
            self._text_field = weakref.ref(field) if field is not None else None
            self._waited = dict.fromkeys(self._waited, 0.0)
            self._schedule()
        return False

    def _schedule(self) -> None:
        if not self._scheduled:
            self._scheduled = True
            self._checked_at = time.monotonic()
            asyncio.get_running_loop().call_soon(self._deliver_next)

    def _deliver_next(self) -> None:
        """Deliver the next event if there is no reason to wait; else check again later."""
        self._scheduled = False
        loop = asyncio.get_running_loop()
        self._track_screen()
        now = time.monotonic()
        elapsed = min(now - self._checked_at, _MAX_STEP)
        self._checked_at = now
        if not loop_is_idle(loop) and self._count_wait("work", elapsed):
            self._scheduled = True
            loop.call_soon(self._deliver_next)
            return
        reason = self._wait_reason(self._held[0]) if self._held else ""
        if reason and self._count_wait(reason, elapsed):
            self._scheduled = True
            loop.call_later(_POLL_SECONDS, self._deliver_next)
            return
        if reason == "fill":
            self._give_up_fill()
        if self._held and self._released is None:
            self._released = self._held.popleft()
            if not self._app.post_message(self._released):  # the app is closing
                self._held.clear()
                self._released = None

    def _count_wait(self, reason: str, elapsed: float) -> bool:
        """Add `elapsed` to the time waited for `reason`; return whether its limit is not reached yet."""
        self._waited[reason] += elapsed
        return self._waited[reason] < _LIMITS[reason]

    def _wait_reason(self, event: Message) -> str:
        """Return why `event` should not be delivered yet (a key of `_LIMITS`); empty if it can be."""
        screen = self._track_screen()
        if screen is None:
            return ""
        field = self._focused_field() if _is_text(event) else None
        if waits_for_refresh(screen) and (field is None or field is not (self._text_field and self._text_field())):
            return "refresh" if self._waited["refresh"] < _LIMITS["refresh"] else ""
        if field is not None:
            return ""
        if is_searching(screen):
            return "search"
        if self._fill_given_up or not isinstance(screen, LoadsContent):
            return ""
        if screen.holds_input and not (isinstance(event, events.Key) and event.key == "escape"):
            return "fill"
        early = event.time < self._screen_since + REACTION_SECONDS
        return "fill" if screen.waits_for_connection or (early and screen.filling) else ""

    @property
    def _screen(self) -> Screen[Any] | None:
        """The screen tracked last; it is not kept alive."""
        return self._screen_ref() if self._screen_ref is not None else None

    def _track_screen(self) -> Screen[Any] | None:
        """Return the current screen; if it has changed, remember since when."""
        screen = self._app.screen if self._app.screen_stack else None
        if screen is not self._screen:
            self._screen_ref = weakref.ref(screen) if screen is not None else None
            self._screen_since = time.monotonic()
            self._fill_given_up = False
        return screen

    def _focused_field(self) -> Widget | None:
        """Return the text field that has the focus."""
        from textual.widgets import Input, TextArea  # not needed for the first frame

        focused = self._app.focused
        return focused if isinstance(focused, Input | TextArea) else None

    def _give_up_fill(self) -> None:
        """Stop waiting for the current screen to be filled; drop text that was meant for its fields."""
        self._fill_given_up = True
        screen = self._screen
        if isinstance(screen, LoadsContent) and screen.opens_fields:
            commands = deque(event for event in self._held if not _is_text(event))
            if len(commands) < len(self._held):
                self._held = commands
                self._on_dropped()


def _is_text(event: Message) -> bool:
    return isinstance(event, events.Paste) or (isinstance(event, events.Key) and event.is_printable)
