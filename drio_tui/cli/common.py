"""What every command needs: options, running a coroutine, errors, exit codes.

Exit codes: 0 done, 1 failed, 2 usage, 4 sign-in needed,
128 + n for a signal.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Coroutine
from typing import Any, NoReturn, ParamSpec, TypeVar

import click

from drio_tui.cli import streams
from drio_tui.cli.output import echo_json, say, style
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
            streams.leave_at_once(141)  # before click sees it, which would exit with 1

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
        echo_json({"error": error.as_dict()}, compact=True, err=True)
    else:
        text = visible(error.title)
        if error.message:
            text += f": {error.message}"
        say(style("error", fg="red", bold=True), f": {text}")
        for problem in getattr(error, "field_errors", []):
            say(f"  {visible(problem.path)}: {visible(problem.message)}")
        for referrer in getattr(error, "referrers", []):
            what = " ".join(visible(str(referrer.get(key, ""))) for key in ("kind", "name", "field"))
            say(f"  still used by {what}")
        if error.hint:
            say(visible(error.hint))
        if getattr(error, "request_id", None):
            say(f"request id: {visible(error.request_id)}")
    raise SystemExit(error.exit_code)
