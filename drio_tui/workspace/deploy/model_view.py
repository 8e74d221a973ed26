"""What a model sees of an app according to its config, and how that differs from what an endpoint offers.

The rules by which a config becomes tools are those of `drio_tui.tool_calls.tools`, which the sandbox's endpoint
follows. drio does not publish its rules, so a difference is not always an error.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

from drio_tui.api.json_values import same_json
from drio_tui.endpoint.models import SeenTool, Server
from drio_tui.tool_calls.outputs import published
from drio_tui.tool_calls.token_count import compact, size, tokens
from drio_tui.tool_calls.tools import (
    input_schema,
    shown_widgets,
    tool_list_entry,
    widget_tool_meta,
    widget_uri,
    without_hints,
)
from drio_tui.workspace.lint.binding import schema_changes
from drio_tui.workspace.model.snapshot import Resource, Snapshot
from drio_tui.workspace.model.tools import published_name

MOST_NOTED = 12
"""The most differences of one schema that are listed one by one."""
HINTS = ("readOnlyHint", "destructiveHint", "idempotentHint", "openWorldHint")


@dataclass(frozen=True)
class Expected:
    """An enabled tool as models should see it according to the config. `resource` is the tool."""

    name: str
    title: str
    description: str
    resource: Resource
    operation: Resource | None
    schema: dict[str, Any] | None = None
    annotations: Mapping[str, Any] = field(default_factory=dict)
    output_schema: dict[str, Any] | None = None
    meta: dict[str, Any] | None = None
    """What its widget adds for clients (`_meta`), with another digest in the URI."""

    @cached_property
    def entry(self) -> dict[str, Any]:
        """The tool's entry in the list of tools, as clients give it to models: without `meta`."""
        schema = self.schema or {"type": "object"}
        return tool_list_entry(self.name, self.title, self.description, schema, self.output_schema, self.annotations)

    @cached_property
    def schema_tokens(self) -> int:
        """About how many tokens its input schema costs a model."""
        return tokens(compact(self.entry["inputSchema"]))

    @cached_property
    def bytes(self) -> int:
        """The size in bytes of the entry as clients receive it, with `meta`."""
        return size(self.entry | ({"_meta": self.meta} if self.meta is not None else {}))

    @cached_property
    def tokens(self) -> int:
        """About how many tokens the entry costs a model."""
        return tokens(compact(self.entry))


def expected(snapshot: Snapshot) -> list[Expected]:
    """Return the enabled tools in order; one whose operation does not exist has no schema."""
    widgets = _widgets_of(snapshot)
    return [expected_tool(tool, snapshot, widgets) for tool in snapshot.resources("tool") if is_live(tool)]


def _widgets_of(snapshot: Snapshot) -> dict[str, dict[str, Any]]:
    """Return the widgets that a deploy publishes, by the id of their tool."""
    widgets = (widget.raw for widget in snapshot.resources("widget") if not widget.made_up)
    return shown_widgets(raw for raw in widgets if isinstance(raw, dict) and isinstance(raw.get("key"), str))


def is_live(tool: Resource) -> bool:
    """Return whether a deploy publishes the tool."""
    return not tool.made_up and isinstance(tool.raw, dict) and tool.get("isEnabled") is not False


def operation_of(tool: Resource, snapshot: Snapshot) -> Resource | None:
    """Return the operation that a tool is bound to, if it exists."""
    binding = tool.get("binding")
    id = binding.get("integrationOperationId") if isinstance(binding, dict) else None
    return snapshot.resource("operation", id) if isinstance(id, str) else None


def expected_tool(tool: Resource, snapshot: Snapshot, widgets: Mapping[str, dict[str, Any]] | None = None) -> Expected:
    """Return a tool as models see it once it is published, enabled or not; `widgets` are those of the app by tool."""
    widget = (_widgets_of(snapshot) if widgets is None else widgets).get(tool.id)
    app = snapshot.app.raw if snapshot.app is not None and isinstance(snapshot.app.raw, dict) else {}
    operation = operation_of(tool, snapshot)
    schema = output_schema = None
    if operation is not None and isinstance(operation.raw, dict):
        schema = _schema({"method": "GET", "path": "", **operation.raw})
        output_schema = published(operation.get("outputSchema"))
    inherited = operation.text("description") if operation is not None else ""
    annotations = tool.get("annotations")
    return Expected(
        name=published_name(tool),
        title=tool.name,
        description=tool.text("description") or inherited or tool.name,
        resource=tool,
        operation=operation,
        schema=schema,
        annotations=annotations if isinstance(annotations, dict) else {},
        output_schema=output_schema,
        meta=None if widget is None else widget_tool_meta(widget_uri({"id": "", **app}, widget), tool.name),
    )


def _schema(operation: dict[str, Any]) -> dict[str, Any] | None:
    try:
        return without_hints(input_schema(operation))
    except (TypeError, ValueError, AttributeError, KeyError):  # a malformed schema
        return None


@dataclass(frozen=True, slots=True)
class Difference:
    """One difference between what an endpoint offers and the config.

    `code`: missing_tool, extra_tool, title, description, input_schema, annotations, instructions, name.
    `tool` is the name that models see, empty for what concerns the server; `resource` the id of the app's tool.
    Texts are not sanitized.
    """

    code: Literal[
        "missing_tool", "extra_tool", "title", "description", "input_schema", "annotations", "instructions", "name"
    ]
    message: str
    tool: str = ""
    resource: str = ""
    config: Any = None
    seen: Any = None

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON of `--json`."""
        return {
            "code": self.code, "message": self.message, "tool": self.tool, "toolId": self.resource or None,
            "config": self.config, "seen": self.seen,
        }  # fmt: skip


def differences(snapshot: Snapshot, server: Server, tools: Sequence[SeenTool]) -> list[Difference]:
    """Return the differences: of the server, of each tool in the config's order, then the endpoint's extra tools."""
    result = [*_server(snapshot, server)]
    remaining = {tool.name: tool for tool in tools}
    for expected_tool in expected(snapshot):
        names = (
            expected_tool.name,
            expected_tool.resource.text("key"),
            expected_tool.resource.name,
            expected_tool.resource.id,
        )
        seen_tool = next((remaining.pop(name) for name in names if name in remaining), None)
        if seen_tool is None:
            message = f"{expected_tool.title} is enabled, but the endpoint does not offer it"
            result.append(
                Difference("missing_tool", message, expected_tool.name, expected_tool.resource.id, expected_tool.name)
            )
        else:
            result += _tool(expected_tool, seen_tool)
    for name, tool in remaining.items():
        message = "The endpoint offers it, and the config has no such tool"
        result.append(Difference("extra_tool", message, name, seen=tool.title or name))
    return result


def _server(snapshot: Snapshot, server: Server) -> Iterator[Difference]:
    app = snapshot.app
    instructions = app.text("serverInstructions") if app else ""
    if app and instructions.strip() != server.instructions.strip():
        message = "Models get other server instructions" if server.instructions else "Models get no instructions"
        yield Difference("instructions", message, config=instructions, seen=server.instructions)


def _tool(expected_tool: Expected, seen: SeenTool) -> Iterator[Difference]:
    name, id = seen.name, expected_tool.resource.id
    if name != expected_tool.name:
        yield Difference("name", f"Models call it {name}", name, id, expected_tool.name, name)
    if seen.title and seen.title not in (expected_tool.title, expected_tool.name):
        yield Difference("title", "Its title is another", name, id, expected_tool.title, seen.title)
    if seen.description.strip() != expected_tool.description.strip():
        yield Difference(
            "description", "Its description is another", name, id, expected_tool.description, seen.description
        )
    if expected_tool.schema is not None and not same_json(expected_tool.schema, seen.input_schema):
        changes = schema_changes(expected_tool.schema, seen.input_schema)[:MOST_NOTED]
        details = ", ".join(f"{change.path} {change.what}" for change in changes[:3]) or "in what is not shown"
        message = f"Its arguments are others: {details}"
        yield Difference("input_schema", message, name, id, expected_tool.schema, seen.input_schema)
    for annotation in HINTS:
        configured, offered = expected_tool.annotations.get(annotation), seen.annotations.get(annotation)
        if isinstance(configured, bool) and configured is not offered:
            message = f"{annotation} is {_word(offered)}, the config says {_word(configured)}"
            yield Difference("annotations", message, name, id, configured, offered)


def _word(value: Any) -> str:
    return "yes" if value is True else "no" if value is False else "not said"
