"""Sanitized lines."""

from __future__ import annotations

import pytest
from textual.content import Content

from drio_tui.ui.widgets.sanitize import sanitize_line


@pytest.mark.parametrize("text", ["", "a", "twelve cells", "longer than twelve cells", "x" * 2000, "e\tb\x1b[1m’ " * 9])
@pytest.mark.parametrize("width", [None, 0, 1, 12])
@pytest.mark.parametrize("style", ["", "bold"])
def test_lines_are_truncated_alike_whatever_their_characters(text: str, width: int | None, style: str) -> None:
    line = sanitize_line(text, width, style)
    assert width is None or len(line.plain) <= width
    assert line.cell_length == Content(line.plain).cell_length
    other = sanitize_line(text.replace("e", "ж"), width, style)  # is measured character by character
    assert (line.plain, line.spans) == (other.plain.replace("ж", "e"), other.spans)
