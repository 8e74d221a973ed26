"""Two people changed the same members: three values each, and a choice for every one."""

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
from drio_tui.ui.editing.review_dialog import NameOf, no_names, shown
from drio_tui.ui.widgets.row_list import Column, Row, RowList, show_rows
from drio_tui.ui.widgets.sanitize import safe_line
from drio_tui.workspace.saving.merge import FieldConflict, Path

_SIDES = {"theirs": "theirs", "mine": "mine", "both": "both together"}


def why_not_both(conflict: FieldConflict) -> str:
    """Why the two sides cannot be put together, as the end of a sentence."""
    sides = (conflict.theirs, conflict.mine)
    if MISSING in sides or None in sides:
        return "one side took it away"
    if all(isinstance(side, list) for side in sides):
        return "both changed the same entries of the list"
    names = {str: "a text", bool: "a yes or no", int: "a number", float: "a number", list: "a list", dict: "an object"}
    what = [names.get(type(side), "a value") for side in sides]
    if what[0] != what[1]:
        return f"theirs is {what[0]}, mine is {what[1]}"
    return f"{what[0]} has one value, and only lists have room for what both added"


class ConflictScreen(Dialog[dict[Path, Any] | None]):
    """Gives the value decided on for each member, None when the person goes back to editing.

    Nothing is decided beforehand: saving is possible once every member has its choice.
    """

    CSS_PATH = stylesheet("editing")
    BINDINGS: ClassVar[list[BindingType]] = keymap.section(
        "conflict",
        "Both changed it",
        Key("conflict.theirs", "t,left", "take('theirs')", "Theirs", "Keep what the other one wrote"),
        Key("conflict.mine", "m,right", "take('mine')", "Mine", "Write what you typed over it"),
        Key("conflict.both", "b", "take('both')", "Both", "Put both together, where that can be done"),
        Key("conflict.save", "ctrl+s", "save", "Save", "Save with these choices"),
        Key("conflict.back", "escape", "back", "Back", "Back to editing; nothing is written"),
    )

    def __init__(self, name: str, conflicts: Sequence[FieldConflict], name_of: NameOf = no_names) -> None:
        super().__init__()
        self._name_of = name_of
        self._called, self._conflicts = name, list(conflicts)
        self.taken: dict[int, str] = {}

    def compose(self) -> ComposeResult:
        with Vertical(classes="editing-box") as box:
            box.border_title = safe_line(f"Someone else changed {self._called} too", 90)
            yield RowList(Column("Field", least=16), Column("Taken", 15), Column("Why", least=12, rank=1))
            yield Static(id="about")
            yield ButtonRow(
                Button("Back", id="back"),
                Button("Theirs (t)", id="theirs"),
                Button("Mine (m)", id="mine"),
                Button("Both (b)", id="both"),
                Button("Save", id="save", variant="primary", disabled=True),
            )

    def on_mount(self) -> None:
        self._show()
        self.set_focus(self.query_one(RowList))

    def _show(self) -> None:
        rows = []
        for number, one in enumerate(self._conflicts):
            choice = self.taken.get(number)
            taken = (
                Content.styled(f"✓ {_SIDES[choice]}", "$text-success")
                if choice
                else Content.styled("? choose", "$text-warning")
            )
            rows.append(Row(str(number), (safe_line(one.dotted, 60), taken, safe_line(one.reason, 200))))
        show_rows(self.query_one(RowList), rows)
        self.query_one("#save", Button).disabled = len(self.taken) < len(self._conflicts)
        self._explain(self._here())

    def _here(self) -> int | None:
        key = self.query_one(RowList).key
        return int(key) if key else None

    @on(RowList.Moved)
    def _moved(self, event: RowList.Moved) -> None:
        self._explain(int(event.key) if event.key else None)

    def _explain(self, number: int | None) -> None:
        if number is None:
            return
        one = self._conflicts[number]
        self.query_one("#both", Button).disabled = one.both is MISSING
        lines = [
            safe_line(f"{word:7}{shown(one.path, value, self._name_of)}", 300, style)
            for word, value, style in (
                ("base", one.base, "$foreground-muted"),
                ("theirs", one.theirs, "$text-warning"),
                ("mine", one.mine, "$text-success"),
            )
        ]
        if one.both is MISSING:
            lines.append(safe_line(f"both   not possible: {why_not_both(one)}", 300, "$foreground-muted"))
        else:
            lines.append(safe_line(f"both   {shown(one.path, one.both, self._name_of)}", 300, "$text-primary"))
        self.query_one("#about", Static).update(Content("\n").join(lines))

    def action_take(self, side: str) -> None:
        number = self._here()
        if number is None:
            return
        if side == "both" and self._conflicts[number].both is MISSING:
            why = why_not_both(self._conflicts[number])
            self.notify(f"Not possible: {why}. Take theirs or mine.", severity="warning", markup=False)
            return
        self.taken[number] = side
        self._show()

    def action_save(self) -> None:
        if len(self.taken) < len(self._conflicts):
            self.notify("Choose theirs or mine for every member first.", severity="warning", markup=False)
            return
        self.dismiss({one.path: getattr(one, self.taken[number]) for number, one in enumerate(self._conflicts)})

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
