"""A text to copy: it wraps and can be selected; `y` or a double click copies it."""

from __future__ import annotations

from typing import ClassVar

from textual import events
from textual.binding import BindingType
from textual.message import Message
from textual.widgets import Static

from drio_tui.ui.base import keymap
from drio_tui.ui.base.keymap import Key
from drio_tui.ui.widgets.sanitize import sanitize


class CopyField(Static, can_focus=True):
    """Shows `text` sanitized, but copies exactly `text`.

    With `lines`, line breaks are shown as such and not as symbols. `what` names the text in the notification.
    """

    DEFAULT_CSS = """
    CopyField {
        height: auto;
        padding: 0 1;
        color: $text-accent;
        background: $surface;
        &:focus { background: $panel; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = keymap.section(
        "copy_field",
        "Text to copy",
        Key("copy_field.copy", "y,enter", "copy", "Copy", "Copy the text under the cursor", palette=False),
    )

    class CopyRequested(Message):
        """The user asked to copy `text`; `what` names it."""

        def __init__(self, text: str, what: str) -> None:
            super().__init__()
            self.text = text
            self.what = what

    def __init__(self, text: str = "", *, what: str = "text", lines: bool = False, id: str | None = None) -> None:
        super().__init__(sanitize(text, multiline=lines), id=id)
        self._text = text
        self._what = what
        self._lines = lines

    @property
    def text(self) -> str:
        """What is copied."""
        return self._text

    def set_text(self, text: str) -> None:
        """Show another text."""
        self._text = text
        self.update(sanitize(text, multiline=self._lines))

    def action_copy(self) -> None:
        if self._text:
            self.post_message(self.CopyRequested(self._text, self._what))

    def on_click(self, event: events.Click) -> None:
        if event.chain == 2:
            self.action_copy()
