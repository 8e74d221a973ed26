"""Where the arguments of a chain come from is remembered, for the tools that it was chosen for."""

from __future__ import annotations

import json

import pytest

from drio_tui.workspace.model.snapshot import PartLoaded, Snapshot, resources_of
from drio_tui.workspace.run.argument_suggestions import ArgumentPath
from drio_tui.workspace.run.bound_tool import bound_of
from drio_tui.workspace.run.chain_choices import ChainChoices
from drio_tui.workspace.run.chain_runner import Chain
from drio_tui.workspace.run.run_history import NotKept, RunHistory
from tests.workspace.run.conftest import snapshot_of
from tests.workspace.run.test_chain_runner import requiring

TEXT = {"type": "string"}


def app(*tools: dict[str, str]) -> Snapshot:
    snapshot = Snapshot("app_1")
    snapshot.apply(PartLoaded("tool", resources_of("tool", [*tools], lambda _raw: "")))
    return snapshot


def test_choices_follow_renamed_tools_and_tools_that_were_created_again() -> None:
    history = RunHistory("http://drio.example", "app_1")
    before = app({"id": "t1", "key": "list"}, {"id": "t2", "key": "show"})
    ChainChoices.read(history).keep(before, "t1", "t2", {"id": ArgumentPath("t1", "$.rows[*].id"), "q": None})
    renamed = app({"id": "t1", "key": "find"}, {"id": "t2", "key": "show"})
    expected = {"id": ArgumentPath("t1", "$.rows[*].id"), "q": None}
    assert ChainChoices.read(history).places(renamed, "t1", "t2") == expected
    again = app({"id": "t8", "key": "list"}, {"id": "t9", "key": "show"})
    assert ChainChoices.read(history).places(again, "t8", "t9") == {"id": ArgumentPath("t8", "$.rows[*].id"), "q": None}
    assert ChainChoices.read(history).places(again, "t9", "t8") == {}
    assert ChainChoices.read(RunHistory("http://drio.example", "app_2")).places(before, "t1", "t2") == {}


def test_unknown_properties_and_the_files_of_newer_versions_are_kept() -> None:
    history = RunHistory("http://drio.example", "app_1")
    snapshot = app({"id": "t1", "key": "list"}, {"id": "t2", "key": "show"})
    ChainChoices.read(history).keep(snapshot, "t1", "t2", {"id": ArgumentPath("t1", "$.id")})
    file = history.folder / "chains.json"
    document = json.loads(file.read_text())
    document["x"] = document["chains"][0]["x"] = document["chains"][0]["arguments"]["id"]["x"] = 1
    document["chains"].append({"other": 2})
    file.write_text(json.dumps(document))
    ChainChoices.read(history).keep(snapshot, "t1", "t2", {"id": ArgumentPath("t1", "$.a.id")})
    document = json.loads(file.read_text())
    other, entry = document["chains"]
    assert (document["x"], entry["x"], other) == (1, 1, {"other": 2})
    assert entry["arguments"]["id"] == {"from": "t1", "fromKey": "list", "path": "$.a.id", "x": 1}
    file.write_text('{"v":2,"chains":"?"}')
    with pytest.raises(NotKept, match="newer version"):
        ChainChoices.read(history).keep(snapshot, "t1", "t2", {})
    assert file.read_text() == '{"v":2,"chains":"?"}'


def test_a_chain_uses_the_row_and_the_kept_choice() -> None:
    history = RunHistory("http://drio.example", "app_1")
    snapshot = snapshot_of(
        "https://up.example",
        {"next": ["t2"], "path": "/contacts"},
        {"schema": requiring(contactId=TEXT), "path": "/contacts/{contactId}", "next": ["t3"]},
        {"schema": requiring(contactId=TEXT, code=TEXT), "path": "/tickets"},
    )
    result = {"results": [{"id": "con_1", "code": "a"}, {"id": "con_2", "code": "b"}]}

    def begin() -> Chain:
        return Chain.begin(snapshot, bound_of(snapshot, "t1"), {}, result, ChainChoices.read(history))

    chain = begin()
    chain.choose_row(1)
    step = chain.next_step()[0]
    assert step is not None
    assert step.arguments == {"contactId": "con_2"}
    assert step.is_local
    assert step.rows is not None
    assert step.rows.path == "$.results"
    chain.pick("contactId", ArgumentPath("t1", "$.results[*].code"))
    step = chain.next_step()[0]
    assert step is not None
    assert chain.keep(step)
    chain.done(step.bound, {"name": "Ben"})
    third = chain.next_step()[0]
    assert third is not None
    assert third.arguments == {"contactId": "con_2", "code": "b"}  # still of the row that was chosen
    remembered = begin().next_step()[0]
    assert remembered is not None
    assert remembered.arguments == {"contactId": "a"}
    chain = begin()
    chain.edit({"contactId": "con_9"})
    chain.pick("contactId", None)
    step = chain.next_step()[0]
    assert step is not None
    assert step.absent == ("contactId",)
