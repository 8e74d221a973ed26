"""The dialog for pasting a real result, on which mappings are then evaluated."""

from __future__ import annotations

from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.content import Content

from drio_tui.api.json_codec import MalformedJson, loads
from drio_tui.schema.jsontext import pretty
from drio_tui.text import count_of
from drio_tui.ui.base import keymap
from drio_tui.ui.base.keymap import Key
from drio_tui.ui.dialogs.dialog import Dialog
from drio_tui.ui.editing.editors.base import Notes, status_text
from drio_tui.ui.forms.inputs import TextEditor

MAX_LENGTH = 2_000_000
"""Maximum length of a pasted sample, in characters."""
MAX_SHOWN = 200_000
"""The most characters of a sample that are shown to be edited: Textual lays out all of a text area."""
_FIRST_ITEMS = (50, 10, 3, 1)


def sample_text(sample: Any) -> tuple[str, int]:
    """Return a sample as JSON to edit, and how many items of each list are left of one that is too long (0: all).

    The text is empty if the sample is too long with one item, too.
    """
    text = pretty(sample)
    most = 0
    for most in _FIRST_ITEMS if len(text) > MAX_SHOWN else ():
        text = pretty(_with_first_items(sample, most))
        if len(text) <= MAX_SHOWN:
            break
    return (text if len(text) <= MAX_SHOWN else ""), most


def _with_first_items(value: Any, most: int) -> Any:
    if isinstance(value, dict):
        return {name: _with_first_items(item, most) for name, item in value.items()}
    return [_with_first_items(item, most) for item in value[:most]] if isinstance(value, list) else value


class SampleDialog(Dialog[tuple[str, Any] | None]):
    """The result is the text and its JSON value, or None if it was cancelled. Empty text means no pasted sample.

    `first_items` says that the text has only so many items of each list; it is then None if the text was not changed.
    """

    DEFAULT_CSS = """
    SampleDialog {
        align: center middle;
        background: $background 40%;
        & > #sample {
            width: 90%;
            height: 80%;
            background: $surface;
            border: round $border;
            border-title-color: $text-primary;
            border-subtitle-color: $foreground-muted;
            padding: 0 1;
            TextEditor { height: 1fr; max-height: 100%; background: $panel; }
            Notes { height: auto; }
        }
    }
    """
    TYPED = "the pasted sample"
    BINDINGS: ClassVar[list[BindingType]] = keymap.section(
        "sample",
        "Pasting a sample",
        Key("sample.take", "ctrl+s", "take", "Use it", "Try the mappings on this"),
        Key("sample.leave", "escape", "leave", "Leave", "Keep the sample as it was"),
    )

    def __init__(self, text: str, first_items: int = 0) -> None:
        super().__init__()
        self._text = text
        self._first_items = first_items

    def compose(self) -> ComposeResult:
        with Vertical(id="sample") as box:
            box.border_title = "A sample of the result"
            box.border_subtitle = "Ctrl+S uses it · Esc leaves · empty: made from the schema again"
            yield Notes()
            yield TextEditor(self._text, placeholder='paste JSON, such as {"results": []}')

    def on_mount(self) -> None:
        self.set_focus(self.query_one(TextEditor))
        if self._first_items:
            shown = f"the first {count_of(self._first_items, 'item')} of each list" if self._text else "nothing of it"
            self.query_one(Notes).show_lines(
                [status_text("warning", f"The sample is long: {shown} can be edited here"), Content()]
            )

    def action_take(self) -> None:
        text = self.query_one(TextEditor).text
        if self._first_items and text == self._text:
            self.dismiss(None)
            return
        if not text.strip():
            self.dismiss(("", None))
            return
        if len(text) > MAX_LENGTH:
            self._show_error(f"is longer than {MAX_LENGTH:,} characters")
            return
        try:
            value = loads(text)
        except MalformedJson as error:
            self._show_error(f"is not JSON: {error}")
            return
        self.dismiss((text, value))

    def _show_error(self, problem: str) -> None:
        self.query_one(Notes).show_lines([status_text("bad", f"What is pasted {problem}"), Content()])
