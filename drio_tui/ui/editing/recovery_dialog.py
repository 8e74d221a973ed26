"""The dialog that offers the unsaved edits of the previous run, to go on with or to forget."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from datetime import datetime
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Button, Static

from drio_tui.text import one_line
from drio_tui.ui.base import keymap
from drio_tui.ui.base.keymap import Key
from drio_tui.ui.base.stylesheets import stylesheet
from drio_tui.ui.base.workers import start_worker
from drio_tui.ui.dialogs.dialog import ButtonRow, Dialog
from drio_tui.ui.editing.edit_target import EditTarget
from drio_tui.ui.widgets.row_list import Column, Row, RowList, show_rows
from drio_tui.ui.widgets.sanitize import sanitize_line
from drio_tui.workspace.saving import unsaved_edits
from drio_tui.workspace.saving.unsaved_edits import UnsavedEdit


def target_for(edit: UnsavedEdit) -> EditTarget:
    """Return the target for the edit screen that goes on with a kept edit."""
    return EditTarget(
        edit.app, edit.kind, edit.resource, edit.parent, base=edit.base, local=edit.local, draft=edit.draft,
        texts=edit.texts, unsaved_edit_id=edit.id,
    )  # fmt: skip


_WORDS = {
    "arguments": "arguments of",
    "bulk": "change:",
    "import": "proposals for the import of",
    "raw_request": "request by hand",
}


def what_of(edit: UnsavedEdit) -> str:
    """Return what was edited, for the user; not sanitized."""
    return f"{_WORDS.get(edit.kind, edit.kind)} {edit.label}"


class RecoveryDialog(Dialog[UnsavedEdit | None]):
    """Offers kept edits; the result is the one to go on with, None to keep them for later."""

    CSS_PATH = stylesheet("editing")
    BINDINGS: ClassVar[list[BindingType]] = keymap.section(
        "unsaved_edits",
        "Unsaved edits",
        Key("unsaved_edits.forget", "D", "forget", "Forget", "Forget this edit for good"),
        Key("unsaved_edits.close", "escape,q", "close", "Later", "Keep them for the next start"),
    )

    def __init__(self, edits: Sequence[UnsavedEdit]) -> None:
        super().__init__()
        self._edits = {edit.id: edit for edit in edits}

    def compose(self) -> ComposeResult:
        with Vertical(classes="editing-box") as box:
            box.border_title = "Edits that were not saved"
            yield RowList(
                Column("When", 11), Column("What", min_width=20), Column("Why it was kept", min_width=16, rank=1)
            )
            yield Static(id="about")
            yield ButtonRow(
                Button("Later", id="later"),
                Button("Forget it (D)", id="forget", variant="error"),
                Button("Go on with it", id="go", variant="primary"),
            )

    def on_mount(self) -> None:
        self._show()
        self.set_focus(self.query_one(RowList))

    def _show(self) -> None:
        rows = []
        for edit in self._edits.values():
            with contextlib.suppress(OverflowError, OSError, ValueError):  # a time that no date can represent
                when = f"{datetime.fromtimestamp(edit.at):%m-%d %H:%M}"
                what = what_of(edit)
                rows.append(Row(edit.id, (Content(when), sanitize_line(what, 100), sanitize_line(edit.why, 100))))
        show_rows(self.query_one(RowList), rows)

    @on(RowList.Moved)
    def _moved(self, event: RowList.Moved) -> None:
        edit = self._edits.get(event.key or "")
        if edit is None:
            return
        lines = [f"Kept because {edit.why}."] if edit.why else []
        if edit.lost:
            lines.append(f"Not kept, to be typed again: {', '.join(edit.lost)}")
        self.query_one("#about", Static).update(Content("\n").join(sanitize_line(line, 300) for line in lines))

    @on(RowList.Opened)
    def _open(self, event: RowList.Opened) -> None:
        self.dismiss(self._edits[event.key])

    @on(Button.Pressed)
    def _pressed(self, event: Button.Pressed) -> None:
        key = self.query_one(RowList).key
        match event.button.id:
            case "go" if key is not None:
                self.dismiss(self._edits[key])
            case "forget":
                self.action_forget()
            case _:
                self.action_close()

    def action_forget(self) -> None:
        key = self.query_one(RowList).key
        if key is not None:
            start_worker(self, self._confirm_and_forget, key, group="forget", exclusive=True)

    async def _confirm_and_forget(self, key: str) -> None:
        edit = self._edits[key]
        warning = f"What was typed in {one_line(what_of(edit), 120)} is gone for good then."
        if not await self.drio.navigator.confirm("Forget this edit?", warning, agree="Forget it"):
            return
        try:
            unsaved_edits.discard(key)
        except OSError as error:
            self.notify(sanitize_line(str(error), 200).plain, severity="error", markup=False)
            return
        del self._edits[key]
        if self._edits:
            self._show()
        else:
            self.dismiss(None)

    def action_close(self) -> None:
        self.dismiss(None)
