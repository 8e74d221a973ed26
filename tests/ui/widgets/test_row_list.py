"""A list keeps the place of its cursor when its rows change."""

from __future__ import annotations

from textual.app import App, ComposeResult
from textual.content import Content

from drio_tui.ui.widgets.row_list import Column, Row, RowList


def rows(*keys: str) -> list[Row]:
    return [Row(key, (Content(key),)) for key in keys]


class _App(App[None]):
    CSS = "RowList { height: 8; }"

    def compose(self) -> ComposeResult:
        yield RowList(Column("Name"))


async def test_rows_that_come_above_the_first_one_are_shown_and_below_the_cursor_stays_in_its_place() -> None:
    many = [f"row {number}" for number in range(30)]
    async with _App().run_test() as pilot:
        table = pilot.app.query_one(RowList)
        table.show(rows(*many))
        await pilot.pause()
        for count, top in ((2, 0), (9, 3)):  # of nine rows above it, those next to it are shown
            table.choose("row 0")
            table.show(rows(*many))
            table.scroll_home(animate=False, immediate=True)
            table.show(rows(*(f"new {number}" for number in range(count)), *many))
            await pilot.pause()
            assert (table.key, table.scroll_offset.y) == ("row 0", top)
        table.show(rows(*many))
        table.choose("row 20")
        await pilot.pause()
        place = table.cursor - table.scroll_offset.y
        table.show(rows("new", *many))
        await pilot.pause()
        assert (table.key, table.cursor - table.scroll_offset.y) == ("row 20", place)
