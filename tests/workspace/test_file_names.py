"""Files that are named after something that a server said."""

from __future__ import annotations

from pathlib import Path

import pytest

from drio_tui.storage import paths
from drio_tui.workspace.deploy.deploy_record import DeployRecordStore, record_of
from drio_tui.workspace.model.schema_history import SchemaHistory
from drio_tui.workspace.run.run_history import Kept, NotKept
from drio_tui.workspace.run.tool_run import Run
from drio_tui.workspace.saving.journal import Journal

HOSTILE = ("../../../etc/passwd", "/etc/passwd", "a\x00b", "CON", "..", ".", "a\\..\\b", "x" * 10_000, "‮/evil", "")


@pytest.mark.parametrize("name", HOSTILE)
def test_no_id_leads_out_of_the_folder_that_its_files_belong_in(isolated: Path, name: str) -> None:
    """F60."""
    kept = Kept("http://x", name)
    kept.add(Run(name, name, "here", {}))
    kept.save_sample(name, {"a": 1})
    records = DeployRecordStore("http://x", name)
    records.keep(record_of("1.0.0", "", {}))
    assert records.read() is not None
    assert not records.notices
    state = paths.state_dir()
    places = {
        "playground": {path.parent for path in (kept.folder / "runs.json", kept._sample(name))},
        "deployed": {records.path},
        "journal": {Journal(name, "http://x", name).path},
        "schemas": {SchemaHistory("http://x", name).path},
    }
    for folder, found in places.items():
        for path in found:
            assert path.parent == state / folder
            assert path.name.isascii()
            assert path.name.isprintable()
            assert len(path.name) < 120
            assert path.stem not in ("", ".", "..", "CON")
    written = {path for path in isolated.rglob("*") if path.is_file()}
    assert {path.parent for path in written} == {kept.folder, state / "deployed"}


def test_a_link_in_a_file_s_place_is_neither_written_through_nor_read_through(isolated: Path) -> None:
    """F60."""
    theirs = isolated / "theirs.json"
    theirs.write_text("{}")
    kept, records = Kept("http://x", "app_1"), DeployRecordStore("http://x", "app_1")
    for path in (kept.folder / "runs.json", records.path):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.symlink_to(theirs)
    records.keep(record_of("1.0.0", "", {}))
    assert records.read() is None
    assert records.notices
    with pytest.raises(NotKept, match="symbolic link"):
        kept.add(Run("t", "T", "here", {}))
    assert kept.runs("t") == []
    assert theirs.read_text() == "{}"
