"""The values that a result gives to the slots of a widget.

A slot is a name in `fieldMappings` with a JSONPath. `rows` or `items` is the collection: every other slot is
then looked up in each of its items (`columns.name: $.name`), except for a bare `columns`, which lists the
columns themselves. A dotted name (`fields.email`, `columns.plan`, `series.best`) belongs to a group.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from drio_tui.widget_data.jsonpath import Node, PathError, Steps, parse

MOST_ITEMS = 500
MOST_SLOTS = 100
ALL_STEPS = 500_000
"""The most nodes that all paths of one widget may visit together."""
COLLECTIONS = ("rows", "items", "cards", "entries")


@dataclass(slots=True)
class WidgetData:
    """A result as a widget shows it.

    `slots` are the values that occur once; `items` the items of the collection, None where there is none: each has
    `slots` and `at`, its location in the result. `problems` holds per slot why its path found nothing.
    `cut` is the number of items that are not shown.
    """

    slots: dict[str, Any] = field(default_factory=dict)
    items: list[dict[str, Any]] | None = None
    columns: list[str] = field(default_factory=list)
    problems: dict[str, str] = field(default_factory=dict)
    cut: int = 0
    _steps: Steps = field(default_factory=lambda: Steps(ALL_STEPS), repr=False)

    def as_wire(self) -> dict[str, Any]:
        """Return the widget data as JSON."""
        return {"slots": self.slots, "items": self.items, "columns": self.columns, "cut": self.cut}


def fill(mappings: Any, result: Any, *, most: int = MOST_ITEMS) -> WidgetData:
    """Apply `fieldMappings` to a result; a mapping that cannot be read leaves its slot empty.

    `most` is the number of items that are looked at.
    """
    view = WidgetData()
    if not isinstance(mappings, dict):
        return view
    for name in list(mappings)[MOST_SLOTS:]:
        view.problems[name] = "is one slot too many"
    used = dict(list(mappings.items())[:MOST_SLOTS])
    collection = next((name for name in COLLECTIONS if name in used), None)
    if collection is None:
        for name, path in used.items():
            _fill_slot(view, view.slots, name, path, result)
        return view
    item_nodes = _item_nodes(_nodes(view, collection, used.pop(collection), result))
    if "columns" in used:
        columns = _value(_nodes(view, "columns", used.pop("columns"), result))
        view.columns = [_column_name(column) for column in columns] if isinstance(columns, list) else []
    view.columns += [name.removeprefix("columns.") for name in used if name.startswith("columns.")]
    view.cut = max(0, len(item_nodes) - most)
    view.items = []
    filled_slots: set[str] = set()
    for location, item in item_nodes[:most]:
        slots: dict[str, Any] = {}
        for name, path in used.items():
            _fill_slot(view, slots, name, path, item)
        _add_columns_of_data(view, slots, item)
        filled_slots.update(slots)
        view.items.append({"slots": slots, "at": list(location)})
    for name in filled_slots & view.problems.keys():
        del view.problems[name]  # found in at least one item
    return view


def _add_columns_of_data(view: WidgetData, slots: dict[str, Any], item: Any) -> None:
    """Add the cells of columns that the data itself names, and of a table that names none."""
    if isinstance(item, dict):
        if not view.columns and not slots:
            view.columns = list(item)[:12]
        cells = [(name, item.get(name)) for name in view.columns]
    elif isinstance(item, list):
        if not view.columns:
            view.columns = [str(number + 1) for number in range(min(len(item), 12))]
        cells = list(zip(view.columns, item, strict=False))
    else:
        return
    for name, value in cells:
        if f"columns.{name}" not in slots and value is not None:
            slots[f"columns.{name}"] = value


def _column_name(column: Any) -> str:
    if isinstance(column, dict):
        column = column.get("name") or column.get("key") or column.get("id")
    return str(column)


def _fill_slot(view: WidgetData, slots: dict[str, Any], name: str, path: Any, value: Any) -> None:
    slot_value = _value(_nodes(view, name, path, value))
    if slot_value is not None:
        slots[name] = slot_value


def _nodes(view: WidgetData, name: str, path: Any, value: Any) -> list[Node]:
    if not isinstance(path, str):
        view.problems[name] = "is not a JSONPath"
        return []
    try:
        nodes = parse(path).find(value, view._steps)
    except PathError as error:
        view.problems[name] = str(error)
        return []
    if not nodes:
        view.problems.setdefault(name, "matches nothing")
    return nodes


def _value(nodes: list[Node]) -> Any:
    """Return one value for one node, a list for several."""
    if not nodes:
        return None
    return nodes[0][1] if len(nodes) == 1 else [value for _, value in nodes]


def _item_nodes(nodes: list[Node]) -> list[Node]:
    if len(nodes) == 1 and isinstance(nodes[0][1], list):
        location, value = nodes[0]
        return [((*location, index), item) for index, item in enumerate(value)]
    return nodes
