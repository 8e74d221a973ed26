"""A widget's mappings and style."""

from __future__ import annotations

import copy

from drio_tui.ui.dialogs.select_dialog import ChooserScreen
from drio_tui.ui.editing.editors.key_value_list import PairRow
from drio_tui.ui.editing.editors.sample import SampleScreen
from drio_tui.ui.forms.inputs import TextEditor
from drio_tui.ui.widgets.line_editor import LineEditor
from tests.ui.editing.editors.app import WIDGET, world
from tests.ui.editing.editors.stage import Hand, staged


def row(hand: Hand, name: str) -> PairRow:
    return next(one for one in hand.editor.query(PairRow) if one.pair.name == name)


def said(hand: Hand, name: str) -> str:
    return row(hand, name).query_one("Notes").said.plain


async def test_mappings_are_tried_on_an_example_of_what_the_tool_brings() -> None:
    async with staged("widget", "config", WIDGET, world()) as hand:
        assert said(hand, "rows") == "✓ 2 items"
        assert said(hand, "columns.name") == "✓ name"
        assert "of Search contacts" in hand.screen
        assert not hand.editor.dirty


async def test_a_mapping_that_matches_nothing_is_seen_while_it_is_typed() -> None:
    async with staged("widget", "config", WIDGET, world()) as hand:
        row(hand, "columns.name").focus_value()
        await hand.settle()
        assert hand.app.focused is row(hand, "columns.name").query_one(".-value")
        await hand.press("end")
        await hand.type("s")
        assert said(hand, "columns.name") == "✗ matches nothing"
        await hand.type("[")
        assert said(hand, "columns.name").startswith("✗ is no JSONPath")
        assert [error.path for error in hand.editor.problems()] == ["config.fieldMappings.columns.name"]
        await hand.press("backspace", "backspace")
        assert said(hand, "columns.name") == "✓ name"
        assert not hand.editor.dirty


async def test_what_nobody_knows_of_the_config_stays_as_it_is() -> None:
    async with staged("widget", "config", WIDGET, world()) as hand:
        row(hand, "columns.name").put("$.id")
        await hand.settle()
        wanted = copy.deepcopy(WIDGET["config"])
        wanted["fieldMappings"]["columns.name"] = "$.id"
        assert hand.editor.value()["config"] == wanted
        assert hand.editor.changes() == {"config": {"fieldMappings": wanted["fieldMappings"]}}


async def test_a_slot_is_added_from_the_suggestions_and_its_path_chosen_from_the_sample() -> None:
    async with staged("widget", "config", WIDGET, world()) as hand:
        hand.editor.query("AddLine").first().focus()
        await hand.press("enter")
        assert isinstance(hand.app.screen, ChooserScreen)
        assert "columns.…" in hand.screen
        await hand.type("columns.id")
        await hand.press("up", "enter")
        await hand.until(lambda: any(one.pair.name == "columns.id" for one in hand.editor.query(PairRow)))
        await hand.press("f6")
        assert isinstance(hand.app.screen, ChooserScreen)
        assert "con_1" in hand.screen
        await hand.type("$.id")
        await hand.press("enter")
        await hand.until(lambda: row(hand, "columns.id").pair.text)
        assert hand.editor.value()["config"]["fieldMappings"]["columns.id"] == "$.id"
        assert said(hand, "columns.id") == "✓ con_1"


async def test_lines_are_moved_and_taken_away() -> None:
    async with staged("widget", "config", WIDGET, world()) as hand:
        row(hand, "columns.name").focus_value()
        await hand.settle()
        await hand.press("alt+up")
        assert list(hand.editor.value()["config"]["fieldMappings"]) == ["columns.name", "rows"]
        await hand.press("f9")
        assert hand.editor.value()["config"]["fieldMappings"] == {"rows": "$.results"}


async def test_a_pasted_result_takes_the_place_of_the_example() -> None:
    async with staged("widget", "config", WIDGET, world()) as hand:
        await hand.press("f7")
        assert isinstance(hand.app.screen, SampleScreen)
        area = hand.app.screen.query_one(TextEditor)
        area.load_text('{"results": [')
        await hand.press("ctrl+s")
        assert "is not JSON" in hand.screen
        area.load_text('{"results": [{"name": "Ada"}, {}, {"name": "Bob"}]}')
        await hand.press("ctrl+s")
        await hand.until(lambda: not isinstance(hand.app.screen, SampleScreen))
        await hand.settle()
        assert said(hand, "columns.name") == "✓ Ada  (2 of 3 items)"
        assert not hand.editor.dirty


async def test_the_tool_is_chosen_by_name_and_the_sample_follows() -> None:
    async with staged("widget", "config", WIDGET, world()) as hand:
        hand.editor.focus_first()
        await hand.type("show")
        await hand.press("enter")
        await hand.settle()
        assert hand.editor.changes() == {"toolId": "t_get"}
        assert said(hand, "rows") == "✗ matches nothing"


async def test_a_new_tool_can_be_asked_for_and_is_taken_once_it_is_there() -> None:
    async with staged("widget", "config", WIDGET, world()) as hand:
        hand.editor.focus_first()
        await hand.type("new")
        await hand.press("enter")
        assert [(one.kind, one.path) for one in hand.app.wanted] == [("tool", "toolId")]
        hand.editor.refer("toolId", "t_lone")
        await hand.settle()
        assert hand.editor.value()["toolId"] == "t_lone"


async def test_styles_keep_their_types_and_take_any_name() -> None:
    async with staged("widget", "config", WIDGET, world()) as hand:
        assert hand.editor.value()["config"]["style"] == {"density": "compact", "stripes": True}
        row(hand, "stripes").query_one(".-value", LineEditor).value = "3"
        row(hand, "density").query_one(".-value", LineEditor).value = "very"
        await hand.settle()
        assert hand.editor.value()["config"]["style"] == {"density": "very", "stripes": 3}


async def test_a_slot_that_is_there_twice_is_a_problem() -> None:
    async with staged("widget", "config", WIDGET, world()) as hand:
        row(hand, "columns.name").query_one(".-name", LineEditor).value = "rows"
        await hand.settle()
        assert ("config.fieldMappings.rows", "is there twice") in {
            (error.path, error.message) for error in hand.editor.problems()
        }


async def test_a_line_is_taken_away_with_the_mouse() -> None:
    async with staged("widget", "config", WIDGET, world()) as hand:
        await hand.pilot.click(row(hand, "columns.name").query_one("_Cross"))
        await hand.settle()
        assert hand.editor.value()["config"]["fieldMappings"] == {"rows": "$.results"}
