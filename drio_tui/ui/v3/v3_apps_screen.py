"""The apps of a drio, read through API v3 in pages. Nothing can be edited."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.message import Message
from textual.timer import Timer
from textual.widgets import Static

from drio_tui.api.v3 import Page, PageQuery, V3Client
from drio_tui.text import count_of
from drio_tui.ui.apps.resource_list_screen import ResourceListScreen
from drio_tui.ui.base import keymap
from drio_tui.ui.base.keymap import Key
from drio_tui.ui.v3.v3_app_screen import V3AppScreen
from drio_tui.ui.widgets.empty_state import EmptyState
from drio_tui.ui.widgets.filter_input import FilterInput
from drio_tui.ui.widgets.json_view import JsonView
from drio_tui.ui.widgets.row_list import Column, Row, RowList
from drio_tui.ui.widgets.sanitize import sanitize_line
from drio_tui.workspace.model.search import rank
from drio_tui.workspace.model.snapshot import Resource, resources_of

_QUERY_DELAY = 0.3
"""Seconds without typing until the server is asked for apps that match, if not all are loaded."""


class V3AppsScreen(ResourceListScreen):
    """The list of apps, and the JSON of the one under the cursor: no property of an app but its id is documented.

    The filter applies to the loaded apps at once; if there are further pages, the server is asked for what matches.
    """

    AREA = "apps"
    KIND = "app"
    OPEN_ACTION = "screen.open"
    EMPTY = "No apps", "This drio has none for your account.", (("r", "look again"),)
    PLACEHOLDER_WIDTHS = tuple((name, 14, 10) for name in (18, 12, 22, 15, 9))
    BINDINGS = keymap.section(
        "v3_apps",
        "Apps through API v3",
        Key("v3_apps.open", "o", "open", "Open", "Open the app", show=False),
        Key("v3_apps.filter", "slash", "filter", "Filter", "Show only the apps that match"),
        Key("v3_apps.more", "m", "more", "More", "Read the next page"),
        Key("v3_apps.refresh", "r", "refresh", "Refresh", "Read the first page again"),
        Key("v3_apps.copy", "y", "copy_id", "Copy id", "Copy the app's id", show=False),
    )

    class _PageLoaded(Message):
        def __init__(self, page: Page, asked: PageQuery) -> None:
            super().__init__()
            self.page = page
            self.asked = asked

    def __init__(self) -> None:
        super().__init__()
        self.next_cursor: str | None = None
        """The page after those that are loaded, None if there is none."""
        self._query = ""  # what the loaded apps match, by the server's rule
        self._query_timer: Timer | None = None
        self._shown_app: Resource | None = None

    def compose_body(self) -> ComposeResult:
        yield FilterInput(placeholder="/ to filter", id="filter")
        with Horizontal(id="apps"):
            yield RowList(
                Column("Name", min_width=16), Column("Slug", 24, rank=2, may_hide=True), Column("ID", 24, rank=1),
                id="table",
            )  # fmt: skip
            yield EmptyState(id="empty")
            yield JsonView(id="about")
        yield Static(id="note")

    # -- loading ----------------------------------------------------------------------------------

    def action_refresh(self) -> None:
        self._read(PageQuery(query=self._query))

    def action_more(self) -> None:
        self._read(PageQuery(cursor=self.next_cursor or "", query=self._query))

    def _read(self, asked: PageQuery) -> None:
        self.run_request(
            lambda client: V3Client(client).apps(asked),
            lambda page: self._PageLoaded(page, asked),
            group=self.AREA,
            failed=self._LoadFailed,
        )

    def on_v3apps_screen__page_loaded(self, message: _PageLoaded) -> None:
        self.next_cursor = message.page.next_cursor
        self._query = message.asked.query
        before = [app.raw for app in self.resources or ()] if message.asked.cursor else []
        apps = resources_of("app", [*before, *message.page.items], lambda _raw: "")
        self.post_message(self._Loaded(apps))

    def watch_filter_text(self) -> None:
        self.show_list()
        if self._query_timer is not None:
            self._query_timer.stop()
        if self.filter_text != self._query and (self._query or self.next_cursor):
            ask = partial(self._read, PageQuery(query=self.filter_text))
            self._query_timer = self.set_timer(_QUERY_DELAY, ask, name="ask for matching apps")

    # -- display ----------------------------------------------------------------------------------

    @property
    def is_empty(self) -> bool:
        return not self.resources and not self.filter_text

    def show_rows(self, resources: Sequence[Resource]) -> int:
        is_matched = self.filter_text == self._query
        rows = [
            Row(
                app.id, (sanitize_line(app.name, 200), sanitize_line(app.text("slug"), 100), sanitize_line(app.id, 100))
            )
            for app in resources
            if is_matched or rank(self.filter_text, app.name, f"{app.text('slug')} {app.id}") is not None
        ]
        self.rows.show(rows)
        return len(rows)

    def show_details(self) -> None:
        about, app = self.query_one("#about", JsonView), self.chosen
        about.display = app is not None
        if app is not None and app is not self._shown_app:
            about.show(app.raw)
        self._shown_app = app

    def summary(self) -> str:
        """Return the number of loaded apps, whether there are more, and that nothing can be edited."""
        more = ", and more: m" if self.next_cursor else ""
        reason = ": editing needs API v1, which this drio does not serve" if self.drio.status.is_v1_gone else ""
        return f"{count_of(len(self.resources or ()), 'app')}{more}. API v3, read-only{reason}"

    # -- actions ----------------------------------------------------------------------------------

    def disabled_reason(self, action: str, parameters: tuple[object, ...]) -> str | None:
        if action == "more" and not self.next_cursor:
            return "There is no further page."
        if action in ("open", "copy_id") and (self.chosen is None or self.chosen.made_up):
            return "Choose an app that has an id."
        return None

    def action_open(self) -> None:
        if self.chosen is not None:
            self.drio.push_screen(V3AppScreen(self.chosen.id, self.chosen.name))
