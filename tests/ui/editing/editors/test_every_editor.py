"""What holds for every editor: nothing is lost, nothing hostile gets through, nothing stays behind."""

from __future__ import annotations

import copy
import gc
import json
import re
import weakref
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drio_tui.ui.editing.editors import SPECIAL, special_members
from tests.schema import strategies
from tests.ui.editing.editors.app import APP, AUTH, INTEGRATIONS, OPERATIONS, PROVIDERS, TOOLS, WIDGET, tool, world
from tests.ui.editing.editors.stage import editor_for, staged
from tests.ui.hostile_data import HOSTILE, SEQUENCES, hostile

THINGS: dict[str, dict[str, Any]] = {
    "app": APP, "auth": AUTH, "operation": OPERATIONS[1], "widget": WIDGET,
    "tool": tool("t_get") | {"annotations": {"readOnlyHint": True, "x-new": [1]}},
}  # fmt: skip
EDITORS = [(kind, one.members[0]) for kind, found in SPECIAL.items() for one in found]


@pytest.mark.parametrize(("kind", "member"), EDITORS)
@given(data=st.data())
def test_whatever_is_loaded_is_given_back_as_it_was(kind: str, member: str, data: st.DataObject) -> None:
    raw = copy.deepcopy(THINGS[kind])
    members = editor_for(kind, member).members
    for name in members:
        if data.draw(st.booleans()):
            raw[name] = data.draw(strategies.JSON)
        elif isinstance(raw.get(name), dict) and raw[name]:
            inner = data.draw(st.sampled_from(sorted(raw[name])))
            raw[name][inner] = data.draw(strategies.JSON)
        elif isinstance(raw.get(name), list) and raw[name] and isinstance(raw[name][0], dict):
            raw[name][0][data.draw(st.sampled_from(sorted(raw[name][0])))] = data.draw(strategies.JSON)
    editor = editor_for(kind, member)
    editor.load(raw, world())
    assert editor.changes() == {}
    assert not editor.dirty
    assert not editor.problems()


@pytest.mark.parametrize(("kind", "member"), EDITORS)
async def test_an_editor_for_something_new_begins_with_nothing_to_say(kind: str, member: str) -> None:
    async with staged(kind, member, None, world(), size=(80, 24)) as hand:
        assert hand.editor.changes().keys() <= set(hand.editor.members)
        hand.editor.focus_first()
        await hand.settle()
        assert hand.app.focused is not None


@pytest.mark.parametrize("text", [HOSTILE, SEQUENCES[2], SEQUENCES[14]], ids=["all", "markup", "marks"])
@pytest.mark.parametrize(("kind", "member"), EDITORS)
async def test_hostile_text_is_shown_literally(kind: str, member: str, text: str) -> None:
    """F57: in every special editor."""
    poisoned = {
        "app": [APP], "auth": [AUTH], "provider": PROVIDERS, "integration": INTEGRATIONS, "operation": OPERATIONS,
        "tool": TOOLS, "widget": [WIDGET],
    }  # fmt: skip
    snapshot = world(**{name: hostile(copy.deepcopy(found), text) for name, found in poisoned.items()})
    raw = snapshot.resource(kind, THINGS[kind]["id"])
    assert raw is not None
    async with staged(kind, member, raw.raw, snapshot, size=(80, 24)) as hand:
        screen = hand.screen.replace("\n", "")
        assert not re.search(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2066-\u2069]", screen)
        assert not hand.editor.dirty


@pytest.mark.parametrize(("kind", "member"), EDITORS)
async def test_loading_another_resource_shows_that_one_and_forgets_the_first(kind: str, member: str) -> None:
    first = copy.deepcopy(THINGS[kind])
    async with staged(kind, member, None, world()) as hand:
        for _ in range(3):
            hand.editor.load(first, world())
            await hand.settle()
        assert not hand.editor.dirty
        assert hand.editor.value() == {name: first[name] for name in hand.editor.members if name in first}
        before = [weakref.ref(widget) for widget in hand.editor.query("SchemaForm, PairRow")]
        hand.editor.load({"id": "x"}, world())
        await hand.settle()
        hand.editor.load(first, world())
        await hand.settle()
        gc.collect()
        alive = [ref() for ref in before if ref() is not None and ref().is_attached]  # type: ignore[union-attr]
        assert len(hand.editor.query("SchemaForm")) <= 1
        assert len(alive) <= 1


@pytest.mark.parametrize(("kind", "member"), EDITORS)
async def test_what_is_taken_from_elsewhere_counts_as_typed(kind: str, member: str) -> None:
    async with staged(kind, member, THINGS[kind], world()) as hand:
        before = hand.editor.value()
        name = hand.editor.members[-1]
        wanted = {**before, name: [] if isinstance(before.get(name), list) else {}}
        hand.editor.take(wanted)
        await hand.settle()
        assert hand.editor.value() == wanted
        assert hand.editor.dirty
        hand.editor.take(before)
        await hand.settle()
        assert not hand.editor.dirty


def test_the_registry_names_members_that_the_editors_edit() -> None:
    for kind, found in SPECIAL.items():
        for one in found:
            assert one.make().members == one.members
        assert special_members(kind) == {member for one in found for member in one.members}
    json.dumps({kind: sorted(special_members(kind)) for kind in SPECIAL})
