"""Type-ahead: keys, pastes and the mouse are handled one by one, each where the ones before it have led.

Textual forwards a key to what has the focus when the key is read. Focus changes, new screens and fields come
later, so keys that arrive together would all go to what had the focus before the first one.
"""

from __future__ import annotations

import asyncio
import time
import weakref
from collections import deque
from collections.abc import Callable
from typing import Any

from textual import events
from textual.app import App
from textual.message import Message
from textual.screen import Screen
from textual.widget import Widget

from drio_tui.ui.base.textual_internals import is_searching, loop_is_idle, waits_for_refresh

_LIMITS = {"work": 3.0, "refresh": 0.25, "search": 1.0, "fill": 3.0}
"""Seconds to wait at most: for the event loop, a repaint, the command palette, a new screen that needs a request."""
REACTION = 0.25
"""Seconds after a screen appeared in which nobody can have reacted to it: what is typed was meant for its fields."""
# What only moves the pointer or scrolls needs not to be waited for.
_LEAD_NOWHERE = (
    events.MouseMove,
    events.MouseScrollUp,
    events.MouseScrollDown,
    events.MouseScrollLeft,
    events.MouseScrollRight,
)
_POLL = 0.004
_STEP = 0.05
"""The most that one look counts: a busy machine, or one long callback, must not use a limit up."""


class TypeAhead:
    """Decides when an input event of `app` is delivered.

    After each delivered event the next one waits until the event loop is idle, which means that every message
    the event caused was handled, until the screen was laid out, and until a screen that was opened is filled
    (its `filling`). The waits are limited, so no screen and no worker can hold input back for good.
    Text that continues in the same field waits for the event loop only. Text that was meant for the fields of
    a screen (with `opens_fields`) that is not filled in time is dropped, since it would act as commands.
    """

    def __init__(self, app: App[Any], dropped: Callable[[], None] = lambda: None) -> None:
        self._app = app
        self._dropped = dropped
        self._held: deque[Message] = deque()
        self._released: Message | None = None
        self._looking = False
        self._waited = dict.fromkeys(_LIMITS, 0.0)
        self._looked_at = 0.0
        self._text_in: weakref.ref[Widget] | None = None
        self._screen_seen: weakref.ref[Screen[Any]] | None = None
        self._screen_since = 0.0
        self._given_up = False

    @property
    def waiting(self) -> bool:
        """Whether an event is held back."""
        return bool(self._held) or self._released is not None

    def holds(self, event: Message) -> bool:
        """Take `event` over to deliver it later; False when it is to be handled now. Call it for each event."""
        if not isinstance(event, events.InputEvent | events.Paste) or event.is_forwarded:
            return False
        if event is self._released:
            self._released = None
        elif self._held or self._released is not None or self._looking or self._reason(event):
            self._held.append(event)
            self._look_soon()
            return True
        if isinstance(event, _LEAD_NOWHERE):
            if self._held:
                self._look_soon()
        else:
            field = self._field() if _is_text(event) else None
            self._text_in = weakref.ref(field) if field is not None else None
            self._waited = dict.fromkeys(self._waited, 0.0)
            self._look_soon()
        return False

    def _look_soon(self) -> None:
        if not self._looking:
            self._looking = True
            self._looked_at = time.monotonic()
            asyncio.get_running_loop().call_soon(self._look)

    def _look(self) -> None:
        """Deliver the next event when nothing speaks against it; else look again."""
        self._looking = False
        loop = asyncio.get_running_loop()
        self._note_screen()
        now = time.monotonic()
        elapsed = min(now - self._looked_at, _STEP)
        self._looked_at = now
        if not loop_is_idle(loop) and self._may_wait("work", elapsed):
            self._looking = True
            loop.call_soon(self._look)
            return
        reason = self._reason(self._held[0]) if self._held else ""
        if reason and self._may_wait(reason, elapsed):
            self._looking = True
            loop.call_later(_POLL, self._look)
            return
        if reason == "fill":
            self._give_up()
        if self._held and self._released is None:
            self._released = self._held.popleft()
            if not self._app.post_message(self._released):  # the app is closing
                self._held.clear()
                self._released = None

    def _may_wait(self, reason: str, elapsed: float) -> bool:
        """Count the time since the last look for `reason`; whether its limit is not reached yet."""
        self._waited[reason] += elapsed
        return self._waited[reason] < _LIMITS[reason]

    def _reason(self, event: Message) -> str:
        """Why `event` should not be delivered yet; empty when it can be."""
        screen = self._note_screen()
        if screen is None:
            return ""
        field = self._field() if _is_text(event) else None
        if waits_for_refresh(screen) and (field is None or field is not (self._text_in and self._text_in())):
            return "refresh" if self._waited["refresh"] < _LIMITS["refresh"] else ""
        if field is not None:
            return ""
        if is_searching(screen):
            return "search"
        early = event.time < self._screen_since + REACTION
        return "fill" if early and not self._given_up and getattr(screen, "filling", False) else ""

    @property
    def _screen(self) -> Screen[Any] | None:
        """The screen noted last; it is not kept alive."""
        return self._screen_seen() if self._screen_seen is not None else None

    def _note_screen(self) -> Screen[Any] | None:
        """The current screen; when it is another one, remember since when."""
        screen = self._app.screen if self._app.screen_stack else None
        if screen is not self._screen:
            self._screen_seen = weakref.ref(screen) if screen is not None else None
            self._screen_since = time.monotonic()
            self._given_up = False
        return screen

    def _field(self) -> Widget | None:
        """The text field that has the focus."""
        from textual.widgets import Input, TextArea  # the first frame does without

        focused = self._app.focused
        return focused if isinstance(focused, Input | TextArea) else None

    def _give_up(self) -> None:
        """Wait no longer for the current screen to be filled."""
        self._given_up = True
        if getattr(self._screen, "opens_fields", False):
            kept = deque(event for event in self._held if not _is_text(event))
            if len(kept) < len(self._held):
                self._held = kept
                self._dropped()


def _is_text(event: Message) -> bool:
    return isinstance(event, events.Paste) or (isinstance(event, events.Key) and event.is_printable)
