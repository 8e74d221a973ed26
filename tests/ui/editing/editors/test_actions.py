"""What happens on events in a widget."""

from __future__ import annotations

import copy

from drio_tui.api.errors import FieldError
from drio_tui.ui.editing.editors.actions import ActionList
from tests.ui.editing.editors.app import WIDGET, world
from tests.ui.editing.editors.stage import staged

ACTIONS = WIDGET["actions"]


async def test_actions_stand_in_a_table_with_their_targets_by_name() -> None:
    async with staged("widget", "actions", WIDGET, world()) as hand:
        line = next(line for line in hand.screen.splitlines() if "row.select" in line)
        assert "callTool" in line
        assert "→ Show" in line
        assert "{{ row.id }}" in line
        assert not hand.editor.dirty
        assert "Sends con_1" in hand.screen


async def test_an_action_is_added_with_its_target_chosen_by_name() -> None:
    async with staged("widget", "actions", WIDGET, world()) as hand:
        await hand.press("f6")
        assert "is required to call a tool" in hand.editor.query_one("#notes").said.plain
        assert ("actions.2.targetToolId", "is required to call a tool") in {
            (error.path, error.message) for error in hand.editor.problems()
        }
        await hand.press("tab", "tab", "tab", "enter")
        await hand.type("pay")
        await hand.press("enter")
        assert hand.editor.value()["actions"][2] == {
            "trigger": "row.select", "type": "callTool", "callMode": "once",
            "targetToolId": "t_pay", "targetToolName": "Pay",
        }  # fmt: skip
        assert hand.editor.value()["actions"][:2] == ACTIONS


async def test_a_path_that_finds_nothing_in_the_sample_is_named() -> None:
    async with staged("widget", "actions", WIDGET, world()) as hand:
        await hand.press("enter", "tab", "tab")
        await hand.type("{{ row.mail }}")
        assert "has {{ row.mail }}, which is not in the sample" in hand.editor.query_one("#notes").said.plain


async def test_the_order_is_changed_and_nothing_else() -> None:
    async with staged("widget", "actions", WIDGET, world()) as hand:
        hand.editor.query_one(ActionList).focus()
        await hand.press("J")
        assert hand.editor.changes() == {"actions": [ACTIONS[1], ACTIONS[0]]}
        await hand.press("K")
        assert not hand.editor.dirty
        await hand.press("j", "x")
        assert hand.editor.changes() == {"actions": [ACTIONS[0]]}


async def test_what_the_server_says_of_an_action_is_shown_at_its_field() -> None:
    async with staged("widget", "actions", WIDGET, world()) as hand:
        left = hand.editor.apply_errors(
            [FieldError("actions.1.template", "is too odd"), FieldError("name", "is taken")]
        )
        await hand.settle()
        assert [error.path for error in left] == ["name"]
        assert "✗ is too odd" in hand.screen
        assert hand.editor.at == 1


async def test_actions_of_a_shape_nobody_knows_are_left_alone() -> None:
    raw = copy.deepcopy(WIDGET) | {"actions": ["odd", {"trigger": "x"}]}
    async with staged("widget", "actions", raw, world()) as hand:
        assert "edit them as JSON" in hand.screen
        await hand.press("f6")
        assert hand.editor.value() == {"actions": ["odd", {"trigger": "x"}]}
        assert not hand.editor.dirty


async def test_other_members_that_were_edited_elsewhere_change_what_is_said() -> None:
    async with staged("widget", "actions", WIDGET, world()) as hand:
        hand.editor.see(WIDGET | {"primitive": "form"})
        await hand.settle()
        said = hand.editor.query_one("#notes").said.plain
        assert "A form usually sends form.submit, button.click, not row.select." in said
        assert not hand.editor.dirty
