"""What a widget shows of a sample result, slot by slot, and whether its actions' templates find anything.

The rules are those of `drio_tui.widget_data`, by which the endpoint fills widgets; here they are put into words
for the person who writes the mappings. Texts are not yet safe to show.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from drio_tui.api.json_codec import dumps
from drio_tui.widget_data import field_mappings as _slots
from drio_tui.widget_data import template as _template
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
catalogue of the local drio; the API lists none, so any other name is taken too."""

GROUPS: dict[str, tuple[str, ...]] = {
    "data-table": ("columns.",),
    "card": ("fields.",),
    "detail": ("sections.",),
    "form": ("fields.",),
    "chart": ("series.",),
}
"""Beginnings of slots of which there can be many: `columns.email`."""

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
"""Style names of each kind of widget (of all under the empty name) with the values that are common."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one mapping does with the sample. `shown` is what it finds, or why it finds nothing.

    `unseen`: it looks into the members of the collection, and there are none.
    """

    slot: str
    path: str
    state: State
    shown: str


def judge(mappings: Any, sample: Any) -> list[Outcome]:
    """Every mapping tried on the sample, in order."""
    if not isinstance(mappings, dict):
        return []
    collection = collection_of(mappings)
    # Under names of their own, so that a column whose path finds nothing does not get the member of its name.
    names = {slot: slot if slot in (collection, "columns") else f"#{n}" for n, slot in enumerate(mappings)}
    view = _slots.fill({names[slot]: path for slot, path in mappings.items()}, sample)
    found: list[Outcome] = []
    for slot, path in mappings.items():
        written = path if isinstance(path, str) else dumps(path)
        problem = view.problems.get(names[slot])
        if problem is not None:
            state: State = "nothing" if problem == "matches nothing" else "wrong"
            found.append(Outcome(slot, written, state, problem))
            continue
        values = [item["slots"][names[slot]] for item in view.items or () if names[slot] in item["slots"]]
        if slot == collection:
            count = len(view.items or ()) + view.cut
            state = "found" if count else "nothing"
            found.append(Outcome(slot, written, state, f"{count} item{'s' * (count != 1)}" if count else "no items"))
        elif slot == "columns" and collection is not None and view.columns:
            found.append(Outcome(slot, written, "found", ", ".join(view.columns[:8])))
        elif collection is not None and slot != "columns":
            found.append(_of_items(slot, written, values, len(view.items or ())))
        elif names[slot] in view.slots:
            found.append(Outcome(slot, written, "found", brief(view.slots[names[slot]])))
        else:
            found.append(Outcome(slot, written, "nothing", "finds null"))
    return found


def _of_items(slot: str, path: str, values: list[Any], of: int) -> Outcome:
    if not of:
        return Outcome(slot, path, "unseen", "no items to look into")
    if not values:
        return Outcome(slot, path, "nothing", "finds null")
    share = f"  ({len(values)} of {of} items)" if len(values) < of else ""
    return Outcome(slot, path, "found", brief(values[0]) + share)


def collection_of(mappings: Mapping[str, Any]) -> str | None:
    """The slot whose members the others look into, if there is one."""
    return next((name for name in _slots.COLLECTIONS if name in mappings), None)


def suggested(primitive: str, mappings: Mapping[str, Any]) -> list[str]:
    """Slots that this kind of widget has and the mappings do not, `columns.` where a name is to be added."""
    return [slot for slot in (*SLOTS.get(primitive, ()), *GROUPS.get(primitive, ())) if slot not in mappings]


def styles_for(primitive: str) -> dict[str, tuple[str, ...]]:
    """Style names for this kind of widget, with common values."""
    return dict((*STYLES[""], *STYLES.get(primitive, ())))


@dataclass(frozen=True, slots=True)
class Offer:
    """A path that finds something, and what it finds first."""

    path: str
    shown: str
    many: bool = False


def offers(slot: str, mappings: Mapping[str, Any], sample: Any, most: int = 300) -> list[Offer]:
    """Paths to offer for a slot: into the sample, or into a member of the collection where there is one."""
    collection = collection_of(mappings)
    root = sample
    if collection is not None and slot not in (collection, "columns"):
        root = first_item(mappings, sample)
    found: list[Offer] = []
    for offer in _paths(root):
        if len(found) >= most:
            break
        found.append(offer)
    if slot in _slots.COLLECTIONS or slot == "columns":
        found.sort(key=lambda offer: not offer.many)
    return found


def first_item(mappings: Mapping[str, Any], sample: Any) -> Any:
    """The first member of the collection in the sample; None where there is none."""
    name = collection_of(mappings)
    path = mappings.get(name) if name else None
    if not isinstance(path, str):
        return None
    try:
        found = parse(path).find(sample)
    except PathError:
        return None
    values = [value for _, value in found]
    if len(values) == 1 and isinstance(values[0], list):
        values = values[0]
    return values[0] if values else None


def _paths(value: Any) -> Iterator[Offer]:
    """Breadth first, so that the short paths come first; into lists by way of their first member."""
    waiting: list[tuple[str, Any]] = [("$", value)]
    for steps in range(2_000):
        if not waiting:
            return
        path, current = waiting.pop(0)
        if steps or not isinstance(current, dict | list):
            yield Offer(path, brief(current), isinstance(current, list))
        elif isinstance(current, list):
            yield Offer(path, brief(current), True)
        if isinstance(current, dict):
            waiting += [(f"{path}{step_text(str(name))}", inner) for name, inner in current.items()]
        elif isinstance(current, list) and current:
            waiting.append((f"{path}[*]", current[0]))


def step_text(name: str) -> str:
    """A member's name as a step of a JSONPath: `.email`, `['e-mail']`."""
    if name.isascii() and name.isidentifier():
        return f".{name}"
    if name.isprintable() and not any(mark in name for mark in "\\'\""):
        return f"['{name}']"
    return f"[{json.dumps(name)}]"


def brief(value: Any, width: int = 60) -> str:
    """A value on one short line."""
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
"""The triggers that each kind of widget can send; others have buttons and forms."""


def scope_of(mappings: Mapping[str, Any], sample: Any, given: Any = None) -> dict[str, Any]:
    """What a template's paths are looked up in: an item, the result and the tool's input, all from samples."""
    item = first_item(mappings, sample)
    form = {slot.removeprefix("fields."): "text" for slot in mappings if slot.startswith("fields.")}
    return {"item": item, "result": sample, "input": given, "form": form or None}


def check_template(text: str, scope: Mapping[str, Any]) -> list[str]:
    """What is wrong with a template, each the end of a sentence; nothing where all its paths find something."""
    if len(text) > _template.LONGEST:
        return [f"is longer than {_template.LONGEST:,} characters"]
    pieces = _template.parts(text)
    found: list[str] = []
    for piece in pieces:
        if isinstance(piece, str):
            found += _stray(piece)
        elif not _knowable(piece, scope):
            continue
        elif _template.lookup(piece, scope) is None:
            found.append(f"has {{{{ {dotted(piece)} }}}}, which is not in the sample")
    return list(dict.fromkeys(found))


def _stray(text: str) -> Iterator[str]:
    start = text.find("{{")
    while start >= 0:
        end = text.find("}}", start)
        inside = text[start : end + 2] if end >= 0 else text[start : start + 20]
        yield f"has {inside}, which is no path" if end >= 0 else f"has {inside} without its }}}}"
        start = text.find("{{", start + 2)


def _knowable(path: Sequence[str | int], scope: Mapping[str, Any]) -> bool:
    """Whether the samples can tell; what a person will type into a form, or how a chart is drawn, they cannot."""
    first = path[0]
    for root, names in _template.ROOTS.items():
        if first in names:
            return scope.get(root) is not None
    return any(scope.get(root) is not None for root in ("item", "result"))


def dotted(path: Sequence[str | int]) -> str:
    """A template's path as it is written."""
    return ".".join(map(str, path))


def rendered(text: str, scope: Mapping[str, Any]) -> str:
    """The template filled from the samples, on one line."""
    return brief(_template.render(_template.parts(text), scope), 120)
