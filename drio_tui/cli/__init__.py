"""The command line: `drio-tui` opens the program, its commands are the headless twin.

Commands are imported when they are called, so that `--help` and completion stay fast.
"""

from __future__ import annotations

import importlib
import os
import sys
from typing import Any, NoReturn

import click

from drio_tui import __version__
from drio_tui.cli import streams
from drio_tui.cli.common import SuggestingGroup, is_read_only, profile_option, shared_options, with_shared_options
from drio_tui.cli.output import echo_json, warn

# name: (module, attribute, one line for --help)
COMMANDS: dict[str, tuple[str, str, str]] = {
    "apps": ("read", "apps", "List your apps."),
    "templates": ("read", "templates", "List the templates, or show one."),
    "me": ("read", "me", "Say who is signed in."),
    "inspect": ("read", "inspect", "Show an app's config as a tree or as JSON."),
    "new": ("new", "new", "Create an app step by step, in the program."),
    "create": ("create", "create", "Create an app from a template."),
    "check": ("deploy", "check", "Say what would break if an app were deployed."),
    "deploy": ("deploy", "deploy", "Deploy an app and look at it as an AI client does."),
    "call": ("call", "call", "Run a tool of an app and print its result."),
    "import": ("import_openapi", "import_openapi", "Create operations and tools from an OpenAPI document."),
    "connect": ("deploy", "connect", "Tell how AI clients are connected to a deployed app."),
    "login": ("signin", "login", "Sign in through the browser."),
    "logout": ("signin", "logout", "Sign out: revoke and forget the tokens."),
    "status": ("signin", "status", "Say which profile, host and account are in use, and where tokens are kept."),
    "sandbox": ("sandbox", "sandbox", "Run and look after the local sandbox."),
    "completion": ("completion", "completion", "Print the completion script for a shell."),
}


class _Lazy(SuggestingGroup):
    """A group that imports a command's module when the command is called or completed."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, attribute, _ = COMMANDS[cmd_name]
        command: click.Command = getattr(importlib.import_module(f"drio_tui.cli.{module}"), attribute)
        return with_shared_options(command)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, help_line) for name, (_, _, help_line) in COMMANDS.items()])


@click.group(
    cls=_Lazy,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Exit codes: 0 done, 1 failed, 2 usage, 4 sign-in needed.",
)
@profile_option
@click.option("--base-url", metavar="URL", help="The drio host, instead of the profile's.")
@click.option("--sandbox", is_flag=True, help="Use the local sandbox; it is started if none is running.")
@click.option(
    "--data", metavar="DIR", type=click.Path(file_okay=False), help="With --sandbox: where it keeps its data."
)
@click.version_option(__version__, "-V", "--version", prog_name="drio-tui", message="%(prog)s %(version)s")
@click.pass_context
def cli(ctx: click.Context, /, **options: Any) -> None:
    """Look at, build and ship drio apps without leaving the terminal.

    Without a command, opens the program. `drio-tui --sandbox` needs no account and no network.
    """
    if ctx.invoked_subcommand is None:
        from drio_tui.cli.tui import start  # textual is imported only when the program opens

        start(**options, read_only=is_read_only())


cli.params.extend(shared_options())


def main() -> NoReturn:
    """The entry point of the `drio-tui` script."""
    streams.prepare()
    streams.leave(_status())


def _status() -> int:
    """Run the command that was asked for; gives the exit status."""
    if "_DRIO_TUI_COMPLETE" in os.environ:
        from drio_tui.cli import completing

        completing.prepare()
    try:
        code = cli.main(prog_name="drio-tui", standalone_mode=False)
        return code if isinstance(code, int) else 0
    except SystemExit as leaving:
        return leaving.code if isinstance(leaving.code, int) else int(leaving.code is not None)
    except click.exceptions.Exit as leaving:
        return leaving.exit_code
    except click.Abort:
        warn("Aborted.")
        return 130
    except click.ClickException as error:
        if "--json" in sys.argv:
            body = {"code": "usage_error", "title": "That does not work", "message": error.format_message()}
            echo_json({"error": body}, compact=True, err=True)
        else:
            error.show()
        return error.exit_code
    except BrokenPipeError:
        streams.leave_at_once(141)
    except OSError as error:  # a full disk behind a redirection, for one
        streams.complain(error)
        streams.leave_at_once(1)
