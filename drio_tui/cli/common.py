"""What every command needs: options, running a coroutine, output that is safe and clean, exit codes.

stdout is data, stderr is narration. Exit codes: 0 done, 1 failed, 2 usage, 4 sign-in needed,
128 + n for a signal.
"""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable, Coroutine
from typing import Any, NoReturn, ParamSpec, TypeVar

import click

from drio_tui.text import visible

P = ParamSpec("P")
R = TypeVar("R")


def connection_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """`--profile`, `--base-url`, `--sandbox`, `--json`: each also accepted before the command's name."""
    options = (
        click.option("--profile", metavar="NAME", help="The profile (host and account) to use."),
        click.option("--base-url", metavar="URL", help="The drio host, instead of the profile's."),
        click.option("--sandbox", is_flag=True, help="Use the local sandbox; it is started if none is running."),
        click.option("--json", "as_json", is_flag=True, help="Print JSON, errors too."),
    )
    for option in reversed(options):
        function = option(function)
    return function


def inherited(profile: str | None, base_url: str | None, sandbox: bool) -> dict[str, Any]:
    """The connection options, those given before the command's name filling in for those after it."""
    outer = click.get_current_context().find_root().params
    return {
        "profile": profile or outer.get("profile"),
        "base_url": base_url or outer.get("base_url"),
        "sandbox": sandbox or bool(outer.get("sandbox")),
        "data_dir": outer.get("data"),
    }


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
            quiet_broken_pipe()  # before click sees it, which would exit with 1

    return guarded_command


def refuse_read_only(why: str) -> None:
    """Raise `UsageError` with `why` where the program was started with `--read-only`."""
    if click.get_current_context().find_root().params.get("read_only"):
        from drio_tui.api.errors import UsageError

        raise UsageError(why)


def run(work: Coroutine[Any, Any, R]) -> R:
    """Run `work` to its end; Ctrl+C cancels it and exits with 130."""
    import asyncio  # a third of the time that --help takes

    try:
        return asyncio.run(work)
    except KeyboardInterrupt:
        say("Interrupted.")
        raise SystemExit(130) from None


def fail(error: Any, *, as_json: bool) -> NoReturn:
    """Print a `DrioError` on stderr (with `--json` as `{"error": …}`) and exit with its code."""
    if as_json:
        from drio_tui.api import wire

        click.echo(wire.dumps({"error": error.as_dict()}), err=True)
    else:
        text = visible(error.title)
        if error.message:
            text += f": {visible(error.message, multiline=True)}"
        click.echo(f"{style('error', fg='red', bold=True, err=True)}: {text}", err=True)
        for problem in getattr(error, "field_errors", []):
            click.echo(f"  {visible(problem.path)}: {visible(problem.message)}", err=True)
        for referrer in getattr(error, "referrers", []):
            what = " ".join(visible(str(referrer.get(key, ""))) for key in ("kind", "name", "field"))
            click.echo(f"  still used by {what}", err=True)
        if error.hint:
            click.echo(visible(error.hint), err=True)
        if getattr(error, "request_id", None):
            click.echo(f"request id: {visible(error.request_id)}", err=True)
    raise SystemExit(error.exit_code)


def say(text: str) -> None:
    """Narrate on stderr; `text` is shown literally."""
    click.echo(visible(text, multiline=True), err=True)


def echo_json(value: Any) -> None:
    """Print a JSON value: pretty for a person, one line for a program; always ASCII."""
    from drio_tui.api import wire

    click.echo(wire.dumps(value, indent=2 if sys.stdout.isatty() else None))


def colours(err: bool = False) -> bool:
    """Whether to colour stdout (or stderr): a terminal that can, and nobody who asked not to."""
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR"):
        return True
    stream = sys.stderr if err else sys.stdout
    return stream.isatty() and os.environ.get("TERM", "dumb") != "dumb"


def style(text: str, *, err: bool = False, **how: Any) -> str:
    """`text` in a style where colours are wanted, else as it is."""
    return click.style(text, **how) if colours(err) else text


def tolerant_streams() -> None:
    """Never fail on a character that the terminal's encoding lacks: it is written as `\\u2026`."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure:
            reconfigure(errors="backslashreplace")


def quiet_broken_pipe() -> NoReturn:
    """Leave as a program does whose reader went away: no message, exit code 141 (128 + SIGPIPE)."""
    devnull = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        try:
            os.dup2(devnull, stream.fileno())
        except (OSError, ValueError):
            continue
    os._exit(141)
