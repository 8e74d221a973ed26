"""The application: areas, themes, notifications, and the connection's messages turned into reactives.

Only Textual, the standard library and light modules of drio-tui may be imported at module level here and in the
first screen, so that the first frame waits for nothing else.
"""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable, Coroutine
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from textual import events, work
from textual.actions import ActionParseResult
from textual.binding import BindingType
from textual.command import Provider
from textual.dom import DOMNode
from textual.message import Message
from textual.reactive import var
from textual.screen import Screen

from drio_tui import settings as stored
from drio_tui.asyncio_wait import import_in_thread
from drio_tui.text import one_line
from drio_tui.ui.app.failures import FailureHandler
from drio_tui.ui.app.idle_work import IdleCollector, InputPause
from drio_tui.ui.app.navigation import SCREENS, SIGNED_OUT_SCREENS, Navigator, make_screen
from drio_tui.ui.app.preload import Preloader
from drio_tui.ui.app.recovery import Recovery
from drio_tui.ui.app.start_screen import StartScreen
from drio_tui.ui.app.waiting_dialogs import WaitingDialogsApp
from drio_tui.ui.base import keymap
from drio_tui.ui.base.connection import Connection
from drio_tui.ui.base.keymap import DisablesActions, Key
from drio_tui.ui.base.launch_options import LaunchOptions
from drio_tui.ui.base.messages import (
    UNREACHABLE,
    BackendReady,
    ConnectionChanged,
    ExchangeLogged,
    Notice,
    SessionChanged,
    SignInWanted,
    StartupChanged,
    StartupFailed,
    Status,
    Step,
)
from drio_tui.ui.base.stylesheets import stylesheet
from drio_tui.ui.base.textual_internals import drawing, guards, memory, painting
from drio_tui.ui.base.themes import DEFAULT_THEME, THEMES
from drio_tui.ui.base.type_ahead import TypeAhead
from drio_tui.ui.base.workers import start_worker
from drio_tui.ui.widgets.sanitize import sanitize
from drio_tui.ui.widgets.status_line import StatusLine

if TYPE_CHECKING:
    from drio_tui.api.errors import DrioError
    from drio_tui.auth.flow import SignInResult
    from drio_tui.session import Session
    from drio_tui.ui.widgets.copy_field import CopyField
    from drio_tui.ui.widgets.json_view import JsonView

GC_DELAY_SECONDS = 3.0
"""Seconds after the start at which garbage collection is enabled (see `launch.run_tui`)."""

_PAINT_SECONDS, _PAINT_CHECKS = 0.002, 100
"""How often, and how many times, it is checked whether the list of the last start is painted."""

FIRST_LIST_MODULES = ("drio_tui.wizard.draft_store", "drio_tui.manifest.known_documents")
"""What the list of apps imports when it loads: there is time for it while a sandbox starts."""

PRELOAD_DELAY_SECONDS = 1.5
"""Seconds between the connection and the import of the other screens; by then the first list is on the screen."""


def _commands() -> type[Provider]:
    from drio_tui.ui.app.command_palette import Commands  # the palette opens long after the first frame

    return Commands


class DrioApp(WaitingDialogsApp, inherit_bindings=False):
    """The app `drio-tui` runs. It owns the connection, and the objects that open screens, keep edits, handle failures.

    Screens know it as a `DrioContext`.
    """

    TITLE = "drio"
    CSS_PATH = stylesheet("app")
    ENABLE_COMMAND_PALETTE = True
    COMMAND_PALETTE_BINDING = "ctrl+p"
    COMMANDS = {_commands}
    DEFAULT_MODE = "start"
    MODES = {name: partial(make_screen, name) for name in ("welcome", "templates", "apps", "requests", "explorer")}
    VERTICAL_BREAKPOINTS = [(0, "-short"), (30, "-tall")]
    BINDINGS: ClassVar[list[BindingType]] = keymap.section(
        "app",
        "Everywhere",
        Key("app.templates", "1", "go('templates')", "Templates", "Browse the templates", show=False),
        Key("app.apps", "2", "go('apps')", "Apps", "Your apps", show=False),
        Key("app.requests", "3", "go('requests')", "Requests", "The requests to drio and their responses", show=False),
        Key(
            "app.explorer", "4", "go('explorer')", "API explorer", "Every operation of the connected server", show=False
        ),
        Key("app.help", "question_mark,f1", "help", "Help", "Every key of this screen"),
        Key(
            "app.palette",
            "ctrl+p",
            "command_palette",
            "Commands",
            "Find apps, templates, tools, operations, widgets, settings and commands",
        ),
        Key(
            "app.jump",
            "ctrl+g",
            "jump",
            "Jump",
            "Show a letter at each field, tab and button, and go to that of the letter you press",
            show=False,
            priority=True,
        ),
        Key("app.sign_in", "L", "sign_in", "Sign in", "Sign in, or switch the account", show=False),
        Key("app.faults", "B", "faults", "Faults", "Make the local sandbox fail in chosen ways", show=False),
        Key("app.theme", "T", "change_theme", "Theme", "Choose a theme", show=False),
        Key("app.suspend", "ctrl+z", "suspend_process", "Suspend", "Back to the shell; `fg` returns", show=False),
        Key("app.quit", "q,ctrl+q", "quit", "Quit", "Leave the program"),
        Key("app.how_to_quit", "ctrl+c", "help_quit", "How to quit", show=False, palette=False),
    )

    status: var[Status] = var(Status, init=False)
    """What the status line shows."""

    steps: var[tuple[Step, ...]] = var(tuple, init=False)
    """The steps of starting up, in order."""

    session: var[Session | None] = var(None, init=False)
    """The session in use; None while signed out."""

    session_count: var[int] = var(0, init=False)
    """Incremented at every change of session, also from signed out to signed out at another host."""

    failure: var[DrioError | None] = var(None, init=False)
    """Why starting up failed; None if it did not."""

    log_count: var[int] = var(0, init=False)
    """Incremented at every change of the request log."""

    def __init__(self, options: LaunchOptions | None = None) -> None:
        super().__init__()
        memory.share_background_styles()
        painting.tint_screens_directly()
        painting.keep_screens_when_focus_moves()
        drawing.paint_only_what_is_seen()
        drawing.draw_lines_without_effects_directly()
        drawing.make_caches_of_strips_when_used()
        drawing.measure_symbols_quickly()
        memory.limit_split_segments()
        memory.hold_senders_weakly()
        guards.guard_timers()
        memory.forget_removed_nodes()
        self.settings = stored.Settings.load()
        self.settings = replace(self.settings, keys=keymap.with_current_ids(self.settings.keys))
        options = options or LaunchOptions()
        self.options = replace(
            options,
            read_only=options.read_only or self.settings.read_only,
            live=options.live and self.settings.live,
        )
        self._starts_read_only = self.options.read_only
        self.connection = Connection(self.options, self.post_message)
        self.navigator = Navigator(self, self.connection, self._use_sign_in)
        self._input_pause = InputPause()
        self.recovery = Recovery(self, self.connection, self._input_pause)
        self.failures = FailureHandler(self, self.recovery)
        self._type_ahead = TypeAhead(self, self._notify_text_dropped)
        self._preloader = Preloader(self, self._input_pause, lambda: self._type_ahead.waiting)
        self._collector = IdleCollector(self, self._input_pause)
        self._connect: Callable[[], Coroutine[Any, Any, None]] = self.connection.start
        self.set_reactive(DrioApp.status, self.connection.status)
        for theme in THEMES:
            self.register_theme(theme)
        self._choose_theme()
        self.set_keymap(self.settings.keys)

    def _choose_theme(self) -> None:
        configured = self.settings.theme
        if configured and configured not in self.available_themes:
            themes = ", ".join(sorted(self.available_themes))
            message = f"theme: there is no theme {one_line(configured, 40)}; the themes are {themes}"
            self.settings = replace(self.settings, problems=(*self.settings.problems, message))
        last_used = stored.load_state().get("theme")
        for name in (self.options.theme, self.settings.theme, last_used, DEFAULT_THEME):
            if isinstance(name, str) and name in self.available_themes:
                self.theme = name
                return

    def get_default_screen(self) -> Screen[Any]:
        # Not one of MODES: Textual would read the styles of each mode again before the first frame.
        return StartScreen()

    def on_mount(self) -> None:
        self.add_mode("start", StartScreen)
        self.theme_changed_signal.subscribe(self, self._remember_theme)
        self.check_terminal_size()
        self.set_timer(GC_DELAY_SECONDS, gc.enable, name="enable garbage collection")

    def on_ready(self) -> None:
        """The first frame is on the screen."""
        guards.guard_option_lists()
        guards.guard_buttons()
        guards.guard_selections()
        guards.guard_mouse_selection()
        self._run_first_connect()

    def restart(self, *, sandbox: bool = False, profile: str | None = None, base_url: str | None = None) -> None:
        """Connect again: to the sandbox, to a profile or to a host."""
        use_profile = partial(self.connection.use_profile, profile, base_url=base_url)
        self._connect = self.connection.use_sandbox if sandbox else use_profile
        if self.keep_unsaved("drio-tui went over to another sign-in"):
            self.notify("What you were editing is kept, and offered when that account is in use again.", markup=False)
        self.recovery.offered = False
        self.retry()
        self.switch_mode("start")
        for area in ("templates", "apps", "explorer"):
            if area in self._screen_stacks:
                # What is open there belongs to the old connection.
                self.remove_mode(area)
                self.add_mode(area, partial(make_screen, area))

    def retry(self) -> None:
        """Connect again to what was last chosen."""
        self.failure = None
        self._run_connect()

    @work(name="connect", group="connect", exclusive=True)
    async def _run_connect(self) -> None:
        await self._connect()

    @work(name="connect", group="connect", exclusive=True)
    async def _run_first_connect(self) -> None:
        await self._show_last_apps()
        # While the sandbox starts there is time for it.
        self._import_first_list()
        await self._connect()

    @work(name="preload", group="preload")
    async def _import_first_list(self) -> None:
        for module in (f"drio_tui.ui.{SCREENS['apps'][0]}", *(FIRST_LIST_MODULES if self.options.sandbox else ())):
            await import_in_thread(module)

    async def _show_last_apps(self) -> None:
        """Show the list of apps of the last start, before the imports for the connection, which would delay it."""
        await self.connection.load_last_apps()
        if self.connection.last_apps is None or self.current_mode != "start":
            return
        await import_in_thread(f"drio_tui.ui.{SCREENS['apps'][0]}")
        await self.switch_mode("apps")
        loop = asyncio.get_running_loop()
        for _ in range(_PAINT_CHECKS):
            await asyncio.sleep(_PAINT_SECONDS)
            if painting.loop_is_idle(loop):
                if not painting.needs_paint(self.screen):
                    return
                painting.paint_now(self.screen)

    def _use_sign_in(self, signed_in: SignInResult) -> None:
        """Use a new sign-in: the same profile goes on with it, and its screens stay open; another one is opened."""
        profile = signed_in.profile.name
        if self.session is not None and profile == self.session.profile:
            start_worker(self, self.connection.renew, group="connect")
        else:
            self.restart(profile=profile)

    def keep_unsaved(self, reason: str) -> bool:
        return self.recovery.keep_all(reason)

    # -- messages of the connection ------------------------------------------------------------------

    def on_connection_changed(self, message: ConnectionChanged) -> None:
        was_unreachable = self.status.phase in UNREACHABLE
        self.status = message.status
        if was_unreachable and message.status.phase == "online" and not message.status.account:
            self._fetch_account()  # it could not be read before

    def on_startup_changed(self, message: StartupChanged) -> None:
        self.steps = message.steps

    def on_session_changed(self, message: SessionChanged) -> None:
        self.session = message.session
        self.session_count += 1

    def on_exchange_logged(self, message: ExchangeLogged) -> None:
        self.log_count += 1
        self._collector.schedule()

    def on_sign_in_wanted(self, message: SignInWanted) -> None:
        self.navigator.sign_in_again(message)

    def on_notice(self, message: Notice) -> None:
        self.notify(
            sanitize(message.text).plain,
            title=sanitize(message.title).plain,
            severity="warning" if message.warning else "information",
            markup=False,
        )

    def on_backend_ready(self, message: BackendReady) -> None:
        self._prepare_next_screens()
        self.set_timer(PRELOAD_DELAY_SECONDS, self._preload, name="preload")
        if self.current_mode in ("start", "welcome"):
            signed_in = self.connection.session is not None
            self.switch_mode("welcome" if message.first_run else "apps" if signed_in else "templates")
            self._open_requested_wizard()

    def _open_requested_wizard(self) -> None:
        """Open the wizard for `drio-tui new`, once, as soon as the user is signed in."""
        if self.options.new is None:
            return
        if self.connection.session is None:
            self.notify("Sign in first (L): then the wizard for your new app opens.", markup=False)
            return
        template, name = self.options.new
        self.options = replace(self.options, new=None)
        self.call_later(self.navigator.open_wizard, wanted=template, name=name)

    def on_startup_failed(self, message: StartupFailed) -> None:
        self.failure = message.error
        if self.current_mode != "start":
            self.switch_mode("start")

    @work(name="preload", group="preload next", exclusive=True)
    async def _prepare_next_screens(self) -> None:
        """Once the first list is filled, fetch the account's name, and import what a key on the list opens."""
        await self._preloader.wait_until_filled()
        if self.session is not None:
            self._fetch_account()
            await self._preloader.import_next()

    @work(name="account", group="account", exclusive=True)
    async def _fetch_account(self) -> None:
        await self.connection.fetch_account()

    @work(name="preload", group="preload", exclusive=True)
    async def _preload(self) -> None:
        """Import the screens that can be opened, so that they open quickly.

        Where config.toml sets keys, all that has bindings is imported, so that their ids can be checked.
        """
        names = SCREENS if self.session is not None else SIGNED_OUT_SCREENS
        modules = (f"drio_tui.ui.{SCREENS[name][0]}" for name in names)
        await self._preloader.import_all(keymap.modules() if self.settings.keys else modules)
        self.call_later(self._notify_settings_problems)
        self.call_later(self._offer_kept_edits)

    def _offer_kept_edits(self) -> None:
        if self.session is not None and not self.options.read_only:
            self.recovery.offer()

    def _notify_settings_problems(self) -> None:
        """Show what is wrong in config.toml, once, when every binding is known."""
        problems = [*self.settings.problems, *keymap.problems(self.settings.keys)]
        self.settings = replace(self.settings, problems=())
        for problem in problems[:5]:
            self.notify(sanitize(problem).plain, title="config.toml", severity="warning", timeout=10, markup=False)

    # -- services for the screens -----------------------------------------------------------------

    def show_error(self, error: DrioError) -> None:
        """Show an error as a notification."""
        body = "\n".join(part for part in (error.message, error.hint) if part)
        self.notify(
            sanitize(body, multiline=True).plain,
            title=sanitize(error.title).plain,
            severity="error",
            timeout=10,
            markup=False,
        )

    def copy(self, text: str, what: str = "") -> None:
        """Copy `text` to the clipboard and notify how it was done; `what` names it (`the URL`)."""
        start_worker(self, self._copy, text, what, group="copy")

    async def _copy(self, text: str, what: str) -> None:
        from drio_tui.ui.widgets import clipboard  # not needed for the first frame

        write = self._driver.write if self._driver is not None and not self.is_headless else None
        result = await clipboard.copy(text, write)
        self.post_message(Notice(result.message, title=what))

    def copy_to_clipboard(self, text: str) -> None:
        """Copy what Textual itself copies (selected text, input fields) in the same way."""
        super().copy_to_clipboard(text) if self.is_headless else self.copy(text, "the selection")

    def on_copy_field_copy_requested(self, message: CopyField.CopyRequested) -> None:
        self.copy(message.text, message.what)

    def on_json_view_copy_requested(self, message: JsonView.CopyRequested) -> None:
        if isinstance(message.value, str):
            self.copy(message.value, "the text")
            return
        from drio_tui.api import json_codec

        self.copy(json_codec.dumps(message.value, indent=2), "the JSON")

    # -- input ------------------------------------------------------------------------------------

    async def on_event(self, event: events.Event) -> None:
        if isinstance(event, events.Key | events.MouseDown | events.Paste):
            self._input_pause.note_input()
            self._collector.schedule()
        if not self._type_ahead.holds(event):
            await super().on_event(event)

    def _notify_text_dropped(self) -> None:
        self.notify("The screen was not ready: what you typed meanwhile was not used.", markup=False)

    # -- actions ----------------------------------------------------------------------------------

    async def run_action(
        self,
        action: str | ActionParseResult,
        default_namespace: DOMNode | None = None,
        namespaces: Any = None,
    ) -> bool:
        """Run an action as Textual does; when it is disabled, notify why.

        An exception is reported instead of raised if the program survives failures.
        """
        target, name, parameters = self._parse_action(action, default_namespace or self, namespaces)
        if isinstance(target, DisablesActions) and (reason := target.disabled_reason(name, parameters)):
            self.notify(sanitize(reason).plain, title="Not now", severity="warning", markup=False)
            return True
        try:
            with self.failures.reported():
                return await super().run_action(action, default_namespace, namespaces)
            return True
        finally:
            self._refresh_footer()

    def _refresh_footer(self) -> None:
        """Let the screen look whether the action enabled or disabled keys: `DrioScreen.on_idle`."""
        if self._screen_stack:
            self.screen.check_idle()

    def action_go(self, area: str) -> None:
        """Switch to an area; each area keeps its screens."""
        self.switch_mode(area)

    def action_command_palette(self) -> None:
        self.navigator.open_command_palette()

    def action_jump(self) -> None:
        self.navigator.open_jump()

    def action_help(self) -> None:
        """Show the keys of the current screen."""
        self.push_screen(make_screen("help", self.screen, self.settings.keys))

    def action_sign_in(self) -> None:
        """Sign in, or switch the account."""
        self.navigator.sign_in()

    def disabled_reason(self, action: str, parameters: tuple[object, ...]) -> str | None:
        client, is_replay = self.connection.client, self.options.cassette == "replay"
        if action == "faults" and (client is None or not client.transport.is_sandbox or is_replay):
            return "Only a sandbox can be made to fail: drio-tui --sandbox"
        if action == "sign_in" and is_replay:
            return "A replayed session needs no sign-in."
        return super().disabled_reason(action, parameters)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Return None for what this connection has not, so that the palette does not offer it."""
        if action in ("faults", "sign_in") and self.disabled_reason(action, parameters):
            return None
        return super().check_action(action, parameters)

    def action_faults(self) -> None:
        """Show the fault lab of the sandbox."""
        self.push_screen(make_screen("faults"))

    async def action_quit(self) -> None:
        self.navigator.quit()

    def on_status_line_go(self, message: StatusLine.Go) -> None:
        self.action_go(message.area)

    def on_status_line_account(self) -> None:
        self.action_sign_in()

    async def on_status_line_faults(self) -> None:
        await self.run_action("faults")

    @property
    def may_leave_read_only(self) -> bool:
        """Whether read-only can be switched off: not if the program was started with it."""
        return self.options.read_only and not self._starts_read_only

    def set_read_only(self, on: bool) -> None:
        """Hide every action that changes something, as --read-only does, or show them again."""
        if on or self.may_leave_read_only:
            self.options = replace(self.options, read_only=on)
            self.connection.set_read_only(on)
            self.screen.refresh_bindings()

    def _remember_theme(self, _theme: object) -> None:
        save = partial(stored.save_state, theme=self.theme)
        start_worker(self, asyncio.to_thread, save, group="remember")

    async def on_unmount(self) -> None:
        await self.connection.close()

    # -- failures ---------------------------------------------------------------------------------

    def _handle_exception(self, error: Exception) -> None:
        if not self.failures.handle(error):
            super()._handle_exception(error)

    async def _dispatch_message(self, message: Message) -> None:
        # Textual would end the app's own message loop after an exception.
        with self.failures.reported():
            await super()._dispatch_message(message)


if TYPE_CHECKING:
    from drio_tui.ui.base.context import DrioContext

    def _as_context(app: DrioApp) -> DrioContext:
        """Check that the app is what its screens expect."""
        return app
