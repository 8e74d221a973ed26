"""The list that opens over a form: type to narrow it, Enter or a click takes one."""

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

from drio_tui.ui.base import keymap
from drio_tui.ui.base.keymap import Key
from drio_tui.ui.dialogs.dialog import Dialog
from drio_tui.ui.widgets.line_editor import LineEditor
from drio_tui.ui.widgets.sanitize import safe_line
from drio_tui.workspace.model.search import rank

T = TypeVar("T")
_WIDTH = 56
_SHOWN = 500


@dataclass(frozen=True, slots=True)
class Choice(Generic[T]):
    """One resource to take. Texts may be hostile. `quiet` ones are about the field, not values of it.

    A `new` one makes something called what was typed: it stays in the list whatever that is, and is given with
    it as `typed` (empty where its own label was typed to find it).
    """

    value: T
    label: str
    note: str = ""
    quiet: bool = False
    new: bool = False
    typed: str = ""


class ChooserScreen(Dialog[Choice[Any] | None]):
    """Gives the choice that was taken, None when none was.

    `near` is where on the screen it was asked for; `free` lets a text that is not in the list be taken
    (as a `Choice` of that text).
    """

    DEFAULT_CSS = """
    ChooserScreen {
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
        self._found: list[Choice[Any]] = []

    def compose(self) -> ComposeResult:
        with Vertical(id="chooser") as box:
            box.border_title = safe_line(self._title, 40)
            box.border_subtitle = "type to narrow · Enter takes · Esc leaves"
            yield LineEditor(self._typed, placeholder="…")
            yield OptionList(markup=False, compact=True)

    def on_mount(self) -> None:
        self.query_one(OptionList).can_focus = False
        self._fill(self._typed)
        self.set_focus(self.query_one(LineEditor))
        self.call_after_refresh(self._place)

    def on_resize(self, event: events.Resize) -> None:
        self.call_after_refresh(self._place)

    def _place(self) -> None:
        """Stand under what asked, or above it where there is no room, always whole on the screen."""
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

    def _fill(self, typed: str) -> None:
        ranked = [(rank(typed, choice.label, choice.note), choice) for choice in self._choices]
        if self._free:  # where anything can be typed, letters here and there in a name mean something else
            ranked = [(fit, choice) for fit, choice in ranked if _holds(typed, choice)]
        fitting = [(fit, choice) for fit, choice in ranked if fit is not None]
        if typed.strip():
            fitting.sort(key=lambda found: (found[1].quiet, found[0]))
        matches = [choice for _, choice in fitting if not choice.new]
        self._found = matches[:_SHOWN] + [choice for choice in self._choices if choice.new]
        if self._free and typed and not any(choice.label == typed for choice in matches):
            self._found.append(Choice(typed, typed, "as typed"))
        options = self.query_one(OptionList)
        options.clear_options()
        options.add_options([Option(self._line(choice, typed.strip())) for choice in self._found])
        if not self._found:
            options.add_option(Option(safe_line(f"Nothing matches “{typed}”", _WIDTH - 6), disabled=True))
        if len(matches) > _SHOWN:
            options.add_option(Option(f"… {len(matches) - _SHOWN} more: type to narrow", disabled=True))
        if self._found:
            current = self._choices[self._current] if self._current is not None and not typed else None
            options.highlighted = self._found.index(current) if current in self._found else 0
        self.call_after_refresh(self._place)

    def _line(self, choice: Choice[Any], typed: str) -> Content:
        label = safe_line(choice.label, 40, "$foreground-muted italic" if choice.quiet else "")
        called = name_typed(typed, choice.label) if choice.new else ""
        note = f"called {called}" if called else choice.note
        if not note:
            return label
        room = max(8, _WIDTH - label.cell_length - 6)
        return Content.assemble(label, "  ", safe_line(note, room, "$foreground-muted"))

    def _take(self, number: int | None) -> None:
        if number is not None and number < len(self._found):
            taken = self._found[number]
            name = name_typed(self.query_one(LineEditor).value, taken.label)
            self.dismiss(replace(taken, typed=name) if taken.new else taken)

    @on(Input.Changed)
    def _narrow(self, event: Input.Changed) -> None:
        event.stop()
        self._fill(event.value)

    @on(Input.Submitted)
    def _enter(self, event: Input.Submitted) -> None:
        event.stop()
        self._take(self.query_one(OptionList).highlighted)

    @on(OptionList.OptionSelected)
    def _clicked(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        self._take(event.option_index)

    def action_go(self, step: int) -> None:
        if self._found:
            options = self.query_one(OptionList)
            at = (options.highlighted or 0) + step
            options.highlighted = at % len(self._found) if abs(step) == 1 else max(0, min(at, len(self._found) - 1))

    def action_close(self) -> None:
        self.dismiss(None)

    def on_click(self, event: events.Click) -> None:
        """A click beside the list leaves it."""
        if self.get_widget_at(*event.screen_offset)[0] is self:
            self.dismiss(None)


def name_typed(typed: str, label: str) -> str:
    """What something new is to be called, from what was typed to find it; empty when that was `new …` itself."""
    words = label.casefold().split()
    if all(any(word.startswith(part) for word in words) for part in typed.casefold().split()):
        return ""
    return typed.strip()


def _holds(typed: str, choice: Choice[Any]) -> bool:
    said = f"{choice.label} {choice.note}".casefold()
    return all(word in said for word in typed.casefold().split())
