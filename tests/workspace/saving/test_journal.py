"""The journal file: private, shared by processes, robust against corruption and unwritable folders."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from drio_tui.workspace.saving import journal as journals
from drio_tui.workspace.saving.history import Entry, new_entry
from drio_tui.workspace.saving.journal import Journal
from drio_tui.workspace.saving.without_secrets import without_secrets

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)


def journal() -> Journal:
    return Journal("me", "http://127.0.0.1", "app_1")


def change(name: str = "Search", **more: Any) -> Entry:
    return new_entry("update", "app_1", "tool", "tool_1", name, **more)


def recorded(journal: Journal, entry: Entry) -> Entry:
    journal.begin(entry)
    done = replace(entry, state="done")
    journal.end(done)
    return done


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(st.text(max_size=20), st.dictionaries(st.text(max_size=4), JSON, max_size=3))
def test_entry_round_trips_through_the_file(isolated: Path, name: str, before: dict[str, Any]) -> None:
    entry = recorded(journal(), change(name, before=before, after={}, lost=("a.b",), added=(("x", "y.z"),)))
    assert journal().read().entries[-1] == entry


def test_file_is_private_and_has_a_valid_name() -> None:
    hostile = Journal("../../me", "http://x", "../app\x00/1")
    recorded(hostile, change())
    assert hostile.path.parent == Journal("me", "", "").path.parent
    assert stat.S_IMODE(hostile.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(hostile.path.parent.stat().st_mode) == 0o700


def test_profiles_servers_and_apps_have_separate_journals() -> None:
    recorded(journal(), change())
    for other in (
        ("you", "http://127.0.0.1", "app_1"),
        ("me", "http://b", "app_1"),
        ("me", "http://127.0.0.1", "app_2"),
    ):
        assert Journal(*other).read().entries == []


def test_change_without_end_line_is_unknown() -> None:
    journal().begin(change())
    assert [entry.state for entry in journal().read().entries] == ["unknown"]


WRITER = """
import sys
from dataclasses import replace
from drio_tui.workspace.saving.history import new_entry
from drio_tui.workspace.saving.journal import Journal
journal = Journal("me", "http://127.0.0.1", "app_1")
for number in range(int(sys.argv[2])):
    entry = new_entry("update", "app_1", "tool", "tool_1", f"{sys.argv[1]} {number}")
    journal.begin(entry)
    journal.end(replace(entry, state="done"))
assert not journal.notices, journal.notices
"""


def test_changes_of_several_processes_are_merged_into_one_history() -> None:
    """F33."""
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, name, "25"]) for name in "abc"]
    assert [writer.wait(60) for writer in writers] == [0, 0, 0]
    history = journal().read()
    names = [f"{name} {number}" for name in "abc" for number in range(25)]
    assert sorted(entry.name for entry in history.entries) == sorted(names)
    assert {entry.state for entry in history.entries} == {"done"}
    for name in "abc":
        of_process = [entry.name for entry in history.entries if entry.name.startswith(name)]
        assert of_process == [f"{name} {number}" for number in range(25)]


@pytest.mark.parametrize(
    "garbage", [b"\x00\xff\xfe", b"{", b"[]", b'"text"', b'{"v": "1"}', b'{"v": 1, "v": 1}', b"[" * 5000]
)
def test_unreadable_line_is_moved_to_the_corrupt_file(garbage: bytes) -> None:
    first = recorded(journal(), change("first"))
    with journal().path.open("ab") as file:
        file.write(garbage + b"\n")
    second = recorded(journal(), change("second"))
    opened = journal()
    assert opened.read().entries == [first, second]
    assert opened.corrupt_path.read_bytes() == garbage + b"\n"
    assert str(opened.corrupt_path) in opened.notices[0]
    again = journal()
    assert again.read().entries == [first, second]
    assert again.notices == []


def test_incomplete_last_line_does_not_affect_other_lines() -> None:
    first = recorded(journal(), change("first"))
    before = journal().path.read_bytes()
    journal().begin(change("incomplete"))
    after = journal().path.read_bytes()
    for length in range(len(before) + 1, len(after) - 1, 37):
        journal().path.write_bytes(after[:length])
        later = recorded(journal(), change("later"))
        assert journal().read().entries == [first, later]


@pytest.mark.parametrize(
    "line",
    [
        '{"v": 1, "begin": {"id": "x"}}', '{"v": 1, "begin": 3}', '{"v": 1, "end": "nobody", "state": "done"}',
        '{"v": 1, "alias": ["a"]}', '{"v": 1}', '{"v": 2, "begin": {"what": "rename"}}', '{"v": 1, "end": ["x"]}',
    ],
)  # fmt: skip
def test_unknown_lines_are_ignored_and_preserved(line: str) -> None:
    entry = recorded(journal(), change())
    with journal().path.open("a") as file:
        file.write(line + "\n")
    assert journal().read().entries == [entry]
    assert line in journal().path.read_text()


def test_compaction_keeps_the_newest_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journals, "COMPACT_BYTES", 20_000)
    monkeypatch.setattr(journals, "KEEP_ENTRIES", 5)
    journal().alias("old", "new")
    names = [recorded(journal(), change(f"change {number}")).name for number in range(60)]
    history = journal().read()
    kept = [entry.name for entry in history.entries]
    assert 5 <= len(kept) < 60
    assert kept == names[-len(kept) :]
    assert {entry.state for entry in history.entries} == {"done"}
    assert history.current("old") == "new"
    assert stat.S_IMODE(journal().path.stat().st_mode) == 0o600


def test_compaction_keeps_the_newest_group_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journals, "COMPACT_BYTES", 20_000)
    monkeypatch.setattr(journals, "KEEP_ENTRIES", 5)
    opened = journal()
    recorded(opened, change("older"))
    names = [recorded(opened, replace(change(f"change {number}"), group="one")).name for number in range(60)]
    assert [entry.name for entry in opened.read().entries] == names


def test_lines_of_threads_that_wait_are_written_together(monkeypatch: pytest.MonkeyPatch) -> None:
    opened = journal()
    recorded(opened, change("first"))
    flushed: list[int] = []
    fsync = os.fsync
    monkeypatch.setattr(os, "fsync", lambda handle: (flushed.append(handle), fsync(handle)))
    entries = [change(f"change {number}") for number in range(12)]
    with ThreadPoolExecutor(12) as threads, opened._writing:  # as if another thread was writing
        begins = [threads.submit(opened.begin, entry) for entry in entries]
        while len(opened._memory) < len(begins):
            time.sleep(0)
    assert len(flushed) == 1
    assert {entry.name for entry in journal().read().entries} == {"first", *(entry.name for entry in entries)}
    assert len(journal().read().entries) == 13


def test_history_is_kept_in_memory_if_the_folder_is_not_writable(
    isolated: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (isolated / "file").write_text("not a folder")
    monkeypatch.setenv("DRIO_STATE_DIR", str(isolated / "file"))
    opened = journal()
    entry = recorded(opened, change())
    assert opened.read().entries == [entry]
    assert opened.notices


def test_unwritten_changes_are_written_in_order_with_the_next_change(isolated: Path) -> None:
    first = recorded(journal(), change())
    opened = journal()
    moved = opened.path.with_suffix(".moved")
    opened.path.rename(moved)
    opened.path.mkdir()  # a line cannot be appended to a folder
    second = recorded(opened, change())
    opened.path.rmdir()
    moved.rename(opened.path)
    third = recorded(opened, change())
    assert [entry.id for entry in opened.read().entries] == [first.id, second.id, third.id]
    assert [entry.id for entry in journal().read().entries] == [first.id, second.id, third.id]
    assert [group[0].id for group in opened.read().open()] == [third.id, second.id, first.id]


def test_journal_writable_by_others_is_not_read() -> None:
    recorded(journal(), change())
    journal().path.chmod(0o666)
    opened = journal()
    assert opened.read().entries == []
    assert "read by others" in opened.notices[0]


@given(
    st.dictionaries(
        st.sampled_from(["name", "clientSecret", "config", "api_key", "value"]),
        st.sampled_from(["hush-hush", {"password": "hush-hush"}, ["plain"], [{"token": "hush-hush"}], {"a": {"b": 1}}]),
    )
)
def test_strip_removes_everything_under_a_secret_name(value: dict[str, Any]) -> None:
    stripped, lost = without_secrets(value)
    for name in ("clientSecret", "api_key"):
        if name in value and not isinstance(value[name], dict):
            assert (name,) in lost
            assert name not in stripped
    assert "password" not in str(stripped)
    assert "token" not in str(stripped)


def test_undoing_an_undo_makes_the_change_open_again() -> None:
    opened = journal()
    first = recorded(opened, change("first"))
    undo = recorded(opened, change("undo", undoes=first.id))
    assert opened.read().is_undone(first)
    assert opened.read().open() == []
    recorded(opened, change("redo", undoes=undo.id))
    history = opened.read()
    assert not history.is_undone(first)
    assert history.open() == [[first]]
