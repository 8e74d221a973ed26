"""A widget as lines of text, slot by slot as the HTML widgets draw it.

All texts are sanitized: control and hidden characters appear as symbols. Widths are in terminal cells.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from rich.cells import cell_len

from drio_tui.text import visible
from drio_tui.tool_calls import tools
from drio_tui.widget_data.field_mappings import WidgetData
from drio_tui.workspace.run.bound_tool import BoundTool
from drio_tui.workspace.run.text_lines import LINES, Line, fit, image, in_lines, label, pairs, paragraph, show, tree
from drio_tui.workspace.run.tool_run import Run, view_of

_MAX_CELL_WIDTH = 60
_MIN_CELL_WIDTH = 6
_MAX_CELL_LINES = 6
_BARS = "█▓▒░"
_SPARKS = "▁▂▃▄▅▆▇█"
_MAX_POINTS = 200
_MAX_NUMBER = 1e300
"""Larger numbers are shown but not calculated with: an int may be larger than any float."""


@dataclass(slots=True)
class RenderedWidget:
    """The lines; the first `head` of them stay when the others are scrolled (a table's header)."""

    lines: list[Line] = field(default_factory=list)
    head: int = 0

    @property
    def width(self) -> int:
        """The width of the longest line in cells."""
        return max((sum(cell_len(text) for text, _ in line) for line in self.lines), default=0)

    def plain(self) -> list[str]:
        """Return the lines without their roles."""
        return ["".join(text for text, _ in line).rstrip() for line in self.lines]


def render_widget(bound: BoundTool, run: Run, width: int) -> RenderedWidget:
    """Return what the tool's widget shows of a run, in `width` cells where that is possible; tables may be wider."""
    if run.failed:
        return RenderedWidget([*paragraph(run.error, width)])
    if bound.widget is None:
        return RenderedWidget(
            [[("This tool has no widget: its result as it is.", "muted")], [], *tree(run.value, width)]
        )
    view = view_of(bound, run)
    page = _Page(bound, run, view, max(20, width))
    rendered = _RENDERERS.get(bound.primitive, _detail)(page)
    rendered.lines = rendered.lines[:LINES]
    if view.cut:
        rendered.lines.append([(f"{view.cut} more are not shown.", "muted")])
    return rendered


@dataclass(slots=True)
class _Page:
    bound: BoundTool
    run: Run
    view: WidgetData
    width: int

    @property
    def slots(self) -> dict[str, Any]:
        return self.view.slots

    @property
    def items(self) -> list[dict[str, Any]]:
        return [item["slots"] for item in self.view.items or ()]

    def raw(self, index: int) -> Any:
        value = self.run.value
        for step in (self.view.items or [])[index]["at"]:
            value = value[step]
        return value

    def style(self, name: str) -> str:
        return str(self.bound.style.get(name) or "")


# --- texts ----------------------------------------------------------------------------------------


def _text(slots: Mapping[str, Any], name: str) -> str:
    return show(slots[name]) if name in slots else ""


def _group(slots: Mapping[str, Any], prefix: str) -> list[tuple[str, Any]]:
    return [(name.split(".", 1)[1], value) for name, value in slots.items() if name.startswith(f"{prefix}.")]


def _number_text(page: _Page, value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, int | float) or abs(value) > _MAX_NUMBER:
        return show(value)
    precision = page.style("precision")
    decimals = int(precision) if precision.isascii() and precision.isdigit() and int(precision[:2]) <= 6 else None
    if page.style("format") == "percent":
        value = value * 100 if abs(value) <= 1 else value
        return f"{value:,.{decimals}f}%" if decimals is not None else f"{round(value, 2):,}%"
    return f"{value:,.{decimals}f}" if decimals is not None else f"{round(value, 2):,}"


def _prose(page: _Page, text: Any) -> Iterator[Line]:
    string = text if isinstance(text, str) else show(text)
    if page.style("format") != "markdown":
        yield from paragraph(string, page.width)
        return
    for line in string.split("\n")[:2_000]:
        heading = re.match(r"#{1,4}\s+(.*)$", line)
        if heading:
            yield from paragraph(heading[1], page.width, "title")
        elif re.match(r"[-*]\s", line):
            lines = [*paragraph(line[2:].strip().replace("**", ""), page.width - 2)]
            for number, line_pieces in enumerate(lines):
                yield [("• " if number == 0 else "  ", "muted"), *line_pieces]
        else:
            yield from paragraph(line.replace("**", ""), page.width)


def _heading(page: _Page, slots: Mapping[str, Any]) -> Iterator[Line]:
    title, badge = _text(slots, "title"), _text(slots, "badge") or _text(slots, "status")
    if title or badge:
        pieces: Line = [(title, "title")] if title else []
        if badge:
            pieces += [("  ", ""), (f"[{badge}]", "badge")] if pieces else [(f"[{badge}]", "badge")]
        yield pieces
    if subtitle := _text(slots, "subtitle"):
        yield from paragraph(subtitle, page.width, "muted")


def _empty() -> RenderedWidget:
    return RenderedWidget([[("Nothing found.", "muted")]])


# --- the primitives -------------------------------------------------------------------------------


def _grouped(page: _Page) -> list[tuple[str, list[tuple[int, dict[str, Any]]]]]:
    """Return the items by the names of their groups, in order; one group with an empty name where there are none."""
    key = page.style("groupBy")
    groups: dict[str, list[tuple[int, dict[str, Any]]]] = {}
    for index, slots in enumerate(page.items):
        raw = page.raw(index) if key and "group" not in slots else None
        name = (
            show(slots["group"]) if "group" in slots else show(raw[key]) if isinstance(raw, dict) and key in raw else ""
        )
        groups.setdefault(name, []).append((index, slots))
    return [*groups.items()]


def _table(page: _Page) -> RenderedWidget:
    header = [*_heading(page, page.slots)]
    columns, items = page.view.columns, page.items
    if not items:
        return RenderedWidget([*header, [("Nothing found.", "muted")]])
    keys = [f"columns.{column}" for column in columns]
    numeric = {
        key
        for key in keys
        if all(
            key not in item or (isinstance(item[key], int | float) and not isinstance(item[key], bool))
            for item in items
        )
    }
    titles = [label(column) for column in columns]
    cells = [[show(item[key]) if key in item else "–" for key in keys] for item in items]
    widths = [
        min(_MAX_CELL_WIDTH, max(cell_len(titles[index]), *(cell_len(row[index]) for row in cells)))
        for index in range(len(keys))
    ]
    longest_words = [
        max(cell_len(word) for row in (titles, *cells) for word in (row[index].split() or [""]))
        for index in range(len(keys))
    ]
    _shrink(widths, longest_words, page.width - 2 * max(0, len(keys) - 1))

    def row(texts: Sequence[str], role: str) -> Iterator[Line]:
        cell_lines = [in_lines(text, width, _MAX_CELL_LINES) for text, width in zip(texts, widths, strict=True)]
        for line_number in range(max(map(len, cell_lines), default=0)):
            yield [
                (
                    fit(
                        lines_of_cell[line_number] if line_number < len(lines_of_cell) else "",
                        widths[index],
                        right=keys[index] in numeric,
                    )
                    + ("  " if index + 1 < len(keys) else ""),
                    role,
                )
                for index, lines_of_cell in enumerate(cell_lines)
            ]

    lines: list[Line] = [*header, *row(titles, "head")]
    lines.append([("─" * (sum(widths) + 2 * max(0, len(keys) - 1)), "rule")])
    header_lines = len(lines)
    for name, items_of_group in _grouped(page):
        if name:
            lines.append([(name, "title")])
        lines += [line for index, _ in items_of_group for line in row(cells[index], "")]
    return RenderedWidget(lines, header_lines)


def _shrink(widths: list[int], longest_words: Sequence[int], room: int) -> None:
    """Make the widest columns narrower until all fit, as far as possible.

    `longest_words` are the widths of the columns' longest words. Words are broken only where that is not enough.
    """
    minimum = max(_MIN_CELL_WIDTH, 12)
    for limits in ([max(minimum, word) for word in longest_words], [minimum] * len(widths)):
        while sum(widths) > room:
            shrinkable = [index for index, width in enumerate(widths) if width > limits[index]]
            if not shrinkable:
                break
            widths[max(shrinkable, key=widths.__getitem__)] -= 1


def _items(page: _Page, item_lines: Callable[[Mapping[str, Any], Any], Iterable[Line]]) -> RenderedWidget:
    """Draw the items below the names of their groups; `item_lines` returns the lines of an item's slots and result."""
    if not page.items:
        return _empty()
    lines: list[Line] = []
    for name, group in _grouped(page):
        if name:
            lines.append([(name, "head")])
        for index, slots in group:
            if len(lines) > LINES:
                return RenderedWidget(lines)
            lines += item_lines(slots, page.raw(index))
    return RenderedWidget(lines)


def _list(page: _Page) -> RenderedWidget:
    def item_lines(slots: Mapping[str, Any], raw: Any) -> Iterator[Line]:
        mark = ("☑ " if slots["checked"] else "☐ ") if "checked" in slots else "• "
        title = _text(slots, "title") or (show(raw) if not slots else "–")
        pieces: Line = [(mark, "muted"), (fit(title, min(cell_len(title), page.width - 4)), "title")]
        if badge := _text(slots, "badge"):
            pieces += [("  ", ""), (f"[{badge}]", "badge")]
        if timestamp := _text(slots, "timestamp"):
            pieces += [("  ", ""), (timestamp, "muted")]
        yield pieces
        for slot, role in (("subtitle", "muted"), ("body", "")):
            if slot in slots:
                yield from ([("  ", ""), *line] for line in paragraph(_text(slots, slot), page.width - 2, role))

    return _items(page, item_lines)


def _card_lines(page: _Page, slots: Mapping[str, Any], raw: Any) -> Iterator[Line]:
    if "image" in slots:
        yield from image(slots["image"], _text(slots, "title"))
    yield from _heading(page, slots)
    if "value" in slots:
        yield [(_number_text(page, slots["value"]), "value")]
    if "delta" in slots:
        yield [(_number_text(page, slots["delta"]), "muted")]
    if "body" in slots:
        yield from _prose(page, slots["body"])
    yield from pairs(_group(slots, "fields"), page.width)
    if "link" in slots:
        yield [("→ ", "muted"), (show(slots["link"]), "badge")]
    if not slots:
        yield from tree(raw, page.width)


def _framed(lines: Iterable[Line], width: int) -> Iterator[Line]:
    """Yield the lines in a frame that is `width` cells wide."""
    inside = width - 4
    yield [("╭" + "─" * (width - 2) + "╮", "rule")]
    for line in lines:
        remaining, pieces = inside, []
        for text, role in line:
            fitted = fit(text, remaining) if cell_len(text) > remaining else text
            remaining -= cell_len(fitted)
            pieces.append((fitted, role))
        yield [("│ ", "rule"), *pieces, (" " * remaining + " │", "rule")]
    yield [("╰" + "─" * (width - 2) + "╯", "rule")]


def _card(page: _Page) -> RenderedWidget:
    width = min(page.width, 76)
    inner = _Page(page.bound, page.run, page.view, width - 4)
    return RenderedWidget([*_framed(_card_lines(inner, page.slots, page.run.value), width)])


def _cards(page: _Page) -> RenderedWidget:
    width = min(page.width, 60)
    inner = _Page(page.bound, page.run, page.view, width - 4)
    return _items(page, lambda slots, raw: _framed(_card_lines(inner, slots, raw), width))


def _detail(page: _Page) -> RenderedWidget:
    slots = page.slots
    lines = [*_heading(page, slots)]
    if "image" in slots:
        lines += image(slots["image"], _text(slots, "title"))
    if "value" in slots:
        lines.append([(_number_text(page, slots["value"]), "value")])
    if "body" in slots:
        lines += _prose(page, slots["body"])
    lines += pairs(_group(slots, "fields"), page.width)
    for name, value in _group(slots, "sections"):
        lines += [[], [(label(name), "head")], *tree(value, page.width)]
    if not slots:
        lines += tree(page.run.value, page.width)
    return RenderedWidget(lines)


def _form(page: _Page) -> RenderedWidget:
    mapped = dict(_group(page.slots, "fields"))
    field_names = [name.removeprefix("fields.") for name in page.bound.mappings if name.startswith("fields.")]
    schemas, required = tools.properties(page.bound.schema), tools.required(page.bound.schema)
    lines = [*_heading(page, page.slots)]
    for name in field_names or [*schemas]:
        schema = schemas.get(name)
        schema = schema if isinstance(schema, dict) else {}
        title = schema.get("title")
        value = next((source[name] for source in (mapped, page.run.arguments) if name in source), None)
        mark = " *" if name in required else ""
        checkbox = ("[x]" if value is True else "[ ]") if schema.get("type") == "boolean" else ""
        choices = schema.get("enum")
        value_text = checkbox or (show(value) if value is not None else "")
        lines.append([(visible(title) if isinstance(title, str) else label(name), "key"), (mark, "badge")])
        lines.append([("▏", "rule"), (fit(value_text, min(page.width - 2, 50)), ""), ("▕", "rule")])
        if isinstance(choices, list):
            lines += paragraph("one of " + ", ".join(map(show, choices[:20])), page.width, "muted")
        elif isinstance(schema.get("description"), str):
            lines += paragraph(schema["description"], page.width, "muted")
    submit = page.style("submitLabel") or "Submit"
    return RenderedWidget([*lines, [], [(f"⟦ {visible(submit[:60])} ⟧", "badge")]])


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


def _chart(page: _Page) -> RenderedWidget:
    slots = page.slots
    names = [show(name) for name in _as_list(slots.get("x"))]
    y_name = str(page.bound.mappings.get("y", "value")).rpartition(".")[2] or "value"
    series = [
        (label(name), [_number(value) for value in _as_list(values)[:_MAX_POINTS]])
        for name, values in [(y_name, slots.get("y")), *_group(slots, "series")]
    ]
    series = [(name, values) for name, values in series if values]
    header = [*_heading(page, slots)]
    if not series:
        return RenderedWidget([*header, [("Nothing found.", "muted")]])
    lines = [*header]
    if len(series) > 1:
        legend: Line = []
        for number, (name, _) in enumerate(series):
            legend += [(f"{_BARS[number % 4]} ", f"bar{number % 4}"), (f"{name}   ", "muted")]
        lines.append(legend)
    if page.style("type") == "line":
        lines += _sparks(series, page.width)
    lines += _bars(names, series, page.width, centred=page.style("type") == "funnel")
    return RenderedWidget(lines)


def _number(value: Any) -> float:
    return value if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= _MAX_NUMBER else 0


def _sparks(series: Sequence[tuple[str, list[float]]], width: int) -> Iterator[Line]:
    low = min(0, *(min(values) for _, values in series))
    high = max(1e-9, *(max(values) for _, values in series))
    for number, (_, values) in enumerate(series):
        symbols = [_SPARKS[min(7, int((value - low) / (high - low) * 7.999))] for value in values]
        repeat = max(1, min(4, width // max(1, len(symbols))))
        yield [("".join(symbol * repeat for symbol in symbols)[:width], f"bar{number % 4}")]
    yield []


def _bars(
    names: Sequence[str], series: Sequence[tuple[str, list[float]]], width: int, *, centred: bool
) -> Iterator[Line]:
    count = max(len(names), *(len(values) for _, values in series)) if names else max(len(v) for _, v in series)
    row_names = [names[index] if index < len(names) else str(index + 1) for index in range(count)]
    name_width = min(20, max(cell_len(name) for name in row_names))
    largest = max(1e-9, *(abs(value) for _, values in series for value in values))
    number_width = max(cell_len(show(value)) for _, values in series for value in values)
    bar_width = max(4, width - name_width - number_width - 4)
    for index in range(min(count, _MAX_POINTS)):
        for series_index, (_, values) in enumerate(series):
            value = values[index] if index < len(values) else 0
            length = round(abs(value) / largest * bar_width)
            bar = ("−" if value < 0 else "") + (_BARS[series_index % 4] * length if length else "▏")
            indent = " " * ((bar_width - length) // 2) if centred else ""
            yield [
                (fit(row_names[index] if series_index == 0 else "", name_width) + "  ", "key"),
                (indent + bar, f"bar{series_index % 4}"),
                (f" {show(value)}", "muted"),
            ]


def _prose_page(page: _Page) -> RenderedWidget:
    slots = page.slots
    body = slots.get("body", slots.get("text", "" if slots else page.run.value))
    lines = [*_heading(page, slots), *_prose(page, body if isinstance(body, str) else show(body))]
    if "link" in slots:
        lines.append([("→ ", "muted"), (show(slots["link"]), "badge")])
    return RenderedWidget(lines)


def _metric(page: _Page) -> RenderedWidget:
    slots = page.slots
    lines: list[Line] = [[(_text(slots, "label") or _text(slots, "title"), "muted")]]
    lines.append([(_number_text(page, slots.get("value", page.run.value)), "value")])
    if "delta" in slots:
        lines.append([(_number_text(page, slots["delta"]), "muted")])
    return RenderedWidget(lines)


def _timeline(page: _Page) -> RenderedWidget:
    if not page.items:
        return _empty()
    lines: list[Line] = []
    for slots in page.items:
        if len(lines) > LINES:
            break
        pieces: Line = [("● ", "badge")]
        if timestamp := _text(slots, "timestamp"):
            pieces += [(timestamp, "muted"), ("  ", "")]
        pieces.append((_text(slots, "title"), "title"))
        if badge := _text(slots, "badge"):
            pieces += [("  ", ""), (f"[{badge}]", "badge")]
        lines.append(pieces)
        if "body" in slots:
            lines += [[("│ ", "rule"), *line] for line in paragraph(_text(slots, "body"), page.width - 2)]
    return RenderedWidget(lines)


def _image_widget(page: _Page) -> RenderedWidget:
    slots = page.slots
    source = slots.get("src", slots.get("image"))
    if source is None:
        return _empty()
    lines = [*image(source, _text(slots, "alt") or _text(slots, "title"))]
    if "caption" in slots:
        lines += paragraph(_text(slots, "caption"), page.width, "muted")
    return RenderedWidget(lines)


_RENDERERS: dict[str, Callable[[_Page], RenderedWidget]] = {
    "data-table": _table,
    "list": _list,
    "card": _card,
    "card-grid": _cards,
    "detail": _detail,
    "form": _form,
    "chart": _chart,
    "text": _prose_page,
    "metric": _metric,
    "timeline": _timeline,
    "image": _image_widget,
}
