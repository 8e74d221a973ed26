"""Nodes of lists, and of maps from names to values."""

from __future__ import annotations

from collections.abc import Iterator

from drio_tui.schema import check
from drio_tui.schema.fields import MISSING, Field
from drio_tui.schema.nodes import NODES, Node, Presence, Value
from drio_tui.schema.value_nodes import TOO_MANY, element_value, make, misfit_reason


class ArrayNode(Node):
    """A list: items can be added, removed and moved; each keeps its loaded value, with unknown properties."""

    children_required = True

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
        self._initial_presence, self._initial_items = self.presence, tuple(self.items)
        self.mark_edited()

    @property
    def is_changed(self) -> bool:
        if self.presence != self._initial_presence or len(self.items) != len(self._initial_items):
            return True
        pairs = zip(self.items, self._initial_items, strict=True)
        return any(item is not initial or item.is_changed for item, initial in pairs)

    def value(self, *, secrets: bool = True) -> Value:
        if self.presence == "there":
            return [element_value(item, secrets=secrets) for item in self.items]
        return None if self.presence == "null" else MISSING

    def add(self, index: int | None = None) -> Node:
        """Add a new item at `index`, or at the end, and return it."""
        item = make(self.field.item, MISSING, new=True, parent=self)
        item.ensure_present()
        self.items.insert(len(self.items) if index is None else index, item)
        self.presence = "there"
        self.mark_edited()
        return item

    def remove(self, item: Node) -> None:
        """Remove an item."""
        self.items.remove(item)
        self.mark_edited()

    def move(self, item: Node, step: int) -> bool:
        """Move an item up (-1) or down (1); return False if it is at that end already."""
        index = self.items.index(item)
        new_index = index + step
        if not 0 <= new_index < len(self.items):
            return False
        self.items.insert(new_index, self.items.pop(index))
        self.mark_edited()
        return True

    def assign(self, value: Value) -> Node:
        if value is MISSING or value is None:
            self.items = []
            self.presence = "null" if value is None else "absent"
        elif not isinstance(value, list) or len(value) > TOO_MANY:
            return self._replace(value, misfit_reason(self.field))
        else:
            items = list(self._initial_items[: len(value)])
            while len(items) < len(value):
                items.append(make(self.field.item, MISSING, new=True, parent=self))
            self.items = items
            for item, item_value in zip(list(items), value, strict=True):
                item.assign(item_value)
            self.presence = "there"
        self.mark_edited()
        return self

    def children(self) -> Iterator[Node]:
        yield from self.items

    def step_to(self, child: Node) -> str | int | None:
        return next((index for index, item in enumerate(self.items) if item is child), None)

    def replace_child(self, child: Node, other: Node) -> None:
        self.items = [other if item is child else item for item in self.items]
        self._initial_items = tuple(other if item is child else item for item in self._initial_items)


class Entry:
    """An entry of a map: its name and the node of its value."""

    def __init__(self, name: str, node: Node) -> None:
        self.name = name
        self.node = node


class MapNode(Node):
    """A map from names to values, in order."""

    children_required = True

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
        self._initial_presence = self.presence
        self._initial_entries = tuple((entry.name, entry.node) for entry in self.entries)
        self.mark_edited()

    @property
    def is_changed(self) -> bool:
        if self.presence != self._initial_presence or len(self.entries) != len(self._initial_entries):
            return True
        return any(
            entry.name != name or entry.node is not node or entry.node.is_changed
            for entry, (name, node) in zip(self.entries, self._initial_entries, strict=True)
        )

    def value(self, *, secrets: bool = True) -> Value:
        if self.presence == "there":
            return {
                entry.name: element_value(entry.node, secrets=secrets)
                for entry in self.entries
                if entry.name or entry.node.is_changed or ("", entry.node) in self._initial_entries
            }
        return None if self.presence == "null" else MISSING

    def add(self, name: str = "") -> Entry:
        """Add a new entry at the end and return it."""
        entry = Entry(name, make(self.field.value, MISSING, new=True, parent=self))
        entry.node.ensure_present()
        self.entries.append(entry)
        self.presence = "there"
        self.mark_edited()
        return entry

    def rename(self, node: Node, name: str) -> None:
        """Rename an entry, given the node of its value."""
        for entry in self.entries:
            if entry.node is node:
                entry.name = name
        self.mark_edited()

    def remove(self, node: Node) -> None:
        """Remove an entry, given the node of its value."""
        self.entries = [entry for entry in self.entries if entry.node is not node]
        self.mark_edited()

    def move(self, node: Node, step: int) -> bool:
        """Move an entry up (-1) or down (1); return False if it is at that end already."""
        index = next(index for index, entry in enumerate(self.entries) if entry.node is node)
        new_index = index + step
        if not 0 <= new_index < len(self.entries):
            return False
        self.entries.insert(new_index, self.entries.pop(index))
        self.mark_edited()
        return True

    def assign(self, value: Value) -> Node:
        if value is MISSING or value is None:
            self.entries = []
            self.presence = "null" if value is None else "absent"
        elif not isinstance(value, dict) or len(value) > TOO_MANY:
            return self._replace(value, misfit_reason(self.field))
        else:
            initial = dict(self._initial_entries)
            self.entries = [
                Entry(name, initial.get(name) or make(self.field.value, MISSING, new=True, parent=self))
                for name in value
            ]
            for entry in list(self.entries):
                entry.node.assign(value[entry.name])
            self.presence = "there"
        self.mark_edited()
        return self

    def children(self) -> Iterator[Node]:
        for entry in self.entries:
            yield entry.node

    def step_to(self, child: Node) -> str | int | None:
        return next((entry.name for entry in self.entries if entry.node is child), None)

    def replace_child(self, child: Node, other: Node) -> None:
        self._initial_entries = tuple((name, other if node is child else node) for name, node in self._initial_entries)
        for entry in self.entries:
            if entry.node is child:
                entry.node = other

    def check(self) -> None:
        super().check()
        if not self.is_changed:
            return
        names = [entry.name for entry in self.entries]
        name_schema = self.field.flat.get("propertyNames")
        for entry in self.entries:
            errors: list[str] = []
            if not entry.name and ("", entry.node) not in self._initial_entries:
                if entry.node.is_changed:
                    errors.append("needs a name")
                else:
                    entry.node.check_errors = ()  # a new entry without a name and a value is left out
            elif names.count(entry.name) > 1:
                errors.append("has a name that is used twice")
            elif name_schema is not None:
                name_field = self.field.reader.field(name_schema, name="name")
                errors += [f"has a name that {text}" for text in check.shallow_errors(name_field, entry.name)]
            entry.node.check_errors = (*errors, *entry.node.check_errors)


NODES["array"] = ArrayNode
NODES["map"] = MapNode
