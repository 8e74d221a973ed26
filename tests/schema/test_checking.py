"""Validation: the messages of errors and their paths."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from jsonschema import Draft202012Validator, SchemaError

from drio_tui.api import models
from drio_tui.api.errors import BadRequest, FieldError
from drio_tui.kinds import KINDS
from drio_tui.schema import formats, patterns
from drio_tui.schema.check import deep_errors
from drio_tui.schema.fields import SchemaReader
from drio_tui.schema.value_nodes import SecretNode
from tests.schema.editing import form, form_of, node_at, type_into


def errors(schema: Any, text: str) -> list[str]:
    """The errors after `text` was typed into a field of that schema."""
    model = form({"properties": {"x": schema}})
    type_into(model, "x", text)
    return [error.message for error in model.check()]


def test_check_returns_all_errors_with_their_paths() -> None:
    model = form_of("AppCreate")
    type_into(model, "slug", "Not A Slug")
    type_into(model, "branding.primaryColor", "red")
    assert [(error.path, error.message) for error in model.check()] == [
        ("templateId", "is required"),
        ("name", "is required"),
        ("slug", "must be lower-case letters, digits and single hyphens"),
        ("branding.primaryColor", "must be a colour such as #0f172a"),
    ]


@pytest.mark.parametrize(
    ("schema", "text", "message"),
    [
        ({"type": "integer"}, "1.5", "whole number"),
        ({"type": "integer"}, "one", "whole number"),
        ({"type": "number"}, "NaN", "a number"),
        ({"type": "number"}, "1e999999999", "at most 9"),
        ({"type": "number", "minimum": 2}, "1", "at least 2"),
        ({"type": "number", "exclusiveMaximum": 2}, "2", "less than 2"),
        ({"type": "number", "multipleOf": 0.1}, "0.35", "multiple of 0.1"),
        ({"type": "string", "minLength": 3}, "ab", "at least 3"),
        ({"type": "string", "maxLength": 3}, "abcd", "at most 3"),
        ({"type": "string", "pattern": r"\S"}, "  ", "blank"),
        ({"type": "string", "pattern": "^a$"}, "a\n", "must match"),
        ({"type": "string", "format": "uri"}, "example.com", "URL"),
        ({"type": "string", "format": "email"}, "me", "e-mail"),
        ({"type": "string", "format": "date-time"}, "yesterday", "time"),
        ({"type": "string", "format": "jsonpath"}, "$.a[", "JSONPath"),
        ({"enum": ["a", "b"]}, "c", "one of a, b"),
    ],
)
def test_an_invalid_text_gives_one_error(schema: Any, text: str, message: str) -> None:
    if "1e999" in text:
        schema = {**schema, "maximum": 9}
    (error,) = errors(schema, text)
    assert message in error


@pytest.mark.parametrize(
    ("schema", "text"),
    [
        ({"type": "integer"}, "12345678901234567890"),
        ({"type": "integer"}, "3.0"),
        ({"type": "number", "multipleOf": 0.1}, "0.3"),
        ({"type": "string", "pattern": "(a+)+$"}, "a" * 40 + "b"),
        ({"type": "string", "pattern": r"^\p{L}+$"}, "é"),
        ({"type": "string", "format": "uri"}, "https://example.com:8080/a?b=c#d"),
        ({"type": "string", "format": "date-time"}, "2026-12-31T23:59:60Z"),
        ({"type": "string", "format": "jsonpath"}, "$.results[?@.age > 3 && match(@.n, 'a.*')]['x', 0, 1:5:2]..*"),
    ],
)
def test_valid_texts_and_patterns_left_to_the_server_pass(schema: Any, text: str) -> None:
    assert errors(schema, text) == []


def test_lists_are_checked_for_size_and_duplicates() -> None:
    schema = {"properties": {"x": {"type": "array", "items": {"type": "string"}, "minItems": 3, "uniqueItems": True}}}
    model = form(schema, {"x": []})
    items: Any = node_at(model, "x")
    for _ in range(2):
        items.add().node.set_text("same")
    assert [error.message for error in model.check()] == [
        "must have at least 3 items",
        "may not hold the same item twice",
    ]


def test_names_of_a_map_are_required_and_unique() -> None:
    model = form({"properties": {"x": {"additionalProperties": {"type": "string"}}}}, {"x": {"a": "1"}})
    names: Any = node_at(model, "x")
    names.add("a").node.set_text("2")
    names.add("").node.set_text("3")
    names.add("")
    messages = [error.message for error in model.check()]
    assert messages == ["has a name that is used twice"] * 2 + ["needs a name"]


def test_invalid_loaded_values_that_were_not_edited_are_not_errors() -> None:
    model = form_of("AppPatch", {"name": "", "slug": "Old Slug", "companyUrl": "nope"})
    type_into(model, "description", "d")
    assert model.check() == []


def test_an_optional_object_requires_its_properties_once_it_is_edited() -> None:
    model = form_of("ToolCreate")
    type_into(model, "name", "n")
    assert model.check() == []
    type_into(model, "binding.type", "integration_operation")
    assert [error.path for error in model.check()] == ["binding.integrationOperationId"]


def test_a_cleared_required_property_is_an_error() -> None:
    model = form({"properties": {"n": {"type": "string"}}, "required": ["n"]}, {"n": "x"})
    type_into(model, "n", "")
    assert [error.message for error in model.check()] == ["is required"]


def test_a_cleared_optional_property_is_sent_as_null_or_left_out_of_a_new_object() -> None:
    loaded = form_of("AppPatch", {"name": "n", "slug": "s", "branding": {"primaryColor": "#fff"}})
    type_into(loaded, "slug", "")
    node_at(loaded, "branding").clear()
    assert loaded.to_patch() == {"slug": None, "branding": None}
    new = form_of("AppCreate")
    type_into(new, "slug", "s")
    type_into(new, "slug", "")
    assert new.to_patch() == {}


def test_defaults_apply_to_new_objects_only() -> None:
    schema = {"properties": {"in": {"enum": ["header", "query"], "default": "header"}, "t": {"const": "apiKey"}}}
    assert form(schema).value() == {"in": "header", "t": "apiKey"}
    assert form(schema, {}).value() == {}


# -- the server's errors ------------------------------------------------------------------------------


def test_server_errors_are_shown_at_their_field_or_the_nearest_one_above() -> None:
    model = form_of("WidgetPatch", {"name": "n", "config": {"fieldMappings": {"rows.x": "$"}}})
    error = BadRequest(
        "no",
        status=400,
        details={
            "fields": [
                {"path": "name", "message": "is taken"},
                {"path": "config.fieldMappings.rows.x", "message": "matches nothing"},
                {"path": "config.style.density", "message": "is odd"},
                {"path": "elsewhere", "message": "is wrong"},
            ]
        },
    )
    assert [unplaced.path for unplaced in model.apply_errors(error.field_errors)] == ["elsewhere"]
    assert [(node.path, node.server_errors) for node in model.nodes_with_errors()] == [
        ((), ("elsewhere is wrong",)),
        (("name",), ("is taken",)),
        (("config", "fieldMappings", "rows.x"), ("matches nothing",)),
        (("config", "style"), ("density is odd",)),
    ]


def test_fastapi_error_paths_are_understood() -> None:
    model = form_of("ActionsInput", {"actions": [{"trigger": "a", "type": "b"}]})
    model.apply_errors(
        [FieldError("actions.0.WidgetActionInput.type", "is bad"), FieldError("actions[0].trigger", "x")]
    )
    assert [node.path for node in model.nodes_with_errors()] == [("actions", 0, "trigger"), ("actions", 0, "type")]


def test_an_edit_discards_the_server_errors_of_the_field() -> None:
    model = form_of("AppPatch", {"name": "n"})
    model.apply_errors([FieldError("name", "is taken"), FieldError("branding.oops", "is bad")])
    type_into(model, "name", "m")
    assert [node.path for node in model.nodes_with_errors()] == [("branding",)]
    type_into(model, "branding.fontFamily", "x")
    assert model.nodes_with_errors() == []


# -- secrets ------------------------------------------------------------------------------------------

SECRET = {"properties": {"s": {"type": "string", "writeOnly": True}, "n": {"type": "string"}}, "required": ["s"]}


def test_a_secret_is_unchanged_unless_text_is_typed() -> None:
    for loaded in ({"n": "x"}, {"n": "x", "s": "••••"}):
        model = form(SECRET, loaded)
        type_into(model, "n", "y")
        assert model.check() == []
        assert model.to_patch() == {"n": "y"}
        type_into(model, "s", "hunter2")
        assert model.to_patch() == {"n": "y", "s": "hunter2"}
        type_into(model, "s", "")
        assert model.to_patch() == {"n": "y"}


def test_a_new_required_secret_is_an_error_until_typed() -> None:
    model = form(SECRET)
    assert [error.path for error in model.check()] == ["s"]


def test_a_secret_is_in_no_repr_and_no_json_view() -> None:
    model = form(SECRET, {"s": "loaded-secret"})
    type_into(model, "s", "typed-secret")
    node = node_at(model, "s")
    assert isinstance(node, SecretNode)
    assert "secret" not in repr(node).replace("<secret at s>", "")
    assert model.value(secrets=False) == {}
    model.assign({"n": "from json"})
    assert model.value() == {"s": "typed-secret", "n": "from json"}


# -- against a full validator -------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["AppCreate", "OperationCreate", "ToolCreate", "WidgetCreate", "IntegrationCreate"])
@pytest.mark.parametrize(
    "change",
    [
        {},
        {"name": ""},
        {"name": 5},
        {"name": None},
        {"key": "A b"},
        {"description": []},
        {"order": -1},
        {"actions": [{}]},
    ],
)
def test_errors_agree_with_jsonschema_for_the_api_models(name: str, change: dict[str, Any]) -> None:
    schema = getattr(models, name).model_json_schema(by_alias=True)
    value = {"name": "n", "templateId": "t", "toolId": "t", "primitive": "card", "method": "GET", "path": "/a"}
    value |= {"baseUrl": "https://a.b", **change}
    found = list(deep_errors(SchemaReader(schema).field(schema), value))
    expected = list(Draft202012Validator(schema).iter_errors(value))
    assert bool(found) == bool(expected), (found, expected)


@pytest.mark.parametrize(
    "schema", [{"type": "objekt"}, {"properties": []}, {"required": "a"}, {"items": 3}, {"anyOf": []}]
)
def test_an_invalid_schema_gives_an_error_with_its_path(schema: Any) -> None:
    assert formats.json_schema({"type": "object", "properties": {"deep": schema}}).endswith("properties.deep") or (
        "properties.deep.items" in formats.json_schema({"properties": {"deep": schema}})
    )
    assert formats.json_schema(schema).split()[0] in ("must", "needs")  # it follows a name, or It
    with pytest.raises(SchemaError):
        Draft202012Validator.check_schema(schema)


@pytest.mark.parametrize(
    "pattern",
    ["(a+)+$", "(a|aa)*$", "(.*)*x", "([^,]+,?)*$", r"^(\w+\s?)*$", "^(a{0,4}){24}b", "^(ab|a|aa){20}c",
     "(?:(?:a{1000}){1000}){1000}"],
)  # fmt: skip
def test_catastrophic_patterns_are_not_matched(pattern: str) -> None:
    assert patterns.mismatch(pattern, "a" * 200 + "!") is False


@pytest.mark.parametrize("pattern", [r"^\d{1,3}(\.\d{1,3}){3}$", "^(cat|dog|bird){3}$", "^[a-z]+(-[a-z]+)*$"])
def test_patterns_with_bounded_repeats_are_matched(pattern: str) -> None:
    assert patterns.mismatch(pattern, "!" * 30) is True


@pytest.mark.parametrize("keyword", ["anyOf", "oneOf"])
def test_deeply_nested_alternatives_are_not_all_tried(keyword: str) -> None:
    defs: dict[str, Any] = {f"A{n}": {keyword: [{"$ref": f"#/$defs/A{n + 1}"}] * 2} for n in range(30)}
    defs["A30"] = {"type": "object", "properties": {"x": {"type": "string"}}}
    schema = {"type": "object", "properties": {"b": {"$ref": "#/$defs/A0"}}, "$defs": defs}
    assert list(deep_errors(SchemaReader(schema).field(schema), {"b": {"x": 1}})) == []
    model = form(schema)
    model.assign({"b": {"x": 1}})
    assert model.value() == {"b": {"x": 1}}


def patterns_in(schema: Any) -> Iterator[str]:
    """Every `pattern` in a schema."""
    if isinstance(schema, dict):
        if isinstance(schema.get("pattern"), str):
            yield schema["pattern"]
        for inner in schema.values():
            yield from patterns_in(inner)
    elif isinstance(schema, list):
        for inner in schema:
            yield from patterns_in(inner)


def test_every_pattern_of_the_api_models_has_a_message() -> None:
    api_models = (kind.patch_model for kind in KINDS.values() if kind.patch_model is not None)
    found = {pattern for model in api_models for pattern in patterns_in(model.model_json_schema())}
    assert len(found) > 4
    assert [pattern for pattern in found if patterns.message(pattern).startswith("must match")] == []
