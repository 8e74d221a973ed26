"""What a model will see of an app by its config, and how that differs from what an endpoint shows.

The rules by which a config becomes tools are those of `drio_tui.tool_calls.tools`, which the sandbox's endpoint
follows; drio publishes none, so a difference is something to look at, not always a mistake.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

from drio_tui.api.models import same_json
from drio_tui.endpoint.models import SeenTool, Server
from drio_tui.tool_calls.outputs import published
from drio_tui.tool_calls.token_count import compact, size, tokens
from drio_tui.tool_calls.tools import input_schema, listed, tool_name, without_hints
from drio_tui.workspace.lint.binding import schema_changes
from drio_tui.workspace.model.snapshot import Resource, Snapshot

MOST_NOTED = 12
"""Differences of one schema that are told one by one."""
HINTS = ("readOnlyHint", "destructiveHint", "idempotentHint", "openWorldHint")


@dataclass(frozen=True)
class Expected:
    """An enabled tool as its config says that models see it. `resource` is the tool, `operation` what it calls."""

    name: str
    title: str
    description: str
    resource: Resource
    operation: Resource | None
    schema: dict[str, Any] | None = None
    annotations: Mapping[str, Any] = field(default_factory=dict)
    output_schema: dict[str, Any] | None = None

    @cached_property
    def entry(self) -> dict[str, Any]:
        """Its entry in the list of tools, as clients get it."""
        schema = self.schema or {"type": "object"}
        return listed(self.name, self.title, self.description, schema, self.output_schema, self.annotations)

    @cached_property
    def bytes(self) -> int:
        """How many bytes its entry has."""
        return size(self.entry)

    @cached_property
    def tokens(self) -> int:
        """About how many tokens its entry costs a model."""
        return tokens(compact(self.entry))


def expected(snapshot: Snapshot) -> list[Expected]:
    """The enabled tools in order; one whose operation is not there comes without a schema."""
    return [_expected(tool, snapshot) for tool in snapshot.resources("tool") if is_live(tool)]


def is_live(tool: Resource) -> bool:
    """Whether a deploy publishes the tool."""
    return not tool.made_up and isinstance(tool.raw, dict) and tool.get("isEnabled") is not False


def operation_of(tool: Resource, snapshot: Snapshot) -> Resource | None:
    """The operation that a tool is bound to, if it is there."""
    binding = tool.get("binding")
    id = binding.get("integrationOperationId") if isinstance(binding, dict) else None
    return snapshot.resource("operation", id) if isinstance(id, str) else None


def _expected(tool: Resource, snapshot: Snapshot) -> Expected:
    operation = operation_of(tool, snapshot)
    schema = output_schema = None
    if operation is not None and isinstance(operation.raw, dict):
        schema = _schema({"method": "GET", "path": "", **operation.raw})
        output_schema = published(operation.get("outputSchema"))
    inherited = operation.text("description") if operation is not None else ""
    annotations = tool.get("annotations")
    return Expected(
        name=tool_name(tool.text("key") or tool.name),
        title=tool.name,
        description=tool.text("description") or inherited or tool.name,
        resource=tool,
        operation=operation,
        schema=schema,
        annotations=annotations if isinstance(annotations, dict) else {},
        output_schema=output_schema,
    )


def _schema(operation: dict[str, Any]) -> dict[str, Any] | None:
    try:
        return without_hints(input_schema(operation))
    except (TypeError, ValueError, AttributeError, KeyError):  # a schema in which nothing is what it should be
        return None


@dataclass(frozen=True, slots=True)
class Difference:
    """One way in which an endpoint shows something else than the config says.

    `code`: missing_tool, extra_tool, title, description, input_schema, annotations, instructions, name.
    `tool` is the name that models see, empty for what concerns the server; `resource` the id of the app's tool.
    Texts are not yet safe to show.
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
        """As `--json` prints it."""
        return {
            "code": self.code, "message": self.message, "tool": self.tool, "toolId": self.resource or None,
            "config": self.config, "seen": self.seen,
        }  # fmt: skip


def differences(snapshot: Snapshot, server: Server, tools: Sequence[SeenTool]) -> list[Difference]:
    """What differs, the server first, then tool by tool in the config's order, then what the config does not have."""
    found = [*_server(snapshot, server)]
    left = {tool.name: tool for tool in tools}
    for wanted in expected(snapshot):
        names = (wanted.name, wanted.resource.text("key"), wanted.resource.name, wanted.resource.id)
        seen = next((left.pop(name) for name in names if name in left), None)
        if seen is None:
            told = f"{wanted.title} is enabled, but the endpoint does not offer it"
            found.append(Difference("missing_tool", told, wanted.name, wanted.resource.id, wanted.name))
        else:
            found += _tool(wanted, seen)
    for name, tool in left.items():
        told = "The endpoint offers it, and the config has no such tool"
        found.append(Difference("extra_tool", told, name, seen=tool.title or name))
    return found


def _server(snapshot: Snapshot, server: Server) -> Iterator[Difference]:
    app = snapshot.app
    wanted = app.text("serverInstructions") if app else ""
    if app and wanted.strip() != server.instructions.strip():
        told = "Models are told other server instructions" if server.instructions else "Models get no instructions"
        yield Difference("instructions", told, config=wanted, seen=server.instructions)


def _tool(wanted: Expected, seen: SeenTool) -> Iterator[Difference]:
    name, id = seen.name, wanted.resource.id
    if name != wanted.name:
        yield Difference("name", f"Models call it {name}", name, id, wanted.name, name)
    if seen.title and seen.title not in (wanted.title, wanted.name):
        yield Difference("title", "Its title is another", name, id, wanted.title, seen.title)
    if seen.description.strip() != wanted.description.strip():
        yield Difference("description", "Its description is another", name, id, wanted.description, seen.description)
    if wanted.schema is not None and not same_json(wanted.schema, seen.input_schema):
        changes = schema_changes(wanted.schema, seen.input_schema)[:MOST_NOTED]
        told = ", ".join(f"{change.path} {change.what}" for change in changes[:3]) or "in what is not shown"
        told = f"Its arguments are others: {told}"
        yield Difference("input_schema", told, name, id, wanted.schema, seen.input_schema)
    for hint in HINTS:
        before, now = wanted.annotations.get(hint), seen.annotations.get(hint)
        if isinstance(before, bool) and before is not now:
            told = f"{hint} is {_word(now)}, the config says {_word(before)}"
            yield Difference("annotations", told, name, id, before, now)


def _word(value: Any) -> str:
    return "yes" if value is True else "no" if value is False else "not said"
