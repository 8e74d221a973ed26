"""Start the terminal interface, and leave the terminal as it was."""

from __future__ import annotations

import gc
import os
import sys

from drio_tui.ui.base.launch_options import LaunchOptions

__all__ = ["LaunchOptions", "refusal", "run_tui"]


def refusal() -> str | None:
    """Return why the interface cannot be shown on this terminal; None if it can."""
    if not all(stream.isatty() for stream in (sys.stdin, sys.stdout, sys.stderr)):
        return "the interface needs a terminal; for scripts see `drio-tui --help` (apps, inspect, templates …)"
    if os.environ.get("TERM", "") == "dumb":
        return "this terminal (TERM=dumb) cannot draw the interface; try `drio-tui apps`, or another TERM"
    return None


def run_tui(options: LaunchOptions | None = None) -> int:
    """Run the interface until the user quits; return the exit code (128 + n after signal n, 1 after a crash)."""
    gc.disable()  # collecting would take a seventh of the time to the first list; the app enables it later
    from drio_tui.ui.app.drio_app import DrioApp
    from drio_tui.ui.app.idle_work import postpone_full_collections

    # Collections then skip the imported modules.
    gc.freeze()
    postpone_full_collections()
    app = DrioApp(options)
    try:
        result = app.run()
    finally:
        gc.enable()
    if app.crashed is not None:
        from drio_tui.ui.app import crash_report

        crash_report.print_summary(app.crashed, crash_report.write_report(app.crashed))
        return 1
    return result if isinstance(result, int) else app.return_code or 0
