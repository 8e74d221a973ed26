"""Every change made in the program to an app, newest first, and taking a chosen one back."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.widgets import Button, Static

from drio_tui.ui.base import keymap
from drio_tui.ui.base.keymap import Key
from drio_tui.ui.base.services import saver_of
from drio_tui.ui.base.stylesheets import stylesheet
from drio_tui.ui.dialogs.dialog import ButtonRow, Dialog
from drio_tui.ui.screen import Requests
from drio_tui.ui.widgets.row_list import Column, Row, RowList, show_rows
from drio_tui.ui.widgets.sanitize import safe, safe_line
from drio_tui.workspace.saving.journal import Entry, History
from drio_tui.workspace.saving.undo import Step, can_undo, notes, undo

if TYPE_CHECKING:
    from drio_tui.api.client import DrioClient

_WORDS = {"update": "changed", "create": "made", "delete": "deleted", "deploy": "deployed"}


def what_of(entry: Entry) -> str:
    """A change in a few words; not yet safe to show."""
    members = ", ".join(entry.after or entry.before or {}) if entry.what == "update" else ""
    return f"{_WORDS[entry.what]} {entry.kind} {entry.name}{': ' if members else ''}{members}"


def told(steps: list[Step]) -> tuple[str, bool]:
    """What came of an undo, in words, not yet safe to show; and whether what was tried is undone."""
    tried = [step for step in steps if step.outcome is not None]
    lines = [f"{'Undone' if step.ok else 'Not undone'}: {what_of(step.entry)}" for step in tried]
    if not tried:
        lines = ["There is nothing to undo."]
    lines += [step.problem for step in tried if step.problem]
    lines += [note for step in steps for note in step.notes]
    lines += [f"Stays: {what_of(step.entry)}. {step.why_not}." for step in steps if step.outcome is None]
    if any(not step.ok for step in tried):
        lines.append("H shows every change, and undoes another one.")
    return "\n".join(dict.fromkeys(lines)), bool(tried) and all(step.ok for step in tried)


class HistoryScreen(Requests, Dialog[bool]):
    """Gives whether anything was undone."""

    CSS_PATH = stylesheet("editing")
    BINDINGS: ClassVar[list[BindingType]] = keymap.section(
        "history",
        "History",
        Key("history.undo", "z", "undo", "Undo", "Undo the chosen change, with what belongs to it"),
        Key("history.close", "escape,q,H", "close", "Close", "Back to the app"),
    )

    class Read(Message):
        """The history as it is now."""

        def __init__(self, history: History) -> None:
            super().__init__()
            self.history = history

    class Undone(Message):
        """An undo ended."""

        def __init__(self, steps: list[Step]) -> None:
            super().__init__()
            self.steps = steps

    def __init__(self, app_id: str) -> None:
        super().__init__()
        self._app_id = app_id
        self._history = History()
        self._any = False

    def compose(self) -> ComposeResult:
        with Vertical(classes="editing-box") as box:
            box.border_title = "History"
            yield RowList(Column("When", 11), Column("What", least=20), Column("Undo", 17, least=17))
            yield Static("reading…", id="about")
            yield ButtonRow(
                Button("Close", id="close"),
                Button("Undo it (z)", id="undo", variant="primary", disabled=True),
                confirms=False,
            )

    def on_mount(self) -> None:
        self.set_focus(self.query_one(RowList))
        self._read()

    def _read(self) -> None:
        async def read(client: DrioClient) -> HistoryScreen.Read:
            journal = saver_of(self.backend, client).journal(self._app_id)
            return self.Read(await asyncio.to_thread(journal.read) if journal else History())

        self.run_request(read, lambda message: message, group="read")

    def on_history_screen_read(self, message: Read) -> None:
        self._history = message.history
        rows = []
        for entry in reversed(self._history.entries):
            if entry.state == "failed":
                continue  # nothing was changed
            if self._history.undone(entry):
                can = Content.styled("undone already", "$foreground-muted")
            elif can_undo(self._history, entry) is None:
                can = Content.styled("✓ can be undone", "$text-success")
            else:  # why not is said below the list
                can = Content.styled("✗ cannot be", "$foreground-muted")
            rows.append(Row(entry.id, (Content(_when(entry.at)), safe_line(what_of(entry), 120), can)))
        show_rows(self.query_one(RowList), rows)
        self._explain_key(self.query_one(RowList).key)
        if not rows:
            self.query_one("#about", Static).update("Nothing was changed with this program yet.")

    @on(RowList.Moved)
    def _explain(self, event: RowList.Moved) -> None:
        self._explain_key(event.key)

    def _explain_key(self, key: str | None) -> None:
        entry = self._history.get(key or "")
        self.query_one("#undo", Button).disabled = entry is None or can_undo(self._history, entry) is not None
        if entry is not None:
            why = can_undo(self._history, entry)
            text = (
                f"It cannot be undone: {why}." if why else "\n".join(notes(entry)) or "Everything can be brought back."
            )
            self.query_one("#about", Static).update(safe(text, multiline=True))

    @on(Button.Pressed)
    def _pressed(self, event: Button.Pressed) -> None:
        if event.button.id == "undo":
            self.action_undo()
        else:
            self.action_close()

    def action_undo(self) -> None:
        entry = self._history.get(self.query_one(RowList).key or "")
        if entry is None:
            return
        why = can_undo(self._history, entry)
        if why:
            self.notify(safe_line(why, 200).plain, title="Not undone", severity="warning", markup=False)
            return

        async def take_back(client: DrioClient) -> HistoryScreen.Undone:
            return self.Undone(await undo(saver_of(self.backend, client), self._app_id, entry))

        self.run_request(take_back, lambda message: message, group="undo", once=True)

    def on_history_screen_undone(self, message: Undone) -> None:
        text, fine = told(message.steps)
        self._any = True
        self.notify(safe(text, multiline=True).plain, severity="information" if fine else "warning", markup=False)
        self._read()

    def action_close(self) -> None:
        self.dismiss(self._any)


def _when(at: float) -> str:
    try:
        return f"{datetime.fromtimestamp(at):%m-%d %H:%M}"
    except (OverflowError, OSError, ValueError):
        return "?"
