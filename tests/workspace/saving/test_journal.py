"""The journal's file: private, shared by processes, whole after anything, and never a reason not to work."""

from __future__ import annotations

import stat
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from drio_tui.workspace.saving import journal as journals
from drio_tui.workspace.saving.journal import Entry, Journal, strip

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)


def journal() -> Journal:
    return Journal("me", "http://127.0.0.1", "app_1")


def change(name: str = "Search", **more: Any) -> Entry:
    return journals.entry("update", "app_1", "tool", "tool_1", name, **more)


def noted(journal: Journal, entry: Entry) -> Entry:
    journal.begin(entry)
    done = replace(entry, state="done")
    journal.end(done)
    return done


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(st.text(max_size=20), st.dictionaries(st.text(max_size=4), JSON, max_size=3))
def test_an_entry_comes_back_exactly(isolated: Path, name: str, before: dict[str, Any]) -> None:
    entry = noted(journal(), change(name, before=before, after={}, lost=("a.b",), added=(("x", "y.z"),)))
    assert journal().read().entries[-1] == entry


def test_the_file_is_private_and_named_safely() -> None:
    hostile = Journal("../../me", "http://x", "../app\x00/1")
    noted(hostile, change())
    assert hostile.path.parent == Journal("me", "", "").path.parent
    assert stat.S_IMODE(hostile.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(hostile.path.parent.stat().st_mode) == 0o700


def test_profiles_hosts_and_apps_have_histories_of_their_own() -> None:
    noted(journal(), change())
    for other in (
        ("you", "http://127.0.0.1", "app_1"),
        ("me", "http://b", "app_1"),
        ("me", "http://127.0.0.1", "app_2"),
    ):
        assert Journal(*other).read().entries == []


def test_a_change_without_an_end_is_unknown() -> None:
    journal().begin(change())
    assert [entry.state for entry in journal().read().entries] == ["unknown"]


WRITER = """
import sys
from dataclasses import replace
from drio_tui.workspace.saving import journal as journals
journal = journals.Journal("me", "http://127.0.0.1", "app_1")
for number in range(int(sys.argv[2])):
    entry = journals.entry("update", "app_1", "tool", "tool_1", f"{sys.argv[1]} {number}")
    journal.begin(entry)
    journal.end(replace(entry, state="done"))
assert not journal.notices, journal.notices
"""


def test_changes_of_several_processes_are_one_history() -> None:
    """F33."""
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, name, "25"]) for name in "abc"]
    assert [writer.wait(60) for writer in writers] == [0, 0, 0]
    history = journal().read()
    assert sorted(entry.name for entry in history.entries) == sorted(f"{n} {i}" for n in "abc" for i in range(25))
    assert {entry.state for entry in history.entries} == {"done"}
    for name in "abc":
        own = [entry.name for entry in history.entries if entry.name.startswith(name)]
        assert own == [f"{name} {number}" for number in range(25)]


@pytest.mark.parametrize(
    "garbage", [b"\x00\xff\xfe", b"{", b"[]", b'"text"', b'{"v": "1"}', b'{"v": 1, "v": 1}', b"[" * 5000]
)
def test_a_line_that_cannot_be_read_is_kept_aside_and_the_rest_is_whole(garbage: bytes) -> None:
    first = noted(journal(), change("first"))
    with journal().path.open("ab") as file:
        file.write(garbage + b"\n")
    second = noted(journal(), change("second"))
    opened = journal()
    assert opened.read().entries == [first, second]
    assert opened.corrupt_path.read_bytes() == garbage + b"\n"
    assert str(opened.corrupt_path) in opened.notices[0]
    again = journal()
    assert again.read().entries == [first, second]
    assert again.notices == []


def test_a_line_torn_by_a_crash_costs_only_itself() -> None:
    first = noted(journal(), change("first"))
    whole = journal().path.read_bytes()
    journal().begin(change("torn"))
    torn = journal().path.read_bytes()
    for cut in range(len(whole) + 1, len(torn) - 1, 37):
        journal().path.write_bytes(torn[:cut])
        later = noted(journal(), change("later"))
        assert journal().read().entries == [first, later]


@pytest.mark.parametrize(
    "line",
    [
        '{"v": 1, "begin": {"id": "x"}}', '{"v": 1, "begin": 3}', '{"v": 1, "end": "nobody", "state": "done"}',
        '{"v": 1, "alias": ["a"]}', '{"v": 1}', '{"v": 2, "begin": {"what": "rename"}}', '{"v": 1, "end": ["x"]}',
    ],
)  # fmt: skip
def test_lines_that_say_nothing_we_know_are_passed_over_and_stay(line: str) -> None:
    entry = noted(journal(), change())
    with journal().path.open("a") as file:
        file.write(line + "\n")
    assert journal().read().entries == [entry]
    assert line in journal().path.read_text()


def test_a_long_history_is_cut_to_its_newest_part(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journals, "COMPACT_BYTES", 20_000)
    monkeypatch.setattr(journals, "KEEP_ENTRIES", 5)
    journal().alias("old", "new")
    names = [noted(journal(), change(f"change {number}")).name for number in range(60)]
    history = journal().read()
    kept = [entry.name for entry in history.entries]
    assert 5 <= len(kept) < 60
    assert kept == names[-len(kept) :]
    assert {entry.state for entry in history.entries} == {"done"}
    assert history.current("old") == "new"
    assert stat.S_IMODE(journal().path.stat().st_mode) == 0o600


def test_where_nothing_can_be_written_the_history_goes_on_in_memory(
    isolated: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (isolated / "file").write_text("not a folder")
    monkeypatch.setenv("DRIO_STATE_DIR", str(isolated / "file"))
    opened = journal()
    entry = noted(opened, change())
    assert opened.read().entries == [entry]
    assert opened.notices


def test_what_could_not_be_written_is_written_with_the_next_change_and_in_its_order(isolated: Path) -> None:
    first = noted(journal(), change())
    opened = journal()
    aside = opened.path.with_suffix(".aside")
    opened.path.rename(aside)
    opened.path.mkdir()  # nothing can be appended to a folder
    second = noted(opened, change())
    opened.path.rmdir()
    aside.rename(opened.path)
    third = noted(opened, change())
    assert [entry.id for entry in opened.read().entries] == [first.id, second.id, third.id]
    assert [entry.id for entry in journal().read().entries] == [first.id, second.id, third.id]
    assert [group[0].id for group in opened.read().open()] == [third.id, second.id, first.id]


def test_a_journal_that_others_could_write_is_not_believed() -> None:
    noted(journal(), change())
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
def test_nothing_under_a_secret_name_survives_stripping(value: dict[str, Any]) -> None:
    clean, lost = strip(value)
    for name in ("clientSecret", "api_key"):
        if name in value and not isinstance(value[name], dict):
            assert (name,) in lost
            assert name not in clean
    assert "password" not in str(clean)
    assert "token" not in str(clean)


def test_undone_and_undone_again() -> None:
    opened = journal()
    first = noted(opened, change("first"))
    back = noted(opened, change("back", undoes=first.id))
    assert opened.read().undone(first)
    assert opened.read().open() == []
    noted(opened, change("forth", undoes=back.id))
    history = opened.read()
    assert not history.undone(first)
    assert history.open() == [[first]]
