"""The line at the top of every screen: the areas, and the connection."""

from __future__ import annotations

from textual import events
from textual.content import Content
from textual.message import Message
from textual.reactive import reactive
from textual.widget import Widget

from drio_tui.text import duration
from drio_tui.ui.base.messages import Phase, Status
from drio_tui.ui.widgets.sanitize import cut_middle, sanitize_line

AREAS: tuple[tuple[str, str], ...] = (
    ("templates", "Templates"), ("apps", "Apps"), ("requests", "Requests"), ("explorer", "API"),
)  # fmt: skip

_MIN_WAIT_SHOWN = 1.0
"""Seconds; a shorter wait is not shown, since it would only flicker."""

_PHASES: dict[Phase, tuple[str, str, str]] = {
    # phase: symbol, word, colour; the word alone is enough where there is no colour
    "starting": ("◌", "starting", "$text-warning"),
    "first-run": ("○", "not connected", "$foreground-muted"),
    "signed-out": ("○", "signed out", "$text-warning"),
    "connecting": ("◌", "connecting", "$text-warning"),
    "online": ("●", "online", "$text-success"),
    "offline": ("▲", "offline", "$text-error"),
    "restarting": ("◌", "restarting the sandbox", "$text-warning"),
    "stopped": ("○", "sandbox stopped", "$text-warning"),
    "failed": ("✗", "failed", "$text-error"),
}


_FAULTS = " faults "
_LONGEST_FAULT, _SHORTEST_FAULT = 24, 8
"""How many cells of the name of a fault are shown, without its middle; with less room it is not named."""


def _faults_text(names: tuple[str, ...], width: int | None = None) -> str:
    """Return the text that names the faults which are on, the first one of several, in at most `width` cells.

    Empty if there are none.
    """
    if not names:
        return ""
    more = f" +{len(names) - 1} " if len(names) > 1 else " "
    room = _LONGEST_FAULT if width is None else min(_LONGEST_FAULT, width - len(_FAULTS) - 1 - len(more))
    if room < _SHORTEST_FAULT:
        return _FAULTS
    return f" faults: {cut_middle(sanitize_line(names[0], 400), room).plain}{more}"


class StatusLine(Widget):
    """One row: the areas at the left, the connection at the right, truncated if there is no room."""

    DEFAULT_CSS = """
    StatusLine {
        dock: top;
        height: 1;
        background: $panel;
        color: $foreground;
    }
    """

    area: reactive[str] = reactive("")
    """The current area, which is highlighted."""

    status: reactive[Status] = reactive(Status)
    """The status of the connection, shown at the right."""

    class Go(Message):
        """The name of an area was clicked."""

        def __init__(self, area: str) -> None:
            super().__init__()
            self.area = area

    class Account(Message):
        """The connection was clicked."""

    class Faults(Message):
        """The connection to a sandbox was clicked, which has no account to choose but a fault lab."""

    def __init__(self, area: str = "") -> None:
        super().__init__()
        self.set_reactive(StatusLine.area, area)
        self._clickable: list[tuple[int, int, str]] = []

    def on_mount(self) -> None:
        self.watch(self.app, "status", self._set_status)

    def _set_status(self, status: Status) -> None:
        self.status = status

    def render(self) -> Content:
        width = self.size.width
        left = self._navigation(short=width < 64)
        right = self._connection(max(0, width - left.cell_length - 2))
        gap = max(1, width - left.cell_length - right.cell_length)
        return Content.assemble(left, " " * gap, right)

    def _navigation(self, *, short: bool) -> Content:
        parts: list[Content | tuple[str, str]] = [(" drio ", "bold $text-primary")]
        position = 6
        self._clickable = []
        for number, (name, title) in enumerate(AREAS, start=1):
            is_current = name == self.area
            label = f" {number} {title} " if is_current or not short else f" {number} "
            parts.append((label, "bold reverse $text-primary" if is_current else "$foreground-muted"))
            self._clickable.append((position, position + len(label), name))
            position += len(label)
        return Content.assemble(*parts)

    def _connection(self, width: int) -> Content:
        """Return the right side in `width` cells: the state always; host, account, profile and API as they fit."""
        status = self.status
        symbol, word, colour = _PHASES[status.phase]
        if status.waiting >= _MIN_WAIT_SHOWN:
            wait = duration(round(status.waiting), short=True)
            symbol, word, colour = "◌", f"again in {wait}, Esc stops", "$text-warning"
        state = Content.assemble((f"{symbol} {word} ", colour))
        faults = _faults_text(status.faults)
        if faults:
            state = Content.assemble((faults, "bold reverse $text-error"), " ", state)
        if status.read_only:
            state = Content.assemble(("◆ read-only ", "$text-accent"), " ", state)
        if status.cassette:
            state = Content.assemble((f" {status.cassette} ", "bold reverse $text-accent"), " ", state)
        if state.cell_length > width and faults:
            faults = _faults_text(status.faults, width - 3)
            return Content.assemble((faults, "bold reverse $text-error"), " ", (symbol, colour), " ").truncate(width)
        if state.cell_length > width and status.cassette:
            badge = (f" {status.cassette} ", "bold reverse $text-accent")
            return Content.assemble(badge, " ", (symbol, colour), " ").truncate(width)
        if state.cell_length > width:
            return Content.assemble((symbol, colour), " ")
        profile = "" if status.profile in (status.host, "sandbox") else status.profile
        names = {"host": status.host, "account": status.account, "profile": profile, "api": status.api}
        parts = {key: sanitize_line(name, 40, "$foreground-muted") for key, name in names.items() if name}
        if status.is_v1_gone and status.api:  # it decides what can be done here, so it is the last to be left out
            parts = {"api": sanitize_line(status.api, 40, "$text-warning"), **parts}
        while parts and sum(part.cell_length + 2 for part in parts.values()) + state.cell_length > width:
            parts.popitem()
        visible_parts = [parts[key] for key in ("profile", "host", "account", "api") if key in parts]
        return Content("  ").join([*visible_parts, state])

    def on_click(self, event: events.Click) -> None:
        for start, end, name in self._clickable:
            if start <= event.x < end:
                self.post_message(self.Go(name))
                return
        if self._clickable and event.x > self._clickable[-1][1]:
            has_faults = self.status.sandbox or self.status.faults
            self.post_message(self.Faults() if has_faults else self.Account())
