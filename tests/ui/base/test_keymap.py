"""The `[keys]` table of config.toml: what cannot work is said."""

from __future__ import annotations

import pytest

import drio_tui.ui.app.drio_app  # registers the program's own keys
from drio_tui.ui.base import keymap


@pytest.mark.parametrize("keys", ["f1", "ctrl+r", "question_mark", "x", "ctrl+shift+x", "plus", "alt+up", "f1,g"])
def test_keys_that_exist_are_fine(keys: str) -> None:
    assert keymap.problems({"app.theme": keys}) == [] or "used by both" in keymap.problems({"app.theme": keys})[0]


@pytest.mark.parametrize("keys", ["foo bar", "ctlr+r+foo", "F13th", "question mark"])
def test_a_key_that_no_keyboard_has_is_named(keys: str) -> None:
    assert f"[keys] app.help: there is no key {keys}" in keymap.problems({"app.help": keys})


def test_an_unknown_binding_is_named() -> None:
    assert drio_tui.ui.app.drio_app.DrioApp.TITLE == "drio"
    assert keymap.problems({"app.no_such": "x"}) == ["[keys] app.no_such: there is no such binding"]
