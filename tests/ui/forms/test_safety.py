"""Hostile text is shown literally, no control byte reaches the terminal, and forms that are closed are gone."""

from __future__ import annotations

import gc
import weakref
from typing import Any

import pytest
from textual.app import App, ComposeResult
from textual.screen import Screen
from textual.widget import Widget

from drio_tui.schema.form import FormModel
from drio_tui.ui.dialogs.select_dialog import ChooserScreen
from drio_tui.ui.forms.inputs import drawn
from drio_tui.ui.forms.schema_form import SchemaForm
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


def bad_bytes(app: App[Any]) -> list[str]:
    """The characters on the screen that a terminal would act on."""
    found = []
    for strip in app.screen._compositor.render_strips():
        found += [char for char in strip.text if ord(char) < 0x20 or 0x7F <= ord(char) < 0xA0 or char in "\u202e\u2066"]
        found += [char for char in strip.text if 0xD800 <= ord(char) < 0xE000]
    return found


@pytest.mark.parametrize("text", HOSTILE)
async def test_hostile_words_in_schema_and_value_are_literal(text: str) -> None:
    """F57 F58: in forms, their choosers and menus."""
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
            assert bad_bytes(hand.app) == []
        hand.form.show_tab(0)
        await hand.settle()
        if text.isprintable():
            assert text in hand.screen
        await hand.focus(text)
        await hand.press("enter")
        await hand.until(lambda: isinstance(hand.app.screen, ChooserScreen))
        await hand.settle()
        assert bad_bytes(hand.app) == []
        await hand.press("escape")
        await hand.focus("a")
        await hand.press("f2")
        await hand.settle()
        assert bad_bytes(hand.app) == []
        await hand.press("escape")
        await hand.press("ctrl+s")
        await hand.settle()
        assert bad_bytes(hand.app) == []
        assert hand.model.to_patch() == {}
        assert hand.app.is_running


@pytest.mark.parametrize("text", HOSTILE)
def test_what_an_editor_draws_is_as_long_as_what_it_holds(text: str) -> None:
    assert len(drawn(text)) == len(text)
    assert not any(ord(char) < 0x20 or 0x7F <= ord(char) < 0xA0 for char in drawn(text))


async def test_an_edit_beside_hidden_characters_keeps_them() -> None:
    async with staged(form({"properties": {"a": {"type": "string"}}}, {"a": "x\u202ey\x1bz"})) as hand:
        await hand.press("end")
        await hand.type("!")
        assert hand.model.to_patch() == {"a": "x\u202ey\x1bz!"}


async def test_a_value_too_large_to_edit_is_kept() -> None:
    """F26: JSON, and a text of one line of a megabyte, in which each key would lay out the whole of it anew."""
    from drio_tui.ui.forms.field_row import FieldRow

    text = "z" * 1_000_000
    loaded = {"description": text, "inputSchema": {"type": "object", "x": "y" * 300_000}, "name": "n"}
    async with staged(form_of("OperationPatch", loaded)) as hand:
        assert isinstance(hand.place("inputSchema"), FieldRow)
        assert not hand.place("description").query("TextArea")
        assert "1,000,002 characters: kept as they are; $EDITOR" in str(
            hand.place("description").query("Picker").first().render()
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
        for round_ in range(6):
            model = form_of("WidgetPatch", {"name": "n", "config": {"style": {"a": 1}}})
            models.add(model)
            screen = FormScreen(model)
            await app.push_screen(screen)
            await pilot.pause()
            opened = screen.query_one(SchemaForm)
            if round_ % 3 == 0:
                opened.show_tab(1)
                await pilot.pause()
                opened.show_tab(0)
            widgets = list(screen.walk_children(Widget))
            assert len(widgets) > 20
            for widget in widgets:
                live.add(widget)
            await app.pop_screen()
            del model, screen, opened, widget, widgets
            await pilot.pause()
            if round_ % 3 == 2:
                gc.collect()
                counts.append((len(live), len(models)))
        assert counts[0] == counts[1], "the same after six rounds as after three"
        assert counts[1][1] <= 1, "at most what the last screen's own teardown still holds"
