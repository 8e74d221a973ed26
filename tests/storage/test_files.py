"""Private files: never half a file, never open to others, never through a link; and where they lie."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from drio_tui.storage import paths
from drio_tui.storage.files import (
    NotPrivate,
    append_private,
    os_error_text,
    private_dir,
    read_private,
    write_private,
    write_public,
)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize("mask", [0o000, 0o022, 0o077])
def test_a_written_file_is_read_back_and_is_only_ours_whatever_the_umask(tmp_path: Path, mask: int) -> None:
    before = os.umask(mask)
    try:
        write_private(tmp_path / "a", b"one\r\ntwo\n\x00")
    finally:
        os.umask(before)
    assert read_private(tmp_path / "a") == b"one\r\ntwo\n\x00"
    assert mode(tmp_path / "a") == 0o600


def test_writing_again_replaces_the_whole_and_leaves_nothing_beside_it(tmp_path: Path) -> None:
    write_private(tmp_path / "a", b"long " * 100)
    write_private(tmp_path / "a", b"short")
    assert read_private(tmp_path / "a") == b"short"
    assert list(tmp_path.iterdir()) == [tmp_path / "a"]


def test_a_file_that_was_open_to_others_is_private_once_written(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"old")
    (tmp_path / "a").chmod(0o644)
    write_private(tmp_path / "a", b"new")
    assert mode(tmp_path / "a") == 0o600


@pytest.mark.parametrize("step", ["write", "fsync", "close", "replace"])
def test_whatever_step_fails_the_old_file_stays_whole_and_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    write_private(tmp_path / "a", b"old")

    def fail(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    def close_and_fail(handle: int, real: Callable[[int], None] = os.close) -> None:
        real(handle)
        fail()

    with monkeypatch.context() as patched:
        if step == "replace":
            patched.setattr(Path, "replace", fail)
        else:
            patched.setattr(os, step, close_and_fail if step == "close" else fail)
        with pytest.raises(OSError, match="No space left"):
            write_private(tmp_path / "a", b"new")
    assert read_private(tmp_path / "a") == b"old"
    assert list(tmp_path.iterdir()) == [tmp_path / "a"]


def test_a_write_that_the_system_takes_in_pieces_is_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.write
    monkeypatch.setattr(os, "write", lambda handle, data: real(handle, bytes(data[:7])))
    write_private(tmp_path / "a", b"0123456789" * 10)
    assert read_private(tmp_path / "a") == b"0123456789" * 10


def test_a_link_is_neither_written_through_nor_read_through(tmp_path: Path) -> None:
    write_private(tmp_path / "target", b"theirs")
    (tmp_path / "link").symlink_to(tmp_path / "target")
    with pytest.raises(NotPrivate, match="symbolic link"):
        write_private(tmp_path / "link", b"ours")
    with pytest.raises(NotPrivate, match="symbolic link"):
        read_private(tmp_path / "link")
    assert read_private(tmp_path / "target") == b"theirs"


@pytest.mark.parametrize("bits", [0o640, 0o604, 0o620, 0o666])
def test_a_file_that_others_can_touch_is_refused_with_the_remedy(tmp_path: Path, bits: int) -> None:
    (tmp_path / "a").write_bytes(b"x")
    (tmp_path / "a").chmod(bits)
    with pytest.raises(NotPrivate, match="chmod 600"):
        read_private(tmp_path / "a")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="the platform has no named pipes")
def test_a_pipe_in_the_files_place_is_refused_and_holds_nobody_up(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a", 0o600)
    with pytest.raises(NotPrivate, match="not a plain file"):
        read_private(tmp_path / "a")


def test_a_folder_in_the_files_place_is_refused_and_no_handle_is_lost(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir(mode=0o700)
    before = len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0
    with pytest.raises(NotPrivate, match="not a plain file"):
        read_private(tmp_path / "a")
    assert (len(os.listdir("/proc/self/fd")) if before else 0) == before


def test_a_file_that_is_too_large_to_be_ours_is_refused(tmp_path: Path) -> None:
    write_private(tmp_path / "a", b"x" * 11)
    assert read_private(tmp_path / "a", limit=11)
    with pytest.raises(NotPrivate, match="larger than 10"):
        read_private(tmp_path / "a", limit=10)


def test_a_missing_file_is_missing(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_private(tmp_path / "a")


@pytest.mark.parametrize("mask", [0o000, 0o022])
def test_a_private_folder_is_made_with_its_parents_and_is_only_ours(tmp_path: Path, mask: int) -> None:
    before = os.umask(mask)
    try:
        folder = private_dir(tmp_path / "a" / "b" / "c")
    finally:
        os.umask(before)
    assert mode(folder) == 0o700
    assert private_dir(folder) == folder


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes")
@pytest.mark.parametrize("write", [write_private, write_public, lambda path, _: append_private(path, keep=1)])
def test_no_file_takes_the_place_of_a_pipe_or_a_device(tmp_path: Path, write: Callable[[Path, bytes], None]) -> None:
    os.mkfifo(tmp_path / "pipe")  # as /dev/null, which root could replace
    with pytest.raises(OSError, match="no plain file"):
        write(tmp_path / "pipe", b"x")
    assert [path.name for path in tmp_path.iterdir()] == ["pipe"]
    assert (tmp_path / "pipe").is_fifo()


def test_a_private_folder_that_was_open_is_closed(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir(mode=0o755)
    assert mode(private_dir(tmp_path / "a")) == 0o700


@pytest.mark.parametrize("what", ["file", "link"])
def test_a_private_folder_is_a_folder_and_no_link(tmp_path: Path, what: str) -> None:
    (tmp_path / "real").mkdir()
    if what == "file":
        (tmp_path / "a").write_bytes(b"")
    else:
        (tmp_path / "a").symlink_to(tmp_path / "real")
    with pytest.raises(NotPrivate, match="not a folder"):
        private_dir(tmp_path / "a")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can give a file away")
def test_what_belongs_to_someone_else_is_refused(tmp_path: Path) -> None:
    write_private(tmp_path / "a", b"x")
    os.chown(tmp_path / "a", 65534, 65534)
    with pytest.raises(NotPrivate, match="another user"):
        read_private(tmp_path / "a")
    (tmp_path / "d").mkdir(mode=0o700)
    os.chown(tmp_path / "d", 65534, 65534)
    with pytest.raises(NotPrivate, match="another user"):
        private_dir(tmp_path / "d")


# --- where ----------------------------------------------------------------------------------------

FOLDERS = {
    "DRIO_CONFIG_DIR": paths.config_dir,
    "DRIO_DATA_DIR": paths.data_dir,
    "DRIO_STATE_DIR": paths.state_dir,
    "DRIO_CACHE_DIR": paths.cache_dir,
}


@pytest.mark.parametrize(("variable", "folder"), FOLDERS.items(), ids=FOLDERS.keys())
def test_a_folder_is_where_its_variable_says(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, variable: str, folder: Callable[[], Path]
) -> None:
    monkeypatch.chdir(tmp_path)
    for value, expected in (
        (str(tmp_path / "x"), tmp_path / "x"),
        ("rel", tmp_path / "rel"),
        ("~/y", Path.home() / "y"),
    ):
        monkeypatch.setenv(variable, value)
        assert folder() == expected
        assert not folder().exists()


@pytest.mark.parametrize(("variable", "folder"), FOLDERS.items(), ids=FOLDERS.keys())
def test_without_its_variable_a_folder_lies_in_the_home(
    monkeypatch: pytest.MonkeyPatch, isolated: Path, variable: str, folder: Callable[[], Path]
) -> None:
    monkeypatch.delenv(variable)
    assert folder().is_relative_to(isolated)
    assert folder().name == "drio-tui"


@pytest.mark.parametrize(("variable", "folder"), FOLDERS.items(), ids=FOLDERS.keys())
@pytest.mark.parametrize("value", ["", "~/x", "~nobody-of-this-name/x"])
def test_without_any_home_a_folder_is_one_that_cannot_exist(
    monkeypatch: pytest.MonkeyPatch, variable: str, folder: Callable[[], Path], value: str
) -> None:
    monkeypatch.setenv(variable, value)
    for name in ("XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name)
    monkeypatch.setattr(os.path, "expanduser", lambda path: path)  # what it does when nothing names a home
    assert folder().is_absolute()
    assert not folder().exists()
    assert folder().parts[:2] == ("/", "nonexistent")


def test_the_sandbox_lies_in_the_data_folder() -> None:
    assert paths.sandbox_dir().parent == paths.data_dir()


def test_why_a_file_cannot_be_read_is_said_without_number_and_path(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError) as refused:
        (tmp_path / "none").read_text()
    assert os_error_text(refused.value) == "No such file or directory"
    assert os_error_text(ValueError("odd")) == "odd"
    assert os_error_text(ValueError()) == "ValueError"
