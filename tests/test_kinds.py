"""The registry of kinds: complete, consistent with the models, and with all references."""

from __future__ import annotations

import typing
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drio_tui.api.model_types import ApiModel
from drio_tui.kinds import APP, INTEGRATION, KINDS, OPERATION, TOOL, WIDGET, Kind, Reference, kind_named
from tests.api.strategies import json_values, wire_objects

KIND = pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS.keys())


def fields(model: type[ApiModel] | None) -> set[str]:
    return {field.alias or name for name, field in model.model_fields.items()} if model else set()


def test_six_kinds_with_unique_names_and_routes() -> None:
    assert list(KINDS) == ["app", "auth", "integration", "operation", "tool", "widget"]
    for attribute in ("title", "plural", "symbol", "collection", "item"):
        assert len({getattr(kind, attribute) for kind in KINDS.values()}) == 6


@KIND
def test_properties_named_by_a_kind_are_fields_of_its_model(kind: Kind[Any]) -> None:
    names = {*kind.columns, *kind.fixed, *kind.multiline} - (
        {"description"} if "description" not in kind.fixed else set()
    )
    assert names <= fields(kind.model) | {"appId"}
    assert not {*kind.fixed} & fields(kind.patch_model), "fixed properties cannot be changed"
    if kind.parent:
        assert kind.parent[0] in fields(kind.model)
        assert kind.parent[1] in KINDS


@KIND
def test_reference_paths_are_fields_of_the_model(kind: Kind[Any]) -> None:
    for reference in kind.references:
        assert reference.to in KINDS
        model: Any = kind.model
        for step in reference.path.split("."):
            assert step.removesuffix("[]") in fields(model)
            name = next(name for name, field in model.model_fields.items() if field.alias == step.removesuffix("[]"))
            models = [part for part in _parts(typing.get_type_hints(model)[name]) if _is_model(part)]
            model = models[0] if models else None


def _parts(annotation: Any) -> list[Any]:
    """Return a type annotation and all annotations inside it."""
    parts = typing.get_args(annotation)
    return [annotation, *(inner for part in parts for inner in _parts(part))] if parts else [annotation]


def _is_model(part: Any) -> bool:
    return isinstance(part, type) and issubclass(part, ApiModel)


@KIND
def test_every_id_field_of_a_model_is_a_reference(kind: Kind[Any]) -> None:
    """So that no broken reference is missed. The app and its template and provider are not resources of the app."""
    known = {reference.path.split(".")[0].removesuffix("[]") for reference in kind.references}
    ids = {name for name in fields(kind.model) if name.endswith(("Id", "Ids"))}
    assert ids - known <= {"appId", "templateId", "publicMcpId", "providerId"}


def test_reference_ids_of_a_tool_have_paths() -> None:
    raw = {"binding": {"integrationOperationId": "op"}, "nextToolIds": ["t2", None, "", 4, "t3"], "widgetId": "w"}
    ids = {reference.path: list(reference.ids(raw)) for reference in TOOL.references}
    assert ids == {
        "binding.integrationOperationId": [("binding.integrationOperationId", "op")],
        "nextToolIds[]": [("nextToolIds[0]", "t2"), ("nextToolIds[4]", "t3")],
        "widgetId": [("widgetId", "w")],
    }


def test_reference_ids_are_found_in_each_action_of_a_widget() -> None:
    raw = {"toolId": "t", "actions": [{"targetToolId": "a"}, "noise", {}, {"targetToolId": "b"}]}
    assert [pair for reference in WIDGET.references for pair in reference.ids(raw)] == [
        ("toolId", "t"), ("actions[0].targetToolId", "a"), ("actions[3].targetToolId", "b"),
    ]  # fmt: skip


@KIND
@given(data=st.data())
def test_reference_ids_are_the_values_at_their_paths(kind: Kind[Any], data: st.DataObject) -> None:
    model: type[ApiModel] = kind.model
    raw = data.draw(wire_objects(model) | st.dictionaries(st.sampled_from(sorted(fields(kind.model))), json_values))
    for reference in kind.references:
        for path, id in reference.ids(raw):
            value: Any = raw
            for step in path.replace("[", ".[").split("."):
                value = value[int(step[1:-1])] if step.startswith("[") else value[step]
            assert value == id
            assert id


@KIND
@given(data=st.data())
def test_replaced_references_have_the_new_ids_and_the_rest_is_unchanged(kind: Kind[Any], data: st.DataObject) -> None:
    raw = data.draw(
        wire_objects(kind.model) | st.dictionaries(st.sampled_from(sorted(fields(kind.model))), json_values)
    )
    for reference in kind.references:
        new = {id: f"new-{id}" for _, id in reference.ids(raw)}
        replaced = reference.replaced(raw, new)
        assert [*reference.ids(replaced)] == [(path, new[id]) for path, id in reference.ids(raw)]
        assert reference.replaced(replaced, {value: name for name, value in new.items()}) == raw


def test_reference_ids_ignore_other_paths_and_types() -> None:
    assert list(Reference("a.b[]", "tool", "", "").ids({"a": {"b": "not a list"}})) == []
    assert list(Reference("a", "tool", "", "").ids({"a": ["not a text"]})) == []
    assert list(Reference("a.b", "tool", "", "").ids({"b": "elsewhere"})) == []


@KIND
@given(raw=st.dictionaries(st.sampled_from(["name", "key", "slug", "id"]), json_values))
def test_label_is_never_blank(kind: Kind[Any], raw: dict[str, Any]) -> None:
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
def test_label_is_the_first_name_that_is_not_blank(raw: dict[str, Any], label: str) -> None:
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
def test_kind_named_accepts_singular_plural_and_case(text: str, kind: Kind[Any] | None) -> None:
    assert kind_named(text) is kind
