"""The dialog that lists the problems of an app; Enter goes to the node that has one."""

from __future__ import annotations

from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Static

from drio_tui.text import count_of
from drio_tui.ui.base import keymap
from drio_tui.ui.base.keymap import Key
from drio_tui.ui.base.stylesheets import stylesheet
from drio_tui.ui.dialogs.dialog import Dialog
from drio_tui.ui.widgets.row_list import Column, Row, RowList
from drio_tui.ui.widgets.sanitize import sanitize, sanitize_line
from drio_tui.ui.widgets.values import severity_mark
from drio_tui.workspace.lint.resource_checks import count_severities
from drio_tui.workspace.model.snapshot import ResourceKey as ResourceKey
from drio_tui.workspace.model.tree_model import TreeModel, title_of


class ProblemsDialog(Dialog[ResourceKey | None]):
    """Lists errors and warnings; the result is the key of the node to go to, or None."""

    CSS_PATH = stylesheet("problems")
    BINDINGS = keymap.section(
        "problems",
        "Problems",
        Key("problems.close", "escape,p,q", "close", "Close", "Back to the app"),
    )

    def __init__(self, outline: TreeModel) -> None:
        super().__init__()
        self._outline = outline

    def compose(self) -> ComposeResult:
        with Vertical(id="problems"):
            yield RowList(Column("Where", 40, min_width=12), Column("What", min_width=20))
            yield Static(id="message")
            yield Static(
                Content.assemble(("Enter", "bold $text-accent"), " go there   ", ("Esc", "bold $text-accent"), " close")
            )

    def on_mount(self) -> None:
        diagnostics = self._outline.problems
        errors, warnings = count_severities(diagnostics)
        box = self.query_one("#problems")
        box.border_title = f"{count_of(errors, 'error')}, {count_of(warnings, 'warning')}"
        rows = []
        for number, diagnostic in enumerate(diagnostics):
            if diagnostic.key[0] == "group":
                where = diagnostic.key[1]
            else:
                where = title_of(self._outline.snapshot, diagnostic.key)
            place = Content.assemble(severity_mark(diagnostic.severity), " ", sanitize_line(where, 120))
            rows.append(Row(str(number), (place, sanitize_line(diagnostic.message, 400))))
        self.query_one(RowList).show(rows)
        self.set_focus(self.query_one(RowList))

    @on(RowList.Moved)
    def _moved(self, event: RowList.Moved) -> None:
        text = self._outline.problems[int(event.key)].message if event.key else ""
        self.query_one("#message", Static).update(sanitize(text[:2000]))

    @on(RowList.Opened)
    def _opened(self, event: RowList.Opened) -> None:
        node = self._outline.node_of_problem(self._outline.problems[int(event.key)])
        self.dismiss(node.key if node else None)

    def action_close(self) -> None:
        self.dismiss(None)
