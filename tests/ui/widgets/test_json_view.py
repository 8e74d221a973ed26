"""The JSON view: values are shown exactly, however large or hostile they are."""

from __future__ import annotations

import gc
import json
import weakref
from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from textual.app import App, ComposeResult

from drio_tui.api import json_codec
from drio_tui.text import visible
from drio_tui.ui.widgets.json_lines import NO_LIMITS, Limits, Truncation, lines_of, parts_of, text_lines
from drio_tui.ui.widgets.json_view import JsonView
from tests.ui.driving import text_of, until

JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(), inner, max_size=5),
    max_leaves=25,
)


class Viewer(App[None]):
    """An app that shows one value."""

    def __init__(self, value: Any = None, limits: Limits | None = None) -> None:
        super().__init__()
        self.view = JsonView(value, limits=limits)
        self.copied: list[Any] = []

    def compose(self) -> ComposeResult:
        yield self.view

    def on_json_view_copy_requested(self, message: JsonView.CopyRequested) -> None:
        self.copied.append(message.value)


@given(JSON)
def test_lines_are_the_sanitized_pretty_printed_value(value: Any) -> None:
    cut = Truncation()
    lines = list(lines_of(value, NO_LIMITS, cut))
    assert lines == [visible(line) for line in json.dumps(value, indent=2, ensure_ascii=False).split("\n")]
    assert not cut.happened


@given(JSON)
def test_parts_cover_everything_but_spaces(value: Any) -> None:
    for line in lines_of(value, NO_LIMITS, Truncation()):
        covered = "".join(line[start:end] for start, end, _ in parts_of(line))
        if '"' not in line:
            assert covered == line.replace(" ", "")
        else:
            assert all(char.isspace() or char in ":," for char in _outside_of_parts(line))


def _outside_of_parts(line: str) -> str:
    characters = list(line)
    for start, end, _ in parts_of(line):
        characters[start:end] = " " * (end - start)
    return "".join(characters)


def test_numbers_are_shown_digit_for_digit() -> None:
    value = json_codec.loads(b'{"big": 12345678901234567890123, "exact": 0.1234567890123456789012, "e": 1e400}')
    assert isinstance(value["exact"], Decimal)
    text = "\n".join(lines_of(value, NO_LIMITS, Truncation()))
    for digits in ("12345678901234567890123", "0.1234567890123456789012", "1E+400"):
        assert digits in text


def test_a_value_nested_a_hundred_thousand_deep_is_shown() -> None:
    value: Any = "core"
    for _ in range(100_000):
        value = [value]
    lines = list(lines_of(value, NO_LIMITS, Truncation()))
    assert len(lines) == 200_001
    assert max(map(len, lines)) < 100


def test_limits_stop_early_and_are_recorded() -> None:
    """F26."""
    cut = Truncation()
    long_list = {"rows": range(10**12)}
    long_list["rows"] = [0] * 10**6
    assert len(list(lines_of(long_list, Limits(lines=50), cut))) == 50
    assert cut.happened
    cut = Truncation()
    (line,) = lines_of("x" * 10**6, Limits(string=100), cut)
    assert line.startswith('"xxx')
    assert "999,900 more" in line
    assert cut.happened


def test_text_that_is_not_json_has_the_same_limits() -> None:
    cut = Truncation()
    assert list(text_lines("a\r\nb\x1b", Limits(), cut)) == ["a", "b␛"]
    assert not cut.happened
    assert len(list(text_lines("a\n" * 10, Limits(lines=3), cut))) == 3
    assert cut.happened


async def test_hostile_strings_are_shown_literally() -> None:
    value = {"[red]k[/]": "[@click=app.quit]x[/] \x1b]52;c;x\x07 \u202egpj.exe \x9b31m"}
    app = Viewer(value)
    async with app.run_test(size=(120, 20)) as pilot:
        await pilot.pause()
        text = text_of(app)
        assert '"[red]k[/]": "[@click=app.quit]x[/] \\u001b]52;c;x\\u0007' in text
        assert not {"\x1b", "\u202e", "\x9b", "\x07"} & set(text)


async def test_a_line_of_a_million_characters_scrolls_sideways() -> None:
    """F26."""
    app = Viewer("ab" * 500_000 + "END", limits=NO_LIMITS)
    async with app.run_test(size=(60, 10)) as pilot:
        await pilot.pause()
        app.view._lines.focus()
        app.view._lines.scroll_to(x=1_000_000, animate=False)
        await pilot.pause()
        assert "END" in text_of(app)


async def test_replaced_lines_are_freed() -> None:
    class Line(str):
        """A string that can be weakly referenced."""

    app = Viewer()
    async with app.run_test(size=(60, 10)) as pilot:
        await pilot.pause()
        line = Line('"first"')
        reference = weakref.ref(line)
        app.view._lines.replace([line], highlighted=True)
        app.view._lines.render_line(0)
        app.view._lines.replace(['"second"'], highlighted=True)
        del line
        gc.collect()
        assert reference() is None


async def test_searching_jumps_to_each_match_and_esc_closes_the_field() -> None:
    app = Viewer([f"row {number}" for number in range(200)])
    async with app.run_test(size=(60, 12)) as pilot:
        app.view._lines.focus()
        await pilot.press("slash", *"row 17")
        await until(pilot, lambda: '"row 17"' in text_of(app))
        await pilot.press("enter")
        await until(pilot, lambda: '"row 170"' in text_of(app))
        await pilot.press("escape", "N")
        assert app.view._lines.has_focus
        await until(pilot, lambda: '"row 17"' in text_of(app))
        await pilot.press("n", "n")
        await until(pilot, lambda: '"row 171"' in text_of(app))


async def test_another_value_replaces_one_that_is_still_loading() -> None:
    app = Viewer(list(range(100_000)))
    async with app.run_test(size=(60, 12)) as pilot:
        app.view._lines.focus()
        await pilot.press("o")
        app.view.show({"new": True})
        await app.workers.wait_for_complete()
        await pilot.pause()
        assert app.view._lines.lines == ["{", '  "new": true', "}"]


async def test_y_requests_a_copy_of_the_whole_value() -> None:
    app = Viewer({"a": ["x" * 5_000]})
    async with app.run_test() as pilot:
        app.view._lines.focus()
        await pilot.press("y")
        await until(pilot, lambda: app.copied == [{"a": ["x" * 5_000]}])
