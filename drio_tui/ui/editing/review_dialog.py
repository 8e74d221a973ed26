"""What a save is going to write, field by field, before it is written."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import Button, Static

from drio_tui.api import json_codec
from drio_tui.api.redact import HIDDEN, holds_secret, is_secret, redact
from drio_tui.kinds import Kind
from drio_tui.schema.fields import MISSING
from drio_tui.ui.base import keymap
from drio_tui.ui.base.keymap import Key
from drio_tui.ui.base.stylesheets import stylesheet
from drio_tui.ui.dialogs.dialog import ButtonRow, Dialog
from drio_tui.ui.widgets.sanitize import safe_line
from drio_tui.workspace.saving.merge import FieldChange, OverwrittenList, Path, dotted
from drio_tui.workspace.saving.save_requests import danger_of

_WIDTH = 160


NameOf = Callable[[str], str | None]
"""The name of what has an id; None for any other text."""


def no_names(_: str) -> None:
    """A `NameOf` where nothing is known."""


def shown(path: Path, value: Any, name_of: NameOf = no_names) -> str:
    """A value as one text, ids with the names of what has them, secrets hidden at any depth; not yet safe to show."""
    if value is MISSING or value is None:
        return "—"
    if any(is_secret(name) for name in path) or holds_secret(path[-1], value):
        return HIDDEN
    named = _with_names(redact(value), name_of)
    return named if isinstance(named, str) else json_codec.dumps(named)


def _with_names(value: Any, name_of: NameOf) -> Any:
    match value:
        case str():
            name = name_of(value)
            return value if name is None else f"{name} ({value})"
        case list():
            return [_with_names(one, name_of) for one in value]
        case dict():
            return {member: _with_names(one, name_of) for member, one in value.items()}
        case _:
            return value


class ReviewScreen(Dialog[bool]):
    """Gives True when it is to be written. `theirs` are changes of others that are kept.

    `stale` are the lists whose base was older than what is there, with what writing them as they were typed would
    have undone; `called` gives the name of a list's entry, `name_of` that of an id. `about` is said before all of it.
    """

    CSS_PATH = stylesheet("editing")
    BINDINGS: ClassVar[list[BindingType]] = keymap.section(
        "review",
        "Before saving",
        Key("review.write", "ctrl+s", "answer(True)", "Write", "Write these changes"),
        Key("review.back", "escape", "answer(False)", "Back", "Back to editing; nothing is written"),
    )

    def __init__(
        self,
        name: str,
        kind: Kind[Any],
        diff: Sequence[FieldChange],
        theirs: Sequence[FieldChange],
        stale: Sequence[OverwrittenList] = (),
        called: Callable[[Any], str] = str,
        about: Sequence[Content] = (),
        name_of: NameOf = no_names,
    ) -> None:
        super().__init__()
        self._name_of_id = name_of
        self._about = about
        self._called, self._kind, self._diff, self._theirs = name, kind, diff, theirs
        self._stale, self._name_of = stale, called

    def compose(self) -> ComposeResult:
        with Vertical(classes="editing-box") as box:
            box.border_title = safe_line(f"Write to {self._called}?", 80)
            with VerticalScroll(id="lines"):
                yield Static(Content("\n").join(self._lines()))
            yield ButtonRow(Button("Back", id="back"), Button("Write", id="write", variant="primary"))

    def _lines(self) -> list[Content]:
        lines: list[Content] = [*self._about]
        for change in self._diff:
            danger = danger_of(self._kind, change)
            lines.append(
                Content.assemble(
                    safe_line(change.dotted, _WIDTH, "bold"),
                    safe_line(f"  ▲ {danger}" if danger else "", 80, "$text-warning"),
                )
            )
            before, after = (shown(change.path, one, self._name_of_id) for one in (change.before, change.after))
            lines.append(safe_line(f"  - {before}", _WIDTH, "$text-error"))
            lines.append(safe_line(f"  + {after}", _WIDTH, "$text-success"))
        if self._theirs:
            names = ", ".join(change.dotted for change in self._theirs)
            lines.append(safe_line(f"Others changed {names} meanwhile; that is kept.", 400, "$foreground-muted"))
        for one in self._stale:
            for what, entries in (("added", one.would_remove), ("took out", one.would_bring_back)):
                if entries:
                    names = ", ".join(self._name_of(entry) for entry in entries)
                    told = (
                        f"▲ {dotted(one.path)}: others {what} {names} since you began; your list would have undone that"
                    )
                    lines.append(safe_line(told, 400, "$text-warning"))
        return lines

    def on_mount(self) -> None:
        self.focus_default()

    @on(Button.Pressed)
    def _pressed(self, event: Button.Pressed) -> None:
        self.dismiss(event.button.id == "write")

    def action_answer(self, agreed: bool) -> None:
        self.dismiss(agreed)
