"""Unknown content survives every editor: properties and values it does not know are kept, whatever is edited."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drio_tui.api.json_values import changes, same_json
from drio_tui.kinds import KINDS
from drio_tui.schema.form import FormModel
from drio_tui.schema.value_nodes import ScalarNode
from drio_tui.ui.base.services import body_schema, without_properties
from drio_tui.ui.editing.editors import editor_properties
from drio_tui.ui.editing.editors.base import Editor
from drio_tui.ui.editing.editors.key_value_list import Pair
from tests.schema.strategies import JSON
from tests.ui.editing.editors.app import app_snapshot
from tests.ui.editing.editors.stage import editor_for
from tests.ui.editing.editors.test_every_editor import EDITOR_CASES, RESOURCES

PREFIX = "x-"
UNKNOWN = st.dictionaries(
    st.text(min_size=1, max_size=4).map(lambda name: f"{PREFIX}{name}"), JSON, min_size=1, max_size=2
)
UNKNOWN_WORD = st.text(min_size=1, max_size=6).map(lambda text: f"{PREFIX}{text}")
ENUMS = {
    "status", "kind", "type", "trigger", "callMode", "primitive", "displayMode", "visibility", "borderRadius", "method",
    "density",
}  # fmt: skip


def with_unknown_content(value: Any, draw: Callable[[Any], Any]) -> Any:
    """Return the value with unknown properties in every object, and unknown values for some enums."""
    if isinstance(value, dict):
        result = {
            name: draw(UNKNOWN_WORD)
            if name in ENUMS and isinstance(inner, str) and draw(st.booleans())
            else with_unknown_content(inner, draw)
            for name, inner in value.items()
        }
        return {**result, **draw(UNKNOWN)}
    if isinstance(value, list):
        return [with_unknown_content(inner, draw) for inner in value]
    return value


def unknown_content(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Any]]:
    """Yield every unknown property and enum value in a value, with its path."""
    if isinstance(value, dict):
        for name, inner in value.items():
            if name.startswith(PREFIX) or (name in ENUMS and isinstance(inner, str) and inner.startswith(PREFIX)):
                yield (*path, name), inner
            else:
                yield from unknown_content(inner, (*path, name))
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from unknown_content(inner, (*path, number))


def value_at(value: Any, path: tuple[Any, ...]) -> Any:
    for step in path:
        value = value[step]
    return value


def edit_form(model: FormModel) -> None:
    """Append to the first plain text field of a form."""
    leaf = next(
        node
        for node in model.root.walk()
        if isinstance(node, ScalarNode) and node.path[-1] in ("path", "name", "title", "fontFamily")
    )
    leaf.set_text(f"{leaf.text}7")


def edit_auth(editor: Any) -> None:
    editor.scopes = [*editor.scopes, "one:more"]


def edit_binding(editor: Any) -> None:
    editor._rebound = True


def edit_chain(editor: Any) -> None:
    editor.next_tools.append("t_pay")


def edit_widget(editor: Any) -> None:
    editor.mappings.append(Pair("columns.more", "$.more"))
    editor.style_pairs.append(Pair("more", "1", True))
    editor.selected["toolId"] = "t_get"


def edit_actions(editor: Any) -> None:
    node, _ = editor.models[-1].nearest_node("template")
    node.set_text("{{ row.other }}")
    editor.models.append(FormModel(editor._action_field))


EDITS: dict[str, Callable[[Any], None]] = {
    "branding": lambda editor: edit_form(editor.model),
    "providerKey": edit_auth,
    "method": lambda editor: edit_form(editor.model),
    "binding": edit_binding,
    "nextToolIds": edit_chain,
    "annotations": lambda editor: edit_form(editor.model),
    "toolId": edit_widget,
    "actions": edit_actions,
}
"""An edit for each editor, as its keys make it."""


def loaded(kind: str, property_name: str, draw: Callable[[Any], Any]) -> tuple[Editor, dict[str, Any]]:
    raw = with_unknown_content(copy.deepcopy(RESOURCES[kind]), draw)
    editor = editor_for(kind, property_name)
    editor.load(raw, app_snapshot())
    return editor, raw


@pytest.mark.parametrize(("kind", "property_name"), EDITOR_CASES)
@settings(max_examples=15)
@given(data=st.data())
def test_an_edit_in_an_editor_preserves_unknown_content(kind: str, property_name: str, data: st.DataObject) -> None:
    editor, raw = loaded(kind, property_name, data.draw)
    local = {name: raw[name] for name in editor.properties if name in raw}
    unknown_before = list(unknown_content(local))
    assert unknown_before or property_name == "nextToolIds"
    EDITS[property_name](editor)
    assert editor.dirty
    value = editor.value()
    for path, inner in unknown_before:
        assert same_json(value_at(value, path), inner), path
    for path, _ in unknown_content(editor.changes()):
        assert len(path) > 1 or property_name in ("binding", "actions"), f"{path} is sent although it was not edited"


@pytest.mark.parametrize(("kind", "property_name"), EDITOR_CASES)
@settings(max_examples=15)
@given(data=st.data())
def test_setting_json_with_one_different_property_changes_only_that_one(
    kind: str, property_name: str, data: st.DataObject
) -> None:
    editor, raw = loaded(kind, property_name, data.draw)
    before = editor.value()
    given = copy.deepcopy({name: raw[name] for name in editor.properties if name in raw})
    name = editor.properties[-1]
    if isinstance(given[name], dict):
        given[name]["y-other"] = 1
    elif isinstance(given[name], list) and given[name] and isinstance(given[name][0], dict):
        given[name][0]["y-other"] = 1
    else:
        return
    editor.set_value(given)
    assert same_json(editor.value(), given)
    editor.set_value(before)
    assert editor.changes() == {}


@pytest.mark.parametrize("kind", sorted(KINDS))
@settings(max_examples=15)
@given(data=st.data())
def test_form_and_json_page_preserve_unknown_content(kind: str, data: st.DataObject) -> None:
    plain = {"id": "i", "name": "Old", "kind": "function", "key": "old", "config": {"headers": {"A": "b"}}}
    raw = with_unknown_content({**copy.deepcopy(RESOURCES.get(kind, plain)), "id": "i", "name": "Old"}, data.draw)
    reader, schema, _ = body_schema(KINDS[kind], None, new=False)
    special = editor_properties(kind)
    form_values = {name: inner for name, inner in raw.items() if name not in special}
    form = FormModel(without_properties(reader, schema, special), form_values)
    edit_form(form)
    assert same_json(changes(form_values, form.value()), {"name": "Old7"})
    json_model = FormModel(reader.field(schema), raw)
    json_model.assign({**json_model.value(), "name": "Old7"})
    assert same_json(changes(raw, json_model.value()), {"name": "Old7"})
    for path, inner in unknown_content(raw):
        assert same_json(value_at(json_model.value(), path), inner)
