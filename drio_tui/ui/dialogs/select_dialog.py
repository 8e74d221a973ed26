"""The list that opens over a form: typing filters it, Enter or a click chooses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Generic, TypeVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.geometry import Region
from textual.widgets import Input, OptionList
from textual.widgets.option_list import Option

from drio_tui.text import has_words
from drio_tui.ui.base import keymap
from drio_tui.ui.base.keymap import Key
from drio_tui.ui.dialogs.dialog import Dialog
from drio_tui.ui.widgets.line_editor import LineEditor
from drio_tui.ui.widgets.sanitize import sanitize_line
from drio_tui.workspace.model.search import rank

T = TypeVar("T")
_WIDTH = 56
_MAX_SHOWN = 500


@dataclass(frozen=True, slots=True)
class Choice(Generic[T]):
    """One choice in the list. Its texts are sanitized when shown.

    `quiet` choices do something else than set a value ("not set", "new …"). A `new` one creates a resource named by
    the typed text: it stays in the list whatever is typed, and is returned with the text as `typed` (empty if the
    text was typed to find the choice itself).
    """

    value: T
    label: str
    note: str = ""
    quiet: bool = False
    new: bool = False
    typed: str = ""


class SelectDialog(Dialog[Choice[Any] | None]):
    """A list to choose from; the result is the choice, None if the dialog was closed.

    `near` is the region of the widget that opened it; with `free`, a text that is not in the list can be chosen
    (as a `Choice` of that text).
    """

    DEFAULT_CSS = """
    SelectDialog {
        background: $background 40%;
        & > #chooser {
            width: 56;
            max-width: 96%;
            height: auto;
            max-height: 80%;
            background: $surface;
            border: round $border;
            border-title-color: $text-primary;
            border-subtitle-color: $foreground-muted;
            LineEditor { background: $panel; padding: 0 1; width: 1fr; }
            OptionList {
                height: auto;
                max-height: 14;
                border: none;
                padding: 0;
                background: $surface;
                & > .option-list--option-highlighted {
                    color: $block-cursor-foreground;
                    background: $block-cursor-background;
                    text-style: none;
                }
            }
        }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = keymap.section(
        "chooser",
        "Lists to choose from",
        Key("chooser.close", "escape", "close", "Close", "Take nothing"),
        Key("chooser.down", "down,ctrl+n", "go(1)", "Down", show=False, palette=False, priority=True),
        Key("chooser.up", "up", "go(-1)", "Up", show=False, palette=False, priority=True),
        Key("chooser.page_down", "pagedown", "go(10)", "Page down", show=False, palette=False, priority=True),
        Key("chooser.page_up", "pageup", "go(-10)", "Page up", show=False, palette=False, priority=True),
    )

    def __init__(
        self,
        title: str,
        choices: Sequence[Choice[Any]],
        *,
        current: int | None = None,
        near: Region | None = None,
        typed: str = "",
        free: bool = False,
    ) -> None:
        super().__init__()
        self._title = title
        self._choices = choices
        self._current = current
        self._near = near
        self._typed = typed
        self._free = free
        self._matches: list[Choice[Any]] = []

    def compose(self) -> ComposeResult:
        with Vertical(id="chooser") as box:
            box.border_title = sanitize_line(self._title, 40)
            box.border_subtitle = "type to narrow · Enter takes · Esc leaves"
            yield LineEditor(self._typed, placeholder="…")
            yield OptionList(markup=False, compact=True)

    def on_mount(self) -> None:
        self.query_one(OptionList).can_focus = False
        self._filter(self._typed)
        self.set_focus(self.query_one(LineEditor))
        self.call_after_refresh(self._position)

    def on_resize(self, event: events.Resize) -> None:
        self.call_after_refresh(self._position)

    def _position(self) -> None:
        """Place the box under the widget that opened it, or above where there is no room, always within the screen."""
        box = self.query_one("#chooser")
        width, height = box.outer_size
        if self._near is None:
            x, y = (self.size.width - width) // 2, (self.size.height - height) // 3
        else:
            x = self._near.x
            y = self._near.bottom
            if y + height > self.size.height:
                y = self._near.y - height
        x = max(0, min(x, self.size.width - width))
        y = max(0, min(y, self.size.height - height))
        box.styles.offset = (x, y)

    def _filter(self, typed: str) -> None:
        ranked = [(rank(typed, choice.label, choice.note), choice) for choice in self._choices]
        if self._free:  # any text can be typed: then scattered letters of a name are no match
            ranked = [(score, choice) for score, choice in ranked if _contains_words(typed, choice)]
        scored = [(score, choice) for score, choice in ranked if score is not None]
        if typed.strip():
            scored.sort(key=lambda entry: (entry[1].quiet, entry[0]))
        listed = [choice for _, choice in scored if not choice.new]
        self._matches = listed[:_MAX_SHOWN] + [choice for choice in self._choices if choice.new]
        if self._free and typed and not any(choice.label == typed for choice in listed):
            self._matches.append(Choice(typed, typed, "as typed"))
        options = self.query_one(OptionList)
        options.clear_options()
        options.add_options([Option(self._option_content(choice, typed.strip())) for choice in self._matches])
        if not self._matches:
            options.add_option(Option(sanitize_line(f"Nothing matches “{typed}”", _WIDTH - 6), disabled=True))
        if len(listed) > _MAX_SHOWN:
            options.add_option(Option(f"… {len(listed) - _MAX_SHOWN} more: type to narrow", disabled=True))
        if self._matches:
            current = self._choices[self._current] if self._current is not None and not typed else None
            options.highlighted = self._matches.index(current) if current in self._matches else 0
        self.call_after_refresh(self._position)

    def _option_content(self, choice: Choice[Any], typed: str) -> Content:
        label = sanitize_line(choice.label, 40, "$foreground-muted italic" if choice.quiet else "")
        name = new_name(typed, choice.label) if choice.new else ""
        note = f"called {name}" if name else choice.note
        if not note:
            return label
        room = max(8, _WIDTH - label.cell_length - 6)
        return Content.assemble(label, "  ", sanitize_line(note, room, "$foreground-muted"))

    def _choose(self, number: int | None) -> None:
        if number is not None and number < len(self._matches):
            choice = self._matches[number]
            name = new_name(self.query_one(LineEditor).value, choice.label)
            self.dismiss(replace(choice, typed=name) if choice.new else choice)

    @on(Input.Changed)
    def _text_changed(self, event: Input.Changed) -> None:
        event.stop()
        self._filter(event.value)

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self._choose(self.query_one(OptionList).highlighted)

    @on(OptionList.OptionSelected)
    def _option_selected(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        self._choose(event.option_index)

    def action_go(self, step: int) -> None:
        if self._matches:
            options = self.query_one(OptionList)
            index = (options.highlighted or 0) + step
            last = len(self._matches) - 1
            options.highlighted = index % (last + 1) if abs(step) == 1 else max(0, min(index, last))

    def action_close(self) -> None:
        self.dismiss(None)

    def on_click(self, event: events.Click) -> None:
        """Close the dialog at a click beside the list."""
        if self.get_widget_at(*event.screen_offset)[0] is self:
            self.dismiss(None)


def new_name(typed: str, label: str) -> str:
    """Return the typed text as the name of a new resource; empty if it only matches the label `new …` itself."""
    words = label.casefold().split()
    if all(any(word.startswith(part) for word in words) for part in typed.casefold().split()):
        return ""
    return typed.strip()


def _contains_words(typed: str, choice: Choice[Any]) -> bool:
    return has_words(f"{choice.label} {choice.note}", typed)
