"""`Node`, the base class of all nodes of a form: path, value, errors, reset."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import ClassVar, Literal

from drio_tui.api.json_values import same_json
from drio_tui.schema import check
from drio_tui.schema.check import Path
from drio_tui.schema.fields import MISSING, Field, Missing
from drio_tui.schema.resolve import Json

Value = Json | Missing
Presence = Literal["there", "null", "absent"]
"""Whether a property has a value, is null, or is left out."""

NODES: dict[str, Callable[..., Node]] = {}
"""The node classes by field kind, without those of scalars; the modules that define them add them."""


def same_value(left: Value, right: Value) -> bool:
    """Return whether two JSON values are equal; `MISSING` is equal to itself only."""
    if left is MISSING or right is MISSING:
        return left is right
    return same_json(left, right)


class Node:
    """The state of one field. `initial` is its loaded value; with `new` it is not on the server yet.

    `check_errors` are the errors of `check`, `server_errors` those of the server.
    """

    children_required: ClassVar[bool] = False
    """Whether its children cannot be left out: items, entries, the chosen alternative."""

    def __init__(self, field: Field, initial: Value, *, new: bool, parent: Node | None = None) -> None:
        self.field = field
        self.initial = initial
        self.new = new
        self.parent = parent
        self.check_errors: tuple[str, ...] = ()
        self.server_errors: tuple[str, ...] = ()

    @property
    def path(self) -> Path:
        """Property names and item numbers from the top."""
        steps: list[str | int] = []
        node: Node = self
        while node.parent is not None:
            step = node.parent.step_to(node)
            if step is not None:
                steps.append(step)
            node = node.parent
        return tuple(reversed(steps))

    @property
    def errors(self) -> tuple[str, ...]:
        """All errors of this field, those of `check` first."""
        return self.check_errors + self.server_errors

    @property
    def is_changed(self) -> bool:
        """Whether this node, or one below it, differs from its initial state."""
        raise NotImplementedError

    def value(self, *, secrets: bool = True) -> Value:
        """Return the value as edited; without `secrets`, write-only properties are left out."""
        raise NotImplementedError

    def assign(self, value: Value) -> Node:
        """Set the value, as if the user had typed it; return this node, or the `JsonNode` that replaces it."""
        raise NotImplementedError

    def clear(self) -> None:
        """Leave the property out."""
        self.assign(MISSING)

    def set_null(self) -> None:
        """Set the property to null, if it is nullable."""
        if self.field.nullable:
            self.assign(None)

    def reset(self) -> None:
        """Return to the initial state."""
        raise NotImplementedError

    def children(self) -> Iterator[Node]:
        """Yield the direct children that are part of the value, in order."""
        yield from ()

    def step_to(self, child: Node) -> str | int | None:
        """Return the property name or item number of a child; None if the child has the same path."""
        return None

    def replace_child(self, child: Node, other: Node) -> None:
        """Replace a direct child by another node."""

    def visible_children(self) -> Iterator[Node]:
        """Yield the direct children that are shown, also those of an optional object that is still absent."""
        yield from self.children()

    def ensure_present(self) -> None:
        """Give an optional object a value, even an empty one."""

    def walk(self) -> Iterator[Node]:
        """Yield this node and every visible one below it."""
        yield self
        for child in self.visible_children():
            yield from child.walk()

    def check(self) -> None:
        """Set `check_errors` of this node and of all below it."""
        self.check_self()
        for child in self.children():
            child.check()

    def check_self(self) -> None:
        """Set `check_errors` of this node."""
        self.check_errors = tuple(self._find_errors())

    def _find_errors(self) -> Iterator[str]:
        """Yield the errors of this node; a loaded value that was not changed is not checked."""
        value = self.value()
        if not (self.new or self.is_changed):
            return
        if value is MISSING:
            if self.field.required:
                yield "is required"
        else:
            yield from check.shallow_errors(self.field, value)

    def mark_edited(self) -> None:
        """Discard the server's errors of this node and its ancestors: they are about the value before the edit."""
        node: Node | None = self
        while node is not None:
            node.server_errors = ()
            node = node.parent

    def _replace(self, value: Value, reason: str) -> Node:
        """Replace this node by a `JsonNode` with `value` and return that."""
        json_node = NODES["json"](self.field, self.initial, new=self.new, parent=self.parent, reason=reason)
        if self.parent is not None:
            self.parent.replace_child(self, json_node)
        return json_node.assign(value)


def dotted(path: Path) -> str:
    """Return a path as the API writes it: `actions.2.targetToolId`."""
    return ".".join(map(str, path))
