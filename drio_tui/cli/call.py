"""`call`: run a tool of the draft or of the deployed app, and print its result."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from drio_tui.api import json_codec
from drio_tui.api.errors import DrioError, UsageError
from drio_tui.cli.common import (
    completer,
    connection_options,
    effective_options,
    handle_errors,
    is_read_only,
    run,
)
from drio_tui.cli.find import find_resource
from drio_tui.cli.output import confirm, echo, echo_json, info, warn
from drio_tui.cli.read import find_app
from drio_tui.cli.streams import can_prompt, exit_if_closed
from drio_tui.cli.tool_runner import ToolRunner, chosen_target
from drio_tui.kinds import TOOL
from drio_tui.session import command_session
from drio_tui.text import duration, one_line

if TYPE_CHECKING:
    from drio_tui.api.json_codec import Document
    from drio_tui.workspace.run.bound_tool import BoundTool
    from drio_tui.workspace.run.chain_runner import MappedArguments
    from drio_tui.workspace.run.tool_run import Run

_MAX_ARGUMENTS = 4 << 20
"""Characters of JSON that `--args` may hold."""

_WIDGET_WIDTH = 100


class Failed(DrioError):
    """The tool was run and failed. The name of the class is the error's code with `--json`."""

    title = "The tool failed"


@click.command()
@click.argument("app", metavar="APP", shell_complete=completer("apps"))
@click.argument("tool", metavar="TOOL", shell_complete=completer("tools"))
@click.option("--args", "args_text", metavar="JSON|@FILE|-", help="The arguments: JSON, @ and a file, or - for stdin.")
@click.option("--deployed", "target", flag_value="deployed", help="Call what is deployed, through its endpoint.")
@click.option("--draft", "target", flag_value="draft", help="Run the draft's operation (the default).")
@click.option("--from-here", is_flag=True, help="With the sandbox: run the draft from this machine instead.")
@click.option("--allow-private", is_flag=True, help="Let a run from this machine call a private address.")
@click.option("--yes", is_flag=True, help="Do not ask before a tool that changes something.")
@click.option(
    "--then",
    "following",
    metavar="NEXT",
    multiple=True,
    shell_complete=completer("tools"),
    help="Run this tool with the result, as a chain does; may be repeated.",
)
@click.option(
    "--row",
    "rows",
    metavar="N",
    type=click.IntRange(min=1),
    multiple=True,
    help="With --then: the row of the result to go on with, from 1; once for each --then.",
)
@click.option(
    "--take",
    "taken",
    metavar="NAME=JSONPATH",
    multiple=True,
    help="With --then: where an argument comes from, such as contactId='$.results[*].id'.",
)
@click.option("--keep", is_flag=True, help="With --then: keep where the arguments come from, for the next time.")
@click.option("--widget", is_flag=True, help="Print what the tool's widget shows instead of its JSON.")
@connection_options
@handle_errors
def call(
    app: str,
    tool: str,
    args_text: str | None,
    target: str | None,
    from_here: bool,
    allow_private: bool,
    yes: bool,
    widget: bool,
    following: tuple[str, ...],
    rows: tuple[int, ...],
    taken: tuple[str, ...],
    keep: bool,
    profile: str | None,
    base_url: str | None,
    sandbox: bool,
    as_json: bool,
) -> None:
    """Run TOOL (its key, name or id) of APP and print its result; with --json everything about the run.

    With --then its result goes to another tool. An argument takes the value of its name, or what fits by name, type and
    schema, such as the id of a contact for contactId; --take chooses another one.

    Credentials of the upstream are never arguments: they are read from DRIO_UPSTREAM_SECRET, or asked for.
    """
    if not following and (rows or taken or keep):
        raise UsageError("--row, --take and --keep are about the tool of --then", hint="Name it with --then NEXT.")
    if len(rows) > len(following):
        raise UsageError("there are more --row than --then", hint="The first --row is for the first --then, and so on.")
    arguments = _parse_arguments(args_text)
    read_only = is_read_only()
    options = effective_options(profile, base_url, sandbox)

    async def work() -> tuple[Run, BoundTool, list[Document], list[MappedArguments]]:
        from drio_tui.workspace.model.loader import load_app
        from drio_tui.workspace.model.snapshot import Snapshot
        from drio_tui.workspace.model.tools import find_tool
        from drio_tui.workspace.run import local_runner as local
        from drio_tui.workspace.run.bound_tool import bound_of

        async with command_session(**options, notice=info) as session:
            snapshot = Snapshot(await find_app(session.client, app))
            await load_app(session.client, snapshot.app_id, snapshot.apply)
            for part in snapshot.parts.values():
                if part.error is not None:
                    raise part.error
            ids = [find_tool(snapshot, name) or find_resource(snapshot, TOOL, name).id for name in (tool, *following)]
            where = chosen_target(session, options, deployed=target == "deployed", from_here=from_here)
            app_raw = snapshot.app.raw if snapshot.app else {}
            runner = ToolRunner(session, app_raw, where, local.LocalRunner(), allow_private)

            async def run_one(bound: BoundTool, arguments: dict[str, Any]) -> Run:
                if where == "deployed":
                    _confirm_run(bound, f"{bound.name} of the deployed app", arguments, yes, read_only)
                else:
                    request = local.preview(bound, arguments, "drio-sandbox" if where == "sandbox" else "drio-tui")
                    _confirm_run(bound, f"{request.method} {request.url}", arguments, yes, read_only)
                    if where == "here":
                        info(f"From this machine: {one_line(request.method, 20)} {one_line(request.url, 300)}")
                runner.prepare(bound)
                return await runner.run(bound, arguments)

            bound = bound_of(snapshot, ids[0])
            if not following:
                return await run_one(bound, arguments), bound, [], []
            from drio_tui.cli.chain_steps import ChainOptions, check, follow

            chain_options = ChainOptions(tuple(ids[1:]), rows, taken, keep)
            places = check(snapshot, bound, chain_options)
            tool_run = await run_one(bound, arguments)
            if tool_run.structured is None:
                return tool_run, bound, [], []
            return await follow(snapshot, session.server_id, bound, tool_run, chain_options, places, run_one)

    tool_run, bound, before, mapped = run(work())
    if as_json:
        from drio_tui.workspace.run.tool_run import redacted_arguments

        more: dict[str, Any] = {"arguments": redacted_arguments(bound, tool_run.arguments)}
        if following:
            from drio_tui.cli.chain_steps import as_dict

            more |= {"before": before, "taken": [*map(as_dict, mapped)]}
        echo_json(tool_run.as_wire() | more)
    elif tool_run.failed and tool_run.value is not None:
        if isinstance(tool_run.value, str):
            warn(tool_run.value)
        else:
            echo_json(tool_run.value, err=True)
    elif not tool_run.failed and widget:
        from drio_tui.workspace.run.text_renderer import render_widget

        for line in render_widget(bound, tool_run, _WIDGET_WIDTH).plain():
            echo(line)
    elif not tool_run.failed:
        echo_json(tool_run.structured)
    if tool_run.failed:
        if as_json:
            raise SystemExit(1)
        hint = "With --allow-private it may." if tool_run.private and tool_run.target == "here" else ""
        raise Failed(tool_run.error + (" It may have taken effect." if tool_run.unknown else ""), hint=hint)
    if not as_json:
        if tool_run.note:
            warn(f"▲ {one_line(tool_run.note, 400)}")
        info(f"{one_line(tool_run.title, 60)}: {duration(tool_run.seconds, short=True)}")


def _parse_arguments(args_text: str | None) -> dict[str, Any]:
    """Return the value of `--args`: JSON, `@` and a file's path, or `-` for stdin. Raises `UsageError`."""
    text = args_text
    if args_text == "-":
        exit_if_closed("stdin")
        try:
            text = sys.stdin.read(_MAX_ARGUMENTS + 1)
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(f"standard input cannot be read: {one_line(str(error), 200)}") from None
    elif args_text is not None and args_text.startswith("@"):
        path = args_text[1:]
        try:
            with Path(path).open(encoding="utf-8-sig") as file:
                text = file.read(_MAX_ARGUMENTS + 1)
        except (OSError, ValueError) as error:
            raise UsageError(f"{one_line(path, 200)} cannot be read: {one_line(str(error), 200)}") from None
    if text is None:
        return {}
    if len(text) > _MAX_ARGUMENTS:
        raise UsageError(f"the arguments are longer than {_MAX_ARGUMENTS >> 20} MiB")
    try:
        value = json_codec.loads(text)
    except json_codec.MalformedJson as error:
        raise UsageError(f"the arguments are not JSON: {error}", hint="""Such as --args '{"q": "anna"}'.""") from None
    if not isinstance(value, dict):
        raise UsageError("the arguments have to be a JSON object", hint="""Such as --args '{"q": "anna"}'.""")
    return value


def _confirm_run(bound: BoundTool, target: str, arguments: dict[str, Any], yes: bool, read_only: bool) -> None:
    """Ask before running a tool that is not read-only. Raises `UsageError` where stdin is no terminal."""
    if bound.only_reads:
        return
    if read_only:
        raise UsageError("this tool changes something, and --read-only is in force")
    if yes:
        return
    from drio_tui.workspace.run.tool_run import redacted_arguments

    warn(f"{one_line(bound.title, 80)} is not marked as only reading. This would be sent:")
    warn(f"  {one_line(target, 400)}")
    warn(f"  with {one_line(json_codec.for_display(json_codec.dumps(redacted_arguments(bound, arguments))), 2_000)}")
    if not can_prompt():
        raise UsageError("this tool changes something, and nobody can be asked", hint="Add --yes to run it.")
    confirm("Run it?", exit_at_no=True)
