"""What is done by a key with priority waits for what was typed before it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from textual.message_pump import MessagePump
from textual.screen import Screen
from textual.widget import Widget


def once_typed(screen: Screen[Any], do: Callable[[], None]) -> None:
    """Do it when the keys pressed so far have done their work: a key with priority overtakes those before it.

    A letter is taken by what has the focus, which then sends its news upwards. A key that is bound to something
    (backspace, say) goes up to the app first, is carried out there, and only then makes news.
    """
    focused = screen.focused
    above = [one for one in focused.ancestors_with_self if isinstance(one, Widget)] if focused is not None else [screen]
    news: list[MessagePump] = [one for one in above for _ in range(2)]
    waited_for = [*news, screen.app, *news]

    def step() -> None:
        while waited_for:
            if waited_for.pop(0).call_later(step):
                return
        if screen.is_running:
            do()

    step()
