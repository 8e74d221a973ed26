"""The step where everything is looked at once more: the tree as it will be, what is wrong, and what will be sent."""

from __future__ import annotations

from collections.abc import Sequence

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal, VerticalScroll
from textual.content import Content
from textual.widgets import Static

from drio_tui.text import count_of
from drio_tui.ui.app_detail.config_tree import ConfigTree
from drio_tui.ui.widgets.row_list import Column, Row, RowList
from drio_tui.ui.widgets.sanitize import safe_line
from drio_tui.ui.wizard import TITLES
from drio_tui.ui.wizard.page import Page
from drio_tui.wizard.plan import plan
from drio_tui.wizard.template_parts import APP_REF, as_it_will_be, known, parts
from drio_tui.wizard.validation import PAGE_OF, Finding, findings
from drio_tui.workspace.model.tree_model import TreeModel

_MUTED = "$foreground-muted"


class ReviewPage(Page):
    """The tree at the left, the requests to come at the right, below what is worth a look; Enter goes there."""

    TITLE = "Look it over"
    ABOUT = "Enter on a line goes to its step."

    def compose(self) -> ComposeResult:
        with Horizontal():
            yield ConfigTree(id="tree")
            with VerticalScroll(id="requests", can_focus=False):
                yield Static(id="requests-text")
        yield RowList(Column("Worth a look"), id="findings")

    def on_mount(self) -> None:
        self.renew()

    def renew(self) -> None:
        providers = self.guide.providers if self.guide.real is not None else ()
        snapshot = as_it_will_be(self.draft, self.guide.real, providers)
        outline = TreeModel(snapshot)
        self.query_one(ConfigTree).show(outline)
        self._found = [
            *findings(self.draft, self.guide.taken),
            *(
                Finding(PAGE_OF.get(one.key[0], "review"), "warning", one.message, one.path, one.key[-1])
                for one in outline.problems
                if one.key[0] in PAGE_OF
            ),
        ]
        rows = [Row(str(place), (self._line(one),)) for place, one in enumerate(self._found)]
        listed = self.query_one("#findings", RowList)
        listed.display = bool(rows)
        listed.styles.height = min(len(rows) + 2, 7)  # with its title and the line above
        listed.show(rows)
        self.query_one("#requests-text", Static).update(self._requests())

    def _line(self, one: Finding) -> Content:
        mark = ("✗ ", "$text-error") if one.severity == "error" else ("▲ ", "$text-warning")
        where = Content.styled(f"{TITLES[one.page]}: ", _MUTED)
        return Content.assemble(mark, where, safe_line(one.message, 300))

    def _requests(self) -> Content:
        steps = plan(self.draft, self.guide.real)
        left = [step for step in steps if not self.draft.is_done(step.id) and step.verb != "read"]
        count = len(left)
        lines = [Content.styled("What will be sent" if not self.draft.app else "What is left to send",
                                "bold $text-primary")]  # fmt: skip
        lines.append(Content.styled(count_of(count, "request") if count else "Nothing is left.", _MUTED))
        lines += [Content.assemble(("· ", "$text-accent"), safe_line(step.about, 200)) for step in left[:60]]
        if count > 60:
            lines.append(Content.styled(f"… and {count - 60} more", _MUTED))
        if not known(self.draft):
            lines.append(Content.styled("What the template brings is known once the app is there.", _MUTED))
        elif self.draft.brought is None and parts(self.draft, "tool", "widget"):
            lines.append(Content.styled("What shows and calls what in the template is known once the app is there.",
                                        _MUTED))  # fmt: skip
        if any(step.verb == "delete" for step in left):
            lines.append(Content.styled("What refers to what is left out lets go of it, too.", _MUTED))
        return Content("\n").join(lines)

    @on(ConfigTree.Moved)
    def _moved(self, event: ConfigTree.Moved) -> None:
        event.stop()

    @on(ConfigTree.Entered)
    def _entered(self, event: ConfigTree.Entered) -> None:
        event.stop()
        kind = event.key[0]
        if event.key == ("app", APP_REF):
            self.guide.go_to("basics")
        elif kind in PAGE_OF:
            self.guide.go_to(PAGE_OF[kind], event.key[-1])

    @on(RowList.Opened, "#findings")
    def _jump(self, event: RowList.Opened) -> None:
        event.stop()
        one = self._found[int(event.key)]
        self.guide.go_to(one.page, one.ref)

    def focus_first(self) -> None:
        wrong = any(one.severity == "error" for one in self._found)
        (self.query_one("#findings") if wrong else self.query_one(ConfigTree)).focus()

    def complain(self, findings: Sequence[Finding]) -> None:
        self.query_one("#findings").focus()
