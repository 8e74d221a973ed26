"""A widget: what it is drawn as, and what of the tool's result goes into each of its slots, tried as it is typed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.content import Content
from textual.widgets import Static

from drio_tui.api.errors import FieldError
from drio_tui.schema.fields import Hints, Option
from drio_tui.schema.jsontext import pretty
from drio_tui.ui.base import keymap
from drio_tui.ui.base.keymap import Key
from drio_tui.ui.dialogs.select_dialog import Choice, ChooserScreen
from drio_tui.ui.editing.editors.base import Editor, Notes, verdict
from drio_tui.ui.editing.editors.form_editor import field_of
from drio_tui.ui.editing.editors.key_value_list import Pair, PairList, PairRow, object_of, pairs_of
from drio_tui.ui.editing.editors.sample import SampleScreen
from drio_tui.ui.forms.group_widgets import AddLine
from drio_tui.ui.forms.inputs import Picker
from drio_tui.ui.widgets.json_lines import Cut, Limits, lines_of
from drio_tui.ui.widgets.line_editor import LineEditor
from drio_tui.ui.widgets.sanitize import safe_line
from drio_tui.workspace.run import mapping
from drio_tui.workspace.run.schema_examples import sample_of

_PICKED = (("toolId", "Shows"), ("primitive", "Drawn as"), ("displayMode", "Where"), ("visibility", "Visibility"))
_LINES = Limits(lines=200, chars=20_000, string=200)
_TONES = {"found": "good", "nothing": "bad", "wrong": "bad", "unseen": "warning"}
_NEW = object()


class WidgetEditor(Editor):
    """Tool, primitive, display mode, visibility, field mappings and style.

    Mappings are tried on a sample: what is pasted, else an example by the output schema of the operation
    that the tool calls.
    """

    members = ("toolId", "primitive", "displayMode", "visibility", "config")
    BINDINGS: ClassVar[list[BindingType]] = keymap.section(
        "widget_editor",
        "Widgets: mappings and style",
        Key("widget_editor.offers", "f6", "offers", "Paths", "Choose from what is in the sample, or common values"),
        Key("widget_editor.sample", "f7", "sample", "Sample", "Paste a real result to try the mappings on"),
        Key("widget_editor.remove", "f9", "remove", "Remove", "Take this line away"),
        Key("widget_editor.up", "alt+up", "shift(-1)", "Line up", "Move this line up", show=False),
        Key("widget_editor.down", "alt+down", "shift(1)", "Line down", "Move this line down", show=False),
        Key("widget_editor.save", "ctrl+s", "save", "Save", "Save", palette=False),
    )

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._pasted = ""
        self._pasted_value: Any = None

    # -- state ------------------------------------------------------------------------------------

    def reset(self) -> None:
        self._field = field_of(self.members, "WidgetPatch", Hints(), self.context)
        self.picked: dict[str, Any] = {name: self.base[name] for name, _ in _PICKED if name in self.base}
        found = self.base.get("config")
        self._config: dict[str, Any] = found if isinstance(found, dict) else {}
        self.mappings = pairs_of(self._config.get("fieldMappings"))
        self.style_pairs = pairs_of(self._config.get("style"), loose=True)

    @property
    def primitive(self) -> str:
        """What the widget is drawn as; empty while nothing is chosen."""
        found = self.picked.get("primitive")
        return found if isinstance(found, str) else ""

    @property
    def sample(self) -> Any:
        """The result that mappings are tried on; None when there is none."""
        if self._pasted:
            return self._pasted_value
        kept = self.kept_sample
        return kept if kept is not None else sample_of(self.snapshot, self.picked.get("toolId")).result

    @property
    def kept_sample(self) -> Any:
        """The result that was saved in the playground as the sample of the tool; None where none was."""
        return self.context.sample(self.picked.get("toolId"))

    def value(self, *, secrets: bool = True) -> dict[str, Any]:
        config = dict(self._config)
        for name, pairs in (("fieldMappings", self.mappings), ("style", self.style_pairs)):
            made = object_of(pairs)
            if made or isinstance(config.get(name), dict):
                config[name] = made
        found = dict(self.picked)
        if config or isinstance(self.base.get("config"), dict):
            found["config"] = config
        elif "config" in self.base:
            found["config"] = self.base["config"]
        return found

    def problems(self) -> list[FieldError]:
        found = list(self.refused)
        if not isinstance(self.whole.get("id"), str):
            found += [FieldError(name, "is required") for name in ("toolId", "primitive") if not self.picked.get(name)]
        if not self.dirty:
            return found
        for member, pairs in (("config.fieldMappings", self.mappings), ("config.style", self.style_pairs)):
            names = [pair.name for pair in pairs]
            found += [FieldError(f"{member}.{name}", "is there twice") for name in sorted(_twice(names)) if name]
            found += [FieldError(member, "has a line without a name") for pair in pairs if not pair.name]
        for one in mapping.judge(object_of(self.mappings), self.sample):
            if one.state == "wrong":
                found.append(FieldError(f"config.fieldMappings.{one.slot}", one.shown))
        return found

    def focus_problem(self, path: str) -> None:
        rows = [row for pairs in self.query(PairList) for row in pairs.rows]
        wrong = [row for row in rows if row.pair.name and path.endswith(f".{row.pair.name}")]
        wrong += [row for row in rows if not row.pair.name]
        if wrong:
            wrong[0].focus_value()
        else:
            self.focus_first()

    def refer(self, path: str, id: str) -> None:
        self.picked["toolId"] = id
        self.changed()

    # -- on the screen ----------------------------------------------------------------------------

    def compose(self) -> ComposeResult:
        with VerticalScroll(classes="-main", can_focus=False):
            yield Notes(id="refused")
            for pair in (_PICKED[:2], _PICKED[2:]):
                with Horizontal(classes="-picks"):
                    for name, title in pair:
                        yield Static(title, markup=False, classes="-label")
                        yield Picker(Content(), classes=f"-pick -{name}")
            yield Static("What goes into each slot", markup=False, classes="-title")
            yield PairList("JSONPath, such as $.results", self._mapped, id="mappings")
            yield AddLine("slot…")
            yield Static("Style", markup=False, classes="-title")
            yield PairList("value", self._styled, id="styles")
            yield AddLine("style…")
        with VerticalScroll(classes="-aside"):
            yield Notes(id="notes")

    def show(self) -> None:
        for name, _ in _PICKED:
            self.query_one(f".-{name}", Picker).show(self._shown(name))
        self.query_one("#mappings", PairList).put(self.mappings)
        self.query_one("#styles", PairList).put(self.style_pairs)
        self.query_one("#refused", Notes).say(verdict("bad", f"{one.path} {one.message}") for one in self.refused)
        self.query_one("#refused", Notes).display = bool(self.refused)
        self.query_one("#notes", Notes).say(self._about_sample())

    def _shown(self, name: str) -> Content:
        value = self.picked.get(name)
        if not isinstance(value, str) or not value:
            return Content.styled("choose…", "$foreground-muted")
        if name != "toolId":
            return safe_line(value, 40)
        tool = self.snapshot.resource("tool", value)
        if tool is None:
            return Content.assemble(safe_line(value, 30), (" (not found)", "$text-warning"))
        return safe_line(tool.name, 40)

    def _mapped(self, pairs: list[Pair]) -> dict[int, Content]:
        said = {one.slot: one for one in mapping.judge(object_of(pairs), self.sample)}
        sampled = self.sample is not None
        twice = _twice([pair.name for pair in pairs])
        found: dict[int, Content] = {}
        for number, pair in enumerate(pairs):
            one = said.get(pair.name)
            if pair.name in twice:
                found[number] = verdict("bad", "this slot is there twice")
            elif one is None:
                found[number] = Content.styled("  give the slot a name", "$foreground-muted")
            elif not sampled and one.state != "wrong":
                found[number] = Content.styled("  there is no sample to try it on: F7", "$foreground-muted")
            else:
                found[number] = verdict(_TONES[one.state], one.shown, 120)
        return found

    def _styled(self, pairs: list[Pair]) -> dict[int, Content]:
        known = mapping.styles_for(self.primitive)
        twice = _twice([pair.name for pair in pairs])
        found: dict[int, Content] = {}
        for number, pair in enumerate(pairs):
            if pair.name in twice:
                found[number] = verdict("bad", "this name is there twice")
            elif known.get(pair.name):
                found[number] = safe_line(f"  such as {', '.join(known[pair.name])}", 100, "$foreground-muted")
        return found

    def _about_sample(self) -> Iterator[Content]:
        made = sample_of(self.snapshot, self.picked.get("toolId"))
        if self._pasted:
            yield Content.styled("Sample: what was pasted", "bold $text-primary")
        elif self.kept_sample is not None:
            yield Content.styled("Sample: a result kept in the playground", "bold $text-primary")
            yield safe_line("F7 shows it, and takes another", 80, "$foreground-muted")
        elif made.about:
            yield Content.styled("Sample: made from the output schema", "bold $text-primary")
            yield safe_line(f"of {made.about}", 80, "$foreground-muted")
        else:
            yield Content.styled("No sample", "bold $text-primary")
            yield Content.styled(
                "The tool calls nothing whose result is described. F7 pastes one.", "$foreground-muted"
            )
            return
        cut = Cut()
        for line in lines_of(self.sample, _LINES, cut):
            yield Content(line)
        if cut.happened:
            yield Content.styled("…", "$foreground-muted")

    # -- choosing ---------------------------------------------------------------------------------

    @on(Picker.Wanted)
    def _open(self, event: Picker.Wanted) -> None:
        event.stop()
        name = next(member for member, _ in _PICKED if event.picker.has_class(f"-{member}"))
        title = dict(_PICKED)[name]
        choices: list[Choice[Any]]
        if name == "toolId":
            tools = [tool for tool in self.snapshot.resources("tool") if not tool.made_up]
            choices = [Choice(tool.id, tool.name, tool.text("key")) for tool in tools]
            choices.append(Choice(_NEW, "new tool…", quiet=True, new=True))
        else:
            choices = [Choice(one.value, one.label, one.note) for one in self._options(name)]
        now = next((number for number, one in enumerate(choices) if one.value == self.picked.get(name)), None)

        def take(choice: Choice[Any] | None) -> None:
            if choice is None:
                return
            if choice.value is _NEW:
                self.post_message(self.NewWanted(self, "tool", "toolId", choice.typed))
                return
            self.picked[name] = choice.value
            self.changed()

        self.app.push_screen(
            ChooserScreen(
                title, choices, current=now, near=event.picker.region, typed=event.typed, free=name != "toolId"
            ),
            take,
        )

    def _options(self, name: str) -> list[Option]:
        member = self._field.members.get(name)
        found = list(member.options) if member is not None else []
        for value in (self.picked.get(name), self.base.get(name)):
            if isinstance(value, str) and value and all(one.value != value for one in found):
                found.append(Option(value, value, "current value"))
        return found

    @on(Picker.Turned)
    def _turned(self, event: Picker.Turned) -> None:
        event.stop()
        name = next(member for member, _ in _PICKED if event.picker.has_class(f"-{member}"))
        values = [one.value for one in self._options(name)]
        if name == "toolId":
            values = [tool.id for tool in self.snapshot.resources("tool") if not tool.made_up]
        if values:
            now = self.picked.get(name)
            at = values.index(now) + event.step if now in values else 0
            self.picked[name] = values[at % len(values)]
            self.changed()

    # -- lines ------------------------------------------------------------------------------------

    @on(PairRow.Edited)
    def _edited(self, event: PairRow.Edited) -> None:
        event.stop()
        self.changed()

    @on(PairRow.Removed)
    def _removed(self, event: PairRow.Removed) -> None:
        event.stop()
        self._take_away(event.row)

    @on(AddLine.Pressed)
    def _add(self, event: AddLine.Pressed) -> None:
        event.stop()
        focused = self.screen.focused
        line = next((one for one in (focused, *self.query(AddLine)) if isinstance(one, AddLine)), None)
        if line is None:
            return
        mappings = line is self.query(AddLine).first()
        if mappings:
            names = mapping.suggested(self.primitive, object_of(self.mappings))
            choices = [Choice(name, f"{name}…" if name.endswith(".") else name, "") for name in names]
        else:
            have = object_of(self.style_pairs)
            known = mapping.styles_for(self.primitive)
            choices = [Choice(name, name, ", ".join(values)) for name, values in known.items() if name not in have]
        title = "Slot" if mappings else "Style"

        def take(choice: Choice[str] | None) -> None:
            if choice is None:
                return
            self.query_one("#mappings" if mappings else "#styles", PairList).add(Pair(choice.value, "", not mappings))
            self.changed()

        self.app.push_screen(ChooserScreen(title, choices, near=line.region, free=True), take)

    def _row(self) -> PairRow | None:
        focused = self.screen.focused
        around = focused.ancestors_with_self if focused is not None else []
        return next((node for node in around if isinstance(node, PairRow)), None)

    def _list_of(self, row: PairRow) -> PairList:
        return next(node for node in row.ancestors if isinstance(node, PairList))

    def _line(self) -> PairRow | None:
        """The line that has the focus; says so where none has."""
        row = self._row()
        if row is None:
            self.notify("Go to a line first.", markup=False)
        return row

    def action_remove(self) -> None:
        row = self._line()
        if row is not None:
            self._take_away(row)

    def _take_away(self, row: PairRow) -> None:
        self._list_of(row).take(row)
        self.call_after_refresh(self.changed)

    def action_shift(self, step: int) -> None:
        row = self._line()
        if row is not None:
            self._list_of(row).shift(row, step)
            self.changed()

    def action_offers(self) -> None:
        row = self._line()
        if row is None:
            return
        choices: list[Choice[str]]
        if self._list_of(row).id == "styles":
            values = mapping.styles_for(self.primitive).get(row.pair.name, ())
            choices = [Choice(value, value) for value in values]
        else:
            others: Mapping[str, Any] = object_of([pair for pair in self.mappings if pair is not row.pair])
            offers = mapping.offers(row.pair.name, others, self.sample)
            choices = [Choice(one.path, one.path, one.shown) for one in offers]

        def take(choice: Choice[str] | None) -> None:
            if choice is not None:
                row.put(choice.value)

        near = row.query_one(".-value", LineEditor).region
        self.app.push_screen(ChooserScreen(row.pair.name or "Value", choices, near=near, free=True), take)

    def action_sample(self) -> None:
        text = self._pasted or (pretty(self.sample) if self.sample is not None else "")
        self.app.push_screen(SampleScreen(text), self._take_sample)

    def _take_sample(self, taken: tuple[str, Any] | None) -> None:
        if taken is not None:
            self._pasted, self._pasted_value = taken
            if not self._pasted:  # made from the schema again
                self.context.drop_sample(self.picked.get("toolId"))
            self.show()

    def action_save(self) -> None:
        self.post_message(self.SaveWanted(self))


def _twice(names: list[str]) -> set[str]:
    return {name for name in names if names.count(name) > 1}
