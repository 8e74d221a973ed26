"""The apps of the account: a table to filter, sort and open."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from textual import events, on
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.message import Message
from textual.reactive import var
from textual.timer import Timer
from textual.widgets import Static

from drio_tui.api.errors import DrioError
from drio_tui.api.json_values import same_json
from drio_tui.api.resource_type import validation_error
from drio_tui.asyncio_wait import import_in_thread
from drio_tui.kinds import APP
from drio_tui.text import count_of
from drio_tui.ui.apps.app_summary import AppFacts, app_blocks, fetch_facts
from drio_tui.ui.apps.app_table import COLUMNS, AppTable, Order, draft_key
from drio_tui.ui.apps.drift_marks import DriftMark, check_drift
from drio_tui.ui.apps.resource_list_screen import ResourceListScreen, is_v3
from drio_tui.ui.base import keymap
from drio_tui.ui.base.keymap import Key
from drio_tui.ui.base.polling import Poller
from drio_tui.ui.base.workers import start_worker
from drio_tui.ui.widgets.empty_state import EmptyState
from drio_tui.ui.widgets.filter_input import FilterInput
from drio_tui.ui.widgets.rich_text import Document
from drio_tui.ui.widgets.sanitize import sanitize_line
from drio_tui.ui.widgets.values import age
from drio_tui.workspace import last_apps, recent_apps
from drio_tui.workspace.model.snapshot import Resource, resources_of

if TYPE_CHECKING:
    from drio_tui.api.client import DrioClient
    from drio_tui.wizard.draft import Draft
    from drio_tui.wizard.draft_store import LoadedDrafts
    from drio_tui.workspace.last_apps import LastApps
    from drio_tui.workspace.recent_apps import AppsState

_POLL_FACTOR = 2.0
"""How many times longer than for an open app the pauses between two checks are."""

_FACTS_DELAY = 0.25
"""Seconds after a cursor move until the details of the app are loaded."""


class AppsScreen(ResourceListScreen):
    """The list of apps, and the details of the one under the cursor."""

    AREA = "apps"
    KIND = "app"
    OPEN_ACTION = "screen.open"
    V3_STEP = "v", "look at the apps through API v3"
    EMPTY = "No apps yet", "Make one, step by step.", (("n", "create an app"), ("1", "look at the templates"))
    PLACEHOLDER_WIDTHS = tuple((name, 14, 8, 5, 4, 10) for name in (18, 12, 22, 15, 9))
    BINDINGS = keymap.section(
        "apps",
        "Apps",
        Key("apps.open", "o", "open", "Open", "Open the app", show=False),
        Key("apps.filter", "slash", "filter", "Filter", "Show only the apps that match"),
        Key("apps.sort", "s", "sort", "Sort", "Sort by the next column"),
        Key("apps.reverse", "S", "reverse", "Reverse", "Sort the other way round", show=False),
        Key("apps.refresh", "r", "refresh", "Refresh", "Read the apps again"),
        Key("apps.new", "n", "new", "New app", "Create an app, step by step", dangerous=True),
        Key(
            "apps.forget", "D", "forget_draft", "Forget draft", "Forget the draft of an app", dangerous=True, show=False
        ),
        Key(
            "apps.document",
            "M",
            "open_document",
            "Document",
            "Compare the app with its document in git, or export it",
            show=False,
        ),
        Key("apps.v3", "v", "open_v3", "API v3", "Look at the apps through API v3, which edits nothing", show=False),
        Key(
            "apps.copy_endpoint",
            "Y",
            "copy_endpoint",
            "Copy endpoint",
            "Copy the endpoint of the deployed app",
            show=False,
        ),
        Key("apps.copy", "y", "copy_id", "Copy id", "Copy the app's id", show=False),
    )

    order: var[Order] = var(Order(), init=False)
    """The sort order of the table."""

    drafts: var[tuple[Draft, ...]] = var((), init=False)
    """Drafts of apps that are not complete yet, newest first."""

    class _DraftsLoaded(Message):
        def __init__(self, loaded: LoadedDrafts) -> None:
            super().__init__()
            self.loaded = loaded

    class _DiscardConfirmed(Message):
        def __init__(self, draft: str) -> None:
            super().__init__()
            self.draft = draft

    class _FactsLoaded(Message):
        def __init__(self, app: str, facts: AppFacts) -> None:
            super().__init__()
            self.app = app
            self.facts = facts

    class _DriftChecked(Message):
        def __init__(self, app: str, mark: DriftMark) -> None:
            super().__init__()
            self.app = app
            self.mark = mark

    class _Checked(Message):
        """The apps, as they were read after the own writes up to `position`."""

        def __init__(self, apps: tuple[Resource, ...], position: int) -> None:
            super().__init__()
            self.apps = apps
            self.position = position

    def __init__(self) -> None:
        super().__init__()
        self._state: AppsState | None = None
        self._recent: dict[str, float] = {}
        self._changed_at: dict[str, float] = {}
        self._changed: set[str] = set()
        self._own_position = 0
        self._read_position = 0
        self._poller = Poller(
            self,
            self._check,
            lambda checked: checked,
            is_busy=lambda: self.resources is None or self.has_request(self.AREA),
            factor=_POLL_FACTOR,
        )
        self._marks: dict[str, DriftMark] = {}
        self._facts: dict[str, AppFacts] = {}
        self._shown_app: str | None = None
        self._facts_timer: Timer | None = None
        self._v3_was_opened = False
        self._has_order = False
        self._last: LastApps | None = None
        self._saved: tuple[Resource, ...] | None = None

    @on(events.Mount)
    def _watch_terminal_focus(self) -> None:
        self.watch(self.app, "app_focus", self._terminal_focus_changed, init=False)

    def on_unmount(self) -> None:
        self._poller.stop()

    def _terminal_focus_changed(self) -> None:
        self._poller.resume()

    def compose_body(self) -> ComposeResult:
        yield FilterInput(placeholder="/ to filter", id="filter")
        with Horizontal(id="apps"):
            yield AppTable(id="table")
            yield EmptyState(id="empty")
            yield Document(id="about")
        yield Static(id="note")

    @property
    def table(self) -> AppTable:
        """The table of apps."""
        return self.query_one("#table", AppTable)

    @property
    def is_empty(self) -> bool:
        return not self.resources and not self.drafts

    @property
    def waits_for_connection(self) -> bool:
        return self._last is not None and self.connection.client is None

    def session_changed(self) -> None:
        if self._last is not None and self._last.owner == self.connection.owner:
            self.action_refresh()
            return
        self._last = None
        self._facts.clear()
        self._marks.clear()
        self._changed.clear()
        self._changed_at.clear()
        self._v3_was_opened = False
        self.set_reactive(AppsScreen.resources, None)
        self.start_loading()

    def on_screen_resume(self) -> None:
        if self.resources is not None or self.failure is not None:
            self.action_refresh()  # an app's screen or the wizard may have changed names and status

    def start_loading(self) -> None:
        """Show placeholder rows and load the apps, or the key hints for a signed-out user."""
        signed_out = self.drio.session is None and self.connection.client is not None
        self.table.display = not signed_out
        self.query_one("#filter").display = not signed_out
        if signed_out:
            self.cancel_requests()
            empty = self.query_one(EmptyState)
            empty.display = True
            empty.show_message(
                "You are signed out", "Your apps are shown once you sign in.", ("L", "sign in"), ("1", "templates")
            )
        elif (last := self.connection.last_apps) is not None:
            self._show_last(last)
        else:
            super().start_loading()

    # -- loading ----------------------------------------------------------------------------------

    def _show_last(self, last: LastApps) -> None:
        """Show the list of the last start, and load the current one."""
        self._last = last
        self._loaded_at = datetime.fromtimestamp(last.read_at)
        self.set_reactive(AppsScreen.resources, last.apps)
        self._state = last.state
        self._apply_state()
        self.show_list()
        self.rows.focus()
        self.action_refresh()

    def load_drafts(self) -> None:
        """Load the drafts of this account, off the event loop."""
        if self.drio.session is None or self.drio.options.read_only:
            return
        profile, server = self.drio.status.profile, self.connection.server

        async def load() -> None:
            await import_in_thread("drio_tui.wizard.draft_store")  # not needed for the first screen
            from drio_tui.wizard import draft_store

            self.post_message(self._DraftsLoaded(await asyncio.to_thread(draft_store.load, profile, server)))

        start_worker(self, load, group="drafts", exclusive=True)

    def on_apps_screen__drafts_loaded(self, message: _DraftsLoaded) -> None:
        for problem in message.loaded.problems[:3]:
            self.notify(sanitize_line(problem, 300).plain, severity="warning", markup=False)
        self.drafts = tuple(message.loaded.drafts)

    async def fetch(self, client: DrioClient) -> tuple[Resource, ...]:
        position = self.connection.own_writes.position
        apps = await _fetch_apps(client)
        self._read_position = position
        self._state = await asyncio.to_thread(recent_apps.load, self.connection.server)
        return apps

    async def _check(self, client: DrioClient) -> _Checked:
        position = self.connection.own_writes.position
        return self._Checked(await _fetch_apps(client), position)

    def action_refresh(self) -> None:
        if self.drio.session is not None or self.connection.client is None:
            super().action_refresh()
            self._poller.wake()  # also where this fails, or is stopped

    def _apply_state(self) -> None:
        """Sort as at the last start, those first that were opened last."""
        self._recent = {**(self._state.opened if self._state is not None else {}), **self._changed_at}
        if self._state is not None and not self._has_order:
            self._has_order = True
            if self._state.order in dict(COLUMNS):
                self.set_reactive(AppsScreen.order, Order(self._state.order, self._state.descending))

    def loaded(self) -> None:
        self._last = None
        self._facts.clear()
        self._own_position = self._read_position
        self._poller.read()
        self._apply_state()
        self._save()
        self.load_drafts()  # not earlier: importing what they need would delay the list
        client = self.connection.client
        if client is not None:
            apps = [app.id for app in self.resources or ()]

            def post(*mark: Any) -> None:
                self.post_message(self._DriftChecked(*mark))

            # Not a worker of this screen, so that Esc does not stop it.
            start_worker(self.drio, check_drift, client, apps, {**self._marks}, post, group="drift", exclusive=True)

    def _save(self) -> None:
        """Keep the list for the next start, if it has changed."""
        owner, apps = self.connection.owner, self.resources
        if owner and apps is not None and apps != self._saved:
            self._saved = apps
            work = partial(last_apps.save, owner, self.connection.server, apps)
            start_worker(self.drio, asyncio.to_thread, work, group="keep apps", exclusive=True)

    def on_apps_screen__checked(self, message: _Checked) -> None:
        """Show and mark the apps that others have changed; the order stays, so that no row moves under the cursor."""
        if self._poller.is_outdated(message):
            return
        if self.connection.own_writes.position != message.position:
            self._poller.finished(changed=True)  # an app may have been read in the middle of an own write
            return
        self._loaded_at, self.failure = datetime.now(), None
        known = {app.id: app for app in self.resources or ()}
        apps = {app.id: app for app in message.apps}
        changed = {app.id for app in message.apps if app.id not in known or not same_json(known[app.id].raw, app.raw)}
        apps |= {id: app for id, app in known.items() if id in apps and id not in changed}  # whose rows are drawn
        gone = known.keys() - apps.keys()
        if changed or gone:
            for id in changed:
                self._facts.pop(id, None)
                self._changed_at[id] = time.time()
            self._changed |= changed - self.connection.own_writes.apps_since(self._own_position)
            kept = [apps.pop(id) for id in known if id in apps]
            self.set_reactive(AppsScreen.resources, (*kept, *apps.values()))
            self.show_list()
        self._own_position = message.position
        self._poller.finished(changed=bool(changed or gone))

    def on_apps_screen__drift_checked(self, message: _DriftChecked) -> None:
        self._marks[message.app] = message.mark
        self.show_list()

    def watch_failure(self) -> None:
        super().watch_failure()
        self.load_drafts()

    def show_failure(self, empty: EmptyState, error: DrioError) -> None:
        super().show_failure(empty, error)
        if is_v3(error) and not self._v3_was_opened and self.is_current:
            self._v3_was_opened = True  # once: who leaves it wants to read why
            self.drio.navigator.open_v3()

    # -- display ----------------------------------------------------------------------------------

    def watch_order(self) -> None:
        self._has_order = True
        work = partial(recent_apps.remember_order, self.order.name, self.order.descending)
        start_worker(self.drio, asyncio.to_thread, work, group="remember order", exclusive=True)
        self.show_list()

    def watch_drafts(self) -> None:
        self.show_list()

    def show_rows(self, resources: Sequence[Resource]) -> int:
        return self.table.show_apps(
            resources, self.filter_text, self.order, self.drafts, self._marks, self._recent, self._changed
        )

    def show_details(self) -> None:
        """Show the app under the cursor, and load its facts unless the cursor moves on within `_FACTS_DELAY`."""
        about, app = self.query_one("#about", Document), self.chosen
        about.display = app is not None
        if self._shown_app in self._changed and (app is None or app.id != self._shown_app):
            self._changed.discard(self._shown_app)  # it was looked at
            self.show_rows(self.resources or ())
        if self._facts_timer is not None:
            self._facts_timer.stop()
        if app is None:
            self._shown_app = None
            return
        about.show(
            app_blocks(app, self._facts.get(app.id), self._marks.get(app.id)), keep_place=self._shown_app == app.id
        )
        self._shown_app = app.id
        if app.id not in self._facts and not app.made_up:
            self._facts_timer = self.set_timer(_FACTS_DELAY, partial(self._load_facts, app.id), name="read the app")

    @on(AppTable.Moved)
    def _user_active(self) -> None:
        self._poller.user_active()

    def _load_facts(self, app: str) -> None:
        async def fetch(client: DrioClient) -> tuple[str, AppFacts]:
            return app, await fetch_facts(client, app, self.connection.server)

        self.run_request(fetch, lambda result: self._FactsLoaded(*result), group="facts")

    def on_apps_screen__facts_loaded(self, message: _FactsLoaded) -> None:
        self._facts[message.app] = message.facts
        if self.chosen is not None and self.chosen.id == message.app:
            self.show_details()

    def summary(self) -> str:
        """Return the number of apps and drafts, and the sort order."""
        text = count_of(len(self.resources or ()), "app")
        if self.resources and self.filter_text and not self.table.display:
            return f"{text}, none shown"
        if self.drafts:
            text += f", {count_of(len(self.drafts), 'draft')}"
        if self.order.name:
            title = next(column.title for name, column in COLUMNS if name == self.order.name)
            text += f", by {title.lower()}{' downwards' if self.order.descending else ''}"
        elif any(app.id in self._recent for app in self.resources or ()):
            text += ", recent first"
        if self._last is not None:
            text += f", as of {age(time.time() - self._last.read_at)}"
        return text

    # -- actions ----------------------------------------------------------------------------------

    def disabled_reason(self, action: str, parameters: tuple[object, ...]) -> str | None:
        if self.waits_for_connection and action in ("open", "open_document", "new"):
            return "drio-tui is still connecting."
        if action == "open_v3" and not self._serves_v3:
            return "This drio is not known to serve API v3."
        if action == "open" and self.chosen is None and self.draft is None:
            return "There is no app to open."
        if action == "open_document" and (self.chosen is None or self.chosen.made_up):
            return "Choose an app first."
        if action == "copy_endpoint" and not self._endpoint:
            return "No endpoint of this app is known: it is not deployed, or not read yet."
        if action == "forget_draft" and self.draft is None:
            return "Only drafts can be forgotten: choose one."
        if action == "new" and self.reason_not_editable:
            return self.reason_not_editable
        if action == "new" and self.drio.session is None:
            return "Creating an app needs a sign-in: press L."
        if action == "open" and self.chosen is not None and self.chosen.made_up:
            return "This app has no id that could be asked for."
        return None

    @property
    def draft(self) -> Draft | None:
        """The draft under the cursor."""
        key = self.table.key
        return next((draft for draft in self.drafts if draft_key(draft) == key), None)

    def action_open(self) -> None:
        if self.draft is not None:
            self.drio.navigator.open_wizard(draft=self.draft.id)
        elif self.chosen is not None:
            self.drio.navigator.open_app(self.chosen.id)

    @property
    def _serves_v3(self) -> bool:
        client = self.connection.client
        return client is not None and "v3" in client.versions.versions.served

    def action_open_v3(self) -> None:
        self.drio.navigator.open_v3()

    def action_open_document(self) -> None:
        if self.chosen is not None:
            self.drio.navigator.open_document(self.chosen.id, self.chosen.text("slug"))

    @on(AppTable.HeaderClicked)
    def _sort_by(self, event: AppTable.HeaderClicked) -> None:
        same = event.name == self.order.name
        self.order = Order(event.name, descending=same and not self.order.descending)

    def action_sort(self) -> None:
        names = ["", *(name for name, _ in COLUMNS)]
        index = names.index(self.order.name)
        self.order = Order(names[(index + 1) % len(names)])

    def action_reverse(self) -> None:
        self.order = Order(self.order.name or "name", not self.order.descending)

    @property
    def _endpoint(self) -> str:
        facts = self._facts.get(self.chosen.id) if self.chosen is not None else None
        return facts.endpoint if facts is not None else ""

    def action_copy_endpoint(self) -> None:
        if self._endpoint:
            self.drio.copy(self._endpoint, "the endpoint")

    def action_new(self) -> None:
        self.drio.navigator.open_wizard()

    def action_forget_draft(self) -> None:
        if self.draft is not None:
            start_worker(self, self._confirm_discard, self.draft, group="forget", exclusive=True)

    async def _confirm_discard(self, draft: Draft) -> None:
        text = "What was typed into it is lost."
        if draft.app:
            text += " The app that was begun stays as it is."
        if await self.drio.navigator.confirm(f"Forget the draft of {draft.name[:60]}?", text, agree="Forget it"):
            self.post_message(self._DiscardConfirmed(draft.id))

    def on_apps_screen__discard_confirmed(self, message: _DiscardConfirmed) -> None:
        from drio_tui.wizard import draft_store

        try:
            draft_store.discard(message.draft)
        except OSError as error:
            self.notify(sanitize_line(str(error), 200).plain, severity="warning", markup=False)
        self.load_drafts()


async def _fetch_apps(client: DrioClient) -> tuple[Resource, ...]:
    listing = await client.list(APP)
    return await asyncio.to_thread(resources_of, "app", listing.raw, partial(validation_error, APP))
