"""The review step: the tree of the planned app, its errors and warnings, and the requests that will be sent."""

from __future__ import annotations

from collections.abc import Sequence

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widgets import Static

from drio_tui.text import count_of
from drio_tui.ui.app_detail.config_tree import ConfigTree
from drio_tui.ui.plan.plan_panel import PlanPanel
from drio_tui.ui.plan.plan_rows import items_of_steps
from drio_tui.ui.widgets.row_list import Column, Row, RowList
from drio_tui.ui.widgets.sanitize import sanitize_line
from drio_tui.ui.widgets.values import severity_mark
from drio_tui.ui.wizard import TITLES
from drio_tui.ui.wizard.page import Page
from drio_tui.wizard.plan import plan
from drio_tui.wizard.template_parts import APP_REF, contents_known, parts, planned_snapshot
from drio_tui.wizard.validation import PAGE_OF, DraftDiagnostic, diagnostics
from drio_tui.workspace.model.tree_model import TreeModel

_MUTED = "$foreground-muted"


class ReviewPage(Page):
    """The tree on the left, the requests on the right, errors and warnings below; Enter on a line opens its step."""

    TITLE = "Look it over"
    ABOUT = "Enter on a line goes to its step."

    def compose(self) -> ComposeResult:
        with Horizontal():
            yield ConfigTree(id="tree")
            with Vertical(id="requests"):
                yield Static(id="requests-title")
                yield PlanPanel()
        yield RowList(Column("Worth a look"), id="diagnostics")

    def on_mount(self) -> None:
        self.update_content()

    def update_content(self) -> None:
        providers = self.wizard.providers if self.wizard.app_snapshot is not None else ()
        snapshot = planned_snapshot(self.draft, self.wizard.app_snapshot, providers)
        tree = TreeModel(snapshot, links_known=self.draft.brought is not None)
        self.query_one(ConfigTree).show(tree)
        self._diagnostics = [
            *diagnostics(self.draft, self.wizard.taken),
            *(
                DraftDiagnostic(
                    PAGE_OF.get(problem.key[0], "review"), "warning", problem.message, problem.path, problem.key[-1]
                )
                for problem in tree.problems
                if problem.key[0] in PAGE_OF
            ),
        ]
        rows = [Row(str(index), (self._line(diagnostic),)) for index, diagnostic in enumerate(self._diagnostics)]
        row_list = self.query_one("#diagnostics", RowList)
        row_list.display = bool(rows)
        row_list.styles.height = min(len(rows) + 2, 7)  # with the header and the border
        row_list.show(rows)
        self._show_requests()

    def _line(self, diagnostic: DraftDiagnostic) -> Content:
        step = Content.styled(f"{TITLES[diagnostic.page]}: ", _MUTED)
        return Content.assemble(severity_mark(diagnostic.severity), " ", step, sanitize_line(diagnostic.message, 300))

    def _show_requests(self) -> None:
        steps = plan(self.draft, self.wizard.app_snapshot)
        remaining = [step for step in steps if not self.draft.is_done(step.id) and step.verb != "read"]
        count = len(remaining)
        title = "What will be sent" if not self.draft.app else "What is left to send"
        counted = count_of(count, "request") if count else "Nothing is left."
        heading = Content.assemble((title, "bold $text-primary"), (f"  {counted}", _MUTED))
        self.query_one("#requests-title", Static).update(heading)
        notes = []
        if not contents_known(self.draft):
            notes.append("What the template brings is known once the app is there.")
        elif self.draft.brought is None and parts(self.draft, "tool", "widget"):
            notes.append("The template links widgets and tools itself: they are shown linked once the app is created.")
        if any(step.verb == "delete" for step in remaining):
            notes.append("References to what is left out are removed, too.")
        self.query_one(PlanPanel).show(items_of_steps(remaining), notes=notes)

    @on(ConfigTree.Moved)
    def _cursor_moved(self, event: ConfigTree.Moved) -> None:
        event.stop()

    @on(ConfigTree.Entered)
    def _node_opened(self, event: ConfigTree.Entered) -> None:
        event.stop()
        kind = event.key[0]
        if event.key == ("app", APP_REF):
            self.wizard.go_to("basics")
        elif kind in PAGE_OF:
            self.wizard.go_to(PAGE_OF[kind], event.key[-1])

    @on(RowList.Opened, "#diagnostics")
    def _row_opened(self, event: RowList.Opened) -> None:
        event.stop()
        diagnostic = self._diagnostics[int(event.key)]
        self.wizard.go_to(diagnostic.page, diagnostic.ref)

    def focus_first(self) -> None:
        has_errors = any(diagnostic.severity == "error" for diagnostic in self._diagnostics)
        (self.query_one("#diagnostics") if has_errors else self.query_one(ConfigTree)).focus()

    def show_errors(self, diagnostics: Sequence[DraftDiagnostic]) -> None:
        self.query_one("#diagnostics").focus()
