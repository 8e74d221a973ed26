"""Creating a resource from the field that is to refer to it, while the edit of the first resource stays open."""

from __future__ import annotations

from typing import Any

import pytest
from textual.widgets import OptionList

from drio_tui.kinds import AUTH, INTEGRATION, OPERATION, TOOL
from drio_tui.ui.dialogs.confirm_dialog import ConfirmDialog
from drio_tui.ui.dialogs.select_dialog import SelectDialog
from drio_tui.ui.editing.edit_screen import EditScreen
from drio_tui.ui.editing.editors.binding import BindingEditor
from drio_tui.ui.editing.editors.search_list import SearchList
from drio_tui.ui.editing.editors.widget import WidgetEditor
from drio_tui.ui.editing.review_dialog import ReviewDialog
from drio_tui.ui.forms.field_row import FieldRow
from drio_tui.ui.forms.inputs import Picker
from tests.ui.driving import text_of, until
from tests.ui.editing.test_saving import app_of, edit, edit_of, set_field


async def new_edit_of(pilot: Any, kind: str) -> Any:
    await until(pilot, lambda: isinstance(pilot.app.screen, EditScreen) and pilot.app.screen.kind.name == kind)
    return await edit_of(pilot)


async def choose(pilot: Any, title: str, *keys: str) -> None:
    await until(pilot, lambda: isinstance(pilot.app.screen, SelectDialog) and pilot.app.screen.focused)
    assert title in text_of(pilot.app)
    await pilot.press(*keys)


async def click_last(pilot: Any) -> None:
    """Click on the last line of the open list: `new …`."""
    await until(pilot, lambda: isinstance(pilot.app.screen, SelectDialog) and pilot.app.screen.focused)
    options = pilot.app.screen.query_one(OptionList)
    await pilot.pause()
    await pilot.click(options, offset=(4, options.option_count - 1 - options.scroll_offset.y))


async def test_an_operation_and_its_integration_are_created_while_binding_a_tool(
    sandbox_process: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with app_of(sandbox_process, monkeypatch) as (pilot, screen, client):
        editing, id = await edit(pilot, screen, "tool")
        set_field(editing, "name", "Bound again")
        await pilot.press("f5")
        binding = editing.query_one(BindingEditor)
        await until(pilot, lambda: binding.query_one(SearchList).is_mounted and editing.focused)
        before = binding.operation_id
        await pilot.press(*"zzz", "enter")  # no operation matches, so this becomes the name of the new one
        await choose(pilot, "In which integration?", "n", "e", "w", "enter")
        integration = await new_edit_of(pilot, "integration")
        assert "for the new operation" in text_of(pilot.app)
        set_field(integration, "name", "Weather")
        set_field(integration, "baseUrl", "https://weather.test")
        await pilot.press("ctrl+s")
        operation = await new_edit_of(pilot, "operation")
        assert operation.edited_resource()["name"] == "zzz"
        assert "for tool Bound again" in text_of(pilot.app)
        set_field(operation, "name", "Forecast")
        call = operation.editors[0]
        call.set_field("method", "GET")
        call.set_field("path", "/forecast")
        await pilot.press("ctrl+s")
        await until(pilot, lambda: pilot.app.screen is editing and binding.operation_id != before)
        await until(pilot, lambda: "Will be bound to Forecast" in text_of(pilot.app))
        assert editing.edited_resource()["name"] == "Bound again"
        await pilot.press("ctrl+s")
        await until(pilot, lambda: isinstance(pilot.app.screen, ReviewDialog))
        await pilot.press("ctrl+s")
        await until(pilot, lambda: pilot.app.screen is screen and not screen.loading_app)
        tool = (await client.get(TOOL, id, app=screen.app_id)).raw
        bound = (await client.get(OPERATION, tool["binding"]["integrationOperationId"], app=screen.app_id)).raw
        under = (await client.get(INTEGRATION, bound["integrationId"], app=screen.app_id)).raw
        assert (tool["name"], bound["name"], under["name"]) == ("Bound again", "Forecast", "Weather")


async def test_creating_by_mouse_and_going_back_leaves_the_edit_unchanged(
    sandbox_process: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with app_of(sandbox_process, monkeypatch) as (pilot, screen, client):
        editing, _ = await edit(pilot, screen, "integration")
        set_field(editing, "name", "Renamed")
        row = editing.form.field_widget_of(editing.form.model.root.properties["authId"])
        assert isinstance(row, FieldRow)
        shown = row.query_one(Picker).shown
        await pilot.click(row.query_one(Picker))
        await click_last(pilot)
        auth = await new_edit_of(pilot, "auth")
        await pilot.press("escape")
        await until(pilot, lambda: pilot.app.screen is editing)
        assert (row.query_one(Picker).shown, editing.edited_resource()["name"]) == (shown, "Renamed")
        assert auth.saved is None
        await pilot.click(row.query_one(Picker))
        await until(pilot, lambda: isinstance(pilot.app.screen, SelectDialog) and pilot.app.screen.focused)
        await pilot.press(*"Weather", "space", *"key")
        await until(pilot, lambda: "called Weather key" in text_of(pilot.app))
        await pilot.press("enter")
        auth = await new_edit_of(pilot, "auth")
        assert auth.edited_resource()["name"] == "Weather key"
        providers = auth.snapshot.resources("provider")
        provider = next(resource for resource in providers if resource.text("key") == "api-key")
        auth.editors[0]._provider_chosen(type("Chosen", (), {"value": provider})())
        await pilot.pause()
        auth.editors[0].set_field("apiKey", "not-in-the-log")
        await pilot.press("ctrl+s")
        await until(pilot, lambda: pilot.app.screen is editing and row.query_one(Picker).shown == "Weather key")
        # The new resource stays when the edit that it was created for is discarded, and the tree shows it.
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(pilot.app.screen, ConfirmDialog))
        await pilot.press("right", "enter")
        await until(pilot, lambda: pilot.app.screen is screen and not screen.loading_app)
        assert "Weather key" in [resource["name"] for resource in (await client.list(AUTH, app=screen.app_id)).items]
        assert "Weather key" in [resource.name for resource in screen.snapshot.resources("auth")]


async def test_a_widget_created_for_a_tool_shows_it_and_a_tool_created_for_a_widget_is_selected(
    sandbox_process: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with app_of(sandbox_process, monkeypatch) as (pilot, screen, client):
        created = (await client.create(TOOL, {"name": "Without", "kind": "function"}, app=screen.app_id)).raw
        screen.action_refresh()
        await until(pilot, lambda: screen.snapshot.resource("tool", created["id"]) and not screen.loading_app)
        number = [resource.id for resource in screen.snapshot.resources("tool")].index(created["id"])
        editing, id = await edit(pilot, screen, "tool", number)
        row = editing.form.field_widget_of(editing.form.model.root.properties["widgetId"])
        await pilot.click(row.query_one(Picker))
        await click_last(pilot)
        widget = await new_edit_of(pilot, "widget")
        assert not widget.dirty
        set_field(widget, "name", "Table of it")
        await pilot.press("f5")
        mappings = widget.query_one(WidgetEditor)
        assert mappings.selected["toolId"] == id
        mappings.selected["primitive"] = "data-table"
        await pilot.click(mappings.query_one(".-toolId"))
        await click_last(pilot)
        await until(pilot, lambda: pilot.app.screen is not widget and isinstance(pilot.app.screen, EditScreen))
        other = await edit_of(pilot)
        set_field(other, "name", "Another")
        await pilot.press("ctrl+s")
        await until(pilot, lambda: pilot.app.screen is widget and "Another" in text_of(pilot.app))
        mappings.selected["toolId"] = id
        await pilot.press("ctrl+s")
        await until(pilot, lambda: pilot.app.screen is editing)
        await until(pilot, lambda: row.query_one(Picker).shown == "Table of it")
        await pilot.press("ctrl+s")
        await until(pilot, lambda: pilot.app.screen is screen)
        assert (await client.get(TOOL, id, app=screen.app_id)).raw["widgetId"] == widget.saved["id"]
