"""A deployment's config, read into what a server needs: tools by name, each with all it leads to."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from drio_tui.sandbox.mcp.arguments import Checker, is_schema
from drio_tui.tool_calls.outputs import published
from drio_tui.tool_calls.tools import input_schema, only_reads, properties, required, tool_name, without_hints

Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class DeployedTool:
    """One enabled tool. `name` is what models call it by, `result` checks answers by the operation's own schema."""

    id: str
    name: str
    title: str
    description: str
    annotations: Document
    input_schema: Document
    output_schema: Document | None
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
        """Whether it may run without anybody asking for it."""
        return only_reads(self.method, self.annotations)

    @property
    def required(self) -> list[str]:
        """The names of the arguments that have to be there."""
        return required(self.input_schema)

    @property
    def properties(self) -> Document:
        """The arguments' schemas by name."""
        return properties(self.input_schema)


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


def _tool(
    document: Document,
    operation: Document,
    integration: Document,
    connections: dict[str, Document],
    widget: Document | None,
) -> DeployedTool:
    schema = input_schema(operation)
    described = operation.get("outputSchema")
    described = described if is_schema(described) else None
    return DeployedTool(
        id=document["id"],
        name=tool_name(document["key"]),
        title=document["name"],
        description=document.get("description") or operation.get("description") or document["name"],
        annotations=document.get("annotations") or {},
        input_schema=without_hints(schema),
        output_schema=published(described),
        operation=operation,
        integration=integration,
        auth=connections.get(integration["authId"]) if integration.get("authId") else None,
        widget=widget,
        next_ids=tuple(document.get("nextToolIds") or ()),
        arguments=Checker(schema),
        result=Checker(described) if described is not None else None,
    )


def _urls(tools: dict[str, DeployedTool]) -> Iterator[str]:
    for tool in tools.values():
        yield tool.integration["baseUrl"]
        endpoint = ((tool.auth or {}).get("config") or {}).get("tokenEndpoint")
        if isinstance(endpoint, str):
            yield endpoint


def _by_id(documents: list[Document]) -> dict[str, Document]:
    return {document["id"]: document for document in documents}
