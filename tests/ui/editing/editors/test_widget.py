"""The editor of a widget's mappings and style."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from drio_tui.ui.dialogs.select_dialog import SelectDialog
from drio_tui.ui.editing.editors.base import EditorContext
from drio_tui.ui.editing.editors.fill_slots_dialog import FillSlotsDialog
from drio_tui.ui.editing.editors.key_value_list import KeyValueRow
from drio_tui.ui.editing.editors.sample import SampleDialog, sample_text
from drio_tui.ui.editing.editors.widget_picture import WidgetPicture
from drio_tui.ui.forms.inputs import TextEditor
from drio_tui.ui.widgets.line_editor import LineEditor
from tests.ui.editing.editors.app import WIDGET, app_snapshot
from tests.ui.editing.editors.stage import EditorDriver, staged


def row(driver: EditorDriver, name: str) -> KeyValueRow:
    return next(row for row in driver.editor.query(KeyValueRow) if row.pair.name == name)


def note_of(driver: EditorDriver, name: str) -> str:
    return row(driver, name).query_one("Notes").shown.plain


async def test_mappings_are_evaluated_on_an_example_of_the_tools_result() -> None:
    async with staged("widget", "config", WIDGET, app_snapshot()) as driver:
        assert note_of(driver, "rows") == "✓ 2 items"
        assert note_of(driver, "columns.name") == "✓ name"
        assert "of Search contacts" in driver.screen
        assert not driver.editor.dirty


async def test_a_mapping_that_matches_nothing_is_reported_while_typing() -> None:
    async with staged("widget", "config", WIDGET, app_snapshot()) as driver:
        row(driver, "columns.name").focus_value()
        await driver.settle()
        assert driver.app.focused is row(driver, "columns.name").query_one(".-value")
        await driver.press("end")
        await driver.type("s")
        assert note_of(driver, "columns.name") == "✗ matches nothing"
        await driver.type("[")
        assert note_of(driver, "columns.name").startswith("✗ is no JSONPath")
        assert [error.path for error in driver.editor.validate()] == ["config.fieldMappings.columns.name"]
        await driver.press("backspace", "backspace")
        assert note_of(driver, "columns.name") == "✓ name"
        assert not driver.editor.dirty


async def test_unknown_config_keys_are_preserved() -> None:
    async with staged("widget", "config", WIDGET, app_snapshot()) as driver:
        row(driver, "columns.name").set_text("$.id")
        await driver.settle()
        expected = copy.deepcopy(WIDGET["config"])
        expected["fieldMappings"]["columns.name"] = "$.id"
        assert driver.editor.value()["config"] == expected
        assert driver.editor.changes() == {"config": {"fieldMappings": expected["fieldMappings"]}}


async def test_a_slot_is_added_from_the_suggestions_and_its_path_chosen_from_the_sample() -> None:
    async with staged("widget", "config", WIDGET, app_snapshot()) as driver:
        driver.editor.query("AddLine").first().focus()
        await driver.press("enter")
        assert isinstance(driver.app.screen, SelectDialog)
        assert "columns.…" in driver.screen
        await driver.type("columns.id")
        await driver.press("up", "enter")
        await driver.until(lambda: any(row.pair.name == "columns.id" for row in driver.editor.query(KeyValueRow)))
        await driver.press("f6")
        assert isinstance(driver.app.screen, SelectDialog)
        assert "con_1" in driver.screen
        await driver.type("$.id")
        await driver.press("enter")
        await driver.until(lambda: row(driver, "columns.id").pair.text)
        assert driver.editor.value()["config"]["fieldMappings"]["columns.id"] == "$.id"
        assert note_of(driver, "columns.id") == "✓ con_1"


async def test_rows_are_moved_and_removed() -> None:
    async with staged("widget", "config", WIDGET, app_snapshot()) as driver:
        row(driver, "columns.name").focus_value()
        await driver.settle()
        await driver.press("alt+up")
        assert list(driver.editor.value()["config"]["fieldMappings"]) == ["columns.name", "rows"]
        await driver.press("f9")
        assert driver.editor.value()["config"]["fieldMappings"] == {"rows": "$.results"}


async def test_a_pasted_result_replaces_the_example() -> None:
    async with staged("widget", "config", WIDGET, app_snapshot()) as driver:
        await driver.press("f7")
        assert isinstance(driver.app.screen, SampleDialog)
        area = driver.app.screen.query_one(TextEditor)
        area.load_text('{"results": [')
        await driver.press("ctrl+s")
        assert "is not JSON" in driver.screen
        area.load_text('{"results": [{"name": "Ada"}, {}, {"name": "Bob"}]}')
        await driver.press("ctrl+s")
        await driver.until(lambda: not isinstance(driver.app.screen, SampleDialog))
        await driver.settle()
        assert note_of(driver, "columns.name") == "✓ Ada  (2 of 3 items)"
        assert not driver.editor.dirty


@pytest.mark.parametrize(
    ("sample", "left", "most"),
    [
        ({"a": [1] * 90}, {"a": [1] * 90}, 0),
        ({"a": [{"text": "x" * 3000}] * 90}, {"a": [{"text": "x" * 3000}] * 50}, 50),
        ([["x" * 9000] * 40] * 40, [["x" * 9000] * 3] * 3, 3),
        ({"text": "x" * 300_000}, None, 1),
    ],
)
def test_a_long_sample_is_edited_with_the_first_items_of_its_lists(sample: Any, left: Any, most: int) -> None:
    text, shown = sample_text(sample)
    assert (json.loads(text) if text else None, shown) == (left, most)


async def test_a_shortened_sample_that_was_not_edited_stays_as_it_was() -> None:
    context = EditorContext(last_results={"t_search": {"results": [{"name": "x" * 3000}] * 90}})
    async with staged("widget", "config", WIDGET, app_snapshot(), context=context) as driver:
        await driver.press("f7")
        assert "the first 50 items of each list can be edited here" in driver.screen
        await driver.press("ctrl+s")
        assert len(driver.editor.sample["results"]) == 90


async def test_choosing_a_tool_by_name_changes_the_sample() -> None:
    async with staged("widget", "config", WIDGET, app_snapshot()) as driver:
        driver.editor.focus_first()
        await driver.type("show")
        await driver.press("enter")
        await driver.settle()
        assert driver.editor.changes() == {"toolId": "t_get"}
        assert note_of(driver, "rows") == "✗ matches nothing"


async def test_a_new_tool_is_requested_and_selected_once_it_exists() -> None:
    async with staged("widget", "config", WIDGET, app_snapshot()) as driver:
        driver.editor.focus_first()
        await driver.type("new")
        await driver.press("enter")
        assert [(request.kind, request.path) for request in driver.app.new_requests] == [("tool", "toolId")]
        driver.editor.set_reference("toolId", "t_lone")
        await driver.settle()
        assert driver.editor.value()["toolId"] == "t_lone"


async def test_styles_keep_their_types_and_accept_any_value() -> None:
    async with staged("widget", "config", WIDGET, app_snapshot()) as driver:
        assert driver.editor.value()["config"]["style"] == {"density": "compact", "stripes": True}
        row(driver, "stripes").query_one(".-value", LineEditor).value = "3"
        row(driver, "density").query_one(".-value", LineEditor).value = "very"
        await driver.settle()
        assert driver.editor.value()["config"]["style"] == {"density": "very", "stripes": 3}


async def test_a_duplicate_slot_is_an_error() -> None:
    async with staged("widget", "config", WIDGET, app_snapshot()) as driver:
        row(driver, "columns.name").query_one(".-name", LineEditor).value = "rows"
        await driver.settle()
        assert ("config.fieldMappings.rows", "is there twice") in {
            (error.path, error.message) for error in driver.editor.validate()
        }


async def test_a_row_is_removed_with_the_mouse() -> None:
    async with staged("widget", "config", WIDGET, app_snapshot()) as driver:
        await driver.pilot.click(row(driver, "columns.name").query_one("_RemoveButton"))
        await driver.settle()
        assert driver.editor.value()["config"]["fieldMappings"] == {"rows": "$.results"}


RESULT = {"results": [{"id": "con_1", "name": "Ada", "email": "ada@example.com", "plan": "free"}]}


async def test_slots_are_filled_from_the_last_result_and_drawn_while_they_are_typed() -> None:
    context = EditorContext(last_results={"t_search": RESULT})
    raw = copy.deepcopy(WIDGET)
    raw["config"]["fieldMappings"]["columns.email"] = "$.id"
    async with staged("widget", "config", raw, app_snapshot(), context=context) as driver:
        picture = driver.editor.query_one(WidgetPicture)
        await driver.until(lambda: "Ada" in picture.text)
        assert "Sample: the last result of the playground" in driver.screen
        driver.editor.focus_first()
        await driver.press("f8")
        dialog = driver.app.screen
        assert isinstance(dialog, FillSlotsDialog)
        assert "$.id → $.email" in driver.screen
        await driver.until(lambda: "Plan" in dialog.query_one(WidgetPicture).text)
        assert "ada@example.com" not in dialog.query_one(WidgetPicture).text  # what was mapped is kept
        await driver.press("asterisk")
        await driver.until(lambda: "ada@example.com" in dialog.query_one(WidgetPicture).text)
        await driver.press("home", "space", "enter")
        assert driver.editor.value()["config"]["fieldMappings"] == {
            "rows": "$.results", "columns.name": "$.name", "columns.email": "$.id", "columns.plan": "$.plan",
        }  # fmt: skip
        await driver.until(lambda: "Plan" in picture.text)
        row(driver, "columns.plan").focus_value()
        await driver.settle()
        await driver.press("end", *["backspace"] * 4)
        await driver.type("id")
        await driver.until(lambda: picture.text.count("con_1") == 2)
        await driver.press("f8", "asterisk", "asterisk", "enter")  # nothing is taken
        assert driver.editor.value()["config"]["fieldMappings"]["columns.plan"] == "$.id"
        driver.editor.query_one("#fill").focus()
        await driver.press("enter", "asterisk", "ctrl+s")  # the same with the line in the form, and all of them
        assert driver.editor.value()["config"]["fieldMappings"]["columns.email"] == "$.email"
        await driver.press("f8")
        assert not isinstance(driver.app.screen, FillSlotsDialog)  # there is nothing to change


async def test_a_narrow_form_shows_the_picture_instead() -> None:
    async with staged("widget", "config", WIDGET, app_snapshot(), size=(80, 24)) as driver:
        picture = driver.editor.query_one(WidgetPicture)
        driver.editor.focus_first()
        await driver.settle()
        assert not picture.display
        await driver.press("f4")
        await driver.until(lambda: "Name" in picture.text)
        assert "What goes into each slot" not in driver.screen
        await driver.press("f4")
        assert "What goes into each slot" in driver.screen
        assert not picture.display
