"""What every command needs: options, running a coroutine, errors, exit codes.

Exit codes: 0 done, 1 failed, 2 usage, 4 sign-in needed,
128 + n for a signal.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Coroutine, Iterable
from typing import TYPE_CHECKING, Any, NoReturn, ParamSpec, TypeVar

import click

from drio_tui.cli import streams
from drio_tui.cli.output import echo_json, set_quiet, style, warn
from drio_tui.text import did_you_mean, one_line, visible

if TYPE_CHECKING:
    from drio_tui.api.errors import NotFound

CREDENTIAL = "DRIO_UPSTREAM_SECRET"
"""The environment variable that a secret of an upstream is read from."""

_READ_ONLY = "drio_tui.read_only"
P = ParamSpec("P")
R = TypeVar("R")


def completes(what: str) -> Callable[[click.Context, click.Parameter, str], Any]:
    """The `shell_complete` of a parameter that names one of `what`: apps, templates, kinds, clients or profiles."""

    def complete(ctx: click.Context, _parameter: click.Parameter, incomplete: str) -> Any:
        from drio_tui.cli import completing  # only when a shell asks

        return completing.complete(what, ctx, incomplete)

    return complete


profile_option = click.option(
    "--profile", metavar="NAME", shell_complete=completes("profiles"), help="The profile (host and account) to use."
)


def connection_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """`--profile`, `--base-url`, `--sandbox`, `--json`: each also accepted before the command's name."""
    options = (
        profile_option,
        click.option("--base-url", metavar="URL", help="The drio host, instead of the profile's."),
        click.option("--sandbox", is_flag=True, help="Use the local sandbox; it is started if none is running."),
        click.option("--json", "as_json", is_flag=True, help="Print JSON, errors too."),
    )
    for option in reversed(options):
        function = option(function)
    return function


DATA_ALONE = "--data says where the sandbox keeps its data, so it needs --sandbox."


def inherited(profile: str | None, base_url: str | None, sandbox: bool) -> dict[str, Any]:
    """The connection options, those given before the command's name filling in for those after it."""
    outer = click.get_current_context().find_root().params
    sandbox = sandbox or bool(outer.get("sandbox"))
    if outer.get("data") and not sandbox:
        raise click.UsageError(DATA_ALONE)
    return {
        "profile": profile or outer.get("profile"),
        "base_url": base_url or outer.get("base_url"),
        "sandbox": sandbox,
        "data_dir": outer.get("data"),
    }


def command(text: str) -> str:
    """`drio-tui TEXT` for a hint, with `--sandbox` where this command was given it: as it has to be typed here."""
    context = click.get_current_context()
    sandbox = context.params.get("sandbox") or context.find_root().params.get("sandbox")
    return f"drio-tui {'--sandbox ' if sandbox else ''}{text}"


def guarded(function: Callable[P, R]) -> Callable[P, R]:
    """A command whose `DrioError`s become one clear message and the right exit code."""

    @functools.wraps(function)
    def guarded_command(*args: P.args, **kwargs: P.kwargs) -> R:
        from drio_tui.api.errors import DrioError  # --help does not need it

        try:
            return function(*args, **kwargs)
        except DrioError as error:
            fail(error, as_json=bool(kwargs.get("as_json")))
        except BrokenPipeError:
            streams.leave_at_once(141)  # before click sees it, which would exit with 1

    return guarded_command


class SuggestingGroup(click.Group):
    """A group that names the nearest command for one that there is not."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        if not ctx.resilient_parsing and not name.startswith("-") and self.get_command(ctx, name) is None:
            suggestion = did_you_mean(name, self.list_commands(ctx)) or f"{ctx.command_path} --help lists them."
            raise click.UsageError(f"There is no command {visible(name)}. {suggestion}", ctx)
        return super().resolve_command(ctx, args)


def no_such(what: str, wanted: str, known: Iterable[object], *, otherwise: str) -> NotFound:
    """The error for a name that nothing has: the nearest names as its hint, then `otherwise`."""
    from drio_tui.api.errors import NotFound

    hint = f"{did_you_mean(wanted, known)} {otherwise}".strip()
    return NotFound(f"no {what} {one_line(wanted, 80)}", status=404, hint=hint)


def _set_read_only(ctx: click.Context, _parameter: click.Parameter, value: bool) -> bool:
    if value:
        ctx.meta[_READ_ONLY] = True  # shared by the contexts of all commands
    return value


def _set_quiet(_ctx: click.Context, _parameter: click.Parameter, value: bool) -> bool:
    if value:
        set_quiet(True)
    return value


SHARED_OPTIONS = ("read_only", "quiet")


def shared_options() -> tuple[click.Option, ...]:
    """The options that every command takes, before its name or after."""
    read_only = "Refuse everything that changes anything."
    quiet = "Print results and errors only."
    return (
        click.Option(["--read-only"], is_flag=True, expose_value=False, callback=_set_read_only, help=read_only),
        click.Option(["-q", "--quiet"], is_flag=True, expose_value=False, callback=_set_quiet, help=quiet),
    )


def with_shared_options(command: click.Command) -> click.Command:
    """`command`, and the commands below it, with `shared_options`."""
    if isinstance(command, click.Group):
        for inner in command.commands.values():
            with_shared_options(inner)
    elif not any(parameter.name in SHARED_OPTIONS for parameter in command.params):
        command.params.extend(shared_options())
    return command


def is_read_only() -> bool:
    """Whether `--read-only` was given, or `read_only` is set in config.toml."""
    from drio_tui.settings import Settings

    return _READ_ONLY in click.get_current_context().meta or Settings.load().read_only


def refuse_read_only(why: str) -> None:
    """Raise `UsageError` with `why` where nothing may be changed."""
    if is_read_only():
        from drio_tui.api.errors import UsageError

        raise UsageError(why)


def run(work: Coroutine[Any, Any, R]) -> R:
    """Run `work` to its end; Ctrl+C cancels it and exits with 130."""
    import asyncio  # a third of the time that --help takes

    try:
        return asyncio.run(work)
    except KeyboardInterrupt:
        warn("Interrupted.")
        raise SystemExit(130) from None


def fail(error: Any, *, as_json: bool) -> NoReturn:
    """Print a `DrioError` on stderr (with `--json` as `{"error": …}`) and exit with its code."""
    if as_json:
        echo_json({"error": error.as_dict()}, compact=True, err=True)
    else:
        text = visible(error.title)
        if error.message:
            text += f": {error.message}"
        warn(style("error", fg="red", bold=True), f": {text}")
        for problem in getattr(error, "field_errors", []):
            warn(f"  {visible(problem.path)}: {visible(problem.message)}")
        for referrer in getattr(error, "referrers", []):
            what = " ".join(visible(str(referrer.get(key, ""))) for key in ("kind", "name", "field"))
            warn(f"  still used by {what}")
        if error.hint:
            warn(visible(error.hint))
        if getattr(error, "request_id", None):
            warn(f"request id: {visible(error.request_id)}")
    raise SystemExit(error.exit_code)
