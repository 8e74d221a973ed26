"""Sign-in through the browser: shows its steps, the address to open, and a field to paste the redirect address."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from textual import events, on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.message import Message
from textual.reactive import var
from textual.widgets import Button, Input, Static

from drio_tui.api.errors import DrioError
from drio_tui.auth.errors import PasteRefused, SignInCancelled, Step
from drio_tui.auth.events import Event, Notice, PasteOffered, StepDone, StepStarted, StillWaiting, UrlReady, Waiting
from drio_tui.auth.flow import SignInFlow, SignInResult
from drio_tui.auth.profiles import Profiles
from drio_tui.auth.token_store import TokenStore
from drio_tui.ui.base import keymap
from drio_tui.ui.base.keymap import Key
from drio_tui.ui.base.stylesheets import stylesheet
from drio_tui.ui.base.workers import start_worker
from drio_tui.ui.screen import DrioScreen
from drio_tui.ui.signin.profile import profile_to_sign_in
from drio_tui.ui.widgets.copy_field import CopyField
from drio_tui.ui.widgets.sanitize import sanitize


@dataclass(frozen=True, slots=True)
class Line:
    """One step of the sign-in, as shown. `state` is `going`, `done` or `failed`."""

    step: Step
    text: str
    state: str = "going"
    detail: str = ""


class SignInScreen(DrioScreen[SignInResult]):
    """Signs in to `base_url` (normalized; None: the host in use). The result is a `SignInResult`, or None."""

    CSS_PATH = stylesheet("signin")
    AUTO_FOCUS = ""
    BINDINGS = keymap.section(
        "signin",
        "Signing in",
        Key("signin.copy", "y", "copy_url", "Copy address", "Copy the address to open in a browser"),
        Key("signin.paste", "p", "paste_field", "Paste", "Go to the field for the address the browser ended at"),
        Key("signin.retry", "r", "retry", "Retry", "Begin again"),
        Key("signin.register", "R", "register", "Register again", "Forget this program's registration; begin again"),
        Key("signin.doctor", "D", "doctor", "Doctor", "Examine the sign-in step by step", palette=False),
        Key("signin.cancel", "escape", "back", "Cancel", "Stop and go back; nothing is changed"),
    )

    lines: var[tuple[Line, ...]] = var(tuple, init=False)
    """The steps until now."""

    url: var[str] = var("", init=False)
    """The address to open in the browser."""

    deadline: var[float] = var(0.0, init=False)
    """When the wait for the browser ends, by `time.monotonic()`; 0 if it is not waiting."""

    failure: var[DrioError | None] = var(None, init=False)
    """Why the sign-in failed; None if it did not."""

    class Progressed(Message):
        """The flow sent an event."""

        def __init__(self, attempt: int, event: Event) -> None:
            super().__init__()
            self.attempt = attempt
            self.event = event

    class Finished(Message):
        """The flow succeeded."""

        def __init__(self, attempt: int, signed_in: SignInResult) -> None:
            super().__init__()
            self.attempt = attempt
            self.signed_in = signed_in

    class Failed(Message):
        """The flow ended in an error."""

        def __init__(self, attempt: int, error: DrioError) -> None:
            super().__init__()
            self.attempt = attempt
            self.error = error

    def __init__(
        self,
        base_url: str | None = None,
        *,
        open_browser: bool = True,
        timeout: float | None = None,
        scopes: tuple[str, ...] = (),
    ) -> None:
        super().__init__()
        self.base_url = base_url
        self._scopes = scopes
        self.then: list[Callable[[SignInResult | None], None]] = []
        """Called with the result when the screen ends."""
        self._open_browser = open_browser
        self._timeout = timeout
        self._attempt = 0
        self._flow: SignInFlow | None = None

    def compose_body(self) -> ComposeResult:
        with VerticalScroll(id="card", can_focus=False) as card:
            card.border_title = "Sign in"
            if self._scopes:
                yield Static(sanitize(f"This needs a sign-in that allows {' '.join(self._scopes)}."), id="scopes")
            yield Static(id="steps")
            with Vertical(id="silence"):
                yield Static("No response yet. If the browser shows an error page, R registers again.")
                yield Button("Register again", id="register-now", compact=True)
            with Vertical(id="address"):
                yield Static("Open this address in your browser (y copies it):", classes="label")
                yield CopyField(what="the address", id="url")
            with Vertical(id="answer"):
                yield Static(id="offer")
                yield Input(placeholder="Paste the address the browser ended at", id="pasted")
                yield Static(id="refused")
            with Vertical(id="failure"):
                yield Static(id="why")
                with Horizontal(id="ways-on"):
                    yield Button("Retry", id="retry", variant="primary")
                    yield Button("Register again", id="register")
                    yield Button("Back", id="leave")

    def on_mount(self) -> None:
        super().on_mount()
        self.set_interval(1.0, self._show_steps)
        self._start_attempt()

    def session_changed(self) -> None:
        """Stay: it is this sign-in that changes the session."""

    def _start_attempt(self, *, register_again: bool = False) -> None:
        """Start a new attempt; messages of older ones are ignored."""
        self._attempt += 1
        self.lines, self.url, self.deadline, self.failure = (), "", 0.0, None
        for part in ("#address", "#answer", "#failure", "#refused", "#offer", "#silence"):
            self.query_one(part).display = False
        if self._flow is not None:
            self._flow.cancel()
        start_worker(self, self._sign_in, self._attempt, register_again, group="sign-in", exclusive=True)

    async def _sign_in(self, attempt: int, register_again: bool) -> None:
        def post(event: Event) -> None:
            self.post_message(self.Progressed(attempt, event))

        try:
            profiles = Profiles.load()
            profile = profile_to_sign_in(self.connection, self.base_url, profiles)
            settings = self.drio.settings
            self._flow = flow = SignInFlow(
                profile,
                store=TokenStore(insecure=settings.insecure_storage, notice=lambda text: post(Notice(text))),
                profiles=profiles,
                on_event=post,
                timeout=self._timeout or settings.login_timeout,
                open_browser=self._open_browser,
                register_again=register_again,
                scopes=self._scopes,
            )
            signed_in = await flow.run()
        except SignInCancelled:
            return
        except DrioError as error:
            self.post_message(self.Failed(attempt, error))
        else:
            self.post_message(self.Finished(attempt, signed_in))

    # -- messages of the flow ---------------------------------------------------------------------

    def on_sign_in_screen_progressed(self, message: Progressed) -> None:
        if message.attempt != self._attempt:
            return
        match message.event:
            case StepStarted(step, text):
                self.lines = (*self.lines, Line(step, text))
            case StepDone(step, detail):
                self.lines = _with_step_done(self.lines, step, detail)
            case UrlReady(url):
                self.url = url
            case Waiting(deadline, _):
                self.deadline = deadline
            case PasteOffered(reason):
                offer = self.query_one("#offer", Static)
                advice = f"{reason}. Open the address where you have one, then paste where it ended."
                offer.update(sanitize(advice, "$text-warning"))
                offer.display = True
            case StillWaiting():
                self.query_one("#silence").display = True
            case Notice(text):
                self.notify(sanitize(text).plain, markup=False, timeout=10)

    def on_sign_in_screen_finished(self, message: Finished) -> None:
        if message.attempt == self._attempt:
            self._flow = None
            account = message.signed_in.account.label or message.signed_in.profile.host
            self.notify(sanitize(f"Signed in as {account}.").plain, markup=False)
            self.dismiss(message.signed_in)

    def on_sign_in_screen_failed(self, message: Failed) -> None:
        if message.attempt == self._attempt:
            self.deadline = 0.0
            self.lines = tuple(replace(line, state="failed") if line.state == "going" else line for line in self.lines)
            self.failure = message.error

    # -- showing ----------------------------------------------------------------------------------

    def watch_lines(self) -> None:
        self._show_steps()

    def _show_steps(self) -> None:
        symbols = {"going": ("◌", "$text-warning"), "done": ("✓", "$text-success"), "failed": ("✗", "$text-error")}
        rows = []
        for line in self.lines:
            symbol, colour = symbols[line.state]
            detail = sanitize(f"  {line.detail}", "$foreground-muted") if line.detail else Content()
            if line.step == Step.CALLBACK and line.state == "going" and self.deadline:
                seconds = max(0, round(self.deadline - time.monotonic()))
                detail = Content.assemble("  ", (f"{seconds // 60}:{seconds % 60:02}", "bold $text-accent"), " left")
            rows.append(Content.assemble((f"{symbol} ", colour), sanitize(line.text), detail))
        self.query_one("#steps", Static).update(Content("\n").join(rows))

    def watch_url(self, url: str) -> None:
        address = self.query_one("#url", CopyField)
        address.set_text(url)
        self.query_one("#address").display = bool(url)
        if url and self.focused is None:
            address.focus()

    def watch_deadline(self, deadline: float) -> None:
        self.query_one("#answer").display = bool(deadline)
        self._show_steps()

    def watch_failure(self, failure: DrioError | None) -> None:
        self.query_one("#failure").display = failure is not None
        if failure is not None:
            parts = [sanitize(failure.title, "bold $text-error"), sanitize(failure.message, multiline=True)]
            if failure.hint:
                parts.append(sanitize(failure.hint, "$foreground-muted", multiline=True))
            self.query_one("#why", Static).update(Content("\n").join(parts))
            button = "#register" if getattr(failure, "register_again", False) else "#retry"
            self.query_one(button).focus()

    # -- actions ----------------------------------------------------------------------------------

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action in ("copy_url", "paste_field") and not (self.url and self.failure is None):
            return False
        return super().check_action(action, parameters)

    @on(Input.Submitted, "#pasted")
    def _paste(self, event: Input.Submitted) -> None:
        if self._flow is None or not event.value.strip():
            return
        refused = self.query_one("#refused", Static)
        try:
            self._flow.paste(event.value)
        except PasteRefused as error:
            refused.update(sanitize(f"{error.message} {error.hint}"))
            refused.display = True
        else:
            refused.display = False

    def on_paste(self, event: events.Paste) -> None:
        """Treat a paste outside of a field as the address the browser ended at."""
        if self.deadline:
            field = self.query_one("#pasted", Input)
            field.value = " ".join(event.text.split())
            field.focus()
            field.post_message(Input.Submitted(field, field.value))

    @on(Button.Pressed)
    def _pressed(self, event: Button.Pressed) -> None:
        if event.button.id == "leave":
            self.action_back()
        else:
            self._start_attempt(register_again=event.button.id in ("register", "register-now"))

    def action_copy_url(self) -> None:
        self.drio.copy(self.url, "the address")

    def action_paste_field(self) -> None:
        self.query_one("#pasted").focus()

    def action_retry(self) -> None:
        self._start_attempt()

    def action_register(self) -> None:
        self._start_attempt(register_again=True)

    def action_doctor(self) -> None:
        from drio_tui.ui.signin.doctor_screen import DoctorScreen  # seldom needed, and imports much

        self.app.push_screen(DoctorScreen(self.base_url, open_browser=self._open_browser))

    def action_back(self) -> None:
        """Cancel the flow, which closes its socket; stored tokens stay as they are."""
        self._attempt += 1
        if self._flow is not None:
            self._flow.cancel()
        self.dismiss(None)


def _with_step_done(lines: tuple[Line, ...], step: Step, detail: str) -> tuple[Line, ...]:
    if any(line.step == step and line.state == "going" for line in lines):
        return tuple(
            replace(line, state="done", detail=detail) if line.step == step and line.state == "going" else line
            for line in lines
        )
    return (*lines, Line(step, str(step).capitalize(), "done", detail))
