"""The screens by name; opening and leaving them."""

from __future__ import annotations

import asyncio
import importlib
import time
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, Unpack

from textual.app import App
from textual.screen import Screen

from drio_tui.ui.base.connection import Connection
from drio_tui.ui.base.context import ConfirmOptions
from drio_tui.ui.base.messages import SignInWanted
from drio_tui.ui.base.textual_internals.screens import all_screens, make_command_palette, mode_of
from drio_tui.ui.base.workers import start_worker
from drio_tui.ui.screen import DrioScreen, Leavable
from drio_tui.ui.widgets.sanitize import sanitize

if TYPE_CHECKING:
    from textual.worker import Worker

    from drio_tui.auth.flow import SignInResult
    from drio_tui.ui.signin.signin_screen import SignInScreen
    from drio_tui.workspace.model.snapshot import ResourceKey, Snapshot

SCREENS: dict[str, tuple[str, str]] = {
    "start": ("app.start_screen", "StartScreen"),
    "welcome": ("apps.welcome_screen", "WelcomeScreen"),
    "templates": ("apps.templates_screen", "TemplatesScreen"),
    "apps": ("apps.apps_screen", "AppsScreen"),
    "v3_apps": ("v3.v3_apps_screen", "V3AppsScreen"),
    "requests": ("requests.requests_screen", "RequestsScreen"),
    "explorer": ("explorer.explorer_screen", "ExplorerScreen"),
    "app": ("app_detail.app_screen", "AppScreen"),
    "edit": ("editing.edit_screen", "EditScreen"),
    "playground": ("playground.playground_screen", "PlaygroundScreen"),
    "tool_tests": ("playground.tool_tests_screen", "ToolTestsScreen"),
    "import": ("openapi_import.import_screen", "ImportScreen"),
    "wizard": ("wizard.wizard_screen", "WizardScreen"),
    "deploy": ("deploy.deploy_screen", "DeployScreen"),
    "calls": ("deploy.calls_screen", "CallsScreen"),
    "connect": ("deploy.connect_screen", "ConnectScreen"),
    "document": ("manifest.document_screen", "DocumentScreen"),
    "sign_in": ("signin.signin_screen", "SignInScreen"),
    "doctor": ("signin.doctor_screen", "DoctorScreen"),
    "confirm": ("dialogs.confirm_dialog", "ConfirmDialog"),
    "faults": ("dialogs.faults_dialog", "FaultsDialog"),
    "help": ("app.help_dialog", "HelpDialog"),
    "failed": ("app.failed_screen", "FailedScreen"),
    "too_small": ("app.too_small_dialog", "TooSmallDialog"),
}
"""Module (below `drio_tui.ui`) and class of every screen, by the name it is opened with.

A module is imported when its screen is first shown, or in the background before.
"""

SIGNED_OUT_SCREENS = ("templates", "apps", "requests", "explorer", "sign_in", "doctor", "confirm", "help", "too_small")
"""The screens that can be opened without a sign-in."""


def make_screen(name: str, /, *arguments: Any, **options: Any) -> Screen[Any]:
    """Make the screen of that name, importing its module if necessary."""
    module, class_name = SCREENS[name]
    screen: Screen[Any] = getattr(importlib.import_module(f"drio_tui.ui.{module}"), class_name)(*arguments, **options)
    return screen


def _sign_in_screen() -> type[SignInScreen]:
    from drio_tui.ui.signin.signin_screen import SignInScreen  # opened long after the first frame

    return SignInScreen


def drio_screens(app: App[Any]) -> list[DrioScreen[Any]]:
    """Return the full screens of every area, without dialogs."""
    return [screen for screen in all_screens(app) if isinstance(screen, DrioScreen)]


def _screens_above(app: App[Any], screen: Screen[Any]) -> list[Screen[Any]]:
    """Return the screens and dialogs over a screen of the same area, the topmost last."""
    everywhere = all_screens(app)
    mode = mode_of(app, screen)
    return [above for above in everywhere[everywhere.index(screen) + 1 :] if mode_of(app, above) == mode]


def _leaving_reason(screen: Screen[Any]) -> str:
    """Return what would be lost by leaving a screen, as a sentence; empty if nothing would."""
    reason = ""
    if isinstance(screen, Leavable):
        if lost := screen.unsaved_input():
            reason = f"You would lose {lost}."
        if task := screen.running_task():
            reason = f"{task} is under way and goes on; you would not see its result."
    return reason


def _show_resource(app_screen: Any, key: ResourceKey | None) -> None:
    if key is not None:
        app_screen.show_resource(key)


class Navigator:
    """Opens the screens of `app`, and leaves them, or the program; asks first where something would be lost.

    `use_sign_in` is called with a new sign-in that the user, not a request, asked for.
    """

    def __init__(self, app: App[Any], connection: Connection, use_sign_in: Callable[[SignInResult], object]) -> None:
        self._app = app
        self._connection = connection
        self._use_sign_in = use_sign_in
        self._quitting: Worker[None] | None = None
        self.recent: list[tuple[str, ...]] = []
        """The keys of the entries of the command palette that were chosen, the last one first."""

    def open_app(self, app_id: str, reveal: ResourceKey | None = None) -> None:
        """Show one app over the list of apps, with the cursor on the resource `reveal`."""
        start_worker(self._app, self._remember_opened, app_id, group="remember app")
        self._app.switch_mode("apps")
        self._app.push_screen(make_screen("app", app_id, reveal))

    def switch_app(self, apps: DrioScreen[Any], app_id: str, reveal: ResourceKey | None = None) -> None:
        """Show one app instead of what is open over the list of apps; one that is open is shown as it is.

        The cursor moves to the resource `reveal`.
        """
        for screen in drio_screens(self._app):
            if getattr(screen, "app_id", None) == app_id and type(screen).__name__ == SCREENS["app"][1]:
                self.return_to(screen, partial(_show_resource, screen, reveal))
                return
        self.return_to(apps, partial(self.open_app, app_id, reveal))

    def show_template(self, template_id: str) -> None:
        """Show the list of templates with the cursor on this one."""
        self._app.switch_mode("templates")
        self._app.call_later(self._choose, template_id)

    def _choose(self, id: str) -> None:
        from drio_tui.ui.apps.resource_list_screen import ResourceListScreen

        if isinstance(self._app.screen, ResourceListScreen):
            self._app.screen.choose(id)

    async def _remember_opened(self, app_id: str) -> None:
        from drio_tui.workspace.recent_apps import remember_opened  # not needed for the first frame

        await asyncio.to_thread(remember_opened, self._connection.server, app_id, time.time())

    def open_v3(self) -> None:
        """Show the apps as API v3 lists them, over the list of apps."""
        self._app.switch_mode("apps")
        self._app.push_screen(make_screen("v3_apps"))

    def open_wizard(self, template: Any = None, *, wanted: str = "", name: str = "", draft: str = "") -> None:
        """Show the wizard that creates an app.

        It starts from `template` (raw JSON), from the template of the id `wanted`, or from a saved `draft`. A wizard
        that is open already is brought to the front instead.
        """
        from drio_tui.ui.wizard.wizard_screen import WizardScreen
        from drio_tui.wizard.draft_store import DraftSession, FileInUse  # not needed for the first frame

        for screen in all_screens(self._app):
            if isinstance(screen, WizardScreen):
                self._app.switch_mode(mode_of(self._app, screen))
                self._app.notify("A wizard is open already. Finish it, or close it with Esc; then begin another.")
                return
        profile, server = self._connection.status.profile, self._connection.server
        try:
            session = DraftSession.resume(draft, server) if draft else DraftSession.begin(profile, server)
        except (FileInUse, OSError, ValueError, KeyError, TypeError) as error:
            self._app.notify(
                sanitize(str(error)).plain, title="The draft cannot be opened", severity="warning", markup=False
            )
            return
        if isinstance(template, dict):
            session.draft.choose(template)
            session.draft.page = "basics"
        if name:
            session.draft.basics["name"] = name
        self._app.switch_mode("apps")
        self._app.push_screen(make_screen("wizard", session, wanted=wanted, fresh=not draft and not name))

    def open_tool(self, app_id: str, tool_id: str, arguments: dict[str, Any] | None = None) -> None:
        """Show the playground of one tool, with these arguments instead of those that were typed last."""
        self._app.push_screen(make_screen("playground", app_id, tool_id, arguments))

    def open_tests(self, app_id: str, tool_id: str, new: dict[str, Any] | None = None) -> None:
        """Show the tests of a tool; `new` is a test to add, which the user edits first."""
        self._app.push_screen(make_screen("tool_tests", app_id, tool_id, new))

    def open_calls(self, app_id: str, snapshot: Snapshot) -> None:
        """Show what MCP clients ask of a deployed app of the sandbox."""
        self._app.push_screen(make_screen("calls", app_id, snapshot))

    def open_deploy(self, app_id: str, done: Callable[[Any], None] | None = None) -> None:
        """Show the deploy screen of an app; `done` gets the endpoint if it was deployed, else None."""
        self._app.push_screen(make_screen("deploy", app_id), done)

    def open_connect(self, app_id: str, endpoint: str = "") -> None:
        """Show how to connect AI clients to a deployed app."""
        self._app.push_screen(make_screen("connect", app_id, endpoint))

    def open_document(self, app_id: str, slug: str = "", done: Callable[[Any], None] | None = None) -> None:
        """Show the document of an app; `done` gets whether the app was changed."""
        self._app.push_screen(make_screen("document", app_id, slug), done)

    def open_command_palette(self) -> None:
        """Open the command palette. Textual's action gives it an id, and fails if it is open in another area."""
        from textual.command import CommandPalette  # opened long after the first frame

        if not CommandPalette.is_open(self._app):
            self._app.push_screen(make_command_palette())

    def open_jump(self) -> None:
        """Show a letter at each field, tab and button of the screen, and go to that of the pressed letter."""
        from textual.command import CommandPalette

        from drio_tui.ui.app.jump_overlay import JumpOverlay, Target, targets_of  # opened long after the first frame

        screen = self._app.screen

        def jump(target: Target | None) -> None:
            if target is not None:
                target.go()

        if isinstance(screen, JumpOverlay):
            screen.dismiss(None)
        elif targets_of(screen) and not CommandPalette.is_open(self._app):
            self._app.push_screen(JumpOverlay(screen), jump)

    # -- signing in -------------------------------------------------------------------------------

    def sign_in(self, base_url: str | None = None) -> None:
        """Show the sign-in screen for a host (normalized) or the one in use; then use the new sign-in."""

        def use(signed_in: SignInResult | None) -> None:
            if signed_in is not None:
                self._use_sign_in(signed_in)

        if not isinstance(self._app.screen, _sign_in_screen()):
            self._show_sign_in(use, base_url)

    def open_doctor(self) -> None:
        """Show the sign-in doctor for the host in use."""
        self._app.push_screen(make_screen("doctor"))

    def sign_in_again(self, message: SignInWanted) -> None:
        """Show the sign-in screen over the current screen; the requests that wait go on with its result."""

        def set_result(signed_in: SignInResult | None) -> None:
            if not message.answer.done():
                message.answer.set_result(signed_in)

        if isinstance(self._app.screen, _sign_in_screen()):
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
        for screen in all_screens(self._app):
            if isinstance(screen, _sign_in_screen()) and base_url in (None, screen.base_url):
                screen.then.append(then)
                self._app.switch_mode(mode_of(self._app, screen))
                return
        sign_in = _sign_in_screen()(base_url, scopes=scopes)
        sign_in.then.append(then)

        def finish(signed_in: SignInResult | None) -> None:
            for callback in sign_in.then:
                callback(signed_in)

        self._app.push_screen(sign_in, finish)

    # -- leaving ----------------------------------------------------------------------------------

    async def confirm(self, title: str, body: str = "", **options: Unpack[ConfirmOptions]) -> bool:
        """Show a `ConfirmDialog` from a worker; return whether the user agreed."""
        return bool(await self._app.push_screen_wait(make_screen("confirm", title, body, **options)))

    def _ask(self, work: Callable[[], Any]) -> None:
        """Run a coroutine function that asks before something is left, instead of an earlier one."""
        start_worker(self._app, work, group="leave", exclusive=True)

    def back(self, screen: Screen[Any] | None = None) -> None:
        """Leave `screen`, by default the current one, if there is one below; ask first when something would be lost."""
        if len(self._app.screen_stack) < 2:
            return
        screen = screen or self._app.screen
        if reason := _leaving_reason(screen):
            self._ask(partial(self._confirm_back, screen, reason))
        else:
            screen.dismiss(None)

    def return_to(self, screen: Screen[Any], then: Callable[[], None] = lambda: None) -> None:
        """Go back to a screen below, in any area, then call `then`; ask first when something would be lost."""
        reasons = [reason for above in _screens_above(self._app, screen) if (reason := _leaving_reason(above))]
        if reasons:
            self._ask(partial(self._confirm_return, screen, then, " ".join(reasons)))
        else:
            self._return(screen, then)

    async def _confirm_return(self, screen: Screen[Any], then: Callable[[], None], reason: str) -> None:
        agreed = await self.confirm("Leave it?", reason, agree="Leave", ctrl_s=False)
        if agreed and screen in all_screens(self._app):  # it may have been closed meanwhile
            self._return(screen, then)

    def _return(self, screen: Screen[Any], then: Callable[[], None]) -> None:
        self._app.switch_mode(mode_of(self._app, screen))
        for above in reversed(_screens_above(self._app, screen)):
            above.dismiss(None)
        then()

    async def _confirm_back(self, screen: Screen[Any], reason: str) -> None:
        if await self.confirm("Leave it?", reason, agree="Leave", ctrl_s=False):
            screen.dismiss()

    def quit(self) -> None:
        """Quit; ask first when something typed would be lost, or something is under way."""
        if self._quitting is not None and not self._quitting.is_finished:
            return  # it is asked already
        screens = [screen for screen in all_screens(self._app) if isinstance(screen, Leavable)]
        lost = [text for screen in screens if (text := screen.unsaved_input())]
        tasks = [text for screen in screens if (text := screen.running_task())]
        reasons = [f"You would lose {' and '.join(lost)}."] if lost else []
        reasons += [f"{task} is under way and may be cut off in the middle." for task in tasks]
        if reasons:
            # Not in the group "leave": a question of that which is open goes on if the user does not quit.
            self._quitting = start_worker(self._app, self._confirm_quit, " ".join(reasons), group="quit")
        else:
            self._exit()

    async def _confirm_quit(self, reason: str) -> None:
        if await self.confirm("Quit?", reason, agree="Quit", ctrl_s=False):
            self._exit()

    def _exit(self) -> None:
        """Exit; edits that the user agreed to lose are not offered at the next start."""
        for screen in all_screens(self._app):
            if isinstance(screen, Leavable):
                screen.discard_kept_edit()
        from drio_tui.workspace.saving.unsaved_edits import discard_left  # not needed for the first frame

        discard_left()
        self._app.exit(0)
