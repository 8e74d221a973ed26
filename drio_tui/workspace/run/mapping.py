"""What a widget shows of a sample result, slot by slot, and whether its actions' templates find anything.

The rules are those of `drio_tui.widget_data`, by which the endpoint fills widgets. Here the results are put into
words for the user who writes the mappings. Texts are not sanitized.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from drio_tui.api.json_codec import dumps
from drio_tui.widget_data import field_mappings, template
from drio_tui.widget_data.jsonpath import PathError, parse

State = Literal["found", "nothing", "wrong", "unseen"]

SLOTS: dict[str, tuple[str, ...]] = {
    "data-table": ("rows", "columns"),
    "card": ("title", "subtitle", "badge", "body", "image", "link"),
    "card-grid": ("items", "title", "subtitle", "value", "delta", "badge", "image"),
    "list": ("items", "title", "subtitle", "timestamp", "badge", "checked", "group"),
    "detail": ("title", "status", "value", "body", "image"),
    "form": ("title",),
    "chart": ("x", "y", "title"),
    "text": ("title", "body", "link"),
    "metric": ("value", "label", "delta"),
    "timeline": ("items", "title", "body", "timestamp", "badge"),
    "image": ("src", "alt"),
}
"""The slots of each kind of widget. The names follow the example that drio documents (`rows`) and the
catalogue of the local drio. The API lists none, so any other name is accepted too."""

GROUPS: dict[str, tuple[str, ...]] = {
    "data-table": ("columns.",),
    "card": ("fields.",),
    "detail": ("sections.",),
    "form": ("fields.",),
    "chart": ("series.",),
}
"""Prefixes of slots that can occur many times, such as `columns.email`."""

STYLES: dict[str, tuple[tuple[str, tuple[str, ...]], ...]] = {
    "": (("density", ("compact", "comfortable")),),
    "data-table": (("monospace", ("true", "false")), ("groupBy", ())),
    "card-grid": (("columns", ("2", "3", "4")), ("imageRatio", ("1:1", "4:3", "16:9"))),
    "chart": (
        ("type", ("line", "bar", "funnel", "radar")), ("area", ("true", "false")), ("stacked", ("true", "false")),
    ),
    "form": (("submitLabel", ()),),
    "metric": (("format", ("number", "percent", "currency")), ("precision", ("0", "1", "2"))),
    "text": (("format", ("markdown", "plain")), ("width", ("prose", "full"))),
}  # fmt: skip
"""Style names of each kind of widget with common values; the empty name is for all kinds."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of one mapping on the sample. `shown` is what it finds, or why it finds nothing.

    `unseen`: it applies to the items of the collection, and there are none.
    """

    slot: str
    path: str
    state: State
    shown: str


def apply_mappings(mappings: Any, sample: Any, *, most: int = field_mappings.MOST_ITEMS) -> list[Outcome]:
    """Apply every mapping to the sample, in order; to the first `most` items of its collection."""
    if not isinstance(mappings, dict):
        return []
    collection = collection_of(mappings)
    # Under separate names, so that a column whose path finds nothing does not get the property of its name.
    names = {slot: slot if slot in (collection, "columns") else f"#{n}" for n, slot in enumerate(mappings)}
    view = field_mappings.fill({names[slot]: path for slot, path in mappings.items()}, sample, most=most)
    outcomes: list[Outcome] = []
    for slot, path in mappings.items():
        path_text = path if isinstance(path, str) else dumps(path)
        problem = view.problems.get(names[slot])
        if problem is not None:
            state: State = "nothing" if problem == "matches nothing" else "wrong"
            outcomes.append(Outcome(slot, path_text, state, problem))
            continue
        values = [item["slots"][names[slot]] for item in view.items or () if names[slot] in item["slots"]]
        if slot == collection:
            count = len(view.items or ()) + view.cut
            state = "found" if count else "nothing"
            outcomes.append(
                Outcome(slot, path_text, state, f"{count} item{'s' * (count != 1)}" if count else "no items")
            )
        elif slot == "columns" and collection is not None and view.columns:
            outcomes.append(Outcome(slot, path_text, "found", ", ".join(view.columns[:8])))
        elif collection is not None and slot != "columns":
            outcomes.append(_item_outcome(slot, path_text, values, len(view.items or ()), cut=bool(view.cut)))
        elif names[slot] in view.slots:
            outcomes.append(Outcome(slot, path_text, "found", one_line_preview(view.slots[names[slot]])))
        else:
            outcomes.append(Outcome(slot, path_text, "nothing", "finds null"))
    return outcomes


def _item_outcome(slot: str, path: str, values: list[Any], item_count: int, *, cut: bool) -> Outcome:
    if not item_count:
        return Outcome(slot, path, "unseen", "no items to look into")
    if not values:
        return Outcome(slot, path, "nothing", "finds null")
    which = "the first " if cut else ""
    suffix = f"  ({len(values)} of {which}{item_count} items)" if len(values) < item_count else ""
    return Outcome(slot, path, "found", one_line_preview(values[0]) + suffix)


def collection_of(mappings: Mapping[str, Any]) -> str | None:
    """Return the slot whose items the other slots are looked up in, if there is one."""
    return next((name for name in field_mappings.COLLECTIONS if name in mappings), None)


def suggested(primitive: str, mappings: Mapping[str, Any]) -> list[str]:
    """Return slots of this kind of widget that have no mapping yet, with `columns.` where a name is to be added."""
    return [slot for slot in (*SLOTS.get(primitive, ()), *GROUPS.get(primitive, ())) if slot not in mappings]


def styles_for(primitive: str) -> dict[str, tuple[str, ...]]:
    """Return the style names of this kind of widget, with common values."""
    return dict((*STYLES[""], *STYLES.get(primitive, ())))


@dataclass(frozen=True, slots=True)
class PathSuggestion:
    """A path that finds something, and the first value that it finds."""

    path: str
    shown: str
    many: bool = False


def suggest_paths(slot: str, mappings: Mapping[str, Any], sample: Any, limit: int = 300) -> list[PathSuggestion]:
    """Return paths to suggest for a slot: into the sample, or into an item of the collection where there is one."""
    collection = collection_of(mappings)
    root = sample
    if collection is not None and slot not in (collection, "columns"):
        root = first_item(mappings, sample)
    offers: list[PathSuggestion] = []
    for offer in _paths(root):
        if len(offers) >= limit:
            break
        offers.append(offer)
    if slot in field_mappings.COLLECTIONS or slot == "columns":
        offers.sort(key=lambda offer: not offer.many)
    return offers


def first_item(mappings: Mapping[str, Any], sample: Any) -> Any:
    """Return the first item of the collection in the sample; None where there is none."""
    name = collection_of(mappings)
    path = mappings.get(name) if name else None
    if not isinstance(path, str):
        return None
    try:
        nodes = parse(path).find(sample)
    except PathError:
        return None
    values = [value for _, value in nodes]
    if len(values) == 1 and isinstance(values[0], list):
        values = values[0]
    return values[0] if values else None


def _paths(value: Any) -> Iterator[PathSuggestion]:
    """Yield paths breadth first, so that short paths come first; of a list only into its first item."""
    queue: list[tuple[str, Any]] = [("$", value)]
    for number in range(2_000):
        if not queue:
            return
        path, current = queue.pop(0)
        if number or not isinstance(current, dict | list):
            yield PathSuggestion(path, one_line_preview(current), isinstance(current, list))
        elif isinstance(current, list):
            yield PathSuggestion(path, one_line_preview(current), True)
        if isinstance(current, dict):
            queue += [(f"{path}{step_text(str(name))}", child) for name, child in current.items()]
        elif isinstance(current, list) and current:
            queue.append((f"{path}[*]", current[0]))


def step_text(name: str) -> str:
    """Return a property name as a step of a JSONPath: `.email`, `['e-mail']`."""
    if name.isascii() and name.isidentifier():
        return f".{name}"
    if name.isprintable() and not any(character in name for character in "\\'\""):
        return f"['{name}']"
    return f"[{json.dumps(name)}]"


def one_line_preview(value: Any, width: int = 60) -> str:
    """Return a value on one short line."""
    if isinstance(value, list):
        return f"{len(value)} item{'s' * (len(value) != 1)}"
    if isinstance(value, dict):
        names = ", ".join(list(map(str, value))[:6])
        return f"{{{names}{', …' if len(value) > 6 else ''}}}"
    text = value if isinstance(value, str) else dumps(value)
    return text if len(text) <= width else text[: width - 1] + "…"


# --- actions --------------------------------------------------------------------------------------

TRIGGERS: dict[str, tuple[str, ...]] = {
    "data-table": ("row.select", "button.click"),
    "list": ("row.select", "button.click"),
    "card-grid": ("card.select", "button.click"),
    "card": ("card.select", "button.click", "form.submit"),
    "form": ("form.submit", "button.click"),
}
"""The triggers that each kind of widget can send; other kinds have buttons and forms."""


def scope_of(mappings: Mapping[str, Any], sample: Any, tool_input: Any = None) -> dict[str, Any]:
    """Return what a template's paths are looked up in: an item, the result and the tool's input, all from samples."""
    item = first_item(mappings, sample)
    form = {slot.removeprefix("fields."): "text" for slot in mappings if slot.startswith("fields.")}
    return {"item": item, "result": sample, "input": tool_input, "form": form or None}


def check_template(text: str, scope: Mapping[str, Any]) -> list[str]:
    """Return what is wrong with a template, each the end of a sentence; empty where all its paths find something."""
    if len(text) > template.LONGEST:
        return [f"is longer than {template.LONGEST:,} characters"]
    parts = template.parts(text)
    problems: list[str] = []
    for part in parts:
        if isinstance(part, str):
            problems += _invalid_lookups(part)
        elif not _samples_can_decide(part, scope):
            continue
        elif template.lookup(part, scope) is None:
            problems.append(f"has {{{{ {dotted(part)} }}}}, which is not in the sample")
    return list(dict.fromkeys(problems))


def _invalid_lookups(text: str) -> Iterator[str]:
    start = text.find("{{")
    while start >= 0:
        end = text.find("}}", start)
        fragment = text[start : end + 2] if end >= 0 else text[start : start + 20]
        yield f"has {fragment}, which is no path" if end >= 0 else f"has {fragment} without its }}}}"
        start = text.find("{{", start + 2)


def _samples_can_decide(path: Sequence[str | int], scope: Mapping[str, Any]) -> bool:
    """Return whether the samples can decide it; they lack what a user types into a form, and how a chart is drawn."""
    first = path[0]
    for root, first_names in template.ROOTS.items():
        if first in first_names:
            return scope.get(root) is not None
    return any(scope.get(root) is not None for root in ("item", "result"))


def dotted(path: Sequence[str | int]) -> str:
    """Return a template's path as it is written."""
    return ".".join(map(str, path))


def rendered(text: str, scope: Mapping[str, Any]) -> str:
    """Return the template filled from the samples, on one line."""
    return one_line_preview(template.render(template.parts(text), scope), 120)
