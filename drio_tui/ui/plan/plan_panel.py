"""The plan view: the tree of the changes, a filter above it, and below it the totals, or how far it got."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Input, Static

from drio_tui.plan.changes import PlanView
from drio_tui.plan.executor import Executor
from drio_tui.plan.render import time_left
from drio_tui.plan.steps import Step
from drio_tui.text import count_of
from drio_tui.ui.plan.plan_rows import ItemState, PlanItem, item_states
from drio_tui.ui.plan.plan_tree import PlanTree
from drio_tui.ui.widgets.filter_input import FilterInput

_BAR = 24
"""The width of the progress bar in cells."""


class PlanPanel(Vertical):
    """Shows a plan, lets the user choose what of it to do (`choosable`), and shows how it is carried out."""

    DEFAULT_CSS = """
    PlanPanel {
        height: 1fr;
        & > FilterInput { display: none; }
        & > PlanTree { height: 1fr; }
        & > .plan-panel--totals {
            height: 1;
            padding: 0 1;
            background: $surface;
            text-wrap: nowrap;
            text-overflow: ellipsis;
        }
    }
    """

    def __init__(self, *, choosable: bool = False, id: str | None = None) -> None:
        super().__init__(id=id)
        self._choosable = choosable
        self._progress: Content | None = None

    def compose(self) -> ComposeResult:
        yield FilterInput(placeholder="Filter the changes")
        yield PlanTree(choosable=self._choosable)
        yield Static(classes="plan-panel--totals")

    @property
    def plan_tree(self) -> PlanTree:
        """The tree of the changes."""
        return self.query_one(PlanTree)

    @property
    def included(self) -> list[PlanItem]:
        """The items that are included, in their order."""
        tree = self.plan_tree
        return [item for item in tree.items if item.key in tree.included]

    def show(
        self,
        items: Sequence[PlanItem],
        *,
        problems: Iterable[str] = (),
        notes: Iterable[str] = (),
        included: Iterable[str] | None = None,
    ) -> None:
        """Show a plan that is not carried out yet; the arguments are those of `PlanTree.show`."""
        self._progress = None
        self.plan_tree.set_states({})
        self.plan_tree.show(items, problems=problems, notes=notes, included=included)
        self._show_totals()

    def show_progress(self, executor: Executor, key_of: Callable[[Step], str], text: str, style: str = "") -> None:
        """Show how far a plan got; `key_of` returns the key of the item of a step, `text` says what is going on."""
        self.show_states(
            item_states(executor.steps, executor.state, key_of), f"{text}{time_left(executor, before=' · ')}", style
        )

    def show_states(self, states: Mapping[str, ItemState], text: str, style: str = "") -> None:
        """Show the state of each item, the number of finished ones, and `text` (sanitized) beside it."""
        tree = self.plan_tree
        tree.set_states(states)
        progress = [state.progress for state in states.values()]
        self._progress = progress_line(
            progress.count("done"), len(progress), text, style, failed=progress.count("failed"),
            skipped=progress.count("skipped"),
        )  # fmt: skip
        self._show_totals()

    def _show_totals(self) -> None:
        tree = self.plan_tree
        line = self._progress
        if line is None:
            items = self.included if tree.choosable else [*tree.items]
            text = (
                PlanView(tuple(item.change for item in items if not item.symbol)).summary
                if tree.items or not tree.has_problems
                else ""
            )
            if tree.choosable and len(items) < len(tree.items):
                text = f"{len(items)} of {len(tree.items)} included: {text[:1].lower()}{text[1:]}"
            line = Content(text)
        if self.query_one(FilterInput).value:
            line = Content.assemble((f"{count_of(len(tree.shown_items), 'match')}  ", "$text-accent"), line)
        self.query_one(".plan-panel--totals", Static).update(line, layout=False)

    @on(PlanTree.ChoiceChanged)
    def _choice_changed(self) -> None:
        self._show_totals()

    # -- filter -----------------------------------------------------------------------------------

    @on(PlanTree.FilterRequested)
    def _open_filter(self, event: PlanTree.FilterRequested) -> None:
        event.stop()
        field = self.query_one(FilterInput)
        field.display = True
        field.focus()

    @on(Input.Changed)
    def _filter(self, event: Input.Changed) -> None:
        event.stop()
        self.plan_tree.filter(event.value)
        self._show_totals()

    @on(FilterInput.Leave)
    def _leave_filter(self, event: FilterInput.Leave) -> None:
        event.stop()
        if not event.field.value:
            event.field.display = False
        self.plan_tree.focus()

    def clear_filter(self) -> bool:
        """Empty the filter; return whether there was one."""
        field = self.query_one(FilterInput)
        had_text = bool(field.value)
        field.value = ""
        field.display = False
        return had_text


def progress_line(
    done: int, total: int, text: str, style: str = "", *, failed: int = 0, skipped: int = 0, width: int = _BAR
) -> Content:
    """Return a progress bar with the number of finished changes, and `text` beside it."""
    filled = round(width * done / max(1, total))
    parts: list[Content | str | tuple[str, str]] = [
        ("━" * filled, "$primary"), ("─" * (width - filled), "$foreground-muted"), f" {done}/{total}"
    ]  # fmt: skip
    if failed:
        parts.append((f"  ✗ {failed} failed", "$text-error"))
    if skipped:
        parts.append((f"  – {skipped} skipped", "$foreground-muted"))
    parts.append((f"  {text}", style or "$foreground-muted"))
    return Content.assemble(*parts)
