"""What is said about wrong values, and where."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from jsonschema import Draft202012Validator, SchemaError

from drio_tui.api import models
from drio_tui.api.errors import BadRequest, FieldError
from drio_tui.kinds import KINDS
from drio_tui.schema import formats, patterns
from drio_tui.schema.check import deep
from drio_tui.schema.fields import Reader
from drio_tui.schema.leaves import SecretLeaf
from tests.schema.editing import at, form, form_of, type_into


def wrong(schema: Any, text: str) -> list[str]:
    model = form({"properties": {"x": schema}})
    type_into(model, "x", text)
    return [error.message for error in model.check()]


def test_everything_wrong_is_said_at_once_with_its_path() -> None:
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
    ("schema", "text", "said"),
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
def test_a_wrong_text_is_named(schema: Any, text: str, said: str) -> None:
    if "1e999" in text:
        schema = {**schema, "maximum": 9}
    found = wrong(schema, text)
    assert len(found) == 1
    assert said in found[0]


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
def test_a_right_text_or_one_only_the_server_can_judge_passes(schema: Any, text: str) -> None:
    assert wrong(schema, text) == []


def test_lists_are_counted_and_may_not_repeat() -> None:
    schema = {"properties": {"x": {"type": "array", "items": {"type": "string"}, "minItems": 3, "uniqueItems": True}}}
    model = form(schema, {"x": []})
    items: Any = at(model, "x")
    for _ in range(2):
        items.add().set_text("same")
    assert [error.message for error in model.check()] == [
        "must have at least 3 items",
        "may not hold the same item twice",
    ]


def test_names_of_a_map_are_needed_and_differ() -> None:
    model = form({"properties": {"x": {"additionalProperties": {"type": "string"}}}}, {"x": {"a": "1"}})
    names: Any = at(model, "x")
    names.add("a").node.set_text("2")
    names.add("").node.set_text("3")
    names.add("")
    messages = [error.message for error in model.check()]
    assert messages == ["has a name that stands here twice"] * 2 + ["needs a name"]


def test_what_was_there_already_is_not_held_against_the_person() -> None:
    model = form_of("AppPatch", {"name": "", "slug": "Old Slug", "companyUrl": "nope"})
    type_into(model, "description", "d")
    assert model.check() == []


def test_an_optional_object_asks_for_its_members_only_once_it_is_begun() -> None:
    model = form_of("ToolCreate")
    type_into(model, "name", "n")
    assert model.check() == []
    type_into(model, "binding.type", "integration_operation")
    assert [error.path for error in model.check()] == ["binding.integrationOperationId"]


def test_a_cleared_required_member_is_missed() -> None:
    model = form({"properties": {"n": {"type": "string"}}, "required": ["n"]}, {"n": "x"})
    type_into(model, "n", "")
    assert [error.message for error in model.check()] == ["is required"]


def test_a_cleared_optional_member_is_sent_as_null_and_a_new_one_left_out() -> None:
    loaded = form_of("AppPatch", {"name": "n", "slug": "s", "branding": {"primaryColor": "#fff"}})
    type_into(loaded, "slug", "")
    at(loaded, "branding").clear()
    assert loaded.to_patch() == {"slug": None, "branding": None}
    new = form_of("AppCreate")
    type_into(new, "slug", "s")
    type_into(new, "slug", "")
    assert new.to_patch() == {}


def test_defaults_fill_what_is_new_and_leave_alone_what_is_not() -> None:
    schema = {"properties": {"in": {"enum": ["header", "query"], "default": "header"}, "t": {"const": "apiKey"}}}
    assert form(schema).value() == {"in": "header", "t": "apiKey"}
    assert form(schema, {}).value() == {}


# -- what the server says -----------------------------------------------------------------------------


def test_the_server_s_errors_land_on_the_fields_they_name_or_the_nearest_above() -> None:
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
    assert [left.path for left in model.apply_errors(error.field_errors)] == ["elsewhere"]
    assert [(node.path, node.refused) for node in model.failing()] == [
        ((), ("elsewhere is wrong",)),
        (("name",), ("is taken",)),
        (("config", "fieldMappings", "rows.x"), ("matches nothing",)),
        (("config", "style"), ("density is odd",)),
    ]


def test_fastapi_s_locations_land_too() -> None:
    model = form_of("ActionsInput", {"actions": [{"trigger": "a", "type": "b"}]})
    model.apply_errors(
        [FieldError("actions.0.WidgetActionInput.type", "is bad"), FieldError("actions[0].trigger", "x")]
    )
    assert [node.path for node in model.failing()] == [("actions", 0, "trigger"), ("actions", 0, "type")]


def test_an_edit_takes_the_server_s_word_away() -> None:
    model = form_of("AppPatch", {"name": "n"})
    model.apply_errors([FieldError("name", "is taken"), FieldError("branding.oops", "is bad")])
    type_into(model, "name", "m")
    assert [node.path for node in model.failing()] == [("branding",)]
    type_into(model, "branding.fontFamily", "x")
    assert model.failing() == []


# -- secrets ------------------------------------------------------------------------------------------

SECRET = {"properties": {"s": {"type": "string", "writeOnly": True}, "n": {"type": "string"}}, "required": ["s"]}


def test_a_secret_is_unchanged_unless_typed() -> None:
    for loaded in ({"n": "x"}, {"n": "x", "s": "••••"}):
        model = form(SECRET, loaded)
        type_into(model, "n", "y")
        assert model.check() == []
        assert model.to_patch() == {"n": "y"}
        type_into(model, "s", "hunter2")
        assert model.to_patch() == {"n": "y", "s": "hunter2"}
        type_into(model, "s", "")
        assert model.to_patch() == {"n": "y"}


def test_a_new_secret_is_asked_for() -> None:
    model = form(SECRET)
    assert [error.path for error in model.check()] == ["s"]


def test_a_secret_shows_in_no_repr_and_in_no_json() -> None:
    model = form(SECRET, {"s": "loaded-secret"})
    type_into(model, "s", "typed-secret")
    node = at(model, "s")
    assert isinstance(node, SecretLeaf)
    assert "secret" not in repr(node).replace("<secret at s>", "")
    assert model.value(secrets=False) == {}
    model.take({"n": "from json"})
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
def test_the_verdict_on_our_own_kinds_is_that_of_a_full_validator(name: str, change: dict[str, Any]) -> None:
    schema = getattr(models, name).model_json_schema(by_alias=True)
    value = {"name": "n", "templateId": "t", "toolId": "t", "primitive": "card", "method": "GET", "path": "/a"}
    value |= {"baseUrl": "https://a.b", **change}
    ours = list(deep(Reader(schema).field(schema), value))
    theirs = list(Draft202012Validator(schema).iter_errors(value))
    assert bool(ours) == bool(theirs), (ours, theirs)


@pytest.mark.parametrize(
    "schema", [{"type": "objekt"}, {"properties": []}, {"required": "a"}, {"items": 3}, {"anyOf": []}]
)
def test_a_schema_that_is_none_is_refused_with_the_place(schema: Any) -> None:
    assert formats.json_schema({"type": "object", "properties": {"deep": schema}}).endswith("properties.deep") or (
        "properties.deep.items" in formats.json_schema({"properties": {"deep": schema}})
    )
    with pytest.raises(SchemaError):
        Draft202012Validator.check_schema(schema)


@pytest.mark.parametrize(
    "pattern",
    ["(a+)+$", "(a|aa)*$", "(.*)*x", "([^,]+,?)*$", r"^(\w+\s?)*$", "^(a{0,4}){24}b", "^(ab|a|aa){20}c",
     "(?:(?:a{1000}){1000}){1000}"],
)  # fmt: skip
def test_a_pattern_that_could_take_for_ever_is_left_to_the_server(pattern: str) -> None:
    assert patterns.mismatch(pattern, "a" * 200 + "!") is False


@pytest.mark.parametrize("pattern", [r"^\d{1,3}(\.\d{1,3}){3}$", "^(cat|dog|bird){3}$", "^[a-z]+(-[a-z]+)*$"])
def test_a_pattern_whose_repeats_are_few_is_tried(pattern: str) -> None:
    assert patterns.mismatch(pattern, "!" * 30) is True


@pytest.mark.parametrize("word", ["anyOf", "oneOf"])
def test_alternatives_within_alternatives_are_left_to_the_server_before_they_multiply(word: str) -> None:
    defs: dict[str, Any] = {f"A{n}": {word: [{"$ref": f"#/$defs/A{n + 1}"}] * 2} for n in range(30)}
    defs["A30"] = {"type": "object", "properties": {"x": {"type": "string"}}}
    schema = {"type": "object", "properties": {"b": {"$ref": "#/$defs/A0"}}, "$defs": defs}
    assert list(deep(Reader(schema).field(schema), {"b": {"x": 1}})) == []
    model = form(schema)
    model.take({"b": {"x": 1}})
    assert model.value() == {"b": {"x": 1}}


def patterns_in(schema: Any) -> Iterator[str]:
    if isinstance(schema, dict):
        if isinstance(schema.get("pattern"), str):
            yield schema["pattern"]
        for inner in schema.values():
            yield from patterns_in(inner)
    elif isinstance(schema, list):
        for inner in schema:
            yield from patterns_in(inner)


def test_every_pattern_of_the_api_s_own_is_told_in_words() -> None:
    kinds = (kind.patch_model for kind in KINDS.values())
    found = {pattern for model in kinds if model is not None for pattern in patterns_in(model.model_json_schema())}
    assert len(found) > 4
    assert [pattern for pattern in found if patterns.saying(pattern).startswith("must match")] == []
