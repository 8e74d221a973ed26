"""Running a chain step by step: by the endpoint's rules, with results that can be edited in between."""

from __future__ import annotations

from typing import Any

import pytest

from drio_tui.workspace.model.snapshot import Snapshot
from drio_tui.workspace.run import chain_runner
from drio_tui.workspace.run.bound_tool import bound_of
from drio_tui.workspace.run.chain_runner import Chain, MappedArguments
from tests.workspace.run.conftest import snapshot_of


def requiring(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": [*properties]}


def three_tools() -> Snapshot:
    return snapshot_of(
        "https://up.example",
        {"next": ["t2", "t3"]},
        {"schema": requiring(id={"type": "string"}, limit={"type": "integer"}), "next": ["t3", "t1"]},
        {"schema": requiring(owner={"type": "string"}), "method": "POST"},
    )


def test_arguments_come_from_the_newest_valid_result_then_from_the_first_call() -> None:
    snapshot = three_tools()
    chain = Chain.begin(snapshot, bound_of(snapshot, "t1"), {"limit": 5, "q": "x"}, {"id": 7, "limit": "no"})
    step, _ = chain.next_step()
    assert step is not None
    assert step.bound.id == "t2"
    assert step.absent == ("id",)
    assert step.taken == (MappedArguments("limit", 5, "the first call's arguments", "$.limit", "the same name"),)
    chain.edit({"id": "seven", "limit": 3})
    step, _ = chain.next_step()
    assert step is not None
    assert step.arguments == {"id": "seven", "limit": 3}
    assert not step.absent
    assert {argument.source for argument in step.taken} == {"Tool 1"}
    chain.done(step.bound, {"owner": "Bo"})
    step, _ = chain.next_step()
    assert step is not None
    assert step.bound.id == "t3"
    assert not step.bound.only_reads
    assert step.taken == (MappedArguments("owner", "Bo", "Tool 2", "$.owner", "the same name"),)
    chain.done(step.bound, {})
    assert chain.next_step() == (None, [])  # t1 and t3 were run already


def test_a_chain_goes_back_to_an_earlier_position() -> None:
    snapshot = three_tools()
    chain = Chain.begin(snapshot, bound_of(snapshot, "t1"), {"limit": 5}, {"id": "a", "owner": "Bo"})
    before = chain.next_step()
    position = chain.position()
    chain.pick("limit", None)
    chain.choose_row(1)
    chain.edit({"owner": "Al"})
    assert chain.next_step() != before
    chain.skip()
    chain.skip()
    assert chain.next_step() == (None, [])
    chain.restore(position)
    assert chain.next_step() == before
    assert chain.newest.row == 0


def test_a_tool_can_be_skipped_and_one_that_cannot_run_is_skipped_with_a_reason() -> None:
    snapshot = three_tools()
    chain = Chain.begin(snapshot, bound_of(snapshot, "t1"), {}, {"owner": "Bo"})
    chain.skip()
    step, _ = chain.next_step()
    assert step is not None
    assert step.bound.id == "t3"
    broken = snapshot_of("https://up.example", {"next": ["gone", "t1"]})
    chain = Chain.begin(broken, bound_of(broken, "t1"), {}, {})
    step, skip_reasons = chain.next_step()
    assert step is None
    assert skip_reasons == ["there is no such tool in this app"]


def test_suggestions_computed_of_a_position_hold_until_a_result_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    snapshot = three_tools()
    chain = Chain.begin(snapshot, bound_of(snapshot, "t1"), {"limit": 5}, {"id": "a"})
    position = chain.position()
    before = position.next_step()
    chain.reuse(position)
    computed: list[Any] = []
    monkeypatch.setattr(chain_runner, "suggest_arguments", lambda *_, **__: computed.append(1) or {})
    assert chain.next_step() == before
    assert not computed
    chain.edit({"id": "b"})
    chain.next_step()
    assert computed
