"""A viewer for JSON of any size: highlighted, without markup, drawn only as far as visible, searchable."""

from __future__ import annotations

import asyncio
from functools import lru_cache
from itertools import islice
from typing import Any, ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.content import Content, Span
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip
from textual.widgets import Input, Static

from drio_tui.text import count_of
from drio_tui.ui.base import keymap
from drio_tui.ui.base.keymap import Key
from drio_tui.ui.base.workers import start_worker
from drio_tui.ui.widgets.json_lines import NO_LIMITS, Limits, Part, Truncation, lines_of, parts_of, text_lines

_CHUNK = 20_000
_STYLES: dict[Part, str] = {
    "key": "json-lines--key",
    "string": "json-lines--string",
    "number": "json-lines--number",
    "word": "json-lines--word",
    "mark": "json-lines--mark",
}
_CACHED_LINES = 512
"""How many lines' tokens are cached: several screens."""


class JsonLines(ScrollView, can_focus=True):
    """The lines. They are already sanitized; long ones are scrolled sideways, never wrapped."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {*_STYLES.values(), "json-lines--match", "json-lines--here"}
    DEFAULT_CSS = """
    JsonLines {
        background: $background;
        color: $foreground;
        padding: 0 1;
        & > .json-lines--key { color: $text-secondary; }
        & > .json-lines--string { color: $text-success; }
        & > .json-lines--number { color: $text-warning; }
        & > .json-lines--word { color: $text-accent; text-style: italic; }
        & > .json-lines--mark { color: $foreground 60%; }
        & > .json-lines--match { text-style: underline bold; }
        & > .json-lines--here { text-style: reverse bold; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = keymap.section(
        "json",
        "JSON",
        Key("json.down", "down,j", "scroll_down", "Down", show=False, palette=False),
        Key("json.up", "up,k", "scroll_up", "Up", show=False, palette=False),
        Key("json.left", "left,h", "sideways(-8)", "Left", show=False, palette=False),
        Key("json.right", "right,l", "sideways(8)", "Right", show=False, palette=False),
        Key("json.first", "home,g", "first", "First", show=False, palette=False),
        Key("json.last", "end,G", "last", "Last", show=False, palette=False),
        Key("json.find", "slash", "find", "Find", "Find text in the JSON", show=False),
        Key("json.next", "n", "step(1)", "Next match", show=False, palette=False),
        Key("json.previous", "N", "step(-1)", "Previous match", show=False, palette=False),
        Key("json.whole", "o", "whole", "Open whole", "Show what was cut off", show=False),
        Key("json.copy", "y", "copy", "Copy JSON", show=False),
    )

    class Find(Message):
        """The search field should open."""

    class Step(Message):
        """The next (1) or previous (-1) match should be shown."""

        def __init__(self, step: int) -> None:
            super().__init__()
            self.step = step

    class Whole(Message):
        """The whole value should be shown."""

    class Copy(Message):
        """The value should be copied."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []
        self.highlighted = True
        self.query_text = ""
        self.current_line: int | None = None
        self._widest = 0
        self._parts = lru_cache(_CACHED_LINES)(parts_of)  # one cache per view, so that it is freed with the view

    def replace(self, lines: list[str], *, highlighted: bool) -> None:
        """Show other lines, from the top."""
        self.lines, self.highlighted, self._widest = [], highlighted, 0
        self._parts.cache_clear()
        self.current_line = None
        self.scroll_to(0, 0, animate=False)
        self.extend(lines)

    def extend(self, lines: list[str]) -> None:
        """Show more lines at the end."""
        self.lines += lines
        # A character is at most two cells wide.
        widest = max((len(line) if line.isascii() else 2 * len(line) for line in lines), default=0)
        self._widest = max(self._widest, widest)
        self.virtual_size = Size(self._widest + 2, len(self.lines))
        self.refresh()

    def reveal(self, index: int, column: int) -> None:
        """Scroll to one match and highlight its line."""
        self.current_line = index
        width = self.scrollable_content_region.width
        x = self.scroll_offset.x if self.scroll_offset.x <= column < self.scroll_offset.x + width - 8 else 0
        if column >= x + width - 8:
            x = max(0, column - width // 2)
        self.scroll_to(x=x, animate=False)
        self.scroll_to_region(Region(x, index, 1, 1), animate=False, force=True, x_axis=False)
        self.refresh()

    def render_line(self, y: int) -> Strip:
        index = y + self.scroll_offset.y
        width = self.scrollable_content_region.width
        style = self.visual_style
        if index >= len(self.lines):
            return Strip.blank(width, style.rich_style)
        line = self.lines[index]
        start = self.scroll_offset.x
        end = start + width + 1
        spans: list[Span] = []
        if self.highlighted:
            for token_start, token_end, part in self._parts(line):
                if token_end > start and token_start < end:
                    name = self.get_visual_style(_STYLES[part], partial=True)
                    spans.append(Span(max(0, token_start - start), min(end, token_end) - start, name))
        if self.query_text:
            match_name = "json-lines--here" if index == self.current_line else "json-lines--match"
            match_style, column = self.get_visual_style(match_name, partial=True), -1
            lowered = line.lower()
            while (column := lowered.find(self.query_text, column + 1)) >= 0 and column < end:
                stop = column + len(self.query_text)
                if stop > start:
                    spans.append(Span(max(0, column - start), min(end, stop) - start, match_style))
        visible = Content(line[start:end], spans)
        return Strip(visible.render_segments(style)).adjust_cell_length(width, style.rich_style)

    def action_first(self) -> None:
        self.scroll_to(0, 0, animate=False)

    def action_last(self) -> None:
        self.scroll_to(y=self.max_scroll_y, animate=False)

    def action_sideways(self, step: int) -> None:
        self.scroll_relative(x=step, animate=False)

    def action_find(self) -> None:
        self.post_message(self.Find())

    def action_step(self, step: int) -> None:
        self.post_message(self.Step(step))

    def action_whole(self) -> None:
        self.post_message(self.Whole())

    def action_copy(self) -> None:
        self.post_message(self.Copy())


class JsonView(Vertical):
    """Shows parsed JSON (`show`) or other text (`show_text`). A large value is truncated; `o` opens the whole."""

    DEFAULT_CSS = """
    JsonView {
        height: 1fr;
        & > JsonLines { height: 1fr; }
        & > .json-view--note { height: auto; color: $text-warning; padding: 0 1; display: none; }
        & > .json-view--find { display: none; height: 1; border: none; padding: 0 1; background: $panel; }
        & > .json-view--find:focus { border: none; }
    }
    """

    class CopyRequested(Message):
        """The user asked to copy the JSON; `value` is the whole value."""

        def __init__(self, view: JsonView, value: Any) -> None:
            super().__init__()
            self.view = view
            self.value = value

    class _More(Message):
        def __init__(self, generation: int, lines: list[str], *, first: bool, last: bool) -> None:
            super().__init__()
            self.generation, self.lines, self.first, self.last = generation, lines, first, last

    class _Found(Message):
        def __init__(self, generation: int, query: str, matches: list[tuple[int, int]]) -> None:
            super().__init__()
            self.generation, self.query, self.matches = generation, query, matches

    def __init__(self, value: Any = None, *, id: str | None = None, limits: Limits | None = None) -> None:
        super().__init__(id=id)
        self._value = value
        self._text = False
        self._limits = limits or Limits()
        self._generation = 0
        self._matches: list[tuple[int, int]] = []
        self._match = -1

    def compose(self) -> ComposeResult:
        yield JsonLines()
        yield Static(classes="json-view--note", markup=False)
        yield Input(classes="json-view--find", placeholder="Find text, Enter: next, Esc: close")

    def on_mount(self) -> None:
        if self._value is not None:
            self._draw()

    @property
    def _lines(self) -> JsonLines:
        return self.query_one(JsonLines)

    def show(self, value: Any) -> None:
        """Show a parsed JSON value from its beginning."""
        self._value, self._text = value, False
        self._draw()

    def show_text(self, text: str) -> None:
        """Show a text that is not JSON, without highlighting."""
        self._value, self._text = text, True
        self._draw()

    def _draw(self) -> None:
        if not self.query(JsonLines):
            return  # not mounted yet: `on_mount` draws it
        self._generation += 1
        cut = Truncation()
        make = text_lines if self._text else lines_of
        self._lines.replace(list(make(self._value, self._limits, cut)), highlighted=not self._text)
        self._note("Cut here: press o to open the whole." if cut.happened else "")
        self._forget_matches()

    def _note(self, text: str) -> None:
        note = self.query_one(".json-view--note", Static)
        note.update(text)
        note.display = bool(text)

    @on(JsonLines.Whole)
    def _open_whole(self) -> None:
        if self.query_one(".json-view--note", Static).display:
            self._generation += 1
            self._note("Opening the whole…")
            start_worker(self, self._make_whole, self._generation, self._value, group="whole", exclusive=True)

    async def _make_whole(self, generation: int, value: Any) -> None:
        lines_iterator = (
            text_lines(value, NO_LIMITS, Truncation()) if self._text else lines_of(value, NO_LIMITS, Truncation())
        )

        def chunk() -> list[str]:
            return list(islice(lines_iterator, _CHUNK))

        first = True
        while generation == self._generation:
            lines = await asyncio.to_thread(chunk)
            self.post_message(self._More(generation, lines, first=first, last=len(lines) < _CHUNK))
            if len(lines) < _CHUNK:
                return
            first = False

    def on_json_view__more(self, message: _More) -> None:
        if message.generation != self._generation:
            return
        if message.first:
            self._lines.replace(message.lines, highlighted=not self._text)
        else:
            self._lines.extend(message.lines)
        if message.last:
            self._note("")

    # -- finding ----------------------------------------------------------------------------------

    @on(JsonLines.Find)
    def _open_find(self) -> None:
        field = self.query_one(Input)
        field.display = True
        field.focus()

    @on(Input.Changed)
    def _find(self, event: Input.Changed) -> None:
        event.stop()
        start_worker(self, self._search, self._generation, event.value.lower(), group="find", exclusive=True)

    @on(Input.Submitted)
    def _next(self, event: Input.Submitted) -> None:
        event.stop()
        self._step(1)

    async def _search(self, generation: int, query: str) -> None:
        lines = self._lines.lines

        def search() -> list[tuple[int, int]]:
            positions = ((number, line.lower().find(query)) for number, line in enumerate(lines))
            return [(number, column) for number, column in positions if column >= 0]

        matches = await asyncio.to_thread(search) if query else []
        self.post_message(self._Found(generation, query, matches))

    def on_json_view__found(self, message: _Found) -> None:
        if message.generation != self._generation:
            return
        self._matches, self._match = message.matches, -1
        self._lines.query_text = message.query
        self._lines.refresh()
        field = self.query_one(Input)
        field.border_subtitle = count_of(len(message.matches), "line")
        if message.matches:
            self._step(1)

    @on(JsonLines.Step)
    def _on_step(self, message: JsonLines.Step) -> None:
        self._step(message.step)

    def _step(self, step: int) -> None:
        if self._matches:
            self._match = (self._match + step) % len(self._matches)
            self._lines.reveal(*self._matches[self._match])

    def _forget_matches(self) -> None:
        self._matches, self._match = [], -1
        self._lines.query_text = ""

    def on_key(self, event: events.Key) -> None:
        """Close the search field at Esc and focus the lines."""
        field = self.query_one(Input)
        if event.key == "escape" and field.display:
            event.stop()
            event.prevent_default()
            field.display = False
            self._lines.focus()

    @on(JsonLines.Copy)
    def _copy(self) -> None:
        self.post_message(self.CopyRequested(self, self._value))
