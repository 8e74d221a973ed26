"""The status lines of the deploy screen."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from textual.content import Content

from drio_tui.endpoint import SeenTool, Server
from drio_tui.text import count_of
from drio_tui.ui.widgets.sanitize import sanitize_line
from drio_tui.workspace.deploy.deploy_record import Change, Record
from drio_tui.workspace.deploy.deployer import Deployed, refusal_lines
from drio_tui.workspace.deploy.model_view import Difference
from drio_tui.workspace.lint.preflight import Preflight
from drio_tui.workspace.saving.save_result import Failed, Refused, Unknown

ERROR_HINT = "Enter opens the editor for it, F deploys all the same."
NO_RECORD = "No earlier deploy from this machine is known, so there is nothing to compare with."
_SUCCESS, _WARNING, _ERROR, _MUTED = "$text-success", "$text-warning", "$text-error", "$foreground-muted"
_WIDTH = 200
_MAX_REASONS = 6


@dataclass(frozen=True, slots=True)
class EndpointView:
    """The server and tools that an endpoint shows, and how they differ from the config."""

    server: Server
    tools: tuple[SeenTool, ...]
    differences: tuple[Difference, ...]


def preflight_lines(report: Preflight, last: Record | None, version: str, changes: Sequence[Change]) -> list[Content]:
    """Return the result of the preflight, and what is deployed how; `version` is the app's current version."""
    deploys = f"D deploys {_deployed_text(last, version, changes)}"
    if report.errors:
        lines = [sanitize_line(f"✗ {count_of(report.errors, 'error')} in the way. {ERROR_HINT}", _WIDTH, _ERROR)]
    elif report.warnings:
        lines = [sanitize_line(f"▲ {count_of(report.warnings, 'warning')}. {deploys}", _WIDTH, _WARNING)]
    else:
        lines = [sanitize_line(f"✓ {deploys}", _WIDTH, _SUCCESS)]
    if last is not None and last.version != version:
        text = f"Version {version} did not come from a deploy here: changes are shown since {last.version}."
        lines.append(sanitize_line(text, _WIDTH, _MUTED))
    return lines


def _deployed_text(last: Record | None, version: str, changes: Sequence[Change]) -> str:
    """Return what a deploy takes live, as the end of a sentence and perhaps another one."""
    if changes and last is not None:
        counts = Counter(change.what for change in changes)
        parts = ", ".join(f"{counts[what]} {what}" for what in ("added", "changed", "removed") if counts[what])
        return f"it. Since {last.version}: {parts} (page Changes)."
    if last is not None and last.version == version:
        return "it again. Nothing has changed since the last deploy."
    return "it."


def no_changes_text(last: Record | None, version: str) -> str:
    """Return the text for an empty list of changes; `version` is the app's current version."""
    if last is None:
        return NO_RECORD
    if last.version == version:
        return "Nothing has changed since the last deploy."
    return (
        f"Nothing has changed since {last.version}, the last deploy from here. What is live as {version} was deployed "
        "elsewhere, or restored: whether it differs is not known here."
    )


def deployed_lines(deployed: Deployed, view: EndpointView | None, *, inspecting: bool) -> list[Content]:
    """Return the result of a successful deploy and of the inspection of its endpoint."""
    lines = [sanitize_line(f"✓ Deployed: version {deployed.version}, config {deployed.revision}.", _WIDTH, _SUCCESS)]
    if deployed.doubt:
        answer = "The response was lost" if deployed.doubt == "lost" else "The response lacked the app or its endpoint"
        text = f"▲ {answer}; reading the app again shows that it is live."
        lines.append(sanitize_line(text, _WIDTH, _WARNING))
    if deployed.changed_meanwhile:
        text = "▲ Someone else changed the app meanwhile: what went live may be either."
        lines.append(sanitize_line(text, _WIDTH, _WARNING))
    if inspecting:
        lines.append(sanitize_line("◌ Looking at it as an AI client does…", _WIDTH, _WARNING))
    elif view is None:
        lines.append(sanitize_line("▲ Not looked at yet: v tries again.", _WIDTH, _WARNING))
    elif view.differences:
        text = f"▲ A model sees it differently: {count_of(len(view.differences), 'difference')}."
        lines.append(sanitize_line(text, _WIDTH, _WARNING))
    else:
        server = f"{view.server.name} {view.server.version}"
        text = f"✓ A model sees {count_of(len(view.tools), 'tool')} of {server}, as the config says."
        lines.append(sanitize_line(text, _WIDTH, _SUCCESS))
    return lines


def failure_lines(outcome: Refused | Failed | Unknown) -> list[Content]:
    """Return why the deploy failed, or that its outcome is unknown."""
    if isinstance(outcome, Unknown):
        text = "✗ It is not known whether it went live: reading the app again does not show it. r looks again."
        return [sanitize_line(text, _WIDTH, _ERROR), sanitize_line(str(outcome.error), _WIDTH, _MUTED)]
    title = "Not deployed" if isinstance(outcome, Refused) else "Not done"
    lines = [sanitize_line(f"✗ {title}. {outcome.error}", 300, _ERROR)]
    lines += [sanitize_line(f"  {line}", _WIDTH, _ERROR) for line in refusal_lines(outcome.error)[:_MAX_REASONS]]
    if outcome.error.hint:
        lines.append(sanitize_line(outcome.error.hint, _WIDTH, _MUTED))
    return lines
