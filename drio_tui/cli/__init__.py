"""The command line: `drio-tui` opens the TUI, its commands do the same without it.

A command's module is imported when the command is called, so that `--help` and completion stay fast.
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

COMMANDS: dict[str, tuple[str, str, str]] = {
    "apps": ("read", "apps", "List your apps."),
    "templates": ("read", "templates", "List the templates, or show one."),
    "me": ("read", "me", "Show who is signed in."),
    "inspect": ("read", "inspect", "Show an app's config as a tree or as JSON."),
    "get": ("get", "get", "Print resources of an app, as a table, JSON or YAML."),
    "set": ("edit", "set_", "Change properties of resources."),
    "add": ("edit", "add", "Create a resource in an app."),
    "delete": ("edit", "delete", "Delete resources of an app."),
    "enable": ("edit", "enable", "Enable tools, or an app."),
    "disable": ("edit", "disable", "Disable tools, or an app."),
    "replace": ("bulk", "replace", "Replace text in the resources of an app."),
    "rename": ("bulk", "rename", "Rename resources by a pattern."),
    "move": ("bulk", "move", "Move operations to another integration."),
    "bind": ("bindings", "bind", "Let a tool call an operation."),
    "rebind": ("bindings", "rebind", "Bind tools to the current schema of their operation."),
    "chain": ("bindings", "chain", "Say which tools get the result of a tool."),
    "map": ("map_results", "map_", "Fill the slots of a widget from what its tool returns."),
    "new": ("new", "new", "Create an app step by step, in the program."),
    "create": ("create", "create", "Create an app from a template."),
    "check": ("deploy", "check", "Show the errors and warnings that a deploy would have."),
    "lint": ("lint", "lint", "Show the tools as AI clients list them, with tokens and what each refuses."),
    "deploy": ("deploy", "deploy", "Deploy an app and look at it as an AI client does."),
    "call": ("call", "call", "Run a tool of an app and print its result."),
    "test": ("tool_tests", "test", "Run the tests of an app's tools."),
    "import": ("import_openapi", "import_openapi", "Create operations and tools from an OpenAPI document."),
    "export": ("manifest", "export", "Write an app as a document, drio.yaml."),
    "pull": ("manifest", "pull", "Bring changes of drio into the document of an app."),
    "plan": ("plan", "plan", "Show what applying the document of an app would change."),
    "apply": ("plan", "apply", "Make drio as the document of an app says."),
    "drift": ("plan", "drift", "Show what was changed in drio since the document was applied."),
    "validate": ("manifest", "validate", "Check the document of an app without a server."),
    "schema": ("manifest", "schema", "Print the JSON Schema of a document, for editors."),
    "connect": ("deploy", "connect", "Show how AI clients are connected to a deployed app."),
    "history": ("history", "history", "List the changes made to an app from here."),
    "undo": ("history", "undo", "Take back the last change to an app."),
    "api": ("request", "api", "Send any request to the signed-in drio."),
    "v3": ("v3", "v3", "Read a drio through API v3: apps, tools, validation."),
    "token": ("request", "token", "Show whose token is used, or print it."),
    "login": ("signin", "login", "Sign in through the browser."),
    "logout": ("signin", "logout", "Sign out: revoke and forget the tokens."),
    "status": ("signin", "status", "Show which profile, host and account are in use, and where tokens are kept."),
    "doctor": ("doctor", "doctor", "Examine the sign-in step by step, and say what to do."),
    "cassette": ("cassette", "cassette", "Look at recorded requests and responses."),
    "sandbox": ("sandbox", "sandbox", "Run and manage the local sandbox."),
    "completion": ("completing", "completion", "Print the completion script for a shell."),
}
"""By command name: the module in this package, the attribute in it, and the line for `--help`."""


class _LazyGroup(SuggestingGroup):
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
    cls=_LazyGroup,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Exit codes: 0 done, 1 failed, 2 usage, 4 sign-in needed, 5 drio does not serve API v1.",
)
@profile_option
@click.option("--base-url", metavar="URL", help="The drio host, instead of the profile's.")
@click.option("--sandbox", is_flag=True, help="Use the local sandbox; it is started if none is running.")
@click.option(
    "--data", metavar="DIR", type=click.Path(file_okay=False), help="With --sandbox: where it keeps its data."
)
@click.option("--no-live", is_flag=True, help="In the program: do not look for changes by others.")
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
    streams.exit_process(_run_command())


def _run_command() -> int:
    """Run the command given on the command line and return the exit status."""
    if "_DRIO_TUI_COMPLETE" in os.environ:
        from drio_tui.cli import completing

        completing.prepare()
    try:
        code = cli.main(prog_name="drio-tui", standalone_mode=False)
        return code if isinstance(code, int) else 0
    except SystemExit as exit_:
        return exit_.code if isinstance(exit_.code, int) else int(exit_.code is not None)
    except click.exceptions.Exit as exit_:
        return exit_.exit_code
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
        streams.exit_immediately(141)
    except OSError as error:  # for example a full disk behind a redirection
        streams.report_write_error(error)
        streams.exit_immediately(1)
