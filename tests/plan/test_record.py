"""Plans in progress in files: complete, private, without secrets."""

from __future__ import annotations

import stat
from dataclasses import replace
from pathlib import Path

import pytest

from drio_tui.plan import record as records
from drio_tui.plan.record import (
    FileInUse,
    PlanRecord,
    PlanSession,
    discard,
    from_json,
    load_records,
    to_json,
    without_step_secrets,
)
from drio_tui.plan.state import PlanState, StepState
from drio_tui.plan.steps import Step, changes_of
from drio_tui.schema.fields import MISSING
from drio_tui.workspace.saving.merge import FieldChange
from tests.plan.conftest import tool_steps, whole_plan


def record_of(*steps: Step) -> PlanRecord:
    return PlanRecord("me", "http://drio", "app_1", "Change everything", steps)


def steps_of_every_verb() -> tuple[Step, ...]:
    base = {"id": "tool_1", "name": "find", "binding": None}
    change = FieldChange(("description",), MISSING, "x")
    return (
        *whole_plan(),
        Step("u", "update", "tool", "Change", "tool_1", changes=(change, FieldChange(("a", "b.c"), None, MISSING)),
             base=base, again=("binding",), mark="m"),
        Step("d", "detach", "tool", "Detach", "tool_1", property_name="nextToolIds", targets=frozenset({"t1", "t2"})),
        Step("x", "delete", "tool", "Delete", "tool_1", base=base, links=(("tool", "t", "widgetId"),), place=3,
             ignoring=frozenset({"widgetId"}), after=("u", "d")),
    )  # fmt: skip


async def test_stored_plan_is_read_as_it_was(isolated: Path) -> None:
    record = record_of(*steps_of_every_verb())
    record.ids = {"ref:old": "tool_9"}
    session = PlanSession.begin(record)
    await session.save()
    record.state.steps["u"] = StepState("sent", mark="m", at=4.0)
    record.state.known["tool"] = ["tool_1"]
    await session.save()
    record.state.steps["u"].state = "done"
    record.state.steps["d"] = StepState("failed", why="no", fields={"a": "b"}, maybe=True)
    record.state.steps["x"] = StepState("skipped", why="It needs this first: Detach")
    await session.save()
    assert not load_records().records, "it is being carried out"
    with pytest.raises(FileInUse):
        discard(record.id)
    session.close()
    (loaded,) = load_records("me", "http://drio").records
    assert (loaded.steps, loaded.state, loaded.ids) == (record.steps, record.state, record.ids)
    assert loaded.counts == (1, len(record.steps)), "what was skipped since another failed is not done"
    assert (loaded.title, loaded.app, loaded.group) == (record.title, record.app, record.group)
    assert not load_records("other").records
    assert not load_records("me", "http://other").records
    for path in (isolated / "state" / "plans").iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    discard(record.id)
    assert not [*(isolated / "state" / "plans").iterdir()]


async def test_incomplete_last_line_is_ignored_and_the_plan_goes_on(isolated: Path) -> None:
    record = record_of(*tool_steps(2))
    session = PlanSession.begin(record)
    await session.save()
    record.state.steps["create:tool 0"] = StepState("done", made="tool_1")
    await session.save()
    session.close()
    (path,) = (isolated / "state" / "plans").glob("*.states")
    with path.open("ab") as file:
        file.write(b'{"step": "create:tool 1", "sta')
    resumed = PlanSession.resume(record.id)
    assert resumed.record.state.steps == {"create:tool 0": StepState("done", made="tool_1")}
    await resumed.save()
    resumed.record.state.steps["create:tool 1"] = StepState("sent")
    await resumed.save()
    resumed.close()
    (loaded,) = load_records().records
    assert {id: step.state for id, step in loaded.state.steps.items()} == {
        "create:tool 0": "done", "create:tool 1": "sent",
    }  # fmt: skip


async def test_progress_is_appended_and_the_steps_are_not_written_again(isolated: Path) -> None:
    record = record_of(*tool_steps(200))
    session = PlanSession.begin(record)
    await session.save()
    (path,) = (isolated / "state" / "plans").glob("*.json")
    written = path.stat().st_mtime_ns
    for step in record.steps:
        record.state.steps[step.id] = StepState("sent")
        await session.save()
    assert path.stat().st_mtime_ns == written
    assert len(path.with_suffix(".states").read_bytes().splitlines()) == 200
    session.close(forget=True)


def test_secrets_are_not_stored_and_the_steps_say_what_they_lost() -> None:
    config = {"type": "apiKey", "in": "header", "name": "X-Key", "apiKey": "hush-1", "odd": "hush-2"}
    tool = {"name": "t", "inputSchema": {"properties": {"token": {"type": "string"}}}, "note": "hush-3"}
    steps = (
        Step("a", "create", "auth", "A", body={"name": "a", "config": config}),
        Step("b", "update", "auth", "B", "auth_1", changes=changes_of({"name": "b", "config": config}),
             base={"id": "auth_1", "config": {"apiKey": "hush-4"}}),
        Step("c", "create", "tool", "C", body=tool, secret=("note",)),
        Step("d", "create", "integration", "D", body={"name": "d", "config": {"headers": {"Authorization": "hush-5"}}}),
    )  # fmt: skip
    record = record_of(*steps)
    text = str(to_json(record))
    assert "hush" not in text
    loaded = from_json(to_json(record))
    assert loaded is not None
    a, b, c, d = loaded.steps
    assert a.lost == ("config.apiKey", "config.odd")
    assert a.body == {"name": "a", "config": {"type": "apiKey", "in": "header", "name": "X-Key"}}
    assert {change.path for change in b.changes} == {
        ("name",),
        ("config", "type"),
        ("config", "in"),
        ("config", "name"),
    }
    assert b.lost == ("config.apiKey", "config.odd")
    assert c.body == {"name": "t", "inputSchema": tool["inputSchema"]}
    assert c.lost == ("note",)
    assert d.lost == ("config.headers.Authorization",)
    assert loaded.lost == ("A", "B", "C", "D")
    # By this a command that is given again, with its secrets, finds the plan that it was killed with.
    assert loaded.steps == tuple(map(without_step_secrets, steps))
    assert "hush" not in repr(record)


def test_steps_that_only_this_process_can_carry_out_are_not_stored() -> None:
    steps = (Step("r", "run", "tool", "Undo"), *tool_steps(1))
    loaded = from_json(to_json(record_of(*steps)))
    assert loaded is not None
    assert [step.id for step in loaded.steps] == ["create:tool 0"]


async def test_unreadable_plan_is_moved_aside_and_a_newer_one_stays(isolated: Path) -> None:
    record = record_of(*tool_steps(1))
    session = PlanSession.begin(record)
    await session.save()
    session.close()
    (path,) = (isolated / "state" / "plans").glob("*.json")
    path.write_text(path.read_text().replace('"v":1', '"v":2'))
    assert load_records() == records.LoadedRecords([], [])
    assert path.exists()
    path.write_text("{")
    loaded = load_records()
    assert len(loaded.problems) == 1
    assert not path.exists()


async def test_plan_that_cannot_be_written_goes_on_in_memory(isolated: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    session = PlanSession.begin(record_of(*tool_steps(1)))
    folder = isolated / "state" / "plans"
    folder.rename(folder.with_name("moved"))
    folder.write_text("no folder")
    await session.save()
    assert session.problem
    folder.unlink()
    folder.with_name("moved").rename(folder)
    session.record.state.steps["create:tool 0"] = StepState("sent")
    await session.save()
    assert not session.problem
    session.close()
    (loaded,) = load_records().records
    assert loaded.state == PlanState({"create:tool 0": StepState("sent")})


def test_plan_of_an_earlier_file_without_optional_properties_is_read() -> None:
    value = to_json(record_of(*tool_steps(1)))
    assert set(value["steps"][0]) == {"id", "verb", "kind", "about", "ref", "body"}
    loaded = from_json(value)
    assert loaded is not None
    assert loaded.steps == (replace(tool_steps(1)[0]),)
