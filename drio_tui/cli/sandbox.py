"""`drio-tui sandbox`: run and manage the local sandbox.

The sandbox is imported only by the commands that need it, so that help and `path` work without the `sandbox` extra.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from drio_tui.cli.cassette import replay
from drio_tui.cli.common import SuggestingGroup, completer, handle_errors, refuse_read_only, run
from drio_tui.cli.output import confirm, echo, echo_json, info
from drio_tui.cli.sandbox_calls import calls
from drio_tui.cli.sandbox_faults import faults
from drio_tui.cli.sandbox_options import data_folder, requires_extra, sandbox_options
from drio_tui.cli.sandbox_templates import template
from drio_tui.cli.streams import can_prompt
from drio_tui.storage.paths import sandbox_command
from drio_tui.text import duration, one_line

if TYPE_CHECKING:
    from drio_tui.launcher import RunningSandbox

_key_option = click.option(
    "--secret-key-file",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    envvar="DRIO_SANDBOX_SECRET_KEY_FILE",
    help="The key that secrets are encrypted with, where several sandboxes share a database.",
)


def _server_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options of the commands that run a sandbox, in the foreground or in the background."""
    options = (
        click.option("--port", type=click.IntRange(0, 65535), default=0, help="The port; any free one unless given."),
        click.option(
            "--allow-private-egress", is_flag=True, help="Let deployed apps call this machine and private networks too."
        ),
    )
    for option in reversed(options):
        function = option(function)
    return function


_IDLE_EXIT = click.FloatRange(0, 1e6)


@click.group(cls=SuggestingGroup)
def sandbox() -> None:
    """Run and manage the local sandbox: a private drio, without an account."""


@sandbox.command()
@_server_options
@sandbox_options()
@_key_option
@click.option(
    "--idle-exit",
    metavar="MINUTES",
    type=_IDLE_EXIT,
    help="End after so many minutes without a connection; 0: never. "
    "Else DRIO_SANDBOX_IDLE_EXIT, the configured time, or 60.",
)
@handle_errors
@requires_extra
def start(data: Path | None, database_url: str | None, as_json: bool, **options: Any) -> None:
    """Start the sandbox in the background, where none runs yet, and print its base URL.

    It goes on running when the program that uses it is left; `drio-tui sandbox stop` ends it.
    """
    from drio_tui.launcher import StartOptions, ensure_sandbox

    start_options = StartOptions(database_url=database_url, **options)
    running = run(ensure_sandbox(data_folder(data), options=start_options, on_line=None if as_json else info))
    if as_json:
        echo_json(_as_dict(running) | {"started": running.started_by_us})
        return
    echo(running.base_url)
    info(f"It logs to {running.log_file}")
    if running.advice:
        info(running.advice)
    if not running.started_by_us and not running.runs_with(start_options):
        stop_command = sandbox_command("stop", running.data_dir)
        info(f"It was already running: the options given now take effect after `{stop_command}`.")


@sandbox.command()
@sandbox_options(database=False)
@handle_errors
def stop(data: Path | None, as_json: bool) -> None:
    """End the sandbox that runs in the background or elsewhere. Its data stay."""
    from drio_tui.launcher import stop_sandbox

    stopped = stop_sandbox(data_folder(data))
    if as_json:
        echo_json({"stopped": stopped is not None, "baseUrl": stopped.base_url if stopped else None})
    else:
        info(f"The sandbox at {stopped.base_url} has ended." if stopped else "No sandbox is running.")


@sandbox.command()
@sandbox_options(database=False)
@handle_errors
def status(data: Path | None, as_json: bool) -> None:
    """Show whether a sandbox is running, where, and how many connections it has; exits with 1 where none is."""
    from drio_tui.launcher import find_running

    folder = data_folder(data)
    running = find_running(folder)
    if running is None:
        if as_json:
            echo_json({"running": False, "dataDir": str(folder)})
        else:
            info("No sandbox is running.")
        raise SystemExit(1)
    state = _as_dict(running) | {"running": True, "connections": run(_connection_count(running))}
    if as_json:
        echo_json(state)
        return
    options = state["options"]
    idle = options.get("idleExit") or 0
    rows = {
        "base URL": state["baseUrl"],
        "process": f"{state['pid']}, since {state['startedAt']}",
        "version": state["version"],
        "data": state["dataDir"],
        "database": options.get("database") or "a file among the data",
        "log": state["log"],
        "connections": "unknown" if state["connections"] is None else str(state["connections"]),
        "ends": f"after {duration(idle * 60)} without a connection" if idle else "when it is stopped",
    }
    for name, value in rows.items():
        echo(f"{name:<12} {one_line(value, 500)}")
    if running.advice:
        info(running.advice)


def _as_dict(running: RunningSandbox) -> dict[str, Any]:
    options = running.ready.get("options")
    return {
        "baseUrl": running.base_url,
        "pid": running.pid,
        "startedAt": str(running.ready.get("startedAt") or ""),
        "version": running.version,
        "dataDir": str(running.data_dir),
        "log": str(running.log_file),
        "options": options if isinstance(options, dict) else {},
    }


async def _connection_count(running: RunningSandbox) -> int | None:
    """Return the number of open connections of a sandbox; None if it does not report it."""
    from drio_tui.api.errors import DrioError
    from drio_tui.session import open_session

    session = await open_session(sandbox=True, running=running)
    try:
        answer = await session.client.transport.request("GET", "/sandbox/status", at_origin=True)
    except DrioError:  # a sandbox of an earlier version, or one that is ending
        return None
    finally:
        await session.aclose()
    count = answer.data.get("connections") if isinstance(answer.data, dict) else None
    return count if isinstance(count, int) else None


@sandbox.command()
@_server_options
@sandbox_options()
@_key_option
@click.option("--exit-with-parent", is_flag=True, help="End when standard input does.")
@click.option(
    "--idle-exit",
    metavar="MINUTES",
    type=_IDLE_EXIT,
    help="End after so many minutes without a connection; never unless given.",
)
@handle_errors
@requires_extra
def serve(
    port: int,
    data: Path | None,
    database_url: str | None,
    exit_with_parent: bool,
    allow_private_egress: bool,
    idle_exit: float | None,
    secret_key_file: Path | None,
    as_json: bool,  # noqa: ARG001 - `handle_errors` reads it
) -> None:
    """Serve in the foreground, on this machine only.

    Prints one line of JSON when it is ready, and its log on stderr. Ctrl+C ends it.
    """
    gc.disable()  # collecting would take a fifth of the time of the start
    from drio_tui.sandbox.serve import serve as serve_sandbox

    def on_ready(ready: dict[str, Any]) -> None:
        gc.freeze()  # what was imported is never collected
        gc.enable()
        echo_json(ready, compact=True)
        sys.stdout.flush()
        info(f"The sandbox answers at {ready['baseUrl']}")

    try:
        code = serve_sandbox(
            data_folder(data),
            port=port,
            database_url=database_url,
            exit_with_parent=exit_with_parent,
            allow_private_egress=allow_private_egress,
            idle_exit=idle_exit,
            secret_key_file=secret_key_file,
            on_ready=on_ready,
        )
    except KeyboardInterrupt:
        code = 130
    raise SystemExit(code)


@sandbox.command()
@sandbox_options()
@handle_errors
@requires_extra
def token(data: Path | None, database_url: str | None, as_json: bool) -> None:
    """Print a bearer token for the local user, for curl and scripts."""
    from drio_tui.sandbox.serve import get_local_token as sandbox_token

    local_token = sandbox_token(data_folder(data), database_url=database_url)
    if as_json:
        echo_json({"token": local_token})
    else:
        echo(local_token)


@sandbox.command()
@click.argument("app", shell_complete=completer("apps"))
@sandbox_options()
@handle_errors
@requires_extra
def deployments(app: str, data: Path | None, database_url: str | None, as_json: bool) -> None:
    """List what was deployed of APP (id or slug), the live version first."""
    from drio_tui.sandbox.mcp.deployment_cli import deployments as sandbox_deployments

    history = sandbox_deployments(data_folder(data), app, database_url=database_url)
    if as_json:
        echo_json({"deployments": history})
        return
    for deployment in history:
        restored = f", again {deployment['restoredFrom']}" if deployment["restoredFrom"] else ""
        mark = " (live)" if deployment["live"] else ""
        echo(f"{deployment['version']}  {deployment['deployedAt']}  {deployment['tools']} tools{restored}{mark}")
    if not history:
        info("Nothing was deployed yet.")


@sandbox.command()
@click.argument("app", shell_complete=completer("apps"))
@click.option("--version", metavar="V", help="Which version, instead of the one before the live one.")
@sandbox_options()
@_key_option
@handle_errors
@requires_extra
def restore(
    app: str,
    version: str | None,
    data: Path | None,
    database_url: str | None,
    secret_key_file: Path | None,
    as_json: bool,
) -> None:
    """Publish what was deployed of APP (id or slug) before. The draft stays as it is."""
    from drio_tui.sandbox.mcp.deployment_cli import restore as sandbox_restore

    refuse_read_only("--read-only publishes nothing")
    result = sandbox_restore(
        data_folder(data), app, version, database_url=database_url, secret_key_file=secret_key_file
    )
    if as_json:
        echo_json(result)
    else:
        name, version = one_line(result["app"]["name"], 80), result["app"]["version"]
        info(f"{name} is live as it was, as version {version}, at {result['endpoint']}")


@sandbox.command()
@click.argument("host", metavar="HOST:PORT", required=False)
@click.option("--revoke", is_flag=True, help="Revoke the permission to call HOST:PORT.")
@sandbox_options(database=False)
@handle_errors
@requires_extra
def allow(host: str | None, revoke: bool, data: Path | None, as_json: bool) -> None:
    """Let deployed apps call HOST:PORT of this machine or a private network; without HOST:PORT, list what is allowed.

    The sandbox remembers it in its data folder. Addresses where clouds keep their metadata cannot be allowed.
    """
    from drio_tui.api.errors import UsageError
    from drio_tui.tool_calls.egress import origin_text, parse_origin

    if host is not None:
        refuse_read_only("--read-only allows and revokes nothing")
    if revoke and host is None:
        raise UsageError("--revoke needs the HOST:PORT to revoke")
    try:
        origin = parse_origin(host) if host is not None else None
    except ValueError as error:
        raise UsageError(f"{one_line(host or '', 200)} {error}") from None
    hosts = run(_change_allowed(data_folder(data), origin, revoke))
    if as_json:
        echo_json({"hosts": hosts})
    elif origin is not None:
        info(f"The sandbox {'no longer calls' if revoke else 'may call'} {origin_text(origin)}.")
    else:
        for allowed_host in hosts:
            echo(allowed_host)
        if not hosts:
            info("No private address is allowed.")


async def _change_allowed(folder: Path, origin: tuple[str, int] | None, revoke: bool) -> list[str]:
    """Allow or revoke `origin` (None: change nothing) and return the allowed hosts, as `HOST:PORT`.

    A running sandbox is asked to do it; without one the file in its folder is changed. Raises `DrioError`.
    """
    from drio_tui.api.errors import DrioError, NotFound
    from drio_tui.launcher import find_running
    from drio_tui.sandbox.allowed import change_allowed_hosts
    from drio_tui.tool_calls.egress import origin_text

    not_allowed = DrioError("that host and port are not allowed", title="Nothing was revoked")
    running = find_running(folder)
    if running is None:
        hosts, changed = change_allowed_hosts(folder, origin, revoke=revoke)
        if not changed:
            raise not_allowed
        return [host["host"] for host in hosts.as_wire()]
    from drio_tui.session import open_session
    from drio_tui.workspace.lint import allowed_hosts

    session = await open_session(sandbox=True, running=running)
    try:
        if origin is not None and revoke:
            try:
                await allowed_hosts.revoke(session.client, origin)
            except NotFound:
                raise not_allowed from None
        elif origin is not None:
            await allowed_hosts.allow(session.client, origin)
        allowed = await allowed_hosts.fetch_allowed_hosts(session.client)
        return [origin_text(allowed_origin) for allowed_origin in allowed.origins]
    finally:
        await session.aclose()


@sandbox.command()
@sandbox_options()
@click.option("--yes", is_flag=True, help="Do not ask.")
@handle_errors
@requires_extra
def reset(data: Path | None, database_url: str | None, yes: bool, as_json: bool) -> None:
    """Empty the sandbox. Its database file is kept beside it as a backup."""
    from drio_tui.sandbox.serve import reset as reset_sandbox

    refuse_read_only("--read-only empties nothing")
    folder = data_folder(data)
    if not yes:
        if not can_prompt():
            raise click.UsageError("There is nobody to ask: add --yes to empty the sandbox.")
        target = "every table in the database" if database_url else str(folder)
        if not confirm(f"Empty the sandbox ({target})?"):
            info("Nothing was changed.")
            raise SystemExit(1)
    result = reset_sandbox(folder, database_url=database_url)
    if as_json:
        echo_json({"dataDir": str(result.data_dir), "backup": str(result.backup) if result.backup else None})
    else:
        info(
            f"The sandbox is empty. The old data are in {result.backup}." if result.backup else "The sandbox is empty."
        )


@sandbox.command()
@sandbox_options(database=False)
@handle_errors
def path(data: Path | None, as_json: bool) -> None:
    """Print where the sandbox keeps its data, and on stderr (with --json beside it) where it listens if it runs."""
    from drio_tui.launcher import find_running  # --help does not need it

    folder = data_folder(data)
    running = find_running(folder)
    if as_json:
        echo_json({"dataDir": str(folder), "baseUrl": running.base_url if running else None})
    else:
        echo(str(folder))
        if running:
            info(f"It is running at {running.base_url}")


sandbox.add_command(calls)
sandbox.add_command(faults)
sandbox.add_command(template)
sandbox.add_command(replay)
