"""What a plan view shows of one change: its line, and the lines below it with the values, old and new."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from rich.cells import cell_len, chop_cells

from drio_tui.api.redact import HIDDEN
from drio_tui.plan.changes import Action, ResourceChange, redacted
from drio_tui.plan.record import without_step_secrets
from drio_tui.plan.render import MOST_LINES, inline, line_diff, text_lines
from drio_tui.plan.state import Progress, StepState
from drio_tui.plan.steps import Step, replace_refs
from drio_tui.schema.fields import MISSING
from drio_tui.text import visible
from drio_tui.ui.widgets.tree_lines import Part
from drio_tui.workspace.saving.merge import FieldChange, FieldConflict, Path, dotted, value_at, with_value

STYLES = {
    "create": "$text-success", "update": "$text-warning", "rename": "$text-primary", "delete": "$text-error",
    "conflict": "bold $text-error", "plain": "", "dim": "$foreground-muted", "old": "$text-error",
    "new": "$text-success", "heading": "bold",
}  # fmt: skip
"""The style of an action, and of each tone of a `PlanLine`."""
MUTED = "$foreground-muted"

MARKS: dict[Progress, Part] = {
    "todo": ("·", MUTED),
    "sent": ("◌", "$text-warning"),
    "done": ("✓", "$text-success"),
    "failed": ("✗", "$text-error"),
    "skipped": ("–", MUTED),
}
"""The sign of each state of a step, and its style."""

_SIDE_BY_SIDE = 66
"""The width from which the versions of a conflict are shown in three columns."""
_LONGEST_LINE = 2_000
"""The most characters of one line that are shown."""
_PROPERTY = "$text-secondary"
_SIDES = (("base", "base", MUTED), ("document", "local", "$text-success"), ("drio", "remote", "$text-warning"))
"""The versions of a conflict: title, attribute of `FieldConflict`, style."""

Line = tuple[Part, ...]
"""One line below a change, from the left edge of the details."""


@dataclass(frozen=True, slots=True)
class PlanItem:
    """One line of a plan view: a change of a resource. `key` identifies it when the plan is shown again.

    `title` and `symbol` are shown instead of those of the change. `prepare` returns the change as it is shown once the
    item is opened. Nothing is sanitized.
    """

    key: str
    change: ResourceChange
    title: str = ""
    symbol: str = ""
    prepare: Callable[[ResourceChange], ResourceChange] = lambda change: change

    @property
    def shown_title(self) -> str:
        return self.title or self.change.title

    @property
    def shown_symbol(self) -> Part:
        """The character that marks the action, and its style."""
        return (self.symbol, MUTED) if self.symbol else (self.change.symbol, STYLES[self.change.action])

    @property
    def paths(self) -> list[Path]:
        """The paths of the properties that change, or are in conflict."""
        change = self.change
        return [*(conflict.path for conflict in change.conflicts), *(field.path for field in change.fields)]

    @property
    def note(self) -> str:
        """What changes, in short: the names of the properties, and the remark."""
        names = dict.fromkeys(path[0] for path in self.paths)
        if self.change.action in ("create", "delete") or not names:
            return self.change.note
        return ", ".join((*names, *filter(None, (self.change.note,))))

    @property
    def searched(self) -> str:
        """The text that a filter looks at."""
        change = self.change
        names = " ".join(map(dotted, self.paths))
        return f"{change.symbol} {change.action} {self.shown_title} {change.note} {names}".lower()

    @property
    def has_details(self) -> bool:
        return bool(self.change.fields or self.change.conflicts or self.change.note)


@dataclass(frozen=True, slots=True)
class ItemState:
    """How far a change got, and why it failed or was skipped (not sanitized)."""

    progress: Progress = "todo"
    why: str = ""

    @property
    def style(self) -> str:
        """The style of the reason."""
        return STYLES["delete"] if self.progress == "failed" else MUTED


_ACTIONS: dict[str, Action] = {"create": "create", "delete": "delete"}


def items_of_steps(steps: Sequence[Step]) -> list[PlanItem]:
    """Return an item for each step, with the id of the step as its key."""
    names = {step.ref: _name_of(step) for step in steps if step.verb == "create" and step.ref}
    return [_item_of_step(step, names) for step in steps]


def _item_of_step(step: Step, names: Mapping[str, str]) -> PlanItem:
    fields = tuple(FieldChange((name,), MISSING, value) for name, value in step.body.items())
    if step.verb == "update":
        fields = step.changes
    change = ResourceChange(_ACTIONS.get(step.verb, "update"), step.kind, _name_of(step), fields)
    symbol = "·" if step.verb in ("read", "run") else ""
    return PlanItem(step.id, change, step.about, symbol, lambda change: _readable(change, step, names))


def _readable(change: ResourceChange, step: Step, names: Mapping[str, str]) -> ResourceChange:
    """Return the change of a step with the names of created resources, the values before, and without secrets."""
    stored = without_step_secrets(step)
    base = stored.base if stored.base is not None and step.verb == "update" else {}
    fields = []
    for field in change.fields:
        after = _without_secrets(field.path, replace_refs(field.after, names), (*step.secret, *stored.lost))
        fields.append(FieldChange(field.path, value_at(base, field.path), after))
    return replace(change, fields=tuple(fields))


def _name_of(step: Step) -> str:
    values = (step.body.get(name) for name in ("key", "slug", "name"))
    return next((value for value in values if isinstance(value, str) and value), step.ref)


def _without_secrets(path: Path, value: Any, secret: Sequence[str]) -> Any:
    """Return a value without those of secret properties; `secret` are their paths, from the top of the resource."""
    for dotted_path in secret:
        inner = tuple(dotted_path.split("."))
        if inner[: len(path)] != path:
            continue
        if len(inner) == len(path):
            return HIDDEN
        if isinstance(value, dict) and value_at(value, inner[len(path) :]) is not MISSING:
            value = with_value(value, inner[len(path) :], HIDDEN)
    return value


def item_states(
    steps: Iterable[Step], state_of: Callable[[Step], StepState], key_of: Callable[[Step], str]
) -> dict[str, ItemState]:
    """Return the states by the key of the item that a step belongs to; an item may have several steps."""
    states: dict[str, list[StepState]] = {}
    for step in steps:
        states.setdefault(key_of(step), []).append(state_of(step))
    return {key: _combined(of_item) for key, of_item in states.items()}


def _combined(states: Sequence[StepState]) -> ItemState:
    for progress in ("failed", "sent", "skipped"):
        for state in states:
            if state.state == progress:
                return ItemState(progress, state.why)
    if all(state.state == "done" for state in states):
        return ItemState("done")
    return ItemState("sent" if any(state.state == "done" for state in states) else "todo")


# --- the details of a change -------------------------------------------------------------------------


def detail_lines(change: ResourceChange, width: int) -> list[Line]:
    """Return the lines below a change, wrapped to `width` cells and sanitized; secrets are hidden."""
    lines: list[Line] = []
    if change.note:
        lines += _wrapped([(change.note, MUTED)], width)
    for conflict in change.conflicts:
        lines += _wrapped([(dotted(conflict.path), _PROPERTY), (f": {conflict.reason}", STYLES["conflict"])], width)
        lines += _columns(conflict, width) if width >= _SIDE_BY_SIDE else _stacked(conflict, width)
    for field in change.fields:
        before, after = redacted(field.path, field.before), redacted(field.path, field.after)
        name: Part = (dotted(field.path), _PROPERTY)
        if change.action == "create" or (field.before is MISSING and inline(after) is not None):
            lines += _value_lines(name, after, "" if change.action == "create" else STYLES["new"], width)
        else:
            lines += _difference(name, before, after, width)
    return lines


def reason_lines(state: ItemState, width: int) -> list[Line]:
    """Return the reason why a change failed or was skipped, complete."""
    return [*_wrapped([(state.why, state.style)], width)]


def _difference(name: Part, before: Any, after: Any, width: int) -> Iterator[Line]:
    old, new = inline(before), inline(after)
    if old is not None and new is not None:
        yield from _wrapped([name, (": ", ""), (old, STYLES["old"]), (" → ", MUTED), (new, STYLES["new"])], width)
        return
    yield from _wrapped([name, (":", "")], width)
    for line in line_diff(before, after):
        yield from _wrapped([(f"{line.symbol or ' '} {line.text}", STYLES[line.tone])], width, indent=2)


def _value_lines(name: Part, value: Any, style: str, width: int) -> Iterator[Line]:
    text = inline(value)
    if text is not None:
        yield from _wrapped([name, (": ", ""), (text, style)], width)
        return
    yield from _wrapped([name, (":", "")], width)
    for line, is_text in _limited(text_lines(value)):
        yield from _wrapped([(line, style if is_text else MUTED)], width, indent=2)


def _limited(lines: list[str]) -> Iterator[tuple[str, bool]]:
    """Yield the first lines and, of a longer text, how many more there are; with whether it is a line of the text."""
    for line in lines[:MOST_LINES]:
        yield line, True
    if len(lines) > MOST_LINES:
        yield f"… {len(lines) - MOST_LINES:,} more lines", False


def _versions(conflict: FieldConflict) -> Iterator[tuple[str, list[tuple[str, bool]], str]]:
    for title, attribute, style in _SIDES:
        value = redacted(conflict.path, getattr(conflict, attribute))
        text = inline(value)
        yield title, [*_limited([text] if text is not None else text_lines(value))], style


def _stacked(conflict: FieldConflict, width: int) -> Iterator[Line]:
    for title, lines, style in _versions(conflict):
        yield from _wrapped([(title, MUTED)], width, indent=2)
        for line, is_text in lines:
            yield from _wrapped([(line, style if is_text else MUTED)], width, indent=4)


def _columns(conflict: FieldConflict, width: int) -> Iterator[Line]:
    """Yield the three versions of a conflict side by side."""
    cells = (width - 2 - 2 * 3) // 3
    columns: list[list[Part]] = []
    for title, lines, style in _versions(conflict):
        column: list[Part] = [(title.ljust(cells)[:cells], f"underline {MUTED}")]
        for line, is_text in lines:
            column += [(part, style if is_text else MUTED) for part in wrap(_shown(line), cells)]
        columns.append(column)
    for row in range(max(map(len, columns))):
        parts: list[Part] = [("  ", "")]
        for number, column in enumerate(columns):
            text, style = column[row] if row < len(column) else ("", "")
            parts += [(" │ ", MUTED)] if number else []
            parts += [(text, style), (" " * (cells - cell_len(text)), "")]
        yield tuple(parts)


def _wrapped(parts: Sequence[Part], width: int, indent: int = 0) -> Iterator[Line]:
    """Yield the parts as lines of at most `width` cells; continued lines are indented by two more."""
    line: list[Part] = [(" " * indent, "")] if indent else []
    used = indent
    for text, style in parts:
        for number, piece in enumerate(wrap(_shown(text), max(8, width - indent - 2), max(0, width - used))):
            if number:
                yield tuple(line)
                line, used = [(" " * (indent + 2), "")], indent + 2
            line.append((piece, style))
            used += cell_len(piece)
    yield tuple(line)


def _shown(text: str) -> str:
    """Return a line sanitized, and cut if it is very long."""
    return visible(text[:_LONGEST_LINE]) + ("…" if len(text) > _LONGEST_LINE else "")


def wrap(text: str, width: int, first: int | None = None) -> list[str]:
    """Return a sanitized text in pieces of at most `width` cells, the first one of at most `first`, cut at blanks."""
    pieces: list[str] = []
    room = width if first is None else first
    while True:
        if (len(text) if text.isascii() else cell_len(text)) <= room:
            return [*pieces, text]
        end = room if text.isascii() else len(chop_cells(text[: room + 1], room)[0]) if room > 1 else 0
        blank = text.rfind(" ", room // 2, end + 1)
        if blank > 0:
            end = blank + 1
            pieces.append(text[:blank])
            if end == len(text):
                return pieces  # nothing but the blank is left
        elif first is not None and not pieces and room < width:
            end = 0  # it begins on the next line
            pieces.append("")
        else:
            end = max(1, end)
            pieces.append(text[:end])
        text, room = text[end:], width


# --- filter ------------------------------------------------------------------------------------------


def matching(items: Iterable[PlanItem], states: Mapping[str, ItemState], query: str) -> list[PlanItem]:
    """Return the items that have every word of the query in their text or the name of their state."""
    words = query.lower().split()
    return [
        item
        for item in items
        if all(word in item.searched or word in _STATE_NAMES[_progress(states, item)] for word in words)
    ]


def _progress(states: Mapping[str, ItemState], item: PlanItem) -> Progress | None:
    state = states.get(item.key)
    return state.progress if state else None


_STATE_NAMES: dict[Progress | None, str] = {
    None: "", "todo": "waiting", "sent": "running", "done": "done", "failed": "failed", "skipped": "skipped",
}  # fmt: skip
