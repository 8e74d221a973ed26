"""How a schema becomes fields."""

from __future__ import annotations

from typing import Any

import pytest

from drio_tui.schema.fields import Field, Hints, Reader
from tests.schema.editing import at, form, type_into


def field(schema: Any, **root: Any) -> Field:
    return Reader({**root, "x": schema}).field(schema, name="x")


def test_a_nullable_reference_is_the_resource_itself() -> None:
    read = field({"anyOf": [{"$ref": "#/$defs/A"}, {"type": "null"}]}, **{"$defs": {"A": {"type": "integer"}}})
    assert (read.kind, read.nullable) == ("integer", True)
    assert field({"type": ["string", "null"]}).nullable
    assert field({"type": "string", "nullable": True}).nullable
    assert field({"enum": ["a", "b", None]}).nullable


def test_parts_of_all_of_hold_together() -> None:
    read = field({"allOf": [{"type": "number", "minimum": 1}, {"type": "integer", "minimum": 3, "maximum": 9}]})
    assert read.kind == "integer"
    assert (read.flat["minimum"], read.flat["maximum"]) == (3, 9)
    both = field({"allOf": [{"properties": {"a": {"type": "string"}}, "required": ["a"]}, {"properties": {"b": {}}}]})
    assert list(both.members) == ["a", "b"]
    assert both.members["a"].required


@pytest.mark.parametrize(
    ("schema", "reason"),
    [
        ({"$ref": "https://example.com/other.json"}, "not fetched"),
        ({"$ref": "other.json#/a"}, "not fetched"),
        ({"$ref": "#/$defs/nowhere"}, "not there"),
        ({"$ref": "#/x"}, "defined by itself"),
        ({"allOf": [{"type": "string"}, {"type": "integer"}]}, "contradict"),
        ({"type": "array", "prefixItems": [{}]}, "place of its own"),
        ({"$dynamicRef": "#meta"}, "dynamic"),
        (False, "nothing is allowed"),
        (7, "not a JSON Schema"),
    ],
)
def test_what_cannot_be_drawn_is_json_with_the_reason(schema: Any, reason: str) -> None:
    """F24: remote references, circles without an end, nonsense."""
    read = field(schema)
    assert read.kind == "json"
    assert reason in read.reason


def test_a_schema_that_doubles_at_each_step_is_given_up_soon() -> None:
    definitions: dict[str, Any] = {"d0": {"type": "string"}}
    for number in range(1, 40):
        definitions[f"d{number}"] = {"allOf": [{"$ref": f"#/$defs/d{number - 1}"}] * 2}
    read = field({"$ref": "#/$defs/d39"}, **{"$defs": definitions})
    assert read.kind == "json"
    assert "too many parts" in read.reason


def test_an_object_that_contains_itself_opens_one_level_at_a_time() -> None:
    """F24."""
    schema = {
        "$ref": "#/$defs/T",
        "$defs": {"T": {"properties": {"v": {"type": "string"}, "next": {"$ref": "#/$defs/T"}}}},
    }
    model = form(schema, {"v": "1", "next": {"v": "2"}})
    assert len(list(model.root.walk())) < 10
    last = at(model, "next.next")
    assert not list(last.drawn())
    last.make_present()
    type_into(model, "next.next.v", "3")
    assert model.value() == {"v": "1", "next": {"v": "2", "next": {"v": "3"}}}


def test_lists_of_lists_of_the_same_go_as_deep_as_they_are_filled() -> None:
    schema = {
        "$defs": {"N": {"properties": {"kids": {"type": "array", "items": {"$ref": "#/$defs/N"}}}}},
        "$ref": "#/$defs/N",
    }
    model = form(schema, {"kids": [{"kids": [{}]}]})
    kids = at(model, "kids.0.kids.0.kids")
    kids.add()  # type: ignore[attr-defined]  # an array's node
    assert model.to_patch() == {"kids": [{"kids": [{"kids": [{}]}]}]}


@pytest.mark.parametrize(
    "schema",
    [
        {"anyOf": [{"type": "string", "enum": ["a", "b"]}, {"type": "string"}], "x-known-values": ["a", "b"]},
        {"anyOf": [{"enum": ["a", "b"]}, {"type": "string"}]},
        {"anyOf": [{"const": "a"}, {"const": "b"}, {"type": "string"}]},
    ],
)
def test_an_open_enumeration_offers_what_is_known_and_takes_the_rest(schema: Any) -> None:
    read = field(schema)
    assert (read.kind, read.open) == ("enum", True)
    assert [option.value for option in read.options] == ["a", "b"]
    model = form({"properties": {"x": schema}})
    type_into(model, "x", "c")
    assert model.check() == []


def test_constants_with_titles_are_an_enumeration_with_labels() -> None:
    read = field({"oneOf": [{"const": 1, "title": "One", "description": "the first"}, {"const": 2}]})
    assert [(option.value, option.label, option.note) for option in read.options] == [
        (1, "One", "the first"),
        (2, "2", ""),
    ]


CHOICE = {
    "oneOf": [{"$ref": "#/$defs/Key"}, {"$ref": "#/$defs/OAuth"}],
    "$defs": {
        "Key": {"properties": {"type": {"const": "key"}, "value": {"type": "string"}}, "required": ["type", "value"]},
        "OAuth": {"properties": {"type": {"enum": ["oauth"]}, "url": {"type": "string"}}, "required": ["type", "url"]},
    },
}


def test_alternatives_are_told_apart_by_their_constant_member() -> None:
    read = Reader(CHOICE).field(CHOICE)
    assert read.discriminator == "type"
    assert [variant.title for variant in read.variants] == ["key", "oauth"]


def test_a_discriminator_names_alternatives_by_its_mapping() -> None:
    schema = {
        "oneOf": [{"$ref": "#/$defs/C"}, {"$ref": "#/$defs/D"}],
        "discriminator": {"propertyName": "kind", "mapping": {"cat": "#/$defs/C"}},
        "$defs": {"C": {"properties": {"kind": {"type": "string"}}}, "D": {"properties": {"kind": {"type": "string"}}}},
    }
    assert [variant.tag for variant in Reader(schema).field(schema).variants] == ["cat", "D"]


def test_choosing_an_alternative_sets_its_constant_and_keeps_what_was_typed_in_the_other() -> None:
    schema = {
        "properties": {"auth": {"$ref": "#/$defs/Any"}},
        "$defs": {**CHOICE["$defs"], "Any": {"oneOf": CHOICE["oneOf"]}},
    }
    model = form(schema, {"auth": {"type": "key", "value": "k", "later": 1}})
    auth: Any = at(model, "auth")
    auth.choose(1)
    type_into(model, "auth.url", "u")
    assert model.to_patch() == {"auth": {"type": "oauth", "url": "u", "value": None, "later": None}}
    auth.choose(0)
    assert model.to_patch() == {}


def test_alternatives_without_names_go_by_title_or_type() -> None:
    read = field({"anyOf": [{"type": "string"}, {"type": "object", "title": "Person", "properties": {"a": {}}}]})
    assert [variant.title for variant in read.variants] == ["Text", "Person"]
    assert [variant.title for variant in field({"type": ["string", "integer"]}).variants] == ["Text", "Integer"]


def test_hints_hide_rename_and_format_members() -> None:
    hints = Hints(
        extra={"status": {"readOnly": True}, "map{}": {"format": "jsonpath"}, "name": {"title": "Called"}},
        multiline=frozenset({"body"}),
    )
    schema = {
        "properties": {
            "status": {"type": "string"},
            "name": {"type": "string"},
            "body": {"type": "string"},
            "map": {"additionalProperties": {"type": "string"}},
        }
    }
    read = Reader(schema, hints).field(schema)
    assert list(read.members) == ["name", "body", "map"]
    assert read.members["name"].title == "Called"
    assert read.members["body"].multiline
    assert read.members["map"].value.format == "jsonpath"


def test_members_only_the_server_sets_are_not_drawn_but_kept() -> None:
    model = form({"properties": {"id": {"type": "string", "readOnly": True}, "n": {"type": "string"}}}, {"id": "1"})
    assert [group.names for group in model.groups()] == [("n",)]
    type_into(model, "n", "x")
    assert model.value() == {"id": "1", "n": "x"}
    assert model.to_patch() == {"n": "x"}


def test_larger_resources_get_a_tab_of_their_own() -> None:
    from tests.schema.editing import form_of

    titles = [group.title for group in form_of("WidgetCreate").groups()]
    assert titles == ["General", "Actions"]
    assert [group.title for group in form_of("AppCreate").groups()] == ["General", "Branding"]
    grouped = form_of("AppCreate").groups({"Looks": ["branding"], "Texts": ["description", "serverInstructions"]})
    assert [group.title for group in grouped] == ["General", "Looks", "Texts"]
