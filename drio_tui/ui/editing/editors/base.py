"""The base class of the editors, the notes that they show, and what else they know while editing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from textual import events
from textual.content import Content
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Static

from drio_tui.api.errors import FieldError, top_property
from drio_tui.api.json_values import changes
from drio_tui.schema.fields import SchemaReader
from drio_tui.schema.resolve import Json
from drio_tui.ui.base.stylesheets import stylesheet
from drio_tui.ui.forms.schema_form import SchemaForm
from drio_tui.ui.widgets.sanitize import sanitize_line
from drio_tui.workspace.model.snapshot import Snapshot
from drio_tui.workspace.run.run_history import RunHistory

WIDE = 100
"""Width in cells from which an editor shows its notes beside it instead of below."""


@dataclass(frozen=True, slots=True)
class EditorContext:
    """What an editor knows besides the resource and the app.

    `body` is the reader and the schema of the request that will carry the resource (`schema.openapi.reader`),
    None where the schema of our own model is used. `schemas` are input schemas that were seen earlier, by their
    hash: they show what changed since a tool was bound. `run_store` holds the samples saved in the playground, and
    `last_results` has the newest result of each tool that was run there, by the tool's id.
    """

    body: tuple[SchemaReader, Json] | None = None
    schemas: Mapping[str, Json] = field(default_factory=dict)
    run_store: RunHistory | None = None
    last_results: Mapping[str, Json] = field(default_factory=dict)
    _samples: dict[str, Json] = field(default_factory=dict, repr=False)

    def sample(self, tool: Json) -> Json:
        """Return the result saved in the playground as the sample of a tool's widget, None if there is none."""
        if self.run_store is None or not isinstance(tool, str):
            return None
        if tool not in self._samples:
            self._samples[tool] = self.run_store.sample(tool)
        return self._samples[tool]

    def drop_sample(self, tool: Json) -> None:
        """Delete the saved sample of a tool."""
        if self.run_store is not None and isinstance(tool, str):
            self.run_store.drop_sample(tool)
            self._samples[tool] = None


class EditorMessage(Message):
    """A message of an editor."""

    def __init__(self, editor: Editor) -> None:
        super().__init__()
        self.editor = editor

    @property
    def control(self) -> Editor:
        return self.editor


class Editor(Widget):
    """Edits some properties of a resource.

    `load` sets the resource, `value` and `changes` return the edited properties, `validate` their errors.
    `update_resource` is called when other properties of the resource were edited elsewhere.
    """

    DEFAULT_CSS = stylesheet("editors").read_text(encoding="utf-8")

    properties: ClassVar[tuple[str, ...]] = ()
    """The properties of the resource that it edits; it never changes others."""

    class Changed(EditorMessage):
        """Something was edited."""

    class SaveWanted(EditorMessage):
        """The user asked to save while in this editor."""

    class NewWanted(EditorMessage):
        """The user wants a new resource of `kind` to refer to at `path`; call `set_reference(path, id)` once it exists.

        `name` is the name to give it, empty if none was typed.
        """

        def __init__(self, editor: Editor, kind: str, path: str, name: str = "") -> None:
            super().__init__(editor)
            self.kind, self.path, self.name = kind, path, name

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self.resource: dict[str, Any] = {}
        self.base: dict[str, Any] = {}
        self.snapshot = Snapshot("")
        self.context = EditorContext()
        self.server_errors: list[FieldError] = []

    @property
    def holds_input(self) -> bool:
        """Whether it computes what the next input is about (`LoadsContent.holds_input`)."""
        return False

    # -- input ------------------------------------------------------------------------------------

    def load(self, raw: Mapping[str, Any] | None, snapshot: Snapshot, context: EditorContext | None = None) -> None:
        """Start over from a resource as it is on the server, or from nothing for a new one."""
        self.resource = dict(raw or {})
        self.base = {name: self.resource[name] for name in self.properties if name in self.resource}
        self.snapshot = snapshot
        self.context = context or EditorContext()
        self.server_errors = []
        self.reset()
        if self.is_mounted:
            self.show()
            self.replace_form()

    def update_resource(self, resource: Mapping[str, Any]) -> None:
        """Take over from `resource` the properties that are edited elsewhere; those of this editor stay as they are."""
        mine = {name: self.resource[name] for name in self.properties if name in self.resource}
        others = {name: value for name, value in resource.items() if name not in self.properties}
        self.resource = others | mine
        if self.is_mounted:
            self.show()

    def set_value(self, value: Mapping[str, Any]) -> None:
        """Replace its properties by these, as if they had been typed; the base stays as it was loaded."""
        base = self.base
        others = {name: inner for name, inner in self.resource.items() if name not in self.properties}
        self.load(
            others | {name: value[name] for name in self.properties if name in value}, self.snapshot, self.context
        )
        self.base = base

    def set_reference(self, path: str, id: str) -> None:
        """Refer, at `path`, to a resource that was just created."""

    def apply_errors(self, errors: Iterable[FieldError]) -> list[FieldError]:
        """Keep and show the server's errors in properties of this editor; return the others."""
        mine: list[FieldError] = []
        left: list[FieldError] = []
        for error in errors:
            (mine if top_property(error.path) in self.properties else left).append(error)
        self.server_errors = mine
        if self.is_mounted:
            self.show()
        return left

    # -- output -----------------------------------------------------------------------------------

    def value(self, *, secrets: bool = True) -> dict[str, Any]:
        """Return its properties as they are now; one that is absent is not part of the resource.

        Without `secrets`, the values of write-only fields are left out, too.
        """
        raise NotImplementedError

    def changes(self) -> dict[str, Any]:
        """Return what a PATCH has to send: null for removed properties, objects merged one level deep."""
        return changes(self.base, self.value())

    @property
    def resend(self) -> tuple[str, ...]:
        """Properties to send although they are unchanged."""
        return ()

    @property
    def dirty(self) -> bool:
        """Whether there is anything to save."""
        return bool(self.changes() or self.resend)

    def validate(self) -> list[FieldError]:
        """Return the errors that prevent saving, each with the path of its property."""
        return list(self.server_errors)

    def focus_error(self, path: str) -> None:
        """Focus the field of an error of `validate`, by default the first field."""
        self.focus_first()

    def focus_property(self, path: str) -> None:
        """Focus the field of the value at a path, by default the first field."""
        self.focus_first()

    def focus_first(self) -> None:
        """Focus the first field."""
        for widget in self.query("*"):
            if widget.focusable and widget.display and not widget.has_class("-aside"):
                widget.focus()
                return

    # -- for the editors --------------------------------------------------------------------------

    def reset(self) -> None:
        """Set the state from `base` and `resource`."""
        raise NotImplementedError

    def show(self) -> None:
        """Show the current state."""
        raise NotImplementedError

    def replace_form(self) -> None:
        """Replace the form, if it has one, after another resource was loaded."""

    def action_save(self) -> None:
        self.post_message(self.SaveWanted(self))

    def on_schema_form_changed(self, event: SchemaForm.Changed) -> None:
        event.stop()
        self.mark_changed()

    def on_schema_form_submitted(self, event: SchemaForm.Submitted) -> None:
        event.stop()
        self.action_save()

    def mark_changed(self) -> None:
        """Show a change that the user made, and post `Changed`."""
        self.server_errors = []
        self.show()
        self.post_message(self.Changed(self))

    def on_mount(self) -> None:
        self.show()

    def on_resize(self, event: events.Resize) -> None:
        self.fit(event.size.width)

    def fit(self, width: int) -> None:
        """Arrange it for so many cells. Called before it is first shown, too, so that it is laid out once."""
        self.set_class(width >= WIDE, "-wide")


class Notes(Static):
    """What an editor shows about the values in it: checks, explanations, previews."""

    def __init__(self, *, id: str | None = None, classes: str = "") -> None:
        super().__init__(id=id, classes=classes, markup=False)
        self.shown = Content()

    def show_lines(self, lines: Iterable[Content]) -> None:
        """Show these lines; there is no new layout if they are the same as before."""
        content = Content("\n").join(list(lines))
        if content != self.shown:
            self.shown = content
            self.update(content)


def notify_at_end(widget: Widget, step: int) -> None:
    """Notify that a line cannot be moved by `step` (-1 or 1), because it is the first or last one."""
    widget.notify(f"It is the {'first' if step < 0 else 'last'} already.", markup=False)


MARKS = {"good": ("✓ ", "$text-success"), "warning": ("! ", "$text-warning"), "bad": ("✗ ", "$text-error")}


def status_text(status: str, text: str, width: int = 400) -> Content:
    """Return a line with the symbol and colour of a status of `MARKS`. `text` may be hostile."""
    return Content.assemble(MARKS[status], sanitize_line(text, width, "$text-error" if status == "bad" else ""))
