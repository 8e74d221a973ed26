"""Signing in through the browser, told step by step; the address and a way to paste the answer always at hand."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from textual import events, on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.message import Message
from textual.reactive import reactive
from textual.widgets import Button, Input, Static

from drio_tui.api.errors import DrioError
from drio_tui.auth.errors import PasteRefused, SignInCancelled, Step
from drio_tui.auth.events import Event, Notice, PasteOffered, StepDone, StepStarted, StillWaiting, UrlReady, Waiting
from drio_tui.auth.flow import SignInFlow, SignInResult
from drio_tui.auth.profiles import Profile, Profiles
from drio_tui.auth.token_store import Vault
from drio_tui.ui.base import keymap
from drio_tui.ui.base.keymap import Key
from drio_tui.ui.base.stylesheets import stylesheet
from drio_tui.ui.screen import DrioScreen
from drio_tui.ui.widgets.copy_field import CopyField
from drio_tui.ui.widgets.sanitize import safe


@dataclass(frozen=True, slots=True)
class Line:
    """One step as it is shown."""

    step: Step
    text: str
    state: str = "going"  # going, done, failed
    detail: str = ""


class SignInScreen(DrioScreen[SignInResult]):
    """Signs in to `base_url` (normalized; None: where the program is connected). Gives `SignInResult`, or None."""

    CSS_PATH = stylesheet("signin")
    AUTO_FOCUS = ""
    BINDINGS = keymap.section(
        "signin",
        "Signing in",
        Key("signin.copy", "y", "copy_url", "Copy address", "Copy the address to open in a browser"),
        Key("signin.paste", "p", "paste_field", "Paste", "Go to the field for the address the browser ended at"),
        Key("signin.retry", "r", "retry", "Retry", "Begin again"),
        Key("signin.register", "R", "register", "Register again", "Forget this program's registration; begin again"),
        Key("signin.cancel", "escape", "back", "Cancel", "Stop and go back; nothing is changed"),
    )

    lines: reactive[tuple[Line, ...]] = reactive(tuple, init=False)
    """The steps so far."""

    url: reactive[str] = reactive("", init=False)
    """The address to open."""

    deadline: reactive[float] = reactive(0.0, init=False)
    """When the wait for the browser ends, by `time.monotonic()`; 0 while nothing is waited for."""

    failure: reactive[DrioError | None] = reactive(None, init=False)
    """Why it failed."""

    class Told(Message):
        """The flow told something."""

        def __init__(self, turn: int, event: Event) -> None:
            super().__init__()
            self.turn = turn
            self.event = event

    class Finished(Message):
        """The flow ended well."""

        def __init__(self, turn: int, signed_in: SignInResult) -> None:
            super().__init__()
            self.turn = turn
            self.signed_in = signed_in

    class Failed(Message):
        """The flow ended in an error."""

        def __init__(self, turn: int, error: DrioError) -> None:
            super().__init__()
            self.turn = turn
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
        """What is called with the result."""
        self._open_browser = open_browser
        self._wait = timeout
        self._turn = 0
        self._flow: SignInFlow | None = None

    def compose_body(self) -> ComposeResult:
        with VerticalScroll(id="card", can_focus=False) as card:
            card.border_title = "Sign in"
            if self._scopes:
                yield Static(safe(f"This needs a sign-in that allows {' '.join(self._scopes)}."), id="scopes")
            yield Static(id="steps")
            with Vertical(id="silence"):
                yield Static("No answer yet. If the browser shows an error page, R registers again.")
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
        self.set_interval(1.0, self._tell_steps)
        self._begin()

    def _begin(self, *, register_again: bool = False) -> None:
        """Begin a new attempt; what an older one still tells is not listened to."""
        self._turn += 1
        self.lines, self.url, self.deadline, self.failure = (), "", 0.0, None
        for part in ("#address", "#answer", "#failure", "#refused", "#offer", "#silence"):
            self.query_one(part).display = False
        if self._flow is not None:
            self._flow.cancel()
        self.run_worker(self._sign_in(self._turn, register_again), group="sign-in", exclusive=True)

    async def _sign_in(self, turn: int, register_again: bool) -> None:
        def tell(event: Event) -> None:
            self.post_message(self.Told(turn, event))

        try:
            profiles = Profiles.load()
            profile = self._profile(profiles)
            settings = self.drio.settings
            self._flow = flow = SignInFlow(
                profile,
                store=Vault(insecure=settings.insecure_storage, notice=lambda text: tell(Notice(text))),
                profiles=profiles,
                on_event=tell,
                timeout=self._wait or settings.login_timeout,
                open_browser=self._open_browser,
                register_again=register_again,
                scopes=self._scopes,
            )
            signed_in = await flow.run()
        except SignInCancelled:
            return
        except DrioError as error:
            self.post_message(self.Failed(turn, error))
        else:
            self.post_message(self.Finished(turn, signed_in))

    def _profile(self, profiles: Profiles) -> Profile:
        """The profile to sign in to. The sandbox's own local user is no profile: it gets one by its address."""
        session, status = self.backend.session, self.backend.status
        if self.base_url:
            return profiles.resolve(None, self.base_url)
        if status.sandbox and session is not None:
            return profiles.resolve(None, session.base_url)
        return profiles.resolve(status.profile if profiles.get(status.profile) else None, self.backend.base_url)

    # -- what the flow tells ----------------------------------------------------------------------

    def on_sign_in_screen_told(self, message: Told) -> None:
        if message.turn != self._turn:
            return
        match message.event:
            case StepStarted(step, text):
                self.lines = (*self.lines, Line(step, text))
            case StepDone(step, detail):
                self.lines = _done(self.lines, step, detail)
            case UrlReady(url):
                self.url = url
            case Waiting(deadline, _):
                self.deadline = deadline
            case PasteOffered(reason):
                offer = self.query_one("#offer", Static)
                advice = f"{reason}. Open the address where you have one, then paste where it ended."
                offer.update(safe(advice, "$text-warning"))
                offer.display = True
            case StillWaiting():
                self.query_one("#silence").display = True
            case Notice(text):
                self.notify(safe(text).plain, markup=False, timeout=10)

    def on_sign_in_screen_finished(self, message: Finished) -> None:
        if message.turn == self._turn:
            self._flow = None
            who = message.signed_in.account.label or message.signed_in.profile.host
            self.notify(safe(f"Signed in as {who}.").plain, markup=False)
            self.dismiss(message.signed_in)

    def on_sign_in_screen_failed(self, message: Failed) -> None:
        if message.turn == self._turn:
            self.deadline = 0.0
            self.lines = tuple(replace(line, state="failed") if line.state == "going" else line for line in self.lines)
            self.failure = message.error

    # -- showing ----------------------------------------------------------------------------------

    def watch_lines(self) -> None:
        self._tell_steps()

    def _tell_steps(self) -> None:
        symbols = {"going": ("◌", "$text-warning"), "done": ("✓", "$text-success"), "failed": ("✗", "$text-error")}
        shown = []
        for line in self.lines:
            symbol, colour = symbols[line.state]
            detail = safe(f"  {line.detail}", "$foreground-muted") if line.detail else Content()
            if line.step == Step.CALLBACK and line.state == "going" and self.deadline:
                left = max(0, round(self.deadline - time.monotonic()))
                detail = Content.assemble("  ", (f"{left // 60}:{left % 60:02}", "bold $text-accent"), " left")
            shown.append(Content.assemble((f"{symbol} ", colour), safe(line.text), detail))
        self.query_one("#steps", Static).update(Content("\n").join(shown))

    def watch_url(self, url: str) -> None:
        address = self.query_one("#url", CopyField)
        address.set_text(url)
        self.query_one("#address").display = bool(url)
        if url and self.focused is None:
            address.focus()
        self.refresh_bindings()

    def watch_deadline(self, deadline: float) -> None:
        self.query_one("#answer").display = bool(deadline)
        self._tell_steps()

    def watch_failure(self, failure: DrioError | None) -> None:
        self.query_one("#failure").display = failure is not None
        if failure is not None:
            parts = [safe(failure.title, "bold $text-error"), safe(failure.message, multiline=True)]
            if failure.hint:
                parts.append(safe(failure.hint, "$foreground-muted", multiline=True))
            self.query_one("#why", Static).update(Content("\n").join(parts))
            again = "#register" if getattr(failure, "register_again", False) else "#retry"
            self.query_one(again).focus()
        self.refresh_bindings()

    # -- acting -----------------------------------------------------------------------------------

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
            refused.update(safe(f"{error.message} {error.hint}"))
            refused.display = True
        else:
            refused.display = False

    def on_paste(self, event: events.Paste) -> None:
        """A paste that no field took is the address the browser ended at."""
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
            self._begin(register_again=event.button.id in ("register", "register-now"))

    def action_copy_url(self) -> None:
        self.drio.copy(self.url, "the address")

    def action_paste_field(self) -> None:
        self.query_one("#pasted").focus()

    def action_retry(self) -> None:
        self._begin()

    def action_register(self) -> None:
        self._begin(register_again=True)

    def action_back(self) -> None:
        """Cancel: the socket is closed, stored tokens stay as they are."""
        self._turn += 1
        if self._flow is not None:
            self._flow.cancel()
        self.dismiss(None)


def _done(lines: tuple[Line, ...], step: Step, detail: str) -> tuple[Line, ...]:
    if any(line.step == step and line.state == "going" for line in lines):
        return tuple(
            replace(line, state="done", detail=detail) if line.step == step and line.state == "going" else line
            for line in lines
        )
    return (*lines, Line(step, str(step).capitalize(), "done", detail))
