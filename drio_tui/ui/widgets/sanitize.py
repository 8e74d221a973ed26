"""The one way text from the API reaches a widget: made visible, and as `Content`, so that nothing reads markup."""

from __future__ import annotations

from textual.content import Content
from textual.style import Style

from drio_tui import text as _text


def safe(text: str, style: str | Style = "", *, multiline: bool = False) -> Content:
    """`text` as literal content; control, bidi and hidden characters show as symbols of their own."""
    shown = _text.visible(text, multiline=multiline)
    return Content.styled(shown, style) if style else Content(shown)


def safe_line(text: str, width: int | None = None, style: str | Style = "") -> Content:
    """`text` as one literal line of at most `width` cells, ending in … when something was cut."""
    if width is not None and len(text) > width * 4 + 16:
        text = text[: width * 4 + 16]  # a cell holds at least a quarter of what visible() makes of a character
    content = safe(text, style)
    if width is not None and content.cell_length > width:
        content = content.truncate(max(0, width), ellipsis=True)
    return content
