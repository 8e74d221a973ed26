"""What all editors have in common: what they are given, what they give back, what they say."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from textual import events
from textual.content import Content
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Static

from drio_tui.api.errors import FieldError
from drio_tui.api.models import changes
from drio_tui.schema.fields import Reader
from drio_tui.schema.resolve import Json
from drio_tui.ui.base.stylesheets import stylesheet
from drio_tui.ui.widgets.sanitize import safe_line
from drio_tui.workspace.model.snapshot import Snapshot
from drio_tui.workspace.run.run_history import Kept

WIDE = 100
"""Cells of width from which an editor and what it says about it stand side by side."""


@dataclass(frozen=True, slots=True)
class Context:
    """What else is known while editing.

    `body` is the reader and the schema of the request that will carry the resource (`schema.openapi.reader`),
    None for our own models'. `schemas` are input schemas that were seen earlier, by their hash, to tell
    what changed since a tool was bound. `kept` are the samples that were saved in the playground.
    """

    body: tuple[Reader, Json] | None = None
    schemas: Mapping[str, Json] = field(default_factory=dict)
    kept: Kept | None = None
    _samples: dict[str, Json] = field(default_factory=dict, repr=False)

    def sample(self, tool: Json) -> Json:
        """The result that was saved in the playground as the sample of a tool's widget; None where none was."""
        if self.kept is None or not isinstance(tool, str):
            return None
        if tool not in self._samples:
            self._samples[tool] = self.kept.sample(tool)
        return self._samples[tool]

    def drop_sample(self, tool: Json) -> None:
        """Forget the saved sample of a tool."""
        if self.kept is not None and isinstance(tool, str):
            self.kept.drop_sample(tool)
            self._samples[tool] = None


class Editor(Widget):
    """Edits some members of a resource.

    `load` gives it the resource; `value` and `changes` say what has become of its members, `problems` what is
    wrong with them; `see` tells it that other members of the resource were edited elsewhere.
    """

    DEFAULT_CSS = stylesheet("editors").read_text(encoding="utf-8")

    members: ClassVar[tuple[str, ...]] = ()
    """The members of the resource that it edits; it never touches others."""

    class Changed(Message):
        """Something was edited."""

        def __init__(self, editor: Editor) -> None:
            super().__init__()
            self.editor = editor

        @property
        def control(self) -> Editor:
            return self.editor

    class SaveWanted(Message):
        """The person asked to save while in this editor."""

        def __init__(self, editor: Editor) -> None:
            super().__init__()
            self.editor = editor

        @property
        def control(self) -> Editor:
            return self.editor

    class NewWanted(Message):
        """A new resource of `kind` is to be made for `path`; answer with `refer(path, id)` once it is there.

        `name` is what it is to be called, empty where nothing was typed.
        """

        def __init__(self, editor: Editor, kind: str, path: str, name: str = "") -> None:
            super().__init__()
            self.name = name
            self.editor = editor
            self.kind = kind
            self.path = path

        @property
        def control(self) -> Editor:
            return self.editor

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self.whole: dict[str, Any] = {}
        self.base: dict[str, Any] = {}
        self.snapshot = Snapshot("")
        self.context = Context()
        self.refused: list[FieldError] = []

    # -- what it is given -------------------------------------------------------------------------

    def load(self, raw: Mapping[str, Any] | None, snapshot: Snapshot, context: Context | None = None) -> None:
        """Start over from a resource as it is, or from nothing for a new one."""
        self.whole = dict(raw or {})
        self.base = {name: self.whole[name] for name in self.members if name in self.whole}
        self.snapshot = snapshot
        self.context = context or Context()
        self.refused = []
        self.reset()
        if self.is_mounted:
            self.show()

    def see(self, whole: Mapping[str, Any]) -> None:
        """Other members of the resource are now as in `whole`; this editor's own are not taken from it."""
        mine = {name: self.whole[name] for name in self.members if name in self.whole}
        others = {name: value for name, value in whole.items() if name not in self.members}
        self.whole = others | mine
        if self.is_mounted:
            self.show()

    def take(self, value: Mapping[str, Any]) -> None:
        """Hold these as its members, as if they had been typed; what it was loaded with stays the base."""
        base = self.base
        others = {name: inner for name, inner in self.whole.items() if name not in self.members}
        self.load(others | {name: value[name] for name in self.members if name in value}, self.snapshot, self.context)
        self.base = base

    def refer(self, path: str, id: str) -> None:
        """Refer, at `path`, to something that was just made."""

    def apply_errors(self, errors: Iterable[FieldError]) -> list[FieldError]:
        """Keep what the server found at members of this editor, to show it; gives back the rest."""
        mine: list[FieldError] = []
        left: list[FieldError] = []
        for error in errors:
            (mine if _top(error.path) in self.members else left).append(error)
        self.refused = mine
        if self.is_mounted:
            self.show()
        return left

    # -- what it gives back -----------------------------------------------------------------------

    def value(self, *, secrets: bool = True) -> dict[str, Any]:
        """Its members as they are now; one that is not there is left out of the resource.

        Without `secrets`, what was typed into write-only fields is left out, too.
        """
        raise NotImplementedError

    def changes(self) -> dict[str, Any]:
        """What a PATCH has to say of its members: null for those taken away, objects merged one level."""
        return changes(self.base, self.value())

    @property
    def again(self) -> tuple[str, ...]:
        """Members to be sent although they are as they were."""
        return ()

    @property
    def dirty(self) -> bool:
        """Whether there is anything to save."""
        return bool(self.changes() or self.again)

    def problems(self) -> list[FieldError]:
        """What is wrong, with the paths of the members it is wrong with; what keeps it from being saved."""
        return list(self.refused)

    def focus_problem(self, path: str) -> None:
        """Take the focus to what is wrong at a path of `problems`; by default to where editing begins."""
        self.focus_first()

    def focus_member(self, path: str) -> None:
        """Take the focus to where the value at a path is edited; by default to where editing begins."""
        self.focus_first()

    def focus_first(self) -> None:
        """Take the focus to where editing begins."""
        for widget in self.query("*"):
            if widget.focusable and widget.display and not widget.has_class("-aside"):
                widget.focus()
                return

    # -- for the editors --------------------------------------------------------------------------

    def reset(self) -> None:
        """Take the state from `base` and `whole`."""
        raise NotImplementedError

    def show(self) -> None:
        """Show the state anew."""
        raise NotImplementedError

    def changed(self) -> None:
        """A person edited something: show it and say so."""
        self.refused = []
        self.show()
        self.post_message(self.Changed(self))

    def on_mount(self) -> None:
        self.show()

    def on_resize(self, event: events.Resize) -> None:
        self.set_class(event.size.width >= WIDE, "-wide")


class Notes(Static):
    """What an editor says about what is in it."""

    def __init__(self, *, id: str | None = None, classes: str = "") -> None:
        super().__init__(id=id, classes=classes, markup=False)
        self.said = Content()

    def say(self, lines: Iterable[Content]) -> None:
        """Show these lines; nothing is laid out anew when they are the same."""
        said = Content("\n").join(list(lines))
        if said != self.said:
            self.said = said
            self.update(said)


def say_end(widget: Widget, step: int) -> None:
    """Say why a line was not moved by `step` (-1 or 1): it is at the end already."""
    widget.notify(f"It is the {'first' if step < 0 else 'last'} already.", markup=False)


MARKS = {"good": ("✓ ", "$text-success"), "warning": ("! ", "$text-warning"), "bad": ("✗ ", "$text-error")}


def verdict(kind: str, text: str, width: int = 400) -> Content:
    """A line that says how something is: by a symbol and by colour. `text` may be hostile."""
    return Content.assemble(MARKS[kind], safe_line(text, width, "$text-error" if kind == "bad" else ""))


def _top(path: str) -> str:
    return path.replace("[", ".").split(".", 1)[0]
