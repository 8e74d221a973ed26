"""A tool as models see it: its name, the schema of its arguments, and whether it only reads."""

from __future__ import annotations

import hashlib
import re
from typing import Any

from drio_tui.tool_calls.requests import HINTS, ROOT_HINTS, SAFE, path_names, place_of

Document = dict[str, Any]

LONGEST_NAME = 64
_ILLEGAL = re.compile(r"[^A-Za-z0-9_-]+")


def tool_name(key: str) -> str:
    """A key as a name that every client takes: `^[A-Za-z0-9_-]{1,64}$`, still unique where it is cut."""
    name = _ILLEGAL.sub("-", key).strip("-") or "tool"
    if len(name) <= LONGEST_NAME and name == key:
        return name
    mark = hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    return f"{name[: LONGEST_NAME - 9]}-{mark}"


def only_reads(method: str, annotations: Any) -> bool:
    """Whether a tool changes nothing: it is annotated `readOnlyHint`, or it is a GET, HEAD or OPTIONS that is not
    annotated otherwise.
    """
    hints = annotations if isinstance(annotations, dict) else {}
    hint = hints.get("readOnlyHint")
    if isinstance(hint, bool):
        return hint
    return method.upper() in SAFE and hints.get("destructiveHint") is not True


def required(schema: Document) -> list[str]:
    """The names of the arguments that have to be there."""
    found = schema.get("required")
    return [name for name in found if isinstance(name, str)] if isinstance(found, list) else []


def properties(schema: Document) -> Document:
    """The arguments' schemas by name."""
    found = schema.get("properties")
    return found if isinstance(found, dict) else {}


def input_schema(operation: Document) -> Document:
    """The operation's input schema as MCP wants it: of an object, with every parameter of the path."""
    given = operation.get("inputSchema")
    schema: Document = dict(given) if isinstance(given, dict) else {}
    schema["type"] = "object"
    members = dict(properties(schema))
    filled = {place.name for name in members if (place := place_of(name, operation)).where == "path"}
    absent = [name for name in dict.fromkeys(path_names(operation["path"])) if name not in filled]
    added = dict(path_argument(name, members) for name in absent)
    about = {"description": f"Part of the path {operation['path']}."}
    schema["properties"] = members | {name: member | about for name, member in added.items()}
    if added:
        schema["required"] = [*required(schema), *added]
    return schema


def path_argument(name: str, members: Document) -> tuple[str, Document]:
    """An argument for a parameter of the path that has none, by another name where one of that name goes elsewhere."""
    if name not in members:
        return name, {"type": "string"}
    other = f"path_{name}"
    while other in members:
        other += "_"
    return other, {"type": "string", "x-in": "path", "x-name": name}


def without_hints(schema: Document) -> Document:
    """The schema without what only says where an argument goes: no business of a model's."""
    properties = {
        name: {key: value for key, value in member.items() if key not in HINTS} if isinstance(member, dict) else member
        for name, member in schema["properties"].items()
    }
    return {name: value for name, value in schema.items() if name not in ROOT_HINTS} | {"properties": properties}


def listed(
    name: str, title: str, description: str, schema: Document, output_schema: Document | None, annotations: Any
) -> Document:
    """A tool as `tools/list` shows it to clients, but for what its widget adds. `schema` is without hints."""
    hints = annotations if isinstance(annotations, dict) else {}
    kinds = {"title": str, "readOnlyHint": bool, "destructiveHint": bool, "idempotentHint": bool, "openWorldHint": bool}
    shown = {hint: hints[hint] for hint, kind in kinds.items() if isinstance(hints.get(hint), kind)}
    entry: Document = {"name": name, "title": title, "description": description, "inputSchema": schema}
    if output_schema is not None:
        entry["outputSchema"] = output_schema
    return entry | {"annotations": {"title": title} | shown}
