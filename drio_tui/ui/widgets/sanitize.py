"""Sanitize text from the API for widgets: hidden characters are made visible, and `Content` is never read as markup."""

from __future__ import annotations

import re

from textual.content import Content
from textual.style import Style

from drio_tui import text as _text

_SINGLE_CELLS = re.compile(r"[ -\u02ff‐-‗‘-…␀-␦]*\Z")
"""Characters of one cell, none of them combining: Latin letters, punctuation, symbols of hidden characters."""


def sanitize(text: str, style: str | Style = "", *, multiline: bool = False) -> Content:
    """Return `text` as literal content; control, bidi and hidden characters are shown as symbols."""
    visible_text = _text.visible(text, multiline=multiline)
    return Content.styled(visible_text, style) if style else Content(visible_text)


def sanitize_line(text: str, width: int | None = None, style: str | Style = "") -> Content:
    """Return `text` as one literal line of at most `width` cells, ending in … if it was truncated."""
    if width is not None and 0 < width < len(text):
        beginning = _text.visible(text[: width + 1])
        if _SINGLE_CELLS.match(beginning, 0, width + 1):  # ten times as fast as measuring each character
            return Content.styled(beginning[: width - 1] + "…", style, width, strip_control_codes=False)
    if width is not None and len(text) > width * 4 + 16:
        text = text[: width * 4 + 16]  # visible() leaves at most four characters per cell
    content = Content.styled(_text.visible(text), style, strip_control_codes=False)  # none is left
    if width is not None and content.cell_length > width:
        content = content.truncate(max(0, width), ellipsis=True)
    return content


def cut_middle(cell: Content, width: int) -> Content:
    """Return `cell` truncated in its middle to at most `width` cells: paths differ at their ends."""
    if cell.cell_length <= width or width < 8:
        return cell.truncate(width, ellipsis=True)
    before = width // 3
    after = width - before - 1
    head, tail = cell[:before], cell[-after:]
    while head.cell_length > before:  # wide characters
        head = head[:-1]
    while tail.cell_length > after:
        tail = tail[1:]
    return Content.assemble(head, "…", tail)
