"""`bind`, `rebind`, `chain`: what a tool calls, and what it hands its result to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import click

from drio_tui.api.errors import UsageError
from drio_tui.cli.common import (
    command_hint,
    completer,
    connection_options,
    handle_errors,
    refuse_changes,
    review_options,
    run,
)
from drio_tui.cli.find import OpenedApp, find_resource, find_resources, opened_app
from drio_tui.cli.review import app_name
from drio_tui.kinds import OPERATION, TOOL
from drio_tui.text import count_of, one_line
from drio_tui.workspace.model.search import reference_name

if TYPE_CHECKING:
    from drio_tui.plan.steps import Step
    from drio_tui.workspace.model.snapshot import Resource, Snapshot

_MOST_CHANGES = 20
"""The most schema changes that are shown of one tool."""


@click.command()
@click.argument("app", metavar="APP", shell_complete=completer("apps"))
@click.argument("tool", metavar="TOOL", shell_complete=completer("tools"))
@click.argument("operation", metavar="INTEGRATION/OPERATION", shell_complete=completer("operations"))
@review_options
@connection_options
@handle_errors
def bind(app: str, tool: str, operation: str, dry_run: bool, yes: bool, as_json: bool, **options: Any) -> None:
    """Let TOOL of APP call an operation: its key, name or id, with its integration's before it if several have it."""
    from drio_tui.cli.review import carry_out

    refuse_changes(dry_run=dry_run)

    async def work() -> None:
        async with opened_app(app, options) as opened:
            target = find_resource(opened.snapshot, OPERATION, operation)
            resource = find_resource(opened.snapshot, TOOL, tool)
            before = _binding(resource)
            steps = []
            if before.get("integrationOperationId") != target.id:
                others = {
                    name: value for name, value in before.items() if name not in ("schemaHashAtBindTime", "status")
                }
                after = {"type": "integration_operation", **others, "integrationOperationId": target.id}
                steps.append(_property_step(resource, "binding", after))
            await carry_out(opened, steps, dry_run=dry_run, yes=yes, as_json=as_json)

    run(work())


@click.command()
@click.argument("app", metavar="APP", shell_complete=completer("apps"))
@click.argument("tools", metavar="[TOOL]...", nargs=-1, shell_complete=completer("tools"))
@click.option("--stale", is_flag=True, help="All tools whose operation has changed since they were bound.")
@review_options
@connection_options
@handle_errors
def rebind(
    app: str, tools: tuple[str, ...], stale: bool, dry_run: bool, yes: bool, as_json: bool, **options: Any
) -> None:
    """Bind tools of APP to the current schema of their operation, after it has changed.

    What changed is shown where this machine has seen the earlier schema. It cannot be undone: drio cannot restore a
    binding to an earlier schema.
    """
    from drio_tui.cli.review import carry_out

    refuse_changes(dry_run=dry_run)
    if stale == bool(tools):
        raise UsageError("which tools?", hint="Give their names, or --stale for all that need it.")

    async def work() -> None:
        async with opened_app(app, options) as opened:
            chosen = list(opened.snapshot.resources("tool")) if stale else find_resources(opened.snapshot, TOOL, tools)
            chosen = [resource for resource in chosen if _is_stale(resource, opened.snapshot, named=not stale)]
            steps = [_rebind_step(opened, resource) for resource in chosen]
            notes = ["This cannot be undone."] if steps else []
            await carry_out(opened, steps, dry_run=dry_run, yes=yes, as_json=as_json, notes=notes)

    run(work())


@click.command()
@click.argument("app", metavar="APP", shell_complete=completer("apps"))
@click.argument("tool", metavar="TOOL", shell_complete=completer("tools"))
@click.argument("following", metavar="[NEXT]...", nargs=-1, shell_complete=completer("tools"))
@click.option("--clear", is_flag=True, help="Let the tool hand its result to no other tool.")
@review_options
@connection_options
@handle_errors
def chain(
    app: str,
    tool: str,
    following: tuple[str, ...],
    clear: bool,
    dry_run: bool,
    yes: bool,
    as_json: bool,
    **options: Any,
) -> None:
    """Let TOOL of APP hand its result to the tools NEXT, in this order, instead of those it has."""
    from drio_tui.cli.review import carry_out

    refuse_changes(dry_run=dry_run)
    if clear == bool(following):
        raise UsageError("to which tools?", hint="Give the names of the next tools, or --clear for none.")

    async def work() -> None:
        async with opened_app(app, options) as opened:
            resource = find_resource(opened.snapshot, TOOL, tool)
            ids = [found.id for found in find_resources(opened.snapshot, TOOL, following)]
            before = resource.get("nextToolIds")
            steps = [] if (before or []) == ids else [_property_step(resource, "nextToolIds", ids)]
            await carry_out(opened, steps, dry_run=dry_run, yes=yes, as_json=as_json)

    run(work())


def _property_step(tool: Resource, name: str, after: Any) -> Step:
    """Return the step that sets one property of a tool as a whole."""
    from drio_tui.plan.steps import Step
    from drio_tui.schema.fields import MISSING
    from drio_tui.workspace.saving.merge import FieldChange
    from drio_tui.workspace.saving.save_requests import comparable

    change = FieldChange((name,), comparable(TOOL, tool.raw).get(name, MISSING), after)
    about = f"Change the {name} of the tool {tool.name}"
    return Step(f"update/tool/{tool.id}", "update", TOOL.name, about, ref=tool.id, changes=(change,), base=tool.raw)


def _is_stale(tool: Resource, snapshot: Snapshot, *, named: bool) -> bool:
    """Return whether a tool is to be rebound. Raises `UsageError` for one that was named and has no operation."""
    from drio_tui.workspace.lint.binding import binding_state

    state = binding_state(tool.get("binding"), snapshot)
    if named and state in ("missing", "unbound"):
        why = "its operation is not there any more" if state == "missing" else "it is bound to nothing"
        command = command_hint("bind", app_name(snapshot), reference_name(tool), "INTEGRATION/OPERATION")
        hint = f"`{command}` binds it."
        raise UsageError(f"{one_line(tool.name, 80)} cannot be rebound: {why}", hint=hint)
    return state == "stale"


def _rebind_step(opened: OpenedApp, tool: Resource) -> Step:
    from drio_tui.plan.steps import Step

    operation = opened.snapshot.resource("operation", str(_binding(tool).get("integrationOperationId")))
    name = operation.name if operation is not None else "its operation"
    changes = "; ".join(_schema_changes(opened, tool, operation))
    return Step(
        f"rebind/tool/{tool.id}", "update", TOOL.name, f"bind it to the current schema of {name} ({changes})",
        ref=tool.id, base=tool.raw, again=("binding",),
    )  # fmt: skip


def _schema_changes(opened: OpenedApp, tool: Resource, operation: Resource | None) -> Iterator[str]:
    """Yield what changed in the operation's input since the tool was bound, as far as it is known here."""
    from drio_tui.workspace.lint.binding import schema_changes
    from drio_tui.workspace.model.schema_history import SchemaHistory

    bound = _binding(tool).get("schemaHashAtBindTime")
    schemas = SchemaHistory(opened.session.server_id, opened.id).of(operation.id) if operation is not None else {}
    if operation is None or not isinstance(bound, str) or bound not in schemas:
        yield "what changed is not known on this machine"
        return
    changes = schema_changes(schemas[bound], operation.get("inputSchema"))
    for change in changes[:_MOST_CHANGES]:
        values = (
            f" {change.before} → {change.after}" if change.what == "changed" else f" {change.before or change.after}"
        )
        yield f"{change.what} {change.path}{values}{', which can break calls' if change.breaks else ''}"
    if len(changes) > _MOST_CHANGES:
        yield f"{count_of(len(changes) - _MOST_CHANGES, 'more change')}"
    if not changes:
        yield "its input is unchanged"


def _binding(tool: Resource) -> Mapping[str, Any]:
    binding = tool.get("binding")
    return binding if isinstance(binding, dict) else {}
