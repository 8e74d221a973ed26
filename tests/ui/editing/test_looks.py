"""The editing screens on a small terminal: nothing is cut off, and nothing is blank."""

from __future__ import annotations

from typing import Any

import pytest
from textual.widgets import Button

from drio_tui.kinds import TOOL
from drio_tui.ui.dialogs.select_dialog import SelectDialog
from drio_tui.ui.editing.batch_dialog import BatchDialog
from drio_tui.ui.editing.conflict_dialog import ConflictDialog
from drio_tui.ui.editing.edit_target import EditTarget
from drio_tui.ui.editing.history_dialog import HistoryDialog
from drio_tui.ui.widgets.footer import KeyFooter
from tests import THOROUGH
from tests.ui.driving import click_button, text_of, until
from tests.ui.editing.test_saving import app_of, edit, edit_of, opened, set_field

SMALL = (80, 24)


def buttons_fit(screen: Any) -> bool:
    """Return whether every button of a dialog is completely visible."""
    buttons = [button for button in screen.query(Button) if button.parent.display]
    return bool(buttons) and all(
        button.region and screen.find_widget(button).visible_region == button.region for button in buttons
    )


async def test_dialogs_show_whole_buttons_and_the_screen_behind_on_a_small_terminal(
    sandbox_process: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with app_of(sandbox_process, monkeypatch, size=SMALL) as (pilot, screen, client):
        app: Any = pilot.app
        tools = list(screen.snapshot.resources("tool"))
        await pilot.press("a")
        await until(pilot, lambda: isinstance(app.screen, SelectDialog) and "Make a new" in text_of(app))
        await until(pilot, lambda: "Editing" in text_of(app))  # the app is seen behind the list
        await pilot.press("escape")
        for tool in tools:
            screen.tree_view.reveal(tool.key)
            await until(pilot, lambda key=tool.key: screen.selected_node.about == key)
            await pilot.press("m")
        await until(pilot, lambda: f"{len(tools)} marked" in text_of(app))
        assert text_of(app).count("●") >= len(tools), "each marked line shows the mark"
        await pilot.press("D")
        await until(pilot, lambda: isinstance(app.screen, BatchDialog) and buttons_fit(app.screen))
        assert f"Type delete {len(tools)} to go on" in text_of(app)
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is screen)
        await pilot.press("x")
        await until(pilot, lambda: isinstance(app.screen, BatchDialog) and buttons_fit(app.screen))
        await click_button(pilot, "#go")
        await opened(pilot)
        await pilot.press("H")
        await until(pilot, lambda: isinstance(app.screen, HistoryDialog) and "✓ can be undone" in text_of(app))
        assert buttons_fit(app.screen)
        await click_button(pilot, "#undo")
        await until(pilot, lambda: "undone already" in text_of(app))
        await pilot.press("escape")
        await opened(pilot)
        editing, id = await edit(pilot, screen, "tool")
        await client.update(TOOL, id, {"name": "Theirs", "description": "theirs"}, app=screen.app_id)
        set_field(editing, "name", "Mine")
        set_field(editing, "description", "mine")
        await pilot.press("ctrl+s")
        await until(pilot, lambda: isinstance(app.screen, ConflictDialog) and buttons_fit(app.screen))
        assert "theirs Theirs" in text_of(app)


@pytest.mark.parametrize("width", [60, 80, 120] if THOROUGH else [60])
async def test_the_footer_shows_only_whole_keys_and_always_help(
    sandbox_process: Any, monkeypatch: pytest.MonkeyPatch, width: int
) -> None:
    async with app_of(sandbox_process, monkeypatch, size=(width, 24)) as (pilot, screen, _):
        await until(pilot, lambda: len(screen.query_one(KeyFooter).keys) > 2)
        keys = screen.query_one(KeyFooter).keys
        assert sum(key.width for key in keys) <= width
        assert any(key.action.endswith("help") for key in keys)
        await pilot.resize_terminal(200, 24)
        await until(pilot, lambda: any(key.action == "quit" for key in screen.query_one(KeyFooter).keys))


async def test_a_new_widget_shows_no_class_names_and_a_new_connection_starts_with_its_provider(
    sandbox_process: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with app_of(sandbox_process, monkeypatch, size=SMALL) as (pilot, screen, _):
        for kind, text in (("widget", "+ slot"), ("auth", "choose a provider")):
            screen.actions.open_edit(EditTarget(screen.app_id, kind))
            await edit_of(pilot)
            await pilot.press("f5")
            await until(pilot, lambda text=text: text in text_of(pilot.app))
            assert "KeyValueList" not in text_of(pilot.app)
            assert "Add a name and value" not in text_of(pilot.app)
            await pilot.press("escape")
            await until(pilot, lambda: pilot.app.screen is screen)
