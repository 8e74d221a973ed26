"""Two editors and a third client change the same resources in any order: no saved change is lost.

A resource is split into facts: one per property, one per tool in a chain, one per action and property of an action.
Saving an edit may change facts as follows:

- a fact that the edit does not change is the same before and after;
- a fact that the edit changes has the new value afterwards, and had the value of the edit's base before it (or one of
  the values shown in a conflict).
"""

from __future__ import annotations

import asyncio
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from drio_tui.kinds import APP, TOOL, WIDGET, Kind
from drio_tui.schema.fields import MISSING
from drio_tui.workspace.saving.merge import FieldConflict
from drio_tui.workspace.saving.save_result import Conflicted, Edit, Saved
from tests import THOROUGH
from tests.workspace.saving_world import Editor

pytest.importorskip("fastapi", reason="the sandbox extra is not installed")

Facts = dict[tuple[str, ...], Any]

FIELDS: dict[str, list[tuple[str, ...]]] = {
    "app": [("description",), ("branding", "accentColor"), ("branding", "primaryColor"), ("x-unheard-of", "deep")],
    "tool": [("description",), ("annotations", "title"), ("annotations", "tier"), ("x-odd",)],
    "widget": [
        ("name",),
        ("config", "style", "density"),
        ("config", "style", "tone"),
        ("config", "fieldMappings", "a"),
    ],
}
RESOURCES = st.sampled_from(["app", "tool", "widget"])
EDITOR_INDEXES = st.sampled_from([0, 1])


def facts(kind: str, raw: dict[str, Any]) -> Facts:
    """Return the facts of a resource."""
    result: Facts = {}
    for path in FIELDS[kind]:
        value: Any = raw
        for name in path:
            value = value.get(name) if isinstance(value, dict) else None
        result[path] = value
    for id in raw.get("nextToolIds") or ():
        result["chain", id] = True
    for action in raw.get("actions") or ():
        result["action", action["template"]] = True
        for name in ("callMode", "x-odd"):
            result["action", action["template"], name] = action.get(name)
    return {path: value for path, value in result.items() if value is not None}


def put(raw: dict[str, Any], path: tuple[str, ...], value: Any) -> None:
    for name in path[:-1]:
        raw[name] = dict(raw.get(name) or {})
        raw = raw[name]
    raw[path[-1]] = value


def values_of(conflict: FieldConflict) -> list[Any]:
    """Return the values that the user can choose from."""
    return [conflict.remote, conflict.local, *([] if conflict.combined is MISSING else [conflict.combined])]


class ConcurrentEditing(RuleBasedStateMachine):
    """Random interleavings on one sandbox; `runner`, `editors` and `third_client` are set by the test."""

    runner: asyncio.Runner
    editors: list[Editor]
    third_client: Editor
    app: str
    tools: list[str]
    saves = 0
    conflicts = 0
    merges = 0

    def run(self, coroutine: Any) -> Any:
        return self.runner.run(coroutine)

    @initialize()
    def begin(self) -> None:
        """Create a tool and a widget for this run, and reset the app, which all runs share."""
        client = self.third_client.client
        plain = {"description": "plain", "x-unheard-of": {"deep": "plain"}}
        plain["branding"] = {"accentColor": "#aaaaaa", "primaryColor": "#bbbbbb"}
        self.run(client.update(APP, self.app, plain, app=self.app))
        tool = self.run(client.create(TOOL, {"name": "t", "nextToolIds": self.tools[:2]}, app=self.app)).raw["id"]
        actions = [self.action("first"), self.action("second")]
        body = {"name": "w", "toolId": tool, "primitive": "card", "actions": actions}
        widget = self.run(client.create(WIDGET, body, app=self.app)).raw["id"]
        self.ids = {"app": self.app, "tool": tool, "widget": widget}
        self.kinds: dict[str, Kind[Any]] = {"app": APP, "tool": TOOL, "widget": WIDGET}
        self.open: dict[tuple[int, str], Edit] = {}
        self.number = 0

    def action(self, template: str) -> dict[str, Any]:
        return {"trigger": "row.select", "type": "callTool", "template": template, "targetToolId": self.tools[0]}

    def value(self, path: tuple[str, ...]) -> str:
        """Return a new unique value."""
        self.number += 1
        return f"#{self.number:06d}" if path[-1].endswith("Color") else f"value {self.number}"

    def now(self, resource: str) -> dict[str, Any]:
        raw: dict[str, Any] = self.run(self.third_client.raw(self.kinds[resource], self.app, self.ids[resource]))
        return raw

    # --- the two editors ---------------------------------------------------------------------------

    @rule(editor=EDITOR_INDEXES, resource=RESOURCES)
    def editor_opens(self, editor: int, resource: str) -> None:
        base = self.now(resource)
        self.open[editor, resource] = Edit(self.kinds[resource], self.app, self.ids[resource], base, deepcopy(base))

    def local(self, editor: int, resource: str) -> dict[str, Any]:
        if (editor, resource) not in self.open:
            self.editor_opens(editor, resource)
        return self.open[editor, resource].local

    @rule(editor=EDITOR_INDEXES, resource=RESOURCES, field=st.integers(0, 3))
    def editor_changes_property(self, editor: int, resource: str, field: int) -> None:
        path = FIELDS[resource][field]
        put(self.local(editor, resource), path, self.value(path))

    @rule(editor=EDITOR_INDEXES, tool=st.integers(0, 5), place=st.integers(0, 6))
    def editor_changes_chain(self, editor: int, tool: int, place: int) -> None:
        chain = self.local(editor, "tool")["nextToolIds"]
        if self.tools[tool] in chain:
            chain.remove(self.tools[tool])
        else:
            chain.insert(place, self.tools[tool])

    @rule(
        editor=EDITOR_INDEXES,
        place=st.integers(0, 3),
        what=st.sampled_from(["add", "remove", "callMode", "x-odd", "move"]),
    )
    def editor_changes_actions(self, editor: int, place: int, what: str) -> None:
        actions = self.local(editor, "widget")["actions"]
        if what == "add":
            actions.insert(place, self.action(self.value(("template",))))
        elif actions:
            at = place % len(actions)
            if what == "remove":
                del actions[at]
            elif what == "move":
                actions.append(actions.pop(at))
            else:
                actions[at] = {**actions[at], what: self.value((what,))}

    @precondition(lambda self: self.open)
    @rule(data=st.data())
    def editor_saves(self, data: st.DataObject) -> None:
        self.save(*data.draw(st.sampled_from(sorted(self.open))), data)

    def save(self, editor: int, resource: str, data: st.DataObject) -> None:
        edit = self.open.pop((editor, resource))
        for _ in range(2):
            before = self.now(resource)
            outcome = self.run(self.editors[editor].saver.save(edit))
            after = self.now(resource)
            if isinstance(outcome, Saved):
                self.check(resource, edit, before, after)
                type(self).saves += 1
                type(self).merges += bool(outcome.remote_changes and outcome.diff)
                return
            assert isinstance(outcome, Conflicted), outcome
            type(self).conflicts += 1
            assert after == before, "a conflict writes nothing"
            for field in outcome.fields:
                assert field.local not in (field.base, field.remote)
                assert field.remote != field.base
            choices = {field.path: data.draw(st.sampled_from(values_of(field))) for field in outcome.fields}
            edit = outcome.resolved(choices)
        raise AssertionError("a resolved conflict is in conflict again")

    def check(self, resource: str, edit: Edit, before: dict[str, Any], after: dict[str, Any]) -> None:
        versions = (edit.base, edit.local, before, after)
        base, local, old, new = (facts(resource, raw) for raw in versions)
        for path in base.keys() | local.keys() | old.keys() | new.keys():
            if base.get(path) == local.get(path):
                assert new.get(path) == old.get(path), f"{path}: not edited, but changed"
            else:
                assert new.get(path) == local.get(path), f"{path}: saved, but not with the new value"
                if old.get(path) != local.get(path):
                    assert old.get(path) == base.get(path), f"{path}: overwrites an unknown change"

    # --- the third client --------------------------------------------------------------------------

    @rule(resource=RESOURCES, field=st.integers(0, 3))
    def third_client_changes_property(self, resource: str, field: int) -> None:
        path = FIELDS[resource][field]
        raw = self.now(resource)
        put(raw, path, self.value(path))
        body = {path[0]: raw[path[0]]}
        self.run(self.third_client.client.update(self.kinds[resource], self.ids[resource], body, app=self.app))

    @rule(editor=EDITOR_INDEXES, resource=RESOURCES, local=st.integers(0, 3), remote=st.integers(0, 3))
    def editor_and_third_client_change_properties(self, editor: int, resource: str, local: int, remote: int) -> None:
        """Two changes in one step, often of the same property, so that short runs have conflicts too."""
        self.editor_changes_property(editor, resource, local)
        self.third_client_changes_property(resource, remote)

    @rule(editor=EDITOR_INDEXES, resource=RESOURCES, field=st.integers(0, 3), data=st.data())
    def editor_and_third_client_change_the_same_property(
        self, editor: int, resource: str, field: int, data: st.DataObject
    ) -> None:
        """Always a conflict, so that every run has some."""
        self.editor_and_third_client_change_properties(editor, resource, field, field)
        self.save(editor, resource, data)

    @rule(tool=st.integers(0, 5))
    def third_client_changes_chain(self, tool: int) -> None:
        chain = self.now("tool")["nextToolIds"]
        id = self.tools[tool]
        chain = [other for other in chain if other != id] if id in chain else [*chain, id]
        self.run(self.third_client.client.set_chain(self.app, self.ids["tool"], chain))

    @rule(place=st.integers(0, 3), what=st.sampled_from(["add", "remove", "callMode"]))
    def third_client_changes_actions(self, place: int, what: str) -> None:
        actions = self.now("widget")["actions"]
        if what == "add":
            actions = [*actions, self.action(self.value(("template",)))]
        elif actions:
            at = place % len(actions)
            replacement = [] if what == "remove" else [{**actions[at], "callMode": self.value(("callMode",))}]
            actions = [*actions[:at], *replacement, *actions[at + 1 :]]
        self.run(self.third_client.client.set_actions(self.app, self.ids["widget"], actions))

    @rule(editor=EDITOR_INDEXES)
    def third_client_changes_between_read_and_write(self, editor: int) -> None:
        """Without an ETag this cannot be detected, but properties that were not edited keep the change."""
        edit = self.open.pop((editor, "tool"), None)
        if edit is None:
            return
        base, local = facts("tool", edit.base), facts("tool", edit.local)
        path = next((path for path in FIELDS["tool"][:2] if local.get(path) == base.get(path)), None)
        if path is None:
            return
        body: dict[str, Any] = {}
        value = self.value(path)
        put(body, path, value)
        changed = False

        async def change() -> None:
            nonlocal changed
            changed = True
            await self.third_client.client.update(TOOL, self.ids["tool"], body, app=self.app)

        self.editors[editor].network.before = [change]
        self.run(self.editors[editor].saver.save(edit))
        self.editors[editor].network.before = []
        if changed:
            assert facts("tool", self.now("tool")).get(path) == value


@pytest.mark.slow
def test_no_saved_change_is_lost_by_concurrent_editing(tmp_path: Path) -> None:
    """F31 F37."""
    from tests.sandbox_fixtures import in_process  # needs the sandbox extra

    with asyncio.Runner() as runner:
        context = in_process(tmp_path / "sandbox", example_app=False)
        sandbox = runner.run(context.__aenter__())
        editors = [Editor(sandbox, name) for name in ("one", "two", "third")]
        client = editors[2].client

        async def app_with_tools() -> tuple[str, list[str]]:
            app = (await client.create(APP, {"templateId": "support", "name": "Shared"})).raw["id"]
            names = [f"next {number}" for number in range(6)]
            return app, [(await client.create(TOOL, {"name": name}, app=app)).raw["id"] for name in names]

        try:
            app, tools = runner.run(app_with_tools())
            machine = type(
                "Run", (ConcurrentEditing,),
                {"runner": runner, "editors": editors[:2], "third_client": editors[2], "app": app, "tools": tools},
            )  # fmt: skip
            # Runs take seconds, so a failing one is not shrunk.
            examples: Any = {} if THOROUGH else {"max_examples": 10}
            run_state_machine_as_test(
                machine,
                settings=settings(stateful_step_count=50, phases=[Phase.generate], **examples),
            )
            # The runs had saves, merges and conflicts.
            assert machine.saves > 20  # type: ignore[attr-defined] # of the class created above
            assert machine.merges > 0  # type: ignore[attr-defined]
            assert machine.conflicts > 0  # type: ignore[attr-defined]
        finally:
            for editor in editors:
                runner.run(editor.client.aclose())
            runner.run(context.__aexit__(None, None, None))
