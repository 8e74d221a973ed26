"""`v3`: reads a drio through API v3, which has other resources than v1, and nothing to edit.

A separate group, not an option of `get` and `inspect`: v3 has pages, no slugs that are documented, and results of
another form.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from typing import Any, TypeVar

import click

from drio_tui.api.redact import redact
from drio_tui.api.v3 import MOST_PER_PAGE, PER_PAGE, Page, PageQuery, V3Client, all_pages, deviation
from drio_tui.cli.common import SuggestingGroup, connection_options, handle_errors, refuse_read_only, run
from drio_tui.cli.find import connection_of
from drio_tui.cli.output import Line, echo, echo_json, info
from drio_tui.cli.render import format_value, severity_mark, table
from drio_tui.session import command_session
from drio_tui.text import count_of, one_line

R = TypeVar("R")
_APP_COLUMNS = ("name", "slug", "id")
_TOOL_COLUMNS = ("key", "name", "enabled", "runtime_status.state", "source.operation_id", "id")
_OPERATION_COLUMNS = ("name", "method", "path", "id")


@click.group(cls=SuggestingGroup)
def v3() -> None:
    """Read a drio through API v3: apps, authoring state, tools, validation. Nothing can be edited.

    APP is an id, as `v3 apps` prints it. Only tools and validations are documented in full; the rest is shown as the
    server sends it.
    """


def page_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add `--query`, `--cursor`, `--limit` and `--all` to a command that prints a list."""
    options = (
        click.option("--query", metavar="TEXT", default="", help="Only what matches, as the server understands it."),
        click.option("--cursor", metavar="CURSOR", default="", help="The page to begin with: the last one's next."),
        click.option(
            "--limit",
            type=click.IntRange(1, MOST_PER_PAGE),
            help=f"How many per page; {PER_PAGE} unless given.",
        ),
        click.option("--all", "every", is_flag=True, help="Read all further pages too."),
    )
    for option in reversed(options):
        function = option(function)
    return function


def _read(options: dict[str, Any], read: Callable[[V3Client], Awaitable[R]]) -> R:
    async def work() -> R:
        async with command_session(**connection_of(options), notice=info) as session:
            return await read(V3Client(session.client))

    return run(work())


def _page(options: dict[str, Any], read: Callable[[V3Client, PageQuery], Awaitable[Page]]) -> Page:
    page = PageQuery(options["cursor"], options["limit"] or 0, options["query"])

    async def pages(client: V3Client) -> Page:
        if options["every"]:
            return await all_pages(lambda query: read(client, query), page)
        return await read(client, page)

    return _read(options, pages)


def _print_page(page: Page, noun: str, columns: tuple[str, ...], *, as_json: bool) -> None:
    if as_json:
        echo_json(redact(page.as_dict()))
        return
    if not page.items:
        info(f"No {noun}s.")
    else:
        rows = ([format_value(_property(item, column)) for column in columns] for item in page.items)
        for line in table([column.partition(".")[0].replace("_", " ") for column in columns], rows):
            echo(*line)
    if page.next_cursor:
        info(f"There are more: --all, or --cursor {one_line(page.next_cursor, 500)}")


def _property(item: Any, path: str) -> Any:
    for name in path.split("."):
        item = item.get(name) if isinstance(item, dict) else None
    return item


@v3.command()
@page_options
@connection_options
@handle_errors
def apps(as_json: bool, **options: Any) -> None:
    """List the apps."""
    _print_page(_page(options, lambda client, page: client.apps(page)), "app", _APP_COLUMNS, as_json=as_json)


@v3.command()
@click.argument("app", metavar="APP")
@connection_options
@handle_errors
def app(app: str, **options: Any) -> None:
    """Print an app as JSON, with its release endpoint."""
    echo_json(redact(_read(options, lambda client: client.app(app))))


@v3.command()
@click.argument("app", metavar="APP")
@connection_options
@handle_errors
def state(app: str, **options: Any) -> None:
    """Print the authoring state of an app as JSON: integrations, operations, tools and validation in one."""
    echo_json(redact(_read(options, lambda client: client.authoring_state(app))))


@v3.command()
@click.argument("app", metavar="APP")
@page_options
@connection_options
@handle_errors
def tools(app: str, as_json: bool, **options: Any) -> None:
    """List the tools of an app."""
    page = _page(options, lambda client, page: client.tools(app, page))
    _print_page(page, "tool", _TOOL_COLUMNS, as_json=as_json)
    if not as_json:
        from drio_tui.api.v3_models import V3Tool

        for tool in page.items:
            if reason := deviation(V3Tool, tool):
                name = format_value(_property(tool, "name") or _property(tool, "id"), 80)
                info(f"The tool {name} is not as documented: {one_line(reason, 200)}")


@v3.command()
@click.argument("app", metavar="APP")
@click.argument("integration", metavar="INTEGRATION")
@page_options
@connection_options
@handle_errors
def operations(app: str, integration: str, as_json: bool, **options: Any) -> None:
    """List the operations of an integration (its id, as `v3 state` prints it)."""
    page = _page(options, lambda client, page: client.operations(app, integration, page))
    _print_page(page, "operation", _OPERATION_COLUMNS, as_json=as_json)


@v3.command(
    epilog="Exit codes: 0 the draft can be published, 1 it cannot, or it is not known, 2 usage, 4 sign-in needed."
)
@click.argument("app", metavar="APP")
@connection_options
@handle_errors
def validate(app: str, as_json: bool, **options: Any) -> None:
    """Let drio check the draft of an app: what prevents publishing it, and what is only a warning.

    It is a POST, so --read-only refuses it; `v3 state` contains a validation too.
    """
    refuse_read_only("--read-only sends no POST, and `v3 validate` is one; `v3 state` contains a validation")
    validation = _read(options, lambda client: client.validate(app))
    if as_json:
        echo_json(redact(validation))
    else:
        for line in _validation_lines(validation):
            echo(*line)
    if validation.get("ok") is not True:
        raise SystemExit(1)


def _validation_lines(validation: dict[str, Any]) -> Iterator[Line]:
    from drio_tui.api.v3_models import V3Validation

    issues = validation.get("issues")
    for issue in issues if isinstance(issues, list) else []:
        blocks = " (blocks publishing)" if _property(issue, "blocks_publish") is True else ""
        yield (
            severity_mark(_property(issue, "severity")),
            f" {format_value(_property(issue, 'message'), 300)}{blocks} [{format_value(_property(issue, 'code'))}]",
        )
        references = _property(issue, "references")
        for reference in references if isinstance(references, list) else []:
            names = (_property(reference, name) for name in ("entity_type", "label", "supporting_label", "entity_id"))
            yield (f"  {' '.join(format_value(name, 80) for name in names if name)}",)
    if reason := deviation(V3Validation, validation):
        yield (f"This is not as documented: {one_line(reason, 200)}. --json prints it whole.",)
        return
    counts = f"{count_of(validation['error_count'], 'error')}, {count_of(validation['warning_count'], 'warning')}"
    blocking = validation["blocking_count"]
    yield (f"{counts}; {f'{blocking:,} of them prevent publishing' if blocking else 'nothing prevents publishing'}.",)


@v3.command()
@click.argument("app", metavar="APP")
@connection_options
@handle_errors
def preview(app: str, **options: Any) -> None:
    """Print the draft of an app as a model would see it, as JSON, with its validation."""
    echo_json(redact(_read(options, lambda client: client.runtime_preview(app))))
