"""`new`: open the program at the wizard."""

from __future__ import annotations

import click

from drio_tui.cli.common import completer, effective_options, is_read_only, profile_option


@click.command()
@click.option(
    "--template", metavar="ID", default="", shell_complete=completer("templates"), help="The template to start from."
)
@click.option("--name", metavar="NAME", default="", help="The app's name.")
@profile_option
@click.option("--base-url", metavar="URL", help="The drio host, instead of the profile's.")
@click.option("--sandbox", is_flag=True, help="Use the local sandbox; it is started if none is running.")
def new(template: str, name: str, profile: str | None, base_url: str | None, sandbox: bool) -> None:
    """Create an app step by step, in the program.

    For scripts there is `drio-tui create`.
    """
    from drio_tui.cli.tui import start  # textual is imported only when the program opens

    if is_read_only():
        raise click.UsageError("--read-only takes away everything that changes something, creating apps too")
    options = effective_options(profile, base_url, sandbox)
    start(
        profile=options["profile"], base_url=options["base_url"], sandbox=options["sandbox"], data=options["data_dir"],
        read_only=False, new=(template, name),
    )  # fmt: skip
