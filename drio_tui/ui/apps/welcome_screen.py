"""The screen of the first run: sign in to drio, or try the sandbox on this machine."""

from __future__ import annotations

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import Button, Input, Static

from drio_tui.api.errors import UsageError
from drio_tui.auth.profiles import DEFAULT_BASE_URL, normalize_base_url
from drio_tui.ui.base import keymap
from drio_tui.ui.base.keymap import Key
from drio_tui.ui.base.stylesheets import stylesheet
from drio_tui.ui.screen import DrioScreen
from drio_tui.ui.widgets.sanitize import sanitize

_BRAND = "[bold $text-primary]drio[/]\n[$foreground-muted]Look at, build and ship MCP apps[/]"
_TEMPLATES_HINT = "[$foreground-muted]Just looking?  [bold $text-accent]1[/] browses the templates.[/]"


class WelcomeScreen(DrioScreen[None]):
    """Offers the sign-in and the sandbox; the templates can be browsed without either."""

    CSS_PATH = stylesheet("welcome")
    BINDINGS = keymap.section(
        "welcome",
        "Welcome",
        Key("welcome.sandbox", "s", "sandbox", "Try the sandbox", "Start a local drio and use it, with no account"),
        Key("welcome.host", "h", "host", "Host", "Sign in to another host", show=False),
        Key("welcome.down", "j,down", "app.focus_next", "Next", show=False, palette=False),
        Key("welcome.up", "k,up", "app.focus_previous", "Previous", show=False, palette=False),
    )

    def compose_body(self) -> ComposeResult:
        with VerticalScroll(id="ways", can_focus=False):
            yield Static(
                Content.from_markup(_BRAND),
                id="brand",
            )
            with Vertical(classes="way") as way:
                way.border_title = "Sign in to drio"
                yield Static("Opens your browser; the sign-in stays on this machine.", classes="about")
                with Horizontal(classes="act"):
                    yield Input(DEFAULT_BASE_URL, placeholder=DEFAULT_BASE_URL, id="host")
                    yield Button("Sign in", id="sign-in", variant="primary")
                yield Static(id="problem")
            with Vertical(classes="way") as way:
                way.border_title = "Try the local sandbox"
                yield Static(
                    "A whole drio on this machine, with an example app. No account, no network.", classes="about"
                )
                with Horizontal(classes="act"):
                    yield Button("Start the sandbox", id="sandbox")
            yield Static(
                Content.from_markup(_TEMPLATES_HINT),
                id="looking",
            )

    def on_mount(self) -> None:
        super().on_mount()
        self.query_one("#sign-in").focus()

    @on(Button.Pressed, "#sign-in")
    @on(Input.Submitted, "#host")
    def _sign_in(self) -> None:
        problem = self.query_one("#problem", Static)
        typed = self.query_one("#host", Input).value.strip() or DEFAULT_BASE_URL
        try:
            base = normalize_base_url(typed)
        except UsageError as error:
            problem.update(sanitize(f"{error.message} {error.hint}"))
            problem.display = True
            self.query_one("#host").focus()
            return
        problem.display = False
        self.drio.navigator.sign_in(base)

    @on(Button.Pressed, "#sandbox")
    def _sandbox_pressed(self) -> None:
        self.action_sandbox()

    def action_sandbox(self) -> None:
        self.drio.restart(sandbox=True)

    def action_host(self) -> None:
        self.query_one("#host").focus()
