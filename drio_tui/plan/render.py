"""A plan as lines of text and as Markdown.

    + tool search-contacts
        description: Finds contacts by name.
    ~ integration helpdesk
        baseUrl: https://old.example.com → https://new.example.com
    - widget contact-table

    1 to create, 1 to change, 1 to delete.

Nothing is sanitized here but line breaks; whoever prints a line does that. Secrets are hidden.
"""

from __future__ import annotations

import difflib
import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from drio_tui.api import json_codec
from drio_tui.plan.changes import PlanView, ResourceChange, redacted
from drio_tui.schema.fields import MISSING
from drio_tui.text import count_of, duration, visible
from drio_tui.workspace.saving.merge import dotted

if TYPE_CHECKING:
    from drio_tui.plan.executor import Executor

Tone = Literal["create", "update", "rename", "delete", "conflict", "plain", "dim", "old", "new", "heading"]
"""How a line is coloured: by the action, or as an old or new line of a text."""

LONG = 60
"""Values of more characters are shown as a line diff below the property."""
_WRAPPER = textwrap.TextWrapper(
    96, break_on_hyphens=False, drop_whitespace=False, expand_tabs=False, replace_whitespace=False
)
MOST_LINES = 40
"""The most lines that are shown of one value."""
_COMPARED = 10 * MOST_LINES
"""The most lines on each side that are compared with each other; that takes the square of their number."""
_FROM_THE_FIRST_LINE = re.compile(r"@@ -[01][, ]")
"""The line before a part of a unified diff that begins with the first line of the old text."""
_LONGEST_WRAPPED, _MOST_WRAPPED = 10_000, 1_000
"""The most characters of a line, and the most lines, that are wrapped between words."""
COMMENT_LIMIT = 60_000
"""The most characters of the Markdown; GitHub accepts 65,536 in a comment."""
_SHORT = 5
"""Seconds that a plan may take without a word about it; times are rounded to them."""
_NOTES_LIMIT = COMMENT_LIMIT // 4
"""The most characters of the remarks in the Markdown."""


@dataclass(frozen=True, slots=True)
class PlanLine:
    """One line: `indent` in levels, and its text, not sanitized. `symbol` precedes the text, if there is one."""

    text: str
    tone: Tone = "plain"
    indent: int = 0
    symbol: str = ""


def plan_lines(view: PlanView) -> Iterator[PlanLine]:
    """Yield the plan line by line, the totals last."""
    if view.target:
        yield PlanLine(view.target, "heading")
    if view.scope:
        yield PlanLine(view.scope, "dim")
    yield from change_lines(view)
    for note in view.notes:
        yield PlanLine(note, "dim")
    yield PlanLine(view.summary, "heading")


def change_lines(view: PlanView, *, values: bool = True) -> Iterator[PlanLine]:
    """Yield the lines of the changes and problems; without `values` only the names of changed properties."""
    for change in view.changes:
        yield PlanLine(change.title, change.action, 0, change.symbol)
        yield from _change_lines(change, values)
    for problem in view.problems:
        yield PlanLine(problem, "conflict", 0, "!")


def _change_lines(change: ResourceChange, values: bool) -> Iterator[PlanLine]:
    if change.note:
        yield PlanLine(change.note, "dim", 1)
    for conflict in change.conflicts:
        yield PlanLine(f"{dotted(conflict.path)}: {conflict.reason}", "conflict", 1)
        if values:
            for label, value in (("base", conflict.base), ("document", conflict.local), ("drio", conflict.remote)):
                yield from _value_lines(f"{label}: ", redacted(conflict.path, value), "plain", 2)
    for field in change.fields:
        name = dotted(field.path)
        if not values:
            yield PlanLine(name, "plain", 1)
            continue
        before, after = redacted(field.path, field.before), redacted(field.path, field.after)
        if change.action == "create":
            yield from _value_lines(f"{name}: ", after if inline(after) else _summary(after), "plain", 1)
        else:
            yield from _field_lines(name, before, after)


def _field_lines(name: str, before: Any, after: Any) -> Iterator[PlanLine]:
    """Yield the lines of one changed property: on one line, or as a line diff where a value is long."""
    old, new = inline(before), inline(after)
    if old is not None and new is not None:
        yield PlanLine(f"{name}: {old} → {new}", "plain", 1)
        return
    yield PlanLine(f"{name}:", "plain", 1)
    yield from line_diff(before, after)


def _value_lines(label: str, value: Any, tone: Tone, indent: int) -> Iterator[PlanLine]:
    text = inline(value)
    if text is not None:
        yield PlanLine(f"{label}{text}", tone, indent)
        return
    yield PlanLine(label.rstrip(), tone, indent)
    lines = text_lines(value)
    for line in lines[:MOST_LINES]:
        yield PlanLine(line, tone, indent + 1)
    if len(lines) > MOST_LINES:
        yield PlanLine(f"… {len(lines) - MOST_LINES:,} more lines", "dim", indent + 1)


def _summary(value: Any) -> Any:
    """Return a text as it is, and the names in a long object, or the length of a long list, in its place."""
    if isinstance(value, dict):
        names = [*value][:6]
        return f"{{ {', '.join(names)}{', …' if len(value) > len(names) else ''} }}"
    return f"[ {count_of(len(value), 'element')} ]" if isinstance(value, list) else value


def inline(value: Any) -> str | None:
    """Return a value as text on one line, None if it is too long for that."""
    if value is MISSING:
        return "(none)"
    if isinstance(value, str):
        if len(value) > LONG or "\n" in value:
            return None
        return value if is_plain(value) else json_codec.for_display(json_codec.dumps(value))
    text = json_codec.for_display(json_codec.dumps(value))
    return text if len(text) <= LONG else None


def is_plain(text: str) -> bool:
    """Return whether a text needs no quotes: it has no blanks at its ends, and is not read as another JSON value."""
    try:
        json_codec.loads(text)
    except json_codec.MalformedJson:
        return text == text.strip() and text != ""
    return False


def text_lines(value: Any) -> list[str]:
    """Return a value as the lines of a text: a string wrapped, other JSON indented."""
    if value is MISSING:
        return []
    if not isinstance(value, str):
        return json_codec.for_display(json_codec.dumps(value, indent=2)).split("\n")
    lines: list[str] = []
    for line in value.split("\n"):
        if len(line) <= _WRAPPER.width:
            lines.append(line)
        elif len(line) <= _LONGEST_WRAPPED and len(lines) <= _MOST_WRAPPED:
            lines += _WRAPPER.wrap(line)
        else:  # too much to look for words in it
            lines += (line[start : start + _WRAPPER.width] for start in range(0, len(line), _WRAPPER.width))
    return lines


def line_diff(before: Any, after: Any) -> Iterator[PlanLine]:
    """Yield the changed lines of two values, with one unchanged line around them; of large values the first ones."""
    old, new = text_lines(before), text_lines(after)
    first = 0
    if max(len(old), len(new)) > _COMPARED:
        start = _common(old, new)
        end = min(_common(old[::-1], new[::-1]), len(old) - start, len(new) - start)
        first, beyond = max(start - 1, 0), max(end - 1, 0)
        old, new = (side[first : len(side) - beyond] for side in (old, new))
    left_out = sum(max(len(side) - _COMPARED, 0) for side in (old, new))
    lines = [*difflib.unified_diff(old[:_COMPARED], new[:_COMPARED], n=1, lineterm="")][2:]
    if not first and lines and _FROM_THE_FIRST_LINE.match(lines[0]):
        del lines[0]  # no line is left out before it
    tones: dict[str, Tone] = {"+": "new", "-": "old", " ": "dim", "@": "dim"}
    for line in lines[:MOST_LINES]:
        mark = line[:1]
        yield PlanLine("…" if mark == "@" else line[1:], tones[mark], 2, "" if mark == "@" else mark)
    if (more := max(len(lines) - MOST_LINES, 0) + left_out) > 0:
        yield PlanLine(f"… {more:,} more lines", "dim", 2)


def _common(old: list[str], new: list[str]) -> int:
    """Return the number of equal lines at the beginning."""
    return next((index for index, (left, right) in enumerate(zip(old, new, strict=False)) if left != right),
                min(len(old), len(new)))  # fmt: skip


# --- Markdown --------------------------------------------------------------------------------------

_DIFF_MARKS: dict[str, str] = {"create": "+", "delete": "-", "conflict": "!", "update": "~", "rename": "~"}


def as_markdown(view: PlanView) -> str:
    """Return a plan as Markdown for a pull-request comment: the totals, then all changes as a `diff` block.

    What does not fit into a comment is left out: the values first, then the names of properties, then resources; and
    the last remarks.
    """
    notes = _fitting([f"- {_escaped(note)}" for note in view.notes], _NOTES_LIMIT, "- ")
    limit = COMMENT_LIMIT - _size(notes)
    lines = [_diff_line(line) for line in change_lines(view)]
    if _size(lines) > limit:
        lines = [_diff_line(line) for line in change_lines(view, values=False)]
    if _size(lines) > limit:
        lines = [_diff_line(line) for line in change_lines(view, values=False) if not line.indent]
    content = "\n".join(_fitting(lines, limit))
    fence = "```"
    while fence in content:
        fence += "`"
    heading = f"### {_escaped(view.target)}\n\n" if view.target else ""
    scope = f"{_escaped(view.scope)}\n\n" if view.scope else ""
    block = f"\n{fence}diff\n{content}\n{fence}\n" if lines else ""
    remarks = "".join(f"\n{note}" for note in notes)
    return f"{heading}{scope}**{_escaped(view.summary)}**\n{block}{remarks}"


def _fitting(lines: list[str], limit: int, prefix: str = "") -> list[str]:
    """Return the first lines, as many as have at most `limit` characters, and how many more there are."""
    kept = [*lines]
    while kept and _size(kept) > limit:
        del kept[-max(1, len(kept) // 10) :]
    return kept if len(kept) == len(lines) else [*kept, f"{prefix}… {len(lines) - len(kept):,} more"]


def _size(lines: list[str]) -> int:
    return sum(len(line) + 1 for line in lines)


def _diff_line(line: PlanLine) -> str:
    return f"{_diff_mark(line)}{'  ' * line.indent}{visible(line.text)}"


def _diff_mark(line: PlanLine) -> str:
    if line.tone in ("new", "old"):
        return f"{line.symbol} "
    if line.indent == 0 and line.symbol:
        return f"{_DIFF_MARKS.get(line.tone, ' ')} "
    return "  "


def _escaped(text: str) -> str:
    """Return one sanitized line in which Markdown has no markup, link, mention or HTML."""
    result = visible(text)
    for character in r"\`*_{}[]<>#|~":
        result = result.replace(character, f"\\{character}")
    return result.replace("@", "@<!-- -->")


def time_left(executor: Executor | None, *, before: str = "") -> str:
    """Return how long a plan still takes, such as `about 25 s left` after `before`; empty if that is short."""
    seconds = executor.seconds_left() if executor is not None else None
    if seconds is None or seconds < _SHORT:
        return ""
    return f"{before}about {duration(_SHORT * round(seconds / _SHORT), short=True)} left"
