"""The dialog that lists every change made to an app with this program, newest first, and undoes the selected one."""

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

from drio_tui.plan.undo import UndoStep, undo, undo_notes, why_not_undoable
from drio_tui.text import first_names
from drio_tui.ui.base import keymap
from drio_tui.ui.base.keymap import Key
from drio_tui.ui.base.messages import RequestFailed
from drio_tui.ui.base.services import get_saver
from drio_tui.ui.base.stylesheets import stylesheet
from drio_tui.ui.dialogs.dialog import ButtonRow, Dialog
from drio_tui.ui.screen import Requests
from drio_tui.ui.widgets.row_list import Column, Row, RowList, show_rows
from drio_tui.ui.widgets.sanitize import sanitize, sanitize_line
from drio_tui.workspace.saving.history import Entry, History, entry_text

if TYPE_CHECKING:
    from drio_tui.api.client import DrioClient


_MOST_CHANGES = 3
"""The most changes that the outcome of an undo names one by one."""
_MOST_REASONS = 6
"""The most reasons that it gives."""


def undo_report(steps: list[UndoStep]) -> tuple[str, bool]:
    """Return the outcome of an undo as text, not sanitized; and whether everything that was attempted is undone."""
    attempted = [step for step in steps if step.outcome is not None]
    lines = [*_of_changes("Undone", [step for step in attempted if step.ok])]
    lines += _of_changes("Not undone", [step for step in attempted if not step.ok])
    if not attempted:
        lines = ["There is nothing to undo."]
    reasons = [step.problem for step in attempted if step.problem]
    reasons += [note for step in steps for note in step.notes]
    reasons += [f"Stays: {entry_text(step.entry)}. {step.why_not}." for step in steps if step.outcome is None]
    reasons = list(dict.fromkeys(reasons))
    lines += reasons[:_MOST_REASONS]
    if len(reasons) > _MOST_REASONS:
        lines.append(f"And {len(reasons) - _MOST_REASONS} more.")
    if any(not step.ok for step in attempted):
        lines.append("H shows every change, and undoes another one.")
    return "\n".join(lines), bool(attempted) and all(step.ok for step in attempted)


def _of_changes(what: str, steps: list[UndoStep]) -> list[str]:
    """Return a line for each change, or one with their number and the first names if they are many."""
    if len(steps) <= _MOST_CHANGES:
        return list(dict.fromkeys(f"{what}: {entry_text(step.entry)}" for step in steps))
    names = list(dict.fromkeys(f"{step.entry.kind} {step.entry.name}" for step in steps))
    return [f"{what}: {len(steps)} changes, of {first_names(names, _MOST_CHANGES)}"]


class HistoryDialog(Dialog[bool], Requests[bool]):
    """Lists the changes of an app; the result is whether an undo was started."""

    CSS_PATH = stylesheet("editing")
    BINDINGS: ClassVar[list[BindingType]] = keymap.section(
        "history",
        "History",
        Key("history.undo", "z", "undo", "Undo", "Undo the selected change, with what belongs to it"),
        Key("history.close", "escape,q,H", "close", "Close", "Back to the app"),
    )

    class Read(Message):
        """The history was read."""

        def __init__(self, history: History) -> None:
            super().__init__()
            self.history = history

    class Undone(Message):
        """An undo finished."""

        def __init__(self, steps: list[UndoStep]) -> None:
            super().__init__()
            self.steps = steps

    def __init__(self, app_id: str) -> None:
        super().__init__()
        self._app_id = app_id
        self._history = History()
        self._undo_was_started = False
        self._stops_undo = False

    def compose(self) -> ComposeResult:
        with Vertical(classes="editing-box") as box:
            box.border_title = "History"
            yield RowList(Column("When", 11), Column("What", min_width=20), Column("Undo", 17, min_width=17))
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
        async def read(client: DrioClient) -> HistoryDialog.Read:
            journal = get_saver(self.connection, client).journal(self._app_id)
            return self.Read(await asyncio.to_thread(journal.read) if journal else History())

        self.run_request(read, lambda message: message, group="read")

    def on_request_failed(self, message: RequestFailed) -> None:
        if message.group == "read":
            self.query_one("#about", Static).update("The history could not be read.")
        super().on_request_failed(message)

    def on_history_dialog_read(self, message: Read) -> None:
        self._history = message.history
        rows = []
        for entry in reversed(self._history.entries):
            if entry.state == "failed":
                continue  # nothing was changed
            if self._history.is_undone(entry):
                undo_state = Content.styled("undone already", "$foreground-muted")
            elif why_not_undoable(self._history, entry, with_group=True) is None:
                undo_state = Content.styled("✓ can be undone", "$text-success")
            else:  # the reason is shown below the list
                undo_state = Content.styled("✗ cannot be", "$foreground-muted")
            what = sanitize_line(entry_text(entry), 120)
            if _is_unknown(self._history, entry):
                what = Content.styled("? ", "$text-warning") + what
            rows.append(Row(entry.id, (Content(_when(entry.at)), what, undo_state)))
        show_rows(self.query_one(RowList), rows)
        self._show_notes(self.query_one(RowList).key)
        if not rows:
            self.query_one("#about", Static).update("Nothing was changed with this program yet.")

    @on(RowList.Moved)
    def _moved(self, event: RowList.Moved) -> None:
        self._show_notes(event.key)

    def _show_notes(self, key: str | None) -> None:
        entry = self._history.get(key or "")
        reason = why_not_undoable(self._history, entry, with_group=True) if entry is not None else None
        self.query_one("#undo", Button).disabled = entry is None or reason is not None
        if entry is not None:
            text = (
                f"It cannot be undone: {reason}."
                if reason
                else "\n".join(undo_notes(entry)) or "Everything can be brought back."
            )
            if not reason and _is_unknown(self._history, entry):
                text = f"? It is not known whether this happened. Undoing it looks first.\n{text}"
            self.query_one("#about", Static).update(sanitize(text, multiline=True))

    @on(Button.Pressed)
    def _pressed(self, event: Button.Pressed) -> None:
        if event.button.id == "undo":
            self.action_undo()
        else:
            self.action_close()

    def action_undo(self) -> None:
        if self.has_request("undo"):
            self.notify("A change is being undone. Esc stops it.", title="Not now", severity="warning", markup=False)
            return
        entry = self._history.get(self.query_one(RowList).key or "")
        if entry is None:
            return
        reason = why_not_undoable(self._history, entry, with_group=True)
        if reason:
            self.notify(sanitize_line(reason, 200).plain, title="Not undone", severity="warning", markup=False)
            return

        async def undo_entry(client: DrioClient) -> HistoryDialog.Undone:
            return self.Undone(await undo(get_saver(self.connection, client), self._app_id, entry))

        self._stops_undo, self._undo_was_started = False, True
        self.run_request(undo_entry, lambda message: message, group="undo", once=True)

    def on_history_dialog_undone(self, message: Undone) -> None:
        text, all_undone = undo_report(message.steps)
        self.notify(
            sanitize(text, multiline=True).plain, severity="information" if all_undone else "warning", markup=False
        )
        self._read()

    def running_task(self) -> str:
        return "The undo" if self.has_request("undo") else ""

    def action_close(self) -> None:
        """Close the dialog; while a change is undone, stop its request first, so that its outcome is shown."""
        client = self.connection.client
        if client is not None and self.has_request("undo") and not self._stops_undo:
            self._stops_undo = True
            get_saver(self.connection, client).stop(self._app_id)
        else:
            self.dismiss(self._undo_was_started)


def _is_unknown(history: History, entry: Entry) -> bool:
    """Return whether the response to a change was lost, or the program was left before it came."""
    return entry.state in ("unknown", "unresolved") and not history.is_undone(entry)


def _when(at: float) -> str:
    try:
        return f"{datetime.fromtimestamp(at):%m-%d %H:%M}"
    except (OverflowError, OSError, ValueError):
        return "?"
