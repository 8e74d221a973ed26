"""The dialog that carries out an import: its steps, their results, and a retry of those that failed."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from textual import on
from textual.widgets import Button, Static

from drio_tui.openapi_import.errors import DocumentProblem
from drio_tui.openapi_import.import_steps import import_steps
from drio_tui.openapi_import.planning import Plan
from drio_tui.plan.executor import Executor
from drio_tui.text import count_of
from drio_tui.ui.editing.batch_dialog import BatchDialog
from drio_tui.ui.widgets.sanitize import sanitize
from drio_tui.workspace.saving.saver import Saver

_MAX_PROBLEMS = 12
"""The maximum number of problems shown; of the others only the number is shown."""


class ImportDialog(BatchDialog):
    """The steps of an import. Failed steps can be retried; those that succeeded are not repeated.

    `problems` are those of the document and of the plan; only those of resources in the plan should be given.
    """

    def __init__(self, plan: Plan, problems: Iterable[DocumentProblem], create: Callable[[Saver], Executor]) -> None:
        lines = problem_lines(problems, "▲ ")
        if plan.skipped:
            sources = ", ".join(skipped.source for skipped in plan.skipped[:3])
            sources += ", …" if len(plan.skipped) > 3 else ""
            lines.append(f"✓ The app has {count_of(len(plan.skipped), 'operation')} of these already: {sources}")
        lines.append(plan.summary)
        if plan.proposals:
            lines.append("✓ The tools are as proposed: t in the list of operations shows and edits that.")
        changes = sum(bool(resource.changes) for resource in plan.resources)
        title = f"Create {count_of(len(plan.resources) - changes, 'resource')}?"
        super().__init__(
            title if changes < len(plan.resources) else "Change the integration?",
            "\n".join(lines),
            import_steps(plan),
            create,
            agree="Create",
            danger=False,
        )

    def on_mount(self) -> None:
        button = self.query_one("#go", Button)
        button.variant = "primary"
        if self.work is not None:
            button.label = "Retry the failed"
        self.call_after_refresh(button.focus)

    @on(BatchDialog.Ended)
    def _show_failures(self) -> None:
        """Show the complete error messages, which do not fit into the lines of the list."""
        failed = self.work.failed if self.work is not None else []
        if failed:
            lines = [f"✗ {result.step.about}: {result.problem}" for result in failed[:_MAX_PROBLEMS]]
            self.query_one("#body", Static).update(sanitize("\n".join(lines), multiline=True))


def problem_lines(problems: Iterable[DocumentProblem], symbol: str = "") -> list[str]:
    """Return a line for each different problem, and one for those that are too many to show."""
    texts = []
    for problem in problems:
        where = problem.operation or problem.where
        texts.append(f"{where}: {problem.message}" if where else problem.message)
    lines = [f"{symbol}{text}" for text in dict.fromkeys(texts)]
    if len(lines) > _MAX_PROBLEMS:
        lines[_MAX_PROBLEMS:] = [f"{symbol}and {len(lines) - _MAX_PROBLEMS} more"]
    return lines
