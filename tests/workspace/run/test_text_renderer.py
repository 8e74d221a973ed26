"""Widgets as text: the same slots as the HTML widgets, hostile values sanitized, widths respected."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from drio_tui.text import visible
from drio_tui.workspace.run import text_renderer
from drio_tui.workspace.run.mapping import SLOTS
from drio_tui.workspace.run.text_renderer import RenderedWidget, render_widget
from drio_tui.workspace.run.tool_run import Run
from tests.workspace.run.conftest import bound

ROLES = ("", "title", "muted", "badge", "key", "value", "head", "number", "rule", "bar0", "bar1", "bar2", "bar3")
HOSTILE = "[red]\x1b]52;c;ZXZp\x07\u202eevil\u200b[@click=app.quit]x[/] \x9b2J\r\n"


def render(primitive: str, mappings: Any, value: Any, width: int = 78, **spec: Any) -> RenderedWidget:
    style = spec.pop("style", {})
    tool = bound(
        "https://up.example",
        widget={"primitive": primitive, "config": {"fieldMappings": mappings, "style": style}},
        **spec,
    )
    return render_widget(tool, Run("t1", "Do", "here", spec.get("arguments", {}), structured={}, value=value), width)


def text_of(widget: RenderedWidget) -> str:
    return "\n".join(widget.plain())


PEOPLE = {"results": [{"name": "Ada", "age": 36, "plan": "pro"}, {"name": "日本語の名前", "age": 7, "plan": None}]}


def test_a_table_has_aligned_columns_a_fixed_header_and_groups() -> None:
    mappings = {"rows": "$.results", "columns.name": "$.name", "columns.age": "$.age", "columns.plan": "$.plan"}
    widget = render("data-table", mappings, PEOPLE)
    lines = widget.plain()
    assert widget.head == 2
    assert lines[0].split() == ["Name", "Age", "Plan"]
    assert lines[2].split() == ["Ada", "36", "pro"]
    assert lines[3].split() == ["日本語の名前", "7", "–"]
    positions = [
        cell_len(line[: line.index(text)]) for line, text in ((lines[0], "Plan"), (lines[2], "pro"), (lines[3], "–"))
    ]
    assert len(set(positions)) == 1
    grouped = render("data-table", mappings, PEOPLE, style={"groupBy": "plan"})
    assert grouped.plain()[2] == "pro"
    assert "Nothing found." in text_of(render("data-table", mappings, {"results": []}))


TICKETS = [
    {
        "subject": "The invoice names the wrong business address since the relocation of the headquarters",
        "customer": "Northwind International Trading",
        "note": "Call back on Thursday",
    },
    {"subject": "Short", "customer": "Acme", "note": "–"},
]


@pytest.mark.parametrize("width", [56, 78, 120])
def test_wide_table_cells_are_wrapped_between_words(width: int) -> None:
    widget = render("data-table", {"rows": "$"}, TICKETS, width=width)
    assert widget.width <= width
    shown = text_of(widget).split()
    for row in TICKETS:
        for text in row.values():
            for word in text.split():
                assert word in shown, f"{word} is broken:\n{text_of(widget)}"
    assert widget.plain()[1].startswith("──")


def test_too_wide_words_are_split_and_long_cells_end_in_an_ellipsis() -> None:
    url = "https://example.com/" + "a" * 200
    widget = render("data-table", {"rows": "$"}, [{"url": url, "text": "word " * 300}])
    assert widget.width <= 78
    body = widget.plain()[2:]
    assert len(body) == 6
    assert url[:20] in body[0]
    assert body[-1].rstrip().endswith("…")


def test_a_long_table_counts_omitted_rows_and_a_wide_one_exceeds_the_width() -> None:
    rows = [{f"c{n}": "x" * 30 for n in range(9)} for _ in range(600)]
    widget = render("data-table", {"rows": "$"}, rows)
    assert widget.width > 78
    assert "100 more are not shown." in text_of(widget)


def test_each_kind_of_widget_shows_its_slots() -> None:
    card = text_of(
        render("card", {"title": "$.n", "badge": "$.b", "fields.email": "$.e"}, {"n": "Ada", "b": "new", "e": "a@b"})
    )
    assert "Ada" in card
    assert "[new]" in card
    assert "Email  a@b" in card
    assert card.startswith("╭")
    listed = render("list", {"items": "$", "title": "$.t", "checked": "$.d", "timestamp": "$.w"},
                   [{"t": "One", "d": True, "w": "2026-01-02T03:04:05Z"}, {"t": "Two", "d": False}])  # fmt: skip
    assert listed.plain() == ["☑ One  2026-01-02 03:04", "☐ Two"]
    detail = text_of(
        render("detail", {"title": "$.t", "sections.notes": "$.notes"}, {"t": "T", "notes": [{"by": "Bo"}]})
    )
    assert detail.splitlines()[0] == "T"
    assert "Notes" in detail
    assert "• By" in detail
    schema = {
        "properties": {"mail": {"type": "string", "title": "E-mail"}, "ok": {"type": "boolean"}},
        "required": ["mail"],
    }
    form = text_of(render("form", {"fields.mail": "$.m", "fields.ok": "$.ok"}, {"m": "a@b", "ok": True}, schema=schema))
    assert "E-mail *" in form
    assert "a@b" in form
    assert "[x]" in form
    assert "⟦ Submit ⟧" in form
    prose = render("text", {"body": "$.b"}, {"b": "# Head\n\n- one **two**\nplain"}, style={"format": "markdown"})
    assert prose.plain() == ["Head", "", "• one two", "plain"]
    metric = render("metric", {"value": "$.v", "label": "$.l"}, {"v": 0.256, "l": "Share"},
                   style={"format": "percent", "precision": "1"})  # fmt: skip
    assert metric.plain() == ["Share", "25.6%"]
    timeline = text_of(render("timeline", {"items": "$", "title": "$.t"}, [{"t": "Began"}]))
    assert timeline == "● Began"
    assert "Nothing found." in text_of(render("image", {}, {}))


def test_chart_bars_are_proportional_and_series_differ_by_symbol() -> None:
    value = {"m": ["Jan", "Feb"], "a": [10, 20], "b": [5, None]}
    widget = render("chart", {"x": "$.m", "y": "$.a", "series.b": "$.b"}, value)
    lines = widget.plain()
    assert lines[0].split() == ["█", "A", "▓", "B"]
    jan, feb = (next(line for line in lines if line.startswith(name)).count("█") for name in ("Jan", "Feb"))
    assert 2 * jan - 1 <= feb <= 2 * jan + 1
    assert any("▓" in line for line in lines)
    line = text_of(render("chart", {"x": "$.m", "y": "$.a"}, value, style={"type": "line"}))
    assert "█" in line.splitlines()[0]
    assert "▄" in line.splitlines()[0]
    assert "Nothing found." in text_of(render("chart", {"x": "$.m"}, {}))


def test_a_failed_run_shows_its_error_and_a_tool_without_widget_its_result() -> None:
    tool = bound("https://up.example")
    text = text_of(render_widget(tool, Run("t1", "Do", "here", {}, error=f"no {HOSTILE}"), 60))
    assert "[red]␛]52" in text
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert "Ada" in text_of(render_widget(tool, Run("t1", "Do", "here", {}, structured={}, value={"name": "Ada"}), 60))


def test_expensive_mappings_are_bounded() -> None:
    """F65."""
    deep: Any = "x"
    for _ in range(20):
        deep = [deep, deep]
    for path in ("$" + "..*" * 12, "$..[?@..[?@..*]]", "$[" + "*," * 900 + "*]"):
        widget = render("list", {"items": path, "title": "$..*"}, [[deep]] * 50)
        assert widget.lines


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=20)
    | st.sampled_from([HOSTILE, "日本語" * 9, "e\u0301" * 30, "👩\u200d👩\u200d👧", "data:image/png;base64,AA"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)  # fmt: skip
PATHS = st.sampled_from(["$", "$[*]", "$.a", "$..*", "$.a[0]", "nonsense", "$[?@.a>1]"])


@settings(max_examples=60)
@given(primitive=st.sampled_from([*SLOTS, "unheard-of"]), value=JSON, paths=st.lists(PATHS, min_size=8, max_size=8),
       width=st.integers(20, 120), style=st.sampled_from(["", "line", "funnel", "markdown", "percent"]))  # fmt: skip
def test_every_line_is_sanitized_and_cards_stay_within_the_width(
    primitive: str, value: Any, paths: list[str], width: int, style: str
) -> None:
    names = [*SLOTS.get(primitive, ("items", "title")), "fields.a", "columns.b", "series.c", "sections.d"]
    mappings = dict(zip(names, paths * 2, strict=False))
    widget = render(primitive, mappings, value, width, style={"type": style, "format": style, "groupBy": "a"})
    for line in widget.lines:
        for text, role in line:
            assert role in ROLES
            assert visible(text) == text
    if primitive in ("card", "card-grid"):
        assert widget.width <= max(20, width)


@pytest.mark.parametrize("width", [1, 20, 79])
def test_long_words_and_wide_characters_are_wrapped(width: int) -> None:
    for text in ("x" * 500, "日本語" * 100, "e\u0301" * 300, "a " * 200):
        widget = render("text", {"body": "$"}, text, width)
        assert widget.width <= max(20, width)
        assert "".join(text_of(widget).split()).startswith("".join(text.split())[:10])


def test_integers_beyond_floats_are_shown_exactly() -> None:
    for style in ({}, {"precision": "2"}, {"format": "percent"}):
        shown = text_of(render("metric", {"value": "$.n"}, {"n": 10**400}, width=500, style=style))
        assert str(10**400) in shown


def test_wrapping_a_long_text_without_blanks_is_linear(monkeypatch: pytest.MonkeyPatch) -> None:
    measured = 0

    def counting_cell_len(text: str) -> int:
        nonlocal measured
        measured += len(text)
        return cell_len(text)

    monkeypatch.setattr(text_renderer, "cell_len", counting_cell_len)
    widget = render("text", {"body": "$"}, "漢" * 20_000, width=80)
    assert len(widget.lines) == 500
    assert measured < 20 * 20_000  # all that is left, line by line, would be five million


def test_a_deeply_nested_result_is_truncated() -> None:
    widget = render("card", {}, [[["x"] * 50] * 50] * 50)
    assert len(widget.lines) <= 4_002
