"""The widths of a table's columns."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from textual.content import Content
from textual.style import Style

from drio_tui.ui.widgets.row_list import Column, Row, RowList, column_widths
from drio_tui.ui.widgets.sanitize import cut_middle

REQUESTS = (
    Column("Method", 7),
    Column("Path", min_width=20, cut="middle"),
    Column("Status", 14, min_width=5),
    Column("Time", 8, "right", rank=1),
    Column("When", 8, "right", min_width=8, rank=2),
    Column("Request id", min_width=14, rank=3),
)
WANTED = (6, 64, 6, 6, 8, 36)


def used(widths: Sequence[int]) -> int:
    """Return the cells up to the end of the last column: one before the first, two between columns."""
    visible = [width for width in widths if width]
    return 1 + sum(visible) + 2 * (len(visible) - 1)


@pytest.mark.parametrize(
    ("width", "titles"),
    [(40, "Method Path Status"), (50, "Method Path Status Time"), (60, "Method Path Status Time When")],
)
def test_columns_of_the_highest_rank_are_dropped_first(width: int, titles: str) -> None:
    widths = column_widths(REQUESTS, WANTED, width)
    assert [column.title for column, cells in zip(REQUESTS, widths, strict=True) if cells] == titles.split()


def test_no_column_is_truncated_if_there_is_room() -> None:
    assert column_widths(REQUESTS, WANTED, 200) == list(WANTED)


def test_wide_columns_share_the_remaining_width() -> None:
    columns = (Column("A"), Column("B"), Column("C"))
    assert column_widths(columns, (4, 100, 100), 49) == [4, 20, 20]


def test_placeholders_do_not_make_columns_wide_but_rows_before_do() -> None:
    rows = RowList(Column("Name"), Column("Id"))
    wanted = []
    rows.show_placeholders([(20, 9)])
    for name in ("", "a long name", "short"):
        rows.show([Row(name, (Content(name), Content("1")))])
        wanted.append(rows._wanted[:])
    assert wanted == [[4, 2], [11, 2], [11, 2]]


@pytest.mark.parametrize(("width", "expected"), [(60, [6, 50, 0]), (74, [6, 50, 13]), (50, [6, 41, 0])])
def test_a_column_that_goes_first_is_cut_only_once_lower_ones_are_dropped(width: int, expected: list[int]) -> None:
    columns = (Column("Method"), Column("Path", min_width=20, goes_first=True), Column("Summary", min_width=12, rank=1))
    assert column_widths(columns, (6, 50, 30), width) == expected


@pytest.mark.parametrize(
    ("width", "shown"),
    [
        (40, ["GET     /apps/{id}  List your apps", "GET     /apps/{id}/integrations/{other}"]),
        (30, ["GET     /apps/{id}  List you…", "GET     /apps/{…tions/{other}"]),
        (27, ["GET     /apps/{id}", "GET     /apps/…ons/{other}"]),
        (60, [f"GET     /apps/{{id}}{' ' * 23}List your apps", "GET     /apps/{id}/integrations/{other}  Others"]),
    ],
)
def test_a_dropped_column_follows_the_content_before_it_where_there_is_room(width: int, shown: list[str]) -> None:
    columns = (
        Column("Method"),
        Column("Path", min_width=18, cut="middle", goes_first=True),
        Column("Summary", min_width=12, rank=1, follows=True),
    )
    rows = RowList(*columns)
    texts = (("GET", "/apps/{id}", "List your apps"), ("GET", "/apps/{id}/integrations/{other}", "Others"))
    rows.show([Row(path, [*map(Content, (method, path, summary))]) for method, path, summary in texts])
    lines = [rows._line(rows.cells_of(index), width, Style()).text for index in range(2)]
    assert all(len(line) == width for line in lines)
    assert [line.strip() for line in lines] == shown


_COLUMNS = st.lists(
    st.tuples(
        st.builds(
            Column,
            st.just("T"),
            st.integers(0, 30),
            min_width=st.integers(1, 30),
            rank=st.integers(0, 4),
        ),
        st.integers(0, 200),
    ),
    min_size=1,
    max_size=8,
)


@given(_COLUMNS, st.integers(4, 250))
def test_the_width_is_used_and_never_exceeded(columns_and_widths: list[tuple[Column, int]], width: int) -> None:
    columns, wanted = [column for column, _ in columns_and_widths], [width for _, width in columns_and_widths]
    widths = column_widths(columns, wanted, width)
    visible = [index for index, cells in enumerate(widths) if cells]
    if len(visible) > 1:
        assert used(widths) <= width
    for index, cells in enumerate(widths):
        assert cells <= wanted[index]
    hidden = [index for index, wanted_width in enumerate(wanted) if wanted_width and not widths[index]]
    if hidden and visible:
        assert max(columns[index].rank for index in visible) <= min(columns[index].rank for index in hidden)
    truncated = [
        index for index in visible if widths[index] < min(wanted[index], columns[index].width or wanted[index])
    ]
    if truncated and len(visible) > 1:
        assert used(widths) == width, "a column is truncated although there is room"


@given(st.text("ab/日本", max_size=60), st.integers(8, 40))
@example("aa日aa日日", 9)
def test_a_truncated_path_keeps_its_end(path: str, width: int) -> None:
    truncated = cut_middle(Content(path), width)
    assert truncated.cell_length <= width
    if Content(path).cell_length > width:
        head, _, tail = truncated.plain.partition("…")
        assert tail
        assert path.startswith(head)
        assert path.endswith(tail)
