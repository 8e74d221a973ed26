"""The rows and details of the deploy screen for diagnostics, changes and differences."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from textual.content import Content

from drio_tui.api import json_codec
from drio_tui.endpoint import SeenTool
from drio_tui.kinds import KINDS
from drio_tui.ui.editing.review_dialog import NameOf, no_name_of, value_text
from drio_tui.ui.widgets.row_list import Row
from drio_tui.ui.widgets.sanitize import sanitize, sanitize_line
from drio_tui.ui.widgets.values import severity_mark
from drio_tui.workspace.deploy.deploy_record import Change
from drio_tui.workspace.deploy.model_view import Difference
from drio_tui.workspace.lint.diagnostics import Diagnostic

_WIDTH = 200
_MAX_FIELDS = 40
_SIGNS = {"added": ("+", "$text-success"), "removed": ("-", "$text-error"), "changed": ("~", "$text-warning")}


def diagnostic_rows(diagnostics: Sequence[Diagnostic]) -> list[Row]:
    """Return a row for each diagnostic, with its index as the key."""
    rows = []
    for index, diagnostic in enumerate(diagnostics):
        kind = KINDS.get(diagnostic.key[0])
        subject = f"{kind.title if kind else diagnostic.key[0]} {diagnostic.name}"
        name = _named(severity_mark(diagnostic.severity), subject)
        rows.append(Row(str(index), (name, sanitize_line(diagnostic.message, 400))))
    return rows


def diagnostic_text(diagnostic: Diagnostic) -> Content:
    """Return all details of a diagnostic."""
    code = f"{diagnostic.code}{'  at ' if diagnostic.path else ''}{diagnostic.path}"
    lines = ((diagnostic.message, ""), (diagnostic.advice, "$text-accent"), (code, "$foreground-muted"))
    return Content("\n").join([sanitize_line(text, 600, style) for text, style in lines])


def change_rows(changes: Sequence[Change]) -> list[Row]:
    """Return a row for each resource that differs from the deployed one, with its index as the key."""
    rows = []
    for index, change in enumerate(changes):
        kind = KINDS.get(change.kind)
        name = _named(Content.styled(*_SIGNS[change.what]), f"{kind.title if kind else change.kind} {change.name}")
        fields = ", ".join(field.dotted for field in change.fields) or change.what
        rows.append(Row(str(index), (name, sanitize_line(fields, 300))))
    return rows


def change_lines(changes: Sequence[Change]) -> list[Content]:
    """Return a line for each resource that differs from the deployed one."""
    rows = change_rows(changes[:_MAX_FIELDS])
    lines = [
        Content.assemble(name, "  ", fields.stylize("$foreground-muted"))
        for name, fields in (row.cells for row in rows)
    ]
    more = len(changes) - len(rows)
    return [*lines, Content(f"and {more:,} more: F5 shows all")] if more else lines


def change_text(change: Change, name_of: NameOf = no_name_of) -> Content:
    """Return the changed properties of a resource with their values before and after."""
    lines = [*_change_lines(change, name_of)]
    return Content("\n").join(lines or [sanitize_line(f"It was {change.what}.", 40, "$foreground-muted")])


def _change_lines(change: Change, name_of: NameOf) -> Iterator[Content]:
    for field in change.fields[:_MAX_FIELDS]:
        yield sanitize_line(field.dotted, _WIDTH, "bold")
        yield sanitize_line(f"  - {value_text(field.path, field.before, name_of)}", _WIDTH, "$text-error")
        yield sanitize_line(f"  + {value_text(field.path, field.after, name_of)}", _WIDTH, "$text-success")


def tool_rows(tools: Sequence[SeenTool], differences: Sequence[Difference]) -> list[Row]:
    """Return a row for each difference, then one for each tool without any.

    A row's key is the index in the differences followed by all tools.
    """
    rows = [
        Row(
            str(index),
            (
                _named(severity_mark("warning"), difference.tool or "the server"),
                sanitize_line(difference.message, 400),
            ),
        )
        for index, difference in enumerate(differences)
    ]
    differing = {difference.tool for difference in differences}
    for index, tool in enumerate(tools, start=len(rows)):
        if tool.name not in differing:
            name = _named(Content.styled("✓", "$text-success"), tool.name)
            rows.append(Row(str(index), (name, sanitize_line(tool.description, 400))))
    return rows


def _named(mark: Content, name: str) -> Content:
    return Content.assemble(mark, " ", sanitize_line(name, 120))


def tool_text(tool: SeenTool) -> Content:
    """Return the details of a tool as the endpoint lists it."""
    properties = tool.input_schema.get("properties")
    names = ", ".join(properties) if isinstance(properties, dict) else ""
    annotations = ", ".join(
        f"{name} {json_codec.dumps(value)}" for name, value in tool.annotations.items() if name != "title"
    )
    facts = {"arguments": names, "annotations": annotations, "widget": tool.widget_uri}
    lines = [sanitize_line(f"{label}: {fact or 'none'}", 400, "$foreground-muted") for label, fact in facts.items()]
    return Content("\n").join([sanitize_line(tool.description, 800), *lines])


def difference_text(difference: Difference) -> Content:
    """Return both sides of a difference."""
    return Content("\n").join(
        [
            sanitize_line(difference.message, 400),
            sanitize(f"config: {_value(difference.config)}", style="$foreground-muted"),
            sanitize(f"model:  {_value(difference.seen)}", style="$text-accent"),
        ]
    )


def _value(value: Any) -> str:
    if value is None:
        return "—"
    text = value if isinstance(value, str) else json_codec.dumps(value)
    return text if len(text) <= 600 else f"{text[:599]}…"
