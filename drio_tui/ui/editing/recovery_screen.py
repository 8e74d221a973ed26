"""Unsaved edits of the last time, to go on with or to forget."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, ClassVar, cast

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
from drio_tui.ui.dialogs.dialog import ButtonRow, Dialog
from drio_tui.ui.editing.edit_screen import Target
from drio_tui.ui.widgets.row_list import Column, Row, RowList, show_rows
from drio_tui.ui.widgets.sanitize import safe_line
from drio_tui.workspace.saving import unsaved_edits
from drio_tui.workspace.saving.unsaved_edits import UnsavedEdit

if TYPE_CHECKING:
    from drio_tui.ui.base.context import DrioContext


def target_of(buffer: UnsavedEdit) -> Target:
    """The edit that a kept buffer goes on with."""
    return Target(
        buffer.app, buffer.kind, buffer.resource, buffer.parent, base=buffer.base, mine=buffer.mine, draft=buffer.draft,
        recovered=buffer.id,
    )  # fmt: skip


class RecoveryScreen(Dialog[UnsavedEdit | None]):
    """Gives the buffer to go on with, None when they are to wait."""

    CSS_PATH = stylesheet("editing")
    BINDINGS: ClassVar[list[BindingType]] = keymap.section(
        "unsaved_edits",
        "Unsaved edits",
        Key("unsaved_edits.forget", "D", "forget", "Forget", "Forget this edit for good"),
        Key("unsaved_edits.close", "escape,q", "close", "Later", "Keep them for the next start"),
    )

    def __init__(self, buffers: Sequence[UnsavedEdit]) -> None:
        super().__init__()
        self._buffers = {buffer.id: buffer for buffer in buffers}

    def compose(self) -> ComposeResult:
        with Vertical(classes="editing-box") as box:
            box.border_title = "Edits that were not saved"
            yield RowList(Column("When", 11), Column("What", least=20), Column("Why it was kept", least=16, rank=1))
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
        for buffer in self._buffers.values():
            with contextlib.suppress(OverflowError, OSError, ValueError):  # a time that no calendar has
                when = f"{datetime.fromtimestamp(buffer.at):%m-%d %H:%M}"
                what = f"{buffer.kind} {buffer.label}"
                rows.append(Row(buffer.id, (Content(when), safe_line(what, 100), safe_line(buffer.why, 100))))
        show_rows(self.query_one(RowList), rows)

    @on(RowList.Moved)
    def _explain(self, event: RowList.Moved) -> None:
        buffer = self._buffers.get(event.key or "")
        if buffer is None:
            return
        said = [f"Kept because {buffer.why}."] if buffer.why else []
        if buffer.lost:
            said.append(f"Not kept, to be typed again: {', '.join(buffer.lost)}")
        self.query_one("#about", Static).update(Content("\n").join(safe_line(line, 300) for line in said))

    @on(RowList.Opened)
    def _open(self, event: RowList.Opened) -> None:
        self.dismiss(self._buffers[event.key])

    @on(Button.Pressed)
    def _pressed(self, event: Button.Pressed) -> None:
        key = self.query_one(RowList).key
        match event.button.id:
            case "go" if key is not None:
                self.dismiss(self._buffers[key])
            case "forget":
                self.action_forget()
            case _:
                self.action_close()

    def action_forget(self) -> None:
        key = self.query_one(RowList).key
        if key is not None:
            self.run_worker(self._forget_after_asking(key), group="forget", exclusive=True)

    async def _forget_after_asking(self, key: str) -> None:
        buffer = self._buffers[key]
        why = f"What was typed in {buffer.kind} {one_line(buffer.label, 100)} is gone for good then."
        if not await cast("DrioContext", self.app).confirm("Forget this edit?", why, agree="Forget it"):
            return
        try:
            unsaved_edits.discard(key)
        except OSError as error:
            self.notify(safe_line(str(error), 200).plain, severity="error", markup=False)
            return
        del self._buffers[key]
        if self._buffers:
            self._show()
        else:
            self.dismiss(None)

    def action_close(self) -> None:
        self.dismiss(None)
