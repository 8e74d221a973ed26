"""A tool as models see it: its name, the schema of its arguments, and whether it only reads."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from typing import Any

from drio_tui.api.json_codec import Document
from drio_tui.tool_calls.requests import HINTS, ROOT_HINTS, SAFE, path_names, place_of

LONGEST_NAME = 64
WIDGET_DIGEST = 12
"""Characters of the digest in a widget's URI."""
_ILLEGAL = re.compile(r"[^A-Za-z0-9_-]+")


def tool_name(key: str) -> str:
    """Return a key as a name that every client accepts (`^[A-Za-z0-9_-]{1,64}$`), unique even if it was truncated."""
    name = _ILLEGAL.sub("-", key).strip("-") or "tool"
    if len(name) <= LONGEST_NAME and name == key:
        return name
    hash_suffix = hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    return f"{name[: LONGEST_NAME - 9]}-{hash_suffix}"


def only_reads(method: str, annotations: Any) -> bool:
    """Return whether a tool changes nothing.

    It is annotated `readOnlyHint`, or it is a GET, HEAD or OPTIONS that is not annotated otherwise.
    """
    values = annotations if isinstance(annotations, dict) else {}
    read_only = values.get("readOnlyHint")
    if isinstance(read_only, bool):
        return read_only
    return method.upper() in SAFE and values.get("destructiveHint") is not True


def required(schema: Document) -> list[str]:
    """Return the names of the required arguments."""
    names = schema.get("required")
    return [name for name in names if isinstance(name, str)] if isinstance(names, list) else []


def properties(schema: Document) -> Document:
    """Return the arguments' schemas by name."""
    schemas = schema.get("properties")
    return schemas if isinstance(schemas, dict) else {}


def input_schema(operation: Document) -> Document:
    """Return the operation's input schema as MCP requires it: of an object, with every parameter of the path."""
    declared = operation.get("inputSchema")
    schema: Document = dict(declared) if isinstance(declared, dict) else {}
    schema["type"] = "object"
    arguments = dict(properties(schema))
    in_path = {place.name for name in arguments if (place := place_of(name, operation)).where == "path"}
    missing = [name for name in dict.fromkeys(path_names(operation["path"])) if name not in in_path]
    added = dict(path_argument(name, arguments) for name in missing)
    note = {"description": f"Part of the path {operation['path']}."}
    schema["properties"] = arguments | {name: argument | note for name, argument in added.items()}
    if added:
        schema["required"] = [*required(schema), *added]
    return schema


def path_argument(name: str, arguments: Document) -> tuple[str, Document]:
    """Return name and schema of an argument for a path parameter, under another name if that one is already in use."""
    if name not in arguments:
        return name, {"type": "string"}
    alternative = f"path_{name}"
    while alternative in arguments:
        alternative += "_"
    return alternative, {"type": "string", "x-in": "path", "x-name": name}


def without_hints(schema: Document) -> Document:
    """Return the schema without the properties that only say where an argument is sent; models do not need them."""
    properties = {
        name: {key: value for key, value in argument.items() if key not in HINTS}
        if isinstance(argument, dict)
        else argument
        for name, argument in schema["properties"].items()
    }
    return {name: value for name, value in schema.items() if name not in ROOT_HINTS} | {"properties": properties}


def tool_list_entry(
    name: str, title: str, description: str, schema: Document, output_schema: Document | None, annotations: Any
) -> Document:
    """Return a tool as in `tools/list`, without what its widget adds. `schema` is without hints (`without_hints`)."""
    values = annotations if isinstance(annotations, dict) else {}
    types = {"title": str, "readOnlyHint": bool, "destructiveHint": bool, "idempotentHint": bool, "openWorldHint": bool}
    valid = {
        annotation: values[annotation] for annotation, cls in types.items() if isinstance(values.get(annotation), cls)
    }
    entry: Document = {"name": name, "title": title, "description": description, "inputSchema": schema}
    if output_schema is not None:
        entry["outputSchema"] = output_schema
    return entry | {"annotations": {"title": title} | valid}


def widget_uri(app: Document, widget: Document, digest: str = "0" * WIDGET_DIGEST) -> str:
    """Return the URI of a widget; `digest` is that of its HTML, since hosts cache what they fetched."""
    return f"ui://{app.get('slug') or app['id']}/{widget['key']}-{digest}.html"


def widget_tool_meta(uri: str, title: str) -> Document:
    """Return the `_meta` that a tool with a widget has in `tools/list`, for clients; `title` is the tool's."""
    return {
        "ui": {"resourceUri": uri, "visibility": ["model", "app"]},
        "openai/outputTemplate": uri,
        "openai/widgetAccessible": True,
        "openai/toolInvocation/invoking": f"{title}…"[:64],
        "openai/toolInvocation/invoked": f"{title}: done"[:64],
    }


def shown_widgets(widgets: Iterable[Document]) -> dict[str, Document]:
    """Return the widgets that a deploy publishes, by the id of their tool."""
    return {str(widget.get("toolId")): widget for widget in widgets if widget.get("visibility") != "hidden"}
