"""The sign-in doctor: the steps of a sign-in as a list, and what the selected one found."""

from __future__ import annotations

import asyncio

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.message import Message
from textual.reactive import var
from textual.widgets import Button, Input, Static

from drio_tui.api.errors import DrioError
from drio_tui.auth.doctor.doctor import STEPS, Doctor
from drio_tui.auth.doctor.report import Check, DoctorStep, Outcome, Report
from drio_tui.auth.errors import PasteRefused
from drio_tui.auth.events import Event, PasteOffered, UrlReady
from drio_tui.auth.profiles import Profiles
from drio_tui.text import count_of
from drio_tui.ui.base import keymap
from drio_tui.ui.base.keymap import Key
from drio_tui.ui.base.stylesheets import stylesheet
from drio_tui.ui.base.workers import start_worker
from drio_tui.ui.screen import DrioScreen
from drio_tui.ui.signin.profile import profile_to_sign_in
from drio_tui.ui.widgets.copy_field import CopyField
from drio_tui.ui.widgets.row_list import Column, Row, RowList
from drio_tui.ui.widgets.sanitize import sanitize, sanitize_line

_SYMBOLS = {
    Outcome.OK: ("✓", "$text-success"),
    Outcome.WARNING: ("!", "$text-warning"),
    Outcome.FAILED: ("✗", "$text-error"),
    Outcome.SKIPPED: ("-", "$foreground-muted"),
}
_CONSENT = "needs Continue"
_TRIAL = "Continue tries a sign-in: a client and tokens that are thrown away, in your browser."


class DoctorScreen(DrioScreen[None]):
    """Examines the sign-in to `base_url` (normalized; None: the host in use), and tries one if the user agrees."""

    CSS_PATH = stylesheet("doctor")
    BINDINGS = keymap.section(
        "doctor",
        "Sign-in doctor",
        Key("doctor.go_on", "n", "go_on", "Continue", "Run the next step, or try a sign-in after the last"),
        Key("doctor.again", "r", "again", "Run again", "Run all steps again"),
        Key("doctor.step", "s", "step", "Step by step", "Run again, and wait before each step"),
        Key("doctor.report", "y", "copy_report", "Copy report", "Copy the report, which has no secrets"),
        Key("doctor.curl", "c", "curl", "Copy as curl", "Copy the request of the step as a curl command"),
        Key("doctor.paste", "p", "paste_field", "Paste", "Go to the field for the address the browser ended at"),
    )

    checks: var[dict[str, Check]] = var(dict, init=False)
    """What was found until now, by the id of the step."""

    waiting_for: var[str] = var("", init=False)
    """What runs when the user continues: the id of a step, `sign-in`, or nothing."""

    url: var[str] = var("", init=False)
    """The address to open in the browser, while the trial waits for it."""

    ended: var[bool] = var(False, init=False)
    """Whether all steps ended."""

    class Checked(Message):
        """A step ended."""

        def __init__(self, run: int, check: Check) -> None:
            super().__init__()
            self.run = run
            self.check = check

    class Waits(Message):
        """The doctor waits until the user continues; `step` is the id of the next step, `sign-in`, or empty."""

        def __init__(self, run: int, step: str) -> None:
            super().__init__()
            self.run = run
            self.step = step

    class Progressed(Message):
        """The browser part of the trial sent an event."""

        def __init__(self, run: int, event: Event) -> None:
            super().__init__()
            self.run = run
            self.event = event

    class Ended(Message):
        """All steps ended."""

        def __init__(self, run: int) -> None:
            super().__init__()
            self.run = run

    class Failed(Message):
        """The doctor could not begin."""

        def __init__(self, run: int, error: DrioError) -> None:
            super().__init__()
            self.run = run
            self.error = error

    def __init__(self, base_url: str | None = None, *, open_browser: bool = True) -> None:
        super().__init__()
        self.base_url = base_url
        self._open_browser = open_browser
        self._run = 0
        self._doctor: Doctor | None = None
        self._continued = asyncio.Event()

    def compose_body(self) -> ComposeResult:
        with Horizontal(id="doctor"):
            yield RowList(
                Column("", 1, min_width=1), Column("Step", 30, min_width=20), Column("Found", min_width=16, rank=1)
            )
            with VerticalScroll(id="details"):
                yield Static(id="detail")
        with Vertical(id="trial"):
            yield Static(id="next")
            yield CopyField(what="the address", id="url")
            yield Input(placeholder="Paste the address the browser ended at", id="pasted")
            yield Static(id="refused")
            yield Button("Continue", id="continue", variant="primary", compact=True)

    def on_mount(self) -> None:
        super().on_mount()
        self.query_one(RowList).focus()
        self._start()

    def session_changed(self) -> None:
        """Stay: the report is of a server, whoever is signed in."""

    # -- running ----------------------------------------------------------------------------------

    def _start(self, *, step_by_step: bool = False) -> None:
        """Start from the beginning; messages of an earlier run are ignored, and what it was granted is revoked."""
        self._run += 1
        self._continued = asyncio.Event()
        self.checks, self.waiting_for, self.url, self.ended = {}, "", "", False
        self._show_rows()
        self._show_next()
        start_worker(self, self._examine, self._run, self._continued, step_by_step, group="doctor", exclusive=True)

    async def _examine(self, run: int, continued: asyncio.Event, step_by_step: bool) -> None:
        async def wait(step: str) -> None:
            continued.clear()
            self.post_message(self.Waits(run, step))
            await continued.wait()

        async def before(step: DoctorStep) -> None:
            if step_by_step:
                await wait(step.id)

        def post_check(check: Check) -> None:
            self.post_message(self.Checked(run, check))

        def post_event(event: Event) -> None:
            self.post_message(self.Progressed(run, event))

        settings = self.drio.settings
        try:
            profiles = await asyncio.to_thread(Profiles.load)
            profile = profile_to_sign_in(self.connection, self.base_url, profiles)
            async with Doctor(
                profile,
                insecure_storage=settings.insecure_storage,
                before=before,
                on_check=post_check,
                on_event=post_event,
                open_browser=self._open_browser,
                timeout=settings.login_timeout,
                consent_hint=_CONSENT,
            ) as self._doctor:
                await self._doctor.run()
                if self._doctor.can_sign_in:
                    await wait("sign-in")
                    await self._doctor.run(sign_in=True)
            self.post_message(self.Ended(run))
        except DrioError as error:
            self.post_message(self.Failed(run, error))

    def on_doctor_screen_checked(self, message: Checked) -> None:
        if message.run == self._run:
            self.checks = {**self.checks, message.check.step.id: message.check}
            if message.check.step.id == "callback":
                self.url = ""

    def on_doctor_screen_waits(self, message: Waits) -> None:
        if message.run == self._run:
            self.waiting_for = message.step

    def on_doctor_screen_progressed(self, message: Progressed) -> None:
        if message.run != self._run:
            return
        match message.event:
            case UrlReady(url):
                self.url = url
            case PasteOffered(reason):
                self.query_one("#next", Static).update(
                    sanitize(f"{reason}. Open the address where you have a browser, then paste where it ended.")
                )

    def on_doctor_screen_ended(self, message: Ended) -> None:
        if message.run == self._run:
            self.ended = True

    def on_doctor_screen_failed(self, message: Failed) -> None:
        if message.run == self._run:
            self.drio.show_error(message.error)

    # -- showing ----------------------------------------------------------------------------------

    @property
    def report(self) -> Report | None:
        """The report of the steps that ended; None before the first one."""
        return self._doctor.report if self._doctor is not None and self.checks else None

    @property
    def chosen(self) -> Check | None:
        """The check of the selected step; None if it has not run yet."""
        return self.checks.get(self.query_one(RowList).key or "")

    def watch_checks(self) -> None:
        self._show_rows()
        self._show_detail()

    def watch_waiting_for(self) -> None:
        self._show_next()
        if self.waiting_for in {step.id for step in STEPS}:
            self.query_one(RowList).choose(self.waiting_for)
        elif self.waiting_for:
            self._choose_failed()

    def watch_ended(self) -> None:
        self._show_next()
        if self.ended:
            self._choose_failed()

    def watch_url(self) -> None:
        self._show_next()

    @property
    def _failed(self) -> list[str]:
        """The ids of the steps that failed."""
        return [step.id for step in STEPS if step.id in self.checks and self.checks[step.id].outcome == Outcome.FAILED]

    def _choose_failed(self) -> None:
        if self._failed:
            self.query_one(RowList).choose(self._failed[0])

    def _show_rows(self) -> None:
        rows = []
        for step in STEPS:
            check = self.checks.get(step.id)
            symbol, colour = _SYMBOLS[check.outcome] if check is not None else ("·", "$foreground-muted")
            summary = "" if check is None else check.summary
            muted = "$foreground-muted" if check is None or check.outcome == Outcome.SKIPPED else ""
            title = Content.styled(step.title, muted)
            rows.append(Row(step.id, (Content.styled(symbol, colour), title, sanitize_line(summary, 200, muted))))
        self.query_one(RowList).show(rows)

    @on(RowList.Moved)
    def _show_detail(self) -> None:
        step = next((step for step in STEPS if step.id == self.query_one(RowList).key), STEPS[0])
        check = self.checks.get(step.id)
        if check is None:
            rule = Content.assemble(("rule  ", "$foreground-muted"), step.rule) if step.rule else Content()
            self.query_one("#detail", Static).update(Content("\n").join([Content.styled(step.title, "bold"), rule]))
            return
        symbol, colour = _SYMBOLS[check.outcome]
        parts = [
            Content.assemble((f"{symbol} {check.outcome}  ", colour), (step.title, "bold")),
            sanitize(check.summary),
        ]
        for label, text in check.lines():
            style = "$text-warning" if label == "do" else ""
            parts += [Content(), Content.styled(label, "$foreground-muted"), sanitize(text, style)]
        self.query_one("#detail", Static).update(Content("\n").join(parts))

    def _show_next(self) -> None:
        """Show what comes next: continue, or open the address and paste where the browser ended."""
        self.query_one("#url", CopyField).set_text(self.url)
        for name in ("#url", "#pasted"):
            self.query_one(name).display = bool(self.url)
        self.query_one("#refused").display = False
        self.query_one("#continue").display = bool(self.waiting_for)
        title = next((step.title for step in STEPS if step.id == self.waiting_for), "")
        found = f"{count_of(len(self._failed), 'step')} failed." if self._failed else "No step failed."
        if title:
            text = f"Next: {title}"
        elif self.waiting_for:
            text = f"{found} {_TRIAL}"
        elif self.url:
            text = "Open this address in your browser (y copies it):"
        else:
            text = found if self.ended else "Examining …"
        self.query_one("#next", Static).update(text)

    # -- actions ----------------------------------------------------------------------------------

    def disabled_reason(self, action: str, parameters: tuple[object, ...]) -> str | None:
        if not self.is_mounted:
            return None
        match action:
            case "go_on" if not self.waiting_for:
                return "There is nothing to continue."
            case "copy_report" if not self.checks:
                return "There is no report yet."
            case "curl" if self.chosen is None or not self.chosen.curl:
                return "This step has sent no request."
            case "paste_field" if not self.url:
                return "Nothing waits for the browser."
        return None

    @on(Input.Submitted, "#pasted")
    def _paste(self, event: Input.Submitted) -> None:
        if self._doctor is None or not event.value.strip():
            return
        refused = self.query_one("#refused", Static)
        try:
            self._doctor.paste(event.value)
        except PasteRefused as error:
            refused.update(sanitize(f"{error.message} {error.hint}"))
            refused.display = True
        else:
            self.query_one(RowList).focus()

    @on(Button.Pressed, "#continue")
    def action_go_on(self) -> None:
        if self.waiting_for:
            self.waiting_for = ""
            self._continued.set()
            self.query_one(RowList).focus()

    def action_again(self) -> None:
        self._start()

    def action_step(self) -> None:
        self._start(step_by_step=True)

    def action_copy_report(self) -> None:
        if (report := self.report) is not None:
            self.drio.copy(report.as_text(), "the report")

    def action_curl(self) -> None:
        if (check := self.chosen) is not None and check.curl:
            self.drio.copy(check.curl, "the curl command")

    def action_paste_field(self) -> None:
        self.query_one("#pasted").focus()

    def action_back(self) -> None:
        """Leave; a trial that runs is stopped, and what it was granted is revoked."""
        rows = self.query_one(RowList)
        if self.focused is not None and self.focused is not rows:
            rows.focus()
        else:
            self._run += 1
            self.dismiss(None)
