"""A tool of a snapshot with everything that a call needs."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any

from drio_tui.api.errors import DrioError
from drio_tui.api.json_codec import Document
from drio_tui.schema import check
from drio_tui.schema.fields import Field, SchemaReader
from drio_tui.tool_calls import redaction, tools
from drio_tui.urls import url_error_with_address
from drio_tui.workspace.model.snapshot import Resource, Snapshot
from drio_tui.workspace.model.tools import published_name

_METHOD = re.compile(r"[A-Za-z]{1,20}")
_OAUTH = ("oauth", "oauth2")


class NotRunnable(DrioError):
    """The tool cannot be run as it is; the message says what is missing."""

    title = "The tool cannot be run"
    hint = "Bind it to an operation of an integration first."


@dataclass(frozen=True, slots=True)
class BoundTool:
    """A tool that can be run. `name` is what models call it by; `schema` describes its arguments.

    `operation`, `integration` and `auth` have the properties that a request is built from, each of the right type.
    Texts are not sanitized.
    """

    app_id: str
    id: str
    name: str
    title: str
    annotations: Document
    schema: Document
    operation: Document
    integration: Document
    auth: Document | None = None
    widget: Document | None = None
    next_ids: tuple[str, ...] = ()
    enabled: bool = True
    output_schema: Any = field(default=None, repr=False)

    @property
    def method(self) -> str:
        return str(self.operation["method"]).upper()

    @property
    def only_reads(self) -> bool:
        """Whether running it changes nothing, according to its annotations and its method."""
        return tools.only_reads(self.method, self.annotations)

    @property
    def config(self) -> Document:
        """The widget's `config`; empty where there is no widget."""
        return _dict((self.widget or {}).get("config"))

    @property
    def mappings(self) -> Document:
        """The widget's field mappings."""
        return _dict(self.config.get("fieldMappings"))

    @property
    def style(self) -> Document:
        """The widget's style map."""
        return _dict(self.config.get("style"))

    @property
    def primitive(self) -> str:
        """The kind of the widget, such as `data-table`; empty where there is no widget."""
        return str((self.widget or {}).get("primitive") or "")

    @property
    def secret_names(self) -> tuple[str, ...]:
        """The arguments that are secret, by their names or their schemas."""
        return redaction.secret_names(self.schema)

    def field(self) -> Field:
        """Return the arguments as a form field."""
        schema = tools.without_hints(self.schema)
        return SchemaReader(schema).field(schema)

    def problems(self, arguments: Any) -> list[str]:
        """Return the validation errors of arguments, at most ten, as sentences without a full stop."""
        if not isinstance(arguments, dict):
            return ["the arguments have to be a JSON object"]
        errors = []
        for path, text in check.deep_errors(self.field(), arguments):
            location = ".".join(map(str, path))
            errors.append(f"{location} {text}" if location else text)
            if len(errors) == 10:
                break
        return errors

    def differences(self, value: Any) -> list[str]:
        """Return up to three ways in which a response differs from the output schema, as far as a form can check it."""
        schema = self.output_schema
        if not isinstance(schema, dict):
            return []
        try:
            errors = [*islice(check.deep_errors(SchemaReader(schema).field(schema), value), 3)]
        except RecursionError:
            return []
        return [f"{'.'.join(map(str, path))} {text}" if path else text for path, text in errors]


def bound_of(snapshot: Snapshot, tool_id: str) -> BoundTool:
    """Return the tool with everything that a call needs. Raises `NotRunnable`."""
    tool = snapshot.resource("tool", tool_id)
    if tool is None or not isinstance(tool.raw, dict):
        raise NotRunnable("there is no such tool in this app", hint="Read the app again.")
    binding = _dict(tool.get("binding"))
    operation_id = binding.get("integrationOperationId")
    operation = snapshot.resource("operation", operation_id) if isinstance(operation_id, str) else None
    if operation is None:
        raise NotRunnable(
            f"{tool.name} is bound to an operation that is not there" if operation_id else f"{tool.name} is not bound"
        )
    integration_id = operation.text("integrationId") or operation.parent_id
    integration = snapshot.resource("integration", integration_id)
    if integration is None:
        raise NotRunnable(f"the integration of {operation.name} is not there")
    method, path, base_url = operation.text("method"), operation.text("path"), integration.text("baseUrl")
    for label, value, expected in (
        (f"the method of {operation.name}", method, "GET, POST or the like"),
        (f"the path of {operation.name}", path, "text"),
        (f"the base URL of {integration.name}", base_url, "an http or https address"),
    ):
        if not value:
            raise NotRunnable(f"{label} is missing", hint=f"It has to be {expected}.")
    if reason := url_error_with_address(base_url):
        raise NotRunnable(
            f"the base URL of {integration.name} cannot be called, since {reason}",
            hint="Give the integration the address of its API.",
        )
    if not _METHOD.fullmatch(method):
        raise NotRunnable(f"the method of {operation.name} is none", hint="It has to be GET, POST or the like.")
    auth_id = integration.text("authId")
    auth = snapshot.resource("auth", auth_id) if auth_id else None
    if auth_id and auth is None:
        raise NotRunnable(f"the auth connection of {integration.name} is not there")
    operation_fields = {
        "method": method,
        "path": path,
        "inputSchema": operation.get("inputSchema"),
    }
    widget = next(
        (
            widget
            for widget in snapshot.resources("widget")
            if widget.text("toolId") == tool_id and isinstance(widget.raw, dict)
        ),
        None,
    )
    next_ids = tool.get("nextToolIds")
    return BoundTool(
        app_id=snapshot.app_id,
        id=tool_id,
        name=published_name(tool),
        title=tool.name,
        annotations=_dict(tool.get("annotations")),
        schema=tools.input_schema(operation_fields),
        operation=operation_fields,
        integration={
            "baseUrl": base_url,
            "name": integration.name,
            "config": {"headers": _dict(_dict(integration.get("config")).get("headers"))},
        },
        auth=_auth(snapshot, auth) if auth is not None else None,
        widget=widget.raw if widget is not None else None,
        next_ids=tuple(id for id in next_ids if isinstance(id, str)) if isinstance(next_ids, list) else (),
        enabled=tool.get("isEnabled") is not False,
        output_schema=operation.get("outputSchema"),
    )


def bound_of_key(snapshot: Snapshot, key: str) -> BoundTool:
    """Return the tool with a key. Raises `NotRunnable`, also if there is none."""
    tool = next((tool for tool in snapshot.resources("tool") if tool.text("key") == key), None)
    if tool is None:
        raise NotRunnable(f"there is no tool {key} in this app", hint="")
    return bound_of(snapshot, tool.id)


def drafted_tool(snapshot: Snapshot, widget: Mapping[str, Any]) -> BoundTool:
    """Return the tool of a widget, with that widget as it is edited; without an operation if it cannot be run."""
    tool_id = str(widget.get("toolId"))
    try:
        bound = bound_of(snapshot, tool_id)
    except NotRunnable:
        operation = {"method": "GET", "path": ""}
        bound = BoundTool(snapshot.app_id, tool_id, "", "", {}, {"type": "object", "properties": {}}, operation, {})
    return replace(bound, widget=dict(widget))


def fits(schema: Any, value: Any) -> bool:
    """Return whether a value is valid under a schema, as far as a form can check it."""
    if not isinstance(schema, Mapping) or "$ref" in schema:
        return True
    return next(check.deep_errors(SchemaReader(schema).field(schema), value), None) is None


def _auth(snapshot: Snapshot, auth: Resource) -> Document:
    """Return the connection, with the kind of its provider where it has none itself."""
    config = dict(_dict(auth.get("config")))
    if not isinstance(config.get("type"), str):
        for provider in snapshot.resources("provider"):
            same_key = auth.text("providerKey") and provider.text("key") == auth.text("providerKey")
            if same_key or (auth.text("providerId") and provider.id == auth.text("providerId")):
                config["type"] = provider.text("kind") or None
    if config.get("type") in _OAUTH:
        config["type"] = "oauth"
    return {"id": auth.id, "name": auth.name, "config": config}


def _dict(value: Any) -> Document:
    return value if isinstance(value, dict) else {}
