"""Unedited parts of a value are preserved: unknown properties and values, unexpected types, order, exact numbers."""

from __future__ import annotations

import copy
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from drio_tui.api.json_values import same_json
from drio_tui.schema.form import to_fields, to_json
from drio_tui.schema.value_nodes import JsonNode, ScalarNode
from tests.schema.editing import edit, form, form_of, node_at, type_into
from tests.schema.strategies import JSON, NAMES, ROOTS, SCALARS

MODELS = ("AppPatch", "AuthConnectionPatch", "IntegrationPatch", "OperationPatch", "ToolPatch", "WidgetPatch")


@given(ROOTS, st.dictionaries(NAMES, JSON, max_size=5))
def test_a_loaded_value_is_unchanged_without_edits(schema: Any, loaded: dict[str, Any]) -> None:
    model = form(schema, copy.deepcopy(loaded))
    assert same_json(model.value(), loaded)
    assert list(model.value()) == list(loaded)
    assert model.to_patch() == {}
    assert not model.dirty


@given(ROOTS, st.one_of(st.none(), st.dictionaries(NAMES, JSON, max_size=5)), st.data())
def test_no_schema_and_no_value_makes_the_model_raise(schema: Any, loaded: dict[str, Any] | None, data: Any) -> None:
    model = form(schema, copy.deepcopy(loaded))
    for _ in range(3):
        nodes = list(model.root.walk())
        edit(data.draw(st.sampled_from(nodes)), data.draw(st.sampled_from(["x", "3", "{", "", "[1]"])))
        model.check()
        model.to_patch()
        model.value(secrets=False)
        [node.field.title for node in model.nodes_with_errors()]
    model.groups()


@given(ROOTS, st.dictionaries(NAMES, JSON, max_size=5), st.data())
def test_an_edit_changes_no_other_property(schema: Any, loaded: dict[str, Any], data: Any) -> None:
    model = form(schema, copy.deepcopy(loaded))
    nodes = [node for node in model.root.walk() if node is not model.root]
    if not nodes:
        return
    node = data.draw(st.sampled_from(nodes))
    top = node.path[0]
    edit(node, data.draw(st.sampled_from(["x", "3", "{", ""])))
    value = model.value()
    assert value.keys() - {top} >= loaded.keys() - {top}
    for name in loaded.keys() - {top}:
        assert same_json(value[name], loaded[name])
    assert set(model.to_patch()) <= {top}


@given(ROOTS, st.dictionaries(NAMES, JSON, max_size=5), st.data())
def test_reset_reverts_every_edit(schema: Any, loaded: dict[str, Any], data: Any) -> None:
    model = form(schema, copy.deepcopy(loaded))
    node = data.draw(st.sampled_from(list(model.root.walk())))
    edit(node, data.draw(st.sampled_from(["x", "3", "{", ""])))
    node.reset()
    model.root.reset()
    assert same_json(model.value(), loaded)


@given(ROOTS, st.dictionaries(NAMES, JSON, max_size=4), st.dictionaries(NAMES, JSON, max_size=4))
def test_the_json_view_can_set_every_value_but_secrets(
    schema: Any, loaded: dict[str, Any], value: dict[str, Any]
) -> None:
    model = form(_without(schema, "writeOnly", "password"), copy.deepcopy(loaded))
    model.assign(copy.deepcopy(value))
    assert same_json(model.value(), value)


@given(
    st.sampled_from(MODELS),
    st.dictionaries(st.text(min_size=1, max_size=5), SCALARS, max_size=3),
    st.dictionaries(st.text(min_size=1, max_size=5), JSON, max_size=2),
    st.data(),
)
def test_unknown_properties_are_preserved_by_an_edit_of_any_field(
    model_name: str, extra: dict[str, Any], inner: dict[str, Any], data: Any
) -> None:
    """F20."""
    loaded: dict[str, Any] = {"id": "x1", "name": "Old", **{f"x-{name}": value for name, value in extra.items()}}
    loaded["config"] = {"fieldMappings": {"rows": "$.a"}, "style": None, **inner}
    loaded["branding"] = {
        "primaryColor": "#000000",
        "borderRadius": "wobbly",
        **{f"x-{n}": v for n, v in inner.items()},
    }
    model = form_of(model_name, copy.deepcopy(loaded))
    leaves = [node for node in model.root.walk() if isinstance(node, ScalarNode)]
    leaf = data.draw(st.sampled_from(leaves))
    leaf.set_text(f"{leaf.text}7")
    value = model.value()
    for name in extra:
        assert same_json(value[f"x-{name}"], loaded[f"x-{name}"])
    for name in inner:
        if leaf.path[:2] != ("config", name):
            assert same_json(value["config"][name], loaded["config"][name])
        assert same_json(value["branding"][f"x-{name}"], loaded["branding"][f"x-{name}"])
    if leaf.path != ("branding", "borderRadius"):
        assert value["branding"]["borderRadius"] == "wobbly"
    patch = model.to_patch()
    assert set(patch) <= {str(leaf.path[0])}
    if leaf.path[0] == "branding":
        assert set(patch["branding"]) == {leaf.path[1]}


def test_unknown_enum_values_are_kept_until_another_is_chosen() -> None:
    """F21."""
    model = form_of("WidgetPatch", {"name": "n", "primitive": "hologram", "displayMode": "inline"})
    type_into(model, "name", "m")
    assert model.check() == []
    assert model.to_patch() == {"name": "m"}
    primitive = node_at(model, "primitive")
    assert isinstance(primitive, ScalarNode)
    primitive.set_value("card")
    assert model.to_patch() == {"name": "m", "primitive": "card"}


def test_unknown_properties_of_moved_and_edited_items_are_preserved() -> None:
    actions = [{"trigger": "a", "type": "b", "later": [1.0]}, {"trigger": "c", "type": "d", "x": None}]
    model = form_of("ActionsInput", {"actions": copy.deepcopy(actions)})
    items = node_at(model, "actions")
    items.move(items.entries[1].node, -1)  # type: ignore[attr-defined]  # it is an `ArrayNode`
    type_into(model, "actions.0.template", "{{ row }}")
    assert model.to_patch() == {
        "actions": [{"trigger": "c", "type": "d", "x": None, "template": "{{ row }}"}, actions[0]],
    }


def test_a_value_of_the_wrong_type_is_edited_as_json_and_kept() -> None:
    """F22."""
    model = form_of("AppPatch", {"name": 5, "description": {"a": 1}})
    assert isinstance(node_at(model, "name"), JsonNode)
    type_into(model, "slug", "s")
    assert model.to_patch() == {"slug": "s"}


def test_switching_a_field_to_json_and_back_changes_nothing() -> None:
    loaded = {"config": {"fieldMappings": {"rows": "$.a"}, "x": [1]}}
    model = form_of("WidgetPatch", copy.deepcopy(loaded))
    json_node = to_json(node_at(model, "config"))
    assert not model.dirty
    json_node.set_text('{"fieldMappings": {"rows": "$.b"}, "x": [1]}')
    to_fields(json_node)
    assert not isinstance(node_at(model, "config"), JsonNode)
    assert model.to_patch() == {"config": {"fieldMappings": {"rows": "$.b"}}}


def test_invalid_json_text_is_kept_and_is_an_error() -> None:
    model = form_of("OperationPatch", {"inputSchema": {"type": "object"}})
    type_into(model, "inputSchema", '{"type": ')
    node = node_at(model, "inputSchema")
    assert isinstance(node, JsonNode)
    assert node.text == '{"type": '
    assert [error.path for error in model.check()] == ["inputSchema"]
    assert model.to_patch() == {}


def test_numbers_keep_their_exact_digits() -> None:
    from drio_tui.api.json_codec import dumps, loads

    text = '{"a":1.10000000000000000001,"b":12345678901234567890123,"c":1.0}'
    schema = {"properties": {name: {"type": "number"} for name in "abcd"}}
    model = form(schema, loads(text))
    type_into(model, "d", "0.10000000000000000001")
    assert dumps(model.value()) == text[:-1] + ',"d":0.10000000000000000001}'


def _without(schema: Any, *words: str) -> Any:
    """The schema without the properties whose name or value is one of the words."""
    if isinstance(schema, dict):
        return {
            name: _without(value, *words) for name, value in schema.items() if name not in words and value not in words
        }
    return [_without(item, *words) for item in schema] if isinstance(schema, list) else schema
