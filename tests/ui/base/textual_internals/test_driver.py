"""The parts of Textual's driver and parser that ours overrides, and what it does better."""

from __future__ import annotations

import pytest
from textual import events
from textual.drivers import linux_driver
from textual.message import Message

from drio_tui.ui.base.textual_internals import driver
from drio_tui.ui.base.textual_internals.driver import TerminalDriver, _InputParser


def keys(messages: list[Message]) -> list[str]:
    return [message.key for message in messages if isinstance(message, events.Key)]


def test_the_driver_overrides_the_methods_that_textual_calls() -> None:
    """Their behaviour is tested in tests/ui/app/test_terminal.py and tests/ui/editing/test_endings.py."""
    methods = linux_driver.LinuxDriver.__dict__
    for name in ("_run_input_thread", "run_input_thread", "process_message", "start_application_mode"):
        assert name in methods
        assert name in TerminalDriver.__dict__
    for name in ("_sigtstp_application", "_disable_mouse_support", "stop_application_mode"):
        assert name in methods
    assert methods["_run_input_thread"].__code__.co_names[0] == "run_input_thread"
    assert "_run_input_thread" in methods["start_application_mode"].__code__.co_names


@pytest.mark.parametrize("broken", ["\x1b[99999999u", "\x1b[97:65;2u", "\x1b[48;0;0;0;0t\x1b[<0;5;5M"])
def test_the_parser_goes_on_after_a_sequence_textual_cannot_convert(broken: str) -> None:
    parser = _InputParser(False)
    assert keys([*parser.feed(f"a{broken}c\x1b[Bb")]) == ["a", "c", "down", "b"]


def test_textuals_own_parser_still_fails_on_such_a_sequence() -> None:
    """If this test fails, the parser no longer has to be restarted."""
    with pytest.raises((ValueError, OverflowError)):
        list(driver.XTermParser().feed("\x1b[99999999u"))


def test_an_unterminated_paste_is_detected() -> None:
    parser = _InputParser(False)
    assert not parser._in_paste
    assert [*parser.feed("\x1b[200~half")] == []
    assert parser._in_paste
    (paste,) = parser.feed("\x1b[201~")
    assert isinstance(paste, events.Paste)
    assert paste.text == "half"
    assert not parser._in_paste


def test_a_paste_without_an_end_is_ended_after_a_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    parser = _InputParser(False)
    assert [*parser.feed("\x1b[200~half")] == []
    assert [*parser.tick()] == []
    monkeypatch.setattr(driver, "_PASTE_PAUSE", -1)
    (paste,) = parser.tick()
    assert isinstance(paste, events.Paste)
    assert keys([*parser.feed("q")]) == ["q"]
