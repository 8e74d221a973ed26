"""A deployment's config, read into what a server needs: tools by name, each with all it leads to."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from drio_tui.sandbox.mcp.arguments import Checker, is_schema
from drio_tui.sandbox.mcp.requests import HINTS, SAFE, path_names, place_of

Document = dict[str, Any]

LONGEST_NAME = 64
_ILLEGAL = re.compile(r"[^A-Za-z0-9_-]+")


@dataclass(frozen=True, slots=True)
class DeployedTool:
    """One enabled tool. `name` is what models call it by.

    `wraps` says that a result stands in `{"result": …}`, because its own schema is not of an object.
    """

    id: str
    name: str
    title: str
    description: str
    annotations: Document
    input_schema: Document
    output_schema: Document | None
    wraps: bool
    operation: Document
    integration: Document
    auth: Document | None
    widget: Document | None
    next_ids: tuple[str, ...]
    arguments: Checker = field(repr=False)
    result: Checker | None = field(repr=False)

    @property
    def method(self) -> str:
        return str(self.operation["method"]).upper()

    @property
    def only_reads(self) -> bool:
        """Whether it may run without anybody asking for it: it is annotated `readOnlyHint`, or it is a GET, HEAD
        or OPTIONS that is not annotated otherwise.
        """
        hint = self.annotations.get("readOnlyHint")
        if isinstance(hint, bool):
            return hint
        return self.method in SAFE and self.annotations.get("destructiveHint") is not True

    @property
    def required(self) -> list[str]:
        """The names of the arguments that have to be there."""
        found = self.input_schema.get("required")
        return [name for name in found if isinstance(name, str)] if isinstance(found, list) else []

    @property
    def properties(self) -> Document:
        """The arguments' schemas by name."""
        found = self.input_schema.get("properties")
        return found if isinstance(found, dict) else {}


@dataclass(frozen=True, slots=True)
class Deployment:
    """What is live: the app as it was deployed, and its tools by the names that models see."""

    number: int
    app: Document
    tools: dict[str, DeployedTool]
    by_id: dict[str, DeployedTool]
    urls: tuple[str, ...] = ()
    """What its integrations and token endpoints name: where it may send requests."""


def read(number: int, snapshot: Document) -> Deployment:
    """The deployment that a snapshot describes; a tool without an operation is left out."""
    integrations = _by_id(snapshot["integrations"])
    operations = _by_id(snapshot["operations"])
    connections = _by_id(snapshot["auth"])
    widgets = {widget["toolId"]: widget for widget in snapshot["widgets"] if widget.get("visibility") != "hidden"}
    names: dict[str, DeployedTool] = {}
    by_id: dict[str, DeployedTool] = {}
    for document in snapshot["tools"]:
        operation = operations.get(str((document.get("binding") or {}).get("integrationOperationId")))
        integration = integrations.get(operation["integrationId"]) if operation else None
        if not document["isEnabled"] or operation is None or integration is None:
            continue
        tool = _tool(document, operation, integration, connections, widgets.get(document["id"]))
        names[tool.name] = by_id[tool.id] = tool
    return Deployment(number, snapshot["app"], names, by_id, tuple(_urls(by_id)))


def tool_name(key: str) -> str:
    """A key as a name that every client takes: `^[A-Za-z0-9_-]{1,64}$`, still unique where it is cut."""
    name = _ILLEGAL.sub("-", key).strip("-") or "tool"
    if len(name) <= LONGEST_NAME and name == key:
        return name
    mark = hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    return f"{name[: LONGEST_NAME - 9]}-{mark}"


def _tool(
    document: Document,
    operation: Document,
    integration: Document,
    connections: dict[str, Document],
    widget: Document | None,
) -> DeployedTool:
    input_schema = _input_schema(operation)
    output_schema, wraps = _output_schema(operation)
    return DeployedTool(
        id=document["id"],
        name=tool_name(document["key"]),
        title=document["name"],
        description=document.get("description") or operation.get("description") or document["name"],
        annotations=document.get("annotations") or {},
        input_schema=_without_hints(input_schema),
        output_schema=output_schema,
        wraps=wraps,
        operation=operation,
        integration=integration,
        auth=connections.get(integration["authId"]) if integration.get("authId") else None,
        widget=widget,
        next_ids=tuple(document.get("nextToolIds") or ()),
        arguments=Checker(input_schema),
        result=Checker(output_schema) if output_schema is not None else None,
    )


def _input_schema(operation: Document) -> Document:
    """The operation's input schema as MCP wants it: of an object, with every parameter of the path."""
    given = operation.get("inputSchema")
    schema: Document = dict(given) if isinstance(given, dict) else {}
    schema["type"] = "object"
    properties = dict(schema.get("properties") or {})
    filled = {place.name for name in properties if (place := place_of(name, operation)).where == "path"}
    absent = [name for name in dict.fromkeys(path_names(operation["path"])) if name not in filled]
    for name in absent:
        properties[name] = {"type": "string", "description": f"Part of the path {operation['path']}."}
    schema["properties"] = properties
    if absent:
        schema["required"] = [*(schema.get("required") or []), *absent]
    return schema


def _without_hints(schema: Document) -> Document:
    """The schema without what only says where an argument goes: no business of a model's."""
    properties = {
        name: {key: value for key, value in member.items() if key not in HINTS} if isinstance(member, dict) else member
        for name, member in schema["properties"].items()
    }
    return schema | {"properties": properties}


def _output_schema(operation: Document) -> tuple[Document | None, bool]:
    """The schema of results to publish, if there is one that can be relied on, and whether results are wrapped."""
    schema = operation.get("outputSchema")
    if not isinstance(schema, dict) or not is_schema(schema):
        return None, _declares_no_object(schema)
    if not _declares_no_object(schema):
        return (schema, False) if schema.get("type") == "object" else (None, False)
    if _has_reference(schema):  # its references are from its own root, which it would no longer be
        return None, True
    return {"type": "object", "properties": {"result": schema}, "required": ["result"]}, True


def _declares_no_object(schema: Any) -> bool:
    kind = schema.get("type") if isinstance(schema, dict) else None
    return isinstance(kind, str) and kind != "object"


def _has_reference(schema: Any) -> bool:
    waiting = [schema]
    while waiting:
        current = waiting.pop()
        if isinstance(current, dict):
            if "$ref" in current or "$dynamicRef" in current:
                return True
            waiting.extend(current.values())
        elif isinstance(current, list):
            waiting.extend(current)
    return False


def _urls(tools: dict[str, DeployedTool]) -> Iterator[str]:
    for tool in tools.values():
        yield tool.integration["baseUrl"]
        endpoint = ((tool.auth or {}).get("config") or {}).get("tokenEndpoint")
        if isinstance(endpoint, str):
            yield endpoint


def _by_id(documents: list[Document]) -> dict[str, Document]:
    return {document["id"]: document for document in documents}
