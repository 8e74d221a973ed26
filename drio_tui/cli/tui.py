"""Opening the program: the checks that belong before the screen is taken."""

from __future__ import annotations

from pathlib import Path

import click

from drio_tui.cli.common import DATA_ALONE
from drio_tui.cli.streams import exit_if_closed, leave
from drio_tui.ui.app.launch import refusal, run_tui
from drio_tui.ui.base.launch_options import LaunchOptions


def start(
    *,
    profile: str | None,
    base_url: str | None,
    sandbox: bool,
    data: str | None,
    read_only: bool,
    new: tuple[str, str] | None = None,
) -> None:
    """Run the TUI with the command line's options; exits with 2 where there is no terminal to run in."""
    if data and not sandbox:
        raise click.UsageError(DATA_ALONE)
    exit_if_closed("stdin", "stdout", "stderr")
    reason = refusal()
    if reason:
        raise click.UsageError(reason)
    options = LaunchOptions(
        profile=profile,
        base_url=base_url,
        sandbox=sandbox,
        read_only=read_only,
        data_dir=Path(data) if data else None,
        new=new,
    )
    leave(run_tui(options), finalize=False)
