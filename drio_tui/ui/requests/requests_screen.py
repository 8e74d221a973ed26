"""The request log: the requests to drio and their responses, without secrets."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widgets import Input, Static, TabbedContent, TabPane

from drio_tui.api.curl import as_curl
from drio_tui.text import count_of, duration
from drio_tui.ui.base import keymap
from drio_tui.ui.base.keymap import Key
from drio_tui.ui.base.stylesheets import stylesheet
from drio_tui.ui.filtered_list_screen import FilteredListScreen
from drio_tui.ui.widgets.empty_state import EmptyState
from drio_tui.ui.widgets.json_view import JsonView
from drio_tui.ui.widgets.row_list import Column, Row, RowList
from drio_tui.ui.widgets.sanitize import sanitize, sanitize_line

if TYPE_CHECKING:
    from drio_tui.api.exchange import Exchange

_METHODS = {
    "GET": "$text-secondary",
    "POST": "$text-success",
    "PATCH": "$text-warning",
    "PUT": "$text-warning",
    "DELETE": "$text-error",
}


def status_of(exchange: Exchange) -> Content:
    """Return the status code of an exchange, or its state in a word."""
    if exchange.status is not None:
        colour = (
            "$text-success" if exchange.status < 300 else "$text-error" if exchange.status >= 400 else "$text-warning"
        )
        symbol = "✓" if exchange.status < 300 else "✗" if exchange.status >= 400 else "→"
        return Content.styled(f"{symbol} {exchange.status}", colour)
    if not exchange.is_finished:
        return Content.styled("◌ …", "$text-warning")
    word = "cancelled" if exchange.error == "cancelled" else "failed"
    return Content.styled(f"✗ {word}", "$foreground-muted" if word == "cancelled" else "$text-error")


def _elapsed(exchange: Exchange) -> str:
    return "" if exchange.elapsed is None else duration(exchange.elapsed, short=True)


class RequestsScreen(FilteredListScreen):
    """The requests, newest first and updated live, with the details of the selected one."""

    AREA = "requests"
    CSS_PATH = stylesheet("requests")
    DETAIL = "#response-body JsonLines"
    BINDINGS = keymap.section(
        "requests",
        "Requests",
        Key("requests.filter", "slash", "filter", "Filter", "Show only the requests that match"),
        Key(
            "requests.curl", "c", "curl", "Copy as curl", "Copy the request as a curl command, the token as $DRIO_TOKEN"
        ),
        Key("requests.id", "i", "copy_id", "Copy id", "Copy the request id", show=False),
        Key("requests.clear", "X", "clear", "Clear", "Forget all requests"),
    )

    def compose_body(self) -> ComposeResult:
        yield EmptyState(
            "No requests yet",
            "Everything the program asks of drio is listed here, with the response.",
            ("1", "browse the templates"),
            ("2", "see your apps"),
        )
        with Horizontal(id="log"):
            with Vertical(id="requests"):
                yield Input(placeholder="Filter: method, path, status, id", id="filter")
                yield RowList(
                    Column("Method", 7),
                    Column("Path", min_width=20, cut="middle"),
                    Column("Status", 14, min_width=5),
                    Column("Time", 8, "right", rank=1),
                    Column("When", 8, "right", min_width=8, rank=2),
                    Column("Request id", min_width=14, rank=3),
                )
            with Vertical(id="exchange"):
                yield Static(id="summary")
                with TabbedContent():
                    with TabPane("Response", id="response"):
                        yield JsonView(id="response-body")
                    with TabPane("Request", id="request"):
                        yield JsonView(id="request-body")
                    with TabPane("Headers", id="headers"):
                        yield JsonView(id="header-list")

    def on_mount(self) -> None:
        super().on_mount()
        self._shown: tuple[int, bool] | None = None
        self.watch(self.app, "log_count", self.refresh_rows)
        self.query_one(RowList).focus()

    def on_screen_resume(self) -> None:
        self.refresh_rows()

    def session_changed(self) -> None:
        """Stay: these are the requests of the program, whoever was signed in."""

    def refresh_rows(self) -> None:
        if not self.is_current and self._shown is not None:
            return
        log = self.connection.log
        empty = not len(log)
        self.query_one(EmptyState).display = empty
        self.query_one("#log").display = not empty
        rows = [self._row(exchange) for exchange in self._matching()]
        self.query_one(RowList).show(rows, follow_top=True)
        self.show_detail()

    def _matching(self) -> Iterable[Exchange]:
        for exchange in self.connection.log:
            outcome = exchange.status or exchange.error or ""
            text = f"{exchange.method} {_path(exchange)} {outcome} {exchange.request_id or ''}"
            if self.matches_filter(text):
                yield exchange

    def _row(self, exchange: Exchange) -> Row:
        attempt = Content.styled(f" ↻{exchange.attempt}", "$text-warning") if exchange.attempt > 1 else Content()
        return Row(
            str(exchange.number),
            (
                Content.styled(exchange.method, _METHODS.get(exchange.method, "")),
                sanitize_line(_path(exchange), 400),
                Content.assemble(status_of(exchange), attempt),
                Content.styled(_elapsed(exchange), "$foreground-muted"),
                Content.styled(time.strftime("%H:%M:%S", time.localtime(exchange.started_at)), "$foreground-muted"),
                sanitize_line(exchange.request_id or "", 40, "$foreground-muted"),
            ),
        )

    # -- detail -----------------------------------------------------------------------------------

    @property
    def chosen(self) -> Exchange | None:
        """The selected request."""
        key = self.query_one(RowList).key
        return self.connection.log.get(int(key)) if key else None

    def show_detail(self) -> None:
        exchange = self.chosen
        pane = self.query_one("#exchange")
        pane.display = exchange is not None
        if exchange is None:
            self._shown = None
            return
        state = (exchange.number, exchange.is_finished)
        if state == self._shown:
            return
        self._shown = state
        self.query_one("#summary", Static).update(self._summary(exchange))
        self._show_body("#response-body", exchange.response_body, self._empty_body_text(exchange))
        self._show_body("#request-body", exchange.request_body, "The request has no body.")
        headers = {
            "request": [f"{name}: {value}" for name, value in exchange.request_headers],
            "response": [f"{name}: {value}" for name, value in exchange.response_headers],
        }
        self.query_one("#header-list", JsonView).show_text(
            "\n".join(["Request", *(f"  {line}" for line in headers["request"]), "", "Response"])
            + "\n"
            + "\n".join(f"  {line}" for line in headers["response"])
        )

    def _show_body(self, selector: str, body: Any, empty_text: str) -> None:
        view = self.query_one(selector, JsonView)
        if body is None:
            view.show_text(empty_text)
        elif isinstance(body, str):
            view.show_text(body)
        else:
            view.show(body)

    def _empty_body_text(self, exchange: Exchange) -> str:
        if exchange.number in self.connection.log.dropped_bodies:
            return "The body was dropped to save memory."
        if not exchange.is_finished:
            return "Waiting for the response…"
        return exchange.error or "The response has no body."

    def _summary(self, exchange: Exchange) -> Content:
        first = Content.assemble(
            (exchange.method, f"bold {_METHODS.get(exchange.method, '')}"),
            " ",
            sanitize(exchange.url),
            "  ",
            status_of(exchange),
        )
        facts = [_elapsed(exchange), count_of(exchange.response_size, "byte") if exchange.is_finished else ""]
        if exchange.request_id:
            facts.append(f"id {exchange.request_id}")
        if exchange.retry_in is not None:
            facts.append(f"tried again after {duration(exchange.retry_in, short=True)}")
        if exchange.error:
            facts.append(exchange.error)
        return Content("\n").join([first, sanitize(" · ".join(fact for fact in facts if fact), "$foreground-muted")])

    # -- actions ----------------------------------------------------------------------------------

    def disabled_reason(self, action: str, parameters: tuple[object, ...]) -> str | None:
        if action in ("curl", "copy_id") and self.is_mounted and self.chosen is None:
            return "There is no request to copy."
        if action == "copy_id" and self.is_mounted and self.chosen and not self.chosen.request_id:
            return "The response carried no request id."
        return None

    def action_curl(self) -> None:
        if (exchange := self.chosen) is not None:
            from drio_tui.api import json_codec

            self.drio.copy(as_curl(exchange, json_codec.dumps), "the curl command")

    def action_copy_id(self) -> None:
        if (exchange := self.chosen) is not None and exchange.request_id:
            self.drio.copy(exchange.request_id, "the request id")

    def action_clear(self) -> None:
        self.connection.log.clear()
        self._shown = None
        self.refresh_rows()


def _path(exchange: Exchange) -> str:
    """Return the path below the host, with its query."""
    _, slash, path = exchange.url.partition("://")[2].partition("/")
    return f"{slash}{path}" or exchange.path
