"""The screens by name, and the methods that open them."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

from textual.screen import Screen

from drio_tui.ui.base.messages import SignInWanted
from drio_tui.ui.base.textual_internals import all_screens, make_command_palette, mode_of
from drio_tui.ui.widgets.sanitize import sanitize

if TYPE_CHECKING:
    from drio_tui.auth.flow import SignInResult
    from drio_tui.ui.app.drio_app import DrioApp
    from drio_tui.ui.app.terminal import TerminalApp
    from drio_tui.ui.signin.signin_screen import SignInScreen

    _Base = TerminalApp
else:
    _Base = object

SCREENS: dict[str, tuple[str, str]] = {
    "start": ("app.start_screen", "StartScreen"),
    "welcome": ("apps.welcome_screen", "WelcomeScreen"),
    "templates": ("apps.templates_screen", "TemplatesScreen"),
    "apps": ("apps.apps_screen", "AppsScreen"),
    "requests": ("requests.requests_screen", "RequestsScreen"),
    "app": ("app_detail.app_screen", "AppScreen"),
    "edit": ("editing.edit_screen", "EditScreen"),
    "try": ("playground.playground_screen", "PlaygroundScreen"),
    "import": ("openapi_import.import_screen", "ImportScreen"),
    "guide": ("wizard.wizard_screen", "WizardScreen"),
    "deploy": ("deploy.deploy_screen", "DeployScreen"),
    "connect": ("deploy.connect_screen", "ConnectScreen"),
    "sign_in": ("signin.signin_screen", "SignInScreen"),
    "confirm": ("dialogs.confirm_dialog", "ConfirmScreen"),
    "help": ("app.help_screen", "HelpScreen"),
    "failed": ("app.failed_screen", "FailedScreen"),
    "too_small": ("app.too_small_screen", "TooSmallScreen"),
}
"""Module (below `drio_tui.ui`) and class of every screen, by the name it is opened with.

A module is imported when its screen is first shown, or in the background before.
"""


def make_screen(name: str, /, *arguments: Any, **options: Any) -> Screen[Any]:
    """Make the screen of that name, importing its module if necessary."""
    module, class_name = SCREENS[name]
    screen: Screen[Any] = getattr(importlib.import_module(f"drio_tui.ui.{module}"), class_name)(*arguments, **options)
    return screen


def _sign_in_screen() -> type[SignInScreen]:
    from drio_tui.ui.signin.signin_screen import SignInScreen  # opened long after the first frame

    return SignInScreen


class Opening(_Base):
    """Methods that open screens. Mixed into the app."""

    @property
    def _drio(self) -> DrioApp:
        return cast("DrioApp", self)

    def open_app(self, app_id: str) -> None:
        """Show one app over the list of apps."""
        self.switch_mode("apps")
        self.push_screen(make_screen("app", app_id))

    def open_wizard(self, template: Any = None, *, wanted: str = "", name: str = "", draft: str = "") -> None:
        """Show the wizard that creates an app.

        It starts from `template` (raw JSON), from the template of the id `wanted`, or from a saved `draft`. A wizard
        that is open already is brought to the front instead.
        """
        from drio_tui.ui.wizard.wizard_screen import WizardScreen
        from drio_tui.wizard.draft_store import DraftSession, FileInUse  # not needed for the first frame

        for screen in all_screens(self):
            if isinstance(screen, WizardScreen):
                self.switch_mode(mode_of(self, screen))
                self.notify("A wizard is open already. Finish it, or close it with Esc; then begin another.")
                return
        profile, server = self._drio.status.profile, self._drio.connection.server
        try:
            session = DraftSession.resume(draft, server) if draft else DraftSession.begin(profile, server)
        except (FileInUse, OSError, ValueError, KeyError, TypeError) as error:
            self.notify(
                sanitize(str(error)).plain, title="The draft cannot be opened", severity="warning", markup=False
            )
            return
        if isinstance(template, dict):
            session.draft.choose(template)
            session.draft.page = "basics"
        if name:
            session.draft.basics["name"] = name
        self.switch_mode("apps")
        self.push_screen(make_screen("guide", session, wanted=wanted, fresh=not draft and not name))

    def open_tool(self, app_id: str, tool_id: str) -> None:
        """Show the playground of one tool."""
        self.push_screen(make_screen("try", app_id, tool_id))

    def open_deploy(self, app_id: str, done: Callable[[Any], None] | None = None) -> None:
        """Show the deploy screen of an app; `done` gets the endpoint if it was deployed, else None."""
        self.push_screen(make_screen("deploy", app_id), done)

    def open_connect(self, app_id: str, endpoint: str = "") -> None:
        """Show how to connect AI clients to a deployed app."""
        self.push_screen(make_screen("connect", app_id, endpoint))

    def action_command_palette(self) -> None:
        """Open the command palette. Textual's action gives it an id, and fails if it is open in another area."""
        from textual.command import CommandPalette  # opened long after the first frame

        if not CommandPalette.is_open(cast(Any, self)):
            self.push_screen(make_command_palette())

    def action_help(self) -> None:
        """Show the keys of the current screen."""
        self.push_screen(make_screen("help", self.screen, self._drio.settings.keys))

    def action_sign_in(self) -> None:
        """Sign in, or switch the account."""
        self.sign_in()

    def sign_in(self, base_url: str | None = None) -> None:
        """Show the sign-in screen for a host (normalized) or the one in use; then use the new sign-in."""

        def use(signed_in: SignInResult | None) -> None:
            if signed_in is None:
                return
            if self._drio.session is not None and signed_in.profile.name == self._drio.session.profile:
                # The screens stay open.
                self.run_worker(self._drio.connection.renew(), name="renew", group="connect")
            else:
                self._drio.restart(profile=signed_in.profile.name)

        if not isinstance(self.screen, _sign_in_screen()):
            self._show_sign_in(use, base_url)

    def on_sign_in_wanted(self, message: SignInWanted) -> None:
        """Show the sign-in screen over the current screen; the requests that wait go on with its result."""

        def set_result(signed_in: SignInResult | None) -> None:
            if not message.answer.done():
                message.answer.set_result(signed_in)

        if isinstance(self.screen, _sign_in_screen()):
            set_result(None)
        else:
            self._show_sign_in(set_result, scopes=message.scopes)

    def _show_sign_in(
        self,
        then: Callable[[SignInResult | None], None],
        base_url: str | None = None,
        *,
        scopes: tuple[str, ...] = (),
    ) -> None:
        """Show the sign-in screen that is open in another area, or a new one; call `then` with its result."""
        for screen in all_screens(self):
            if isinstance(screen, _sign_in_screen()) and base_url in (None, screen.base_url):
                screen.then.append(then)
                self.switch_mode(mode_of(self, screen))
                return
        sign_in = _sign_in_screen()(base_url, scopes=scopes)
        sign_in.then.append(then)

        def finish(signed_in: SignInResult | None) -> None:
            for callback in sign_in.then:
                callback(signed_in)

        self.push_screen(sign_in, finish)
