"""`apps`, `templates`, `me`, `inspect`: print what an account has, for scripts and screen readers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from drio_tui.api.errors import DrioError, NotFound, UsageError
from drio_tui.api.redact import redact
from drio_tui.cli.common import (
    command_hint,
    completer,
    connection_options,
    effective_options,
    handle_errors,
    not_found_error,
    run,
)
from drio_tui.cli.output import echo, echo_json, info, style
from drio_tui.cli.render import format_value, table
from drio_tui.kinds import APP, KINDS, Kind, kind_named
from drio_tui.session import command_session
from drio_tui.text import did_you_mean, one_line
from drio_tui.workspace.model.search import named, sort_key

if TYPE_CHECKING:
    from collections.abc import Callable

    from drio_tui.api.client import DrioClient


@click.command()
@click.option(
    "--sort",
    type=click.Choice(["recent", *APP.columns]),
    help="Sort by a property, or those first that were opened last in the program. Default: the order of the server.",
)
@connection_options
@handle_errors
def apps(sort: str | None, profile: str | None, base_url: str | None, sandbox: bool, as_json: bool) -> None:
    """List your apps."""

    async def work() -> None:
        async with command_session(**effective_options(profile, base_url, sandbox), notice=info) as session:
            listing = await session.client.list(APP)
            server = session.client.transport.server_id
        if sort is not None:
            listing.raw.sort(key=_sort_key(sort, server))
        if as_json:
            echo_json(redact({"apps": listing.raw, **listing.extra}))
            return
        if not listing.raw:
            info(f"No apps yet. `{command_hint('create', '--template', 'support', '--name', 'NAME')}` makes one.")
            return
        headers = ("name", "slug", "status", "version", "enabled", "template", "id")
        properties = ("name", "slug", "status", "version", "isEnabled", "templateId", "id")
        for line in table(headers, ([format_value(app.get(name)) for name in properties] for app in listing.items)):
            echo(*line)
        for degraded in listing.degraded:
            info(f"An app is not as documented: {degraded.reason}")

    run(work())


@click.command()
@click.argument("template_id", metavar="[ID]", required=False, shell_complete=completer("templates"))
@connection_options
@handle_errors
def templates(template_id: str | None, profile: str | None, base_url: str | None, sandbox: bool, as_json: bool) -> None:
    """List the templates, or show one. Needs no sign-in."""

    async def work() -> None:
        async with command_session(
            **effective_options(profile, base_url, sandbox), anonymous=True, notice=info
        ) as session:
            if template_id is not None:
                try:
                    template = (await session.client.template(template_id)).raw
                except NotFound as error:
                    await suggest_template(session.client, template_id, error)
                    raise
            else:
                listing = await session.client.templates()
        if template_id is not None:
            if as_json:
                echo_json({"template": template})
            else:
                _print_template(template)
        elif as_json:
            echo_json({"templates": listing.raw, **listing.extra})
        elif not listing.raw:
            info("The server offers no templates.")
        else:
            rows = (
                [
                    format_value(item.get("id")),
                    format_value(item.get("name")),
                    format_value(item.get("category")),
                    *_counts(item),
                ]
                for item in listing.items
            )
            for line in table(("id", "name", "category", "tools", "widgets", "auth", "integrations"), rows):
                echo(*line)

    run(work())


def _sort_key(name: str, server: str) -> Callable[[Any], Any]:
    """Return the key to sort apps by: the time they were opened in the program, the last first, or a property."""
    if name == "recent":
        from drio_tui.workspace import recent_apps

        opened = recent_apps.load(server).opened
        return lambda app: -opened.get(str(app.get("id")), 0.0) if isinstance(app, dict) else 0.0
    return lambda app: sort_key(app.get(name) if isinstance(app, dict) else None)


_PARTS = ("tools", "widgets", "auth", "integrations")


def _counts(template: dict[str, Any]) -> list[str]:
    """Return the number of items of each part, `-` where the template has no list."""
    parts = (template.get(name) for name in _PARTS)
    return [str(len(part)) if isinstance(part, list) else "-" for part in parts]


def _print_template(template: dict[str, Any]) -> None:
    echo(style(format_value(template.get("name")), bold=True), f"  {format_value(template.get('id'))}")
    if template.get("category"):
        echo(f"Category: {format_value(template['category'])}")
    description = template.get("description")
    if isinstance(description, str) and description:
        echo(f"\n{description}")
    for part in _PARTS:
        items = template.get(part)
        if not isinstance(items, list) or not items:
            continue
        echo("\n", style(f"{part.capitalize()} ({len(items)})", bold=True))
        for item in items:
            if not isinstance(item, dict):
                echo(f"  {format_value(item)}")
                continue
            detail = item.get("description") or item.get("primitive") or item.get("providerKey") or item.get("baseUrl")
            detail_text = f"  {format_value(detail, 90)}" if isinstance(detail, str) else ""
            echo(f"  {format_value(item.get('name') or item.get('key'))}{detail_text}")


@click.command()
@connection_options
@handle_errors
def me(profile: str | None, base_url: str | None, sandbox: bool, as_json: bool) -> None:
    """Show who is signed in."""

    async def work() -> None:
        async with command_session(**effective_options(profile, base_url, sandbox), notice=info) as session:
            user = (await session.client.me()).raw
        if as_json:
            echo_json({"user": redact(user)})
            return
        name, email = user.get("name"), user.get("email")
        echo(
            " ".join(filter(None, (format_value(name) if name else "", f"<{format_value(email)}>" if email else "")))
            or "-"
        )
        info(f"id {format_value(user.get('id'))} on {session.host}")

    run(work())


@click.command()
@click.argument("app", metavar="APP", shell_complete=completer("apps"))
@click.option(
    "--kind",
    "kind_name",
    metavar="KIND",
    shell_complete=completer("kinds"),
    help="Only one kind: auth, integrations, operations, tools, widgets.",
)
@connection_options
@handle_errors
def inspect(
    app: str, kind_name: str | None, profile: str | None, base_url: str | None, sandbox: bool, as_json: bool
) -> None:
    """Show the config of APP (its id or slug): a tree with its problems, or with --json the config itself."""
    kind = find_kind(kind_name) if kind_name else None

    async def work() -> None:
        async with command_session(**effective_options(profile, base_url, sandbox), notice=info) as session:
            app_id = await find_app(session.client, app)
            if as_json:
                config = redact(await session.client.config(app_id))
                echo_json({kind.list_key: config.get(kind.list_key)} if kind and kind is not APP else config)
                return
            # Only the tree needs references and diagnostics, so --json does not pay for these imports.
            from drio_tui.cli.inspect_tree import app_tree

            for line in await app_tree(session.client, app_id, kind):
                echo(*line)

    run(work())


def find_kind(text: str) -> Kind[Any]:
    """Return the kind that is named `text`, in the singular or the plural. Raises `UsageError`."""
    kind = kind_named(text)
    if kind is None:
        known = [known_kind.list_key for known_kind in KINDS.values()]
        hint = f"{did_you_mean(text, known)} The kinds are: {', '.join(known)}.".strip()
        raise UsageError(f"there is no kind {one_line(text, 40)}", hint=hint)
    return kind


async def suggest_template(client: DrioClient, template_id: str, error: DrioError) -> None:
    """Put the ids nearest to `template_id` into the hint of `error`, unless there is a template with that id."""
    try:
        known = [item.get("id") for item in (await client.templates()).items]
    except DrioError:
        return
    if template_id not in known:
        error.hint = f"{did_you_mean(template_id, known)} `{command_hint('templates')}` lists what is there.".strip()


async def find_app(client: DrioClient, identifier: str) -> str:
    """Return the id of the app whose id, slug or name is `identifier`.

    Raises `NotFound`, or `UsageError` if several apps have the name.
    """
    listing = await client.list(APP)
    matches = named(listing.items, identifier, lambda app, name: app.get(name))
    ids = [app["id"] for app in matches if isinstance(app.get("id"), str)]
    if len(ids) == 1:
        return str(ids[0])
    if ids:
        raise UsageError(
            f"{len(ids)} apps are called {one_line(identifier, 80)}: {', '.join(one_line(id, 80) for id in ids)}",
            hint=f"Name it by id: `{command_hint('apps')}`.",
        )
    known = (app.get(name) for app in listing.items for name in ("slug", "name"))
    raise not_found_error(
        "app has the id or slug", identifier, known, otherwise=f"`{command_hint('apps')}` lists what is there."
    )
