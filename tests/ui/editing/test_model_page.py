"""How AI clients list a tool, while it is edited and in the details of an app."""

from __future__ import annotations

import re
from typing import Any

import pytest

from drio_tui.ui.editing.edit_target import EditTarget
from drio_tui.ui.editing.model_view import ModelPage, ModelView
from drio_tui.ui.forms.tabs import TabStrip
from drio_tui.ui.widgets.rich_text import Document
from tests.ui.driving import text_of, until
from tests.ui.editing.test_saving import app_of, edit, edit_of


def shown(screen: Any) -> str:
    """Return what the Model page or tab shows, without line ends."""
    return " ".join(screen.query_one(ModelView).query_one(Document).text.split())


async def test_the_model_page_follows_what_is_typed(sandbox_process: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    async with app_of(sandbox_process, monkeypatch) as (pilot, screen, _):
        editing, _ = await edit(pilot, screen, "tool")
        page = editing.query_one(ModelPage)
        strip = editing.query_one(TabStrip)
        await until(pilot, lambda: "Model 108" in strip.render().plain)
        assert not page.display

        await pilot.resize_terminal(180, 40)  # beside the form
        assert page.display
        editing.form.show_node(editing.form.model.root.properties["description"])
        await pilot.pause()
        await pilot.press("ctrl+home", *"What ")
        await until(pilot, lambda: "search-contacts What Finds customers" in shown(editing))
        await until(pilot, lambda: "Model 109" in strip.render().plain)
        await until(pilot, lambda: "about 109;" in text_of(pilot.app))  # only changed lines are drawn again

        node = editing.form.model.root.properties["key"]
        editing.form.show_node(node)
        await pilot.pause()
        await pilot.press("end", *("k" * 45))
        await until(pilot, lambda: "✗1" in strip.render().plain)
        assert "✗" not in shown(editing)  # ChatGPT takes such names
        await pilot.resize_terminal(80, 24)
        editing.show_page(editing._pages.index(page))
        await pilot.press("right", "right")
        await until(pilot, lambda: "Cursor takes 59" in shown(editing))
        assert "long_tool_name, observed: https://" in shown(editing)
        assert not editing.query_one("#pages").display
        await pilot.click("ModelPage > TabStrip", offset=(12, 0))
        await until(pilot, lambda: shown(editing).startswith("mcp__e-"))  # Claude, by mouse
        await pilot.press("f5")
        await until(pilot, lambda: editing.query_one("#pages").display and not page.display)


async def test_a_new_tool_is_listed_once_it_has_a_name(sandbox_process: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    async with app_of(sandbox_process, monkeypatch) as (pilot, screen, _):
        screen.actions.open_edit(EditTarget(screen.app_id, "tool"))
        editing = await edit_of(pilot)
        await pilot.resize_terminal(180, 40)
        editing.form.show_node(editing.form.model.root.properties["name"])
        await until(pilot, lambda: shown(editing).startswith("It has no name yet"))
        assert "Model  JSON" in editing.query_one(TabStrip).render().plain
        await pilot.press(*"Find It")
        await until(pilot, lambda: shown(editing).startswith("find-it Find It Title Find It"))
        assert "✗" not in editing.query_one(TabStrip).render().plain


async def test_the_details_show_how_clients_list_a_tool_and_the_app(
    sandbox_process: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with app_of(sandbox_process, monkeypatch) as (pilot, screen, _):
        await pilot.press("O")
        await until(pilot, lambda: "7 tools, about 805 tokens" in shown(screen))
        assert re.search(r"search-tickets 157 tokens, \d+ published.* show-ticket 86", shown(screen))
        widget = next(iter(screen.snapshot.resources("widget")))
        tool = screen.snapshot.resource("tool", widget.text("toolId"))
        screen.tree_view.reveal(widget.key)  # the tool of a widget
        await until(pilot, lambda: shown(screen).startswith(tool.text("key")) and "Input schema {" in shown(screen))
        await pilot.press("right")
        await until(pilot, lambda: shown(screen).startswith("mcp__"))
        assert "Claude Code truncates it at 2 KB" in shown(screen)
        assert "Model" in text_of(pilot.app)
