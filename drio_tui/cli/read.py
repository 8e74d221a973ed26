"""`apps`, `templates`, `me`, `inspect`: looking, for scripts and screen readers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from drio_tui.api.errors import DrioError, NotFound, UsageError
from drio_tui.api.redact import redact
from drio_tui.cli.common import command, completes, connection_options, guarded, inherited, no_such, run
from drio_tui.cli.output import echo, echo_json, say, style
from drio_tui.cli.render import shown, table
from drio_tui.kinds import APP, KINDS, kind_named
from drio_tui.session import connected
from drio_tui.text import did_you_mean, one_line

if TYPE_CHECKING:
    from drio_tui.api.client import DrioClient


@click.command()
@connection_options
@guarded
def apps(profile: str | None, base_url: str | None, sandbox: bool, as_json: bool) -> None:
    """List your apps."""

    async def work() -> None:
        async with connected(**inherited(profile, base_url, sandbox), notice=say) as session:
            listing = await session.client.list(APP)
        if as_json:
            echo_json(redact({"apps": listing.raw, **listing.extra}))
            return
        if not listing.raw:
            say("No apps yet. `drio-tui create --template support --name NAME` makes one.")
            return
        headers = ("name", "slug", "status", "version", "enabled", "template", "id")
        members = ("name", "slug", "status", "version", "isEnabled", "templateId", "id")
        for line in table(headers, ([shown(app.get(member)) for member in members] for app in listing.items)):
            echo(*line)
        for degraded in listing.degraded:
            say(f"An app is not as documented: {degraded.reason}")

    run(work())


@click.command()
@click.argument("template_id", metavar="[ID]", required=False, shell_complete=completes("templates"))
@connection_options
@guarded
def templates(template_id: str | None, profile: str | None, base_url: str | None, sandbox: bool, as_json: bool) -> None:
    """List the templates, or show one. Needs no sign-in."""

    async def work() -> None:
        async with connected(**inherited(profile, base_url, sandbox), anonymous=True, notice=say) as session:
            if template_id is not None:
                try:
                    found = (await session.client.template(template_id)).raw
                except NotFound as error:
                    await suggest_template(session.client, template_id, error)
                    raise
            else:
                listing = await session.client.templates()
        if template_id is not None:
            if as_json:
                echo_json({"template": found})
            else:
                _show_template(found)
        elif as_json:
            echo_json({"templates": listing.raw, **listing.extra})
        elif not listing.raw:
            say("The server offers no templates.")
        else:
            rows = (
                [shown(item.get("id")), shown(item.get("name")), shown(item.get("category")), *_counts(item)]
                for item in listing.items
            )
            for line in table(("id", "name", "category", "tools", "widgets", "auth", "integrations"), rows):
                echo(*line)

    run(work())


_PARTS = ("tools", "widgets", "auth", "integrations")


def _counts(template: dict[str, Any]) -> list[str]:
    found = (template.get(part) for part in _PARTS)
    return [str(len(part)) if isinstance(part, list) else "-" for part in found]


def _show_template(template: dict[str, Any]) -> None:
    echo(style(shown(template.get("name")), bold=True), f"  {shown(template.get('id'))}")
    if template.get("category"):
        echo(f"Category: {shown(template['category'])}")
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
                echo(f"  {shown(item)}")
                continue
            about = item.get("description") or item.get("primitive") or item.get("providerKey") or item.get("baseUrl")
            tail = f"  {shown(about, 90)}" if isinstance(about, str) else ""
            echo(f"  {shown(item.get('name') or item.get('key'))}{tail}")


@click.command()
@connection_options
@guarded
def me(profile: str | None, base_url: str | None, sandbox: bool, as_json: bool) -> None:
    """Say who is signed in."""

    async def work() -> None:
        async with connected(**inherited(profile, base_url, sandbox), notice=say) as session:
            user = (await session.client.me()).raw
        if as_json:
            echo_json({"user": redact(user)})
            return
        name, email = user.get("name"), user.get("email")
        echo(" ".join(filter(None, (shown(name) if name else "", f"<{shown(email)}>" if email else ""))) or "-")
        say(f"id {shown(user.get('id'))} on {session.host}")

    run(work())


@click.command()
@click.argument("app", metavar="APP", shell_complete=completes("apps"))
@click.option(
    "--kind",
    "only",
    metavar="KIND",
    shell_complete=completes("kinds"),
    help="Only one kind: auth, integrations, operations, tools, widgets.",
)
@connection_options
@guarded
def inspect(
    app: str, only: str | None, profile: str | None, base_url: str | None, sandbox: bool, as_json: bool
) -> None:
    """Show the config of APP (its id or slug): a tree with its problems, or with --json the config itself."""
    kind = kind_named(only) if only else None
    if only and kind is None:
        known = [kind.list_key for kind in KINDS.values()]
        hint = f"{did_you_mean(only, known)} The kinds are: {', '.join(known)}.".strip()
        raise UsageError(f"there is no kind {one_line(only, 40)}", hint=hint)

    async def work() -> None:
        async with connected(**inherited(profile, base_url, sandbox), notice=say) as session:
            app_id = await find_app(session.client, app)
            if as_json:
                config = redact(await session.client.config(app_id))
                echo_json({kind.list_key: config.get(kind.list_key)} if kind and kind is not APP else config)
                return
            # The tree needs the whole picture: references and problems, which --json does not pay for.
            from drio_tui.cli.inspect_tree import app_tree

            for line in await app_tree(session.client, app_id, kind):
                echo(*line)

    run(work())


async def suggest_template(client: DrioClient, wanted: str, error: DrioError) -> None:
    """Put the templates nearest to `wanted` into the hint of `error`, unless there is one of that id."""
    try:
        known = [item.get("id") for item in (await client.templates()).items]
    except DrioError:
        return
    if wanted not in known:
        error.hint = f"{did_you_mean(wanted, known)} `drio-tui templates` lists what is there.".strip()


async def find_app(client: DrioClient, wanted: str) -> str:
    """The id of the app that `wanted` names by id, slug or, if just one has it, name.

    Raises `NotFound`, or `UsageError` when a name is not enough.
    """
    listing = await client.list(APP)
    for member in ("id", "slug", "name"):
        found = [item["id"] for item in listing.items if item.get(member) == wanted and isinstance(item.get("id"), str)]
        if len(found) == 1:
            return str(found[0])
        if found:
            raise UsageError(
                f"{len(found)} apps have the {member} {one_line(wanted, 80)}",
                hint=f"Name it by id: `{command('apps')}`.",
            )
    known = (item.get(member) for item in listing.items for member in ("slug", "name"))
    raise no_such("app has the id or slug", wanted, known, otherwise=f"`{command('apps')}` lists what is there.")
