"""`call --then`: going on to the next tools with the result of a run."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from drio_tui.api import json_codec
from drio_tui.api.errors import UsageError
from drio_tui.api.json_codec import Document
from drio_tui.api.redact import is_secret
from drio_tui.cli.output import info, warn
from drio_tui.text import count_of, one_line
from drio_tui.tool_calls import tools
from drio_tui.workspace.model.snapshot import Snapshot
from drio_tui.workspace.run.argument_suggestions import ArgumentPath, is_path, value_at
from drio_tui.workspace.run.bound_tool import BoundTool, bound_of
from drio_tui.workspace.run.chain_choices import ChainChoices
from drio_tui.workspace.run.chain_runner import Chain, MappedArguments, Step
from drio_tui.workspace.run.run_history import NotKept, RunHistory
from drio_tui.workspace.run.tool_run import Run, redacted_arguments

RunOne = Callable[[BoundTool, dict[str, Any]], Awaitable[Run]]


@dataclass(frozen=True, slots=True)
class ChainOptions:
    """The options of `call` about the next tools: their ids, the rows from 1, `NAME=JSONPATH`, and whether to keep."""

    tools: tuple[str, ...]
    rows: tuple[int, ...] = ()
    taken: tuple[str, ...] = ()
    keep: bool = False


def check(snapshot: Snapshot, bound: BoundTool, options: ChainOptions) -> dict[str, str]:
    """Return the paths of --take by argument. Raises `UsageError` for what cannot be done, before anything is run."""
    places = dict(map(_parse_place, options.taken))
    ids = [bound.id, *options.tools]
    if len({*ids}) < len(ids):
        raise UsageError("a tool of a chain is run once", hint="Leave out the second --then for it.")
    wanted = {name for id in options.tools for name in tools.properties(bound_of(snapshot, id).schema)}
    if unknown := sorted(places.keys() - wanted):
        raise UsageError(f"no tool of --then takes {one_line(', '.join(unknown), 200)}")
    return places


async def follow(
    snapshot: Snapshot,
    server: str,
    bound: BoundTool,
    first: Run,
    options: ChainOptions,
    places: dict[str, str],
    run_one: RunOne,
) -> tuple[Run, BoundTool, list[Document], list[MappedArguments]]:
    """Run the next tools one after another, until one fails; `places` are those that `check` returned.

    Returns the last run, its tool, the runs before it as JSON, and its arguments with their sources. Raises
    `UsageError`.
    """
    choices = ChainChoices.read(RunHistory(server, snapshot.app_id))
    chain = Chain.begin(snapshot, bound, first.arguments, first.structured or {}, choices)
    runs: list[Document] = []
    tool_run = first
    mapped: list[MappedArguments] = []
    for number, id in enumerate(options.tools):
        chain.waiting.clear()
        chain.waiting.append(id)
        row = options.rows[number] if number < len(options.rows) else 1
        chain.choose_row(row - 1)
        step = _step(chain, places, row if number < len(options.rows) else 0)
        mapped = [*step.taken]
        for argument in mapped:
            _report(step.bound, argument)
        if step.absent:
            raise UsageError(
                f"no result has {one_line(', '.join(step.absent), 200)} of {one_line(step.bound.title, 80)}",
                hint=f"--take {step.absent[0]}='$.…' says where it is.",
            )
        if left_out := [name for name in step.places if name in places and name not in step.arguments]:
            raise UsageError(
                f"row {row} of {one_line(chain.newest.title, 80)} has no {one_line(left_out[0], 80)} for "
                f"{one_line(step.bound.title, 80)} at {one_line(places[left_out[0]], 120)}",
                hint="--row takes another row, --take another path.",
            )
        if options.keep:
            try:
                chain.keep(step)
            except NotKept as error:
                warn(f"Where the arguments come from is not kept. {error}")
        runs.append(tool_run.as_wire() | {"arguments": redacted_arguments(bound, tool_run.arguments)})
        bound, tool_run = step.bound, await run_one(step.bound, step.arguments)
        if tool_run.structured is None:
            break
        chain.done(bound, tool_run.structured)
    return tool_run, bound, runs, mapped


def _step(chain: Chain, places: dict[str, str], row: int) -> Step:
    """Return the next step with the places that were given. Raises `UsageError` if there is no such row (from 1)."""
    step, reasons = chain.next_step()
    if step is None:
        raise UsageError(reasons[0] if reasons else "the chain ends here")
    for name in tools.properties(step.bound.schema):
        if name in places:
            chain.pick(name, ArgumentPath(chain.newest.bound.id, places[name]))
    step = chain.next_step()[0] or step
    rows = value_at(chain.newest.value, step.rows.path) if step.rows is not None else None
    count = len(rows) if isinstance(rows, list) else 0
    if row > max(count, 1):
        raise UsageError(
            f"there is no row {row}: the result of {one_line(chain.newest.title, 80)} has {count_of(count, 'row')}"
        )
    return step


def _parse_place(text: str) -> tuple[str, str]:
    name, equals, path = text.partition("=")
    if not equals or not name or not is_path(path):
        raise UsageError(f"{one_line(text, 120)} is no NAME=JSONPATH", hint="Such as contactId='$.results[*].id'.")
    return name, path


def _report(bound: BoundTool, argument: MappedArguments) -> None:
    value: Any = "(secret)" if argument.name in bound.secret_names or is_secret(argument.name) else argument.value
    text = json_codec.for_display(json_codec.dumps(value))
    source = f"{argument.path} of {argument.source}: {argument.reason}"
    info(f"{one_line(bound.title, 60)}: {one_line(argument.name, 60)} = {one_line(text, 200)}, {one_line(source, 200)}")


def as_dict(argument: MappedArguments) -> Document:
    """Return an argument and where it comes from as JSON; the value is among the arguments of the run."""
    return {"name": argument.name, "from": argument.source, "path": argument.path, "reason": argument.reason}
