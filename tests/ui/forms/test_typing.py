"""Editing with only the keyboard, and with only the mouse."""

from __future__ import annotations

from typing import Any

import pytest

from drio_tui.schema.fields import Option, Reference
from drio_tui.ui.dialogs.select_dialog import Choice, SelectDialog, new_name
from drio_tui.ui.forms.inputs import Picker, Segments, TextEditor
from drio_tui.ui.widgets.line_editor import LineEditor
from tests.schema.editing import form, form_of
from tests.ui.forms.stage import staged


async def test_an_app_is_filled_in_and_saved_by_keyboard() -> None:
    async with staged(form_of("AppCreate")) as hand:
        await hand.type("support")
        await hand.press("enter")
        await hand.type("Acme")
        await hand.press("f4")
        await hand.settle()
        await hand.type("#0f172a")
        await hand.press("ctrl+s")
        await hand.settle()
        assert [event.value for event in hand.app.submitted] == [
            {"templateId": "support", "name": "Acme", "branding": {"primaryColor": "#0f172a"}}
        ]


async def test_nested_lists_are_edited_by_keyboard() -> None:
    schema = {
        "properties": {
            "rows": {
                "type": "array",
                "items": {
                    "title": "Row",
                    "properties": {"name": {"type": "string"}, "tags": {"type": "array", "items": {"type": "string"}}},
                },
            }
        }
    }
    async with staged(form(schema, {"rows": []})) as hand:
        await hand.press("down", "enter")
        await hand.settle()
        await hand.type("one")
        await hand.press("tab", "tab", "enter")
        await hand.settle()
        await hand.type("x")
        await hand.press("tab", "enter")
        await hand.settle()
        await hand.type("y")
        assert hand.model.value() == {"rows": [{"name": "one", "tags": ["x", "y"]}]}
        await hand.press("alt+up")
        await hand.settle()
        assert hand.model.value() == {"rows": [{"name": "one", "tags": ["y", "x"]}]}
        await hand.press("tab", "tab", "tab", "enter")
        await hand.settle()
        await hand.type("two")
        assert hand.model.value()["rows"][1] == {"name": "two"}
        await hand.press("alt+up")
        await hand.settle()
        assert [row["name"] for row in hand.model.value()["rows"]] == ["two", "one"]
        await hand.press("f2")
        await hand.until(lambda: isinstance(hand.app.screen, SelectDialog))
        await hand.type("remove")
        await hand.press("enter")
        await hand.settle()
        assert hand.model.value() == {"rows": [{"name": "one", "tags": ["y", "x"]}]}


async def test_a_map_is_filled_in_by_keyboard() -> None:
    async with staged(form_of("WidgetPatch", {"name": "n"})) as hand:
        await hand.focus("config.fieldMappings")
        await hand.press("tab", "enter")
        await hand.settle()
        await hand.type("rows")
        await hand.press("tab", "tab")
        await hand.type("$.a")
        assert hand.model.to_patch() == {"config": {"fieldMappings": {"rows": "$.a"}}}
        await hand.press("shift+tab")
        await hand.press("right")
        await hand.settle()
        assert isinstance(hand.app.focused, Picker)
        assert [error.message for error in hand.model.check()] == ["must be a number"]
        await hand.press("left")
        await hand.settle()
        assert hand.model.to_patch() == {"config": {"fieldMappings": {"rows": "$.a"}}}


async def test_an_enumeration_offers_an_unknown_current_value_and_filters_by_typing() -> None:
    async with staged(form_of("WidgetPatch", {"primitive": "hologram"})) as hand:
        assert "hologram (current value)" in hand.screen
        await hand.focus("primitive")
        await hand.type("car")
        await hand.until(lambda: isinstance(hand.app.screen, SelectDialog))
        await hand.settle()
        await hand.press("enter")
        await hand.settle()
        assert hand.model.to_patch() == {"primitive": "card"}
        await hand.press("enter")
        await hand.until(lambda: isinstance(hand.app.screen, SelectDialog))
        await hand.type("holo")
        await hand.settle()
        assert "current value" in hand.screen
        await hand.press("enter")
        await hand.settle()
        assert hand.model.to_patch() == {}


async def test_boolean_choices_have_one_key_each() -> None:
    async with staged(form_of("ToolPatch", {"isEnabled": None})) as hand:
        await hand.focus("isEnabled")
        await hand.press("y")
        assert hand.model.to_patch() == {"isEnabled": True}
        await hand.press("right")
        assert hand.model.to_patch() == {"isEnabled": False}
        await hand.press("right")
        assert hand.model.to_patch() == {}


REFERENCES = {
    "binding.integrationOperationId": Reference(
        lambda: [Option("op_1", "Search [contacts]", "Acme"), Option("op_2", "Create ticket")], "new operation…"
    )
}


async def test_a_reference_is_chosen_by_name_and_never_typed() -> None:
    async with staged(form_of("ToolCreate"), references=REFERENCES) as hand:
        await hand.press("f3", "f3")
        await hand.settle()
        await hand.focus("binding.integrationOperationId")
        await hand.type("tick")
        await hand.until(lambda: isinstance(hand.app.screen, SelectDialog))
        await hand.settle()
        await hand.press("enter")
        await hand.settle()
        assert hand.model.value() == {"binding": {"integrationOperationId": "op_2"}}
        assert "Create ticket" in hand.screen
        assert "op_2" not in hand.screen


async def test_a_list_without_matches_says_so() -> None:
    async with staged(form_of("ToolCreate")) as hand:
        chooser: SelectDialog = SelectDialog("Which?", [Choice("one", "The first"), Choice("two", "The second")])
        hand.app.push_screen(chooser)
        await hand.settle()
        await hand.type("[b]zzz")
        await hand.until(lambda: "Nothing matches “[b]zzz”" in hand.screen)
        await hand.press("down", "pageup", "enter")
        await hand.settle()
        assert hand.app.screen is chooser
        await hand.press(*["backspace"] * 6, *"sec")
        await hand.until(lambda: "The second" in hand.screen)
        assert "Nothing matches" not in hand.screen


async def test_a_new_resource_can_be_requested_and_referred_to() -> None:
    async with staged(form_of("ToolCreate"), references=REFERENCES) as hand:
        hand.form.show_tab(2)
        await hand.settle()
        await hand.focus("binding.integrationOperationId")
        await hand.press("enter")
        await hand.until(lambda: isinstance(hand.app.screen, SelectDialog))
        await hand.type("new op")
        await hand.press("enter")
        await hand.until(lambda: hand.app.new_wanted)
        request = hand.app.new_wanted[0]
        assert request.pattern == "binding.integrationOperationId"
        hand.form.refer(request.path, "op_1")
        await hand.settle()
        assert hand.model.value()["binding"] == {"integrationOperationId": "op_1"}


async def test_a_dangling_reference_is_marked_not_found() -> None:
    async with staged(form_of("ToolPatch", {"widgetId": "w_9"}), references={"widgetId": Reference(list)}) as hand:
        assert "w_9 (not found)" in hand.screen


async def test_switching_alternatives_keeps_what_was_typed() -> None:
    schema = {
        "properties": {
            "auth": {
                "oneOf": [
                    {"properties": {"type": {"const": "key"}, "value": {"type": "string"}}},
                    {"properties": {"type": {"const": "oauth"}, "url": {"type": "string"}}},
                ]
            }
        }
    }
    async with staged(form(schema)) as hand:
        await hand.press("tab", "right")
        await hand.settle()
        await hand.press("tab")
        await hand.type("k")
        assert hand.model.value() == {"auth": {"type": "key", "value": "k"}}
        await hand.press("shift+tab", "right")
        await hand.settle()
        await hand.press("tab")
        await hand.type("u")
        assert hand.model.value() == {"auth": {"type": "oauth", "url": "u"}}
        await hand.press("shift+tab", "left")
        await hand.settle()
        assert hand.model.value() == {"auth": {"type": "key", "value": "k"}}
        assert hand.field_widget("auth.value").query_one(LineEditor).value == "k"


async def test_the_menu_resets_clears_sets_null_and_switches_to_json() -> None:
    async with staged(form_of("AppPatch", {"name": "n", "slug": "s", "branding": {"primaryColor": "#fff"}})) as hand:

        async def menu(path: str, item: str) -> None:
            await hand.focus(path)
            await hand.press("f2")
            await hand.until(lambda: isinstance(hand.app.screen, SelectDialog))
            await hand.type(item)
            await hand.settle()
            await hand.press("enter")
            await hand.settle()

        await menu("slug", "leave")
        assert hand.model.to_patch() == {"slug": None}
        assert hand.field_widget("slug").query_one(LineEditor).value == ""
        await menu("slug", "reset")
        assert hand.model.to_patch() == {}
        assert hand.field_widget("slug").query_one(LineEditor).value == "s"
        await menu("name", "null")
        assert hand.model.to_patch() == {"name": None}
        await menu("name", "reset")
        await menu("name", "as json")
        assert hand.field_widget("name").query_one(TextEditor).text == '"n"'
        await menu("name", "in fields")
        assert hand.field_widget("name").query_one(LineEditor).value == "n"
        assert hand.model.to_patch() == {}


async def test_a_recursive_object_is_added_by_a_key() -> None:
    schema = {
        "$ref": "#/$defs/T",
        "$defs": {"T": {"properties": {"v": {"type": "string"}, "next": {"$ref": "#/$defs/T"}}}},
    }
    async with staged(form(schema, {})) as hand:
        await hand.press("tab", "tab", "enter")
        await hand.settle()
        await hand.type("inner")
        assert hand.model.value() == {"next": {"v": "inner"}}


async def test_a_form_is_edited_with_the_mouse() -> None:
    schema = {
        "properties": {
            "on": {"type": "boolean"},
            "kind": {"enum": ["a", "b"]},
            "tags": {"type": "array", "items": {"type": "string"}},
            "deep": {"properties": {name: {"type": "string"} for name in "xyz"}},
        }
    }
    async with staged(form(schema, {"tags": ["1", "2", "3"]})) as hand:

        async def click(widget: Any, x: int, y: int = 0) -> None:
            await hand.pilot.click(widget, offset=(x, y))
            await hand.settle()

        await click(hand.field_widget("on").query_one(Segments), 2)
        assert hand.model.to_patch() == {"on": True}
        await click(hand.field_widget("kind").query_one(Picker), 3)
        assert isinstance(hand.app.screen, SelectDialog)
        await click("OptionList", 2, 1)
        assert hand.model.to_patch() == {"on": True, "kind": "b"}
        row = hand.field_widget("tags.1")
        await click(row, row.size.width - 6)
        assert hand.model.value()["tags"] == ["2", "1", "3"]
        row = hand.field_widget("tags.0")
        await click(row, row.size.width - 2)
        assert hand.model.value()["tags"] == ["1", "3"]
        await click("AddLine", 1)
        await hand.type("new")
        assert hand.model.value()["tags"] == ["1", "3", "new"]
        await click("TabStrip", 12)
        assert hand.form.current == 1
        await hand.type("t")
        assert hand.model.value()["deep"] == {"x": "t"}


async def test_a_secret_is_masked_and_never_shown() -> None:
    schema = {"properties": {"token": {"type": "string", "writeOnly": True}, "name": {"type": "string"}}}
    async with staged(form(schema, {"token": "loaded-secret", "name": "n"})) as hand:
        assert "unchanged" in hand.screen
        await hand.type("typed-secret")
        assert "typed" not in hand.screen
        hand.form.show_tab(1)
        await hand.settle()
        assert "secret" not in hand.screen
        assert hand.model.to_patch() == {"token": "typed-secret"}


async def test_a_narrowed_form_keeps_its_text_and_moves_labels_above() -> None:
    async with staged(form_of("AppPatch", {"name": "n"}), size=(100, 30)) as hand:
        await hand.focus("slug")
        await hand.type("abc")
        await hand.pilot.resize_terminal(44, 30)
        await hand.settle()
        lines = hand.screen.splitlines()
        label = next(number for number, line in enumerate(lines) if "Slug" in line)
        assert "abc" not in lines[label]
        assert "abc" in lines[label + 1]
        await hand.type("d")
        assert hand.model.to_patch() == {"slug": "abcd"}
        await hand.pilot.resize_terminal(100, 30)
        await hand.settle()
        assert any("Slug" in line and "abcd" in line for line in hand.screen.splitlines())


async def test_a_hint_adds_validation_to_a_free_map() -> None:
    from drio_tui.api import models
    from drio_tui.schema.fields import SchemaOverlay

    schema = models.WidgetPatch.model_json_schema(by_alias=True)
    hints = SchemaOverlay(extra={"config.fieldMappings{}": {"type": "string", "format": "jsonpath"}})
    async with staged(form(schema, {"config": {"fieldMappings": {"rows": "$.a"}}}, hints=hints)) as hand:
        await hand.focus("config.fieldMappings.rows")
        await hand.press("tab", "end")
        await hand.type("[")
        await hand.press("tab")
        await hand.settle()
        assert "✗ is no JSONPath" in hand.screen


@pytest.mark.parametrize(
    ("typed", "label", "name"),
    [
        ("", "new tool…", ""), ("new", "new tool…", ""), ("NEW to", "new tool…", ""), ("tool", "new tool…", ""),
        ("Net", "new tool…", "Net"), ("Pet", "new operation…", "Pet"), ("Acton", "new auth connection…", "Acton"),
        (" Write note ", "new operation…", "Write note"), ("new year", "new tool…", "new year"),
    ],
)  # fmt: skip
def test_name_typed_ignores_text_that_matches_the_label(typed: str, label: str, name: str) -> None:
    assert new_name(typed, label) == name
