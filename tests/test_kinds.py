"""The registry of kinds: whole, in step with the models, and able to find every reference."""

from __future__ import annotations

import typing
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drio_tui.api.models import ApiModel
from drio_tui.kinds import APP, INTEGRATION, KINDS, OPERATION, TOOL, WIDGET, Kind, Reference, kind_named
from tests.api.strategies import json_values, wire_objects

KIND = pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS.keys())


def fields(model: type[ApiModel] | None) -> set[str]:
    return {field.alias or name for name, field in model.model_fields.items()} if model else set()


def test_there_are_six_kinds_each_under_its_own_name() -> None:
    assert list(KINDS) == ["app", "auth", "integration", "operation", "tool", "widget"]
    for attribute in ("title", "plural", "symbol", "collection", "item"):
        assert len({getattr(kind, attribute) for kind in KINDS.values()}) == 6


@KIND
def test_every_member_that_a_kind_names_is_a_field_of_its_model(kind: Kind[Any]) -> None:
    named = {*kind.columns, *kind.fixed, *kind.multiline} - (
        {"description"} if "description" not in kind.fixed else set()
    )
    assert named <= fields(kind.model) | {"appId"}
    assert not {*kind.fixed} & fields(kind.patch_model), "what only the server sets cannot be changed"
    if kind.parent:
        assert kind.parent[0] in fields(kind.model)
        assert kind.parent[1] in KINDS


@KIND
def test_every_reference_leads_from_a_member_of_the_model_to_a_kind(kind: Kind[Any]) -> None:
    for reference in kind.references:
        assert reference.to in KINDS
        model: Any = kind.model
        for step in reference.path.split("."):
            assert step.removesuffix("[]") in fields(model)
            name = next(n for n, f in model.model_fields.items() if f.alias == step.removesuffix("[]"))
            inner = [part for part in _parts(typing.get_type_hints(model)[name]) if _is_model(part)]
            model = inner[0] if inner else None


def _parts(annotation: Any) -> list[Any]:
    parts = typing.get_args(annotation)
    return [annotation, *(each for part in parts for each in _parts(part))] if parts else [annotation]


def _is_model(part: Any) -> bool:
    return isinstance(part, type) and issubclass(part, ApiModel)


@KIND
def test_every_member_that_holds_another_resources_id_is_a_reference(kind: Kind[Any]) -> None:
    """So that no dangling id goes unseen. The app and its template and provider are not resources of the app."""
    known = {reference.path.split(".")[0].removesuffix("[]") for reference in kind.references}
    ids = {name for name in fields(kind.model) if name.endswith(("Id", "Ids"))}
    assert ids - known <= {"appId", "templateId", "publicMcpId", "providerId"}


def test_the_references_of_a_tool_are_found_with_their_places() -> None:
    raw = {"binding": {"integrationOperationId": "op"}, "nextToolIds": ["t2", None, "", 4, "t3"], "widgetId": "w"}
    found = {reference.path: list(reference.ids(raw)) for reference in TOOL.references}
    assert found == {
        "binding.integrationOperationId": [("binding.integrationOperationId", "op")],
        "nextToolIds[]": [("nextToolIds[0]", "t2"), ("nextToolIds[4]", "t3")],
        "widgetId": [("widgetId", "w")],
    }


def test_the_references_of_a_widget_are_found_in_each_action() -> None:
    raw = {"toolId": "t", "actions": [{"targetToolId": "a"}, "noise", {}, {"targetToolId": "b"}]}
    assert [pair for reference in WIDGET.references for pair in reference.ids(raw)] == [
        ("toolId", "t"), ("actions[0].targetToolId", "a"), ("actions[3].targetToolId", "b"),
    ]  # fmt: skip


@KIND
@given(data=st.data())
def test_looking_for_references_never_fails_and_finds_only_what_is_there(kind: Kind[Any], data: st.DataObject) -> None:
    model: type[ApiModel] = kind.model
    raw = data.draw(wire_objects(model) | st.dictionaries(st.sampled_from(sorted(fields(kind.model))), json_values))
    for reference in kind.references:
        for place, id in reference.ids(raw):
            value: Any = raw
            for step in place.replace("[", ".[").split("."):
                value = value[int(step[1:-1])] if step.startswith("[") else value[step]
            assert value == id
            assert id


def test_a_reference_looks_only_where_it_says() -> None:
    assert list(Reference("a.b[]", "tool", "", "").ids({"a": {"b": "not a list"}})) == []
    assert list(Reference("a", "tool", "", "").ids({"a": ["not a text"]})) == []
    assert list(Reference("a.b", "tool", "", "").ids({"b": "elsewhere"})) == []


@KIND
@given(raw=st.dictionaries(st.sampled_from(["name", "key", "slug", "id"]), json_values))
def test_everything_has_a_label(kind: Kind[Any], raw: dict[str, Any]) -> None:
    label = kind.label(raw)
    assert label.strip()
    assert label in [*raw.values(), "(no name)"]


@pytest.mark.parametrize(
    ("raw", "label"),
    [
        ({"name": "N", "id": "i"}, "N"),
        ({"name": " ", "key": "k"}, "k"),
        ({"slug": "s", "id": "i"}, "s"),
        ({"id": "i"}, "i"),
        ({}, "(no name)"),
    ],
)
def test_the_label_is_the_best_name_there_is(raw: dict[str, Any], label: str) -> None:
    assert APP.label(raw) == label


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("tool", TOOL),
        ("tools", TOOL),
        (" Tools ", TOOL),
        ("OPERATIONS", OPERATION),
        ("integration", INTEGRATION),
        ("nothing", None),
        ("", None),
    ],
)
def test_a_kind_is_found_under_the_names_that_people_use(text: str, kind: Kind[Any] | None) -> None:
    assert kind_named(text) is kind
