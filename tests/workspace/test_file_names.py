"""Names of files that are derived from data of the server."""

from __future__ import annotations

from pathlib import Path

import pytest

from drio_tui.storage import paths
from drio_tui.workspace.deploy.deploy_record import DeployRecordStore, record_of
from drio_tui.workspace.model.schema_history import SchemaHistory
from drio_tui.workspace.run.run_history import NotKept, RunHistory
from drio_tui.workspace.run.tool_run import Run
from drio_tui.workspace.saving.journal import Journal

HOSTILE = ("../../../etc/passwd", "/etc/passwd", "a\x00b", "CON", "..", ".", "a\\..\\b", "x" * 10_000, "‮/evil", "")


@pytest.mark.parametrize("name", HOSTILE)
def test_file_names_from_hostile_ids_stay_in_their_folder(isolated: Path, name: str) -> None:
    """F60."""
    history = RunHistory("http://x", name)
    history.add(Run(name, name, "here", {}))
    history.save_sample(name, {"a": 1})
    records = DeployRecordStore("http://x", name)
    records.keep(record_of("1.0.0", "", {}))
    assert records.read() is not None
    assert not records.notices
    state = paths.state_dir()
    paths_by_folder = {
        "playground": {path.parent for path in (history.folder / "runs.json", history._sample(name))},
        "deployed": {records.path},
        "journal": {Journal(name, "http://x", name).path},
        "schemas": {SchemaHistory("http://x", name).path},
    }
    for folder, folder_paths in paths_by_folder.items():
        for path in folder_paths:
            assert path.parent == state / folder
            assert path.name.isascii()
            assert path.name.isprintable()
            assert len(path.name) < 120
            assert path.stem not in ("", ".", "..", "CON")
    written = {path for path in isolated.rglob("*") if path.is_file()}
    assert {path.parent for path in written} == {history.folder, state / "deployed"}


def test_symbolic_links_are_neither_read_nor_written(isolated: Path) -> None:
    """F60."""
    target = isolated / "target.json"
    target.write_text("{}")
    history, records = RunHistory("http://x", "app_1"), DeployRecordStore("http://x", "app_1")
    for path in (history.folder / "runs.json", records.path):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.symlink_to(target)
    records.keep(record_of("1.0.0", "", {}))
    assert records.read() is None
    assert records.notices
    with pytest.raises(NotKept, match="symbolic link"):
        history.add(Run("t", "T", "here", {}))
    assert history.runs("t") == []
    assert target.read_text() == "{}"
