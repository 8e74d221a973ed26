"""The editor of a tool's next tools."""

from __future__ import annotations

from drio_tui.ui.editing.editors.chain import NextToolsList
from tests.ui.editing.editors.app import app_snapshot, tool
from tests.ui.editing.editors.stage import staged


async def test_a_next_tool_is_added_by_typing_its_name() -> None:
    async with staged("tool", "nextToolIds", tool("t_search"), app_snapshot()) as driver:
        driver.editor.focus_first()
        await driver.type("lon")
        await driver.press("enter")
        assert driver.editor.changes() == {"nextToolIds": ["t_get", "t_lone"]}
        assert "└─▶ Lonely" in driver.screen
        assert "On their own" not in driver.screen


async def test_a_tool_that_would_close_a_cycle_is_rejected_with_a_reason() -> None:
    async with staged("tool", "nextToolIds", tool("t_pay"), app_snapshot()) as driver:
        driver.editor.focus_first()
        await driver.type("find")
        assert "It would run in a circle: Pay → Find → Show → Pay." in driver.screen
        await driver.press("enter")
        assert not driver.editor.dirty


async def test_a_tool_cannot_be_its_own_next_tool() -> None:
    async with staged("tool", "nextToolIds", tool("t_pay"), app_snapshot()) as driver:
        driver.editor.focus_first()
        await driver.type("pay")
        assert "Pay cannot hand its result to itself." in driver.screen
        await driver.press("enter")
        assert driver.app.changes == 0


async def test_next_tools_are_reordered_and_removed_by_keyboard() -> None:
    raw = tool("t_search") | {"nextToolIds": ["t_get", "t_pay", "t_lone"]}
    async with staged("tool", "nextToolIds", raw, app_snapshot()) as driver:
        driver.editor.query_one(NextToolsList).focus()
        await driver.press("j", "K")
        assert driver.editor.value() == {"nextToolIds": ["t_pay", "t_get", "t_lone"]}
        await driver.press("J", "J")
        assert driver.editor.value() == {"nextToolIds": ["t_get", "t_lone", "t_pay"]}
        await driver.press("x")
        assert driver.editor.value() == {"nextToolIds": ["t_get", "t_lone"]}
        await driver.press("x", "x", "x")
        assert driver.editor.changes() == {"nextToolIds": []}
        assert "no tool yet" in driver.screen


async def test_all_chains_of_the_app_are_shown() -> None:
    async with staged("tool", "nextToolIds", tool("t_get"), app_snapshot()) as driver:
        notes = driver.editor.query_one("#notes").text
        assert notes == "All chains\n▶ Find\n└─▶ Show\n    └─▶ Pay\n\nOn their own\nLonely"


async def test_an_existing_cycle_is_shown_and_can_be_broken() -> None:
    first = tool("t_pay") | {"nextToolIds": ["t_search"]}
    tools = [tool("t_search"), tool("t_get"), first, tool("t_lone")]
    async with staged("tool", "nextToolIds", first, app_snapshot(tool=tools)) as driver:
        assert "runs in a circle" in driver.screen
        assert driver.editor.validate() == []
        driver.editor.query_one(NextToolsList).focus()
        await driver.press("delete")
        assert driver.editor.changes() == {"nextToolIds": []}
        assert "runs in a circle" not in driver.screen


async def test_a_new_tool_is_requested_and_added_once_it_exists() -> None:
    async with staged("tool", "nextToolIds", tool("t_pay"), app_snapshot()) as driver:
        driver.editor.focus_first()
        await driver.press("pagedown", "pagedown", "enter")
        assert [(request.kind, request.path) for request in driver.app.new_requests] == [("tool", "nextToolIds")]
        driver.editor.set_reference("nextToolIds", "t_made")
        await driver.settle()
        assert driver.editor.value() == {"nextToolIds": ["t_made"]}
