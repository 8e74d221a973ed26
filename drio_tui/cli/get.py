"""`get`: print resources of an app, for users and for scripts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from drio_tui.api import json_codec, yaml_writer
from drio_tui.api.errors import UsageError
from drio_tui.api.redact import redact
from drio_tui.cli.common import completer, connection_options, handle_errors, run
from drio_tui.cli.find import find_resources, opened_app
from drio_tui.cli.output import echo, echo_json, info, style
from drio_tui.cli.read import find_kind
from drio_tui.cli.render import format_value, resource_table
from drio_tui.kinds import Kind
from drio_tui.text import one_line
from drio_tui.workspace.model.search import reference_name

if TYPE_CHECKING:
    from drio_tui.workspace.model.snapshot import Resource

_SINGLE_VALUE_WIDTH = 200


@click.command()
@click.argument("app", metavar="APP", shell_complete=completer("apps"))
@click.argument("kind_name", metavar="KIND", shell_complete=completer("kinds"))
@click.argument("names", metavar="[NAME]...", nargs=-1, shell_complete=completer("resources"))
@click.option(
    "-o", "--output", type=click.Choice(["table", "name", "json", "yaml"]), help="How to print them; --json is -o json."
)
@connection_options
@handle_errors
def get(app: str, kind_name: str, names: tuple[str, ...], output: str | None, as_json: bool, **options: Any) -> None:
    """Print the resources of one KIND in APP: all of them, or those with a NAME (key, name, id or glob pattern).

    KIND is app, auth, integrations, operations, tools or widgets. -o name prints what other commands take as a NAME,
    one per line. One NAME prints one resource with all its properties. Secrets are hidden.
    """
    kind = find_kind(kind_name)
    form = output or ("json" if as_json else "table")

    async def work() -> list[Resource]:
        async with opened_app(app, options, {kind.name, *(["integration"] if kind.parent else [])}) as opened:
            if names:
                return find_resources(opened.snapshot, kind, names)
            return list(opened.snapshot.resources(kind.name))

    resources = run(work())
    is_single = kind.name == "app" or (len(names) == 1 and len(resources) == 1)
    match form:
        case "name":
            for resource in resources:
                echo(one_line(reference_name(resource), 1_000))
        case "json" | "yaml":
            raws = [redact(resource.raw) for resource in resources]
            body = {kind.item_key: raws[0]} if is_single and raws else {kind.list_key: raws}
            if form == "json":
                echo_json(body)
            else:
                echo(_to_yaml(body).rstrip("\n"))
        case _:
            _print_table(kind, resources, is_single=is_single)


def _print_table(kind: Kind[Any], resources: Sequence[Resource], *, is_single: bool) -> None:
    if not resources:
        info(f"The app has no {kind.plural.lower()}.")
    elif is_single:
        _print_properties(resources[0])
    else:
        for line in resource_table(kind, resources):
            echo(*line)
    for resource in resources:
        if resource.reason:
            info(f"{one_line(resource.name, 80)} is not as documented: {one_line(resource.reason, 200)}")


def _print_properties(resource: Resource) -> None:
    raw = redact(resource.raw)
    if not isinstance(raw, dict):
        echo(format_value(raw, _SINGLE_VALUE_WIDTH))
        return
    width = min(24, max(map(len, raw), default=0))
    for name, value in raw.items():
        is_nested = isinstance(value, dict | list) and value
        text = json_codec.for_display(json_codec.dumps(value)) if is_nested else format_value(value, 1_000)
        echo(style(one_line(name, 60).ljust(width), bold=True), f"  {text}")


def _to_yaml(value: Any) -> str:
    """Return a JSON value as YAML. Raises `UsageError` for text that YAML cannot hold."""
    try:
        return yaml_writer.dumps(value)
    except yaml_writer.NotYaml as error:
        raise UsageError(f"This cannot be printed as YAML: {error}", hint="Use -o json.") from None
