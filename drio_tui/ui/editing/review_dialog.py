"""The dialog that shows what a save will write, field by field, before it is written."""

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
from drio_tui.api.redact import HIDDEN, is_secret, is_secret_property, redact
from drio_tui.kinds import Kind
from drio_tui.plan.render import is_plain
from drio_tui.schema.fields import MISSING
from drio_tui.ui.base import keymap
from drio_tui.ui.base.keymap import Key
from drio_tui.ui.base.stylesheets import stylesheet
from drio_tui.ui.dialogs.dialog import ButtonRow, Dialog
from drio_tui.ui.widgets.sanitize import sanitize_line
from drio_tui.workspace.saving.merge import FieldChange, OverwrittenList, Path, dotted
from drio_tui.workspace.saving.save_requests import review_reason

_WIDTH = 160


NameOf = Callable[[str], str | None]
"""Returns the name of the resource with an id, None for any other text."""


def no_name_of(_: str) -> None:
    """A `NameOf` that knows no resources."""


def value_text(path: Path, value: Any, name_of: NameOf = no_name_of) -> str:
    """Return a value as text, not sanitized: ids with the names of their resources, secrets hidden at any depth.

    A text that would look like another one, such as one with a blank at its end, is in quotes.
    """
    if value is MISSING or value is None:
        return "—"
    if any(is_secret(name) for name in path) or is_secret_property(path[-1], value):
        return HIDDEN
    named = _with_names(redact(value), name_of)
    if isinstance(named, str):
        return named if is_plain(named) else json_codec.for_display(json_codec.dumps(named))
    return json_codec.dumps(named)


def _with_names(value: Any, name_of: NameOf) -> Any:
    match value:
        case str():
            name = name_of(value)
            return value if name is None else f"{name} ({value})"
        case list():
            return [_with_names(item, name_of) for item in value]
        case dict():
            return {key: _with_names(item, name_of) for key, item in value.items()}
        case _:
            return value


class ReviewDialog(Dialog[bool]):
    """Asks whether to write the changes in `diff`; the result is True to write them.

    `remote_changes` are those of others, which are kept. `stale` are lists whose base is older than the remote
    version, with the changes of others that writing them as typed would have undone. `entry_name` returns the name of
    a list's entry, `name_of` that of the resource with an id. `about` is shown first.
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
        remote_changes: Sequence[FieldChange],
        stale: Sequence[OverwrittenList] = (),
        entry_name: Callable[[Any], str] = str,
        about: Sequence[Content] = (),
        name_of: NameOf = no_name_of,
    ) -> None:
        super().__init__()
        self._name_of_id = name_of
        self._about = about
        self._resource_name, self._kind, self._diff, self._remote_changes = name, kind, diff, remote_changes
        self._stale, self._entry_name = stale, entry_name

    def compose(self) -> ComposeResult:
        with Vertical(classes="editing-box") as box:
            box.border_title = sanitize_line(f"Write to {self._resource_name}?", 80)
            with VerticalScroll(id="lines"):
                yield Static(Content("\n").join(self._lines()))
            yield ButtonRow(Button("Back", id="back"), Button("Write", id="write", variant="primary"))

    def _lines(self) -> list[Content]:
        lines: list[Content] = [*self._about]
        for change in self._diff:
            risk = review_reason(self._kind, change)
            lines.append(
                Content.assemble(
                    sanitize_line(change.dotted, _WIDTH, "bold"),
                    sanitize_line(f"  ▲ {risk}" if risk else "", 80, "$text-warning"),
                )
            )
            before, after = (
                value_text(change.path, value, self._name_of_id) for value in (change.before, change.after)
            )
            lines.append(sanitize_line(f"  - {before}", _WIDTH, "$text-error"))
            lines.append(sanitize_line(f"  + {after}", _WIDTH, "$text-success"))
        if self._remote_changes:
            names = ", ".join(change.dotted for change in self._remote_changes)
            lines.append(sanitize_line(f"Others changed {names} meanwhile; that is kept.", 400, "$foreground-muted"))
        for stale_list in self._stale:
            for verb, entries in (("added", stale_list.would_remove), ("removed", stale_list.would_bring_back)):
                if entries:
                    names = ", ".join(self._entry_name(entry) for entry in entries)
                    warning = (
                        f"▲ {dotted(stale_list.path)}: others {verb} {names} since you began; "
                        "your list would have undone that"
                    )
                    lines.append(sanitize_line(warning, 400, "$text-warning"))
        return lines

    def on_mount(self) -> None:
        self.focus_default()

    @on(Button.Pressed)
    def _pressed(self, event: Button.Pressed) -> None:
        self.dismiss(event.button.id == "write")

    def action_answer(self, agreed: bool) -> None:
        self.dismiss(agreed)
