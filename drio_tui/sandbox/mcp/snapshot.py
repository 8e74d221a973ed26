"""A deployment's config parsed into what a server needs: tools by name, each with the resources it refers to."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from drio_tui.api.json_codec import Document
from drio_tui.sandbox.mcp.arguments import SchemaValidator, is_schema
from drio_tui.tool_calls.outputs import published
from drio_tui.tool_calls.tools import (
    input_schema,
    only_reads,
    properties,
    required,
    shown_widgets,
    tool_name,
    without_hints,
)


@dataclass(frozen=True, slots=True)
class DeployedTool:
    """One enabled tool. `name` is the MCP name; `arguments` and `result` validate against the operation's schemas."""

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
    arguments: SchemaValidator = field(repr=False)
    result: SchemaValidator | None = field(repr=False)

    @property
    def method(self) -> str:
        return str(self.operation["method"]).upper()

    @property
    def only_reads(self) -> bool:
        """Whether the tool only reads, so that a chain may run it."""
        return only_reads(self.method, self.annotations)

    @property
    def required(self) -> list[str]:
        """The names of the required arguments."""
        return required(self.input_schema)

    @property
    def properties(self) -> Document:
        """The arguments' schemas by name."""
        return properties(self.input_schema)


@dataclass(frozen=True, slots=True)
class Deployment:
    """The app as it was deployed, with its tools by MCP name and by id."""

    number: int
    app: Document
    tools: dict[str, DeployedTool]
    by_id: dict[str, DeployedTool]
    urls: tuple[str, ...] = ()
    """The URLs of its integrations and token endpoints, to which it may send requests."""


def read(number: int, snapshot: Document) -> Deployment:
    """Return the deployment that a snapshot describes, without tools that are disabled or not bound."""
    integrations = _by_id(snapshot["integrations"])
    operations = _by_id(snapshot["operations"])
    connections = _by_id(snapshot["auth"])
    widgets = shown_widgets(snapshot["widgets"])
    by_name: dict[str, DeployedTool] = {}
    by_id: dict[str, DeployedTool] = {}
    for document in snapshot["tools"]:
        operation = operations.get(str((document.get("binding") or {}).get("integrationOperationId")))
        integration = integrations.get(operation["integrationId"]) if operation else None
        if not document["isEnabled"] or operation is None or integration is None:
            continue
        tool = _tool(document, operation, integration, connections, widgets.get(document["id"]))
        by_name[tool.name] = by_id[tool.id] = tool
    return Deployment(number, snapshot["app"], by_name, by_id, tuple(_urls(by_id)))


def _tool(
    document: Document,
    operation: Document,
    integration: Document,
    connections: dict[str, Document],
    widget: Document | None,
) -> DeployedTool:
    schema = input_schema(operation)
    result_schema = operation.get("outputSchema")
    result_schema = result_schema if is_schema(result_schema) else None
    return DeployedTool(
        id=document["id"],
        name=tool_name(document["key"]),
        title=document["name"],
        description=document.get("description") or operation.get("description") or document["name"],
        annotations=document.get("annotations") or {},
        input_schema=without_hints(schema),
        output_schema=published(result_schema),
        operation=operation,
        integration=integration,
        auth=connections.get(integration["authId"]) if integration.get("authId") else None,
        widget=widget,
        next_ids=tuple(document.get("nextToolIds") or ()),
        arguments=SchemaValidator(schema),
        result=SchemaValidator(result_schema) if result_schema is not None else None,
    )


def _urls(tools: dict[str, DeployedTool]) -> Iterator[str]:
    for tool in tools.values():
        yield tool.integration["baseUrl"]
        endpoint = ((tool.auth or {}).get("config") or {}).get("tokenEndpoint")
        if isinstance(endpoint, str):
            yield endpoint


def _by_id(documents: list[Document]) -> dict[str, Document]:
    return {document["id"]: document for document in documents}
