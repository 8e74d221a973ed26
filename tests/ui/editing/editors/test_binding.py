"""The editor of a tool's binding."""

from __future__ import annotations

from functools import partial

from textual.content import Content

from drio_tui.ui.editing.editors.base import EditorContext
from drio_tui.ui.editing.editors.search_list import NEW, SearchList, SearchRow, _shortened
from tests.ui.editing.editors.app import OPERATIONS, app_snapshot, bound, tool
from tests.ui.editing.editors.stage import staged


async def test_an_operation_is_found_by_typing_and_bound_with_enter() -> None:
    async with staged("tool", "binding", tool("t_search"), app_snapshot()) as driver:
        driver.editor.focus_first()
        await driver.type("money")
        assert "POST /charges" in driver.screen
        await driver.press("enter")
        assert driver.editor.value() == {
            "binding": {"type": "integration_operation", "integrationOperationId": "op_pay", "x-note": "kept"}
        }
        assert driver.editor.dirty
        assert driver.app.changes == 1
        assert "Will be bound to Take money" in driver.screen


async def test_operations_are_grouped_by_integration_and_the_selected_one_shows_its_input() -> None:
    async with staged("tool", "binding", tool("t_search"), app_snapshot()) as driver:
        driver.editor.focus_first()
        screen = driver.screen
        assert screen.index("CRM") < screen.index("Get contact") < screen.index("Bank") < screen.index("Take money")
        assert "q" in driver.editor.query_one("#notes").shown.plain
        await driver.press("down")
        assert "/contacts/{id}" in driver.editor.query_one("#notes").shown.plain


async def test_a_stale_binding_shows_what_changed_and_is_rebound_with_one_key() -> None:
    before = {"type": "object", "properties": {"old": {"type": "string"}}}
    context = EditorContext(schemas={"h_get_1": before})
    async with staged("tool", "binding", tool("t_get"), app_snapshot(), context=context) as driver:
        assert "The schema of Get contact has changed" in driver.screen
        assert "+ id  string, required  can break calls" in driver.screen
        assert "- old" in driver.screen
        assert not driver.editor.dirty
        driver.editor.focus_first()
        await driver.press("f6")
        assert driver.editor.resend == ("binding",)
        assert driver.editor.changes() == {}
        assert driver.editor.dirty
        assert "Will be bound to Get contact again" in driver.screen


async def test_the_hashes_are_shown_if_the_old_schema_is_unknown() -> None:
    async with staged("tool", "binding", tool("t_get"), app_snapshot()) as driver:
        assert "h_get_1" in driver.screen
        assert "h_get_2" in driver.screen


async def test_binding_to_the_original_operation_again_is_no_change() -> None:
    async with staged("tool", "binding", tool("t_search"), app_snapshot()) as driver:
        driver.editor.bind("op_pay")
        driver.editor.bind("op_search")
        assert not driver.editor.dirty
        await driver.press("f7")
        assert driver.editor.changes() == {"binding": None}


async def test_a_new_operation_is_requested_and_bound_once_it_exists() -> None:
    async with staged("tool", "binding", tool("t_lone"), app_snapshot()) as driver:
        driver.editor.focus_first()
        await driver.press("pagedown", "pagedown", "enter")
        (request,) = driver.app.new_requests
        assert (request.kind, request.path) == ("operation", "binding.integrationOperationId")
        driver.editor.set_reference("binding.integrationOperationId", "op_pay")
        await driver.settle()
        assert driver.editor.operation_id == "op_pay"


async def test_an_operation_is_bound_with_the_mouse() -> None:
    async with staged("tool", "binding", tool("t_lone"), app_snapshot()) as driver:
        lines = driver.screen.splitlines()
        y = next(number for number, line in enumerate(lines) if "Take money" in line)
        await driver.pilot.click(offset=(lines[y].index("Take money"), y))
        await driver.settle()
        assert driver.editor.operation_id == "op_pay"


async def test_of_many_operations_the_bound_one_is_listed_and_the_others_are_found_by_typing() -> None:
    many = [
        {"id": f"op_{n}", "integrationId": "int_2", "name": f"Read {n}", "method": "GET", "path": f"/{n}"}
        for n in range(200)
    ]
    raw = tool("t_search") | {"binding": bound("op_150", "h_150")}
    async with staged("tool", "binding", raw, app_snapshot(operation=[*OPERATIONS, *many])) as driver:
        search = driver.editor.query_one(SearchList)
        assert search.highlighted_row is not None
        assert search.highlighted_row.value == "op_150"
        assert "104 more: type to find one" in [row.line().plain for row in search.shown]
        assert search.shown[-1].value == NEW
        driver.editor.focus_first()
        await driver.type("read 199")
        assert search.highlighted_row.value == "op_199"


def test_a_chosen_row_of_those_that_are_left_out_is_listed_below_its_heading() -> None:
    def row(text: str, value: str | None = None) -> SearchRow:
        return SearchRow(partial(Content, text), value)

    rows = [row("A"), *(row(f"a {n}", f"a_{n}") for n in range(120)), row("B"), row("b 1", "b_1"), row("b 2", "b_2")]
    for target, expected in {
        "b_2": ["a 98", "B", "b 2", "22 more: type to find one"],
        "a_110": ["a 98", "a 110", "22 more: type to find one"],
        "a_3": ["a 98", "23 more: type to find one"],
        None: ["a 98", "23 more: type to find one"],
    }.items():
        assert [shown.line().plain for shown in _shortened(rows, target)[100 - 1 :]] == expected
