"""Changing several resources at once in the program."""

from __future__ import annotations

from typing import Any

import pytest

from drio_tui.kinds import INTEGRATION, OPERATION, TOOL
from drio_tui.ui.dialogs.confirm_dialog import ConfirmDialog
from drio_tui.ui.dialogs.select_dialog import SelectDialog
from drio_tui.ui.editing.bulk_dialog import BulkDialog
from drio_tui.ui.editing.bulk_forms import common_values
from drio_tui.ui.plan.plan_panel import PlanPanel
from drio_tui.ui.plan.plan_tree import PlanTree
from drio_tui.ui.screen import SafeDismiss
from tests.ui.driving import text_of, until
from tests.ui.editing.test_saving import app_of


def test_only_values_that_all_have_are_shown() -> None:
    first = {"name": "a", "kind": "x", "annotations": {"title": "t", "readOnlyHint": True}, "order": None, "n": [1]}
    second = {"name": "b", "kind": "x", "annotations": {"title": "u", "readOnlyHint": True}, "n": [1]}
    third = {"name": "b", "kind": "x", "annotations": {"readOnlyHint": True, "openWorldHint": False}, "n": [1]}
    common, differing = common_values([first, second, third])
    assert common == {"kind": "x", "annotations": {"readOnlyHint": True}, "order": None, "n": [1]}
    assert differing == ["name", "annotations.title", "annotations.openWorldHint"]


async def dialog_of(pilot: Any) -> Any:
    """Return the dialog once its plan is made."""
    await until(pilot, lambda: isinstance(pilot.app.screen, BulkDialog) and pilot.app.screen.is_mounted)
    dialog = pilot.app.screen
    await until(pilot, lambda: not dialog.is_planning and (dialog.form is None or dialog.focused is not None))
    return dialog


async def planned(pilot: Any, dialog: Any, count: int) -> list[Any]:
    """Return the items of the plan once there are so many."""
    tree = dialog.query_one(PlanTree)
    await until(pilot, lambda: not dialog.is_planning and len(tree.items) == count)
    return list(tree.items)


async def choose(pilot: Any, text: str) -> None:
    """Open the menu of changes and choose from it, and from further lists."""
    await pilot.press("R")
    for word in text.split():
        await until(pilot, lambda: isinstance(pilot.app.screen, SelectDialog) and pilot.app.screen.focused)
        menu = pilot.app.screen
        await pilot.press(*word, "enter")
        await until(pilot, lambda menu=menu: menu not in pilot.app.screen_stack)  # type: ignore[misc]


async def test_marked_resources_are_edited_renamed_and_moved_and_all_texts_replaced(
    sandbox_process: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with app_of(sandbox_process, monkeypatch) as (pilot, screen, client):
        app = screen.app_id
        other = {"name": "Elsewhere", "baseUrl": "https://elsewhere.test"}
        target = (await client.create(INTEGRATION, other, app=app)).raw["id"]
        screen.action_refresh()
        await until(pilot, lambda: not screen.loading_app and screen.snapshot.resource("integration", target))
        before = {tool.text("key"): tool for tool in screen.snapshot.resources("tool")}
        keys = list(before)[:3]

        async def read() -> dict[str, dict[str, Any]]:
            return {tool["key"]: tool for tool in (await client.config(app))["tools"]}

        async def done() -> None:
            await until(pilot, lambda: pilot.app.screen is screen and not screen.loading_app)

        screen.tree_view.focus()
        operation = next(iter(screen.snapshot.resources("operation")))
        for resource in (*(before[key] for key in keys), operation):
            screen.tree_view.reveal(resource.key)
            await until(pilot, lambda key=resource.key: screen.selected_node.key == key)  # type: ignore[misc]
            await pilot.press("m")
        assert "3 tools and 1 operation are marked" in (screen.disabled_reason("edit_resource", ()) or "")
        await pilot.press("m", "e")  # the operation is no longer marked

        dialog = await dialog_of(pilot)
        assert "Several values." in text_of(pilot.app)
        assert dialog.query_one("#go").disabled
        await pilot.press("tab", *"Same")
        await planned(pilot, dialog, 3)
        await pilot.press("f5", "down", "space")  # on a line of the first one
        assert len(dialog.query_one(PlanTree).included) == 2
        await client.update(TOOL, before[keys[1]].id, {"description": "Others"}, app=app)
        await pilot.press("ctrl+s")
        # What others changed meanwhile would only fail again: it is planned again, from how it is now.
        await until(pilot, lambda: str(dialog.query_one("#go").label) == "Plan the rest again")
        await pilot.press("ctrl+s")
        (item,) = await planned(pilot, dialog, 1)
        await pilot.press("escape")  # what was done already is shown, whether the rest is done or not
        await until(pilot, lambda: isinstance(pilot.app.screen, ConfirmDialog))
        await pilot.press("escape")
        await until(pilot, lambda: pilot.app.screen is dialog)
        results: list[bool | None] = []
        with monkeypatch.context() as patched:
            patched.setattr(SafeDismiss, "dismiss", lambda _, result=None: results.append(result))
            dialog.dismiss(None)
        assert results == [True]
        assert (item.change.fields[0].before, item.change.fields[0].after) == ("Others", "Same")
        await pilot.press("ctrl+s")
        await done()
        tools = await read()
        assert [tools[key]["description"] == "Same" for key in keys] == [False, True, True]
        before[keys[1]].raw["description"] = "Others"
        assert tools[keys[1]] == before[keys[1]].raw | {"description": "Same"}
        assert not screen.selection.marked

        await choose(pilot, "replace")
        dialog = await dialog_of(pilot)
        await pilot.press(*"Same", "tab", *"Equal")
        items = await planned(pilot, dialog, 2)
        assert [(item.change.fields[0].before, item.change.fields[0].after) for item in items] == [
            ("Same", "Equal")
        ] * 2
        await pilot.press("ctrl+s")
        await done()
        assert [(await read())[key]["description"] for key in keys[1:]] == ["Equal"] * 2

        screen.tree_view.reveal(before[keys[0]].key)
        await choose(pilot, "rename")
        dialog = await dialog_of(pilot)
        await pilot.press(*"s/(/x/")
        await until(pilot, lambda: "no regular expression" in text_of(pilot.app))
        assert dialog.query_one("#go").disabled
        # It is carried out as soon as the plan of what was just typed is made.
        await pilot.press(*["backspace"] * 7, *"{n} {name}", "ctrl+s")
        await done()
        tools = await read()
        names = [tools[key]["name"] for key in before]
        assert names == [f"{number} {tool.name}" for number, tool in enumerate(before.values(), start=1)]

        screen.tree_view.reveal(operation.key)
        await until(pilot, lambda: screen.selected_node.key == operation.key)
        await choose(pilot, "move Else")
        dialog = await dialog_of(pilot)
        await planned(pilot, dialog, 1)
        assert "drio cannot move an operation" in text_of(pilot.app)
        await pilot.resize_terminal(80, 24)
        await until(pilot, lambda: dialog.has_class("-short"))
        assert dialog.query_one(PlanPanel).size.height > 14  # the plan has the room of the form that there is not
        await pilot.press("ctrl+s")
        await done()
        moved = (await client.list(OPERATION, app=app, parent=target)).items
        assert [one["key"] for one in moved] == [operation.text("key")]

        for _ in range(4):
            pilot.app.clear_notifications()  # old ones could end meanwhile
            await pilot.press("z")
            await until(pilot, lambda: pilot.app._notifications and not screen.loading_app)
        tools = await read()
        for key, tool in before.items():
            assert {**tools[key], "binding": None} == {**tool.raw, "binding": None}
        assert (await client.get(TOOL, before[keys[0]].id, app=app)).raw["binding"]["status"] == "ready"
