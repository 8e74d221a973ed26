"""Lists, and maps from names to values."""

from __future__ import annotations

from collections.abc import Iterator

from drio_tui.schema import check
from drio_tui.schema.fields import MISSING, Field
from drio_tui.schema.leaves import TOO_MANY, filled, make, misfit
from drio_tui.schema.nodes import NODES, Node, Presence, Value


class ArrayNode(Node):
    """A list: items can be added, removed and moved; each keeps what was loaded with it."""

    lists = True

    def __init__(self, field: Field, initial: Value, *, new: bool, parent: Node | None = None) -> None:
        super().__init__(field, initial, new=new, parent=parent)
        self.reset()

    def reset(self) -> None:
        start: Value = self.initial
        if start is MISSING and self.new:
            start = self.field.default if isinstance(self.field.default, list) else MISSING
        new = start is not self.initial
        loaded = start if isinstance(start, list) else []
        self.items = [make(self.field.item, item, new=new, parent=self) for item in loaded]
        self.presence: Presence = "there" if isinstance(start, list) else "null" if start is None else "absent"
        if self.presence == "absent" and self.new and self.field.required:
            self.presence = "there"
        self._started, self._first = self.presence, tuple(self.items)
        self.edited()

    @property
    def touched(self) -> bool:
        if self.presence != self._started or len(self.items) != len(self._first):
            return True
        pairs = zip(self.items, self._first, strict=True)
        return any(item is not first or item.touched for item, first in pairs)

    def value(self, *, secrets: bool = True) -> Value:
        if self.presence == "there":
            return [filled(item, secrets=secrets) for item in self.items]
        return None if self.presence == "null" else MISSING

    def add(self, at: int | None = None) -> Node:
        """A new item at the end, or before the one at `at`."""
        item = make(self.field.item, MISSING, new=True, parent=self)
        item.make_present()
        self.items.insert(len(self.items) if at is None else at, item)
        self.presence = "there"
        self.edited()
        return item

    def remove(self, item: Node) -> None:
        """Take an item away."""
        self.items.remove(item)
        self.edited()

    def move(self, item: Node, step: int) -> bool:
        """Move an item up (-1) or down (1); whether it could."""
        at = self.items.index(item)
        to = at + step
        if not 0 <= to < len(self.items):
            return False
        self.items.insert(to, self.items.pop(at))
        self.edited()
        return True

    def take(self, value: Value) -> Node:
        if value is MISSING or value is None:
            self.items = []
            self.presence = "null" if value is None else "absent"
        elif not isinstance(value, list) or len(value) > TOO_MANY:
            return self._replace(value, misfit(self.field))
        else:
            items = list(self._first[: len(value)])
            while len(items) < len(value):
                items.append(make(self.field.item, MISSING, new=True, parent=self))
            self.items = items
            for item, inner in zip(list(items), value, strict=True):
                item.take(inner)
            self.presence = "there"
        self.edited()
        return self

    def children(self) -> Iterator[Node]:
        yield from self.items

    def step_to(self, child: Node) -> str | int | None:
        return next((number for number, item in enumerate(self.items) if item is child), None)

    def swap(self, child: Node, other: Node) -> None:
        first = tuple(other if item is child else item for item in self._first)
        self.items = [other if item is child else item for item in self.items]
        self._first = first


class Entry:
    """A name and its value in a map."""

    def __init__(self, name: str, node: Node) -> None:
        self.name = name
        self.node = node


class MapNode(Node):
    """Names and values, in order."""

    lists = True

    def __init__(self, field: Field, initial: Value, *, new: bool, parent: Node | None = None) -> None:
        super().__init__(field, initial, new=new, parent=parent)
        self.reset()

    def reset(self) -> None:
        start: Value = self.initial
        if start is MISSING and self.new:
            start = self.field.default if isinstance(self.field.default, dict) else MISSING
        new = start is not self.initial
        loaded = start if isinstance(start, dict) else {}
        self.entries = [
            Entry(name, make(self.field.value, item, new=new, parent=self)) for name, item in loaded.items()
        ]
        self.presence: Presence = "there" if isinstance(start, dict) else "null" if start is None else "absent"
        if self.presence == "absent" and self.new and self.field.required:
            self.presence = "there"
        self._started = self.presence
        self._first = tuple((entry.name, entry.node) for entry in self.entries)
        self.edited()

    @property
    def touched(self) -> bool:
        now = [(entry.name, entry.node) for entry in self.entries]
        if self.presence != self._started or len(now) != len(self._first):
            return True
        pairs = zip(now, self._first, strict=True)
        return any(name != was or node is not first or node.touched for (name, node), (was, first) in pairs)

    def value(self, *, secrets: bool = True) -> Value:
        if self.presence == "there":
            return {
                entry.name: filled(entry.node, secrets=secrets)
                for entry in self.entries
                if entry.name or entry.node.touched or ("", entry.node) in self._first
            }
        return None if self.presence == "null" else MISSING

    def add(self, name: str = "") -> Entry:
        """A new entry at the end."""
        entry = Entry(name, make(self.field.value, MISSING, new=True, parent=self))
        entry.node.make_present()
        self.entries.append(entry)
        self.presence = "there"
        self.edited()
        return entry

    def rename(self, node: Node, name: str) -> None:
        """Give an entry another name."""
        for entry in self.entries:
            if entry.node is node:
                entry.name = name
        self.edited()

    def remove(self, node: Node) -> None:
        """Take an entry away, by its value's node."""
        self.entries = [entry for entry in self.entries if entry.node is not node]
        self.edited()

    def move(self, node: Node, step: int) -> bool:
        """Move an entry up (-1) or down (1); whether it could."""
        at = next(number for number, entry in enumerate(self.entries) if entry.node is node)
        to = at + step
        if not 0 <= to < len(self.entries):
            return False
        self.entries.insert(to, self.entries.pop(at))
        self.edited()
        return True

    def take(self, value: Value) -> Node:
        if value is MISSING or value is None:
            self.entries = []
            self.presence = "null" if value is None else "absent"
        elif not isinstance(value, dict) or len(value) > TOO_MANY:
            return self._replace(value, misfit(self.field))
        else:
            known = dict(self._first)
            self.entries = [
                Entry(name, known.get(name) or make(self.field.value, MISSING, new=True, parent=self)) for name in value
            ]
            for entry in list(self.entries):
                entry.node.take(value[entry.name])
            self.presence = "there"
        self.edited()
        return self

    def children(self) -> Iterator[Node]:
        for entry in self.entries:
            yield entry.node

    def step_to(self, child: Node) -> str | int | None:
        return next((entry.name for entry in self.entries if entry.node is child), None)

    def swap(self, child: Node, other: Node) -> None:
        self._first = tuple((name, other if node is child else node) for name, node in self._first)
        for entry in self.entries:
            if entry.node is child:
                entry.node = other

    def check(self) -> None:
        super().check()
        if not self.touched:
            return
        names = [entry.name for entry in self.entries]
        rule = self.field.flat.get("propertyNames")
        for entry in self.entries:
            wrong: list[str] = []
            if not entry.name and ("", entry.node) not in self._first:
                if entry.node.touched:
                    wrong.append("needs a name")
                else:
                    entry.node.failed = ()  # an empty line is left out
            elif names.count(entry.name) > 1:
                wrong.append("has a name that stands here twice")
            elif rule is not None:
                named = self.field.reader.field(rule, name="name")
                wrong += [f"has a name that {text}" for text in check.shallow(named, entry.name)]
            entry.node.failed = (*wrong, *entry.node.failed)


NODES["array"] = ArrayNode
NODES["map"] = MapNode
