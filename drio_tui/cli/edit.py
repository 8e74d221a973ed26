"""`set`, `add`, `delete`, `enable`, `disable`: changing the resources of an app from scripts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from drio_tui.api.errors import UsageError
from drio_tui.cli.common import (
    command_hint,
    completer,
    connection_options,
    handle_errors,
    refuse_changes,
    refuse_read_only,
    review_options,
    run,
)
from drio_tui.cli.find import OpenedApp, find_resources, opened_app
from drio_tui.cli.read import find_kind
from drio_tui.cli.values import Assignment, is_assignment
from drio_tui.kinds import APP, Kind
from drio_tui.text import first_names, one_line
from drio_tui.workspace.model.snapshot import Resource, Snapshot

if TYPE_CHECKING:
    from drio_tui.plan.steps import Step

_file_option = click.option(
    "--file", "-f", "file", metavar="FILE|-", help="A JSON object with properties: a file, or standard input."
)
_secret_option = click.option(
    "--secret", "secrets", metavar="PATH[=VARIABLE]", multiple=True,
    help="A secret property, read from the environment variable, else from DRIO_UPSTREAM_SECRET, a prompt or stdin.",
)  # fmt: skip


@click.command("set")
@click.argument("app", metavar="APP", shell_complete=completer("apps"))
@click.argument("kind_name", metavar="KIND", shell_complete=completer("kinds"))
@click.argument(
    "arguments", metavar="[NAME]... [PATH=TEXT|PATH:=JSON]...", nargs=-1, shell_complete=completer("assignments")
)
@_file_option
@_secret_option
@review_options
@connection_options
@handle_errors
def set_(
    app: str, kind_name: str, arguments: tuple[str, ...], file: str | None, secrets: tuple[str, ...], dry_run: bool,
    yes: bool, as_json: bool, **options: Any,
) -> None:  # fmt: skip
    """Change properties of resources: NAME is a key, name or id, or a glob pattern; the app itself has no NAME.

    PATH=TEXT sets text, whatever it looks like; PATH:=JSON sets a number, true, false, a list, an object, or null to
    clear. PATH=@FILE and PATH:=@FILE read the value from a file (- for stdin). PATH is dotted, such as
    branding.primaryColor. --file is merged into the resource like a JSON Merge Patch. References take names.
    """
    from drio_tui.cli.resource_values import read_values
    from drio_tui.cli.review import carry_out

    refuse_changes(dry_run=dry_run)
    kind = find_kind(kind_name)
    names = [argument for argument in arguments if not is_assignment(argument)]
    values = read_values(kind, [argument for argument in arguments if is_assignment(argument)], file, secrets)
    if not values.body and not values.assignments:
        raise UsageError("there is nothing to set", hint="Such as description='Finds contacts' or isEnabled:=false.")

    async def work() -> None:
        async with opened_app(app, options) as opened:
            steps = []
            for resource in _chosen(opened.snapshot, kind, names):
                step = values.update_of(opened.snapshot, kind, resource)
                if step is not None:
                    steps.append(step)
            await carry_out(opened, steps, dry_run=dry_run, yes=yes, as_json=as_json)

    run(work())


@click.command()
@click.argument("app", metavar="APP", shell_complete=completer("apps"))
@click.argument("kind_name", metavar="KIND", shell_complete=completer("kinds"))
@click.argument("arguments", metavar="[PATH=TEXT|PATH:=JSON]...", nargs=-1, shell_complete=completer("assignments"))
@_file_option
@_secret_option
@review_options
@connection_options
@handle_errors
def add(
    app: str, kind_name: str, arguments: tuple[str, ...], file: str | None, secrets: tuple[str, ...], dry_run: bool,
    yes: bool, as_json: bool, **options: Any,
) -> None:  # fmt: skip
    """Create a resource in APP and print its id. Values are given as in `set`.

    An operation needs integrationId=INTEGRATION, a widget toolId=TOOL; references take names. --file takes what
    `get --json` prints of a resource, too: without its id and what else drio sets.
    """
    from drio_tui.cli.resource_values import read_values
    from drio_tui.cli.review import carry_out

    refuse_changes(dry_run=dry_run)
    kind = find_kind(kind_name)
    if kind is APP:
        raise UsageError("`add` adds to an app", hint=f"`{command_hint('create')}` makes an app.")
    if stray := [argument for argument in arguments if not is_assignment(argument)]:
        raise UsageError(f"{one_line(stray[0], 80)} gives no value", hint=f"Such as name='{one_line(stray[0], 60)}'.")
    values = read_values(kind, arguments, file, secrets, new=True)

    async def work() -> None:
        async with opened_app(app, options) as opened:
            step = values.create_of(opened.snapshot, kind)
            await carry_out(opened, [step], dry_run=dry_run, yes=yes, as_json=as_json, ids_only=True)

    run(work())


@click.command()
@click.argument("app", metavar="APP", shell_complete=completer("apps"))
@click.argument("kind_name", metavar="KIND", shell_complete=completer("kinds"))
@click.argument("names", metavar="NAME...", nargs=-1, required=True, shell_complete=completer("resources"))
@click.option("--cascade", "dependents", flag_value="cascade", help="Delete what refers to them too.")
@click.option("--detach", "dependents", flag_value="detach", help="Remove the references to them, where that can be.")
@review_options
@connection_options
@handle_errors
def delete(
    app: str, kind_name: str, names: tuple[str, ...], dependents: str | None, dry_run: bool, yes: bool, as_json: bool,
    **options: Any,
) -> None:  # fmt: skip
    """Delete resources of APP. If others refer to them, nothing is deleted without --cascade or --detach.

    With --detach only those are deleted too that cannot exist without them: the operations of an integration, the
    widget of a tool. What others changed since it was read is not deleted.
    """
    from drio_tui.cli.review import carry_out

    if not dry_run:
        refuse_read_only("--read-only deletes nothing; --dry-run shows what would be deleted")
    kind = find_kind(kind_name)

    async def work() -> None:
        async with opened_app(app, options) as opened:
            resources = find_resources(opened.snapshot, kind, names)
            steps = _deletion(opened, resources, dependents)
            await carry_out(opened, steps, dry_run=dry_run, yes=yes, as_json=as_json)

    run(work())


@click.command()
@click.argument("app", metavar="APP", shell_complete=completer("apps"))
@click.argument("kind_name", metavar="KIND", shell_complete=completer("kinds"))
@click.argument("names", metavar="[NAME]...", nargs=-1, shell_complete=completer("resources"))
@review_options
@connection_options
@handle_errors
def enable(app: str, kind_name: str, names: tuple[str, ...], **options: Any) -> None:
    """Enable tools of APP, or (KIND app, no NAME) the app itself. NAME may be a glob pattern."""
    _switch(app, kind_name, names, True, options)


@click.command()
@click.argument("app", metavar="APP", shell_complete=completer("apps"))
@click.argument("kind_name", metavar="KIND", shell_complete=completer("kinds"))
@click.argument("names", metavar="[NAME]...", nargs=-1, shell_complete=completer("resources"))
@review_options
@connection_options
@handle_errors
def disable(app: str, kind_name: str, names: tuple[str, ...], **options: Any) -> None:
    """Disable tools of APP, or (KIND app, no NAME) the app itself. NAME may be a glob pattern."""
    _switch(app, kind_name, names, False, options)


def _switch(app: str, kind_name: str, names: Sequence[str], enabled: bool, options: dict[str, Any]) -> None:
    from drio_tui.cli.resource_values import Values
    from drio_tui.cli.review import carry_out

    refuse_changes(dry_run=options["dry_run"])
    kind = find_kind(kind_name)
    if not kind.switchable:
        raise UsageError(f"drio has no way to disable {kind.plural.lower()}", hint="Tools and the app can be disabled.")
    values = Values({}, [Assignment(("isEnabled",), enabled)])

    async def work() -> None:
        async with opened_app(app, options) as opened:
            chosen = _chosen(opened.snapshot, kind, names)
            steps = [step for resource in chosen if (step := values.update_of(opened.snapshot, kind, resource))]
            await carry_out(opened, steps, **{name: options[name] for name in ("dry_run", "yes", "as_json")})

    run(work())


def _chosen(snapshot: Snapshot, kind: Kind[Any], names: Sequence[str]) -> list[Resource]:
    """Return the resources that a command is about. Raises `UsageError` and `NotFound`."""
    if kind is not APP:
        if not names:
            raise UsageError(f"which {kind.plural.lower()}?", hint="Give their keys, names or ids; '*' means all.")
        return find_resources(snapshot, kind, names)
    if names:
        raise UsageError(f"an app has one app, and no {one_line(names[0], 80)}", hint="Leave the name out.")
    return [snapshot.app] if snapshot.app else []


def _deletion(opened: OpenedApp, resources: Sequence[Resource], dependents: str | None) -> list[Step]:
    """Return the steps that delete resources. Raises `UsageError` if that takes a choice that was not made."""
    from drio_tui.plan.deletion import plan_delete
    from drio_tui.workspace.model.references import Links

    links = Links(opened.snapshot)
    plan = plan_delete(
        opened.snapshot, links, [resource.key for resource in resources], cascade=dependents == "cascade"
    )
    others = [*plan.also_deleted, *plan.detached]
    if others and dependents is None:
        names = first_names([one_line(step.about, 100) for step in others], 10)
        raise UsageError(
            f"others refer to {'it' if len(resources) == 1 else 'them'}. Deleting would also: {names}",
            hint="--detach does that; --cascade deletes everything that refers to them. --dry-run shows it.",
        )
    return [*plan.steps]
