"""How a table's columns share its width."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from textual.content import Content

from drio_tui.ui.widgets.row_list import Column, column_widths, cut_middle

REQUESTS = (
    Column("Method", 7),
    Column("Path", least=20, cut="middle"),
    Column("Status", 14, least=5),
    Column("Time", 8, "right", rank=1),
    Column("When", 8, "right", least=8, rank=2),
    Column("Request id", least=14, rank=3),
)
WANTED = (6, 64, 6, 6, 8, 36)


def used(widths: Sequence[int]) -> int:
    """Cells up to the end of the last column: one before the first, two between columns."""
    shown = [width for width in widths if width]
    return 1 + sum(shown) + 2 * (len(shown) - 1)


@pytest.mark.parametrize(
    ("width", "shown"),
    [(40, "Method Path Status"), (50, "Method Path Status Time"), (60, "Method Path Status Time When")],
)
def test_the_least_useful_columns_go_first(width: int, shown: str) -> None:
    widths = column_widths(REQUESTS, WANTED, width)
    assert [column.title for column, cells in zip(REQUESTS, widths, strict=True) if cells] == shown.split()


def test_no_column_is_cut_while_there_is_room() -> None:
    assert column_widths(REQUESTS, WANTED, 200) == list(WANTED)


def test_wide_columns_share_what_narrow_ones_leave() -> None:
    columns = (Column("A"), Column("B"), Column("C"))
    assert column_widths(columns, (4, 100, 100), 49) == [4, 20, 20]


_COLUMNS = st.lists(
    st.tuples(
        st.builds(
            Column,
            st.just("T"),
            st.integers(0, 30),
            least=st.integers(1, 30),
            rank=st.integers(0, 4),
        ),
        st.integers(0, 200),
    ),
    min_size=1,
    max_size=8,
)


@given(_COLUMNS, st.integers(4, 250))
def test_the_width_is_used_and_never_exceeded(given_columns: list[tuple[Column, int]], width: int) -> None:
    columns, wanted = [one for one, _ in given_columns], [want for _, want in given_columns]
    widths = column_widths(columns, wanted, width)
    shown = [place for place, cells in enumerate(widths) if cells]
    if len(shown) > 1:
        assert used(widths) <= width
    for place, cells in enumerate(widths):
        assert cells <= wanted[place]
    hidden = [place for place, want in enumerate(wanted) if want and not widths[place]]
    if hidden and shown:
        assert max(columns[place].rank for place in shown) <= min(columns[place].rank for place in hidden)
    cut = [place for place in shown if widths[place] < min(wanted[place], columns[place].width or wanted[place])]
    if cut and len(shown) > 1:
        assert used(widths) == width, "a column is cut though there is room"


@given(st.text("ab/日本", max_size=60), st.integers(8, 40))
@example("aa日aa日日", 9)
def test_a_cut_path_keeps_its_end(path: str, width: int) -> None:
    cut = cut_middle(Content(path), width)
    assert cut.cell_length <= width
    if Content(path).cell_length > width:
        head, _, tail = cut.plain.partition("…")
        assert tail
        assert path.startswith(head)
        assert path.endswith(tail)
