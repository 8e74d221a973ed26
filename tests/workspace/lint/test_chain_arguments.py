"""The preflight names arguments that no result of a chain can fill, and never one that a result might."""

from __future__ import annotations

from typing import Any

import pytest

from drio_tui.workspace.lint.chain_arguments import KnownRuns, unfilled_arguments
from drio_tui.workspace.run.argument_suggestions import ArgumentPath
from drio_tui.workspace.run.chain_choices import ChainChoices
from drio_tui.workspace.run.run_history import RunHistory
from tests.workspace.run.conftest import snapshot_of
from tests.workspace.run.test_chain_runner import requiring

TEXT = {"type": "string"}
ITEM = {"type": "object", "properties": {"id": TEXT, "name": TEXT}}
LIST = {"type": "object", "properties": {"results": {"type": "array", "items": ITEM}}}
NO_ARGUMENTS: dict[str, Any] = {"type": "object", "properties": {}}


def reported(
    wanted: str, output: Any = LIST, known: KnownRuns | None = None, *, schema: Any = NO_ARGUMENTS, **second: Any
) -> list[tuple[str, str]]:
    snapshot = snapshot_of(
        "https://up.example",
        {"next": ["t2"], "path": "/contacts", "output": output, "schema": schema},
        {"schema": requiring(**{wanted: TEXT}), "path": "/notes", **second},
    )
    return [(found.path, found.message) for found in unfilled_arguments(snapshot, known or KnownRuns())]


OWNER = [("nextToolIds[0]", "Nothing that comes before gives Tool 2 its ownerKey.")]


def test_an_argument_that_nothing_before_it_can_fill_is_reported() -> None:
    assert reported("ownerKey") == OWNER
    assert reported("ownerKey", {"type": "object", "properties": {"count": {"type": "integer"}}}) == OWNER


@pytest.mark.parametrize(
    "output",
    [
        None,
        {},
        True,
        {"type": "object"},
        LIST | {"additionalProperties": True},
        {"type": "object", "properties": {"results": {"type": "array"}}},
        {"type": "object", "properties": {"contact": {"$ref": "#/$defs/gone"}}},
        {"oneOf": [LIST, ITEM]},
    ],
)
def test_what_an_open_schema_may_hold_is_not_missed(output: Any) -> None:
    assert reported("ownerKey", output) == []


@pytest.mark.parametrize("value", [None, 7, "", "{", "http://[", [], [[]], {}, {"config": []}, {"properties": [7]}])
def test_no_property_of_another_type_breaks_the_check(value: Any) -> None:
    tool = {"auth": {"type": "bearer"}, "widget": {"config": {}}, "next": ["t1"]}
    names = {resource.key: [*resource.raw] for resource in snapshot_of("https://up.example", tool)}
    for (kind, id), properties in names.items():
        for name in properties:
            snapshot = snapshot_of("https://up.example", tool)
            snapshot.parts[kind].resources[id].raw[name] = value
            codes = {found.code for found in unfilled_arguments(snapshot, KnownRuns())}
            assert codes <= {"unfilled_chain_argument"}, (kind, name)


def test_what_a_result_gives_is_not_reported() -> None:
    assert reported("contactId") == []
    assert reported("name") == []
    assert reported("ownerKey", schema={"type": "object", "properties": {"ownerKey": TEXT}}) == []
    assert reported("ownerKey", method="POST") == []  # the model calls it
    assert reported("ownerKey", known=KnownRuns({"t1": {"results": [{"ownerKey": "k"}]}})) == []


def test_a_path_that_the_user_chose_counts() -> None:
    history = RunHistory("http://drio.example", "app_1")
    snapshot = snapshot_of("https://up.example", {}, {})
    ChainChoices.read(history).keep(snapshot, "t1", "t2", {"ownerKey": ArgumentPath("t1", "$.results[*].name")})
    assert reported("ownerKey", known=KnownRuns.read(history)) == []
