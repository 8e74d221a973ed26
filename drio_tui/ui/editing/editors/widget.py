"""The editor of a widget: primitive, display, field mappings and style; mappings are evaluated while they are typed."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any, ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import Static

from drio_tui.api.errors import FieldError
from drio_tui.schema.fields import Option, SchemaOverlay
from drio_tui.ui.base import keymap
from drio_tui.ui.base.keymap import Key
from drio_tui.ui.base.workers import start_worker
from drio_tui.ui.dialogs.select_dialog import Choice, SelectDialog
from drio_tui.ui.editing.editors.base import Editor, EditorMessage, Notes, status_text
from drio_tui.ui.editing.editors.fill_slots_dialog import FillSlotsDialog
from drio_tui.ui.editing.editors.form_editor import field_for
from drio_tui.ui.editing.editors.key_value_list import (
    KeyValueList,
    KeyValueRow,
    Pair,
    object_from,
    pairs_from,
    value_text,
)
from drio_tui.ui.editing.editors.sample import MAX_SHOWN, SampleDialog, sample_text
from drio_tui.ui.editing.editors.widget_picture import MOST_ITEMS, WidgetPicture
from drio_tui.ui.forms.group_widgets import AddLine
from drio_tui.ui.forms.inputs import Picker
from drio_tui.ui.widgets.json_lines import Limits, Truncation, lines_of
from drio_tui.ui.widgets.line_editor import LineEditor
from drio_tui.ui.widgets.sanitize import sanitize_line
from drio_tui.workspace.run import mapping
from drio_tui.workspace.run.bound_tool import drafted_tool
from drio_tui.workspace.run.mapping_suggestions import SlotChange, slot_changes, taken_mappings
from drio_tui.workspace.run.schema_examples import sample_of
from drio_tui.workspace.run.tool_run import inner_value

_SELECTS = (("toolId", "Shows"), ("primitive", "Drawn as"), ("displayMode", "Where"), ("visibility", "Visibility"))
_SAMPLE_LIMITS = Limits(lines=200, chars=20_000, string=200)
_STATUS = {"found": "good", "nothing": "bad", "wrong": "bad", "unseen": "warning"}
_NEW = object()


class WidgetEditor(Editor):
    """Edits tool, primitive, display mode, visibility, field mappings and style.

    Mappings are evaluated on a sample: a pasted result, else the one saved in the playground, else an example
    generated from the output schema of the operation that the tool calls.
    """

    properties = ("toolId", "primitive", "displayMode", "visibility", "config")
    BINDINGS: ClassVar[list[BindingType]] = keymap.section(
        "widget_editor",
        "Widgets: mappings and style",
        Key("widget_editor.offers", "f6", "suggestions", "Paths", "Choose a path of the sample, or a common value"),
        Key("widget_editor.fill", "f8", "fill", "Fill slots", "Suggest a path for every slot, from the sample"),
        Key("widget_editor.picture", "f4", "picture", "Picture", "Show the widget as it is drawn with the sample"),
        Key("widget_editor.sample", "f7", "sample", "Sample", "Paste a real result to try the mappings on"),
        Key("widget_editor.remove", "f9", "remove", "Remove", "Remove this line", show=False),
        Key("widget_editor.up", "alt+up", "shift(-1)", "Line up", "Move this line up", show=False),
        Key("widget_editor.down", "alt+down", "shift(1)", "Line down", "Move this line down", show=False),
        Key("widget_editor.save", "ctrl+s", "save", "Save", "Save", palette=False),
    )

    class Suggested(EditorMessage):
        """Paths for the slots were suggested, for these mappings; from a result if `is_real`, else from its schema."""

        def __init__(
            self, editor: Editor, changes: list[SlotChange], mappings: Mapping[str, Any], *, is_real: bool
        ) -> None:
            super().__init__(editor)
            self.changes, self.mappings, self.is_real = changes, mappings, is_real

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._is_suggesting = False
        self._pasted = ""
        self._pasted_value: Any = None
        self._from_schema = False

    # -- state ------------------------------------------------------------------------------------

    def reset(self) -> None:
        self._field = field_for(self.properties, "WidgetPatch", SchemaOverlay(), self.context)
        self.selected: dict[str, Any] = {name: self.base[name] for name, _ in _SELECTS if name in self.base}
        config = self.base.get("config")
        self._config: dict[str, Any] = config if isinstance(config, dict) else {}
        self.mappings = pairs_from(self._config.get("fieldMappings"))
        self.style_pairs = pairs_from(self._config.get("style"), any_scalar=True)

    @property
    def primitive(self) -> str:
        """The widget's primitive, empty while none is chosen."""
        primitive = self.selected.get("primitive")
        return primitive if isinstance(primitive, str) else ""

    @property
    def sample(self) -> Any:
        """The result that mappings are evaluated on, None if there is none."""
        if self._pasted:
            return self._pasted_value
        if (saved := self.saved_sample) is not None:
            return saved
        if (last := self.last_result) is not None:
            return last
        return sample_of(self.snapshot, self.selected.get("toolId")).result

    @property
    def saved_sample(self) -> Any:
        """The result saved in the playground as the sample of the tool, None if there is none."""
        return self.context.sample(self.selected.get("toolId"))

    @property
    def last_result(self) -> Any:
        """The newest result of the tool in the playground, None if there is none or the schema is to be used."""
        tool = self.selected.get("toolId")
        structured = self.context.last_results.get(tool) if isinstance(tool, str) and not self._from_schema else None
        return None if structured is None else inner_value(drafted_tool(self.snapshot, self.selected), structured)

    def value(self, *, secrets: bool = True) -> dict[str, Any]:
        config = dict(self._config)
        for name, pairs in (("fieldMappings", self.mappings), ("style", self.style_pairs)):
            edited = object_from(pairs)
            if edited or isinstance(config.get(name), dict):
                config[name] = edited
        value = dict(self.selected)
        if config or isinstance(self.base.get("config"), dict):
            value["config"] = config
        elif "config" in self.base:
            value["config"] = self.base["config"]
        return value

    def validate(self) -> list[FieldError]:
        errors = list(self.server_errors)
        if not isinstance(self.resource.get("id"), str):
            errors += [
                FieldError(name, "is required") for name in ("toolId", "primitive") if not self.selected.get(name)
            ]
        if not self.dirty:
            return errors
        for path, pairs in (("config.fieldMappings", self.mappings), ("config.style", self.style_pairs)):
            names = [pair.name for pair in pairs]
            errors += [FieldError(f"{path}.{name}", "is there twice") for name in sorted(_duplicates(names)) if name]
            errors += [FieldError(path, "has a line without a name") for pair in pairs if not pair.name]
        for outcome in mapping.apply_mappings(object_from(self.mappings), self.sample):
            if outcome.state == "wrong":
                errors.append(FieldError(f"config.fieldMappings.{outcome.slot}", outcome.shown))
        return errors

    def focus_error(self, path: str) -> None:
        rows = [row for pairs in self.query(KeyValueList) for row in pairs.rows]
        invalid = [row for row in rows if row.pair.name and path.endswith(f".{row.pair.name}")]
        invalid += [row for row in rows if not row.pair.name]
        if invalid:
            invalid[0].focus_value()
        else:
            self.focus_first()

    def set_reference(self, path: str, id: str) -> None:
        self.selected["toolId"] = id
        self.mark_changed()

    # -- on the screen ----------------------------------------------------------------------------

    def compose(self) -> ComposeResult:
        with VerticalScroll(classes="-main", can_focus=False):
            yield Notes(id="refused")
            for selects in (_SELECTS[:2], _SELECTS[2:]):
                with Horizontal(classes="-picks"):
                    for name, title in selects:
                        yield Static(title, markup=False, classes="-label")
                        yield Picker(Content(), classes=f"-pick -{name}")
            yield Static("What goes into each slot", markup=False, classes="-title")
            yield KeyValueList("JSONPath, such as $.results", self._mapping_notes, id="mappings")
            yield AddLine("slot…")
            fill = AddLine("fill the slots from the result…")
            fill.id = "fill"
            yield fill
            yield Static("Style", markup=False, classes="-title")
            yield KeyValueList("value", self._style_notes, id="styles")
            yield AddLine("style…")
        with Vertical(classes="-aside -pictured"):
            yield WidgetPicture(id="picture")
            with VerticalScroll(id="sample-lines", can_focus=False):
                yield Notes(id="notes")

    def show(self) -> None:
        for name, _ in _SELECTS:
            self.query_one(f".-{name}", Picker).show(self._selected_label(name))
        self.query_one("#mappings", KeyValueList).set_pairs(self.mappings)
        self.query_one("#styles", KeyValueList).set_pairs(self.style_pairs)
        self.query_one("#refused", Notes).show_lines(
            status_text("bad", f"{error.path} {error.message}") for error in self.server_errors
        )
        self.query_one("#refused", Notes).display = bool(self.server_errors)
        self.query_one("#notes", Notes).show_lines(self._sample_lines())
        self._draw_picture()

    def on_resize(self, event: events.Resize) -> None:
        super().on_resize(event)
        self._draw_picture()

    def _draw_picture(self) -> None:
        if self.has_class("-wide") or self.has_class("-picture"):
            self.query_one(WidgetPicture).draw(self.snapshot, {**self.resource, **self.value()}, self.sample)

    def _selected_label(self, name: str) -> Content:
        value = self.selected.get(name)
        if not isinstance(value, str) or not value:
            return Content.styled("choose…", "$foreground-muted")
        if name != "toolId":
            return sanitize_line(value, 40)
        tool = self.snapshot.resource("tool", value)
        if tool is None:
            return Content.assemble(sanitize_line(value, 30), (" (not found)", "$text-warning"))
        return sanitize_line(tool.name, 40)

    def _mapping_notes(self, pairs: list[Pair]) -> dict[int, Content]:
        found = mapping.apply_mappings(object_from(pairs), self.sample, most=MOST_ITEMS)
        outcomes = {outcome.slot: outcome for outcome in found}
        has_sample = self.sample is not None
        duplicates = _duplicates([pair.name for pair in pairs])
        notes: dict[int, Content] = {}
        for number, pair in enumerate(pairs):
            outcome = outcomes.get(pair.name)
            if pair.name in duplicates:
                notes[number] = status_text("bad", "this slot is there twice")
            elif outcome is None:
                notes[number] = Content.styled("  give the slot a name", "$foreground-muted")
            elif not has_sample and outcome.state != "wrong":
                notes[number] = Content.styled("  there is no sample to try it on: F7", "$foreground-muted")
            else:
                notes[number] = status_text(_STATUS[outcome.state], outcome.shown, 120)
        return notes

    def _style_notes(self, pairs: list[Pair]) -> dict[int, Content]:
        known = mapping.styles_for(self.primitive)
        duplicates = _duplicates([pair.name for pair in pairs])
        notes: dict[int, Content] = {}
        for number, pair in enumerate(pairs):
            if pair.name in duplicates:
                notes[number] = status_text("bad", "this name is there twice")
            elif known.get(pair.name):
                notes[number] = sanitize_line(f"  such as {', '.join(known[pair.name])}", 100, "$foreground-muted")
        return notes

    def _sample_lines(self) -> Iterator[Content]:
        example = sample_of(self.snapshot, self.selected.get("toolId"))
        if self._pasted:
            yield Content.styled("Sample: a pasted result", "bold $text-primary")
        elif self.saved_sample is not None:
            yield Content.styled("Sample: a result kept in the playground", "bold $text-primary")
            yield sanitize_line("F7 shows it, or replaces it", 80, "$foreground-muted")
        elif self.last_result is not None:
            yield Content.styled("Sample: the last result of the playground", "bold $text-primary")
        elif example.about:
            yield Content.styled("Sample: made from the output schema", "bold $text-primary")
            yield sanitize_line(f"of {example.about}", 80, "$foreground-muted")
        else:
            yield Content.styled("No sample", "bold $text-primary")
            yield Content.styled("No output schema describes the tool's result. F7 pastes one.", "$foreground-muted")
            return
        cut = Truncation()
        for line in lines_of(self.sample, _SAMPLE_LIMITS, cut):
            yield Content(line)
        if cut.happened:
            yield Content.styled("…", "$foreground-muted")

    # -- choosing ---------------------------------------------------------------------------------

    @on(Picker.Wanted)
    def _open_list(self, event: Picker.Wanted) -> None:
        event.stop()
        name = next(name for name, _ in _SELECTS if event.picker.has_class(f"-{name}"))
        title = dict(_SELECTS)[name]
        choices: list[Choice[Any]]
        if name == "toolId":
            tools = [tool for tool in self.snapshot.resources("tool") if not tool.made_up]
            choices = [Choice(tool.id, tool.name, tool.text("key")) for tool in tools]
            choices.append(Choice(_NEW, "new tool…", quiet=True, new=True))
        else:
            choices = [Choice(option.value, option.label, option.note) for option in self._options(name)]
        current = next(
            (number for number, choice in enumerate(choices) if choice.value == self.selected.get(name)), None
        )

        def select(choice: Choice[Any] | None) -> None:
            if choice is None:
                return
            if choice.value is _NEW:
                self.post_message(self.NewWanted(self, "tool", "toolId", choice.typed))
                return
            self.selected[name] = choice.value
            self.mark_changed()

        self.app.push_screen(
            SelectDialog(
                title, choices, current=current, near=event.picker.region, typed=event.typed, free=name != "toolId"
            ),
            select,
        )

    def _options(self, name: str) -> list[Option]:
        field = self._field.properties.get(name)
        options = list(field.options) if field is not None else []
        for value in (self.selected.get(name), self.base.get(name)):
            if isinstance(value, str) and value and all(option.value != value for option in options):
                options.append(Option(value, value, "current value"))
        return options

    @on(Picker.Turned)
    def _select_next(self, event: Picker.Turned) -> None:
        event.stop()
        name = next(name for name, _ in _SELECTS if event.picker.has_class(f"-{name}"))
        values = [option.value for option in self._options(name)]
        if name == "toolId":
            values = [tool.id for tool in self.snapshot.resources("tool") if not tool.made_up]
        if values:
            current = self.selected.get(name)
            index = values.index(current) + event.step if current in values else 0
            self.selected[name] = values[index % len(values)]
            self.mark_changed()

    # -- rows -------------------------------------------------------------------------------------

    @on(KeyValueRow.Edited)
    def _row_edited(self, event: KeyValueRow.Edited) -> None:
        event.stop()
        self.mark_changed()

    @on(KeyValueRow.Removed)
    def _row_removed(self, event: KeyValueRow.Removed) -> None:
        event.stop()
        self._remove_row(event.row)

    @on(AddLine.Pressed)
    def _add_pair(self, event: AddLine.Pressed) -> None:
        event.stop()
        focused = self.screen.focused
        if focused is not None and focused.id == "fill":
            self.action_fill()
            return
        line = next((widget for widget in (focused, *self.query(AddLine)) if isinstance(widget, AddLine)), None)
        if line is None:
            return
        is_mapping = line is self.query(AddLine).first()
        if is_mapping:
            names = mapping.suggested(self.primitive, object_from(self.mappings))
            choices = [Choice(name, f"{name}…" if name.endswith(".") else name, "") for name in names]
        else:
            present = object_from(self.style_pairs)
            known = mapping.styles_for(self.primitive)
            choices = [Choice(name, name, ", ".join(values)) for name, values in known.items() if name not in present]
        title = "Slot" if is_mapping else "Style"

        def select(choice: Choice[str] | None) -> None:
            if choice is None:
                return
            pair_list = self.query_one("#mappings" if is_mapping else "#styles", KeyValueList)
            pair_list.add_pair(Pair(choice.value, "", any_scalar=not is_mapping))
            self.mark_changed()

        self.app.push_screen(SelectDialog(title, choices, near=line.region, free=True), select)

    def _focused_row(self) -> KeyValueRow | None:
        focused = self.screen.focused
        nodes = focused.ancestors_with_self if focused is not None else []
        return next((node for node in nodes if isinstance(node, KeyValueRow)), None)

    def _list_of(self, row: KeyValueRow) -> KeyValueList:
        return next(node for node in row.ancestors if isinstance(node, KeyValueList))

    def _focused_row_or_notify(self) -> KeyValueRow | None:
        """Return the focused row; notify the user if none is focused."""
        row = self._focused_row()
        if row is None:
            self.notify("Go to a line first.", markup=False)
        return row

    def action_remove(self) -> None:
        row = self._focused_row_or_notify()
        if row is not None:
            self._remove_row(row)

    def _remove_row(self, row: KeyValueRow) -> None:
        self._list_of(row).remove_row(row)
        self.call_after_refresh(self.mark_changed)

    def action_shift(self, step: int) -> None:
        row = self._focused_row_or_notify()
        if row is not None:
            self._list_of(row).move_row(row, step)
            self.mark_changed()

    def action_suggestions(self) -> None:
        row = self._focused_row_or_notify()
        if row is None:
            return
        choices: list[Choice[str]]
        if self._list_of(row).id == "styles":
            values = mapping.styles_for(self.primitive).get(row.pair.name, ())
            choices = [Choice(value, value) for value in values]
        else:
            others: Mapping[str, Any] = object_from([pair for pair in self.mappings if pair is not row.pair])
            suggestions = mapping.suggest_paths(row.pair.name, others, self.sample)
            choices = [Choice(suggestion.path, suggestion.path, suggestion.shown) for suggestion in suggestions]

        def select(choice: Choice[str] | None) -> None:
            if choice is not None:
                row.set_text(choice.value)

        near = row.query_one(".-value", LineEditor).region
        self.app.push_screen(SelectDialog(row.pair.name or "Value", choices, near=near, free=True), select)

    def action_picture(self) -> None:
        """Show the picture instead of the form, or with a wide form beside it alone; or what was there before."""
        self.toggle_class("-picture")
        if self.has_class("-picture"):
            self.query_one(WidgetPicture).focus()
        else:
            self.call_after_refresh(self.focus_first)
        self.call_after_refresh(self._draw_picture)

    def action_fill(self) -> None:
        """Suggest a path for each slot, from the sample and the output schema; the user chooses which to take."""
        bound = drafted_tool(self.snapshot, self.selected)
        is_real = bool(self._pasted) or self.saved_sample is not None or self.last_result is not None
        mappings = object_from(self.mappings)
        sample = self.sample if is_real else None
        suggest = partial(slot_changes, self.primitive, mappings, bound.output_schema, sample, arguments=bound.schema)

        async def work() -> None:
            changes = await asyncio.to_thread(suggest)
            self.post_message(self.Suggested(self, changes, mappings, is_real=is_real))

        self._is_suggesting = True
        start_worker(self, work, group="suggest", exclusive=True)

    @property
    def holds_input(self) -> bool:
        return self._is_suggesting

    def on_widget_editor_suggested(self, message: Suggested) -> None:
        message.stop()
        self._is_suggesting = False
        if not self.screen.is_current:  # left meanwhile
            return
        if not self.primitive:
            self.notify("Choose first what it is drawn as.", markup=False)
        elif message.changes:
            about = "a real result" if message.is_real else "the output schema"
            widget = {**self.resource, **self.value()}
            dialog = FillSlotsDialog(message.changes, message.mappings, self.snapshot, widget, self.sample, about)
            self.app.push_screen(dialog, self._take_changes)
        elif self.sample is None:
            self.notify("Nothing is known of the result: paste a sample (F7), or run the tool.", markup=False)
        else:
            self.notify("Every slot that can be filled has that path already.", markup=False)

    def _take_changes(self, changes: list[SlotChange] | None) -> None:
        if not changes:
            return
        taken = taken_mappings(object_from(self.mappings), changes)
        known = {pair.name: pair for pair in self.mappings}
        pairs: list[Pair] = []
        for name, path in taken.items():
            pair = known.get(name)
            if pair is None or pair.value != path:
                before, pair = pair, Pair(name, pair.original if pair is not None else "")
                pair.loaded, pair.text = before is not None and before.loaded, value_text(path)
            pairs.append(pair)
        self.mappings = pairs
        self.mark_changed()

    def action_sample(self) -> None:
        text, first_items = self._pasted, 0
        if len(text) > MAX_SHOWN or not text:
            sample = self.sample
            text, first_items = sample_text(sample) if sample is not None else ("", 0)
        self.app.push_screen(SampleDialog(text, first_items), self._set_sample)

    def _set_sample(self, pasted: tuple[str, Any] | None) -> None:
        if pasted is not None:
            self._pasted, self._pasted_value = pasted
            self._from_schema = not self._pasted
            if not self._pasted:  # from now on the sample is generated from the schema
                self.context.drop_sample(self.selected.get("toolId"))
            self.show()


def _duplicates(names: list[str]) -> set[str]:
    """Return the names that occur more than once."""
    return {name for name in names if names.count(name) > 1}
