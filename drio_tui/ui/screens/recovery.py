"""Unsaved edits of the last time, to go on with or to forget."""

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
from textual.screen import ModalScreen
from textual.widgets import Static

from drio_tui.ui import keymap
from drio_tui.ui.keymap import Key
from drio_tui.ui.screens.edit import Target
from drio_tui.ui.stylesheets import stylesheet
from drio_tui.ui.widgets.rows import Column, Row, RowList
from drio_tui.ui.widgets.safe import safe_line
from drio_tui.workspace import recovery
from drio_tui.workspace.recovery import Buffer


def target_of(buffer: Buffer) -> Target:
    """The edit that a kept buffer goes on with."""
    return Target(
        buffer.app, buffer.kind, buffer.thing, buffer.parent, base=buffer.base, mine=buffer.mine, draft=buffer.draft,
        recovered=buffer.id,
    )  # fmt: skip


class RecoveryScreen(ModalScreen[Buffer | None]):
    """Gives the buffer to go on with, None when they are to wait."""

    CSS_PATH = stylesheet("editing")
    BINDINGS: ClassVar[list[BindingType]] = keymap.section(
        "recovery",
        "Unsaved edits",
        Key("recovery.forget", "D", "forget", "Forget", "Forget this edit for good"),
        Key("recovery.close", "escape,q", "close", "Later", "Keep them for the next start"),
    )

    def __init__(self, buffers: Sequence[Buffer]) -> None:
        super().__init__()
        self._buffers = {buffer.id: buffer for buffer in buffers}

    def compose(self) -> ComposeResult:
        with Vertical(classes="editing-box") as box:
            box.border_title = "Edits that were not saved"
            yield RowList(Column("When", 12), Column("What", 40), Column("Why it was kept"))
            yield Static(id="about")
            keys = [("Enter", "go on with it"), ("D", "forget it"), ("Esc", "later")]
            parts = [Content.assemble((key, "bold $text-accent"), f" {what}   ") for key, what in keys]
            yield Static(Content("").join(parts))

    def on_mount(self) -> None:
        self._show()
        self.query_one(RowList).focus()

    def _show(self) -> None:
        rows = []
        for buffer in self._buffers.values():
            with contextlib.suppress(OverflowError, OSError, ValueError):  # a time that no calendar has
                when = f"{datetime.fromtimestamp(buffer.at):%m-%d %H:%M}"
                what = f"{buffer.kind} {buffer.label}"
                rows.append(Row(buffer.id, (Content(when), safe_line(what, 100), safe_line(buffer.why, 100))))
        self.query_one(RowList).show(rows)

    @on(RowList.Moved)
    def _explain(self, event: RowList.Moved) -> None:
        buffer = self._buffers.get(event.key or "")
        lost = f"Not kept, to be typed again: {', '.join(buffer.lost)}" if buffer and buffer.lost else ""
        self.query_one("#about", Static).update(safe_line(lost, 300))

    @on(RowList.Opened)
    def _open(self, event: RowList.Opened) -> None:
        self.dismiss(self._buffers[event.key])

    def action_forget(self) -> None:
        key = self.query_one(RowList).key
        if key is None:
            return
        try:
            recovery.discard(key)
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
