"""Opening the TUI, after the checks whose errors have to be printed before it."""

from __future__ import annotations

from pathlib import Path

import click

from drio_tui.cli.common import DATA_NEEDS_SANDBOX, cassette_mode
from drio_tui.cli.streams import exit_if_closed, exit_process
from drio_tui.launcher import start_early
from drio_tui.ui.app.launch import refusal, run_tui
from drio_tui.ui.base.launch_options import LaunchOptions


def start(
    *,
    profile: str | None,
    base_url: str | None,
    sandbox: bool,
    data: str | None,
    read_only: bool,
    no_live: bool = False,
    new: tuple[str, str] | None = None,
) -> None:
    """Run the TUI with the command line's options and exit. Raises `click.UsageError` if there is no terminal."""
    if data and not sandbox:
        raise click.UsageError(DATA_NEEDS_SANDBOX)
    exit_if_closed("stdin", "stdout", "stderr")
    reason = refusal()
    if reason:
        raise click.UsageError(reason)
    cassette = cassette_mode()
    if cassette == "replay":  # the cassette says where to
        profile, base_url, sandbox, data = None, None, False, None
    if sandbox:
        start_early(data)
    options = LaunchOptions(
        profile=profile,
        base_url=base_url,
        sandbox=sandbox,
        read_only=read_only,
        data_dir=Path(data) if data else None,
        new=new,
        cassette=cassette,
        live=not no_live,
    )
    exit_process(run_tui(options), finalize=False)
