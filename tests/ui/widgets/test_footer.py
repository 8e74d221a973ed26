"""The footer shows which keys can be used, without help of the screen."""

from __future__ import annotations

from typing import Any, ClassVar

import pytest
from textual.binding import BindingType
from textual.message import Message

from drio_tui.ui.base.keymap import Key
from drio_tui.ui.screen import DrioScreen
from drio_tui.ui.widgets.footer import KeyFooter, KeyLine
from tests.ui.driving import running, text_of, until
from tests.ui.table_server import TableServer, drio_of, serving


class Finished(Message):
    """Something in the background has finished."""


def disabled_keys(screen: DrioScreen[Any]) -> set[str]:
    return {key.key for footer in screen.query(KeyFooter) for key in footer.keys if not key.enabled}


def labels(screen: DrioScreen[Any]) -> list[str]:
    return [key.description for footer in screen.query(KeyFooter) for key in footer.keys]


class ConditionScreen(DrioScreen[None]):
    """Has two actions, of which one can be done at a time."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Key("footer_test.begin", "a", "begin", "Begin", "Begin the work").binding,
        Key("footer_test.end", "b", "end", "End").binding,
    ]
    begun = False

    def disabled_reason(self, action: str, parameters: tuple[object, ...]) -> str | None:
        return "Not now." if action == ("begin" if self.begun else "end") else None

    def action_begin(self) -> None:
        self.begun = True

    def action_end(self) -> None:
        self.begun = False

    def on_finished(self) -> None:
        self.begun = False


async def test_the_footer_follows_what_an_action_or_a_message_enables(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(TableServer(drio_of())) as server, running(server.base_url, monkeypatch) as pilot:
        screen = ConditionScreen()
        pilot.app.push_screen(screen)
        await until(pilot, lambda: disabled_keys(screen) == {"b"})
        line = screen.query(KeyLine).first()
        number = next(number for number, key in enumerate(line.keys) if key.key == "a")
        place = sum(key.width for key in line.keys[:number]) + 1, 0
        await pilot.hover(KeyLine, place)
        assert (line.hover, line.tooltip) == (number, "Begin the work")
        await pilot.click(KeyLine, place)
        await until(pilot, lambda: disabled_keys(screen) == {"a"})
        assert line.hover == -1
        await pilot.press("b")
        await until(pilot, lambda: disabled_keys(screen) == {"b"})
        await pilot.press("a")
        screen.post_message(Finished())
        await until(pilot, lambda: disabled_keys(screen) == {"b"})


async def test_the_footer_shows_as_many_keys_as_fit_and_help(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(TableServer(drio_of())) as server, running(server.base_url, monkeypatch) as pilot:
        screen = ConditionScreen()
        pilot.app.push_screen(screen)
        await until(pilot, lambda: len(labels(screen)) > 4)
        every = labels(screen)
        await pilot.resize_terminal(30, 24)
        await until(pilot, lambda: labels(screen) == ["Begin", "End", "Help"])
        assert "Begin" in text_of(pilot.app).splitlines()[-1]
        await pilot.resize_terminal(120, 24)
        await until(pilot, lambda: labels(screen) == every)
