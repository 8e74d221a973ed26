"""`map`: fill the slots of widgets with paths into the results of their tools."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from drio_tui.api import json_codec
from drio_tui.api.errors import UsageError
from drio_tui.cli.common import (
    completer,
    connection_options,
    handle_errors,
    refuse_changes,
    review_options,
    run,
)
from drio_tui.cli.find import OpenedApp, find_resources, opened_app
from drio_tui.cli.values import Assignment, Inputs
from drio_tui.kinds import WIDGET
from drio_tui.text import count_of, first_names, one_line

if TYPE_CHECKING:
    from drio_tui.workspace.model.snapshot import Resource
    from drio_tui.workspace.run.mapping_suggestions import SlotChange


@click.command("map")
@click.argument("app", metavar="APP", shell_complete=completer("apps"))
@click.argument("names", metavar="WIDGET...", nargs=-1, required=True, shell_complete=completer("widgets"))
@click.option("--slot", "slots", metavar="SLOT", multiple=True, help="Fill this slot only; may be repeated.")
@click.option("--replace", is_flag=True, help="Change slots that are mapped already, too.")
@click.option("--sample", metavar="FILE|-", help="A real result, as JSON: a file, or standard input.")
@click.option("--from-schema", is_flag=True, help="Use the output schema only, no result that was kept here.")
@review_options
@connection_options
@handle_errors
def map_(
    app: str, names: tuple[str, ...], slots: tuple[str, ...], replace: bool, sample: str | None, from_schema: bool,
    dry_run: bool, yes: bool, as_json: bool, **options: Any,
) -> None:  # fmt: skip
    """Fill the slots of each WIDGET of APP by name, type and format of what its tool returns.

    That is --sample, else the sample or the last result kept in the playground, else the output schema of the
    operation. Slots that are mapped already are kept without --replace. WIDGET may be a glob pattern.
    """
    from drio_tui.cli.resource_values import Values
    from drio_tui.cli.review import carry_out
    from drio_tui.workspace.run.mapping_suggestions import taken_mappings

    refuse_changes(dry_run=dry_run)
    given = _read_sample(sample) if sample is not None else None

    async def work() -> None:
        async with opened_app(app, options) as opened:
            steps, notes, listed = [], [], []
            for widget in find_resources(opened.snapshot, WIDGET, names):
                changes = _changes(opened, widget, given, from_schema)
                wanted = [change for change in changes if not slots or change.slot in slots]
                missing = {*slots} - {change.slot for change in changes} - _mappings(widget).keys()
                if missing:
                    text = f"There is no path for {first_names(sorted(missing), 6)} of {widget.name}"
                    notes.append(f"{one_line(text, 300)}.")
                taken = [change for change in wanted if change.is_new or replace]
                kept = [change.slot for change in wanted if change not in taken]
                listed.append({"widget": widget.id, "slots": [_as_dict(change, change in taken) for change in changes]})
                if kept:
                    text = (
                        f"{count_of(len(kept), 'slot')} of {widget.name} would get another path: {first_names(kept, 6)}"
                    )
                    notes.append(f"{one_line(text, 300)}. --replace changes them.")
                if taken:
                    mappings = taken_mappings(_mappings(widget), taken)
                    values = Values({}, [Assignment(("config", "fieldMappings"), mappings)])
                    if step := values.update_of(opened.snapshot, WIDGET, widget):
                        steps.append(step)
            await carry_out(
                opened, steps, dry_run=dry_run, yes=yes, as_json=as_json, notes=notes, more={"suggestions": listed}
            )

    run(work())


def _read_sample(path: str) -> Any:
    """Return the JSON in a file, or on standard input for `-`. Raises `UsageError`."""
    try:
        return json_codec.loads(Inputs().read(path, "the sample"))
    except json_codec.MalformedJson as error:
        raise UsageError(f"the sample is not JSON: {error}") from None


def _changes(opened: OpenedApp, widget: Resource, given: Any, from_schema: bool) -> list[SlotChange]:
    """Return the suggested changes of a widget's slots."""
    from drio_tui.workspace.run.bound_tool import drafted_tool
    from drio_tui.workspace.run.mapping_suggestions import slot_changes
    from drio_tui.workspace.run.run_history import RunHistory

    bound = drafted_tool(opened.snapshot, widget.raw if isinstance(widget.raw, dict) else {})
    value = given
    if value is None and not from_schema:
        value = RunHistory(opened.session.server_id, opened.id).known_result(bound)
    return slot_changes(bound.primitive, bound.mappings, bound.output_schema, value, arguments=bound.schema)


def _mappings(widget: Resource) -> dict[str, Any]:
    config = widget.get("config")
    mappings = config.get("fieldMappings") if isinstance(config, dict) else None
    return mappings if isinstance(mappings, dict) else {}


def _as_dict(change: SlotChange, is_taken: bool) -> dict[str, Any]:
    return {
        "slot": change.slot, "before": change.before, "path": change.path, "reason": change.reason, "taken": is_taken,
    }  # fmt: skip
