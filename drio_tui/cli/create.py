"""`create`: create an app from a template."""

from __future__ import annotations

import click

from drio_tui.api.errors import BadRequest, DrioError, NotFound, Unprocessable
from drio_tui.cli.common import (
    command_hint,
    completer,
    connection_options,
    effective_options,
    handle_errors,
    refuse_read_only,
    run,
)
from drio_tui.cli.output import echo, echo_json, info
from drio_tui.cli.read import suggest_template
from drio_tui.cli.render import format_value
from drio_tui.kinds import APP
from drio_tui.session import command_session
from drio_tui.text import one_line


@click.command()
@click.option(
    "--template",
    "template_id",
    metavar="ID",
    required=True,
    shell_complete=completer("templates"),
    help="The template to start from.",
)
@click.option("--name", metavar="NAME", required=True, help="The app's name.")
@click.option("--slug", metavar="SLUG", help="Its slug; made from the name by the server when left out.")
@click.option("--company-url", metavar="URL", help="The company's site.")
@click.option("--description", metavar="TEXT", help="What the app does.")
@click.option("--server-instructions", metavar="TEXT", help="Instructions for every connected model.")
@connection_options
@handle_errors
def create(
    template_id: str,
    name: str,
    slug: str | None,
    company_url: str | None,
    description: str | None,
    server_instructions: str | None,
    profile: str | None,
    base_url: str | None,
    sandbox: bool,
    as_json: bool,
) -> None:
    """Create an app from a template; prints its id."""
    refuse_read_only("--read-only creates nothing")
    properties = {
        "templateId": template_id,
        "name": name,
        "slug": slug,
        "companyUrl": company_url,
        "description": description,
        "serverInstructions": server_instructions,
    }
    body = {name: value for name, value in properties.items() if value is not None}

    async def work() -> None:
        async with command_session(**effective_options(profile, base_url, sandbox), notice=info) as session:
            try:
                app = await session.client.create(APP, body)
            except DrioError as error:
                if error.outcome_unknown:
                    error.hint = f"Look with `{command_hint('apps')}` before creating it again."
                elif isinstance(error, BadRequest | NotFound | Unprocessable):
                    await suggest_template(session.client, template_id, error)
                raise
        if as_json:
            echo_json({"app": app.raw})
            return
        echo(format_value(app.raw.get("id"), 200))
        created_slug = str(app.raw.get("slug") or app.raw.get("id") or "")
        info(f"Created {one_line(name, 80)}. Look at it: {command_hint('inspect', created_slug)}")

    run(work())
