"""What MCP clients ask of a deployed app, as it comes, if the connected drio keeps it (only the sandbox does)."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.message import Message
from textual.widgets import Input, Static, TabbedContent, TabPane

from drio_tui.api.errors import DrioError
from drio_tui.api.redact import HIDDEN
from drio_tui.text import duration
from drio_tui.tool_calls.token_count import kilobytes
from drio_tui.tool_calls.tools import tool_name
from drio_tui.ui.base import keymap
from drio_tui.ui.base.keymap import Key
from drio_tui.ui.base.stylesheets import stylesheet
from drio_tui.ui.filtered_list_screen import FilteredListScreen
from drio_tui.ui.playground.run_blocks import keep_sample
from drio_tui.ui.widgets.empty_state import EmptyState
from drio_tui.ui.widgets.json_view import JsonView
from drio_tui.ui.widgets.row_list import Column, Row, RowList
from drio_tui.ui.widgets.sanitize import sanitize, sanitize_line
from drio_tui.workspace.deploy.endpoint_calls import CallFeed, EndpointCall
from drio_tui.workspace.run.bound_tool import bound_of
from drio_tui.workspace.run.tool_run import inner_value

if TYPE_CHECKING:
    from textual.timer import Timer

    from drio_tui.api.client import DrioClient
    from drio_tui.workspace.model.snapshot import Snapshot

_SHORTEST_SECONDS = 1.0
_LONGEST_SECONDS = 10.0
_MOST_SHOWN = 500


class CallsScreen(FilteredListScreen):
    """The calls of one app, newest first, with the details of the selected one.

    While it is on top, it asks the sandbox again: a second after something came, then less and less often.
    """

    AREA = "apps"
    CSS_PATH = stylesheet("calls")
    DETAIL = "#arguments-json JsonLines"
    BINDINGS = keymap.section(
        "calls",
        "Calls of MCP clients (sandbox)",
        Key("calls.filter", "slash", "filter", "Filter", "Show only the calls that match"),
        Key("calls.playground", "t", "try_tool", "Try", "Open the tool in the playground, with the same arguments"),
        Key("calls.sample", "S", "sample", "Keep sample", "Keep the result as the sample of the tool's widget"),
        Key("calls.refresh", "r", "refresh", "Refresh", "Ask the sandbox now", show=False),
        Key("calls.copy", "Y", "copy_json", "Copy JSON", "Copy the call as JSON", show=False),
    )

    class Arrived(Message):
        """The sandbox answered; `calls` are new, `error` says why there are none."""

        def __init__(self, calls: list[EndpointCall], error: DrioError | None = None) -> None:
            super().__init__()
            self.calls = calls
            self.error = error

    def __init__(self, app_id: str, snapshot: Snapshot) -> None:
        super().__init__()
        self.app_id = app_id
        self.snapshot = snapshot
        self.calls: list[EndpointCall] = []
        """Oldest first."""
        self._feed: CallFeed | None = None
        self._seconds = _SHORTEST_SECONDS
        self._timer: Timer | None = None
        self._error: DrioError | None = None
        self._has_answer = False
        self._shown: EndpointCall | None = None

    def compose_body(self) -> ComposeResult:
        yield EmptyState(
            "No client has called yet",
            "What AI clients ask of the deployed app is listed here as it comes.",
            ("esc", "back to the app: d deploys it, C shows how to connect clients"),
        )
        with Horizontal(id="calls"):
            with Vertical(id="list"):
                yield Input(placeholder="Filter: client, method, tool, error", id="filter")
                yield RowList(
                    Column("When", 8, min_width=8, rank=1),
                    Column("Request", min_width=14),
                    Column("Result", 8, min_width=8),
                    Column("Time", 8, "right", rank=2),
                    Column("Tokens", 7, "right", rank=3),
                    Column("Client", 18, min_width=8, rank=4),
                )
            with Vertical(id="call"):
                yield Static(id="summary")
                with TabbedContent():
                    with TabPane("Arguments", id="arguments"):
                        yield JsonView(id="arguments-json")
                    with TabPane("Result", id="result"):
                        yield JsonView(id="result-json")
                    with TabPane("Upstream", id="upstream"):
                        yield JsonView(id="upstream-json")

    def on_mount(self) -> None:
        super().on_mount()
        self.refresh_rows()
        self.query_one(RowList).focus()
        self.action_refresh()

    def on_screen_resume(self) -> None:
        if self._has_answer:
            self.action_refresh()

    def action_refresh(self) -> None:
        self._seconds = _SHORTEST_SECONDS
        self._ask()

    def session_changed(self) -> None:
        self._feed = None
        self.calls = []
        super().session_changed()

    # -- reading ----------------------------------------------------------------------------------

    def _ask(self) -> None:
        if self._timer is not None:
            self._timer.stop()
            self._timer = None
        if not self.is_current:
            return

        async def fetch(client: DrioClient) -> CallsScreen.Arrived:
            if self._feed is None:
                self._feed = CallFeed(client, self.app_id)
            return self.Arrived(await self._feed.fetch(_MOST_SHOWN))

        self.run_request(
            fetch, lambda message: message, group="calls", failed=lambda error: self.Arrived([], error), once=True
        )

    def on_calls_screen_arrived(self, message: Arrived) -> None:
        self._has_answer = True
        self._seconds = _SHORTEST_SECONDS if message.calls else min(2 * self._seconds, _LONGEST_SECONDS)
        if message.calls or (message.error is None) != (self._error is None):
            self._error = message.error
            self.show_calls([*self.calls, *message.calls][-_MOST_SHOWN:])
        if self.is_current:
            self._timer = self.set_timer(self._seconds, self._ask, name="ask for calls")

    # -- display ----------------------------------------------------------------------------------

    def show_calls(self, calls: list[EndpointCall]) -> None:
        """Show other calls, given oldest first."""
        self.calls = calls
        self.refresh_rows()

    def refresh_rows(self) -> None:
        self.query_one(EmptyState).display = not self.calls and self._error is None
        self.query_one("#calls").display = bool(self.calls) or self._error is not None
        rows = [_row(call) for call in reversed(self.calls) if self.matches_filter(_searched(call))]
        self.query_one(RowList).show(rows, follow_top=True)
        self.show_detail()

    @property
    def chosen(self) -> EndpointCall | None:
        """The selected call."""
        key = self.query_one(RowList).key
        return next((call for call in self.calls if _key(call) == key), None)

    def show_detail(self) -> None:
        call = self.chosen
        lines: list[Content] = []
        if self._error is not None:
            lines.append(sanitize(f"▲ {self._error.title}: {self._error.message}", "$text-warning"))
        if call is not None:
            lines.append(_summary(call))
        self.query_one("#summary", Static).update(Content("\n").join(lines))
        self.query_one("#call").display = bool(lines)
        self.query_one(TabbedContent).display = call is not None
        if call is None or call is self._shown:
            return
        self._shown = call
        not_kept = "Too long to be kept."
        arguments = self.query_one("#arguments-json", JsonView)
        if call.arguments is not None:
            arguments.show(call.arguments)
        else:
            arguments.show_text(not_kept if call.tool else "This method has no arguments.")
        result = self.query_one("#result-json", JsonView)
        if call.result is not None:
            result.show(call.result)
        else:
            result.show_text(call.error or (not_kept if call.tool else "Only results of tools are kept."))
        upstream = self.query_one("#upstream-json", JsonView)
        if call.upstream:
            upstream.show(call.wire["upstream"])
        else:
            upstream.show_text("Nothing was sent upstream.")

    # -- actions ----------------------------------------------------------------------------------

    def _tool_id(self, call: EndpointCall) -> str | None:
        """Return the id of the tool that was called, None if the draft has no tool of that name any more."""
        for tool in self.snapshot.resources("tool"):
            if call.tool and tool_name(tool.text("key")) == call.tool:
                return tool.id
        return None

    def disabled_reason(self, action: str, parameters: tuple[object, ...]) -> str | None:
        if action not in ("try_tool", "sample", "copy_json") or not self.is_mounted:
            return None
        call = self.chosen
        if call is None:
            return "There is no call yet."
        if action == "copy_json":
            return None
        if not call.tool:
            return "Choose a call of a tool."
        if self._tool_id(call) is None:
            return "The draft has no tool of this name."
        if action == "try_tool" and call.arguments is None:
            return "The arguments were too long to be kept."
        if action == "sample" and call.result is None:
            return "There is no result: it failed, or was too long to be kept."
        return None

    def action_try_tool(self) -> None:
        call = self.chosen
        tool_id = self._tool_id(call) if call is not None else None
        if call is None or call.arguments is None or tool_id is None:
            return
        arguments = {name: value for name, value in call.arguments.items() if not _holds_hidden(value)}
        self.drio.navigator.open_tool(self.app_id, tool_id, arguments)
        missing = [name for name in call.arguments if name not in arguments]
        if missing:
            text = sanitize_line(f"Secrets were not kept: type {', '.join(missing)}.", 200).plain
            self.drio.notify(text, severity="warning", markup=False)

    def action_sample(self) -> None:
        call = self.chosen
        tool_id = self._tool_id(call) if call is not None else None
        if call is None or call.result is None or tool_id is None:
            return
        try:
            value = inner_value(bound_of(self.snapshot, tool_id), dict(call.result))
        except DrioError as error:
            self.drio.show_error(error)
            return
        keep_sample(self.drio, self.app_id, tool_id, value)

    def action_copy_json(self) -> None:
        call = self.chosen
        if call is not None:
            from drio_tui.api import json_codec

            self.drio.copy(json_codec.dumps(call.wire, indent=2), "the call")

    def action_back(self) -> None:
        if self.focused is self.query_one(RowList):
            self.drio.navigator.back()  # also while it asks again, which nobody waits for
        else:
            super().action_back()


def _holds_hidden(value: Any) -> bool:
    """Return whether part of an argument was hidden as a secret."""
    if isinstance(value, dict):
        return any(map(_holds_hidden, value.values()))
    if isinstance(value, list):
        return any(map(_holds_hidden, value))
    return isinstance(value, str) and HIDDEN in value


def _key(call: EndpointCall) -> str:
    return f"{call.number} {call.time}"  # a sandbox that was started again counts from 1


def _searched(call: EndpointCall) -> str:
    return f"{call.client} {call.method} {call.tool} {_outcome(call)} {call.error}"


def _outcome(call: EndpointCall) -> str:
    return "failed" if call.failed else "ok"


def _row(call: EndpointCall) -> Row:
    muted = "$foreground-muted"
    return Row(
        _key(call),
        (
            Content.styled(_clock(call), muted),
            sanitize_line(call.tool or call.method or "no request", 200, "" if call.tool else muted),
            # As wide as the other: the first failed call must not take the room of the last column.
            Content.styled("✗ failed", "$text-error") if call.failed else Content.styled("✓ ok    ", "$text-success"),
            Content.styled(duration(call.seconds, short=True), muted),
            Content.styled(f"{call.tokens:,}", muted),
            sanitize_line(call.client, 80, muted),
        ),
    )


def _clock(call: EndpointCall) -> str:
    try:
        return datetime.fromisoformat(call.time).astimezone().strftime("%H:%M:%S")
    except (ValueError, OverflowError, OSError):
        return ""


def _summary(call: EndpointCall) -> Content:
    """Return what is known of a call beside its arguments and result."""
    heading = f"{call.method or 'no request'} {call.tool}".strip()
    client = f"{call.client} {call.client_version}".strip() or "unknown client"
    protocol = f", MCP {call.protocol}" if call.protocol else ""
    facts = [duration(call.seconds, short=True), kilobytes(call.size), f"{call.tokens:,} tokens", f"{client}{protocol}"]
    lines = [sanitize_line(heading, 200, "bold"), sanitize(" · ".join(facts), "$foreground-muted")]
    if call.failed:
        lines.append(sanitize_line(f"✗ {call.error or f'status {call.status}'}", 400, "$text-error"))
    return Content("\n").join(lines)
