"""Reading a schema as fields."""

from __future__ import annotations

from typing import Any

import pytest

from drio_tui.schema.fields import Field, SchemaOverlay, SchemaReader
from tests.schema.editing import form, node_at, type_into


def field_of(schema: Any, **root: Any) -> Field:
    """The field `x` of a schema; `root` adds to the document in which its references are resolved."""
    return SchemaReader({**root, "x": schema}).field(schema, name="x")


def test_null_beside_a_type_makes_the_field_nullable() -> None:
    field = field_of({"anyOf": [{"$ref": "#/$defs/A"}, {"type": "null"}]}, **{"$defs": {"A": {"type": "integer"}}})
    assert (field.kind, field.nullable) == ("integer", True)
    assert field_of({"type": ["string", "null"]}).nullable
    assert field_of({"type": "string", "nullable": True}).nullable
    assert field_of({"enum": ["a", "b", None]}).nullable


def test_all_of_is_merged() -> None:
    field = field_of({"allOf": [{"type": "number", "minimum": 1}, {"type": "integer", "minimum": 3, "maximum": 9}]})
    assert field.kind == "integer"
    assert (field.flat["minimum"], field.flat["maximum"]) == (3, 9)
    both = field_of(
        {"allOf": [{"properties": {"a": {"type": "string"}}, "required": ["a"]}, {"properties": {"b": {}}}]}
    )
    assert list(both.properties) == ["a", "b"]
    assert both.properties["a"].required


@pytest.mark.parametrize(
    ("schema", "reason"),
    [
        ({"$ref": "https://example.com/other.json"}, "not fetched"),
        ({"$ref": "other.json#/a"}, "not fetched"),
        ({"$ref": "#/$defs/nowhere"}, "not there"),
        ({"$ref": "#/x"}, "defined by itself"),
        ({"allOf": [{"type": "string"}, {"type": "integer"}]}, "contradict"),
        ({"type": "array", "prefixItems": [{}]}, "separate schema for each item"),
        ({"$dynamicRef": "#meta"}, "dynamic"),
        (False, "nothing is allowed"),
        (7, "not a JSON Schema"),
    ],
)
def test_unsupported_schemas_become_json_fields_with_a_reason(schema: Any, reason: str) -> None:
    """F24: remote references, endless recursion, values that are no schema."""
    field = field_of(schema)
    assert field.kind == "json"
    assert reason in field.reason


def test_an_exponentially_large_schema_becomes_a_json_field() -> None:
    definitions: dict[str, Any] = {"d0": {"type": "string"}}
    for number in range(1, 40):
        definitions[f"d{number}"] = {"allOf": [{"$ref": f"#/$defs/d{number - 1}"}] * 2}
    field = field_of({"$ref": "#/$defs/d39"}, **{"$defs": definitions})
    assert field.kind == "json"
    assert "too many parts" in field.reason


def test_recursive_objects_are_created_level_by_level() -> None:
    """F24."""
    schema = {
        "$ref": "#/$defs/T",
        "$defs": {"T": {"properties": {"v": {"type": "string"}, "next": {"$ref": "#/$defs/T"}}}},
    }
    model = form(schema, {"v": "1", "next": {"v": "2"}})
    assert len(list(model.root.walk())) < 10
    last = node_at(model, "next.next")
    assert not list(last.visible_children())
    last.ensure_present()
    type_into(model, "next.next.v", "3")
    assert model.value() == {"v": "1", "next": {"v": "2", "next": {"v": "3"}}}


def test_recursive_lists_are_read_as_deep_as_the_value() -> None:
    schema = {
        "$defs": {"N": {"properties": {"kids": {"type": "array", "items": {"$ref": "#/$defs/N"}}}}},
        "$ref": "#/$defs/N",
    }
    model = form(schema, {"kids": [{"kids": [{}]}]})
    kids = node_at(model, "kids.0.kids.0.kids")
    kids.add()  # type: ignore[attr-defined]  # it is an `ArrayNode`
    assert model.to_patch() == {"kids": [{"kids": [{"kids": [{}]}]}]}


@pytest.mark.parametrize(
    "schema",
    [
        {"anyOf": [{"type": "string", "enum": ["a", "b"]}, {"type": "string"}], "x-known-values": ["a", "b"]},
        {"anyOf": [{"enum": ["a", "b"]}, {"type": "string"}]},
        {"anyOf": [{"const": "a"}, {"const": "b"}, {"type": "string"}]},
    ],
)
def test_an_open_enumeration_allows_unknown_values(schema: Any) -> None:
    field = field_of(schema)
    assert (field.kind, field.allows_other_values) == ("enum", True)
    assert [option.value for option in field.options] == ["a", "b"]
    model = form({"properties": {"x": schema}})
    type_into(model, "x", "c")
    assert model.check() == []


def test_constants_with_titles_become_an_enumeration_with_labels() -> None:
    field = field_of({"oneOf": [{"const": 1, "title": "One", "description": "the first"}, {"const": 2}]})
    assert [(option.value, option.label, option.note) for option in field.options] == [
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


def test_a_constant_property_is_the_discriminator() -> None:
    field = SchemaReader(CHOICE).field(CHOICE)
    assert field.discriminator == "type"
    assert [variant.title for variant in field.variants] == ["key", "oauth"]


def test_the_discriminator_mapping_names_the_alternatives() -> None:
    schema = {
        "oneOf": [{"$ref": "#/$defs/C"}, {"$ref": "#/$defs/D"}],
        "discriminator": {"propertyName": "kind", "mapping": {"cat": "#/$defs/C"}},
        "$defs": {"C": {"properties": {"kind": {"type": "string"}}}, "D": {"properties": {"kind": {"type": "string"}}}},
    }
    assert [variant.tag for variant in SchemaReader(schema).field(schema).variants] == ["cat", "D"]


def test_choosing_another_alternative_keeps_the_text_of_the_first() -> None:
    schema = {
        "properties": {"auth": {"$ref": "#/$defs/Any"}},
        "$defs": {**CHOICE["$defs"], "Any": {"oneOf": CHOICE["oneOf"]}},
    }
    model = form(schema, {"auth": {"type": "key", "value": "k", "later": 1}})
    auth: Any = node_at(model, "auth")
    auth.choose(1)
    type_into(model, "auth.url", "u")
    assert model.to_patch() == {"auth": {"type": "oauth", "url": "u", "value": None, "later": None}}
    auth.choose(0)
    assert model.to_patch() == {}


def test_alternatives_without_a_tag_are_named_by_title_or_type() -> None:
    field = field_of({"anyOf": [{"type": "string"}, {"type": "object", "title": "Contact", "properties": {"a": {}}}]})
    assert [variant.title for variant in field.variants] == ["Text", "Contact"]
    assert [variant.title for variant in field_of({"type": ["string", "integer"]}).variants] == ["Text", "Integer"]


def test_hints_hide_rename_and_format_properties() -> None:
    hints = SchemaOverlay(
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
    field = SchemaReader(schema, hints).field(schema)
    assert list(field.properties) == ["name", "body", "map"]
    assert field.properties["name"].title == "Called"
    assert field.properties["body"].multiline
    assert field.properties["map"].value.format == "jsonpath"


def test_read_only_properties_are_hidden_but_kept() -> None:
    model = form({"properties": {"id": {"type": "string", "readOnly": True}, "n": {"type": "string"}}}, {"id": "1"})
    assert [group.names for group in model.groups()] == [("n",)]
    type_into(model, "n", "x")
    assert model.value() == {"id": "1", "n": "x"}
    assert model.to_patch() == {"n": "x"}


def test_large_objects_and_lists_get_a_separate_tab() -> None:
    from tests.schema.editing import form_of

    titles = [group.title for group in form_of("WidgetCreate").groups()]
    assert titles == ["General", "Actions"]
    assert [group.title for group in form_of("AppCreate").groups()] == ["General", "Branding"]
    grouped = form_of("AppCreate").groups({"Colours": ["branding"], "Texts": ["description", "serverInstructions"]})
    assert [group.title for group in grouped] == ["General", "Colours", "Texts"]
