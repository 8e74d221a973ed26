"""Choosing what a tool calls."""

from __future__ import annotations

from drio_tui.ui.editing.editors.base import Context
from tests.ui.editing.editors.app import tool, world
from tests.ui.editing.editors.stage import staged


async def test_an_operation_is_found_by_typing_and_bound_with_enter() -> None:
    async with staged("tool", "binding", tool("t_search"), world()) as hand:
        hand.editor.focus_first()
        await hand.type("money")
        assert "POST /charges" in hand.screen
        await hand.press("enter")
        assert hand.editor.value() == {
            "binding": {"type": "integration_operation", "integrationOperationId": "op_pay", "x-note": "kept"}
        }
        assert hand.editor.dirty
        assert hand.app.changes == 1
        assert "Will be bound to Take money" in hand.screen


async def test_operations_stand_under_their_integration_and_the_marked_one_shows_its_input() -> None:
    async with staged("tool", "binding", tool("t_search"), world()) as hand:
        hand.editor.focus_first()
        screen = hand.screen
        assert screen.index("CRM") < screen.index("Get contact") < screen.index("Bank") < screen.index("Take money")
        assert "q" in hand.editor.query_one("#notes").said.plain
        await hand.press("down")
        assert "/contacts/{id}" in hand.editor.query_one("#notes").said.plain


async def test_a_stale_binding_says_what_changed_and_is_renewed_with_one_key() -> None:
    before = {"type": "object", "properties": {"old": {"type": "string"}}}
    context = Context(schemas={"h_get_1": before})
    async with staged("tool", "binding", tool("t_get"), world(), context=context) as hand:
        assert "changed its schema" in hand.screen
        assert "+ id  string, required  can break calls" in hand.screen
        assert "- old" in hand.screen
        assert not hand.editor.dirty
        hand.editor.focus_first()
        await hand.press("f6")
        assert hand.editor.again == ("binding",)
        assert hand.editor.changes() == {}
        assert hand.editor.dirty
        assert "anew" in hand.screen


async def test_where_the_old_schema_is_not_known_the_hashes_are_shown() -> None:
    async with staged("tool", "binding", tool("t_get"), world()) as hand:
        assert "h_get_1" in hand.screen
        assert "h_get_2" in hand.screen


async def test_going_back_to_the_operation_it_was_bound_to_is_no_change() -> None:
    async with staged("tool", "binding", tool("t_search"), world()) as hand:
        hand.editor.bind("op_pay")
        hand.editor.bind("op_search")
        assert not hand.editor.dirty
        await hand.press("f7")
        assert hand.editor.changes() == {"binding": None}


async def test_a_new_operation_can_be_asked_for_and_is_bound_once_it_is_there() -> None:
    async with staged("tool", "binding", tool("t_lone"), world()) as hand:
        hand.editor.focus_first()
        await hand.press("pagedown", "pagedown", "enter")
        assert [(one.kind, one.path) for one in hand.app.wanted] == [("operation", "binding.integrationOperationId")]
        hand.editor.refer("binding.integrationOperationId", "op_pay")
        await hand.settle()
        assert hand.editor.operation_id == "op_pay"


async def test_an_operation_is_bound_with_the_mouse() -> None:
    async with staged("tool", "binding", tool("t_lone"), world()) as hand:
        lines = hand.screen.splitlines()
        y = next(number for number, line in enumerate(lines) if "Take money" in line)
        await hand.pilot.click(offset=(lines[y].index("Take money"), y))
        await hand.settle()
        assert hand.editor.operation_id == "op_pay"
