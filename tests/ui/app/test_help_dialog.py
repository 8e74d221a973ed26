"""The help screen and confirmation dialogs."""

from __future__ import annotations

from typing import Any

import pytest
from textual.content import Content
from textual.widgets import Button, Input

from drio_tui.ui.app.help_dialog import HelpDialog, _hanging
from drio_tui.ui.dialogs.confirm_dialog import ConfirmDialog
from tests.ui.driving import running, show, text_of, until
from tests.ui.table_server import TableServer, drio_of, serving


async def test_help_lists_the_current_bindings_of_the_screen_only(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with (
        serving(TableServer(drio_of())) as server,
        running(server.base_url, monkeypatch, size=(120, 90)) as pilot,
    ):
        app: Any = pilot.app
        app.settings.keys["requests.curl"] = "f8"
        app.set_keymap(app.settings.keys)
        await show(pilot, "requests")
        await pilot.press("question_mark")
        await until(pilot, lambda: isinstance(app.screen, HelpDialog))
        text = text_of(app)
        assert "F8" in text
        assert "Copy the request as a curl command" in text
        assert "Browse the templates" in text
        assert "Create an app from the template" not in text
        await pilot.press("question_mark")
        await until(pilot, lambda: not isinstance(app.screen, HelpDialog))


@pytest.mark.parametrize(
    ("keys", "lines"),
    [
        ("j", ["  j                 Press the", "                    button"]),
        ("PageDown Ctrl+F Space", ["  PageDown Ctrl+F Space", " " * 20 + "Press the", " " * 20 + "button"]),
    ],
)
def test_descriptions_are_in_one_column_beside_the_keys(keys: str, lines: list[str]) -> None:
    shown = [line.plain.rstrip() for line in _hanging(keys, Content("Press the button"), 32)]
    assert shown == [line.rstrip() for line in lines]


async def test_help_starts_with_the_screens_keys_and_can_be_filtered(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(TableServer(drio_of())) as server, running(server.base_url, monkeypatch, size=(80, 24)) as pilot:
        app: Any = pilot.app
        await show(pilot, "requests")
        await pilot.press("question_mark")
        await until(pilot, lambda: isinstance(app.screen, HelpDialog) and "Requests" in text_of(app))
        assert "Copy the request as a curl command" in text_of(app)
        assert "Browse the templates" not in text_of(app), "the keys that work everywhere come last"
        await pilot.press("slash", *"templates")
        await until(pilot, lambda: "Browse the templates" in text_of(app))
        assert "as a curl command" not in text_of(app)
        await pilot.press(*" nothing like it")
        await until(pilot, lambda: "No key matches." in text_of(app))
        await pilot.press("escape")
        await until(pilot, lambda: "Copy the request as a curl command" in text_of(app))
        await pilot.press("escape", "escape")
        await until(pilot, lambda: not isinstance(app.screen, HelpDialog))


async def test_confirming_by_name_needs_the_exact_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """F56."""
    async with serving(TableServer(drio_of())) as server, running(server.base_url, monkeypatch) as pilot:
        app: Any = pilot.app
        answers: list[bool | None] = []
        name = "app [prod]"
        app.push_screen(
            ConfirmDialog("Delete [b]it[/b]?", "All of [i]it[/i].", agree="Delete", name=name), answers.append
        )
        await until(pilot, lambda: isinstance(app.screen, ConfirmDialog) and app.screen.query("#typed"))
        await pilot.pause()
        assert "[b]it[/b]" in text_of(app)
        assert "Type app [prod] to go on" in text_of(app)
        typed, yes = app.screen.query_one("#typed", Input), app.screen.query_one("#yes", Button)
        for wrong in ("", "app", "app [prod] ", "app [рrod]"):  # the last holds a Cyrillic letter
            typed.value = wrong
            await pilot.press("enter")
            assert yes.disabled
        assert answers == []
        typed.value = name
        await pilot.press("enter")
        await until(pilot, lambda: answers == [True])


async def test_esc_and_enter_decline_a_dangerous_confirmation(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(TableServer(drio_of())) as server, running(server.base_url, monkeypatch) as pilot:
        app: Any = pilot.app
        answers: list[bool | None] = []
        for key in ("escape", "enter"):
            app.push_screen(ConfirmDialog("Sure?"), answers.append)
            await until(pilot, lambda: isinstance(app.screen, ConfirmDialog) and app.screen.focused)
            await pilot.press("d", "x", key)
            await until(pilot, lambda: not isinstance(app.screen, ConfirmDialog))
        assert answers == [False, False]
