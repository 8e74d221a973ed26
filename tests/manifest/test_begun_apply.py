"""What the lock file says once an apply has begun: if it sent nothing, the next plan is the same."""

from __future__ import annotations

import copy
from itertools import count
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from drio_tui.manifest.compare import Change, Comparison, Options, compare
from drio_tui.manifest.form import DocumentForm
from drio_tui.manifest.lock import Base
from drio_tui.manifest.new_base import base_after, base_before

Object = dict[str, Any]

_keys = st.sampled_from("abcd")
_steps = st.one_of(
    st.tuples(st.just("edit"), _keys, st.sampled_from("xyz")),
    st.tuples(st.just("remove"), _keys),
    st.tuples(st.just("rename"), _keys, _keys),
    st.tuples(st.just("swap"), _keys, _keys),
    st.tuples(st.just("was"), _keys, _keys),
    st.tuples(st.just("add by hand"), _keys, st.sampled_from("xyz")),
    st.tuples(st.just("lose lock file")),
    st.tuples(st.just("apply"), st.booleans(), st.booleans()),
)


class World:
    """A document with two tools, and an app in which nothing is but tools with a name."""

    def __init__(self) -> None:
        self.tools: dict[str, Object] = {"a": {"name": "x"}, "b": {"name": "y"}}
        self.app: dict[str, tuple[str, str]] = {"id 1": ("a", "x"), "id 2": ("b", "y")}
        """The key and name of each tool in drio, by its id."""
        self.base: Base | None = None
        self._numbers = count(3)

    @property
    def document(self) -> Object:
        return {"app": {"slug": "acme"}, "tools": copy.deepcopy(self.tools)}

    @property
    def form(self) -> DocumentForm:
        tools = {key: {"name": name} for key, name in self.app.values()}
        ids = {("app", "acme"): "app", **{("tool", key): id for id, (key, _) in self.app.items()}}
        orders = {key: number for number, key in enumerate(tools)}
        return DocumentForm({"app": {"slug": "acme"}, "tools": tools}, ids, orders=orders)

    def take(self, step: tuple[Any, ...]) -> None:
        getattr(self, step[0].replace(" ", "_"))(*step[1:])

    def edit(self, key: str, name: str) -> None:
        self.tools[key] = {**self.tools.get(key, {}), "name": name}

    def remove(self, key: str) -> None:
        self.tools.pop(key, None)

    def rename(self, key: str, new: str) -> None:
        if key in self.tools and new not in self.tools:
            self.tools[new] = {**self.tools.pop(key), "was": key}

    def swap(self, key: str, other: str) -> None:
        if key != other and key in self.tools and other in self.tools:
            first, second = self.tools[key], self.tools[other]
            self.tools |= {key: {**second, "was": other}, other: {**first, "was": key}}

    def was(self, key: str, former: str) -> None:
        if key in self.tools and key != former:
            self.tools[key]["was"] = former

    def add_by_hand(self, key: str, name: str) -> None:
        if key not in {key for key, _ in self.app.values()}:
            self.app[f"id {next(self._numbers)}"] = (key, name)

    def lose_lock_file(self) -> None:
        self.base = None

    def apply(self, prune: bool, is_killed: bool) -> None:
        """Apply the document, or be killed before the first request; nothing happens if it cannot be applied."""
        options = Options(prune=prune)
        plan = compare(self.document, self.form, base=self.base, options=options)
        if plan.problems or plan.conflicts or not plan.changes:
            return
        self.base = base_before(plan.changes, plan.ids, self.form, "app", self.base, self.document)
        assert described(compare(self.document, self.form, base=self.base, options=options)) == described(plan)
        if not is_killed:
            for change in plan.changes:
                self._make(change)
            self.base = base_after(self.document, self.form, self.base)

    def _make(self, change: Change) -> None:
        if change.action == "delete":
            del self.app[change.id]
        elif change.action == "create":
            self.app[f"id {next(self._numbers)}"] = (change.key, change.entry["name"])
        elif change.kind == "tool":
            values = {field.path: field.after for field in change.fields}
            self.app[change.id] = (change.key, values.get(("name",), self.app[change.id][1]))


def described(plan: Comparison) -> list[Any]:
    """Return what a plan changes, without its notes."""
    changes = [
        (change.action, change.kind, change.key, change.id, change.was, change.fields) for change in plan.changes
    ]
    return [*changes, *plan.problems]


@settings(max_examples=300)
@example(  # the lock file is gone, and a swap that was made long ago is still in the document
    [("swap", "a", "b"), ("apply", False, False), ("lose lock file",), ("edit", "a", "z"), ("apply", False, True)]
)
@example(  # two tools of others are listed
    [("apply", False, False), ("add by hand", "c", "x"), ("add by hand", "d", "y"), ("edit", "c", "x"),
     ("edit", "d", "y"), ("was", "c", "d"), ("was", "d", "c"), ("edit", "a", "z"), ("apply", False, True)]
)  # fmt: skip
@example([("rename", "b", "c"), ("apply", False, True)])
@given(st.lists(_steps, min_size=3, max_size=10))
def test_an_apply_that_sent_nothing_does_not_change_the_plan(steps: list[tuple[Any, ...]]) -> None:
    world = World()
    for step in [*steps, ("apply", True, True)]:
        world.take(step)
