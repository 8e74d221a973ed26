"""What a result puts into each slot of a widget.

A slot is a name in `fieldMappings` with a JSONPath. `rows` or `items` is the collection: every other slot is
then looked up in each of its members (`columns.name: $.name`), but for a bare `columns`, which lists the
columns themselves. A dotted name (`fields.email`, `columns.plan`, `series.best`) is a member of a group.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from drio_tui.widget_data.jsonpath import Node, PathError, Steps, parse

MOST_ITEMS = 500
MOST_SLOTS = 100
ALL_STEPS = 500_000
"""How many nodes all paths of one widget may look at together."""
COLLECTIONS = ("rows", "items", "cards", "entries")


@dataclass(slots=True)
class WidgetData:
    """A result as a widget shows it.

    `slots` hold what is there once; `items` the members of the collection, None where there is none: each
    its `slots` and `at`, where it stands in the result. `problems` tells per slot why its path gave nothing.
    `cut` is the number of items that are not shown.
    """

    slots: dict[str, Any] = field(default_factory=dict)
    items: list[dict[str, Any]] | None = None
    columns: list[str] = field(default_factory=list)
    problems: dict[str, str] = field(default_factory=dict)
    cut: int = 0
    _steps: Steps = field(default_factory=lambda: Steps(ALL_STEPS), repr=False)

    def as_wire(self) -> dict[str, Any]:
        """The view as JSON."""
        return {"slots": self.slots, "items": self.items, "columns": self.columns, "cut": self.cut}


def fill(mappings: Any, result: Any) -> WidgetData:
    """The view of `result` by `fieldMappings`; a mapping that cannot be read leaves its slot empty."""
    view = WidgetData()
    if not isinstance(mappings, dict):
        return view
    for name in list(mappings)[MOST_SLOTS:]:
        view.problems[name] = "is one slot too many"
    known = dict(list(mappings.items())[:MOST_SLOTS])
    collection = next((name for name in COLLECTIONS if name in known), None)
    if collection is None:
        for name, path in known.items():
            _put(view, view.slots, name, path, result)
        return view
    members = _members(_nodes(view, collection, known.pop(collection), result))
    if "columns" in known:
        listed = _value(_nodes(view, "columns", known.pop("columns"), result))
        view.columns = [_column(column) for column in listed] if isinstance(listed, list) else []
    view.columns += [name.removeprefix("columns.") for name in known if name.startswith("columns.")]
    view.cut = max(0, len(members) - MOST_ITEMS)
    view.items = []
    seen: set[str] = set()
    for location, member in members[:MOST_ITEMS]:
        slots: dict[str, Any] = {}
        for name, path in known.items():
            _put(view, slots, name, path, member)
        _own_columns(view, slots, member)
        seen.update(slots)
        view.items.append({"slots": slots, "at": list(location)})
    for name in seen & view.problems.keys():
        del view.problems[name]  # found in one member at least
    return view


def _own_columns(view: WidgetData, slots: dict[str, Any], member: Any) -> None:
    """The cells of columns that the data name themselves, and of a table that names none."""
    if isinstance(member, dict):
        if not view.columns and not slots:
            view.columns = list(member)[:12]
        wanted = [(name, member.get(name)) for name in view.columns]
    elif isinstance(member, list):
        if not view.columns:
            view.columns = [str(number + 1) for number in range(min(len(member), 12))]
        wanted = list(zip(view.columns, member, strict=False))
    else:
        return
    for name, value in wanted:
        if f"columns.{name}" not in slots and value is not None:
            slots[f"columns.{name}"] = value


def _column(column: Any) -> str:
    if isinstance(column, dict):
        column = column.get("name") or column.get("key") or column.get("id")
    return str(column)


def _put(view: WidgetData, slots: dict[str, Any], name: str, path: Any, value: Any) -> None:
    found = _value(_nodes(view, name, path, value))
    if found is not None:
        slots[name] = found


def _nodes(view: WidgetData, name: str, path: Any, value: Any) -> list[Node]:
    if not isinstance(path, str):
        view.problems[name] = "is not a JSONPath"
        return []
    try:
        found = parse(path).find(value, view._steps)
    except PathError as error:
        view.problems[name] = str(error)
        return []
    if not found:
        view.problems.setdefault(name, "matches nothing")
    return found


def _value(nodes: list[Node]) -> Any:
    """One value for one node, a list for several."""
    if not nodes:
        return None
    return nodes[0][1] if len(nodes) == 1 else [value for _, value in nodes]


def _members(nodes: list[Node]) -> list[Node]:
    if len(nodes) == 1 and isinstance(nodes[0][1], list):
        location, value = nodes[0]
        return [((*location, index), member) for index, member in enumerate(value)]
    return nodes
