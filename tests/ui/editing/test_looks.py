"""How the screens for editing look where there is little room: nothing is cut off, nothing is left blank."""

from __future__ import annotations

from typing import Any

import pytest
from textual.widgets import Button

from drio_tui.kinds import TOOL
from drio_tui.ui.dialogs.select_dialog import ChooserScreen
from drio_tui.ui.editing.batch_dialog import BatchDialog
from drio_tui.ui.editing.conflict_dialog import ConflictScreen
from drio_tui.ui.editing.edit_screen import Target
from drio_tui.ui.editing.history_screen import HistoryScreen
from drio_tui.ui.widgets.footer import KeyFooter
from tests.ui.driving import click_button, text_of, until
from tests.ui.editing.test_saving import app_of, edit, edit_of, opened, put

SMALL = (80, 24)


def whole(screen: Any) -> bool:
    """Whether every button that a dialog offers is on the screen with all its cells."""
    buttons = [one for one in screen.query(Button) if one.parent.display]
    return bool(buttons) and all(one.region and screen.find_widget(one).visible_region == one.region for one in buttons)


async def test_dialogs_keep_their_buttons_and_what_is_behind_them_on_a_small_terminal(
    sandbox_process: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with app_of(sandbox_process, monkeypatch, size=SMALL) as (pilot, screen, client):
        app: Any = pilot.app
        tools = list(screen.snapshot.resources("tool"))
        await pilot.press("a")
        await until(pilot, lambda: isinstance(app.screen, ChooserScreen) and "Make a new" in text_of(app))
        await until(pilot, lambda: "Editing" in text_of(app))  # the app is seen behind the list
        await pilot.press("escape")
        for tool in tools:
            screen.tree_view.reveal(tool.key)
            await until(pilot, lambda key=tool.key: screen.chosen.about == key)
            await pilot.press("m")
        await until(pilot, lambda: f"{len(tools)} marked" in text_of(app))
        assert text_of(app).count("●") >= len(tools), "each marked line has its mark"
        await pilot.press("D")
        await until(pilot, lambda: isinstance(app.screen, BatchDialog) and whole(app.screen))
        assert f"Type delete {len(tools)} to go on" in text_of(app)
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is screen)
        await pilot.press("x")
        await until(pilot, lambda: isinstance(app.screen, BatchDialog) and whole(app.screen))
        await click_button(pilot, "#go")
        await opened(pilot)
        await pilot.press("H")
        await until(pilot, lambda: isinstance(app.screen, HistoryScreen) and "✓ can be undone" in text_of(app))
        assert whole(app.screen)
        await click_button(pilot, "#undo")
        await until(pilot, lambda: "undone already" in text_of(app))
        await pilot.press("escape")
        await opened(pilot)
        editing, id = await edit(pilot, screen, "tool")
        await client.update(TOOL, id, {"name": "Theirs", "description": "theirs"}, app=screen.app_id)
        put(editing, "name", "Mine")
        put(editing, "description", "mine")
        await pilot.press("ctrl+s")
        await until(pilot, lambda: isinstance(app.screen, ConflictScreen) and whole(app.screen))
        assert "theirs Theirs" in text_of(app)


@pytest.mark.parametrize("width", [60, 80, 120])
async def test_the_line_of_keys_holds_whole_keys_only_and_help_always(
    sandbox_process: Any, monkeypatch: pytest.MonkeyPatch, width: int
) -> None:
    async with app_of(sandbox_process, monkeypatch, size=(width, 24)) as (pilot, screen, _):
        await until(pilot, lambda: len(screen.query_one(KeyFooter).children) > 2)
        keys = list(screen.query_one(KeyFooter).children)
        assert all(key.region.right <= width for key in keys)
        assert any(key.action.endswith("help") for key in keys)
        await pilot.resize_terminal(200, 24)
        await until(pilot, lambda: any(key.action == "quit" for key in screen.query_one(KeyFooter).children))


async def test_a_new_widget_shows_no_inner_names_and_a_new_connection_begins_with_its_provider(
    sandbox_process: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with app_of(sandbox_process, monkeypatch, size=SMALL) as (pilot, screen, _):
        for kind, said in (("widget", "+ slot"), ("auth", "choose a provider")):
            screen.open_edit(Target(screen.app_id, kind))
            await edit_of(pilot)
            await pilot.press("f5")
            await until(pilot, lambda said=said: said in text_of(pilot.app))
            assert "PairList" not in text_of(pilot.app)
            assert "Add a name and value" not in text_of(pilot.app)
            await pilot.press("escape")
            await until(pilot, lambda: pilot.app.screen is screen)
