"""What the deploy screen says of how resources stand, line by line."""

from __future__ import annotations

from dataclasses import dataclass

from textual.content import Content

from drio_tui.endpoint import SeenTool, Server
from drio_tui.text import count_of
from drio_tui.ui.widgets.sanitize import safe_line
from drio_tui.workspace.deploy.deploy_record import Record
from drio_tui.workspace.deploy.deployer import Deployed, refusal_lines
from drio_tui.workspace.deploy.model_view import Difference
from drio_tui.workspace.lint.preflight import Preflight
from drio_tui.workspace.saving.save_result import Failed, Refused, Unknown

WAYS = "Enter leads to where it is mended, F deploys all the same."
FIRST = "No earlier deploy from this machine is known, so there is nothing to compare with."
_GOOD, _WARNED, _BAD, _QUIET = "$text-success", "$text-warning", "$text-error", "$foreground-muted"
_WIDTH = 200
_MOST_REASONS = 6


@dataclass(frozen=True, slots=True)
class Seen:
    """What the endpoint shows, and how that differs from the config."""

    server: Server
    tools: tuple[SeenTool, ...]
    differences: tuple[Difference, ...]


def ready(report: Preflight, last: Record | None, version: str) -> list[Content]:
    """What the preflight means for the deploy that may come; `version` is the app's now."""
    if report.errors:
        lines = [safe_line(f"✗ {count_of(report.errors, 'error')} in the way. {WAYS}", _WIDTH, _BAD)]
    elif report.warnings:
        lines = [safe_line(f"▲ {count_of(report.warnings, 'warning')}. D deploys it.", _WIDTH, _WARNED)]
    else:
        lines = [safe_line("✓ D deploys it.", _WIDTH, _GOOD)]
    if last is not None and last.version != version:
        told = f"Version {version} did not come from a deploy here: changes are told since {last.version}."
        lines.append(safe_line(told, _WIDTH, _QUIET))
    return lines


def nothing_changed(last: Record | None, version: str) -> str:
    """What a list of changes without any says; `version` is the app's now."""
    if last is None:
        return FIRST
    if last.version == version:
        return "Nothing has changed since the last deploy."
    return (
        f"Nothing has changed since {last.version}, the last deploy from here. What is live as {version} was deployed "
        "elsewhere, or restored: whether it differs is not known here."
    )


def live(done: Deployed, seen: Seen | None, *, looking: bool) -> list[Content]:
    """What came of a deploy, and what a model sees then."""
    lines = [safe_line(f"✓ Deployed: version {done.version}, config {done.revision}.", _WIDTH, _GOOD)]
    if done.doubt:
        answer = "The answer was lost" if done.doubt == "lost" else "The answer lacked the app or its endpoint"
        told = f"▲ {answer}; reading the app again shows that it is live."
        lines.append(safe_line(told, _WIDTH, _WARNED))
    if done.moved:
        told = "▲ Someone else changed the app meanwhile: what went live may be either."
        lines.append(safe_line(told, _WIDTH, _WARNED))
    if looking:
        lines.append(safe_line("◌ Looking at it as an AI client does…", _WIDTH, _WARNED))
    elif seen is None:
        lines.append(safe_line("▲ Not looked at yet: v tries again.", _WIDTH, _WARNED))
    elif seen.differences:
        told = f"▲ A model sees it differently: {count_of(len(seen.differences), 'difference')}."
        lines.append(safe_line(told, _WIDTH, _WARNED))
    else:
        server = f"{seen.server.name} {seen.server.version}"
        told = f"✓ A model sees {count_of(len(seen.tools), 'tool')} of {server}, as the config says."
        lines.append(safe_line(told, _WIDTH, _GOOD))
    return lines


def trouble(outcome: Refused | Failed | Unknown) -> list[Content]:
    """Why there was no deploy, or that nobody knows."""
    if isinstance(outcome, Unknown):
        told = "✗ It is not known whether it went live: reading the app again does not show it. r looks again."
        return [safe_line(told, _WIDTH, _BAD), safe_line(str(outcome.error), _WIDTH, _QUIET)]
    title = "Not deployed" if isinstance(outcome, Refused) else "Not done"
    lines = [safe_line(f"✗ {title}. {outcome.error}", 300, _BAD)]
    lines += [safe_line(f"  {line}", _WIDTH, _BAD) for line in refusal_lines(outcome.error)[:_MOST_REASONS]]
    if outcome.error.hint:
        lines.append(safe_line(outcome.error.hint, _WIDTH, _QUIET))
    return lines
