"""A made-up value that a JSON Schema allows, to try mappings and templates on before there is a real answer.

The schema's own examples, defaults and constants come first; what is left is invented from types, formats and
names. Every member is there, required or not, since mappings may point at any of them; lists hold two items.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from drio_tui.schema.resolve import Json, Schemas, UnsupportedReference, types
from drio_tui.workspace.model.snapshot import Snapshot

DEEPEST = 8
MOST = 2_000
"""How many places of a schema are looked at; beyond them there is null."""
ITEMS = 2

_FORMATS = {
    "date-time": "2026-03-15T12:00:00Z",
    "date": "2026-03-15",
    "time": "12:00:00Z",
    "email": "ada@example.com",
    "uri": "https://example.com/",
    "url": "https://example.com/",
    "uuid": "3f0c7a52-9d1e-4b8e-8c55-0a1b2c3d4e5f",
    "hostname": "example.com",
    "ipv4": "192.0.2.1",
    "color": "#0f172a",
}


@dataclass(frozen=True, slots=True)
class Sample:
    """What a tool's call might bring: `result` and `given` (its input), made from schemas. `about` names the operation.

    `about` is empty, and there is no result, where the tool is bound to nothing that is known.
    """

    result: Json = None
    given: Json = None
    about: str = ""


def sample_of(snapshot: Snapshot, tool_id: Any) -> Sample:
    """A sample of the operation that a tool is bound to."""
    tool = snapshot.resource("tool", tool_id) if isinstance(tool_id, str) else None
    binding = tool.get("binding") if tool is not None else None
    id = binding.get("integrationOperationId") if isinstance(binding, dict) else None
    operation = snapshot.resource("operation", id) if isinstance(id, str) else None
    if operation is None:
        return Sample()
    result, given = operation.get("outputSchema"), operation.get("inputSchema")
    if result is None:
        return Sample(given=example_of(given) if given is not None else None)
    return Sample(example_of(result), example_of(given) if given is not None else None, operation.name)


@dataclass(slots=True)
class _Budget:
    left: int = MOST


def example_of(schema: Json) -> Json:
    """A value by the schema; null where the schema says nothing or cannot be read."""
    return _example(Schemas(schema), schema, "", 0, _Budget())


def _example(schemas: Schemas, schema: Json, name: str, depth: int, budget: _Budget) -> Json:
    budget.left -= 1
    if depth > DEEPEST or budget.left < 0:
        return None
    try:
        flat, _ = schemas.flat(schema)
    except UnsupportedReference:
        return None
    said = _said(flat)
    if said is not _NOTHING:
        return said
    for union in ("oneOf", "anyOf"):
        variants = flat.get(union)
        if isinstance(variants, list):
            wanted = next((one for one in variants if not _is_null(one)), None)
            return None if wanted is None else _example(schemas, wanted, name, depth + 1, budget)
    kinds = types(flat) or ()
    kind = next((one for one in kinds if one != "null"), "")
    properties = flat.get("properties")
    if kind == "object" or (not kind and isinstance(properties, Mapping)):
        members = properties if isinstance(properties, Mapping) else {}
        return {
            str(member): _example(schemas, inner, str(member), depth + 1, budget)
            for member, inner in members.items()
            if budget.left >= 0
        }
    if kind == "array" or (not kind and "items" in flat):
        inner = flat.get("items", True)
        return [_example(schemas, inner, name, depth + 1, budget) for _ in range(ITEMS)]
    return _plain(flat, kind, name)


class _Nothing:
    pass


_NOTHING: Any = _Nothing()


def _said(flat: Mapping[str, Any]) -> Json:
    """What the schema itself gives as a value."""
    for keyword in ("const", "example", "default"):
        if keyword in flat and flat[keyword] is not None:
            return flat[keyword]
    for keyword in ("examples", "enum"):
        found = flat.get(keyword)
        if isinstance(found, list) and found:
            return found[0]
    return _NOTHING


def _plain(flat: Mapping[str, Any], kind: str, name: str) -> Json:
    match kind:
        case "boolean":
            return True
        case "integer" | "number":
            least = flat.get("minimum")
            return least if isinstance(least, int) and not isinstance(least, bool) and least > 0 else 1
        case "string":
            form = flat.get("format")
            return _FORMATS.get(form, name or "text") if isinstance(form, str) else name or "text"
    return None


def _is_null(schema: Json) -> bool:
    return isinstance(schema, Mapping) and schema.get("type") == "null"
