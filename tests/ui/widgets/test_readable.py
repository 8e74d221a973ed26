"""The row of the cursor can be read in every theme."""

from __future__ import annotations

import pytest
from rich.style import Style
from textual.app import App, ComposeResult
from textual.content import Content
from textual.theme import BUILTIN_THEMES

from drio_tui.contrast import ratio
from drio_tui.ui.base.themes import THEMES
from drio_tui.ui.widgets.readable import readable
from drio_tui.ui.widgets.row_list import Column, Row, RowList

WHITE = Style.parse("#ffffff on #004578")


@pytest.mark.parametrize(
    ("style", "expected"),
    [
        ("#0a2540 on #004578", "#ffffff on #004578"),
        ("bold #777777 on #004578", "bold #ffffff on #004578"),
        ("#ffd700 on #004578", "#ffd700 on #004578"),
        ("default on #004578", "default on #004578"),
        ("red on default", "red on default"),
    ],
)
def test_a_colour_that_cannot_be_read_is_given_up(style: str, expected: str) -> None:
    assert readable(Style.parse(style), WHITE) == Style.parse(expected)


class Rows(App[None]):
    def compose(self) -> ComposeResult:
        yield RowList(Column("Name"), Column("State"))


async def test_the_row_of_the_cursor_can_be_read_in_every_theme() -> None:
    app = Rows()
    async with app.run_test(size=(60, 4)) as pilot:
        for theme in THEMES:
            app.register_theme(theme)
        rows = app.query_one(RowList)
        colours = ("$foreground-muted", "$text-success", "$text-warning", "$text-error", "$text-accent")
        rows.show([Row("one", (Content("Name"), Content(" ").join(Content.styled("x", colour) for colour in colours)))])
        rows.focus()
        for name in (*BUILTIN_THEMES, *(theme.name for theme in THEMES)):
            app.theme = name
            await pilot.pause()
            for segment in rows.render_line(1):
                style = segment.style
                assert style is not None
                if style.color and style.bgcolor and style.color.triplet and style.bgcolor.triplet:
                    front, back = style.color.triplet, style.bgcolor.triplet
                    assert (
                        ratio((*front,), (*back,)) >= 3
                        or style.color == rows.get_visual_style("row-list--cursor").rich_style.color
                    ), f"{segment.text} in {name}"
