"""`drio-tui sandbox faults`: the fault lab of the running sandbox."""

from __future__ import annotations

import shlex
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from drio_tui.cli.common import SuggestingGroup, completer, handle_errors, refuse_read_only, run
from drio_tui.cli.output import echo, echo_json, info
from drio_tui.cli.render import format_value, table
from drio_tui.cli.sandbox_options import data_folder, sandbox_hint, sandbox_options

if TYPE_CHECKING:
    from drio_tui.api.client import DrioClient
    from drio_tui.fault_lab import FaultState

_EXIT_CODES = "Exit codes: 0 done, 1 failed or no sandbox is running, 2 usage."


@click.group(cls=SuggestingGroup)
def faults() -> None:
    """Make the running sandbox fail in chosen ways, to see what a client does then."""


@faults.command(epilog=_EXIT_CODES)
@click.argument("names", metavar="PRESET|RULE...", nargs=-1, required=True, shell_complete=completer("fault presets"))
@click.option(
    "--seed",
    metavar="N",
    type=click.IntRange(0, (1 << 53) - 1),
    help="The seed of the probabilities; the same seed and requests give the same faults.",
)
@sandbox_options(database=False)
@handle_errors
def on(names: tuple[str, ...], seed: int | None, data: Path | None, as_json: bool) -> None:
    """Switch on presets and rules, in addition to what is on. Prints the command that does the same again.

    A rule is [METHOD:]PATH=FAULT[:ARGUMENT][WHEN]; quote it in a shell:

    \b
    'POST:/tools=status:503*2'      the first 2 requests that create a tool get a 503
    '/apps/{appId}/config=delay:5'  configs come after 5 seconds
    'WRITE:*=lost%3'                of every third change, the response is lost
    '*=reset~0.1@0-60'              for a minute, one request in ten gets no response

    METHOD is one or several (GET|HEAD), or WRITE: POST, PUT, PATCH and DELETE. PATH is the end of a path, in which
    {name} and * are one segment and ** any number; * alone is the management API, ** everything. WHEN is *N (the first
    N matching requests), %N (every Nth) or ~P (with probability P), and @FROM-TO (in seconds from now). `sandbox
    faults list` shows the presets and the faults.
    """
    from drio_tui.fault_lab import switch

    refuse_read_only("--read-only switches no fault on")
    state = run(_ask(data_folder(data), lambda client: switch(client, on=names, seed=seed)))
    if as_json:
        echo_json(_state_as_json(state))
        return
    echo(_command(state))
    off = sandbox_hint("faults", "off")
    info(f"On: {', '.join(state.on)}. `{off}` ends it, and so does the end of the sandbox.")


@faults.command(epilog=_EXIT_CODES)
@click.argument("names", metavar="[PRESET|RULE]...", nargs=-1, shell_complete=completer("fault presets"))
@sandbox_options(database=False)
@handle_errors
def off(names: tuple[str, ...], data: Path | None, as_json: bool) -> None:
    """Switch off presets and rules, or everything."""
    from drio_tui.fault_lab import switch, switch_off

    refuse_read_only("--read-only switches no fault off")
    state = run(_ask(data_folder(data), lambda client: switch(client, off=names) if names else switch_off(client)))
    if as_json:
        echo_json(_state_as_json(state))
        return
    info(f"Still on: {', '.join(state.on)}." if state.on else "No faults are on.")
    _print_counts(state)


@faults.command("list", epilog=_EXIT_CODES)
@click.option("--json", "as_json", is_flag=True, help="Print JSON, errors too.")
@handle_errors
def list_(as_json: bool) -> None:
    """List the presets with their rules, and the faults that rules can name."""
    from drio_tui.sandbox.faults.presets import PRESETS
    from drio_tui.sandbox.faults.rules import FAULTS

    presets = [
        {"name": preset.name, "description": preset.description, "rules": [rule.text for rule in preset.rules]}
        for preset in PRESETS.values()
    ]
    if as_json:
        kinds = [
            {"name": kind.name, "argument": kind.argument, "default": kind.default, "description": kind.description}
            for kind in FAULTS.values()
        ]
        echo_json({"presets": presets, "faults": kinds})
        return
    preset_rows = ([str(preset["name"]), str(preset["description"])] for preset in presets)
    for line in table(("preset", "description"), preset_rows):
        echo(*line)
    echo("")
    fault_rows = ([kind.syntax, kind.description] for kind in FAULTS.values())
    for line in table(("fault", "description"), fault_rows):
        echo(*line)


@faults.command(epilog=_EXIT_CODES)
@sandbox_options(database=False)
@handle_errors
def status(data: Path | None, as_json: bool) -> None:
    """Show what is on, and how many requests each rule matched and answered with its fault."""
    from drio_tui.fault_lab import fetch

    state = run(_ask(data_folder(data), fetch))
    if as_json:
        echo_json(_state_as_json(state))
        return
    rows = [
        [format_value(name), format_value(rule.rule), str(rule.matched), str(rule.injected)]
        for name, rules in state.on.items()
        for rule in rules
    ]
    if rows:
        for line in table(("on", "rule", "matched", "injected"), rows):
            echo(*line)
        info(f"The same again: {_command(state)}")
    else:
        info("No faults are on.")
    _print_counts(state)


def _command(state: FaultState) -> str:
    """Return the command that switches the same on again in the sandbox of this command; empty if nothing is on."""
    if not state.command:
        return ""
    words = shlex.split(state.command)
    return sandbox_hint(*words[words.index("faults") :])


def _print_counts(state: FaultState) -> None:
    if state.injected:
        counts = ", ".join(f"{count} {name}" for name, count in state.injected.items())
        info(f"Injected since the sandbox started: {counts}.")


def _state_as_json(state: FaultState) -> dict[str, object]:
    return {"on": state.wire["on"], "seed": state.seed, "command": _command(state), "injected": state.wire["injected"]}


async def _ask(folder: Path, call: Callable[[DrioClient], Awaitable[FaultState]]) -> FaultState:
    """Return what the running sandbox answers. Raises `DrioError`, also if none is running, and for an invalid rule."""
    from drio_tui.api.errors import BadRequest, DrioError, UsageError
    from drio_tui.launcher import find_running
    from drio_tui.session import open_session

    running = find_running(folder)
    if running is None:
        raise DrioError("faults are on only while it runs", title="No sandbox is running", hint=sandbox_hint("start"))
    session = await open_session(sandbox=True, running=running)
    try:
        return await call(session.client)
    except BadRequest as error:
        raise UsageError(error.field_errors[0].message if error.field_errors else error.message) from None
    finally:
        await session.aclose()
