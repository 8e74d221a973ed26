"""Text from elsewhere: code points that control a terminal or are invisible are replaced by visible symbols."""

from __future__ import annotations

import re
import sys
import unicodedata
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drio_tui import text
from drio_tui.text import count_of, duration, first_names, has_words, one_line, visible

ANYTHING = st.text(st.characters(exclude_categories=()))
HIDDEN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})


def test_no_control_or_hidden_code_point_remains() -> None:
    for code in range(sys.maxunicode + 1):
        shown = visible(chr(code))
        assert shown
        assert not any(unicodedata.category(char) in HIDDEN for char in shown), hex(code)


@pytest.mark.parametrize("code", [0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x2800, 0x3164, 0xFFA0, 0xE0100, 0xE01EF])
def test_invisible_letters_and_marks_are_shown(code: int) -> None:
    assert visible(f"a{chr(code)}b") == f"a‹U+{code:04X}›b"


@given(ANYTHING)
def test_no_control_or_hidden_character_remains_in_any_text(text: str) -> None:
    assert not {unicodedata.category(char) for char in visible(text)} & HIDDEN
    assert not {unicodedata.category(char) for char in visible(text, multiline=True).replace("\n", "")} & HIDDEN


@given(ANYTHING)
def test_sanitizing_is_idempotent(text: str) -> None:
    assert visible(visible(text)) == visible(text)


@given(ANYTHING)
def test_multiline_keeps_newlines_and_sanitizes_each_line(text: str) -> None:
    assert visible(text, multiline=True).split("\n") == [visible(line) for line in text.split("\n")]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31mred\x1b[0m", "␛[31mred␛[0m"), ("\x1b]52;c;YQ==\x07", "␛]52;c;YQ==␇"), ("a\rb\bc\x7f", "a␍b␈c␡"),
        ("\x9b31m\x9d0;t\x9c", "‹9B›31m‹9D›0;t‹9C›"), ("a\tb\nc", "a␉b␊c"), ("\x00", "␀"), ("a\u202eb", "a‹U+202E›b"),
        ("pay\u200bpal", "pay‹U+200B›pal"), ("\ufeffx", "‹U+FEFF›x"), ("\u2028", "‹U+2028›"), ("\ud800", "‹U+D800›"),
        ("so\u00adft", "so‹AD›ft"), ("\U000e0041", "‹U+E0041›"), ("\x85", "‹85›"),
    ],
)  # fmt: skip
def test_control_and_hidden_characters_become_symbols(text: str, shown: str) -> None:
    assert visible(text) == shown


@pytest.mark.parametrize(
    "text", ["", "Acme", "Ünïcödé", "日本語", "עברית", "a [/] b", "[@click=app.quit]x[/]", "👍🏽", "❤️", "é"]
)
def test_ordinary_text_and_markup_are_unchanged(text: str) -> None:
    assert visible(text) == text


def test_long_runs_of_combining_marks_are_cut() -> None:
    """F58."""
    assert visible("a" + "\u0301" * 8 + "b") == "a" + "\u0301" * 8 + "b"
    assert visible("a" + "\u0301" * 9 + "b") == "a" + "\u0301" * 8 + "…b"
    assert visible("a" + "\u0301" * 100_000 + "b") == "a" + "\u0301" * 8 + "…b"


def _lines_run(call: Callable[[], object]) -> int:
    """Return how many lines of Python a call runs: a measure of work that does not depend on the clock."""
    count = 0

    def trace(*_: object) -> object:
        nonlocal count
        count += 1
        return trace

    before = sys.gettrace()
    sys.settrace(trace)  # type: ignore[arg-type] # the trace function's own type is recursive
    try:
        call()
    finally:
        sys.settrace(before)
    return count


@pytest.mark.parametrize("char", ["\u0301", "\u202e", "\ud800", "x\u0301", "é"], ids=ascii)
def test_the_work_is_linear_in_the_length(char: str) -> None:
    """F58."""
    short, long = (_lines_run(lambda size=size: visible(char * size)) for size in (1_000, 10_000))  # type: ignore[misc] # mypy cannot infer a lambda with a default
    assert long <= 11 * short


def test_long_texts_are_not_cut() -> None:
    assert visible("\u202e" * 100_000) == "‹U+202E›" * 100_000
    assert visible("\x1b" * 100_000) == "␛" * 100_000


@given(ANYTHING, st.integers(0, 30))
def test_one_line_has_no_newline_and_at_most_the_width(text: str, width: int) -> None:
    line = one_line(text, width)
    assert len(line) <= width
    assert "\n" not in line
    assert line == visible(text) if len(visible(text)) <= width and len(text) <= width else line.endswith("…"[:width])


def test_one_line_without_width_is_the_whole_text() -> None:
    assert one_line("a\nb" * 1000) == "a␊b" * 1000


@pytest.mark.parametrize(
    ("number", "shown"), [(0, "0 widgets"), (1, "1 widget"), (2, "2 widgets"), (1024, "1,024 widgets")]
)
def test_counts_have_the_correct_plural(number: int, shown: str) -> None:
    assert count_of(number, "widget") == shown


@pytest.mark.parametrize(
    ("seconds", "words", "short"),
    [
        (0, "0 seconds", "0 ms"),
        (0.0123, "0.01 seconds", "12 ms"),
        (0.0012, "0 seconds", "1.2 ms"),
        (0.25, "0.25 seconds", "250 ms"),
        (0.9999, "1 second", "1 s"),
        (1, "1 second", "1 s"),
        (1.44, "1.4 seconds", "1.4 s"),
        (8, "8 seconds", "8 s"),
        (59.7, "1 minute", "1 min"),
        (60, "1 minute", "1 min"),
        (90, "1 minute 30 seconds", "1 min 30 s"),
        (300, "5 minutes", "5 min"),
        (3_605, "1 hour", "1 h"),
        (3_725, "1 hour 2 minutes", "1 h 2 min"),
        (200_000, "2 days 7 hours", "2 d 7 h"),
        (90_000_000, "2 years 10 months", "2 y 10 mo"),
    ],
)
def test_durations_are_shown_in_their_largest_units(seconds: float, words: str, short: str) -> None:
    assert duration(seconds) == words
    assert duration(seconds, short=True) == short
    assert duration(seconds, parts=1) == " ".join(words.split()[:2])


def test_durations_are_formatted_only_by_duration() -> None:
    by_hand = re.compile(r"\{[^{}]+\} (ms|s|secs?|mins?|h|seconds?|minutes?|hours?|days?)\b")
    root = Path(text.__file__).parent
    matches = [
        f"{path.relative_to(root)}:{number}"
        for path in sorted(root.rglob("*.py"))
        if path.name != "text.py"
        for number, line in enumerate(path.read_text("utf-8").splitlines(), start=1)
        if by_hand.search(line)
    ]
    assert matches == []


def test_of_many_names_the_first_ones_are_given() -> None:
    assert first_names([], 2) == ""
    assert first_names(["a", "b"], 2) == "a, b"
    assert first_names(["a", "b", "c", "d"], 2) == "a, b and 2 more"


@pytest.mark.parametrize(
    ("text", "words", "found"),
    [("GET /apps", "app get", True), ("GET /apps", "apps post", False), ("Straße", "STRASSE", True), ("", " ", True)],
)
def test_a_filter_finds_texts_with_all_its_words(text: str, words: str, found: bool) -> None:
    assert has_words(text, words) is found


def test_commands_in_a_hint_get_the_options_of_the_connection() -> None:
    options = ("--base-url", "https://a b/")
    hint = "`drio-tui api --list` lists them, `drio-tui --sandbox apps` and `drio-tui sandbox start` stay."
    assert text.with_options(hint, options) == hint.replace("`drio-tui api", "`drio-tui --base-url 'https://a b/' api")
    assert text.with_options(hint, ()) == hint
