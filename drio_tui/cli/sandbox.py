"""`drio-tui sandbox`: run and look after the local sandbox.

The sandbox itself is imported by the commands that need it, so that help and `path` work without the extra.
"""

from __future__ import annotations

import functools
import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from drio_tui.cli.common import SuggestingGroup, completes, guarded, refuse_read_only, run
from drio_tui.cli.output import confirm, echo, echo_json, say
from drio_tui.cli.streams import can_ask
from drio_tui.storage import paths
from drio_tui.storage.files import reason_of
from drio_tui.text import duration, one_line

if TYPE_CHECKING:
    from drio_tui.launcher import RunningSandbox

_EXTRA = (
    "fastapi", "uvicorn", "sqlalchemy", "aiosqlite", "jinja2", "jsonschema", "multipart",
    "cryptography", "mcp", "regex",
)  # fmt: skip


def _options(*, database: bool = True) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """`--data`, `--json` and, for those that open it, `--database-url`."""

    def add(function: Callable[..., Any]) -> Callable[..., Any]:
        function = click.option("--json", "as_json", is_flag=True, help="Print JSON, errors too.")(function)
        if database:
            function = click.option(
                "--database-url",
                metavar="URL",
                envvar="DRIO_SANDBOX_DATABASE_URL",
                help="Another database than the file in DIR: postgresql+asyncpg://… or sqlite+aiosqlite:///FILE.",
            )(function)
        return click.option(
            "--data",
            metavar="DIR",
            type=click.Path(file_okay=False, path_type=Path),
            help="Where it keeps its data, instead of the platform's folder for them.",
        )(function)

    return add


_key_option = click.option(
    "--secret-key-file",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    envvar="DRIO_SANDBOX_SECRET_KEY_FILE",
    help="The key that secrets are encrypted with, where several sandboxes share a database.",
)


def _serving(function: Callable[..., Any]) -> Callable[..., Any]:
    """The options of the commands that run a sandbox, in the foreground or in the background."""
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


def _with_extra(function: Callable[..., Any]) -> Callable[..., Any]:
    """A command that needs the extra, and says so where it is not installed."""

    @functools.wraps(function)
    def checked(*args: Any, **kwargs: Any) -> Any:
        absent = [name for name in _EXTRA if importlib.util.find_spec(name) is None]
        if absent:
            from drio_tui.api.errors import DrioError

            raise DrioError(
                f"{', '.join(absent)} cannot be found",
                title="The sandbox is not installed",
                hint="pip install 'drio-tui[sandbox]'",
            )
        return function(*args, **kwargs)

    return checked


def _folder(data: Path | None) -> Path:
    """The data folder: given here, before the command, or the platform's. Raises `UsageError`."""
    outer = click.get_current_context().find_root().params.get("data")
    folder = data or (Path(outer) if outer else paths.sandbox_dir())
    try:
        return folder.expanduser().absolute()
    except (RuntimeError, OSError) as error:  # `~` of nobody, or a working folder that is gone
        from drio_tui.api.errors import UsageError

        raise UsageError(f"{one_line(str(folder), 200)} is no folder: {reason_of(error)}") from error


@click.group(cls=SuggestingGroup)
def sandbox() -> None:
    """Run and look after the local sandbox: a drio of your own, without an account."""


@sandbox.command()
@_serving
@_options()
@_key_option
@click.option(
    "--idle-exit",
    metavar="MINUTES",
    type=_IDLE_EXIT,
    help="End after so many minutes without a connection; 0: never. "
    "Else DRIO_SANDBOX_IDLE_EXIT, the configured time, or 60.",
)
@guarded
@_with_extra
def start(data: Path | None, database_url: str | None, as_json: bool, **options: Any) -> None:
    """Start the sandbox in the background, where none runs yet, and print its base URL.

    It goes on running when the program that uses it is left; `drio-tui sandbox stop` ends it.
    """
    from drio_tui.launcher import StartOptions, ensure_sandbox

    wanted = StartOptions(database_url=database_url, **options)
    running = run(ensure_sandbox(_folder(data), options=wanted, on_line=None if as_json else say))
    if as_json:
        echo_json(_described(running) | {"started": running.started_by_us})
        return
    echo(running.base_url)
    say(f"It logs to {running.log_file}")
    if running.advice:
        say(running.advice)
    if not running.started_by_us and not running.runs_with(wanted):
        say("It ran already: the options given now count after `drio-tui sandbox stop`.")


@sandbox.command()
@_options(database=False)
@guarded
def stop(data: Path | None, as_json: bool) -> None:
    """End the sandbox that runs in the background or elsewhere. Its data stay."""
    from drio_tui.launcher import stop_sandbox

    stopped = stop_sandbox(_folder(data))
    if as_json:
        echo_json({"stopped": stopped is not None, "baseUrl": stopped.base_url if stopped else None})
    else:
        say(f"The sandbox at {stopped.base_url} has ended." if stopped else "No sandbox is running.")


@sandbox.command()
@_options(database=False)
@guarded
def status(data: Path | None, as_json: bool) -> None:
    """Say whether a sandbox is running, where, and how many connections it has; exits with 1 where none is."""
    from drio_tui.launcher import find_running

    folder = _folder(data)
    running = find_running(folder)
    if running is None:
        if as_json:
            echo_json({"running": False, "dataDir": str(folder)})
        else:
            say("No sandbox is running.")
        raise SystemExit(1)
    described = _described(running) | {"running": True, "connections": run(_connections(running))}
    if as_json:
        echo_json(described)
        return
    options = described["options"]
    idle = options.get("idleExit") or 0
    rows = {
        "base URL": described["baseUrl"],
        "process": f"{described['pid']}, since {described['startedAt']}",
        "version": described["version"],
        "data": described["dataDir"],
        "database": options.get("database") or "a file among the data",
        "log": described["log"],
        "connections": "unknown" if described["connections"] is None else str(described["connections"]),
        "ends": f"after {duration(idle * 60)} without a connection" if idle else "when it is stopped",
    }
    for name, value in rows.items():
        echo(f"{name:<12} {one_line(value, 500)}")
    if running.advice:
        say(running.advice)


def _described(running: RunningSandbox) -> dict[str, Any]:
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


async def _connections(running: RunningSandbox) -> int | None:
    """The open connections of a sandbox; None where it does not say."""
    from drio_tui.api.errors import DrioError
    from drio_tui.session import open_session

    session = await open_session(sandbox=True, running=running)
    try:
        answer = await session.client.transport.request("GET", "/sandbox/status", below_origin=True)
    except DrioError:  # of an earlier version, or ending
        return None
    finally:
        await session.aclose()
    found = answer.data.get("connections") if isinstance(answer.data, dict) else None
    return found if isinstance(found, int) else None


@sandbox.command()
@_serving
@_options()
@_key_option
@click.option("--exit-with-parent", is_flag=True, help="End when standard input does.")
@click.option(
    "--idle-exit",
    metavar="MINUTES",
    type=_IDLE_EXIT,
    help="End after so many minutes without a connection; never unless given.",
)
@guarded
@_with_extra
def serve(
    port: int,
    data: Path | None,
    database_url: str | None,
    exit_with_parent: bool,
    allow_private_egress: bool,
    idle_exit: float | None,
    secret_key_file: Path | None,
    as_json: bool,  # noqa: ARG001 - `guarded` reads it
) -> None:
    """Serve in the foreground, on this machine only.

    Prints one line of JSON when it is ready; narrates on stderr. Ctrl+C ends it.
    """
    from drio_tui.sandbox.serve import serve as serve_sandbox

    def on_ready(ready: dict[str, Any]) -> None:
        echo_json(ready, compact=True)
        sys.stdout.flush()
        say(f"The sandbox answers at {ready['baseUrl']}")

    try:
        code = serve_sandbox(
            _folder(data),
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
@_options()
@guarded
@_with_extra
def token(data: Path | None, database_url: str | None, as_json: bool) -> None:
    """Print a bearer token for the local user, for curl and scripts."""
    from drio_tui.sandbox.serve import token as sandbox_token

    found = sandbox_token(_folder(data), database_url=database_url)
    if as_json:
        echo_json({"token": found})
    else:
        echo(found)


@sandbox.command()
@click.argument("app", shell_complete=completes("apps"))
@_options()
@guarded
@_with_extra
def deployments(app: str, data: Path | None, database_url: str | None, as_json: bool) -> None:
    """List what was deployed of APP (id or slug), the live version first."""
    from drio_tui.sandbox.mcp.deployment_cli import deployments as sandbox_deployments

    found = sandbox_deployments(_folder(data), app, database_url=database_url)
    if as_json:
        echo_json({"deployments": found})
        return
    for each in found:
        origin = f", again {each['restoredFrom']}" if each["restoredFrom"] else ""
        mark = " (live)" if each["live"] else ""
        echo(f"{each['version']}  {each['deployedAt']}  {each['tools']} tools{origin}{mark}")
    if not found:
        say("Nothing was deployed yet.")


@sandbox.command()
@click.argument("app", shell_complete=completes("apps"))
@click.option("--version", metavar="V", help="Which version, instead of the one before the live one.")
@_options()
@_key_option
@guarded
@_with_extra
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
    done = sandbox_restore(_folder(data), app, version, database_url=database_url, secret_key_file=secret_key_file)
    if as_json:
        echo_json(done)
    else:
        name, version = one_line(done["app"]["name"], 80), done["app"]["version"]
        say(f"{name} is live as it was, as version {version}, at {done['endpoint']}")


@sandbox.command()
@click.argument("host", metavar="HOST:PORT", required=False)
@click.option("--revoke", is_flag=True, help="Let it call HOST:PORT no longer.")
@_options(database=False)
@guarded
@_with_extra
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
    hosts = run(_change_allowed(_folder(data), origin, revoke))
    if as_json:
        echo_json({"hosts": hosts})
    elif origin is not None:
        say(f"The sandbox {'calls' if revoke else 'may call'} {origin_text(origin)}{' no longer' if revoke else ''}.")
    else:
        for each in hosts:
            echo(each)
        if not hosts:
            say("No private address is allowed.")


async def _change_allowed(folder: Path, origin: tuple[str, int] | None, revoke: bool) -> list[str]:
    """The allowed hosts after a change: by the sandbox that runs there, else in its folder."""
    from drio_tui.api.errors import DrioError, NotFound
    from drio_tui.launcher import find_running
    from drio_tui.sandbox.allowed import change
    from drio_tui.tool_calls.egress import origin_text

    unknown = DrioError("that host and port are not allowed", title="Nothing was revoked")
    running = find_running(folder)
    if running is None:
        hosts, done = change(folder, origin, revoke=revoke)
        if not done:
            raise unknown
        return [each["host"] for each in hosts.as_wire()]
    from drio_tui.session import open_session
    from drio_tui.workspace.lint import allowed_hosts as there

    session = await open_session(sandbox=True, running=running)
    try:
        if origin is not None and revoke:
            try:
                await there.revoke(session.client, origin)
            except NotFound:
                raise unknown from None
        elif origin is not None:
            await there.allow(session.client, origin)
        found = await there.listed(session.client)
        return [origin_text(each) for each in found.origins]
    finally:
        await session.aclose()


@sandbox.command()
@_options()
@click.option("--yes", is_flag=True, help="Do not ask.")
@guarded
@_with_extra
def reset(data: Path | None, database_url: str | None, yes: bool, as_json: bool) -> None:
    """Empty the sandbox. Its database file is kept beside it as a backup."""
    from drio_tui.sandbox.serve import reset as reset_sandbox

    refuse_read_only("--read-only empties nothing")
    folder = _folder(data)
    if not yes:
        if not can_ask():
            raise click.UsageError("There is nobody to ask: say --yes to empty the sandbox.")
        what = "every table in the database" if database_url else str(folder)
        if not confirm(f"Empty the sandbox ({what})?"):
            say("Nothing was changed.")
            raise SystemExit(1)
    done = reset_sandbox(folder, database_url=database_url)
    if as_json:
        echo_json({"dataDir": str(done.data_dir), "backup": str(done.backup) if done.backup else None})
    else:
        say(f"The sandbox is empty. The old data are in {done.backup}." if done.backup else "The sandbox is empty.")


@sandbox.command()
@_options(database=False)
@guarded
def path(data: Path | None, as_json: bool) -> None:
    """Print where the sandbox keeps its data, and on stderr (with --json beside it) where it listens if it runs."""
    from drio_tui.launcher import find_running  # help does not need it

    folder = _folder(data)
    running = find_running(folder)
    if as_json:
        echo_json({"dataDir": str(folder), "baseUrl": running.base_url if running else None})
    else:
        echo(str(folder))
        if running:
            say(f"It is running at {running.base_url}")
