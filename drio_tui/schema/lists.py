"""Nodes of lists, and of maps from names to values."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, ClassVar

from drio_tui.schema import check
from drio_tui.schema.fields import MISSING, Field
from drio_tui.schema.nodes import NODES, Node, Presence, Value
from drio_tui.schema.value_nodes import TOO_MANY, element_value, make, misfit_reason


class Entry:
    """An item of a list or an entry of a map: its name, empty in a list, and the node of its value."""

    def __init__(self, name: str, node: Node) -> None:
        self.name = name
        self.node = node


class EntriesNode(Node):
    """A list or a map: entries can be added, removed and moved; each keeps its loaded value, with unknown properties.

    Subclasses set `json_type` and override `entry_field`, `_pairs` and `_initial_nodes`.
    """

    children_required = True
    json_type: ClassVar[type]
    """The Python type of the value."""

    def __init__(self, field: Field, initial: Value, *, new: bool, parent: Node | None = None) -> None:
        super().__init__(field, initial, new=new, parent=parent)
        self.reset()

    @property
    def entry_field(self) -> Field:
        """The field of every entry."""
        raise NotImplementedError

    def _pairs(self, value: Any) -> Iterable[tuple[str, Value]]:
        """Return the name and the value of each entry of `value`."""
        raise NotImplementedError

    def _initial_nodes(self, value: Any) -> Iterator[Node | None]:
        """Yield for each entry of `value` the loaded node that it changes; None if it is a new one."""
        raise NotImplementedError

    def reset(self) -> None:
        start: Value = self.initial
        if start is MISSING and self.new:
            start = self.field.default if isinstance(self.field.default, self.json_type) else MISSING
        new, has_entries = start is not self.initial, isinstance(start, self.json_type)
        self.entries = [
            Entry(name, make(self.entry_field, value, new=new, parent=self))
            for name, value in (self._pairs(start) if has_entries else ())
        ]
        self.presence: Presence = "there" if has_entries else "null" if start is None else "absent"
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

    def add(self, name: str = "") -> Entry:
        """Add a new entry at the end and return it."""
        entry = Entry(name, make(self.entry_field, MISSING, new=True, parent=self))
        entry.node.ensure_present()
        self.entries.append(entry)
        self.presence = "there"
        self.mark_edited()
        return entry

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
        elif not isinstance(value, self.json_type) or len(value) > TOO_MANY:  # type: ignore[arg-type] # a list or dict
            return self._replace(value, misfit_reason(self.field))
        else:
            pairs = list(self._pairs(value))
            self.entries = [
                Entry(name, node or make(self.entry_field, MISSING, new=True, parent=self))
                for (name, _), node in zip(pairs, self._initial_nodes(value), strict=True)
            ]
            for entry, (_, entry_value) in zip(list(self.entries), pairs, strict=True):
                entry.node.assign(entry_value)
            self.presence = "there"
        self.mark_edited()
        return self

    def children(self) -> Iterator[Node]:
        for entry in self.entries:
            yield entry.node

    def replace_child(self, child: Node, other: Node) -> None:
        self._initial_entries = tuple((name, other if node is child else node) for name, node in self._initial_entries)
        for entry in self.entries:
            if entry.node is child:
                entry.node = other


class ArrayNode(EntriesNode):
    """A list."""

    json_type = list

    @property
    def entry_field(self) -> Field:
        return self.field.item

    def _pairs(self, value: Any) -> Iterable[tuple[str, Value]]:
        return (("", item) for item in value)

    def _initial_nodes(self, value: Any) -> Iterator[Node | None]:
        initial = [node for _, node in self._initial_entries]
        return (initial[index] if index < len(initial) else None for index in range(len(value)))

    def value(self, *, secrets: bool = True) -> Value:
        if self.presence == "there":
            return [element_value(entry.node, secrets=secrets) for entry in self.entries]
        return None if self.presence == "null" else MISSING

    def step_to(self, child: Node) -> str | int | None:
        return next((index for index, entry in enumerate(self.entries) if entry.node is child), None)


class MapNode(EntriesNode):
    """A map from names to values, in order."""

    json_type = dict

    @property
    def entry_field(self) -> Field:
        return self.field.value

    def _pairs(self, value: Any) -> Iterable[tuple[str, Value]]:
        return value.items()  # type: ignore[no-any-return] # a dict

    def _initial_nodes(self, value: Any) -> Iterator[Node | None]:
        return map(dict(self._initial_entries).get, value)

    def value(self, *, secrets: bool = True) -> Value:
        if self.presence == "there":
            return {
                entry.name: element_value(entry.node, secrets=secrets)
                for entry in self.entries
                if entry.name or entry.node.is_changed or ("", entry.node) in self._initial_entries
            }
        return None if self.presence == "null" else MISSING

    def rename(self, node: Node, name: str) -> None:
        """Rename an entry, given the node of its value."""
        for entry in self.entries:
            if entry.node is node:
                entry.name = name
        self.mark_edited()

    def step_to(self, child: Node) -> str | int | None:
        return next((entry.name for entry in self.entries if entry.node is child), None)

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
