"""`doctor`: examines the sign-in step by step. The report goes to stdout, what the browser part says to stderr."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import click

from drio_tui.cli import streams
from drio_tui.cli.common import connection_options, effective_options, handle_errors, refuse_replay, run
from drio_tui.cli.output import confirm, echo, echo_json, pause, style
from drio_tui.cli.sign_in_events import (
    accept_pasted_url,
    load_settings,
    notifier,
    notify_of_event,
    notify_of_profile_notices,
    sandbox_url,
)

if TYPE_CHECKING:
    from drio_tui.auth.doctor.report import Check, DoctorStep, Report
    from drio_tui.auth.events import Event

_COLOURS = {"ok": "green", "warning": "yellow", "failed": "red", "skipped": "bright_black"}


@click.command(epilog="Exit codes: 0 no step failed, 1 a step failed, 2 usage.")
@connection_options
@click.option("--sign-in", is_flag=True, help="Also try a sign-in, with a client and tokens that are thrown away.")
@click.option("--step", is_flag=True, help="Wait for Enter before each step, and ask before the sign-in.")
@click.option("--no-browser", is_flag=True, help="Open no browser; paste the address it ended at.")
@click.option(
    "--timeout", type=click.FloatRange(1, 3600), default=300, show_default=True, help="Seconds to wait for the browser."
)
@handle_errors
def doctor(
    profile: str | None,
    base_url: str | None,
    sandbox: bool,
    as_json: bool,
    sign_in: bool,
    step: bool,
    no_browser: bool,
    timeout: float,
) -> None:
    """Examine the sign-in step by step, and say what to do.

    Looks at this machine (keyring, file modes, clock, proxy, certificates, terminal), at the network, and at what the
    server says about signing in. Without --sign-in no browser opens; the stored sign-in is not touched either way.

    The report has no secrets, and can be attached to a bug report.
    """
    from drio_tui.api.errors import UsageError
    from drio_tui.asyncio_wait import in_daemon_thread
    from drio_tui.auth.doctor.doctor import Doctor
    from drio_tui.auth.events import UrlReady
    from drio_tui.auth.profiles import Profiles, token_variable

    refuse_replay("the doctor examines a server, and a replay uses no network")
    if step and not streams.can_prompt():
        raise UsageError("--step waits for Enter, and stdin is no terminal.")
    options = effective_options(profile, base_url, sandbox)
    profiles = Profiles.load()
    notify = notifier(as_json)
    url = sandbox_url(options["data_dir"], notify) if options["sandbox"] else options["base_url"]
    chosen = profiles.resolve(options["profile"], url)
    settings = load_settings(notify)
    notify_of_profile_notices(profiles, notify)
    if variable := token_variable(chosen.name):
        notify("notice", f"{variable} is set and overrides the sign-in that is examined here.")
    pasting = contextlib.ExitStack()
    output = _CheckOutput(asks=step and not sign_in)

    async def wait_for_enter(next_step: DoctorStep) -> None:
        if step:
            await in_daemon_thread(
                "drio-tui prompt", lambda: pause(f"Next: {next_step.title} (Enter goes on, Ctrl+C stops)")
            )

    def see_check(check: Check) -> None:
        if check.step.id == "callback":
            pasting.close()
        if not as_json:
            output.show(check)

    def see_event(event: Event) -> None:
        notify_of_event(event, notify, as_json)
        if isinstance(event, UrlReady):
            pasting.enter_context(accept_pasted_url(examination, notify, piped=no_browser))

    examination = Doctor(
        chosen,
        insecure_storage=settings.insecure_storage,
        before=wait_for_enter,
        on_check=see_check,
        on_event=see_event,
        open_browser=not no_browser,
        timeout=timeout,
    )

    async def work() -> Report:
        async with examination:
            with pasting:
                report = await examination.run(sign_in=sign_in)
                if step and not sign_in and examination.can_sign_in:
                    question = "Try a sign-in now? It opens the browser; client and tokens are thrown away."
                    if await in_daemon_thread("drio-tui prompt", lambda: confirm(question)):
                        output.begin_sign_in()
                        report = await examination.run(sign_in=True)
                output.finish()
                return report

    if not as_json:
        echo(f"drio-tui doctor: {examination.report.base_url}\n")
    report = run(work())
    if as_json:
        echo_json(report.as_dict())
    elif report.is_ok:
        echo("\nNo step failed.")
    else:
        echo("\nFailed: ", style(", ".join(check.step.title for check in report.failed), fg="red", bold=True))
    raise SystemExit(0 if report.is_ok else 1)


class _CheckOutput:
    """Prints the checks, each step once: with `asks`, the skipped steps of a sign-in only if no sign-in follows."""

    def __init__(self, *, asks: bool) -> None:
        self._asks = asks
        self._skipped: list[Check] = []

    def show(self, check: Check) -> None:
        if self._asks and check.step.signs_in and check.outcome == "skipped":
            self._skipped.append(check)
        else:
            _print_check(check)

    def begin_sign_in(self) -> None:
        """The steps of the sign-in run now."""
        self._asks = False
        self._skipped.clear()

    def finish(self) -> None:
        """Print what was skipped in the end."""
        for check in self._skipped:
            _print_check(check)


def _print_check(check: Check) -> None:
    echo(
        style(f"{check.outcome:8}", fg=_COLOURS[check.outcome]),
        " ",
        style(check.step.title, bold=True),
        f": {check.summary}",
    )
    for label, text in check.lines():
        echo(f"{'':9}", style(label, dim=True), f": {text}")
