"""Two editors and a stranger change the same things in any order: nobody's acknowledged change is lost.

A resource is taken apart into facts: one per member, one per tool in a chain, one per action and member of it.
What may happen to a fact when an edit is saved follows from what its author had seen and wanted:

- a fact that the author did not touch is the same before and after;
- a fact that the author changed is as wanted afterwards, and was before as the author had seen it
  (in the edit's base, or among the values shown in a conflict).
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
THINGS = st.sampled_from(["app", "tool", "widget"])
WHO = st.sampled_from([0, 1])


def facts(kind: str, raw: dict[str, Any]) -> Facts:
    """A resource as independent statements."""
    found: Facts = {}
    for path in FIELDS[kind]:
        value: Any = raw
        for name in path:
            value = value.get(name) if isinstance(value, dict) else None
        found[path] = value
    for id in raw.get("nextToolIds") or ():
        found["chain", id] = True
    for action in raw.get("actions") or ():
        found["action", action["template"]] = True
        for name in ("callMode", "x-odd"):
            found["action", action["template"], name] = action.get(name)
    return {path: value for path, value in found.items() if value is not None}


def put(raw: dict[str, Any], path: tuple[str, ...], value: Any) -> None:
    for name in path[:-1]:
        raw[name] = dict(raw.get(name) or {})
        raw = raw[name]
    raw[path[-1]] = value


def values_of(conflict: FieldConflict) -> list[Any]:
    """What a person can decide for."""
    return [conflict.theirs, conflict.mine, *([] if conflict.both is MISSING else [conflict.both])]


class Editing(RuleBasedStateMachine):
    """Random interleavings against one sandbox; `runner` and `people` are set by the test."""

    runner: asyncio.Runner
    people: list[Editor]
    stranger: Editor
    app: str
    tools: list[str]
    saves = 0
    conflicts = 0
    merges = 0

    def do(self, work: Any) -> Any:
        return self.runner.run(work)

    @initialize()
    def begin(self) -> None:
        """A tool and a widget of this run's own; the app, which all runs share, as no run leaves it."""
        client = self.stranger.client
        plain = {"description": "plain", "x-unheard-of": {"deep": "plain"}}
        plain["branding"] = {"accentColor": "#aaaaaa", "primaryColor": "#bbbbbb"}
        self.do(client.update(APP, self.app, plain, app=self.app))
        tool = self.do(client.create(TOOL, {"name": "t", "nextToolIds": self.tools[:2]}, app=self.app)).raw["id"]
        actions = [self.action("first"), self.action("second")]
        body = {"name": "w", "toolId": tool, "primitive": "card", "actions": actions}
        widget = self.do(client.create(WIDGET, body, app=self.app)).raw["id"]
        self.ids = {"app": self.app, "tool": tool, "widget": widget}
        self.kinds: dict[str, Kind[Any]] = {"app": APP, "tool": TOOL, "widget": WIDGET}
        self.open: dict[tuple[int, str], Edit] = {}
        self.number = 0

    def action(self, template: str) -> dict[str, Any]:
        return {"trigger": "row.select", "type": "callTool", "template": template, "targetToolId": self.tools[0]}

    def value(self, path: tuple[str, ...]) -> str:
        """A value that nobody has used before."""
        self.number += 1
        return f"#{self.number:06d}" if path[-1].endswith("Color") else f"value {self.number}"

    def now(self, resource: str) -> dict[str, Any]:
        found: dict[str, Any] = self.do(self.stranger.raw(self.kinds[resource], self.app, self.ids[resource]))
        return found

    # --- what the two do ---------------------------------------------------------------------------

    @rule(who=WHO, resource=THINGS)
    def opens(self, who: int, resource: str) -> None:
        base = self.now(resource)
        self.open[who, resource] = Edit(self.kinds[resource], self.app, self.ids[resource], base, deepcopy(base))

    def mine(self, who: int, resource: str) -> dict[str, Any]:
        if (who, resource) not in self.open:
            self.opens(who, resource)
        return self.open[who, resource].mine

    @rule(who=WHO, resource=THINGS, field=st.integers(0, 3))
    def types(self, who: int, resource: str, field: int) -> None:
        path = FIELDS[resource][field]
        put(self.mine(who, resource), path, self.value(path))

    @rule(who=WHO, tool=st.integers(0, 5), place=st.integers(0, 6))
    def chains(self, who: int, tool: int, place: int) -> None:
        chain = self.mine(who, "tool")["nextToolIds"]
        if self.tools[tool] in chain:
            chain.remove(self.tools[tool])
        else:
            chain.insert(place, self.tools[tool])

    @rule(who=WHO, place=st.integers(0, 3), what=st.sampled_from(["add", "remove", "callMode", "x-odd", "move"]))
    def acts(self, who: int, place: int, what: str) -> None:
        actions = self.mine(who, "widget")["actions"]
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
    def saves_it(self, data: st.DataObject) -> None:
        self.save(*data.draw(st.sampled_from(sorted(self.open))), data)

    def save(self, who: int, resource: str, data: st.DataObject) -> None:
        edit = self.open.pop((who, resource))
        for _ in range(2):
            before = self.now(resource)
            outcome = self.do(self.people[who].saver.save(edit))
            after = self.now(resource)
            if isinstance(outcome, Saved):
                self.check(resource, edit, before, after)
                type(self).saves += 1
                type(self).merges += bool(outcome.theirs and outcome.diff)
                return
            assert isinstance(outcome, Conflicted), outcome
            type(self).conflicts += 1
            assert after == before, "a conflict writes nothing"
            for field in outcome.fields:
                assert field.mine not in (field.base, field.theirs)
                assert field.theirs != field.base
            choices = {field.path: data.draw(st.sampled_from(values_of(field))) for field in outcome.fields}
            edit = outcome.resolved(choices)
        raise AssertionError("what was decided is in conflict again")

    def check(self, resource: str, edit: Edit, before: dict[str, Any], after: dict[str, Any]) -> None:
        seen, wanted, was, now = (facts(resource, raw) for raw in (edit.base, edit.mine, before, after))
        for path in seen.keys() | wanted.keys() | was.keys() | now.keys():
            if seen.get(path) == wanted.get(path):
                assert now.get(path) == was.get(path), f"{path}: untouched by the author, yet it changed"
            else:
                assert now.get(path) == wanted.get(path), f"{path}: saved, yet not as wanted"
                if was.get(path) != wanted.get(path):
                    assert was.get(path) == seen.get(path), f"{path}: overwrites what its author had not seen"

    # --- what others do ----------------------------------------------------------------------------

    @rule(resource=THINGS, field=st.integers(0, 3))
    def a_stranger_types(self, resource: str, field: int) -> None:
        path = FIELDS[resource][field]
        whole = self.now(resource)
        put(whole, path, self.value(path))
        body = {path[0]: whole[path[0]]}
        self.do(self.stranger.client.update(self.kinds[resource], self.ids[resource], body, app=self.app))

    @rule(who=WHO, resource=THINGS, mine=st.integers(0, 3), theirs=st.integers(0, 3))
    def two_type_at_once(self, who: int, resource: str, mine: int, theirs: int) -> None:
        """Both members at one go, often the same one, so that short runs meet overlaps too."""
        self.types(who, resource, mine)
        self.a_stranger_types(resource, theirs)

    @rule(who=WHO, resource=THINGS, field=st.integers(0, 3), data=st.data())
    def two_type_into_the_same_field(self, who: int, resource: str, field: int, data: st.DataObject) -> None:
        """Which is a conflict, so that every run meets some."""
        self.two_type_at_once(who, resource, field, field)
        self.save(who, resource, data)

    @rule(tool=st.integers(0, 5))
    def a_stranger_chains(self, tool: int) -> None:
        chain = self.now("tool")["nextToolIds"]
        id = self.tools[tool]
        chain = [each for each in chain if each != id] if id in chain else [*chain, id]
        self.do(self.stranger.client.set_chain(self.app, self.ids["tool"], chain))

    @rule(place=st.integers(0, 3), what=st.sampled_from(["add", "remove", "callMode"]))
    def a_stranger_acts(self, place: int, what: str) -> None:
        actions = self.now("widget")["actions"]
        if what == "add":
            actions = [*actions, self.action(self.value(("template",)))]
        elif actions:
            at = place % len(actions)
            other = [] if what == "remove" else [{**actions[at], "callMode": self.value(("callMode",))}]
            actions = [*actions[:at], *other, *actions[at + 1 :]]
        self.do(self.stranger.client.set_actions(self.app, self.ids["widget"], actions))

    @rule(who=WHO)
    def a_stranger_types_between_the_read_and_the_write(self, who: int) -> None:
        """The moment that no client can close without an ETag: members that were not edited survive it too."""
        edit = self.open.pop((who, "tool"), None)
        if edit is None:
            return
        path = next((each for each in FIELDS["tool"][:2] if facts("tool", edit.mine).get(each) ==
                     facts("tool", edit.base).get(each)), None)  # fmt: skip
        if path is None:
            return
        body: dict[str, Any] = {}
        value = self.value(path)
        put(body, path, value)
        came: list[bool] = []

        async def strike() -> None:
            came.append(True)
            await self.stranger.client.update(TOOL, self.ids["tool"], body, app=self.app)

        self.people[who].network.before = [strike]
        self.do(self.people[who].saver.save(edit))
        self.people[who].network.before = []
        if came:
            assert facts("tool", self.now("tool")).get(path) == value


@pytest.mark.slow
def test_no_acknowledged_change_is_lost_however_two_editors_and_a_stranger_interleave(tmp_path: Path) -> None:
    """F31 F37."""
    from tests.sandbox_fixtures import in_process  # needs the sandbox extra

    with asyncio.Runner() as runner:
        context = in_process(tmp_path / "sandbox", example_app=False)
        sandbox = runner.run(context.__aenter__())
        people = [Editor(sandbox, name) for name in ("one", "two", "stranger")]
        client = people[2].client

        async def app_with_tools() -> tuple[str, list[str]]:
            app = (await client.create(APP, {"templateId": "support", "name": "Shared"})).raw["id"]
            names = [f"next {number}" for number in range(6)]
            return app, [(await client.create(TOOL, {"name": name}, app=app)).raw["id"] for name in names]

        try:
            app, tools = runner.run(app_with_tools())
            machine = type(
                "Run", (Editing,),
                {"runner": runner, "people": people[:2], "stranger": people[2], "app": app, "tools": tools},
            )  # fmt: skip
            # Runs take seconds, so a failing one is shown as it is and not made shorter.
            run_state_machine_as_test(
                machine,
                settings=settings(stateful_step_count=50, phases=[Phase.generate]),
            )
            # The run has met what it is about.
            assert machine.saves > 20  # type: ignore[attr-defined] # of the class made above
            assert machine.merges > 0  # type: ignore[attr-defined]
            assert machine.conflicts > 0  # type: ignore[attr-defined]
        finally:
            for person in people:
                runner.run(person.client.aclose())
            runner.run(context.__aexit__(None, None, None))
