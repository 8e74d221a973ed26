"""The texts of the document screen; none of them is sanitized."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

from drio_tui.document_layout import ResourceName
from drio_tui.manifest.apply import DocumentPlan
from drio_tui.manifest.opened import OpenedDocument, key_of
from drio_tui.manifest.problems import DocumentProblem
from drio_tui.plan.changes import PlanView
from drio_tui.text import count_of
from drio_tui.ui.base.messages import Status, undo_promise

_NO_LOCK_FILE = "compared with drio only: without a lock file nobody knows who changed what"
_MOST_LISTED = 6
"""The most resources that a confirmation lists."""
_MOST_WARNINGS = 20
"""The most warnings about the document that are listed."""


def about_lines(opened: OpenedDocument, host: str) -> list[str]:
    """Return what was compared with what."""
    plan = opened.plan
    files = count_of(len(opened.document.files), "file")
    base = "base: drio.lock.json, as last applied" if plan.base is not None else _NO_LOCK_FILE
    deletes = "with deletes" if plan.options.prune else "no deletes"
    return [f"{plan.slug} on {host}  {files}  {deletes}", base, plan.comparison.scope]


def compared_text(opened: OpenedDocument) -> tuple[str, str]:
    """Return the result of a comparison in a sentence, empty if the plan says it all, and its style."""
    comparison = opened.plan.comparison
    if comparison.problems:
        count = count_of(len(comparison.problems), "problem")
        return f"✗ {count} in the way. Correct the document, then r compares again.", "$text-error"
    if not comparison.changes:
        return "✓ drio is as the document says.", "$text-success"
    if comparison.conflicts:
        count = count_of(len(comparison.conflicts), "conflict")
        text = (
            f"! {count}: drio was changed since the last apply. p pulls drio's values, of a conflict only if Space "
            "includes it there. Space here takes the document's values, a applies them."
        )
        return text, "$text-warning"
    drifted = len(opened.drift.changes)
    if not drifted or opened.plan.base is None:
        return "", ""
    text = f"≠ {count_of(drifted, 'resource')} changed in drio since {opened.drift.compared_with}."
    return text, "$text-warning"


def problem_text(problem: DocumentProblem) -> str:
    """Return a problem with its place and what to do about it."""
    return f"{problem} {problem.advice}".rstrip()


def warning_lines(warnings: Sequence[DocumentProblem]) -> list[str]:
    """Return the warnings about a document that are shown below its plan."""
    lines = [f"▲ {problem_text(problem)}" for problem in warnings[:_MOST_WARNINGS]]
    if len(warnings) > _MOST_WARNINGS:
        lines.append(f"… and {len(warnings) - _MOST_WARNINGS:,} more: drio-tui validate")
    return lines


def place_of_problem(path: Path, problem: DocumentProblem) -> tuple[Path, int]:
    """Return the file and line of a problem of the document at `path`, a directory or file."""
    folder = path if path.is_dir() else path.parent
    return (folder / problem.file if problem.file else path), problem.line


def confirmation(
    plan: DocumentPlan, needed: Collection[ResourceName], overwritten: Collection[ResourceName], status: Status
) -> str:
    """Return what is said before a plan is applied.

    `needed` are the resources that are created because others need them, `overwritten` the conflicts in which the
    document is taken. `status` is that of the connection.
    """
    lines = [PlanView(tuple(change.shown() for change in plan.changes)).summary]
    lines += _listed("Others need these, which are created too:", needed)
    lines += _listed("What was changed in drio is overwritten:", overwritten)
    return "\n".join([*lines, undo_promise(status, "In the app, z takes all of it back.")])


def _listed(title: str, names: Collection[ResourceName]) -> list[str]:
    """Return a list of resources under a title, nothing if there are none."""
    more = [f"… and {len(names) - _MOST_LISTED:,} more"] if len(names) > _MOST_LISTED else []
    return [title, *(f"· {key}" for key in sorted(map(key_of, names))[:_MOST_LISTED]), *more] if names else []
