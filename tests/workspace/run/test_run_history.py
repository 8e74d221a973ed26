"""What is kept of runs: bounded, private, without secrets, and there again after a restart."""

from __future__ import annotations

import json
import stat
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from drio_tui.api.redact import HIDDEN
from drio_tui.workspace.run import run_history
from drio_tui.workspace.run.run_history import Kept, NotKept
from drio_tui.workspace.run.tool_run import Request, Response, Run, run_from

URL = "https://drio.example/api/v1"


def a_run(tool: str = "t1", **arguments: Any) -> Run:
    return Run(
        tool, "Search", "here", arguments, at=1_700_000_000.5,
        request=Request("GET", "https://up.example/?q=1", (("Accept", "application/json"),), '{"a": 1}'),
        response=Response(200, "application/json", 12, '{"ok": true}'),
        structured={"ok": True}, value={"ok": True}, timing=[("upstream", 0.25)],
    )  # fmt: skip


def test_a_run_survives_being_written_and_read() -> None:
    run = a_run(q="anna")
    again = run_from(json.loads(json.dumps(run.as_wire())))
    assert again == run
    for broken in (None, {}, [], {"tool": "t"}, run.as_wire() | {"timing": 3}, run.as_wire() | {"request": {}}):
        with pytest.raises(ValueError, match="no run"):
            run_from(broken)


def test_runs_are_kept_per_tool_the_newest_first_and_no_more_than_are_wanted() -> None:
    kept = Kept(URL, "app_1")
    for number in range(run_history.RUNS + 5):
        kept.add(a_run(number=number))
    kept.add(a_run("t2"))
    found = Kept(URL, "app_1").runs("t1")
    assert [run.arguments["number"] for run in found] == [*range(run_history.RUNS + 4, 4, -1)]
    assert len(kept.runs("t2")) == 1
    assert not Kept(URL, "app_2").runs("t1")
    assert not Kept("https://other.example", "app_1").runs("t1")
    kept.clear("t1")
    assert not kept.runs("t1")
    assert kept.runs("t2")


def test_nothing_secret_is_kept_and_nobody_else_can_read_it() -> None:
    kept = Kept(URL, "app_1")
    run = replace(
        a_run(q="anna", apiKey="hidden-1", pin="hidden-6", nested={"password": "hidden-2"}),
        structured={"token": "hidden-3", "text": "Bearer hidden-4-hidden-4-hidden"},
        response=Response(200, "application/json", 9, '"hidden-5"'),
        request=Request("GET", "https://up.example/?pin=hidden-6", (("X-Api-Key", HIDDEN),), '{"pin": "hidden-6"}'),
        secret_names=("pin",),
    )
    kept.add(run)
    text = (kept.folder / "runs.json").read_text()
    assert "hidden-" not in text
    again = kept.runs("t1")[0]
    assert again.arguments == {"q": "anna", "nested": {"password": HIDDEN}}
    assert again.lost == ("apiKey", "pin")
    assert stat.S_IMODE((kept.folder / "runs.json").stat().st_mode) == 0o600
    assert stat.S_IMODE(kept.folder.stat().st_mode) == 0o700


def test_a_large_result_is_left_out_and_a_broken_file_is_no_history() -> None:
    kept = Kept(URL, "app_1")
    kept.add(replace(a_run(), structured={"text": "x" * run_history.RUN_BYTES}))
    assert "too large" in kept.runs("t1")[0].error
    assert (kept.folder / "runs.json").stat().st_size < run_history.RUN_BYTES
    for broken in (b"", b"{", b'{"v": 99, "runs": []}', b'{"v": 1, "runs": [null, 3, {"tool": "t1"}]}', b"\xff\xfe"):
        (kept.folder / "runs.json").write_bytes(broken)
        assert kept.runs("t1") == []
        kept.add(a_run())
        assert len(kept.runs("t1")) == 1


def test_where_nothing_can_be_written_it_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("DRIO_STATE_DIR", str(tmp_path / "file"))
    kept = Kept(URL, "app_1")
    with pytest.raises(NotKept, match="cannot be written"):
        kept.add(a_run())
    assert kept.runs("t1") == []
    assert kept.sample("t1") is None


def test_a_sample_is_kept_by_tool_without_secrets_and_within_bounds() -> None:
    kept = Kept(URL, "app_1")
    assert kept.sample("t1") is None
    kept.save_sample("t1", {"rows": [1, 2], "token": "hidden-1"})
    assert Kept(URL, "app_1").sample("t1") == {"rows": [1, 2], "token": HIDDEN}
    assert kept.sample("t2") is None
    with pytest.raises(NotKept, match="larger"):
        kept.save_sample("t1", "x" * (run_history.SAMPLE_BYTES + 1))
    assert kept.sample("t1") is not None
    for hostile in ("../../etc/passwd", "a/b", "\x00", "x" * 10_000):
        kept.save_sample(hostile, 1)
        assert kept.sample(hostile) == 1
    assert all(path.parent == kept.folder for path in kept.folder.iterdir())
    kept.drop_sample("t1")
    assert kept.sample("t1") is None
