"""What nobody knows survives every editor: members and values from elsewhere are kept whatever else is edited."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drio_tui.api.models import changes, same_json
from drio_tui.kinds import KINDS
from drio_tui.schema.form import FormModel
from drio_tui.schema.leaves import Leaf
from drio_tui.ui.base.services import body_of, without_members
from drio_tui.ui.editing.editors import special_members
from drio_tui.ui.editing.editors.base import Editor
from drio_tui.ui.editing.editors.key_value_list import Pair
from tests.schema.strategies import JSON
from tests.ui.editing.editors.app import world
from tests.ui.editing.editors.stage import editor_for
from tests.ui.editing.editors.test_every_editor import EDITORS, THINGS

MARK = "x-"
UNKNOWN = st.dictionaries(
    st.text(min_size=1, max_size=4).map(lambda name: f"{MARK}{name}"), JSON, min_size=1, max_size=2
)
STRANGE = st.text(min_size=1, max_size=6).map(lambda text: f"{MARK}{text}")
ENUMS = {
    "status", "kind", "type", "trigger", "callMode", "primitive", "displayMode", "visibility", "borderRadius", "method",
    "density",
}  # fmt: skip


def salted(value: Any, draw: Callable[[Any], Any]) -> Any:
    """The value with unknown members in every object of it, and unknown words where one of a few is usual."""
    if isinstance(value, dict):
        found = {
            name: draw(STRANGE)
            if name in ENUMS and isinstance(inner, str) and draw(st.booleans())
            else salted(inner, draw)
            for name, inner in value.items()
        }
        return {**found, **draw(UNKNOWN)}
    if isinstance(value, list):
        return [salted(inner, draw) for inner in value]
    return value


def unknown(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Any]]:
    """Every unknown member and word in a value, with the path to it."""
    if isinstance(value, dict):
        for name, inner in value.items():
            if name.startswith(MARK) or (name in ENUMS and isinstance(inner, str) and inner.startswith(MARK)):
                yield (*path, name), inner
            else:
                yield from unknown(inner, (*path, name))
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from unknown(inner, (*path, number))


def at(value: Any, path: tuple[Any, ...]) -> Any:
    for step in path:
        value = value[step]
    return value


def edit_form(model: FormModel) -> None:
    """Write into the first plain line of a form."""
    leaf = next(
        node
        for node in model.root.walk()
        if isinstance(node, Leaf) and node.path[-1] in ("path", "name", "title", "fontFamily")
    )
    leaf.set_text(f"{leaf.text}7")


def edit_auth(editor: Any) -> None:
    editor.scopes = [*editor.scopes, "one:more"]


def edit_binding(editor: Any) -> None:
    editor._rebound = True


def edit_chain(editor: Any) -> None:
    editor.next.append("t_pay")


def edit_widget(editor: Any) -> None:
    editor.mappings.append(Pair("columns.more", "$.more"))
    editor.style_pairs.append(Pair("more", "1", True))
    editor.picked["toolId"] = "t_get"


def edit_actions(editor: Any) -> None:
    node, _ = editor.models[-1].nearest("template")
    node.set_text("{{ row.other }}")
    editor.models.append(FormModel(editor._item))


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
"""One edit that each editor is for, as its keys make it."""


def loaded(kind: str, member: str, draw: Callable[[Any], Any]) -> tuple[Editor, dict[str, Any]]:
    raw = salted(copy.deepcopy(THINGS[kind]), draw)
    editor = editor_for(kind, member)
    editor.load(raw, world())
    return editor, raw


@pytest.mark.parametrize(("kind", "member"), EDITORS)
@settings(max_examples=15)
@given(data=st.data())
def test_an_edit_in_a_special_editor_leaves_everything_unknown_as_it_was(
    kind: str, member: str, data: st.DataObject
) -> None:
    editor, raw = loaded(kind, member, data.draw)
    mine = {name: raw[name] for name in editor.members if name in raw}
    kept = list(unknown(mine))
    assert kept or member == "nextToolIds"
    EDITS[member](editor)
    assert editor.dirty
    value = editor.value()
    for path, inner in kept:
        assert same_json(at(value, path), inner), path
    for path, _ in unknown(editor.changes()):
        assert len(path) > 1 or member in ("binding", "actions"), f"{path} is sent although nobody touched it"


@pytest.mark.parametrize(("kind", "member"), EDITORS)
@settings(max_examples=15)
@given(data=st.data())
def test_json_that_says_the_same_but_for_one_member_changes_only_that_one(
    kind: str, member: str, data: st.DataObject
) -> None:
    editor, raw = loaded(kind, member, data.draw)
    before = editor.value()
    wanted = copy.deepcopy({name: raw[name] for name in editor.members if name in raw})
    name = editor.members[-1]
    if isinstance(wanted[name], dict):
        wanted[name]["y-other"] = 1
    elif isinstance(wanted[name], list) and wanted[name] and isinstance(wanted[name][0], dict):
        wanted[name][0]["y-other"] = 1
    else:
        return
    editor.take(wanted)
    assert same_json(editor.value(), wanted)
    editor.take(before)
    assert editor.changes() == {}


@pytest.mark.parametrize("kind", sorted(KINDS))
@settings(max_examples=15)
@given(data=st.data())
def test_form_and_json_page_leave_everything_unknown_as_it_was(kind: str, data: st.DataObject) -> None:
    plain = {"id": "i", "name": "Old", "kind": "function", "key": "old", "config": {"headers": {"A": "b"}}}
    raw = salted({**copy.deepcopy(THINGS.get(kind, plain)), "id": "i", "name": "Old"}, data.draw)
    made, schema, _ = body_of(KINDS[kind], None, new=False)
    special = special_members(kind)
    main = {name: inner for name, inner in raw.items() if name not in special}
    form = FormModel(without_members(made, schema, special), main)
    edit_form(form)
    assert same_json(changes(main, form.value()), {"name": "Old7"})
    whole = FormModel(made.field(schema), raw)
    whole.take({**whole.value(), "name": "Old7"})
    assert same_json(changes(raw, whole.value()), {"name": "Old7"})
    for path, inner in unknown(raw):
        assert same_json(at(whole.value(), path), inner)
