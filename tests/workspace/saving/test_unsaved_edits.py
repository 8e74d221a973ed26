"""Unsaved edits outlive the program: private, whole, without secrets, and never in the way."""

from __future__ import annotations

import asyncio
import stat
import threading
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from drio_tui.workspace.saving import unsaved_edits
from drio_tui.workspace.saving.unsaved_edits import KeptEdit, UnsavedEdit

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "b", "x y"]), inner, max_size=3),
    max_leaves=8,
)


def buffer(**more: object) -> UnsavedEdit:
    fields = {"profile": "me", "server": "http://x", "app": "app_1", "kind": "tool", "resource": "tool_1",
              "label": "Search", "mine": {"name": "new"}, "base": {"name": "old"}}  # fmt: skip
    return UnsavedEdit(**{**fields, **more})  # type: ignore[arg-type] # each has its own type


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(mine=st.dictionaries(st.text(max_size=5), JSON, max_size=4))
def test_what_is_kept_comes_back_exactly(isolated: Path, mine: dict[str, object]) -> None:
    kept = unsaved_edits.save(buffer(mine=mine, base=None))
    (found,) = [each for each in unsaved_edits.load("me").buffers if each.id == kept.id]
    assert found == kept
    if not kept.lost:
        assert found.mine == mine
    unsaved_edits.discard(kept.id)


def test_files_and_folder_are_private() -> None:
    kept = unsaved_edits.save(buffer())
    (path,) = unsaved_edits.folder().iterdir()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(unsaved_edits.folder().stat().st_mode) == 0o700
    assert unsaved_edits.load().buffers == [kept]


def test_secrets_are_left_out_and_named() -> None:
    mine = {"name": "new", "config": {"clientSecret": "hunter2", "clientId": "c"}}
    kept = unsaved_edits.save(buffer(kind="auth", mine=mine, base={"name": "old", "config": {"clientId": "c"}}))
    assert kept.lost == ("config.clientSecret",)
    assert kept.mine == {"name": "new", "config": {"clientId": "c"}}
    assert "hunter2" not in next(unsaved_edits.folder().iterdir()).read_text()
    assert "hunter2" not in repr(buffer(mine=mine))


def test_a_draft_is_kept_unless_it_speaks_of_a_secret() -> None:
    assert unsaved_edits.save(buffer(draft='{"name": "hal')).draft == '{"name": "hal'
    assert unsaved_edits.save(buffer(draft='{"clientSecret": "hunter2", ')).draft == ""


def test_newest_come_first_and_only_those_of_the_profile() -> None:
    old = unsaved_edits.save(buffer(at=10.0))
    new = unsaved_edits.save(buffer(at=20.0))
    other = unsaved_edits.save(buffer(profile="other", at=30.0))
    assert unsaved_edits.load("me").buffers == [new, old]
    assert unsaved_edits.load().buffers == [other, new, old]


def test_keeping_the_same_edit_again_replaces_it() -> None:
    first = unsaved_edits.save(buffer())
    second = unsaved_edits.save(buffer(id=first.id, mine={"name": "newer"}))
    assert unsaved_edits.load().buffers == [second]


def test_a_discarded_edit_is_gone_and_discarding_twice_is_no_matter() -> None:
    kept = unsaved_edits.save(buffer())
    unsaved_edits.discard(kept.id)
    unsaved_edits.discard(kept.id)
    assert unsaved_edits.load().buffers == []


@pytest.mark.parametrize("content", [b"", b"\x00\xff", b"[]", b"{}", b'{"v": 1}', b'{"v": 1, "mine": 3'])
def test_a_broken_file_is_kept_aside_and_the_others_are_found(content: bytes) -> None:
    kept = unsaved_edits.save(buffer())
    broken = unsaved_edits.folder() / f"{'0' * 24}.json"
    broken.write_bytes(content)
    broken.chmod(0o600)
    found = unsaved_edits.load()
    assert found.buffers == [kept]
    assert len(found.problems) == 1
    assert broken.with_name(f"{broken.name}.corrupt").read_bytes() == content
    assert unsaved_edits.load().problems == []


def test_a_file_of_a_newer_version_is_left_alone() -> None:
    unsaved_edits.save(buffer())
    (path,) = unsaved_edits.folder().iterdir()
    path.write_text('{"v": 2, "something": "else"}')
    assert unsaved_edits.load() == unsaved_edits.Kept([], [])
    assert path.exists()


def test_where_nothing_can_be_kept_it_is_said(isolated: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DRIO_STATE_DIR", str(isolated / "file"))
    (isolated / "file").write_text("not a folder")
    with pytest.raises(OSError, match="folder"):
        KeptEdit().now(buffer())
    assert unsaved_edits.load().buffers == []


async def test_the_newest_state_of_an_edit_replaces_one_that_is_still_being_written(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    begun, goes_on, save = threading.Event(), threading.Event(), unsaved_edits.save

    def on_a_slow_disk(edit: UnsavedEdit) -> UnsavedEdit:
        if edit.mine["name"] == "older":
            begun.set()
            assert goes_on.wait(30)
        return save(edit)

    monkeypatch.setattr(unsaved_edits, "save", on_a_slow_disk)
    edit = KeptEdit()
    edit.soon(lambda: buffer(mine={"name": "older"}))
    assert await asyncio.to_thread(begun.wait, 30)
    newest = asyncio.create_task(asyncio.to_thread(edit.now, buffer(mine={"name": "newest"})))
    await asyncio.wait({newest}, timeout=0.1)  # it may not overtake the older one
    goes_on.set()
    await asyncio.gather(newest, *edit._tasks)
    assert [each.mine["name"] for each in unsaved_edits.load().buffers] == ["newest"]
    edit.close()


def test_an_id_cannot_lead_out_of_the_folder() -> None:
    with pytest.raises(ValueError, match="not the id"):
        unsaved_edits.discard("../../etc/passwd")
