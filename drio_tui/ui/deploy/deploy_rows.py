"""How the deploy screen puts findings, changes and differences into rows and words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from textual.content import Content

from drio_tui.api import json_codec
from drio_tui.endpoint import SeenTool
from drio_tui.kinds import KINDS
from drio_tui.ui.editing.review_dialog import NameOf, no_names, shown
from drio_tui.ui.widgets.row_list import Row
from drio_tui.ui.widgets.sanitize import safe, safe_line
from drio_tui.workspace.deploy.deploy_record import Change
from drio_tui.workspace.deploy.model_view import Difference
from drio_tui.workspace.lint.diagnostics import Diagnostic

_WIDTH = 200
_MOST_FIELDS = 40
_SIGNS = {"added": ("+", "$text-success"), "removed": ("-", "$text-error"), "changed": ("~", "$text-warning")}


def finding_rows(findings: Sequence[Diagnostic]) -> list[Row]:
    """A row for each finding, its number as the key."""
    rows = []
    for number, one in enumerate(findings):
        sign, style = ("✗", "$text-error") if one.severity == "error" else ("▲", "$text-warning")
        kind = KINDS.get(one.key[0])
        where = f"{kind.title if kind else one.key[0]} {one.name}"
        first = _named(sign, style, where)
        rows.append(Row(str(number), (first, safe_line(one.message, 400))))
    return rows


def finding_text(one: Diagnostic) -> Content:
    """A finding in full."""
    where = f"{one.code}{'  at ' if one.path else ''}{one.path}"
    lines = ((one.message, ""), (one.advice, "$text-accent"), (where, "$foreground-muted"))
    return Content("\n").join([safe_line(text, 600, style) for text, style in lines])


def change_rows(changes: Sequence[Change]) -> list[Row]:
    """A row for each resource that differs from what was deployed."""
    rows = []
    for number, one in enumerate(changes):
        sign, style = _SIGNS[one.what]
        kind = KINDS.get(one.kind)
        first = _named(sign, style, f"{kind.title if kind else one.kind} {one.name}")
        fields = ", ".join(field.dotted for field in one.fields) or one.what
        rows.append(Row(str(number), (first, safe_line(fields, 300))))
    return rows


def change_text(one: Change, name_of: NameOf = no_names) -> Content:
    """What of the resource changed, member by member."""
    lines = [*_change_lines(one, name_of)]
    return Content("\n").join(lines or [safe_line(f"It was {one.what}.", 40, "$foreground-muted")])


def _change_lines(one: Change, name_of: NameOf) -> Iterator[Content]:
    for field in one.fields[:_MOST_FIELDS]:
        yield safe_line(field.dotted, _WIDTH, "bold")
        yield safe_line(f"  - {shown(field.path, field.before, name_of)}", _WIDTH, "$text-error")
        yield safe_line(f"  + {shown(field.path, field.after, name_of)}", _WIDTH, "$text-success")


def seen_rows(tools: Sequence[SeenTool], differences: Sequence[Difference]) -> list[Row]:
    """A row for each difference, then one for each tool in which there is none, its place among them as the key."""
    rows = [
        Row(str(number), (_named("▲", "$text-warning", one.tool or "the server"), safe_line(one.message, 400)))
        for number, one in enumerate(differences)
    ]
    differing = {one.tool for one in differences}
    for number, tool in enumerate(tools, start=len(rows)):
        if tool.name not in differing:
            rows.append(Row(str(number), (_named("✓", "$text-success", tool.name), safe_line(tool.description, 400))))
    return rows


def _named(sign: str, style: str, name: str) -> Content:
    return Content.assemble((f"{sign} ", style), safe_line(name, 120))


def tool_text(tool: SeenTool) -> Content:
    """A tool as a model gets it."""
    properties = tool.input_schema.get("properties")
    names = ", ".join(properties) if isinstance(properties, dict) else ""
    hints = ", ".join(
        f"{name} {json_codec.dumps(value)}" for name, value in tool.annotations.items() if name != "title"
    )
    facts = {"arguments": names, "hints": hints, "widget": tool.widget_uri}
    lines = [safe_line(f"{what}: {fact or 'none'}", 400, "$foreground-muted") for what, fact in facts.items()]
    return Content("\n").join([safe_line(tool.description, 800), *lines])


def difference_text(one: Difference) -> Content:
    """Both sides of a difference."""
    return Content("\n").join(
        [
            safe_line(one.message, 400),
            safe(f"config: {_value(one.config)}", style="$foreground-muted"),
            safe(f"model:  {_value(one.seen)}", style="$text-accent"),
        ]
    )


def _value(value: Any) -> str:
    if value is None:
        return "—"
    text = value if isinstance(value, str) else json_codec.dumps(value)
    return text if len(text) <= 600 else f"{text[:599]}…"
