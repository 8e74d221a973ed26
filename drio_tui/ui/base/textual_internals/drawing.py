"""How lines are drawn: only those that changed and can be seen, each with less work than Textual's."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from rich import cells, segment
from rich.segment import Segment
from textual._border import get_box
from textual._compositor import ChopsUpdate, Compositor
from textual._segment_tools import line_pad
from textual._styles_cache import StylesCache
from textual.cache import FIFOCache
from textual.color import Color
from textual.css.styles import StylesBase
from textual.geometry import Region, Size, Spacing
from textual.strip import Strip
from textual.style import Style

from drio_tui.ui.base.textual_internals import is_patched, patch

if TYPE_CHECKING:
    from textual.document._wrapped_document import WrappedDocument

_Spans = Mapping[int, Iterable[tuple[int, int]]]
"""Which cells are painted: for lines of the screen, where a range of cells begins and ends."""


def paint_only_what_is_seen() -> None:
    """Ask only those widgets for lines, and only for those lines, that are painted and that nothing covers.

    Textual asks every widget between the first and the last change for all its lines, and containers for the lines
    that their children cover (8.2): moving a cursor beside a page of details drew half of the screen.
    """
    if not is_patched(Compositor._render_chops):
        patch(Compositor, _render_chops)
        patch(Compositor, render_partial_update)


def _render_chops(self: Compositor, crop: Region, is_rendered_line: Callable[[int], bool]) -> list[dict[int, Any]]:
    return _render_spans(self, {y: [(crop.x, crop.right)] for y in crop.line_range if is_rendered_line(y)})


def render_partial_update(self: Compositor) -> ChopsUpdate | None:
    screen = self.size.region
    regions = [region for region in (dirty.intersection(screen) for dirty in self._dirty_regions) if region]
    self._dirty_regions.clear()
    if not regions:
        return None
    spans = list(self._regions_to_spans(regions))
    by_line: dict[int, list[tuple[int, int]]] = {}
    for y, begin, end in spans:
        by_line.setdefault(y, []).append((begin, end))
    return ChopsUpdate(_render_spans(self, by_line), spans, [line_cuts[1:] for line_cuts in self.cuts])


def _render_spans(compositor: Compositor, spans: _Spans) -> list[dict[int, Strip | None]]:
    """Return what is drawn on each line, from cut to cut, where it overlaps `spans`; None elsewhere."""
    cuts = compositor.cuts
    chops: list[dict[int, Strip | None]] = [{} for _ in cuts]
    missing: dict[int, set[int]] = {}
    for y, ranges in spans.items():
        line_cuts = cuts[y]
        chops[y] = dict.fromkeys(line_cuts[:-1])
        missing[y] = {
            cut
            for cut, following in pairwise(line_cuts)
            if any(cut < end and following > begin for begin, end in ranges)
        }
    for widget, (region, clip) in compositor.visible_widgets.items():  # those in front first
        if not missing:
            break
        x, y, width, height = region.intersection(clip)
        right = x + width
        lines = [line for line in range(y, y + height) if any(x <= cut < right for cut in missing.get(line, ()))]
        if not lines:
            continue
        first, height = lines[0], lines[-1] + 1 - lines[0]
        strips = widget.render_lines(Region(x - region.x, first - region.y, width, height))
        for line, strip in enumerate(strips, first):
            if line not in missing:
                continue
            begins = [cut for cut in cuts[line] if x <= cut < right]
            for cut, part in zip(
                begins, strip.divide([cut - x for cut in cuts[line] if x < cut <= right]), strict=False
            ):
                if cut in missing[line]:
                    chops[line][cut] = part
                    missing[line].discard(cut)
            if not missing[line]:
                del missing[line]
    return chops


def draw_lines_without_effects_directly() -> None:
    """Look up the edges of a widget once for all its lines, if it has no effects such as an outline or opacity.

    Textual looks up every style that may change a line for each line, and copies the line for each of them (8.2).
    """
    draw, draw_line = StylesCache.render, StylesCache.render_line
    if is_patched(draw_line):
        return

    def render(
        self: Any, styles: StylesBase, size: Size, base_background: Color, background: Color, *arguments: Any,
        **options: Any,
    ) -> list[Strip]:  # fmt: skip
        self._edges = None
        if options["opacity"] == 1.0 and not _has_effects(styles):
            self._edges = _edges(self, styles, base_background, background)
            self._gutter = styles.gutter
        return draw(self, styles, size, base_background, background, *arguments, **options)

    def render_line(
        self: Any, styles: StylesBase, y: int, size: Size, content_size: Size, padding: Spacing,
        base_background: Color, background: Color, render_content_line: Callable[[int], Strip], *arguments: Any,
    ) -> Strip:  # fmt: skip
        if self._edges is None or not self._gutter.top <= y < size.height - self._gutter.bottom:
            return draw_line(
                self, styles, y, size, content_size, padding, base_background, background, render_content_line,
                *arguments,
            )  # fmt: skip
        (left, right), content_y = self._edges, y - self._gutter.top
        width, height = content_size
        style = self.get_inner_outer(base_background, background)[0].rich_style
        if content_y < height:
            strip = render_content_line(content_y).adjust_cell_length(width, style)
        else:
            strip = Strip.blank(width, style)
        if padding.left or padding.right or left or right:
            return Strip([*left, *line_pad(strip, padding.left, padding.right, style), *right], size.width)
        return strip

    patch(StylesCache, render)
    patch(StylesCache, render_line)


def _has_effects(styles: StylesBase) -> bool:
    """Return whether anything but padding and a border changes the lines of the content."""
    return bool(
        styles.text_opacity != 1.0
        or styles.tint.a
        or any(edge for edge, _ in styles.outline)
        or (styles.has_rule("hatch") and styles.hatch != "none")
    )


def _edges(
    cache: StylesCache, styles: StylesBase, base_background: Color, background: Color
) -> tuple[list[Segment], list[Segment]]:
    """Return the border at the left and at the right of each line, each empty if there is none."""
    inner, outer = cache.get_inner_outer(base_background, background)
    _, (right, right_color), _, (left, left_color) = styles.border
    return (
        [get_box(left, inner, outer, Style(foreground=base_background + left_color))[1][0]] if left else [],
        [get_box(right, inner, outer, Style(foreground=base_background + right_color))[1][2]] if right else [],
    )


_STRIP_CACHES = {
    "_divide_cache": 4,
    "_crop_cache": 16,
    "_style_cache": 16,
    "_filter_cache": 4,
    "_line_length_cache": 4,
    "_crop_extend_cache": 4,
    "_offsets_cache": 4,
}
"""The caches of a strip, and how many entries each has."""


def make_caches_of_strips_when_used() -> None:
    """Give a strip each of its caches when that is used first.

    Textual makes all seven for each strip (8.2), and several strips for each line that it draws, most of which use
    none or one.
    """
    if is_patched(Strip.__init__):
        return

    def initialize(self: Strip, segments: Iterable[Segment], cell_length: int | None = None) -> None:
        self._segments = list(segments)
        self._cell_length = cell_length
        self._render_cache = self._link_ids = self._cell_count = None

    def make_cache(self: Strip, name: str) -> Any:  # called only for a slot that is empty
        size = _STRIP_CACHES.get(name)
        if size is None:
            raise AttributeError(name)
        cache: FIFOCache[Any, Any] = FIFOCache(size)
        setattr(self, name, cache)
        return cache

    initialize.__name__ = "__init__"
    patch(Strip, initialize)
    Strip.__getattr__ = make_cache  # type: ignore[attr-defined]


_SYMBOLS = ((0x2010, 0x2027), (0x2030, 0x205E), (0x2190, 0x22FF), (0x2400, 0x2426), (0x2713, 0x2718))
"""Ranges of characters of one cell: punctuation, arrows, mathematical operators, control pictures, check marks."""


def measure_symbols_quickly() -> None:
    """Take text with the symbols of this program as text of single cells.

    Rich measures and cuts text that has another character than Latin letters and lines character by character (15.0),
    which is forty times as slow: an ellipsis or a check mark is in most lines.
    """
    symbols = {chr(code) for first, last in _SYMBOLS for code in range(first, last + 1)}
    is_single = (cells._SINGLE_CELLS | symbols).issuperset
    cells._is_single_cell_widths = segment._is_single_cell_widths = is_single  # type: ignore[attr-defined]


def count_lines_of_text_areas_once() -> None:
    """Let a text area know its height, once `TextArea` is imported.

    Textual adds up the lines of the whole text for each line that it draws (8.2), which is half of the time of a key
    in a text of a thousand lines.
    """
    if "textual.document._wrapped_document" not in sys.modules:  # the first list needs none
        return
    from textual.document._wrapped_document import WrappedDocument

    WrappedDocument.height = property(_height_of)  # type: ignore[assignment,method-assign] # for every text area


def _height_of(document: WrappedDocument) -> int:
    return len(document._offset_to_line_info)
