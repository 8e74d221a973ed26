"""`create`: an app from a template."""

from __future__ import annotations

import click

from drio_tui.api.errors import BadRequest, DrioError, NotFound, Unprocessable
from drio_tui.cli.common import command, completes, connection_options, guarded, inherited, refuse_read_only, run
from drio_tui.cli.output import echo, echo_json, say
from drio_tui.cli.read import suggest_template
from drio_tui.cli.render import shown
from drio_tui.kinds import APP
from drio_tui.session import connected
from drio_tui.text import one_line


@click.command()
@click.option(
    "--template",
    "template_id",
    metavar="ID",
    required=True,
    shell_complete=completes("templates"),
    help="The template to start from.",
)
@click.option("--name", metavar="NAME", required=True, help="The app's name.")
@click.option("--slug", metavar="SLUG", help="Its slug; made from the name by the server when left out.")
@click.option("--company-url", metavar="URL", help="The company's site.")
@click.option("--description", metavar="TEXT", help="What the app does.")
@click.option("--server-instructions", metavar="TEXT", help="What every connected model is told.")
@connection_options
@guarded
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
    given = {
        "templateId": template_id,
        "name": name,
        "slug": slug,
        "companyUrl": company_url,
        "description": description,
        "serverInstructions": server_instructions,
    }
    body = {member: value for member, value in given.items() if value is not None}

    async def work() -> None:
        async with connected(**inherited(profile, base_url, sandbox), notice=say) as session:
            try:
                made = await session.client.create(APP, body)
            except DrioError as error:
                if error.outcome_unknown:
                    error.hint = f"Look with `{command('apps')}` before creating it again."
                elif isinstance(error, BadRequest | NotFound | Unprocessable):
                    await suggest_template(session.client, template_id, error)
                raise
        if as_json:
            echo_json({"app": made.raw})
            return
        echo(shown(made.raw.get("id"), 200))
        slug_given = one_line(str(made.raw.get("slug") or made.raw.get("id") or ""), 300)
        say(f"Created {one_line(name, 80)}. Look at it: {command(f'inspect {slug_given}')}")

    run(work())
