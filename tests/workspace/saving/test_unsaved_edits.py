"""The files of unsaved edits: private, complete, without secrets, robust against corruption."""

from __future__ import annotations

import asyncio
import stat
import threading
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from drio_tui.workspace.saving import unsaved_edits
from drio_tui.workspace.saving.unsaved_edits import UnsavedEdit, UnsavedEditFile

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "b", "x y"]), inner, max_size=3),
    max_leaves=8,
)


def unsaved_edit(**more: object) -> UnsavedEdit:
    fields = {"profile": "me", "server": "http://x", "app": "app_1", "kind": "tool", "resource": "tool_1",
              "label": "Search", "local": {"name": "new"}, "base": {"name": "old"}}  # fmt: skip
    return UnsavedEdit(**{**fields, **more})  # type: ignore[arg-type] # fields of different types


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(local=st.dictionaries(st.text(max_size=5), JSON, max_size=4))
def test_edit_round_trips_through_its_file(isolated: Path, local: dict[str, object]) -> None:
    saved = unsaved_edits.save(unsaved_edit(local=local, base=None))
    (loaded,) = [edit for edit in unsaved_edits.load("me").buffers if edit.id == saved.id]
    assert loaded == saved
    if not saved.lost:
        assert loaded.local == local
    unsaved_edits.discard(saved.id)


def test_files_and_folder_are_private() -> None:
    saved = unsaved_edits.save(unsaved_edit())
    (path,) = unsaved_edits.folder().iterdir()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(unsaved_edits.folder().stat().st_mode) == 0o700
    assert unsaved_edits.load().buffers == [saved]


def test_secrets_are_removed_and_their_paths_kept() -> None:
    local = {"name": "new", "config": {"clientSecret": "hunter2", "clientId": "c"}}
    saved = unsaved_edits.save(
        unsaved_edit(kind="auth", local=local, base={"name": "old", "config": {"clientId": "c"}})
    )
    assert saved.lost == ("config.clientSecret",)
    assert saved.local == {"name": "new", "config": {"clientId": "c"}}
    assert "hunter2" not in next(unsaved_edits.folder().iterdir()).read_text()
    assert "hunter2" not in repr(unsaved_edit(local=local))


def test_draft_is_saved_unless_it_may_contain_a_secret() -> None:
    assert unsaved_edits.save(unsaved_edit(draft='{"name": "hal')).draft == '{"name": "hal'
    assert unsaved_edits.save(unsaved_edit(draft='{"clientSecret": "hunter2", ')).draft == ""


def test_load_returns_edits_of_the_profile_newest_first() -> None:
    old = unsaved_edits.save(unsaved_edit(at=10.0))
    new = unsaved_edits.save(unsaved_edit(at=20.0))
    other = unsaved_edits.save(unsaved_edit(profile="other", at=30.0))
    assert unsaved_edits.load("me").buffers == [new, old]
    assert unsaved_edits.load().buffers == [other, new, old]


def test_saving_an_edit_with_the_same_id_replaces_it() -> None:
    first = unsaved_edits.save(unsaved_edit())
    second = unsaved_edits.save(unsaved_edit(id=first.id, local={"name": "newer"}))
    assert unsaved_edits.load().buffers == [second]


def test_discard_removes_an_edit_and_can_be_repeated() -> None:
    saved = unsaved_edits.save(unsaved_edit())
    unsaved_edits.discard(saved.id)
    unsaved_edits.discard(saved.id)
    assert unsaved_edits.load().buffers == []


@pytest.mark.parametrize("content", [b"", b"\x00\xff", b"[]", b"{}", b'{"v": 1}', b'{"v": 1, "mine": 3'])
def test_invalid_file_is_renamed_and_others_are_loaded(content: bytes) -> None:
    saved = unsaved_edits.save(unsaved_edit())
    broken = unsaved_edits.folder() / f"{'0' * 24}.json"
    broken.write_bytes(content)
    broken.chmod(0o600)
    loaded = unsaved_edits.load()
    assert loaded.buffers == [saved]
    assert len(loaded.problems) == 1
    assert broken.with_name(f"{broken.name}.corrupt").read_bytes() == content
    assert unsaved_edits.load().problems == []


def test_file_of_a_newer_version_is_preserved() -> None:
    unsaved_edits.save(unsaved_edit())
    (path,) = unsaved_edits.folder().iterdir()
    path.write_text('{"v": 2, "something": "else"}')
    assert unsaved_edits.load() == unsaved_edits.Kept([], [])
    assert path.exists()


def test_saving_raises_if_the_folder_is_not_writable(isolated: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DRIO_STATE_DIR", str(isolated / "file"))
    (isolated / "file").write_text("not a folder")
    with pytest.raises(OSError, match="folder"):
        UnsavedEditFile().now(unsaved_edit())
    assert unsaved_edits.load().buffers == []


async def test_newer_version_is_written_after_a_running_write(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    started, release, save = threading.Event(), threading.Event(), unsaved_edits.save

    def slow_save(edit: UnsavedEdit) -> UnsavedEdit:
        if edit.local["name"] == "older":
            started.set()
            assert release.wait(30)
        return save(edit)

    monkeypatch.setattr(unsaved_edits, "save", slow_save)
    edit_file = UnsavedEditFile()
    edit_file.soon(lambda: unsaved_edit(local={"name": "older"}))
    assert await asyncio.to_thread(started.wait, 30)
    newest = asyncio.create_task(asyncio.to_thread(edit_file.now, unsaved_edit(local={"name": "newest"})))
    await asyncio.wait({newest}, timeout=0.1)  # it must wait for the older one
    release.set()
    await asyncio.gather(newest, *edit_file._tasks)
    assert [edit.local["name"] for edit in unsaved_edits.load().buffers] == ["newest"]
    edit_file.close()


def test_id_with_path_traversal_is_rejected() -> None:
    with pytest.raises(ValueError, match="not the id"):
        unsaved_edits.discard("../../etc/passwd")
