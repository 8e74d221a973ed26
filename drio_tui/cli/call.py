"""`call`: run a tool, of the draft or of what is deployed, and print its result."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from drio_tui.api import json_codec
from drio_tui.api.errors import DrioError, UsageError
from drio_tui.cli.common import (
    CREDENTIAL,
    completes,
    connection_options,
    guarded,
    inherited,
    is_read_only,
    no_such,
    run,
)
from drio_tui.cli.output import confirm, echo, echo_json, prompt_secret, say, warn
from drio_tui.cli.read import find_app
from drio_tui.cli.streams import can_ask, exit_if_closed
from drio_tui.session import connected
from drio_tui.text import duration, one_line

if TYPE_CHECKING:
    from drio_tui.session import Session
    from drio_tui.workspace.run.bound_tool import BoundTool
    from drio_tui.workspace.run.local_runner import LocalRunner
    from drio_tui.workspace.run.tool_run import Run

_LONGEST = 4 << 20
_WIDTH = 100


class Failed(DrioError):
    """The tool was run, and failed."""

    title = "The tool failed"


@click.command()
@click.argument("app", metavar="APP", shell_complete=completes("apps"))
@click.argument("tool", metavar="TOOL")
@click.option("--args", "given", metavar="JSON|@FILE|-", help="The arguments: JSON, @ and a file, or - for stdin.")
@click.option("--deployed", "target", flag_value="deployed", help="Call what is deployed, through its endpoint.")
@click.option("--draft", "target", flag_value="draft", help="Run the draft's operation (the default).")
@click.option("--from-here", is_flag=True, help="With the sandbox: run the draft from this machine instead.")
@click.option("--allow-private", is_flag=True, help="Let a run from this machine call a private address.")
@click.option("--yes", is_flag=True, help="Do not ask before a tool that changes something.")
@click.option("--widget", is_flag=True, help="Print what the tool's widget shows instead of its JSON.")
@connection_options
@guarded
def call(
    app: str,
    tool: str,
    given: str | None,
    target: str | None,
    from_here: bool,
    allow_private: bool,
    yes: bool,
    widget: bool,
    profile: str | None,
    base_url: str | None,
    sandbox: bool,
    as_json: bool,
) -> None:
    """Run TOOL (its key, name or id) of APP and print its result; with --json everything about the run.

    Credentials of the upstream are never arguments: they are read from DRIO_UPSTREAM_SECRET, or asked for.
    """
    arguments = _arguments(given)
    read_only = is_read_only()
    options = inherited(profile, base_url, sandbox)

    async def work() -> tuple[Run, BoundTool]:
        from drio_tui.workspace.model.loader import load_app
        from drio_tui.workspace.model.snapshot import Snapshot
        from drio_tui.workspace.run import local_runner as local
        from drio_tui.workspace.run.bound_tool import bound_of, find_tool

        async with connected(**options, notice=say) as session:
            snapshot = Snapshot(await find_app(session.client, app))
            await load_app(session.client, snapshot.app_id, snapshot.apply)
            for part in snapshot.parts.values():
                if part.error is not None:
                    raise part.error
            tool_id = find_tool(snapshot, tool)
            if tool_id is None:
                names = [each.text("key") or each.name for each in snapshot.resources("tool")]
                listed = f"There are: {', '.join(one_line(name, 40) for name in names)}."
                raise no_such("tool has the key, name or id", tool, names, otherwise=listed)
            bound = bound_of(snapshot, tool_id)
            kind = target if target == "deployed" else "here" if from_here else _draft(options, session)
            here = local.LocalRunner()
            if kind == "deployed":
                _agree(bound, f"{bound.name} of the deployed app", arguments, yes, read_only)
                return await _deployed(session, snapshot.app.raw if snapshot.app else {}, bound, arguments), bound
            request = local.preview(bound, arguments, "drio-sandbox" if kind == "sandbox" else "drio-tui")
            _agree(bound, f"{request.method} {request.url}", arguments, yes, read_only)
            if kind == "sandbox":
                from drio_tui.workspace.run.sandbox_runner import run_in_sandbox

                return await run_in_sandbox(session.client, bound, arguments), bound
            say(f"From this machine: {one_line(request.method, 20)} {one_line(request.url, 300)}")
            here.hosts.add(local.origin(bound))
            if allow_private:
                here.private.add(local.origin(bound))
            _credentials(here, bound)
            return await here.run(bound, arguments), bound

    done, bound = run(work())
    if as_json:
        from drio_tui.workspace.run.tool_run import shown_arguments

        echo_json(done.as_wire() | {"arguments": shown_arguments(bound, done.arguments)})
    elif done.failed and done.value is not None:
        if isinstance(done.value, str):
            warn(done.value)
        else:
            echo_json(done.value, err=True)
    elif not done.failed and widget:
        from drio_tui.workspace.run.text_renderer import draw

        for line in draw(bound, done, _WIDTH).plain():
            echo(line)
    elif not done.failed:
        echo_json(done.structured)
    if done.failed:
        if as_json:
            raise SystemExit(1)
        hint = "With --allow-private it may." if done.private else ""
        raise Failed(done.error + (" It may have taken effect." if done.unknown else ""), hint=hint)
    if not as_json:
        if done.note:
            warn(f"▲ {one_line(done.note, 400)}")
        say(f"{one_line(done.title, 60)}: {duration(done.seconds, short=True)}")


def _arguments(given: str | None) -> dict[str, Any]:
    text = given
    if given == "-":
        exit_if_closed("stdin")
        try:
            text = sys.stdin.read(_LONGEST + 1)
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(f"standard input cannot be read: {one_line(str(error), 200)}") from None
    elif given is not None and given.startswith("@"):
        try:
            with Path(given[1:]).open(encoding="utf-8-sig") as file:
                text = file.read(_LONGEST + 1)
        except (OSError, ValueError) as error:
            raise UsageError(f"{one_line(given[1:], 200)} cannot be read: {one_line(str(error), 200)}") from None
    if text is None:
        return {}
    if len(text) > _LONGEST:
        raise UsageError(f"the arguments are longer than {_LONGEST >> 20} MiB")
    try:
        value = json_codec.loads(text)
    except json_codec.MalformedJson as error:
        raise UsageError(f"the arguments are not JSON: {error}", hint="""Such as --args '{"q": "anna"}'.""") from None
    if not isinstance(value, dict):
        raise UsageError("the arguments have to be a JSON object", hint="""Such as --args '{"q": "anna"}'.""")
    return value


def _draft(options: dict[str, Any], session: Session) -> str:
    """How a draft is run: the sandbox does it itself, elsewhere this machine has to."""
    return "sandbox" if options["sandbox"] or session.client.transport.is_sandbox else "here"


def _agree(bound: BoundTool, what: str, arguments: dict[str, Any], yes: bool, read_only: bool) -> None:
    """Ask before a tool that changes something. Raises `UsageError` where nobody can be asked."""
    if bound.only_reads:
        return
    if read_only:
        raise UsageError("this tool changes something, and --read-only is in force")
    if yes:
        return
    from drio_tui.workspace.run.tool_run import shown_arguments

    warn(f"{one_line(bound.title, 80)} is not marked as only reading. This would be sent:")
    warn(f"  {one_line(what, 400)}")
    warn(f"  with {one_line(json_codec.readable(json_codec.dumps(shown_arguments(bound, arguments))), 2_000)}")
    if not can_ask():
        raise UsageError("this tool changes something, and nobody can be asked", hint="Add --yes to run it.")
    confirm("Run it?", abort=True)


def _credentials(here: LocalRunner, bound: BoundTool) -> None:
    """Ask for what the upstream's sign-in needs, unless the environment has it. Raises `UsageError`."""
    wanted = here.wanted(bound)
    if wanted is None:
        return
    member, label = wanted.members[0]
    found = os.environ.get(CREDENTIAL, "")
    if not found:
        name = f"{label} of {one_line(wanted.connection, 60)} (goes to {one_line(wanted.place, 80)})"
        if not can_ask():
            raise UsageError(f"the {name} is needed", hint=f"Set {CREDENTIAL}, or run it in a terminal.")
        found = prompt_secret(name)
    here.give(wanted, {member: found})


async def _deployed(session: Session, app: dict[str, Any], bound: BoundTool, arguments: dict[str, Any]) -> Run:
    from drio_tui.workspace.run.deployed_runner import live_at, run_deployed

    return await run_deployed(await live_at(session.client, app), bound, arguments)
