"""Reading, editing and writing the API's objects: unknown data are neither lost nor changed."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from drio_tui.api import json_codec, models
from drio_tui.api.json_values import changes, same_json
from drio_tui.api.model_types import ApiModel
from drio_tui.kinds import KINDS, Kind
from tests.api.strategies import json_values, texts, wire_objects

READ: list[type[ApiModel]] = [
    models.App, models.Branding, models.AuthProvider, models.AuthConnection, models.Integration, models.Operation,
    models.Tool, models.Binding, models.Annotations, models.Widget, models.WidgetAction, models.WidgetConfig,
    models.Template, models.TemplatePart, models.User, models.Config, models.DeployResult, models.ErrorBody,
    models.ErrorEnvelope,
]  # fmt: skip
WRITTEN: list[type[ApiModel]] = [
    models.AppCreate, models.AppPatch, models.BrandingInput, models.AuthConnectionCreate, models.AuthConnectionPatch,
    models.IntegrationConfigInput, models.IntegrationCreate, models.IntegrationPatch,
    models.OperationCreate, models.OperationPatch,
    models.BindingInput, models.ToolCreate, models.ToolPatch, models.ChainInput, models.WidgetActionInput,
    models.WidgetCreate, models.WidgetPatch, models.ActionsInput,
]  # fmt: skip


CREATE_ONLY: dict[str, set[str]] = {
    "app": {"template_id"},
    "auth": {"provider_key"},
    "tool": {"binding", "next_tool_ids"},  # have routes of their own
    "widget": {"actions"},  # has a route of its own
}
"""The fields of each kind that POST takes and PATCH does not."""


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_what_can_be_created_can_be_changed_and_has_the_same_help(kind: Kind[Any]) -> None:
    assert kind.create_model is not None
    assert kind.patch_model is not None
    created, changed = kind.create_model.model_fields, kind.patch_model.model_fields
    assert created.keys() - changed.keys() == CREATE_ONLY.get(kind.name, set())
    for name in created.keys() & changed.keys():
        assert (changed[name].description, changed[name].examples) == (
            created[name].description,
            created[name].examples,
        )


def test_every_model_is_tested() -> None:
    api_models = {model for model in vars(models).values() if isinstance(model, type) and issubclass(model, ApiModel)}
    assert api_models - {ApiModel} == {*READ, *WRITTEN}


@pytest.mark.parametrize("model", READ, ids=lambda model: model.__name__)
@given(data=st.data())
def test_objects_round_trip_through_model_and_codec_and_need_no_patch(
    model: type[ApiModel], data: st.DataObject
) -> None:
    """F20."""
    raw = data.draw(wire_objects(model))
    wire = model.from_wire(raw).to_wire()
    assert same_json(wire, raw)
    assert changes(wire, model.from_wire(raw).to_wire()) == {}
    assert same_json(
        json_codec.loads(json_codec.dumps(model.from_wire(json_codec.loads(json_codec.dumps(raw))).to_wire())), raw
    )


@pytest.mark.parametrize("model", READ, ids=lambda model: model.__name__)
@given(data=st.data())
def test_patch_has_only_the_changed_property(model: type[ApiModel], data: st.DataObject) -> None:
    raw = data.draw(wire_objects(model))
    base = model.from_wire(raw)
    edited = model.from_wire(raw)
    field_name = data.draw(st.sampled_from(sorted(model.model_fields)))
    alias = model.model_fields[field_name].alias or field_name
    other = model.from_wire(data.draw(wire_objects(model)))
    setattr(edited, field_name, getattr(other, field_name))
    patch = changes(base.to_wire(), edited.to_wire())
    assert set(patch) <= {alias}
    assert _same_but_null(_merge(raw, patch), edited.to_wire())


@given(st.dictionaries(texts, json_values, max_size=4), st.dictionaries(texts, json_values, max_size=4))
def test_applied_patch_gives_the_wanted_object(base: dict[str, Any], wanted: dict[str, Any]) -> None:
    assert _same_but_null(_merge(base, changes(base, wanted)), wanted)


def _merge(base: dict[str, Any], patch: dict[str, Any], depth: int = 1) -> dict[str, Any]:
    """Apply a PATCH as the server does (contract section 6): null clears, objects merge one level."""
    result = dict(base)
    for key, value in patch.items():
        before = base.get(key)
        if depth and isinstance(value, dict) and isinstance(before, dict):
            result[key] = _merge(before, value, depth - 1)
        else:
            result[key] = value
    return result


def _same_but_null(left: dict[str, Any], right: dict[str, Any], depth: int = 1) -> bool:
    """Return whether two objects are equal, if null and absent properties are the same, as in a PATCH."""
    for key in left.keys() | right.keys():
        left_value, right_value = left.get(key), right.get(key)
        if depth and isinstance(left_value, dict) and isinstance(right_value, dict):
            if not _same_but_null(left_value, right_value, depth - 1):
                return False
        elif not same_json(left_value, right_value):
            return False
    return True


def test_patch_has_changes_one_level_deep() -> None:
    base = models.App.from_wire(
        {
            "id": "a",
            "name": "A",
            "x": {"y": {"z": 1, "w": 2}},
            "branding": {"primaryColor": "#000", "accentColor": "#111"},
        }
    )
    edited = base.model_copy(deep=True)
    assert edited.branding
    edited.branding.primary_color = "#fff"
    edited.description = "New"
    assert changes(base.to_wire(), edited.to_wire()) == {"branding": {"primaryColor": "#fff"}, "description": "New"}


def test_patch_has_null_for_removed_properties_and_whole_lists() -> None:
    assert changes({"a": 1, "b": {"c": 1, "d": 2}, "e": [1, 2]}, {"b": {"c": 1}, "e": [1]}) == {
        "a": None, "b": {"d": None}, "e": [1],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("left_value", "right_value"), [(1, True), (0, False), (1, 1.0), ("1", 1), (None, False), ([], {}), ([1], [True])]
)
def test_values_of_different_json_types_differ(left_value: Any, right_value: Any) -> None:
    assert changes({"a": left_value}, {"a": right_value}) == {"a": right_value}


ENUMS = [
    (models.App, "status"), (models.Branding, "borderRadius"), (models.AuthConnection, "status"),
    (models.AuthProvider, "kind"), (models.AuthProvider, "ownership"), (models.AuthProvider, "provisioningMode"),
    (models.Integration, "kind"), (models.Operation, "method"), (models.Tool, "kind"), (models.Binding, "type"),
    (models.Binding, "status"), (models.Widget, "primitive"), (models.Widget, "displayMode"),
    (models.Widget, "visibility"), (models.WidgetAction, "trigger"), (models.WidgetAction, "type"),
    (models.WidgetAction, "callMode"),
]  # fmt: skip


@pytest.mark.parametrize(("model", "property_name"), ENUMS)
def test_unknown_enum_values_are_kept(model: type[ApiModel], property_name: str) -> None:
    """F21."""
    raw = {"id": "x", "key": "k", "name": "n", property_name: "from-the-Future "}
    assert model.from_wire(raw).to_wire() == raw


@pytest.mark.parametrize(("model", "property_name"), ENUMS)
def test_schema_of_an_enum_lists_known_values_and_allows_others(model: type[ApiModel], property_name: str) -> None:
    text = json_codec.dumps(model.model_json_schema()["properties"][property_name])
    assert "x-known-values" in text
    assert '{"type":"string"}' in text


@pytest.mark.parametrize(
    ("model", "raw", "where"),
    [
        (models.App, {"name": "n"}, ("id",)),
        (models.App, {"id": 5, "name": "n"}, ("id",)),
        (models.App, {"id": "a", "name": None}, ("name",)),
        (models.App, {"id": "a", "name": "n", "isEnabled": "true"}, ("isEnabled",)),
        (models.App, {"id": "a", "name": "n", "branding": []}, ("branding",)),
        (models.Tool, {"id": "a", "name": "n", "order": "1"}, ("order",)),
        (models.Tool, {"id": "a", "name": "n", "nextToolIds": "t"}, ("nextToolIds",)),
        (models.Widget, {"id": "a", "name": "n", "actions": [{"template": 5}]}, ("actions", 0, "template")),
        (models.AppCreate, {"templateId": "t", "name": " "}, ("name",)),
        (models.AppCreate, {"templateId": "t", "name": "n", "slug": "A b"}, ("slug",)),
        (models.AppCreate, {"templateId": "t", "name": "n", "companyUrl": "javascript:alert(1)"}, ("companyUrl",)),
        (models.AppCreate, {"templateId": "t", "name": "n", "companyUrl": "https://a@b"}, ("companyUrl",)),
        (models.BrandingInput, {"primaryColor": "red"}, ("primaryColor",)),
        (models.BrandingInput, {"primaryColor": "#fffff"}, ("primaryColor",)),
        (models.OperationCreate, {"name": "n", "method": "GET", "path": "x"}, ("path",)),
        (models.OperationCreate, {"name": "n", "method": "GET", "path": "/a\\b"}, ("path",)),
        (models.ToolCreate, {"name": "n", "order": -1}, ("order",)),
    ],
)
def test_known_properties_are_not_coerced_and_the_error_names_them(
    model: type[ApiModel], raw: Any, where: tuple[str | int, ...]
) -> None:
    with pytest.raises(ValidationError) as caught:
        model.from_wire(raw)
    assert where in [problem["loc"][: len(where)] for problem in caught.value.errors()]


@pytest.mark.parametrize("trailing", ["\n", "\r", " "])
@pytest.mark.parametrize(
    ("model", "property_name", "value"),
    [
        (models.AppPatch, "slug", "acme"), (models.BrandingInput, "primaryColor", "#fff"),
        (models.AppPatch, "companyUrl", "https://acme.com"), (models.OperationPatch, "path", "/contacts"),
    ],
)  # fmt: skip
def test_patterns_match_to_the_last_character(
    model: type[ApiModel], property_name: str, value: str, trailing: str
) -> None:
    assert model.from_wire({property_name: value})
    with pytest.raises(ValidationError):
        model.from_wire({property_name: value + trailing})


def test_new_takes_snake_case_names_and_writes_only_given_fields() -> None:
    model = models.AppCreate.new(template_id="support", name="N", branding={"primary_color": "#fff"})
    assert model.to_wire() == {"templateId": "support", "name": "N", "branding": {"primaryColor": "#fff"}}


def test_null_and_absent_properties_are_kept() -> None:
    assert models.App.from_wire({"id": "a", "name": "n", "slug": None}).to_wire() == {
        "id": "a",
        "name": "n",
        "slug": None,
    }


def test_snake_case_property_is_unknown() -> None:
    app = models.App.from_wire({"id": "a", "name": "n", "company_url": 7})
    assert app.company_url is None
    assert app.to_wire() == {"id": "a", "name": "n", "company_url": 7}


def test_snake_case_and_camel_case_properties_are_kept_separately() -> None:
    for raw in (
        {"id": "a", "name": "n", "company_url": 7, "companyUrl": None},
        {"id": "a", "name": "n", "is_enabled": 1},
    ):
        assert same_json(models.App.from_wire(raw).to_wire(), raw)


def test_property_name_with_a_lone_surrogate_is_a_validation_error() -> None:
    with pytest.raises(ValidationError, match="valid string"):
        models.App.from_wire({"id": "a", "name": "n", "\ud800": 1})
