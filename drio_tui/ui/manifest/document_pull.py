"""Pulls changes of drio into the files of a document: shows them, and writes those that the user includes."""

from __future__ import annotations

import os
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Protocol

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.widgets import Button, Static

from drio_tui.api.errors import DrioError
from drio_tui.document_layout import ResourceName
from drio_tui.manifest.export import named_files
from drio_tui.manifest.opened import PlannedPull, key_of, plan_pull
from drio_tui.manifest.pull import Pull
from drio_tui.ui.base import keymap
from drio_tui.ui.base.context import ScreenContext
from drio_tui.ui.base.keymap import Key
from drio_tui.ui.base.stylesheets import stylesheet
from drio_tui.ui.base.workers import start_worker
from drio_tui.ui.dialogs.dialog import ButtonRow, Dialog
from drio_tui.ui.plan.plan_panel import PlanPanel
from drio_tui.ui.plan.plan_rows import PlanItem
from drio_tui.ui.plan.plan_tree import PlanTree
from drio_tui.ui.widgets.sanitize import sanitize_line

if TYPE_CHECKING:
    from drio_tui.api.client import DrioClient
    from drio_tui.ui.base.context import DrioContext


class PullPlanned(Message):
    """It is known what a pull would change."""

    def __init__(self, planned: PlannedPull) -> None:
        super().__init__()
        self.planned = planned


class PullFinished(Message):
    """Files were changed; `names` are relative to the directory of the document."""

    def __init__(self, names: list[str]) -> None:
        super().__init__()
        self.names = names


class PullView(ScreenContext, Protocol):
    """What the pull needs of the document screen, which documents the attributes and methods."""

    app_id: str

    def action_refresh(self) -> None: ...

    def show_work(self, text: str) -> None: ...


class PullDialog(Dialog[set[ResourceName] | None]):
    """Shows what a pull would change in the files; the result is what to pull, None if it was cancelled.

    Conflicts, and what would be removed from the document, are left unless they are included.
    """

    CSS_PATH = stylesheet("manifest")
    BINDINGS: ClassVar[list[BindingType]] = keymap.section(
        "document_pull",
        "Pulling into a document",
        Key("document_pull.leave", "escape", "leave", "Leave", "Change no file"),
    )

    def __init__(self, result: Pull) -> None:
        super().__init__()
        self._result = result

    def compose(self) -> ComposeResult:
        with Vertical(classes="document-box -large") as box:
            box.border_title = "Pull from drio into the document?"
            yield Static(
                Content.styled(
                    "Old is what the document has, new is what drio has. Only values that differ are changed in the "
                    "files. Conflicts are not included at first: Space includes one, and drio's value is taken.",
                    "$foreground-muted",
                ),
                classes="-text",
            )
            yield PlanPanel(choosable=True)
            yield ButtonRow(Button("Cancel", id="cancel"), Button("Pull", id="go", variant="primary"))

    def on_mount(self) -> None:
        changes = self._result.changes
        items = [PlanItem(key_of((change.kind, change.name)), change) for change in changes]
        included = [item.key for item in items if item.change.action not in ("conflict", "delete")]
        panel = self.query_one(PlanPanel)
        panel.show(items, notes=self._result.notes, included=included)
        panel.plan_tree.focus()

    @on(PlanTree.ChoiceChanged)
    def _choice_changed(self) -> None:
        self.query_one("#go", Button).disabled = not self.query_one(PlanPanel).included

    @on(Button.Pressed)
    def _pressed(self, event: Button.Pressed) -> None:
        if event.button.id == "go":
            self.dismiss({(item.change.kind, item.change.name) for item in self.query_one(PlanPanel).included})
        else:
            self.dismiss(None)

    def action_confirm(self) -> None:
        """Pull, or say that nothing is included."""
        if self.query_one(PlanPanel).included:
            super().action_confirm()
        else:
            self.notify("Nothing is included: Space includes a resource, * all.", markup=False)

    def action_leave(self) -> None:
        """Clear the filter, else close the dialog."""
        if not self.query_one(PlanPanel).clear_filter():
            self.dismiss(None)


class DocumentPull:
    """Shows what drio has and the document lacks, and writes what the user chose of it."""

    def __init__(self, screen: PullView) -> None:
        self._screen = screen

    def start(self, path: Path) -> None:
        """Compare the document at `path` with drio, then ask what to pull."""
        app_id = self._screen.app_id

        async def work(client: DrioClient) -> PullPlanned:
            return PullPlanned(await plan_pull(client, app_id, path, os.environ))

        self._screen.show_work("Reading what drio has")
        self._screen.run_request(work, lambda message: message, group="pull", once=True)

    def planned(self, message: PullPlanned) -> None:
        """Ask what to pull."""
        self._screen.show_work("")
        planned = message.planned
        if not planned.result.changes:
            notes = " ".join(planned.result.notes[:2])
            text = sanitize_line(f"drio has nothing new for the document. {notes}", 400).plain
            self._screen.drio.notify(text, title="Nothing to pull", markup=False)
            return

        def chosen(names: set[ResourceName] | None) -> None:
            if names:
                self._write(planned, names)

        self._screen.drio.push_screen(PullDialog(planned.result), chosen)

    def _write(self, planned: PlannedPull, names: Collection[ResourceName]) -> None:
        screen = self._screen

        async def write() -> None:
            try:
                pulled = PullFinished(await planned.write(names, os.environ))
            except DrioError as error:
                screen.drio.show_error(error)
            else:
                if not screen.post_message(pulled):  # the screen was left
                    _report(screen.drio, pulled)

        start_worker(screen.drio, write, group="pull files")  # not a request, which Esc would leave half done

    def finished(self, message: PullFinished) -> None:
        """Say which files were changed, and compare them again."""
        _report(self._screen.drio, message)
        self._screen.action_refresh()


def _report(drio: DrioContext, pulled: PullFinished) -> None:
    text = sanitize_line(f"Changed {named_files(pulled.names) or 'nothing'}.", 400).plain
    drio.notify(text, title="Pulled", markup=False)
