"""Tests that lines are drawn as Textual draws them; they fail when Textual changes what is replaced."""

from __future__ import annotations

from typing import Any

import pytest
from rich import cells, segment
from rich.segment import Segment
from rich.style import Style as RichStyle
from textual._compositor import Compositor
from textual._styles_cache import StylesCache
from textual.app import App, ComposeResult
from textual.cache import FIFOCache
from textual.containers import Horizontal, VerticalScroll
from textual.content import Content
from textual.document._document import Document as TextDocument
from textual.document._wrapped_document import WrappedDocument
from textual.geometry import Region
from textual.scrollbar import ScrollBar
from textual.strip import Strip
from textual.widget import Widget
from textual.widgets import Input, Label, Static

from drio_tui.ui.base.textual_internals import drawing
from drio_tui.ui.widgets.rich_text import Document, Paragraph
from drio_tui.ui.widgets.row_list import Column, Row, RowList
from tests.ui.drawing import draw
from tests.ui.idle import idle


@pytest.fixture(autouse=True)
def patched() -> None:
    for _ in range(2):  # patching twice changes nothing
        drawing.paint_only_what_is_seen()
        drawing.draw_lines_without_effects_directly()
        drawing.make_caches_of_strips_when_used()
        drawing.measure_symbols_quickly()


class Page(App[None]):
    """Widgets of every style that changes a line, some behind others, some partly out of view."""

    CSS = """
    Screen { layers: below above; }
    #title { layer: above; offset: -4 3; width: 25; height: 4; background: $panel; border: round red; }
    #titled { border: heavy green; padding: 1 2; height: 6; }
    #outlined { outline: solid blue; height: 4; }
    #hatched { hatch: cross red; height: 3; }
    #dim { opacity: 60%; height: 2; }
    #tinted { tint: red 40%; height: 2; }
    #pale { text-opacity: 50%; height: 2; }
    Document { border-left: solid red; width: 1fr; height: 1fr; }
    RowList { width: 1fr; height: 1fr; border-right: tall blue; }
    VerticalScroll { height: 14; border: double white; }
    """

    def compose(self) -> ComposeResult:
        yield Label("in front of the others", id="title")
        with VerticalScroll():
            for id in ("titled", "outlined", "hatched", "dim", "tinted", "pale"):
                yield Static(f"[b]{id}[/b] text of [red]several[/red] words\nand lines", id=id)
            yield Input("a value")
        with Horizontal():
            yield RowList(Column("Name"), Column("Note"))
            yield Document()

    def on_mount(self) -> None:
        self.query_one("#titled").border_title = "Title"
        self.query_one(RowList).show([Row(str(n), (Content(f"row {n}"), Content("note"))) for n in range(30)])
        self.query_one(Document).show([Paragraph(Content.from_markup(f"[b]line[/b] {n} 漢字")) for n in range(30)])
        self.query_one(VerticalScroll).scroll_to(y=3, animate=False, immediate=True)


def segments(strip: Strip | None) -> list[Segment]:
    return [] if strip is None else list(strip)


async def test_what_is_painted_is_what_textual_paints() -> None:
    app = Page()
    async with app.run_test(size=(80, 30)):
        await idle()
        compositor = app.screen._compositor
        original = Compositor._render_chops.original  # type: ignore[attr-defined]
        everything = Region(0, 0, 80, 30)
        full = original(compositor, everything, lambda y: True)
        compare(compositor._render_chops(everything, lambda y: True), full, [(y, 0, 80) for y in range(30)], compositor)
        for regions in (
            [Region(18, 2, 30, 3)],
            [Region(0, 20, 1, 1), Region(79, 29, 1, 1)],
            [Region(3, 5, 10, 6), Region(60, 5, 10, 9), Region(0, 0, 5, 30)],
            [Region(70, 28, 40, 9)],
        ):
            compositor._dirty_regions.update(regions)
            update: Any = compositor.render_partial_update()
            assert update.chop_ends == [cuts[1:] for cuts in compositor.cuts]
            assert update.spans
            compare(update.chops, full, update.spans, compositor)
            assert not compositor._dirty_regions
        assert compositor.render_partial_update() is None


def compare(chops: Any, expected: Any, spans: list[tuple[int, int, int]], compositor: Compositor) -> None:
    for y, begin, end in spans:
        for cut, following in zip(compositor.cuts[y], compositor.cuts[y][1:], strict=False):
            if cut < end and following > begin:
                assert segments(chops[y][cut]) == segments(expected[y][cut]) != []


async def test_only_lines_that_can_be_seen_are_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    app = Page()
    async with app.run_test(size=(80, 30)):
        await idle()
        draw()
        asked: list[tuple[Widget, Region]] = []
        render_lines = Widget.render_lines

        def noted(self: Widget, crop: Region) -> list[Strip]:
            asked.append((self, crop))
            return render_lines(self, crop)

        monkeypatch.setattr(Widget, "render_lines", noted)
        rows, document = app.query_one(RowList), app.query_one(Document)
        rows.refresh_line(4)
        document.refresh_line(9)
        await idle()
        draw()
        assert {widget for widget, _ in asked if not isinstance(widget, ScrollBar)} == {rows, document}
        assert {(crop.y, crop.height) for widget, crop in asked if rows in widget.ancestors_with_self} == {(4, 1)}
        assert {(crop.y, crop.height) for widget, crop in asked if document in widget.ancestors_with_self} == {(9, 1)}


async def test_lines_have_the_edges_and_effects_that_textual_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    app = Page()
    async with app.run_test(size=(80, 30)):
        await idle()
        widgets = [widget for widget in app.screen.query("*") if widget.outer_size]
        assert len(widgets) > 10

        def lines() -> list[list[Strip]]:
            for widget in widgets:
                widget._styles_cache.clear()
            return [widget.render_lines(widget.outer_size.region) for widget in widgets]

        fast = lines()
        monkeypatch.setattr(StylesCache, "render_line", StylesCache.render_line.original)  # type: ignore[attr-defined]
        for widget, strips, expected in zip(widgets, fast, lines(), strict=True):
            assert [segments(strip) for strip in strips] == [segments(strip) for strip in expected], widget
            assert [strip.cell_length for strip in strips] == [strip.cell_length for strip in expected]


def test_a_strip_has_the_caches_of_textual_once_they_are_used() -> None:
    style = RichStyle(bold=True)
    strip, expected = Strip([Segment("some text", style)], 9), Strip.__new__(Strip)
    Strip.__init__.original(expected, [Segment("some text", style)], 9)  # type: ignore[attr-defined]
    for name in Strip.__slots__:
        value = getattr(expected, name)
        empty = isinstance(value, FIFOCache)
        if empty:
            with pytest.raises(AttributeError):
                vars(Strip)[name].__get__(strip)
            assert getattr(strip, name)._maxsize == value._maxsize
            assert getattr(strip, name) is getattr(strip, name)
        else:
            assert getattr(strip, name) == value
    assert strip.divide([4, 9]) is strip.divide([4, 9])
    assert strip == expected
    with pytest.raises(AttributeError):
        strip.nothing  # type: ignore[attr-defined] # noqa: B018


def test_text_with_symbols_is_measured_and_cut_as_rich_does_it() -> None:
    symbols = "".join(chr(code) for first, last in drawing._SYMBOLS for code in range(first, last + 1))
    texts = [
        "✓ a name…",
        "→ 漢字",
        "✓\ufe0f",
        "e\u0301→",
        "👩\u200d🔬 ⋯",
        "tab\t…",
        *(2 * symbol for symbol in symbols),
    ]

    def measured() -> list[tuple[object, ...]]:
        cells.cached_cell_len.cache_clear()
        return [
            (
                cells.cell_len(text),
                cells.set_cell_size(text, 3),
                cells.split_text(text, 1),
                Segment(text).split_cells(1),
            )
            for text in texts
        ]

    for module in (cells, segment):
        assert module._is_single_cell_widths(symbols)
        assert not any(map(module._is_single_cell_widths, texts[1:5]))
    fast = measured()
    with pytest.MonkeyPatch.context() as patch:
        for module in (cells, segment):
            patch.setattr(module, "_is_single_cell_widths", lambda text: False)
        assert fast == measured()
    assert fast[0] == (9, "✓ a", ("✓", " a name…"), (Segment("✓"), Segment(" a name…")))


def test_a_text_area_has_the_height_that_textual_adds_up() -> None:
    drawing.count_lines_of_text_areas_once()
    drawing.count_lines_of_text_areas_once()
    document = TextDocument("\n".join("a line of some words " * (number % 5) for number in range(40)))
    wrapped = WrappedDocument(document, 30)
    for text, start, end in (("new\nlines " * 9, (3, 1), (3, 4)), ("", (5, 0), (20, 3)), ("x", (0, 0), (0, 0))):
        edited = document.replace_range(start, end, text)
        wrapped.wrap_range(start, end, edited.end_location)
        assert wrapped.height == sum(len(offsets) + 1 for offsets in wrapped._wrap_offsets)
    wrapped._wrap_offsets = []  # it is not added up again
    assert wrapped.height > 20
    wrapped.wrap(0)
    assert wrapped.height == document.line_count
