"""An author and others change one app at the same time, with faults: no edit is lost without a conflict."""

from __future__ import annotations

import contextlib
import copy
from dataclasses import replace
from pathlib import Path
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from drio_tui.kinds import TOOL, WIDGET
from drio_tui.manifest.apply import Applied, Applier, DocumentPlan, NotApplicable
from drio_tui.manifest.drift import find_drift
from drio_tui.manifest.form import DocumentForm
from drio_tui.plan.undo import undo_last
from tests.manifest.test_apply import Author, new_app
from tests.sandbox_fixtures import in_process, run_in_new_loop
from tests.wizard.conftest import Killed, KillingTransport

Object = dict[str, Any]
EXAMPLES = settings().max_examples // 4
"""How many histories are tried: each makes many requests."""

_keys = st.sampled_from(["search-contacts", "show-contact", "third", "fourth"])
_texts = st.sampled_from(["one", "two", "three", "four"])
_properties = st.sampled_from(["name", "description", "xnote"])
_faults = st.sampled_from(["", "", "", "kill before", "kill after", "lose answer", "lose request", "refuse"])
steps = st.one_of(
    st.tuples(st.just("edit"), _keys, _properties, _texts),
    st.tuples(st.just("clear"), _keys, st.just("description"), _texts),
    st.tuples(st.just("add"), _keys, _texts),
    st.tuples(st.just("remove"), _keys),
    st.tuples(st.just("rename"), _keys, _keys),
    st.tuples(st.just("swap"), _keys, _keys),
    st.tuples(st.just("replace"), _keys, _keys),
    st.tuples(st.just("chain"), _keys, _keys),
    st.tuples(st.just("by hand"), _keys, _properties, _texts),
    st.tuples(st.just("delete by hand"), _keys),
    st.tuples(st.just("add by hand"), _keys, _texts),
    st.tuples(
        st.just("apply"), st.sampled_from(["", "", "document", "drio"]), st.booleans(), _faults, st.integers(1, 4)
    ),
)


class World:
    """The document, the app, and what others did in it since the last apply that went through."""

    def __init__(self, author: Author) -> None:
        self.author = author
        self.document = new_app()
        self.network = author.editor.network
        self.edits: dict[tuple[str, str], Any] = {}
        """By id and property of a tool: what someone set in drio since the last apply that went through."""

    async def form(self) -> DocumentForm:
        return await self.author.form("acme")

    async def take(self, step: tuple[Any, ...]) -> None:
        await getattr(self, step[0].replace(" ", "_"))(*step[1:])

    # --- the author ------------------------------------------------------------------------------

    async def edit(self, key: str, name: str, value: Any) -> None:
        if key in self.document["tools"]:
            self.document["tools"][key][name] = value

    async def clear(self, key: str, name: str, _: str) -> None:
        await self.edit(key, name, None)

    async def add(self, key: str, name: str) -> None:
        self.document["tools"].setdefault(key, {"name": name})

    async def remove(self, key: str) -> None:
        if len(self.document["tools"]) > 1:
            self.document["tools"].pop(key, None)
            self._drop_references(key, None)

    async def rename(self, key: str, new: str) -> None:
        tools = self.document["tools"]
        if key in tools and new not in tools:
            entry = {name: value for name, value in tools[key].items() if name != "was"}
            self.document["tools"] = {new if k == key else k: v for k, v in tools.items()}
            self.document["tools"][new] = entry | {"was": key}
            self._drop_references(key, new)

    async def swap(self, key: str, other: str) -> None:
        tools = self.document["tools"]
        if key != other and key in tools and other in tools:
            keys = {key: other, other: key}
            for k in keys:  # with their chains, which could lead back otherwise
                tools[k] |= {"was": k, "next": tools[k].get("next", [])}
            self.document["tools"] = {keys.get(k, k): v for k, v in tools.items()}
            for tool in self.document["tools"].values():
                if "next" in tool:
                    tool["next"] = [keys.get(k, k) for k in tool["next"]]
            if widget := self.document["widgets"].get("table"):
                widget["tool"] = keys.get(widget["tool"], widget["tool"])
                for action in widget["actions"]:
                    action["target"] = keys.get(action["target"], action["target"])

    async def replace(self, key: str, new: str) -> None:
        if key in self.document["tools"] and new not in self.document["tools"]:
            await self.rename(key, new)
            self.document["tools"][key] = {"name": f"Another {key}"}

    async def chain(self, key: str, following: str) -> None:
        tools = self.document["tools"]
        order = [*tools]
        if key in tools and following in tools and order.index(key) < order.index(following):
            tools[key]["next"] = [following]

    async def move(self, key: str) -> None:
        if key in self.document["tools"]:  # to the end, and out of the chains that would lead back
            tool = self.document["tools"].pop(key)
            self._drop_references(key, key)
            self.document["tools"][key] = tool | ({"next": []} if "next" in tool else {})

    def _drop_references(self, key: str, new: str | None) -> None:
        for tool in self.document["tools"].values():
            if key in tool.get("next", []):
                tool["next"] = [new] if new else []
        widget = self.document["widgets"].get("table")
        if widget is not None:
            if widget["tool"] == key and new is None:
                del self.document["widgets"]["table"]
                return
            widget["tool"] = new if widget["tool"] == key and new else widget["tool"]
            for action in widget["actions"]:
                if action.get("target") == key:
                    action["target"] = new
            widget["actions"] = [action for action in widget["actions"] if action.get("target")]

    # --- others ----------------------------------------------------------------------------------

    async def by_hand(self, key: str, name: str, value: str) -> None:
        form = await self.form()
        if (id := form.ids.get(("tool", key))) is None:
            return
        await self.author.editor.client.update(TOOL, id, {name: value}, app=form.ids["app", "acme"])
        self.edits[id, name] = value

    async def delete_by_hand(self, key: str) -> None:
        form = await self.form()
        app = form.ids["app", "acme"]
        for tool, entry in form.data["tools"].items():
            if key in entry.get("next", []):
                await self.author.editor.client.set_chain(app, form.ids["tool", tool], [])
        for name in form.data["widgets"]:
            await self.author.editor.client.delete(WIDGET, form.ids["widget", name], app=app)
        if (id := form.ids.get(("tool", key))) is not None:
            await self.author.editor.client.delete(TOOL, id, app=app)
            self.edits = {edit: value for edit, value in self.edits.items() if edit[0] != id}

    async def add_by_hand(self, key: str, name: str) -> None:
        form = await self.form()
        if ("tool", key) not in form.ids:
            body = {"name": name, "key": key}
            await self.author.editor.client.create(TOOL, body, app=form.ids["app", "acme"])

    # --- applying --------------------------------------------------------------------------------

    async def apply(self, on_conflict: str, prune: bool, fault: str, at: int) -> None:
        before = await self.form()
        base = self.author.base
        try:
            applied = await self._apply(on_conflict, prune, fault, at)
        except NotApplicable:
            assert (await self.form()).data == before.data  # nothing was written
            return
        after = await self.form()
        self._check_edits(before, after, base, on_conflict, prune)
        ids = {id: name for name, id in before.ids.items()}
        gone = [ids[id] for id in ids if id not in after.ids.values()]
        assert prune or not gone
        assert len({*after.ids.values()}) == len(after.ids)
        if applied is None or applied.failed:
            return
        self.edits.clear()
        names = [entry.get("name") for entry in after.data["tools"].values()]
        assert len(names) == len(after.data["tools"])
        plan = await self.author.plan(self.document, prune=prune)
        assert all(change.action == "conflict" for change in plan.changes) or on_conflict == "drio"
        if on_conflict != "drio":
            assert not plan.changes
            for key, entry in self.document["tools"].items():
                for name, value in entry.items():
                    if name not in ("was", "binding", "next"):
                        assert after.data["tools"][key].get(name) == value

    async def _apply(self, on_conflict: str, prune: bool, fault: str, at: int) -> Applied | None:
        plan = await self.author.plan(self.document, prune=prune, on_conflict=on_conflict)
        return await self.carry_out(plan, fault, at)

    async def carry_out(self, plan: DocumentPlan, fault: str, at: int) -> Applied | None:
        """Apply a plan with a fault, and keep the lock file; return None if the program was killed."""
        inner = self.network.inner
        if fault.startswith("kill"):
            self.network.inner = KillingTransport(inner, at, fault.rpartition(" ")[2])
        elif fault.startswith("lose"):
            self.network.lose = dict.fromkeys(("POST", "PATCH", "PUT", "DELETE"), fault.rpartition(" ")[2])
        elif fault == "refuse":
            self.network.refuse = [400]
        try:
            applier = Applier(
                self.author.editor.saver,
                plan,
                save_base=self.author.keep,
                pause=0,
                parallel=1 if fault == "stop" else 6,
                on_result=lambda _: applier.stop() if fault == "stop" else None,
            )
            applied = await applier.run()
        except Killed:
            return None
        finally:
            self.network.inner = inner
            self.network.lose, self.network.refuse = {}, []
        await self.author.keep(applied.base)
        return applied

    def _check_edits(self, before: DocumentForm, after: DocumentForm, base: Any, on_conflict: str, prune: bool) -> None:
        """No edit of others is gone, unless the document's side was chosen, or nobody could know that it was one."""
        if on_conflict == "document":
            return
        keys = {id: key for (kind, key), id in after.ids.items() if kind == "tool"}
        known = {id for name, id in (base.ids if base else {}).items() if name[0] == "tool"}
        for (id, name), value in self.edits.items():
            if id not in known:
                continue  # never applied: two-way
            assert id in keys or prune
            if id in keys and _was_applied(base, id, name):
                assert after.data["tools"][keys[id]].get(name) == value


def _was_applied(base: Any, id: str, name: str) -> bool:
    key = next(key for (kind, key), other in base.ids.items() if kind == "tool" and other == id)
    entry = base.entry("tool", key)
    return entry is not None and name in entry


def test_no_edit_is_lost_without_a_conflict(tmp_path: Path) -> None:
    numbers = iter(range(100_000))

    @settings(max_examples=EXAMPLES)
    @given(st.lists(steps, min_size=3, max_size=12))
    def check(history: list[tuple[Any, ...]]) -> None:
        run_in_new_loop(live(tmp_path / str(next(numbers)), history))

    async def live(folder: Path, history: list[tuple[Any, ...]]) -> None:
        async with in_process(folder, example_app=False) as sandbox:
            world = World(Author(sandbox))
            await world.author.apply(world.document)
            for step in history:
                await world.take(step)
            before = copy.deepcopy((await world.form()).data)
            goes_on = world.author.base is not None and world.author.base.unfinished is not None
            with contextlib.suppress(NotApplicable):  # the document contradicts itself
                applied = await world._apply("document", True, "", 0)
                if applied is not None and not applied.failed and applied.results:
                    await undo_last(world.author.editor.saver, applied.app)
                    if not goes_on:  # else the undo takes back what an earlier apply did, too
                        assert (await world.form()).data == before
            await world.author.editor.client.aclose()

    check()


_own_edits = st.lists(
    st.one_of(
        st.tuples(st.just("edit"), _keys, _properties, _texts),
        st.tuples(st.just("clear"), _keys, st.just("description"), _texts),
        st.tuples(st.just("add"), _keys, _texts),
        st.tuples(st.just("remove"), _keys),
        st.tuples(st.just("move"), _keys),
    ),
    min_size=1, max_size=4,
)  # fmt: skip
_edits_of_others = st.dictionaries(
    st.tuples(st.sampled_from(["search-contacts", "show-contact"]), _properties), st.just("by hand"),
    min_size=1, max_size=3,
)  # fmt: skip
_excluded = st.sets(st.sampled_from(["search-contacts", "show-contact"]))


def test_what_others_change_between_plan_and_apply_stays_a_conflict(tmp_path: Path) -> None:
    """With and without a lock file, whatever becomes of the apply, and of what the user did not include."""
    numbers = iter(range(100_000))
    look = [("edit", "search-contacts", "name", "Look"), ("edit", "show-contact", "name", "one")]
    cleared = [("clear", "search-contacts", "description", "")]
    removed = [("remove", "show-contact"), look[0]]

    @settings(max_examples=EXAMPLES)
    @example((False, look, {("search-contacts", "name"): "by hand"}, set(), False, "", 1))
    @example((False, look[1:], {("search-contacts", "name"): "by hand"}, set(), False, "kill before", 1))
    @example((True, cleared, {("search-contacts", "description"): "by hand"}, set(), False, "", 1))
    @example((False, removed, {("show-contact", "name"): "by hand"}, set(), True, "", 1))
    @example((True, removed, {("show-contact", "xnote"): "by hand"}, set(), True, "", 1))
    @example((False, removed, {("show-contact", "xnote"): "by hand"}, set(), True, "kill before", 1))
    @given(
        st.tuples(
            st.booleans(), _own_edits, _edits_of_others, _excluded, st.booleans(), st.one_of(_faults, st.just("stop")),
            st.integers(1, 3),
        )
    )  # fmt: skip
    def check(arguments: tuple[Any, ...]) -> None:
        run_in_new_loop(live(tmp_path / str(next(numbers)), *arguments))

    async def live(
        folder: Path, has_lock: bool, own: list[Any], others: dict[Any, str], excluded: set[str], prune: bool,
        fault: str, at: int,
    ) -> None:  # fmt: skip
        async with in_process(folder, example_app=False) as sandbox:
            world = World(Author(sandbox))
            author = world.author
            await author.apply(world.document)
            if not has_lock:
                author.base = None
                (author.folder / "drio.lock.json").unlink()
            for step in own:
                await world.take(step)
            plan = await author.plan(world.document, prune=prune)
            chosen = tuple(change for change in plan.changes if change.key not in excluded)
            plan = replace(plan, comparison=replace(plan.comparison, changes=chosen))
            if chosen and not plan.comparison.problems:
                for (key, name), value in others.items():
                    await world.by_hand(key, name, value)
                ids = {key: id for (kind, key), id in plan.comparison.ids.items() if kind == "tool"}
                deleted = {change.key for change in chosen if change.action == "delete"}
                with contextlib.suppress(NotApplicable):
                    await world.carry_out(plan, fault, at)
                    await check_conflicts(world, ids, others, deleted, prune)
            await author.editor.client.aclose()

    async def check_conflicts(world: World, ids: Any, others: Any, deleted: set[str], prune: bool) -> None:
        form = await world.form()
        names = {id: name for name, id in form.ids.items()}
        plan = await world.author.plan(world.document, prune=prune)
        drift = {change.name for change in find_drift(world.document, form, world.author.base).changes}
        for (key, name), value in others.items():
            declared = world.document["tools"].get(key, {})
            if name not in declared and key not in deleted:
                continue
            assert ids[key] in names, f"{key} was deleted"
            assert form.data["tools"][names[ids[key]][1]].get(name) == value
            (change,) = [change for change in plan.changes if change.id == ids[key]]
            assert change.action == "conflict"
            assert (name,) not in [field.path for field in change.fields]
            if name in declared or name == "name":
                assert key in drift

    check()
