"""The application: areas, screens, themes, errors, and what the backend tells turned into reactives.

Only textual, the standard library and `drio_tui.text` / `paths` may be imported at module level here and
in the first screen: the first frame waits for nothing else.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar

from textual.app import App
from textual.binding import BindingType
from textual.reactive import reactive
from textual.screen import Screen

from drio_tui.ui import keymap
from drio_tui.ui.backend import Backend
from drio_tui.ui.keymap import Key
from drio_tui.ui.messages import (
    BackendReady,
    ConnectionChanged,
    ExchangeLogged,
    Notice,
    SessionChanged,
    StartupChanged,
    StartupFailed,
    Status,
    Step,
)
from drio_tui.ui.options import LaunchOptions
from drio_tui.ui.screens.start import StartScreen
from drio_tui.ui.stylesheets import stylesheet
from drio_tui.ui.themes import DEFAULT_THEME, THEMES
from drio_tui.ui.widgets.safe import safe
from drio_tui.ui.widgets.status_line import StatusLine

if TYPE_CHECKING:
    from drio_tui.api.errors import DrioError
    from drio_tui.session import Session


def screen(module: str, name: str) -> Callable[..., Screen[Any]]:
    """A maker of the screen `drio_tui.ui.screens.<module>.<name>`, imported when first called."""

    def make(*arguments: Any, **options: Any) -> Screen[Any]:
        kind = getattr(importlib.import_module(f"drio_tui.ui.screens.{module}"), name)
        made: Screen[Any] = kind(*arguments, **options)
        return made

    return make


class DrioApp(App[int]):
    """drio in the terminal."""

    TITLE = "drio"
    CSS_PATH = stylesheet("app")
    ENABLE_COMMAND_PALETTE = True
    COMMAND_PALETTE_BINDING = "ctrl+p"
    DEFAULT_MODE = "start"
    MODES = {
        "start": StartScreen,
        "templates": screen("templates", "TemplatesScreen"),
        "apps": screen("apps", "AppsScreen"),
        "requests": screen("log", "LogScreen"),
    }
    BINDINGS: ClassVar[list[BindingType]] = keymap.section(
        "app",
        "Everywhere",
        Key("app.templates", "1", "go('templates')", "Templates", "Browse the templates", show=False),
        Key("app.apps", "2", "go('apps')", "Apps", "Your apps", show=False),
        Key("app.requests", "3", "go('requests')", "Requests", "What was asked of drio and answered", show=False),
        Key("app.help", "question_mark,f1", "help", "Help", "Every key of this screen"),
        Key("app.palette", "ctrl+p", "command_palette", "Commands", "Find a command by name"),
        Key("app.sign_in", "L", "sign_in", "Sign in", "Sign in, or switch the account", show=False),
        Key("app.theme", "T", "change_theme", "Theme", "Choose a theme", show=False),
        Key("app.suspend", "ctrl+z", "suspend_process", "Suspend", "Back to the shell; `fg` returns", show=False),
        Key("app.quit", "q,ctrl+q", "quit", "Quit", "Leave the program"),
    )

    status: reactive[Status] = reactive(Status, init=False)
    """What the status line shows."""

    steps: reactive[tuple[Step, ...]] = reactive(tuple, init=False)
    """The story of starting up."""

    session: reactive[Session | None] = reactive(None, init=False)
    """The session in use; None while signed out."""

    session_count: reactive[int] = reactive(0, init=False)
    """Grows with every change of session, also from signed out to signed out elsewhere."""

    log_count: reactive[int] = reactive(0, init=False)
    """Grows with every change of the request log."""

    def __init__(self, options: LaunchOptions | None = None) -> None:
        super().__init__()
        self.options = options or LaunchOptions()
        self.backend = Backend(self.options, self.post_message)
        self.set_reactive(DrioApp.status, self.backend.status)
        for theme in THEMES:
            self.register_theme(theme)
        self.theme = self.options.theme or DEFAULT_THEME

    def on_mount(self) -> None:
        self.call_after_refresh(self._start)

    def _start(self) -> None:
        self.run_worker(self.backend.start(), name="start", group="connect", exclusive=True)

    # -- what the backend tells -------------------------------------------------------------------

    def on_connection_changed(self, message: ConnectionChanged) -> None:
        self.status = message.status

    def on_startup_changed(self, message: StartupChanged) -> None:
        self.steps = message.steps

    def on_session_changed(self, message: SessionChanged) -> None:
        self.session = message.session
        self.session_count += 1

    def on_exchange_logged(self, message: ExchangeLogged) -> None:
        self.log_count += 1

    def on_notice(self, message: Notice) -> None:
        self.notify(safe(message.text).plain, markup=False)

    def on_backend_ready(self, message: BackendReady) -> None:
        if self.current_mode == "start":
            self.switch_mode("apps" if self.session is not None else "templates")

    def on_startup_failed(self, message: StartupFailed) -> None:
        self.show_error(message.error)

    # -- for the screens --------------------------------------------------------------------------

    def show_error(self, error: DrioError) -> None:
        """The one place where an error becomes a toast."""
        body = "\n".join(part for part in (error.message, error.hint) if part)
        self.notify(
            safe(body, multiline=True).plain,
            title=safe(error.title).plain,
            severity="error",
            timeout=10,
            markup=False,
        )

    def open_app(self, app_id: str) -> None:
        """Show one app, over the list of apps."""

        def push() -> None:
            self.push_screen(screen("app", "AppScreen")(app_id))

        self.switch_mode("apps")
        self.call_later(push)

    def open_create(self, template: Any) -> None:
        """Show the form that makes an app from a template (its raw JSON)."""
        self.push_screen(screen("create_app", "CreateAppScreen")(template))

    def back(self) -> None:
        """One screen back, if there is one below in this area."""
        if len(self.screen_stack) > 1:
            self.pop_screen()

    # -- actions ----------------------------------------------------------------------------------

    def action_go(self, area: str) -> None:
        """Switch to an area; each keeps the screens it had."""
        self.switch_mode(area)

    def on_status_line_go(self, message: StatusLine.Go) -> None:
        self.action_go(message.area)

    def action_help(self) -> None:
        """Every key that works here."""
        self.push_screen(screen("help", "HelpScreen")())

    def action_sign_in(self) -> None:
        """Sign in, or switch the account."""
        self.push_screen(screen("signin", "SignInScreen")())

    async def on_unmount(self) -> None:
        await self.backend.close()
