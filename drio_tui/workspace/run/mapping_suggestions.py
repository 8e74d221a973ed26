"""Which field mappings a widget could have: a path for each slot, by name, type and format of what a result has.

The rules know the slots of `mapping.SLOTS`. Whatever has no place stays out: an empty slot is better than a wrong one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from drio_tui.api.redact import is_secret
from drio_tui.schema.resolve import Json
from drio_tui.text import first_names
from drio_tui.workspace.run.mapping import collection_of, step_text
from drio_tui.workspace.run.value_shape import IMAGE_WORDS, Shape, shape_of

MOST_COLUMNS = 8
"""The most columns that are suggested for a table."""
MOST_FIELDS = 8
MOST_SERIES = 3
_INSIDE = 0.5
"""What a value of an object inside counts, compared with one of the item itself."""
_SEARCH_DEPTH = 4

_LIST_WORDS = ("results", "items", "rows", "data", "records", "entries", "hits", "values", "list", "content")
_WORDS: dict[str, tuple[str, ...]] = {
    "title": ("title", "name", "subject", "headline", "label", "summary", "question", "display", "service", "email",
              "username", "login", "author", "metric"),
    "subtitle": ("subtitle", "company", "organization", "organisation", "role", "email", "category", "section",
                 "department", "owner", "author", "assignee", "customer", "city", "location", "description", "type",
                 "priority", "status", "state"),
    "badge": ("status", "state", "stage", "phase", "priority", "severity", "plan", "tier", "level", "rating", "type",
              "kind", "category"),
    "status": ("status", "state", "stage", "phase", "severity", "priority"),
    "timestamp": ("updated", "created", "at", "date", "time", "start", "started", "timestamp", "on", "due"),
    "body": ("body", "text", "content", "description", "message", "notes", "note", "comment", "summary", "details"),
    "image": tuple(sorted(IMAGE_WORDS)),
    "link": ("link", "html", "permalink", "url", "href", "website", "page", "tracking"),
    "value": ("value", "amount", "price", "total", "score", "count", "balance", "revenue", "sum", "quantity"),
    "delta": ("delta", "change", "difference", "previous", "growth", "trend"),
    "checked": ("done", "checked", "completed", "complete", "finished", "resolved"),
    "label": ("label", "name", "title", "metric", "date"),
    "caption": ("caption",),
    "alt": ("alt", "title", "name", "caption", "label", "id"),
}  # fmt: skip
_WORDS["src"] = _WORDS["image"]
_WORD_SETS = {slot: frozenset(words) for slot, words in _WORDS.items()}
_LIST_SLOTS: dict[str, tuple[str, ...]] = {
    "list": ("checked", "timestamp", "title", "badge", "subtitle"),
    "card-grid": ("image", "title", "value", "delta", "badge", "subtitle"),
    "timeline": ("timestamp", "body", "title", "badge"),
}
"""The slots of an item in the order in which they choose, the most particular first."""
_SLOTS: dict[str, tuple[str, ...]] = {
    "card": ("image", "link", "title", "badge", "subtitle", "body"),
    "detail": ("image", "title", "status", "body", "value"),
    "text": ("link", "title", "body"),
    "metric": ("delta", "value", "label"),
    "image": ("src", "alt"),
}


@dataclass(frozen=True, slots=True)
class MappingSuggestion:
    """A path for a slot. `reason` says why, as a short remark; it may contain names from the result."""

    slot: str
    path: str
    reason: str


@dataclass(frozen=True, slots=True)
class SlotChange:
    """A suggested mapping of a slot: `before` is its mapping now, None if it has none."""

    slot: str
    before: Any
    path: str
    reason: str

    @property
    def is_new(self) -> bool:
        """Whether the slot has no mapping yet."""
        return self.before is None


def slot_changes(
    primitive: str, mappings: Mapping[str, Any], schema: Json = None, sample: Json = None, *, arguments: Json = None
) -> list[SlotChange]:
    """Return what `suggest_mappings` would change of these mappings, slot by slot.

    The items of a collection that is mapped already are used for the other slots. A path that stays in a group, such
    as `sections`, is not suggested for another name of that group.
    """
    collection = collection_of(mappings)
    rows = mappings[collection] if collection is not None else None
    rows = rows if isinstance(rows, str) else ""
    suggestions = mapping_suggestions(primitive, schema, sample, arguments=arguments, rows=rows)
    changed = {suggestion.slot for suggestion in suggestions if mappings.get(suggestion.slot) != suggestion.path}
    kept = [(_group_of(slot), path) for slot, path in mappings.items() if slot not in changed and _group_of(slot)]
    return [
        SlotChange(suggestion.slot, mappings.get(suggestion.slot), suggestion.path, suggestion.reason)
        for suggestion in suggestions
        if suggestion.slot in changed and (_group_of(suggestion.slot), suggestion.path) not in kept
    ]


def _group_of(slot: str) -> str:
    """Return the group that a slot is in, such as `columns`; empty for a slot that occurs once."""
    return slot.partition(".")[0] if "." in slot else ""


def taken_mappings(mappings: Mapping[str, Any], changes: Iterable[SlotChange]) -> dict[str, Any]:
    """Return mappings with these changes: the collection first, new slots at the end."""
    taken = {**mappings, **{change.slot: change.path for change in changes}}
    collection = collection_of(taken)
    return {name: taken[name] for name in ([collection] if collection is not None else [])} | taken


def suggest_mappings(
    primitive: str, schema: Json = None, sample: Json = None, *, arguments: Json = None
) -> dict[str, str]:
    """Return field mappings for a widget of this kind: slot → JSONPath, in the order in which they are shown.

    `schema` is that of the result, `sample` a real one; one of them is enough. `arguments` is the input schema of the
    tool, from which a form takes its fields.
    """
    return {
        suggestion.slot: suggestion.path
        for suggestion in mapping_suggestions(primitive, schema, sample, arguments=arguments)
    }


def mapping_suggestions(
    primitive: str, schema: Json = None, sample: Json = None, *, arguments: Json = None, rows: str = ""
) -> list[MappingSuggestion]:
    """Return what `suggest_mappings` does, with reasons. Empty where nothing is known of the result.

    `rows` is the path of the list whose items are shown; empty to look for one.
    """
    if primitive == "form":
        return _form(shape_of(arguments) if arguments is not None else shape_of(schema, sample))
    root = shape_of(schema, sample)
    chosen = next((shape for shape in root.walk() if rows and shape.path == rows and shape.items is not None), None)
    if primitive == "data-table":
        return _table(root, chosen or rows_of(root))
    if primitive in _LIST_SLOTS:
        any_list = next((shape for shape in root.properties if shape.items is not None), None)
        return _list(chosen or rows_of(root) or any_list, primitive)
    if primitive == "chart":
        return _chart(root)
    return _single(root, primitive)


def suggest_primitive(schema: Json = None, sample: Json = None) -> str:
    """Return the kind of widget that suits a result: a table for a list, a card or a page for one object."""
    root = shape_of(schema, sample)
    rows = rows_of(root)
    if rows is not None:
        item = rows.items
        scalars = [shape for shape in item.properties if shape.is_scalar] if item is not None else []
        if any(shape.form == "image" for shape in scalars):
            return "card-grid"
        return "data-table" if len(scalars) > 1 else "list"
    scalars = [shape for shape in _single_object(root).properties if shape.is_scalar]
    if len(scalars) == 1 and scalars[0].is_number:
        return "metric"
    has_parts = any(not shape.is_scalar for shape in _single_object(root).properties)
    return "detail" if has_parts or len(scalars) > MOST_FIELDS else "card"


# --- what the result has --------------------------------------------------------------------------


def rows_of(root: Shape, *, numbers: bool = False) -> Shape | None:
    """Return the list whose items a widget shows; with `numbers` one of items with numbers."""
    candidates: list[tuple[float, Shape]] = []
    level = [root]
    for depth in range(_SEARCH_DEPTH):
        for number, shape in enumerate(level):
            item = shape.items
            if item is None:
                continue
            if numbers and not any(inner.is_number and not inner.is_id for inner in item.properties):
                continue
            points = 10.0 - 3 * depth - 0.1 * number
            points += 6 if "object" in item.types else 0
            points += 4 if shape.name.lower() in _LIST_WORDS else 0
            points += min(len(item.properties), 6) * 0.2
            candidates.append((points, shape))
        level = [inner for shape in level for inner in shape.properties]
    if not candidates:
        return None
    points, best = max(candidates, key=lambda candidate: candidate[0])
    is_object_with_parts = best.path.count(".") == 1 and best.name.lower() not in _LIST_WORDS
    scalars = [shape for shape in root.properties if shape.is_scalar and not _is_page_info(shape)]
    if is_object_with_parts and not numbers and len(scalars) >= 3 and any(shape.is_id for shape in scalars):
        return None  # one resource that has a list, such as a contact with tickets
    return best


def _is_page_info(shape: Shape) -> bool:
    """Whether a value is about the list as a whole, not about a resource."""
    words = {"total", "count", "page", "limit", "offset", "cursor", "next", "previous", "has", "per", "size", "more"}
    return bool(words & {*shape.words})


def _single_object(root: Shape) -> Shape:
    """Return the object that a widget for one thing shows: the result, what it wraps, or the first item of a list."""
    for _ in range(_SEARCH_DEPTH):
        objects = [shape for shape in root.properties if "object" in shape.types]
        scalars = [shape for shape in root.properties if shape.is_scalar]
        if len(objects) == 1 and not scalars and all(shape.items is None for shape in root.properties):
            root = objects[0]
        else:
            break
    if not any(shape.is_scalar for shape in root.properties):
        rows = root if root.items is not None else rows_of(root)
        if rows is not None and rows.items is not None and rows.items.properties:
            return rows.items
    return root


def _path_in(shape: Shape, root: Shape) -> str:
    """Return the path of a shape from the item that a collection's slots are looked up in."""
    return f"${shape.path.removeprefix(root.path)}"


def _cells(item: Shape) -> Iterator[tuple[str, Shape]]:
    """Yield what can be shown of an item: its scalars, and of an object in it the one that names it; no secrets."""
    for shape in item.properties:
        if is_secret(shape.name):
            continue
        if shape.is_scalar:
            yield shape.name, shape
        elif shape.types == {"object"}:
            inner = [property for property in shape.properties if property.is_scalar and not is_secret(property.name)]
            named = [property for property in inner if _points("title", property) > 0] or inner[:1]
            if named:
                yield shape.name, max(named, key=lambda property: _points("title", property))


# --- which slot -----------------------------------------------------------------------------------


def _points(slot: str, shape: Shape) -> float:
    """Return how well a value suits a slot: 0 if it does not."""
    if not _suits(slot, shape):
        return 0
    words = shape.words
    ranked = _WORDS[slot]
    named = max((len(ranked) - ranked.index(word) for word in words if word in ranked), default=0)
    points = 10 * named / len(ranked) + (2 if named and len(words) == 1 else 0)
    match slot:
        case "badge" | "status":
            points += 3 if shape.enum or (slot == "badge" and shape.types == {"boolean"}) else 0
        case "timestamp":
            points += 6 if shape.form == "date" else 0
        case "image" | "src":
            points += 8 if shape.form == "image" else 1
        case "link":
            points += 4 if shape.form == "url" else 0
        case "value" | "delta":
            points += 2 if slot == "value" and shape.is_number else 0
        case "body":
            points += 4 if shape.is_long else 0
    return points


def _suits(slot: str, shape: Shape) -> bool:
    """Return whether the type of a value fits a slot, and its name where the type says little."""
    named = not _WORD_SETS[slot].isdisjoint(shape.words)
    match slot:
        case "value" | "delta":
            return shape.is_number and not shape.is_id and (named or slot == "value")
        case "checked":
            return shape.types == {"boolean"} and named
        case "timestamp":
            return shape.form == "date" or (named and shape.is_text and shape.words[-1] in ("at", "date", "time"))
        case "image" | "src":
            return shape.form == "image" or (slot == "src" and shape.form == "url")
        case "link":
            return shape.form == "url" or (named and shape.is_text and shape.form == "")
        case "body":
            return shape.is_text and shape.form == "" and not shape.enum and (named or shape.is_long)
        case "badge":
            return (named or bool(shape.enum)) and not shape.is_long and shape.form == "" and not shape.is_id
        case "status":
            return named and shape.is_text and not shape.is_long and shape.form == ""
        case "subtitle":
            return named and shape.is_text and not shape.is_long and shape.form in ("", "email") and not shape.is_id
        case "alt":
            return named and shape.is_scalar
    return (
        shape.is_text and named and not shape.is_long and shape.form in ("", "email") and not shape.enum
        and (not shape.is_id)
    )  # fmt: skip


def _choose(slots: Sequence[str], cells: Sequence[tuple[str, Shape]]) -> dict[str, tuple[str, Shape]]:
    """Return for each slot the cell that suits it best; no cell is taken twice."""
    chosen: dict[str, tuple[str, Shape]] = {}
    left = list(cells)
    for slot in slots:
        ranked = [
            (_points(slot, shape) * (1 if shape.name == name else _INSIDE), -number, name, shape)
            for number, (name, shape) in enumerate(left)
        ]
        points, _, name, shape = max(ranked, key=lambda entry: entry[:2], default=(0.0, 0, "", None))
        if shape is None or points <= 0:
            continue
        chosen[slot] = (name, shape)
        left = [cell for cell in left if cell[1] is not shape]
    for slot in ("title", "label"):  # something has to name it
        if slot in slots and slot not in chosen:
            cell = _fallback_title(left)
            badge = chosen.get("badge")
            if "timestamp" in slots and badge is not None and badge[1].is_text and (cell is None or cell[1].is_id):
                cell = chosen.pop("badge")  # of an event its type says more than its id
            if cell is not None:
                chosen[slot] = cell
    return chosen


def _fallback_title(cells: Iterable[tuple[str, Shape]]) -> tuple[str, Shape] | None:
    cells = list(cells)
    tests: tuple[Callable[[Shape], bool], ...] = (
        lambda shape: shape.is_text and shape.form == "" and not shape.is_id and not shape.is_long and not shape.enum,
        _is_own_id,
        lambda shape: shape.is_text and shape.form in ("", "date") and not shape.is_long,
        lambda shape: shape.is_number,
    )
    return next((cell for suits in tests for cell in cells if suits(cell[1])), None)


def _is_own_id(shape: Shape) -> bool:
    """Whether a value identifies the object that has it."""
    return shape.is_scalar and shape.words in (("id",), ("uuid",), ("key",), ("slug",), ("number",), ("code",))


def _reason(shape: Shape) -> str:
    """Return what a suggested value is."""
    if shape.enum:
        return f"one of {first_names([str(value) for value in shape.enum], 4)}"
    kind = shape.form or min(shape.types, default="value")
    return {"string": "text", "integer": "number", "url": "link", "email": "e-mail address"}.get(kind, kind)


def _slot_suggestions(
    slots: Sequence[str], shown: Sequence[str], cells: Sequence[tuple[str, Shape]], root: Shape | None
) -> tuple[list[MappingSuggestion], list[Shape]]:
    """Return suggestions for slots in the order of `shown`, and the shapes that they use."""
    chosen = _choose(slots, cells)
    suggestions = [
        MappingSuggestion(slot, _path_in(shape, root) if root else _first_of(shape.path), _reason(shape))
        for slot in shown
        if slot in chosen
        for name, shape in [chosen[slot]]
    ]
    return suggestions, [shape for _, shape in chosen.values()]


def _first_of(path: str) -> str:
    """Return the path of the first item where one of all items was meant."""
    return path.replace("[*]", "[0]")


# --- the kinds of widgets -------------------------------------------------------------------------


def _rows(slot: str, rows: Shape) -> MappingSuggestion:
    return MappingSuggestion(slot, rows.path, f"the list {rows.name}" if rows.name else "the whole result is a list")


def _table(root: Shape, rows: Shape | None) -> list[MappingSuggestion]:
    item = rows.items if rows is not None else None
    if rows is not None and item is not None and "array" in item.types:
        names = next((shape for shape in root.properties if shape.name.lower() in ("columns", "headers")), None)
        columns = [MappingSuggestion("columns", names.path, "the names of the columns")] if names is not None else []
        return [_rows("rows", rows), *columns]
    if rows is None or item is None:
        item = _single_object(root)
        if not item.properties:
            return []
        first = MappingSuggestion("rows", _first_of(item.path), "the result is one row")
    else:
        first = _rows("rows", rows)
    columns = [
        MappingSuggestion(f"columns.{name}", _path_in(shape, item), _reason(shape)) for name, shape in columns_of(item)
    ]
    return [first, *columns]


def columns_of(item: Shape) -> list[tuple[str, Shape]]:
    """Return the columns of a table in the order of the item, what names a row first."""
    cells = [*_cells(item)]
    title = max(cells, key=lambda cell: _points("title", cell[1]) * (cell[0] == cell[1].name), default=None)
    if title is not None and _points("title", title[1]) <= 0:
        title = next((cell for cell in cells if _is_own_id(cell[1])), None)
    useful = [
        cell
        for cell in cells
        if cell is not title
        and not cell[1].is_id
        and not cell[1].is_long
        and cell[1].form not in ("image", "url", "uuid")
        and not (_points("body", cell[1]) > 0 and cell[1].words[-1] in _WORDS["body"][:6])
    ]
    if title is not None:
        useful.insert(0, title)
    if len(useful) > MOST_COLUMNS:
        ranked = sorted(
            range(len(useful)), key=lambda index: (-_importance(useful[index][1]), index) if index else (-99.0, 0)
        )
        useful = [useful[index] for index in sorted(ranked[:MOST_COLUMNS])]
    return useful or [cell for cell in cells if cell[1].is_id][:1]


def _importance(shape: Shape) -> float:
    return max(_points(slot, shape) for slot in ("title", "subtitle", "badge", "value", "timestamp"))


def _list(rows: Shape | None, primitive: str) -> list[MappingSuggestion]:
    if rows is None or rows.items is None:
        return []
    first = _rows("items", rows)
    if rows.items.is_scalar:
        return [first, MappingSuggestion("title", "$", "each item is a value")]
    shown = ("title", "subtitle", "value", "delta", "body", "timestamp", "badge", "checked", "image")
    suggestions, _ = _slot_suggestions(_LIST_SLOTS[primitive], shown, [*_cells(rows.items)], rows.items)
    return [first, *suggestions]


def _chart(root: Shape) -> list[MappingSuggestion]:
    rows = rows_of(root, numbers=True)
    if rows is None or rows.items is None:
        return []
    scalars = [shape for shape in rows.items.properties if shape.is_scalar and not shape.is_id]
    numbers = [shape for shape in scalars if shape.is_number]
    others = [shape for shape in scalars if not shape.is_number and not shape.is_long]
    y = max(numbers, key=lambda shape: _points("value", shape))
    x = next((shape for shape in others if shape.form == "date"), None) or (others[0] if others else None)
    suggestions = [MappingSuggestion("x", x.path, _reason(x))] if x is not None else []
    suggestions.append(MappingSuggestion("y", y.path, _reason(y)))
    suggestions += [
        MappingSuggestion(f"series.{shape.name}", shape.path, _reason(shape)) for shape in numbers if shape is not y
    ][:MOST_SERIES]
    title = next((shape for shape in root.properties if _points("title", shape) > 0), None)
    if title is not None:
        suggestions.append(MappingSuggestion("title", title.path, _reason(title)))
    return suggestions


def _single(root: Shape, primitive: str) -> list[MappingSuggestion]:
    item = _single_object(root)
    cells = [*_cells(item)]
    slots = _SLOTS.get(primitive, _SLOTS["detail"])
    shown = ("image", "src", "title", "subtitle", "label", "alt", "badge", "status", "value", "delta", "body", "link")
    suggestions, used = _slot_suggestions(slots, shown, cells, None)
    if primitive in ("card", "detail"):
        left = [
            (name, shape)
            for name, shape in cells
            if not any(shape is other for other in used)
            and not shape.is_id
            and shape.form != "image"
            and (primitive == "card" or name == shape.name)  # a page shows the object whole, as a section
        ]
        suggestions += [
            MappingSuggestion(f"fields.{name}", _first_of(shape.path), _reason(shape))
            for name, shape in left
            if not shape.is_long
        ][:MOST_FIELDS]
    if primitive == "detail":
        suggestions += [
            MappingSuggestion(f"sections.{shape.name}", _first_of(shape.path), "a part of it")
            for shape in item.properties
            if shape.items is not None or len(shape.properties) > 1
        ][:MOST_FIELDS]
    return suggestions


def _form(root: Shape) -> list[MappingSuggestion]:
    return [
        MappingSuggestion(f"fields.{shape.name}", f"${step_text(shape.name)}", _reason(shape))
        for shape in _single_object(root).properties
        if shape.is_scalar and not shape.is_id
    ][: 2 * MOST_FIELDS]
