"""The dialog for a conflict: base, remote and local value of each property changed on both sides, and a choice."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Button, Static

from drio_tui.schema.fields import MISSING
from drio_tui.ui.base import keymap
from drio_tui.ui.base.keymap import Key
from drio_tui.ui.base.stylesheets import stylesheet
from drio_tui.ui.dialogs.dialog import ButtonRow, Dialog
from drio_tui.ui.editing.review_dialog import NameOf, no_name_of, value_text
from drio_tui.ui.widgets.row_list import Column, Row, RowList, show_rows
from drio_tui.ui.widgets.sanitize import sanitize_line
from drio_tui.workspace.saving.merge import FieldConflict, Path

_SIDES = {"remote": "theirs", "local": "yours", "combined": "both together"}
"""The word for each value that can be taken, by the attribute of `FieldConflict`."""


def why_not_combined(conflict: FieldConflict) -> str:
    """Return why the two sides cannot be combined, as the end of a sentence."""
    sides = (conflict.remote, conflict.local)
    if MISSING in sides or None in sides:
        return "one side removed it"
    if all(isinstance(side, list) for side in sides):
        return "both changed the same entries of the list"
    names = {str: "a text", bool: "a yes or no", int: "a number", float: "a number", list: "a list", dict: "an object"}
    remote, local = (names.get(type(side), "a value") for side in sides)
    if remote != local:
        return f"theirs is {remote}, yours is {local}"
    return f"{remote} is a single value, and only a list can hold what both added"


class ConflictDialog(Dialog[dict[Path, Any] | None]):
    """Asks which value of each conflicting property to save.

    The result is the chosen value by path, or None if the user went back to editing. Nothing is chosen in advance:
    saving is possible once every property has a choice.
    """

    CSS_PATH = stylesheet("editing")
    BINDINGS: ClassVar[list[BindingType]] = keymap.section(
        "conflict",
        "Conflict",
        Key("conflict.theirs", "t,left", "take('remote')", "Theirs", "Keep their value"),
        Key("conflict.mine", "y,m,right", "take('local')", "Yours", "Overwrite it with your value"),
        Key("conflict.both", "b", "take('combined')", "Both", "Combine both, where that is possible"),
        Key("conflict.save", "ctrl+s", "save", "Save", "Save with these choices"),
        Key("conflict.back", "escape", "back", "Back", "Back to editing; nothing is written"),
    )

    def __init__(self, name: str, conflicts: Sequence[FieldConflict], name_of: NameOf = no_name_of) -> None:
        super().__init__()
        self._name_of_id = name_of
        self._resource_name, self._conflicts = name, list(conflicts)
        self.choices: dict[int, str] = {}
        """The chosen side by the index of the conflict."""

    def compose(self) -> ComposeResult:
        with Vertical(classes="editing-box") as box:
            box.border_title = sanitize_line(f"Someone else changed {self._resource_name} too", 90)
            yield RowList(Column("Field", min_width=16), Column("Taken", 15), Column("Why", min_width=12, rank=1))
            yield Static(id="about")
            yield ButtonRow(
                Button("Back", id="back"),
                Button("Theirs (t)", id="remote"),
                Button("Yours (y)", id="local"),
                Button("Both (b)", id="combined"),
                Button("Save", id="save", variant="primary", disabled=True),
            )

    def on_mount(self) -> None:
        self._fill()
        self.set_focus(self.query_one(RowList))

    def _fill(self) -> None:
        rows = []
        for number, conflict in enumerate(self._conflicts):
            side = self.choices.get(number)
            choice = (
                Content.styled(f"✓ {_SIDES[side]}", "$text-success")
                if side
                else Content.styled("? choose", "$text-warning")
            )
            rows.append(
                Row(str(number), (sanitize_line(conflict.dotted, 60), choice, sanitize_line(conflict.reason, 200)))
            )
        show_rows(self.query_one(RowList), rows)
        self.query_one("#save", Button).disabled = len(self.choices) < len(self._conflicts)
        self._show_versions(self._selected())

    def _selected(self) -> int | None:
        key = self.query_one(RowList).key
        return int(key) if key else None

    @on(RowList.Moved)
    def _moved(self, event: RowList.Moved) -> None:
        self._show_versions(int(event.key) if event.key else None)

    def _show_versions(self, number: int | None) -> None:
        if number is None:
            return
        conflict = self._conflicts[number]
        self.query_one("#combined", Button).disabled = conflict.combined is MISSING
        lines = [
            sanitize_line(f"{label:7}{value_text(conflict.path, value, self._name_of_id)}", 300, style)
            for label, value, style in (
                ("base", conflict.base, "$foreground-muted"),
                ("theirs", conflict.remote, "$text-warning"),
                ("yours", conflict.local, "$text-success"),
            )
        ]
        if conflict.combined is MISSING:
            lines.append(sanitize_line(f"both   not possible: {why_not_combined(conflict)}", 300, "$foreground-muted"))
        else:
            combined = value_text(conflict.path, conflict.combined, self._name_of_id)
            lines.append(sanitize_line(f"both   {combined}", 300, "$text-primary"))
        self.query_one("#about", Static).update(Content("\n").join(lines))

    def action_take(self, side: str) -> None:
        number = self._selected()
        if number is None:
            return
        if side == "combined" and self._conflicts[number].combined is MISSING:
            reason = why_not_combined(self._conflicts[number])
            self.notify(f"Not possible: {reason}. Take theirs or yours.", severity="warning", markup=False)
            return
        self.choices[number] = side
        self._fill()

    def action_save(self) -> None:
        if len(self.choices) < len(self._conflicts):
            self.notify("Choose theirs or yours for every field first.", severity="warning", markup=False)
            return
        self.dismiss(
            {conflict.path: getattr(conflict, self.choices[number]) for number, conflict in enumerate(self._conflicts)}
        )

    def action_back(self) -> None:
        self.dismiss(None)

    @on(Button.Pressed)
    def _pressed(self, event: Button.Pressed) -> None:
        match event.button.id:
            case "save":
                self.action_save()
            case "back":
                self.dismiss(None)
            case side:
                self.action_take(str(side))
