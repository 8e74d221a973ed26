"""Hostile text is shown literally, no control byte reaches the terminal, and closed forms are freed."""

from __future__ import annotations

import gc
import weakref
from typing import Any

import pytest
from textual.app import App, ComposeResult
from textual.screen import Screen
from textual.widget import Widget

from drio_tui.schema.form import FormModel
from drio_tui.ui.dialogs.select_dialog import SelectDialog
from drio_tui.ui.forms.inputs import sanitized_same_length
from drio_tui.ui.forms.schema_form import SchemaForm
from tests import THOROUGH
from tests.schema.editing import form, form_of
from tests.ui.forms.stage import staged

HOSTILE = [
    "app [prod]",
    "a [/] b",
    "[@click=app.quit]x[/]",
    "\x1b[31mred\x1b]8;;http://evil\x07",
    "\x9b31m",
    "bidi \u202e\u2066 end",
    "e" + "\u0301" * 40,
    "\ud800 lone",
    "$accent [bold]",
]


def control_characters(app: App[Any]) -> list[str]:
    """Return the characters on the screen that would control a terminal."""
    bad = []
    for strip in app.screen._compositor.render_strips():
        bad += [char for char in strip.text if ord(char) < 0x20 or 0x7F <= ord(char) < 0xA0 or char in "\u202e\u2066"]
        bad += [char for char in strip.text if 0xD800 <= ord(char) < 0xE000]
    return bad


@pytest.mark.parametrize(
    "text",
    HOSTILE if THOROUGH else [" ".join(text for text in HOSTILE if text.isprintable() is how) for how in (True, False)],
)
async def test_hostile_text_in_schema_and_value_is_shown_literally(text: str) -> None:
    """F57 F58: in forms, their lists and menus."""
    schema = {
        "title": text,
        "properties": {
            "a": {"type": "string", "title": text, "description": text, "examples": [text]},
            text: {"enum": [text, "b"], "description": text},
            "o": {"title": text, "description": text, "properties": {n: {"type": "string"} for n in (text, "x", "y")}},
            "t": {"oneOf": [{"title": text, "type": "object", "properties": {"x": {}}}, {"type": "integer"}]},
            "m": {"additionalProperties": True},
            "l": {"type": "array", "items": {"type": "string"}},
        },
    }
    loaded = {"a": text, text: text + "?", "o": {text: text}, "m": {text: text}, "l": [text], text + "2": text}
    async with staged(form(schema, loaded), size=(120, 50), note=text) as hand:
        for tab in range(len(hand.form.titles)):
            hand.form.show_tab(tab)
            await hand.settle()
            assert control_characters(hand.app) == []
        hand.form.show_tab(0)
        await hand.settle()
        if text.isprintable():
            assert text in hand.screen
        await hand.focus(text)
        await hand.press("enter")
        await hand.until(lambda: isinstance(hand.app.screen, SelectDialog))
        await hand.settle()
        assert control_characters(hand.app) == []
        await hand.press("escape")
        await hand.focus("a")
        await hand.press("f2")
        await hand.settle()
        assert control_characters(hand.app) == []
        await hand.press("escape")
        await hand.press("ctrl+s")
        await hand.settle()
        assert control_characters(hand.app) == []
        assert hand.model.to_patch() == {}
        assert hand.app.is_running


@pytest.mark.parametrize("text", HOSTILE)
def test_sanitized_text_has_the_same_length(text: str) -> None:
    assert len(sanitized_same_length(text)) == len(text)
    assert not any(ord(char) < 0x20 or 0x7F <= ord(char) < 0xA0 for char in sanitized_same_length(text))


async def test_editing_keeps_hidden_characters() -> None:
    async with staged(form({"properties": {"a": {"type": "string"}}}, {"a": "x\u202ey\x1bz"})) as hand:
        await hand.press("end")
        await hand.type("!")
        assert hand.model.to_patch() == {"a": "x\u202ey\x1bz!"}


async def test_a_value_too_large_to_edit_is_kept() -> None:
    """F26: JSON, and a one-line text of a megabyte, which would be laid out again with each key."""
    from drio_tui.ui.forms.field_row import FieldRow

    text = "z" * 1_000_000
    loaded = {"description": text, "inputSchema": {"type": "object", "x": "y" * 300_000}, "name": "n"}
    async with staged(form_of("OperationPatch", loaded)) as hand:
        assert isinstance(hand.field_widget("inputSchema"), FieldRow)
        assert not hand.field_widget("description").query("TextArea")
        assert "1,000,002 characters: kept as they are; $EDITOR" in str(
            hand.field_widget("description").query("Picker").first().render()
        )
        await hand.focus("name")
        await hand.type("m")
        assert hand.model.to_patch() == {"name": "nm"}
        assert hand.model.value()["description"] is text


class Opener(App[None]):
    def compose(self) -> ComposeResult:
        yield from ()


class FormScreen(Screen[None]):
    def __init__(self, model: FormModel) -> None:
        super().__init__()
        self._model = model

    def compose(self) -> ComposeResult:
        yield SchemaForm(self._model)


async def test_a_form_that_is_closed_leaves_nothing_behind() -> None:
    app = Opener()
    live: weakref.WeakSet[Widget] = weakref.WeakSet()
    models: weakref.WeakSet[FormModel] = weakref.WeakSet()
    async with app.run_test(size=(80, 24)) as pilot:
        counts = []
        for number in range(6):
            model = form_of("WidgetPatch", {"name": "n", "config": {"style": {"a": 1}}})
            models.add(model)
            screen = FormScreen(model)
            await app.push_screen(screen)
            await pilot.pause()
            schema_form = screen.query_one(SchemaForm)
            if number % 3 == 0:
                schema_form.show_tab(1)
                await pilot.pause()
                schema_form.show_tab(0)
            widgets = list(screen.walk_children(Widget))
            one_form = len(widgets)
            assert one_form > 20
            for widget in widgets:
                live.add(widget)
            await app.pop_screen()
            del model, screen, schema_form, widget, widgets
            await pilot.pause()
            if number % 3 == 2:
                gc.collect()
                counts.append((len(live), len(models)))
        assert max(models for _, models in counts) <= 1, "only the last screen may still be held by its teardown"
        assert max(widgets for widgets, _ in counts) < one_form, "and not all of its widgets"
