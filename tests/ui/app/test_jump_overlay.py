"""Jump mode: letters over what can have the focus."""

from __future__ import annotations

from typing import Any

import pytest
from textual.widgets import Input

from drio_tui.ui.app.jump_overlay import JumpOverlay
from drio_tui.ui.dialogs.confirm_dialog import ConfirmDialog
from drio_tui.ui.editing.edit_screen import EditScreen
from drio_tui.ui.forms.tabs import TabStrip
from tests.ui.driving import at_once, open_first_app, running, text_of, until


def letter_before(app: Any, text: str) -> str:
    """Return the letter that is shown before a text."""
    line = next(line for line in text_of(app).splitlines() if text in line)
    return line[: line.index(text)].split()[-1][-1]


async def test_a_letter_goes_to_a_field_a_tab_or_a_button(
    sandbox_process: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(sandbox_process.base_url, monkeypatch, token=sandbox_process.token, size=(80, 24)) as pilot:
        app: Any = pilot.app
        screen = await open_first_app(pilot)
        at_once(pilot, "g", "t", "j", "e")
        await until(pilot, lambda: isinstance(app.screen, EditScreen) and app.screen.is_filled)
        editor = app.screen
        await until(pilot, lambda: isinstance(app.focused, Input))
        await pilot.press("ctrl+g")
        await until(
            pilot, lambda: isinstance(app.screen, JumpOverlay) and "h JSON" in text_of(app).replace("hJ", "h J")
        )
        key = letter_before(app, "search-contacts")
        at_once(pilot, key, "X")  # the letter goes there, what follows is typed there
        await until(pilot, lambda: app.screen is editor and editor.edited_resource()["key"] == "search-contactsX")
        field = app.focused
        await pilot.press("ctrl+g", "escape", "ctrl+g", "ctrl+g", "ctrl+g", "0")  # none of them has that letter
        await until(pilot, lambda: app.screen is editor)
        assert app.focused is field
        assert editor.edited_resource()["key"] == "search-contactsX"
        at_once(pilot, "ctrl+g", "d")
        await until(pilot, lambda: editor.query_one(TabStrip).chosen == 2 and app.screen is editor)
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, ConfirmDialog))
        await pilot.press("ctrl+g", "a")
        await until(pilot, lambda: app.focused is not None and app.focused.id == "no")
        assert isinstance(app.screen, ConfirmDialog)  # the button has the focus and was not pressed
        await pilot.press("enter")
        await until(pilot, lambda: app.screen is editor)
        assert screen.is_attached
