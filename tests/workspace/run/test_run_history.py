"""Stored runs: bounded, private, without secrets, and available after a restart."""

from __future__ import annotations

import json
import stat
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from drio_tui.api.redact import HIDDEN
from drio_tui.workspace.run import run_history
from drio_tui.workspace.run.run_history import NotKept, RunHistory
from drio_tui.workspace.run.tool_run import Request, Response, Run, run_from

URL = "https://drio.example/api/v1"


def example_run(tool: str = "t1", **arguments: Any) -> Run:
    return Run(
        tool, "Search", "here", arguments, at=1_700_000_000.5,
        request=Request("GET", "https://up.example/?q=1", (("Accept", "application/json"),), '{"a": 1}'),
        response=Response(200, "application/json", 12, '{"ok": true}'),
        structured={"ok": True}, value={"ok": True}, timing=[("upstream", 0.25)],
    )  # fmt: skip


def test_a_run_survives_serialization() -> None:
    run = example_run(q="anna")
    restored = run_from(json.loads(json.dumps(run.as_wire())))
    assert restored == run
    for broken in (None, {}, [], {"tool": "t"}, run.as_wire() | {"timing": 3}, run.as_wire() | {"request": {}}):
        with pytest.raises(ValueError, match="no run"):
            run_from(broken)


def test_runs_are_stored_per_tool_newest_first_up_to_a_limit() -> None:
    history = RunHistory(URL, "app_1")
    for number in range(run_history.RUNS_PER_TOOL + 5):
        history.add(example_run(number=number))
    history.add(example_run("t2"))
    runs = RunHistory(URL, "app_1").runs("t1")
    assert [run.arguments["number"] for run in runs] == [*range(run_history.RUNS_PER_TOOL + 4, 4, -1)]
    assert len(history.runs("t2")) == 1
    assert not RunHistory(URL, "app_2").runs("t1")
    assert not RunHistory("https://other.example", "app_1").runs("t1")
    history.clear("t1")
    assert not history.runs("t1")
    assert history.runs("t2")


def test_stored_runs_have_no_secrets_and_private_modes() -> None:
    history = RunHistory(URL, "app_1")
    run = replace(
        example_run(q="anna", apiKey="hidden-1", pin="hidden-6", nested={"password": "hidden-2"}),
        structured={"token": "hidden-3", "text": "Bearer hidden-4-hidden-4-hidden"},
        response=Response(200, "application/json", 9, '"hidden-5"'),
        request=Request("GET", "https://up.example/?pin=hidden-6", (("X-Api-Key", HIDDEN),), '{"pin": "hidden-6"}'),
        secret_names=("pin",),
    )
    history.add(run)
    text = (history.folder / "runs.json").read_text()
    assert "hidden-" not in text
    stored = history.runs("t1")[0]
    assert stored.arguments == {"q": "anna", "nested": {"password": HIDDEN}}
    assert stored.omitted_arguments == ("apiKey", "pin")
    assert stat.S_IMODE((history.folder / "runs.json").stat().st_mode) == 0o600
    assert stat.S_IMODE(history.folder.stat().st_mode) == 0o700


def test_large_results_are_dropped_and_broken_files_ignored() -> None:
    history = RunHistory(URL, "app_1")
    history.add(replace(example_run(), structured={"text": "x" * run_history.RUN_BYTES}))
    assert "too large" in history.runs("t1")[0].error
    assert (history.folder / "runs.json").stat().st_size < run_history.RUN_BYTES
    for broken in (b"", b"{", b'{"v": 99, "runs": []}', b'{"v": 1, "runs": [null, 3, {"tool": "t1"}]}', b"\xff\xfe"):
        (history.folder / "runs.json").write_bytes(broken)
        assert history.runs("t1") == []
        history.add(example_run())
        assert len(history.runs("t1")) == 1


def test_a_failed_write_is_reported(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("DRIO_STATE_DIR", str(tmp_path / "file"))
    history = RunHistory(URL, "app_1")
    with pytest.raises(NotKept, match="cannot be written"):
        history.add(example_run())
    assert history.runs("t1") == []
    assert history.sample("t1") is None


def test_samples_are_stored_per_tool_without_secrets_up_to_a_limit() -> None:
    history = RunHistory(URL, "app_1")
    assert history.sample("t1") is None
    history.save_sample("t1", {"rows": [1, 2], "token": "hidden-1"})
    assert RunHistory(URL, "app_1").sample("t1") == {"rows": [1, 2], "token": HIDDEN}
    assert history.sample("t2") is None
    with pytest.raises(NotKept, match="larger"):
        history.save_sample("t1", "x" * (run_history.SAMPLE_BYTES + 1))
    assert history.sample("t1") is not None
    for hostile in ("../../etc/passwd", "a/b", "\x00", "x" * 10_000):
        history.save_sample(hostile, 1)
        assert history.sample(hostile) == 1
    assert all(path.parent == history.folder for path in history.folder.iterdir())
    history.drop_sample("t1")
    assert history.sample("t1") is None
