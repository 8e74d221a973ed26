"""Shared by all commands: options, running a coroutine, error output, exit codes.

Exit codes: 0 done, 1 failed or answered with no, 2 usage, 4 sign-in needed, 5 drio does not serve API v1, 128 + n for
a signal.
"""

from __future__ import annotations

import atexit
import functools
import shlex
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NoReturn, ParamSpec, TypeVar

import click

from drio_tui.cli import streams
from drio_tui.cli.output import confirm, echo_json, set_quiet, style, warn
from drio_tui.text import did_you_mean, one_line, visible, with_options

if TYPE_CHECKING:
    from drio_tui.api.errors import NotFound
    from drio_tui.workspace.lint.clients import Client

CREDENTIAL = "DRIO_UPSTREAM_SECRET"
"""The environment variable from which a secret of an upstream is read."""

_NO_LIMIT = 1_000
_READ_ONLY = "drio_tui.read_only"
_CASSETTE = "drio_tui.cassette"
P = ParamSpec("P")
R = TypeVar("R")


def completer(category: str) -> Callable[[click.Context, click.Parameter, str], Any]:
    """Return the `shell_complete` of a parameter.

    `category` is apps, templates, custom templates (of the sandbox), kinds, clients, linted clients or profiles;
    resources or assignments of the KIND on the command line; or the list of one kind (tools, operations …) of the APP.
    """

    def complete(ctx: click.Context, _parameter: click.Parameter, incomplete: str) -> Any:
        from drio_tui.cli import completing  # imported only when a shell completes

        return completing.complete(category, ctx, incomplete)

    return complete


profile_option = click.option(
    "--profile", metavar="NAME", shell_complete=completer("profiles"), help="The profile (host and account) to use."
)


def connection_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add `--profile`, `--base-url`, `--sandbox` and `--json` to a command.

    All but `--json` are also accepted before the command's name, see `effective_options`.
    """
    options = (
        profile_option,
        click.option("--base-url", metavar="URL", help="The drio host, instead of the profile's."),
        click.option("--sandbox", is_flag=True, help="Use the local sandbox; it is started if none is running."),
        click.option("--json", "as_json", is_flag=True, help="Print JSON, errors too."),
    )
    for option in reversed(options):
        function = option(function)
    return function


yes_option = click.option("--yes", "-y", is_flag=True, help="Do not ask; needed where stdin is no terminal.")


def review_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add `--dry-run` and `--yes` to a command that changes something."""
    function = yes_option(function)
    return click.option("--dry-run", is_flag=True, help="Print what would be done, and change nothing.")(function)


def ask_before(question: str, *, yes: bool) -> None:
    """Ask before something is changed, unless `yes`; the command exits with 1 at no.

    Raises `UsageError` where stdin is no terminal.
    """
    require_yes(yes=yes)
    if not yes:
        confirm(question, exit_at_no=True)


def require_yes(*, yes: bool) -> None:
    """Raise `UsageError` where stdin is no terminal and `--yes` is not given: `ask_before` could not ask."""
    if not yes and not streams.can_prompt():
        from drio_tui.api.errors import UsageError

        raise UsageError("this changes something, and nobody can be asked", hint="Add --yes to do it all the same.")


DATA_NEEDS_SANDBOX = "--data says where the sandbox keeps its data, so it needs --sandbox."


def effective_options(profile: str | None, base_url: str | None, sandbox: bool) -> dict[str, Any]:
    """Return the connection options, as keywords of `session.connected`.

    An option given after the command's name has precedence over one before it. Raises `click.UsageError` for `--data`
    without `--sandbox`.
    """
    outer = click.get_current_context().find_root().params
    sandbox = sandbox or bool(outer.get("sandbox"))
    if outer.get("data") and not sandbox:
        raise click.UsageError(DATA_NEEDS_SANDBOX)
    return {
        "profile": profile or outer.get("profile"),
        "base_url": base_url or outer.get("base_url"),
        "sandbox": sandbox,
        "data_dir": outer.get("data"),
    }


def command_hint(*words: str, connection: Mapping[str, Any] | None = None) -> str:
    """Return the command `drio-tui WORDS…` for a hint, quoted for a shell, for the drio that the running command uses.

    `connection` are the connection options, as `effective_options` returns them, if it is for another drio. Options
    before the command's name work for every command.
    """
    return shlex.join(one_line(word) for word in ("drio-tui", *connection_arguments(connection), *words))


def connection_arguments(connection: Mapping[str, Any] | None = None) -> list[str]:
    """Return connection options as arguments, those of the running command if `connection` is None."""
    if connection is None:
        given = click.get_current_context().params
        connection = effective_options(given.get("profile"), given.get("base_url"), bool(given.get("sandbox")))
    options = ["--sandbox"] if connection.get("sandbox") else []
    for option, name in (("--data", "data_dir"), ("--profile", "profile"), ("--base-url", "base_url")):
        options += [option, str(connection[name])] if connection.get(name) else []
    return options


def handle_errors(function: Callable[P, R]) -> Callable[P, R]:
    """Decorate a command so that a `DrioError` becomes one message and the exit code of its class."""

    @functools.wraps(function)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
        from drio_tui.api.errors import DrioError  # --help does not need it

        try:
            return function(*args, **kwargs)
        except DrioError as error:
            exit_with_error(error, as_json=bool(kwargs.get("as_json")))
        except BrokenPipeError:
            streams.exit_immediately(141)  # before click sees it, which would exit with 1

    return wrapper


class SuggestingGroup(click.Group):
    """A group whose error for an unknown command suggests the nearest known one, and whose help cuts no sentence."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        names = self.list_commands(ctx)
        commands = [(name, command) for name in names if (command := self.get_command(ctx, name)) is not None]
        with formatter.section("Commands"):
            formatter.write_dl([(name, command.get_short_help_str(limit=_NO_LIMIT)) for name, command in commands])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        if not ctx.resilient_parsing and not name.startswith("-") and self.get_command(ctx, name) is None:
            suggestion = did_you_mean(name, self.list_commands(ctx)) or f"{ctx.command_path} --help lists them."
            raise click.UsageError(f"There is no command {visible(name)}. {suggestion}", ctx)
        return super().resolve_command(ctx, args)


def not_found_error(subject: str, name: str, known: Iterable[object], *, otherwise: str) -> NotFound:
    """Return the error `no SUBJECT NAME`; its hint suggests the nearest of the `known` names, then says `otherwise`."""
    from drio_tui.api.errors import NotFound

    hint = f"{did_you_mean(name, known)} {otherwise}".strip()
    return NotFound(f"no {subject} {one_line(name, 80)}", status=404, hint=hint)


def _set_read_only(ctx: click.Context, _parameter: click.Parameter, value: bool) -> bool:
    if value:
        ctx.meta[_READ_ONLY] = True  # shared by the contexts of all commands
    return value


def _set_quiet(_ctx: click.Context, _parameter: click.Parameter, value: bool) -> bool:
    if value:
        set_quiet(True)
    return value


SHARED_OPTIONS = ("read_only", "quiet", "record", "replay")


def _record(ctx: click.Context, _parameter: click.Parameter, value: Path | None) -> None:
    if value is not None and not ctx.resilient_parsing:
        from drio_tui.cassette.active import start_recording

        _start_cassette(start_recording, value)
        ctx.meta[_CASSETTE] = "recording"  # shared by the contexts of all commands


def _replay(ctx: click.Context, _parameter: click.Parameter, value: Path | None) -> None:
    if value is not None and not ctx.resilient_parsing:
        from drio_tui.cassette.active import start_replay

        _start_cassette(start_replay, value)
        ctx.meta[_CASSETTE] = "replay"


def _start_cassette(start: Callable[[Path, Callable[[], str]], None], path: Path) -> None:
    """Begin to record to a cassette or to replay one, until the process exits."""
    from drio_tui.api.errors import DrioError
    from drio_tui.cassette.active import stop

    try:
        start(path, _command_name)
    except DrioError as error:
        raise click.UsageError(f"{error.title}: {error.message}.") from None

    def end() -> None:
        if problem := stop():
            warn(f"The recording is incomplete: {visible(problem)}")

    streams.EXIT_HOOKS.append(end)
    atexit.register(end)  # after an error inside the program; a second call does nothing


def cassette_mode() -> Literal["", "recording", "replay"]:
    """Return whether this command records its requests to a cassette, or replays one."""
    mode: Literal["", "recording", "replay"] = click.get_current_context().meta.get(_CASSETTE, "")
    return mode


def _command_name() -> str:
    """Return the name of the running command without the program's, e.g. `sandbox start`; empty for the TUI."""
    context = click.get_current_context(silent=True)
    return context.command_path.partition(" ")[2] if context else ""


def refuse_replay(message: str) -> None:
    """Raise `UsageError` with `message` while a cassette is replayed."""
    from drio_tui.api.http import is_replay

    if is_replay():
        from drio_tui.api.errors import UsageError

        raise UsageError(message, hint="A replayed session needs no sign-in.")


def shared_options() -> tuple[click.Option, ...]:
    """Return the options that every command takes, before its name or after."""
    read_only = "Refuse everything that changes anything."
    quiet = "Print results and errors only."
    return (
        click.Option(["--read-only"], is_flag=True, expose_value=False, callback=_set_read_only, help=read_only),
        click.Option(
            ["--record"],
            metavar="FILE",
            type=click.Path(dir_okay=False, path_type=Path),
            expose_value=False,
            callback=_record,
            help="Append all requests and responses to the cassette FILE, without secrets.",
        ),
        click.Option(
            ["--replay"],
            metavar="FILE",
            type=click.Path(dir_okay=False, path_type=Path),
            expose_value=False,
            callback=_replay,
            help="Answer all requests from the cassette FILE, without a network.",
        ),
        click.Option(["-q", "--quiet"], is_flag=True, expose_value=False, callback=_set_quiet, help=quiet),
    )


def with_shared_options(command: click.Command) -> click.Command:
    """Add `shared_options` to `command`, or to the commands of a group, and return it."""
    if isinstance(command, click.Group):
        for subcommand in command.commands.values():
            with_shared_options(subcommand)
    elif not any(parameter.name in SHARED_OPTIONS for parameter in command.params):
        command.params.extend(shared_options())
    return command


def is_read_only() -> bool:
    """Return whether `--read-only` was given, or `read_only` is set in config.toml."""
    from drio_tui.settings import Settings

    return _READ_ONLY in click.get_current_context().meta or Settings.load().read_only


def refuse_read_only(message: str) -> None:
    """Raise `UsageError` with `message` in read-only mode."""
    if is_read_only():
        from drio_tui.api.errors import UsageError

        raise UsageError(message)


def refuse_changes(*, dry_run: bool) -> None:
    """Raise `UsageError` in read-only mode, unless a command with `--dry-run` only shows what it would change."""
    if not dry_run:
        refuse_read_only("--read-only changes nothing; --dry-run shows what would be changed")


def run(work: Coroutine[Any, Any, R]) -> R:
    """Run the coroutine `work` and return its result; Ctrl+C cancels it and exits with 130."""
    import asyncio  # importing it takes a third of the time of --help

    try:
        return asyncio.run(work)
    except KeyboardInterrupt:
        warn("Interrupted.")
        raise SystemExit(130) from None


def exit_with_error(error: Any, *, as_json: bool) -> NoReturn:
    """Print a `DrioError` on stderr (with `--json` as `{"error": …}`) and exit with its code.

    The commands in its hint get the connection options of the running one.
    """
    error.hint = with_options(error.hint, connection_arguments())
    if as_json:
        echo_json({"error": error.as_dict()}, compact=True, err=True)
    else:
        text = visible(error.title)
        if error.message:
            text += f": {error.message}"
        warn(style("error", fg="red", bold=True), f": {text}")
        for field_error in getattr(error, "field_errors", []):
            warn(f"  {visible(field_error.path)}: {visible(field_error.message)}")
        for referrer in getattr(error, "referrers", []):
            dependent = " ".join(visible(str(referrer.get(key, ""))) for key in ("kind", "name", "field"))
            warn(f"  still used by {dependent}")
        if error.hint:
            warn(visible(error.hint))
        if getattr(error, "request_id", None):
            warn(f"request id: {visible(error.request_id)}")
    raise SystemExit(error.exit_code)


client_option = click.option(
    "--client",
    "client_names",
    metavar="NAME",
    multiple=True,
    shell_complete=completer("linted clients"),
    help="Only the rules of this client: chatgpt, claude or cursor. Can be repeated.",
)


def clients_named(names: Sequence[str]) -> tuple[Client, ...]:
    """Return the clients with these names, all for none. Raises `UsageError` for an unknown one."""
    from drio_tui.api.errors import UsageError
    from drio_tui.workspace.lint.clients import CLIENTS

    for name in names:
        if name not in CLIENTS:
            hint = f"{did_you_mean(name, list(CLIENTS))} The clients are: {', '.join(CLIENTS)}.".strip()
            raise UsageError(f"there are no rules for a client {one_line(name, 40)}", hint=hint)
    return tuple(client for client in CLIENTS.values() if not names or client.name in names)
