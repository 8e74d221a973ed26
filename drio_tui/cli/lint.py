"""`lint`: how AI clients list the tools of an app, what that costs in tokens, and what each client refuses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from drio_tui.cli.common import (
    client_option,
    clients_named,
    completer,
    connection_options,
    effective_options,
    handle_errors,
    run,
)
from drio_tui.cli.output import echo, echo_json, info
from drio_tui.cli.read import find_app
from drio_tui.cli.render import diagnostic_lines, format_value, table
from drio_tui.session import command_session
from drio_tui.text import count_of
from drio_tui.tool_calls.token_count import kilobytes

if TYPE_CHECKING:
    from drio_tui.workspace.lint.client_view import Lint


@click.command(
    epilog="Exit codes: 0 no errors (with --strict: and no warnings), 1 errors found or the app could not be read, "
    "2 usage, 4 sign-in needed."
)
@click.argument("app", metavar="APP", shell_complete=completer("apps"))
@client_option
@click.option("--review", is_flag=True, help="Also what the reviews of the ChatGPT and Claude directories ask for.")
@click.option("--strict", is_flag=True, help="Let warnings count as errors.")
@connection_options
@handle_errors
def lint(
    app: str,
    client_names: tuple[str, ...],
    review: bool,
    strict: bool,
    profile: str | None,
    base_url: str | None,
    sandbox: bool,
    as_json: bool,
) -> None:
    """Show the tools of APP (id or slug) as ChatGPT, Claude and Cursor list them, with tokens and diagnostics.

    The first number of tokens is that of all that is published, with the output schema; those of the clients count
    the name, the description and the input schema, which their models read.

    `check` asks whether a deploy works, and warns of what any client refuses. For `lint`, what one of the clients
    refuses is an error. `validate --client` checks a document by the same rules, without a server.
    """
    from drio_tui.workspace.lint.client_view import lint as linted
    from drio_tui.workspace.model.loader import read_app

    clients = clients_named(client_names)

    async def work() -> Lint:
        async with command_session(**effective_options(profile, base_url, sandbox), notice=info) as session:
            app_id = await find_app(session.client, app)
            snapshot = await read_app(session.client, app_id, required=["app", "tool", "integration", "operation"])
            return linted(snapshot, clients, review=review)

    report = run(work())
    if as_json:
        echo_json(report.as_dict())
    else:
        _print_lint(report)
    if report.errors or (strict and report.warnings):
        raise SystemExit(1)


def _print_lint(report: Lint) -> None:
    from drio_tui.workspace.lint.client_view import clients_of

    rows = [
        (
            format_value(tool.tool.name),
            f"{tool.tool.tokens:,}",
            *(f"{listed.tokens:,}" for listed in tool.listed),
            _counts([diagnostic.severity for diagnostic in tool.diagnostics]),
        )
        for tool in sorted(report.tools, key=lambda tool: -tool.tool.tokens)
    ]
    columns = list(zip(*(tool.listed for tool in report.tools), strict=True))
    totals = [f"{sum(listed.tokens for listed in column):,}" for column in columns]
    if rows:
        headers = ("tool", "tokens", *(client.title for client in report.clients), "diagnostics")
        for line in table(headers, [*rows, ("in all", f"{report.tokens:,}", *totals, "")]):
            echo(*line)
        echo()
    for diagnostic in report.diagnostics:
        clients = ", ".join(client.title for client in clients_of(diagnostic, report.clients))
        for line in diagnostic_lines(diagnostic, clients):
            echo(*line)
    tools = f"{count_of(len(report.tools), 'tool')}, {kilobytes(report.bytes)}, about {report.tokens:,} tokens."
    counts = f"{count_of(report.errors, 'error')}, {count_of(report.warnings, 'warning')}."
    echo(f"{counts if report.diagnostics else 'No problems.'} {tools}")


def _counts(severities: Sequence[str]) -> str:
    errors = severities.count("error")
    parts = [(errors, "error"), (len(severities) - errors, "warning")]
    return ", ".join(count_of(count, word) for count, word in parts if count)
