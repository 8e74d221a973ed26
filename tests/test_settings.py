"""config.toml: whatever its content, the program starts, and reports what is wrong and where."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from drio_tui.settings import Settings, load_state, save_state
from drio_tui.storage import paths


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return tmp_path / "config.toml"


def test_defaults_apply_without_a_file(config: Path) -> None:
    assert Settings.load(config) == Settings()


def test_settings_are_read_from_the_file(config: Path) -> None:
    config.write_text('theme = "nord"\nread_only = true\nlogin_timeout = 60\n[keys]\n"app.help" = "f1"\n')
    assert Settings.load(config) == Settings(theme="nord", read_only=True, login_timeout=60, keys={"app.help": "f1"})


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"theme = ", "at end of document"),
        (b'theme = "a"\nread_only = maybe\n', "line 2"),
        (b"\x00\xff\xfe binary", "line 1"),
        (b"theme = 3\n", "`theme` has to be a theme's name"),
        (b"read_only = 1\n", "`read_only` has to be true or false"),
        (b"login_timeout = true\n", "`login_timeout` has to be a number"),
        (b"login_timeout = 0\n", "between 1 and 3600"),
        (b"keys = 3\n", "`keys` has to be a table"),
        (b'[keys]\n"app.help" = 3\n', "below [keys], `app.help`"),
        (b'colour_of_the_moon = "blue"\n', "`colour_of_the_moon` is not a setting"),
        (b"a" * ((1 << 20) + 1), "larger than 1 MiB"),
        (b"a = " + b"[" * 5000, "defaults are in force"),
    ],
)
def test_an_invalid_file_is_reported_and_the_defaults_apply(config: Path, content: bytes, message: str) -> None:
    config.write_bytes(content)
    settings = Settings.load(config)
    assert any(message in problem and str(config) in problem for problem in settings.problems)
    assert settings.theme is None
    assert settings.login_timeout == 300
    assert config.read_bytes() == content


def test_one_invalid_setting_does_not_affect_the_others(config: Path) -> None:
    config.write_text('theme = "nord"\nread_only = "yes"\n')
    settings = Settings.load(config)
    assert settings.theme == "nord"
    assert settings.read_only is False
    assert len(settings.problems) == 1


def test_an_empty_file_and_a_byte_order_mark_are_accepted(config: Path) -> None:
    config.write_bytes(b"")
    assert Settings.load(config) == Settings()
    config.write_bytes('\ufefftheme = "nord"'.encode())
    assert Settings.load(config).theme == "nord"


def test_a_directory_instead_of_the_file_is_reported(config: Path) -> None:
    config.mkdir()
    assert "cannot be read" in Settings.load(config).problems[0]


def test_remembered_values_are_merged_and_private() -> None:
    assert load_state() == {}
    assert save_state(theme="nord")
    assert save_state(other=1)
    assert load_state() == {"theme": "nord", "other": 1}
    assert os.stat(paths.state_dir() / "remembered.json").st_mode & 0o777 == 0o600


def test_remember_returns_false_if_it_cannot_write(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DRIO_STATE_DIR", "/dev/null/no")
    assert save_state(theme="nord") is False
    assert load_state() == {}
