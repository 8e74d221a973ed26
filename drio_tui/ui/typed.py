"""What is done by a key with priority waits for what was typed before it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from textual.screen import Screen
from textual.widget import Widget


def once_typed(screen: Screen[Any], do: Callable[[], None]) -> None:
    """Do it when the keys pressed so far have done their work: a key with priority overtakes those before it."""
    focused = screen.focused
    above = [one for one in focused.ancestors_with_self if isinstance(one, Widget)] if focused is not None else []
    waited_for = [one for one in above for _ in range(2)]  # the key, then its news

    def step() -> None:
        while waited_for:
            if waited_for.pop(0).call_later(step):
                return
        do()

    step()
