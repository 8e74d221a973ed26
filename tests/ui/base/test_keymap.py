"""The `[keys]` table of config.toml: mistakes are reported."""

from __future__ import annotations

import pytest

import drio_tui.ui.app.drio_app  # registers the program's keys
from drio_tui.ui.base import keymap


@pytest.mark.parametrize("keys", ["f1", "ctrl+r", "question_mark", "x", "ctrl+shift+x", "plus", "alt+up", "f1,g"])
def test_existing_keys_are_accepted(keys: str) -> None:
    assert keymap.problems({"app.theme": keys}) == [] or "used by both" in keymap.problems({"app.theme": keys})[0]


@pytest.mark.parametrize("keys", ["foo bar", "ctlr+r+foo", "F13th", "question mark"])
def test_unknown_keys_are_reported(keys: str) -> None:
    assert f"[keys] app.help: there is no key {keys}" in keymap.problems({"app.help": keys})


def test_unknown_binding_ids_are_reported() -> None:
    assert drio_tui.ui.app.drio_app.DrioApp.TITLE == "drio"
    assert keymap.problems({"app.no_such": "x"}) == ["[keys] app.no_such: there is no such binding"]


def test_a_section_of_another_screen_is_not_replaced() -> None:
    with pytest.raises(ValueError, match="section app is taken"):
        keymap.section("app", "Another title")
    assert keymap.find("app.help") is not None
