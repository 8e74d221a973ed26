"""Properties of every editor: it loses no data, hostile text is inert, and no widgets leak."""

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

from drio_tui.ui.editing.editors import EDITORS, editor_properties
from tests.schema import strategies
from tests.ui.editing.editors.app import (
    APP,
    AUTH,
    INTEGRATIONS,
    OPERATIONS,
    PROVIDERS,
    TOOLS,
    WIDGET,
    app_snapshot,
    tool,
)
from tests.ui.editing.editors.stage import editor_for, staged
from tests.ui.hostile_data import HOSTILE, SEQUENCES, hostile

RESOURCES: dict[str, dict[str, Any]] = {
    "app": APP, "auth": AUTH, "operation": OPERATIONS[1], "widget": WIDGET,
    "tool": tool("t_get") | {"annotations": {"readOnlyHint": True, "x-new": [1]}},
}  # fmt: skip
EDITOR_CASES = [(kind, spec.properties[0]) for kind, specs in EDITORS.items() for spec in specs]


@pytest.mark.parametrize(("kind", "property_name"), EDITOR_CASES)
@given(data=st.data())
def test_loaded_values_are_returned_unchanged(kind: str, property_name: str, data: st.DataObject) -> None:
    raw = copy.deepcopy(RESOURCES[kind])
    properties = editor_for(kind, property_name).properties
    for name in properties:
        if data.draw(st.booleans()):
            raw[name] = data.draw(strategies.JSON)
        elif isinstance(raw.get(name), dict) and raw[name]:
            inner = data.draw(st.sampled_from(sorted(raw[name])))
            raw[name][inner] = data.draw(strategies.JSON)
        elif isinstance(raw.get(name), list) and raw[name] and isinstance(raw[name][0], dict):
            raw[name][0][data.draw(st.sampled_from(sorted(raw[name][0])))] = data.draw(strategies.JSON)
    editor = editor_for(kind, property_name)
    editor.load(raw, app_snapshot())
    assert editor.changes() == {}
    assert not editor.dirty
    assert not editor.validate()


@pytest.mark.parametrize(("kind", "property_name"), EDITOR_CASES)
async def test_an_editor_for_a_new_resource_has_a_focused_field(kind: str, property_name: str) -> None:
    async with staged(kind, property_name, None, app_snapshot(), size=(80, 24)) as driver:
        assert driver.editor.changes().keys() <= set(driver.editor.properties)
        driver.editor.focus_first()
        await driver.settle()
        assert driver.app.focused is not None


@pytest.mark.parametrize("text", [HOSTILE, SEQUENCES[2], SEQUENCES[14]], ids=["all", "markup", "marks"])
@pytest.mark.parametrize(("kind", "property_name"), EDITOR_CASES)
async def test_hostile_text_is_shown_literally(kind: str, property_name: str, text: str) -> None:
    """F57: in every editor."""
    raws = {
        "app": [APP], "auth": [AUTH], "provider": PROVIDERS, "integration": INTEGRATIONS, "operation": OPERATIONS,
        "tool": TOOLS, "widget": [WIDGET],
    }  # fmt: skip
    snapshot = app_snapshot(**{name: hostile(copy.deepcopy(raw), text) for name, raw in raws.items()})
    raw = snapshot.resource(kind, RESOURCES[kind]["id"])
    assert raw is not None
    async with staged(kind, property_name, raw.raw, snapshot, size=(80, 24)) as driver:
        screen = driver.screen.replace("\n", "")
        assert not re.search(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2066-\u2069]", screen)
        assert not driver.editor.dirty


@pytest.mark.parametrize(("kind", "property_name"), EDITOR_CASES)
async def test_loading_another_resource_replaces_the_first_one(kind: str, property_name: str) -> None:
    first = copy.deepcopy(RESOURCES[kind])
    async with staged(kind, property_name, None, app_snapshot()) as driver:
        for _ in range(3):
            driver.editor.load(first, app_snapshot())
            await driver.settle()
        assert not driver.editor.dirty
        assert driver.editor.value() == {name: first[name] for name in driver.editor.properties if name in first}
        before = [weakref.ref(widget) for widget in driver.editor.query("SchemaForm, KeyValueRow")]
        driver.editor.load({"id": "x"}, app_snapshot())
        await driver.settle()
        driver.editor.load(first, app_snapshot())
        await driver.settle()
        gc.collect()
        alive = [ref() for ref in before if ref() is not None and ref().is_attached]  # type: ignore[union-attr]
        assert len(driver.editor.query("SchemaForm")) <= 1
        assert len(alive) <= 1


@pytest.mark.parametrize(("kind", "property_name"), EDITOR_CASES)
async def test_values_set_from_elsewhere_count_as_edits(kind: str, property_name: str) -> None:
    async with staged(kind, property_name, RESOURCES[kind], app_snapshot()) as driver:
        before = driver.editor.value()
        name = driver.editor.properties[-1]
        given = {**before, name: [] if isinstance(before.get(name), list) else {}}
        driver.editor.set_value(given)
        await driver.settle()
        assert driver.editor.value() == given
        assert driver.editor.dirty
        driver.editor.set_value(before)
        await driver.settle()
        assert not driver.editor.dirty


def test_the_registry_names_the_properties_of_each_editor() -> None:
    for kind, specs in EDITORS.items():
        for spec in specs:
            assert spec.build().properties == spec.properties
        assert editor_properties(kind) == {name for spec in specs for name in spec.properties}
    json.dumps({kind: sorted(editor_properties(kind)) for kind in EDITORS})
