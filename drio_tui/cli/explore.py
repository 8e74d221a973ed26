"""`api --list` and `api --describe`: the operations of the server's own OpenAPI document."""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from drio_tui.api import json_codec
from drio_tui.api.errors import NotFound
from drio_tui.api.redact import redact
from drio_tui.cli.common import command_hint, connection_arguments, is_read_only
from drio_tui.cli.output import echo, echo_json, info, style
from drio_tui.cli.render import table
from drio_tui.explorer.calls import prepare
from drio_tui.explorer.commands import as_drio_tui
from drio_tui.explorer.known import remember
from drio_tui.explorer.server_api import Operation, Parameter, ServerApi, described, open_server_api
from drio_tui.session import command_session
from drio_tui.text import count_of, one_line, visible
from drio_tui.tool_calls.requests import SAFE, content_kind
from drio_tui.urls import path_argument
from drio_tui.workspace.run.schema_examples import example_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

_MOST_PROBLEMS = 5


async def list_operations(words: Sequence[str], options: dict[str, Any], document: str, *, as_json: bool) -> None:
    """Print the operations that match all words."""
    async with _opened(options, document) as server_api:
        found = server_api.matching(" ".join(words), read_only=is_read_only())
        operations = await server_api.complete([operation.id for operation in found])
        if as_json:
            echo_json(
                {
                    "document": server_api.path,
                    "title": server_api.title,
                    "operations": [described(operation, server_api.path_of(operation)) for operation in operations],
                    "problems": [problem.as_dict() for problem in server_api.problems],
                }
            )
            return
        rows = [
            (
                operation.method,
                server_api.argument_of(operation),
                f"✗ {operation.obstacle}" if operation.obstacle
                else f"{'deprecated: ' if operation.deprecated else ''}{operation.summary}",
                operation.operation_id,
            )
            for operation in operations
        ]  # fmt: skip
        for line in table(("METHOD", "PATH", "SUMMARY", "ID"), rows):
            echo(*line)
        total = len(server_api.operations)
        shown = f"{len(rows):,} of {total:,} operations" if len(rows) < total else count_of(total, "operation")
        info(f"{shown} of {one_line(server_api.title, 80)}, from {server_api.path}.")
        for problem in server_api.problems[:_MOST_PROBLEMS]:
            info(f"▲ {one_line(str(problem), 300)}")


async def describe_operation(words: Sequence[str], options: dict[str, Any], document: str, *, as_json: bool) -> None:
    """Print the parameters, the body and the responses of one operation, and an example command."""
    async with _opened(options, document) as server_api:
        try:
            summary = server_api.find(words)
        except NotFound as error:
            error.hint = f"{error.hint} `{command_hint('api', '--list')}` lists them.".strip()
            raise
        operation = await server_api.operation(summary.id)
        if as_json:
            echo_json(_as_json(operation))
        else:
            _print(operation, server_api.origin)


@asynccontextmanager
async def _opened(options: dict[str, Any], document: str) -> AsyncIterator[ServerApi]:
    async with command_session(**options, notice=info) as session:
        transport = session.client.transport
        async with await open_server_api(transport, document) as server_api:
            remember(transport.base_url, server_api)
            yield server_api


def _as_json(operation: Operation) -> dict[str, Any]:
    value = described(operation.summary, operation.path) | {"description": operation.description}
    if operation.obstacle:
        value["problem"] = operation.obstacle
    value["parameters"] = [
        {
            "name": parameter.name,
            "in": parameter.place.where,
            "required": parameter.required,
            "schema": redact(parameter.schema),
        }
        for parameter in operation.parameters
    ]
    if operation.media_type:
        value["mediaType"] = operation.media_type
    value["responses"] = [
        {"status": response.status, "description": response.description, "mediaTypes": list(response.media_types)}
        for response in operation.responses
    ]
    if operation.response_schema is not None:
        value["responseSchema"] = operation.response_schema
    if operation.detail.notes:
        value["notes"] = list(operation.detail.notes)
    return value


def _print(operation: Operation, origin: str) -> None:
    summary = operation.summary
    echo(style(f"{operation.method} {one_line(operation.path, 500)}", bold=True))
    facts = [summary.operation_id, ", ".join(summary.tags), "deprecated" if summary.deprecated else ""]
    if any(facts):
        echo(style(" · ".join(one_line(fact, 200) for fact in facts if fact), dim=True))
    echo()
    echo(visible(operation.description, multiline=True))
    if operation.obstacle:
        echo()
        echo(style(f"✗ {one_line(operation.obstacle, 500)}", fg="red"))
    for where, title in (("path", "Path"), ("query", "Query"), ("header", "Headers"), ("body", "Body")):
        parameters = [parameter for parameter in operation.described_parameters if parameter.place.where == where]
        if parameters:
            media_type = f" ({one_line(operation.media_type, 60)})" if where == "body" else ""
            echo()
            echo(style(f"{title}{media_type}", bold=True))
            for parameter in parameters:
                _print_parameter(parameter)
    if operation.responses:
        echo()
        echo(style("Responses", bold=True))
        for response in operation.responses:
            kinds = (
                f" ({', '.join(one_line(kind, 60) for kind in response.media_types)})" if response.media_types else ""
            )
            echo(f"  {one_line(response.status, 20)}  {one_line(response.description, 300)}{kinds}")
    for note in operation.detail.notes:
        echo()
        echo(f"▲ {one_line(note, 500)}")
    if not operation.obstacle:
        echo()
        echo(style("Example", bold=True))
        echo(f"  {example_command(operation, origin)}")


def _print_parameter(parameter: Parameter) -> None:
    needed = ", required" if parameter.required else ""
    text = one_line(parameter.description, 300)
    echo(
        "  ",
        style(one_line(parameter.name, 100), bold=True),
        f"  {parameter.type}{needed}",
        f"  {text}" if text else "",
    )


def example_command(operation: Operation, origin: str) -> str:
    """Return a `drio-tui api` command for an operation, with an example of each required value; quoted for a shell."""
    media_type = operation.media_type if operation.method not in SAFE else ""  # `api GET` sends no body
    body = example_body(operation) if media_type else None
    if media_type and (content_kind(media_type) != "json" or not isinstance(body, dict) or redact(body) != body):
        return _piped_command(operation, origin, body)
    path, fields = path_argument(origin, operation.path), list[str]()
    query = [(parameter.name, _text_value(operation, parameter)) for parameter in _required(operation, "query")]
    if operation.method in SAFE:
        fields += [word for name, value in query for word in ("--field", f"{name}={value}")]
    elif query:
        path += f"?{urlencode(query)}"
    for parameter in _required(operation, "header"):
        fields += ["--header", f"{parameter.name}:{_text_value(operation, parameter)}"]
    for name, value in (body or {}).items():
        key = name.replace(".", r"\.")
        is_text = isinstance(value, str) and not value.startswith("@")
        fields += ["--field", f"{key}={value}" if is_text else f"{key}:={json_codec.dumps(value)}"]
    return command_hint("api", operation.method, path, *fields)


def example_body(operation: Operation) -> Any:
    """Return an example of the body: what is required of it, or else its first property; None without a body."""
    parameters = [parameter for parameter in operation.parameters if parameter.place.where == "body"]
    whole = parameters[0] if parameters and parameters[0].place.whole else None
    if whole is not None:
        body = example_of(whole.schema, within=operation.schema, only_required=True)
    else:
        body = {parameter.name: _value(operation, parameter) for parameter in _required(operation, "body")}
    if body == {} and parameters:
        first = next(parameter for parameter in operation.described_parameters if parameter.place.where == "body")
        if not first.place.whole:
            body = {first.name: _value(operation, first)}
    return body if parameters else None


def _piped_command(operation: Operation, origin: str, body: Any) -> str:
    """Return an example with the body on standard input: what is no JSON object, or has a secret."""
    values: dict[str, Any] = {}
    for parameter in operation.parameters:
        place = parameter.place
        if place.where == "path":
            values[parameter.argument] = f"{{{parameter.name}}}"
        elif place.where == "body" and (place.whole or parameter.name in body):
            values[parameter.argument] = body if place.whole else body[parameter.name]
        elif place.where != "body" and parameter.required:
            values[parameter.argument] = _value(operation, parameter)
    request = prepare(operation, origin, values)
    url = re.sub(r"%7B([^%/?]*)%7D", r"{\1}", request.url)
    return as_drio_tui(replace(request, url=url), connection_arguments())


def _required(operation: Operation, where: str) -> list[Parameter]:
    return [parameter for parameter in operation.parameters if parameter.place.where == where and parameter.required]


def _value(operation: Operation, parameter: Parameter) -> Any:
    return example_of(parameter.schema, parameter.name, within=operation.schema, only_required=True)


def _text_value(operation: Operation, parameter: Parameter) -> str:
    value = _value(operation, parameter)
    return value if isinstance(value, str) else json_codec.dumps(value)
