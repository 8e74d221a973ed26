"""What nobody touched survives: unknown members, unknown values, odd types, order, exact numbers."""

from __future__ import annotations

import copy
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from drio_tui.api.models import same_json
from drio_tui.schema.form import to_fields, to_json
from drio_tui.schema.leaves import JsonNode, Leaf
from tests.schema.editing import at, edit_somehow, form, form_of, type_into
from tests.schema.strategies import JSON, NAMES, ROOTS, SCALARS

KINDS = ("AppPatch", "AuthConnectionPatch", "IntegrationPatch", "OperationPatch", "ToolPatch", "WidgetPatch")


@given(ROOTS, st.dictionaries(NAMES, JSON, max_size=5))
def test_what_was_loaded_comes_out_as_it_was(schema: Any, loaded: dict[str, Any]) -> None:
    model = form(schema, copy.deepcopy(loaded))
    assert same_json(model.value(), loaded)
    assert list(model.value()) == list(loaded)
    assert model.to_patch() == {}
    assert not model.dirty


@given(ROOTS, st.one_of(st.none(), st.dictionaries(NAMES, JSON, max_size=5)), st.data())
def test_no_schema_and_no_value_makes_the_model_fail(schema: Any, loaded: dict[str, Any] | None, data: Any) -> None:
    model = form(schema, copy.deepcopy(loaded))
    for _ in range(3):
        nodes = list(model.root.walk())
        edit_somehow(data.draw(st.sampled_from(nodes)), data.draw(st.sampled_from(["x", "3", "{", "", "[1]"])))
        model.check()
        model.to_patch()
        model.value(secrets=False)
        [node.field.title for node in model.failing()]
    model.groups()


@given(ROOTS, st.dictionaries(NAMES, JSON, max_size=5), st.data())
def test_an_edit_changes_its_own_member_only(schema: Any, loaded: dict[str, Any], data: Any) -> None:
    model = form(schema, copy.deepcopy(loaded))
    nodes = [node for node in model.root.walk() if node is not model.root]
    if not nodes:
        return
    node = data.draw(st.sampled_from(nodes))
    top = node.path[0]
    edit_somehow(node, data.draw(st.sampled_from(["x", "3", "{", ""])))
    value = model.value()
    assert {name: member for name, member in value.items() if name != top}.keys() >= loaded.keys() - {top}
    for name in loaded.keys() - {top}:
        assert same_json(value[name], loaded[name])
    assert set(model.to_patch()) <= {top}


@given(ROOTS, st.dictionaries(NAMES, JSON, max_size=5), st.data())
def test_reset_takes_every_edit_back(schema: Any, loaded: dict[str, Any], data: Any) -> None:
    model = form(schema, copy.deepcopy(loaded))
    node = data.draw(st.sampled_from(list(model.root.walk())))
    edit_somehow(node, data.draw(st.sampled_from(["x", "3", "{", ""])))
    node.reset()
    model.root.reset()
    assert same_json(model.value(), loaded)


@given(ROOTS, st.dictionaries(NAMES, JSON, max_size=4), st.dictionaries(NAMES, JSON, max_size=4))
def test_the_json_view_can_say_everything_but_secrets(
    schema: Any, loaded: dict[str, Any], wanted: dict[str, Any]
) -> None:
    model = form(_without(schema, "writeOnly", "password"), copy.deepcopy(loaded))
    model.take(copy.deepcopy(wanted))
    assert same_json(model.value(), wanted)


@given(
    st.sampled_from(KINDS),
    st.dictionaries(st.text(min_size=1, max_size=5), SCALARS, max_size=3),
    st.dictionaries(st.text(min_size=1, max_size=5), JSON, max_size=2),
    st.data(),
)
def test_unknown_members_survive_an_edit_of_any_field_of_every_kind(
    kind: str, extra: dict[str, Any], inner: dict[str, Any], data: Any
) -> None:
    """F20."""
    loaded: dict[str, Any] = {"id": "x1", "name": "Old", **{f"x-{name}": value for name, value in extra.items()}}
    loaded["config"] = {"fieldMappings": {"rows": "$.a"}, "style": None, **inner}
    loaded["branding"] = {
        "primaryColor": "#000000",
        "borderRadius": "wobbly",
        **{f"x-{n}": v for n, v in inner.items()},
    }
    model = form_of(kind, copy.deepcopy(loaded))
    leaves = [node for node in model.root.walk() if isinstance(node, Leaf)]
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


def test_unknown_enum_values_stay_until_another_is_chosen() -> None:
    """F21."""
    model = form_of("WidgetPatch", {"name": "n", "primitive": "hologram", "displayMode": "inline"})
    type_into(model, "name", "m")
    assert model.check() == []
    assert model.to_patch() == {"name": "m"}
    primitive = at(model, "primitive")
    assert isinstance(primitive, Leaf)
    primitive.set_value("card")
    assert model.to_patch() == {"name": "m", "primitive": "card"}


def test_members_unknown_to_the_schema_survive_in_items_that_are_moved_and_edited() -> None:
    actions = [{"trigger": "a", "type": "b", "later": [1.0]}, {"trigger": "c", "type": "d", "x": None}]
    model = form_of("ActionsInput", {"actions": copy.deepcopy(actions)})
    items = at(model, "actions")
    items.move(items.items[1], -1)  # type: ignore[attr-defined]  # an array's node
    type_into(model, "actions.0.template", "{{ row }}")
    assert model.to_patch() == {
        "actions": [{"trigger": "c", "type": "d", "x": None, "template": "{{ row }}"}, actions[0]],
    }


def test_a_value_of_another_type_is_edited_as_json_and_kept() -> None:
    """F22."""
    model = form_of("AppPatch", {"name": 5, "description": {"a": 1}})
    assert isinstance(at(model, "name"), JsonNode)
    type_into(model, "slug", "s")
    assert model.to_patch() == {"slug": "s"}


def test_a_place_goes_to_json_and_back_without_a_change() -> None:
    loaded = {"config": {"fieldMappings": {"rows": "$.a"}, "x": [1]}}
    model = form_of("WidgetPatch", copy.deepcopy(loaded))
    place = to_json(at(model, "config"))
    assert not model.dirty
    place.set_text('{"fieldMappings": {"rows": "$.b"}, "x": [1]}')
    to_fields(place)
    assert not isinstance(at(model, "config"), JsonNode)
    assert model.to_patch() == {"config": {"fieldMappings": {"rows": "$.b"}}}


def test_json_text_that_does_not_parse_is_kept_and_is_an_error() -> None:
    model = form_of("OperationPatch", {"inputSchema": {"type": "object"}})
    type_into(model, "inputSchema", '{"type": ')
    place = at(model, "inputSchema")
    assert isinstance(place, JsonNode)
    assert place.text == '{"type": '
    assert [error.path for error in model.check()] == ["inputSchema"]
    assert model.to_patch() == {}


def test_numbers_keep_their_digits() -> None:
    from drio_tui.api.json_codec import dumps, loads

    text = '{"a":1.10000000000000000001,"b":12345678901234567890123,"c":1.0}'
    schema = {"properties": {name: {"type": "number"} for name in "abcd"}}
    model = form(schema, loads(text))
    type_into(model, "d", "0.10000000000000000001")
    assert dumps(model.value()) == text[:-1] + ',"d":0.10000000000000000001}'


def _without(schema: Any, *words: str) -> Any:
    if isinstance(schema, dict):
        return {
            name: _without(value, *words) for name, value in schema.items() if name not in words and value not in words
        }
    return [_without(one, *words) for one in schema] if isinstance(schema, list) else schema
