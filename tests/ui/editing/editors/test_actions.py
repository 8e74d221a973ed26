"""The editor of a widget's actions."""

from __future__ import annotations

import copy

from drio_tui.api.errors import FieldError
from drio_tui.ui.editing.editors.actions import ActionList
from tests.ui.editing.editors.app import WIDGET, app_snapshot
from tests.ui.editing.editors.stage import staged

ACTIONS = WIDGET["actions"]


async def test_actions_are_listed_with_the_names_of_their_targets() -> None:
    async with staged("widget", "actions", WIDGET, app_snapshot()) as driver:
        line = next(line for line in driver.screen.splitlines() if "row.select" in line)
        assert "callTool" in line
        assert "→ Show" in line
        assert "{{ row.id }}" in line
        assert not driver.editor.dirty
        assert "Sends con_1" in driver.screen


async def test_an_action_is_added_with_its_target_chosen_by_name() -> None:
    async with staged("widget", "actions", WIDGET, app_snapshot()) as driver:
        await driver.press("f6")
        assert "is required to call a tool" in driver.editor.query_one("#notes").shown.plain
        assert ("actions.2.targetToolId", "is required to call a tool") in {
            (error.path, error.message) for error in driver.editor.validate()
        }
        await driver.press("tab", "tab", "tab", "enter")
        await driver.type("pay")
        await driver.press("enter")
        assert driver.editor.value()["actions"][2] == {
            "trigger": "row.select", "type": "callTool", "callMode": "once",
            "targetToolId": "t_pay", "targetToolName": "Pay",
        }  # fmt: skip
        assert driver.editor.value()["actions"][:2] == ACTIONS


async def test_a_template_path_that_is_not_in_the_sample_is_named() -> None:
    async with staged("widget", "actions", WIDGET, app_snapshot()) as driver:
        await driver.press("enter", "tab", "tab")
        await driver.type("{{ row.mail }}")
        assert "has {{ row.mail }}, which is not in the sample" in driver.editor.query_one("#notes").shown.plain


async def test_reordering_changes_only_the_order() -> None:
    async with staged("widget", "actions", WIDGET, app_snapshot()) as driver:
        driver.editor.query_one(ActionList).focus()
        await driver.press("J")
        assert driver.editor.changes() == {"actions": [ACTIONS[1], ACTIONS[0]]}
        await driver.press("K")
        assert not driver.editor.dirty
        await driver.press("j", "x")
        assert driver.editor.changes() == {"actions": [ACTIONS[0]]}


async def test_a_server_error_in_an_action_is_shown_at_its_field() -> None:
    async with staged("widget", "actions", WIDGET, app_snapshot()) as driver:
        left = driver.editor.apply_errors(
            [FieldError("actions.1.template", "is too odd"), FieldError("name", "is taken")]
        )
        await driver.settle()
        assert [error.path for error in left] == ["name"]
        assert "✗ is too odd" in driver.screen
        assert driver.editor.selected == 1


async def test_actions_of_an_unknown_shape_are_not_changed() -> None:
    raw = copy.deepcopy(WIDGET) | {"actions": ["odd", {"trigger": "x"}]}
    async with staged("widget", "actions", raw, app_snapshot()) as driver:
        assert "edit them as JSON" in driver.screen
        await driver.press("f6")
        assert driver.editor.value() == {"actions": ["odd", {"trigger": "x"}]}
        assert not driver.editor.dirty


async def test_editing_other_properties_updates_the_notes() -> None:
    async with staged("widget", "actions", WIDGET, app_snapshot()) as driver:
        driver.editor.update_resource(WIDGET | {"primitive": "form"})
        await driver.settle()
        notes = driver.editor.query_one("#notes").shown.plain
        assert "A form usually sends form.submit, button.click, not row.select." in notes
        assert not driver.editor.dirty
