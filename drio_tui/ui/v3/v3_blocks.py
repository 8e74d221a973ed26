"""A tool and a validation of API v3 as text: what is documented with labels, the rest as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from textual.content import Content

from drio_tui.api.v3 import deviation
from drio_tui.text import count_of
from drio_tui.ui.widgets.rich_text import Block, Entry, Field, Heading, Paragraph
from drio_tui.ui.widgets.sanitize import sanitize, sanitize_line
from drio_tui.ui.widgets.values import label_of, scalar, severity_mark
from drio_tui.workspace.model.snapshot import Resource

_MUTED = "$foreground-muted"
_STATES = {"exposed": "$text-success", "hidden": "$text-warning", "disabled": "$text-warning"}
_GROUPS = ("annotations", "source", "runtime_status")
_DESCRIPTION = "description"


def tool_cells(tool: Resource) -> tuple[Content, ...]:
    """Return the cells of a tool in the list: name, whether it is enabled, and whether clients see it."""
    status = tool.get("runtime_status")
    state = status.get("state") if isinstance(status, dict) else None
    enabled = tool.get("enabled")
    word = {True: "yes", False: "no"}.get(enabled, "") if isinstance(enabled, bool) else ""
    shown = state if isinstance(state, str) else ""
    return (
        sanitize_line(tool.name, 200),
        Content.styled(word, "$text-success" if enabled is True else _MUTED),
        sanitize_line(shown, 40, _STATES.get(shown, _MUTED)),
    )


def tool_blocks(tool: Resource) -> list[Block]:
    """Return the details of a tool; properties that are not documented follow the others, as JSON."""
    return list(_tool_blocks(tool))


def _tool_blocks(tool: Resource) -> Iterator[Block]:
    from drio_tui.api.v3_models import V3Tool  # pydantic is slow to import

    yield Heading(sanitize_line(tool.name, 200, "bold $text-primary"), sanitize_line(tool.id, 100, _MUTED))
    if reason := deviation(V3Tool, tool.raw):
        yield Paragraph(sanitize_line(f"Not as documented: {reason}", 1000, "$text-warning"), Content("▲"))
    if not isinstance(tool.raw, dict):
        yield Paragraph(scalar(tool.raw))
        return
    if text := tool.text(_DESCRIPTION):
        yield Paragraph(sanitize(text[:2000], multiline=True))
    known = V3Tool.model_fields.keys()
    for name in known:
        if name in tool.raw and name not in ("id", "name", _DESCRIPTION, *_GROUPS):
            yield _field(name, tool.raw[name])
    for name in _GROUPS:
        group = tool.get(name)
        if isinstance(group, Mapping):
            yield Heading(sanitize_line(label_of(name), 60, "bold"))
            yield from (_field(property_name, value) for property_name, value in group.items())
        elif name in tool.raw:
            yield _field(name, group)
    others = {name: value for name, value in tool.raw.items() if name not in known}
    if others:
        yield Heading(Content.styled("Not documented", "bold"))
        yield from (_field(name, value) for name, value in others.items())


def _field(name: str, value: Any) -> Field:
    return Field(sanitize_line(label_of(name), 40, _MUTED), scalar(value, name))


def validation_blocks(validation: Any) -> list[Block]:
    """Return the result of a validation: whether the draft can be published, and its issues."""
    return list(_validation_blocks(validation))


def _validation_blocks(validation: Any) -> Iterator[Block]:
    from drio_tui.api.v3_models import V3Validation

    if reason := deviation(V3Validation, validation):
        yield Paragraph(sanitize_line(f"Not as documented: {reason}", 1000, "$text-warning"), Content("▲"))
    if not isinstance(validation, dict):
        yield Paragraph(scalar(validation))
        return
    if validation.get("ok") is True:
        yield Heading(Content.styled("✓ The draft can be published", "bold $text-success"), _counts(validation))
    else:
        yield Heading(Content.styled("✗ The draft cannot be published", "bold $text-error"), _counts(validation))
    issues = validation.get("issues")
    for issue in issues if isinstance(issues, list) else []:
        yield _issue(issue)


def _counts(validation: Mapping[str, Any]) -> Content:
    counts = [(validation.get(f"{noun}_count"), noun) for noun in ("error", "warning")]
    texts = [count_of(number, noun) for number, noun in counts if isinstance(number, int)]
    return sanitize_line(", ".join(texts), 80, _MUTED)


def _issue(issue: Any) -> Entry:
    if not isinstance(issue, dict):
        return Entry(severity_mark("warning"), scalar(issue))
    notes = [str(issue.get("code") or ""), "blocks publishing" if issue.get("blocks_publish") is True else ""]
    references = issue.get("references")
    lines = [_reference(reference) for reference in references] if isinstance(references, list) else []
    return Entry(
        severity_mark(issue.get("severity")),
        sanitize_line(str(issue.get("message") or "no message"), 1000),
        sanitize_line(", ".join(filter(None, notes)), 200, _MUTED),
        sanitize("\n".join(filter(None, lines)), _MUTED, multiline=True),
    )


def _reference(reference: Any) -> str:
    if not isinstance(reference, dict):
        return ""
    names = ("entity_type", "label", "supporting_label", "entity_id")
    return " ".join(value for name in names if isinstance(value := reference.get(name), str))
