"""Reading, editing and writing the API's objects: nothing that is unknown is lost or changed."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from drio_tui.api import json_codec, models
from drio_tui.api.models import ApiModel, changes, same_json
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


def test_every_model_is_tested_here() -> None:
    found = {each for each in vars(models).values() if isinstance(each, type) and issubclass(each, ApiModel)}
    assert found - {ApiModel} == {*READ, *WRITTEN}


@pytest.mark.parametrize("model", READ, ids=lambda model: model.__name__)
@given(data=st.data())
def test_an_object_is_written_back_as_it_came(model: type[ApiModel], data: st.DataObject) -> None:
    raw = data.draw(wire_objects(model))
    assert same_json(model.from_wire(raw).to_wire(), raw)


@pytest.mark.parametrize("model", READ, ids=lambda model: model.__name__)
@given(data=st.data())
def test_an_object_survives_the_wire_and_the_model_together(model: type[ApiModel], data: st.DataObject) -> None:
    """F20."""
    raw = data.draw(wire_objects(model))
    assert same_json(
        json_codec.loads(json_codec.dumps(model.from_wire(json_codec.loads(json_codec.dumps(raw))).to_wire())), raw
    )


@pytest.mark.parametrize("model", READ, ids=lambda model: model.__name__)
@given(data=st.data())
def test_an_edit_sends_the_changed_member_and_no_other(model: type[ApiModel], data: st.DataObject) -> None:
    raw = data.draw(wire_objects(model))
    base = model.from_wire(raw)
    edited = model.from_wire(raw)
    member = data.draw(st.sampled_from(sorted(model.model_fields)))
    alias = model.model_fields[member].alias or member
    other = model.from_wire(data.draw(wire_objects(model)))
    setattr(edited, member, getattr(other, member))
    patch = edited.changes_from(base)
    assert set(patch) <= {alias}
    assert _same_but_null(_merge(raw, patch), edited.to_wire())


@pytest.mark.parametrize("model", READ, ids=lambda model: model.__name__)
@given(data=st.data())
def test_nothing_edited_is_nothing_sent(model: type[ApiModel], data: st.DataObject) -> None:
    raw = data.draw(wire_objects(model))
    assert model.from_wire(raw).changes_from(model.from_wire(raw)) == {}


@given(st.dictionaries(texts, json_values, max_size=4), st.dictionaries(texts, json_values, max_size=4))
def test_a_patch_leads_from_any_object_to_any_other(base: dict[str, Any], wanted: dict[str, Any]) -> None:
    assert _same_but_null(_merge(base, changes(base, wanted)), wanted)


def _merge(base: dict[str, Any], patch: dict[str, Any], depth: int = 1) -> dict[str, Any]:
    """What a server does with a PATCH (contract section 6): null clears, objects merge one level."""
    result = dict(base)
    for key, value in patch.items():
        before = base.get(key)
        if depth and isinstance(value, dict) and isinstance(before, dict):
            result[key] = _merge(before, value, depth - 1)
        else:
            result[key] = value
    return result


def _same_but_null(left: dict[str, Any], right: dict[str, Any], depth: int = 1) -> bool:
    """Equal, where a member that is null and one that is absent are the same, as they are to a PATCH."""
    for key in left.keys() | right.keys():
        one, two = left.get(key), right.get(key)
        if depth and isinstance(one, dict) and isinstance(two, dict):
            if not _same_but_null(one, two, depth - 1):
                return False
        elif not same_json(one, two):
            return False
    return True


def test_a_patch_names_only_what_changed_one_level_deep() -> None:
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
    assert edited.changes_from(base) == {"branding": {"primaryColor": "#fff"}, "description": "New"}


def test_a_removed_member_is_sent_as_null_and_a_list_whole() -> None:
    assert changes({"a": 1, "b": {"c": 1, "d": 2}, "e": [1, 2]}, {"b": {"c": 1}, "e": [1]}) == {
        "a": None, "b": {"d": None}, "e": [1],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("one", "two"), [(1, True), (0, False), (1, 1.0), ("1", 1), (None, False), ([], {}), ([1], [True])]
)
def test_values_of_different_json_types_are_a_change(one: Any, two: Any) -> None:
    assert changes({"a": one}, {"a": two}) == {"a": two}


ENUMS = [
    (models.App, "status"), (models.Branding, "borderRadius"), (models.AuthConnection, "status"),
    (models.AuthProvider, "kind"), (models.AuthProvider, "ownership"), (models.AuthProvider, "provisioningMode"),
    (models.Integration, "kind"), (models.Operation, "method"), (models.Tool, "kind"), (models.Binding, "type"),
    (models.Binding, "status"), (models.Widget, "primitive"), (models.Widget, "displayMode"),
    (models.Widget, "visibility"), (models.WidgetAction, "trigger"), (models.WidgetAction, "type"),
    (models.WidgetAction, "callMode"),
]  # fmt: skip


@pytest.mark.parametrize(("model", "member"), ENUMS)
def test_an_unknown_value_of_an_enumeration_is_kept_word_for_word(model: type[ApiModel], member: str) -> None:
    """F21."""
    raw = {"id": "x", "key": "k", "name": "n", member: "from-the-Future "}
    assert model.from_wire(raw).to_wire() == raw


@pytest.mark.parametrize(("model", "member"), ENUMS)
def test_the_schema_of_an_enumeration_names_what_is_known_and_takes_the_rest(
    model: type[ApiModel], member: str
) -> None:
    text = json_codec.dumps(model.model_json_schema()["properties"][member])
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
def test_nothing_known_is_coerced_and_the_error_names_the_member(
    model: type[ApiModel], raw: Any, where: tuple[str | int, ...]
) -> None:
    with pytest.raises(ValidationError) as caught:
        model.from_wire(raw)
    assert where in [problem["loc"][: len(where)] for problem in caught.value.errors()]


@pytest.mark.parametrize("trailing", ["\n", "\r", " "])
@pytest.mark.parametrize(
    ("model", "member", "value"),
    [
        (models.AppPatch, "slug", "acme"), (models.BrandingInput, "primaryColor", "#fff"),
        (models.AppPatch, "companyUrl", "https://acme.com"), (models.OperationPatch, "path", "/contacts"),
    ],
)  # fmt: skip
def test_a_pattern_holds_to_the_last_character(model: type[ApiModel], member: str, value: str, trailing: str) -> None:
    assert model.from_wire({member: value})
    with pytest.raises(ValidationError):
        model.from_wire({member: value + trailing})


def test_a_model_can_be_made_from_pythons_names_and_writes_only_what_was_given() -> None:
    made = models.AppCreate.new(template_id="support", name="N", branding={"primary_color": "#fff"})
    assert made.to_wire() == {"templateId": "support", "name": "N", "branding": {"primaryColor": "#fff"}}


def test_null_that_was_read_is_written_and_what_was_absent_stays_absent() -> None:
    assert models.App.from_wire({"id": "a", "name": "n", "slug": None}).to_wire() == {
        "id": "a",
        "name": "n",
        "slug": None,
    }


def test_a_member_in_another_spelling_is_unknown_and_no_field() -> None:
    app = models.App.from_wire({"id": "a", "name": "n", "company_url": 7})
    assert app.company_url is None
    assert app.to_wire() == {"id": "a", "name": "n", "company_url": 7}


def test_both_spellings_of_a_member_are_kept_apart() -> None:
    for raw in (
        {"id": "a", "name": "n", "company_url": 7, "companyUrl": None},
        {"id": "a", "name": "n", "is_enabled": 1},
    ):
        assert same_json(models.App.from_wire(raw).to_wire(), raw)


def test_a_name_that_is_half_of_a_character_degrades_the_resource_and_crashes_nothing() -> None:
    with pytest.raises(ValidationError, match="valid string"):
        models.App.from_wire({"id": "a", "name": "n", "\ud800": 1})
