"""Nodes of objects with known properties, and of alternatives."""

from __future__ import annotations

from collections.abc import Iterator

from drio_tui.api.json_values import same_json
from drio_tui.schema import check
from drio_tui.schema.fields import MISSING, Field
from drio_tui.schema.nodes import NODES, Node, Presence, Value, same_value
from drio_tui.schema.resolve import Json
from drio_tui.schema.value_nodes import make, misfit_reason


class ObjectNode(Node):
    """An object with known properties; others are kept unchanged in `extra`."""

    def __init__(self, field: Field, initial: Value, *, new: bool, parent: Node | None = None) -> None:
        super().__init__(field, initial, new=new, parent=parent)
        self.properties: dict[str, Node] = {}
        self.extra: dict[str, Json] = {}
        self.presence: Presence = "absent"
        self.always_present = parent is None
        self.reset()

    def _is_lazy(self) -> bool:
        """Return whether the nodes of the properties are created only on demand, as a recursive schema needs it."""
        return self.field.recursive and self.presence != "there"

    def reset(self) -> None:
        start: Value = self.initial
        if start is MISSING and self.new and isinstance(self.field.default, dict):
            start = self.field.default
        self._fill(start)
        self._initial_presence: Presence = self.presence
        self._initial_extra = self.extra
        self.mark_edited()

    def _fill(self, value: Value) -> None:
        base = value if isinstance(value, dict) else {}
        is_required = self.new and self.field.required and not self.field.recursive
        is_present = isinstance(value, dict) or (value is MISSING and (self.always_present or is_required))
        self.presence = "there" if is_present else "null" if value is None else "absent"
        self._order = tuple(base)
        self.properties = {}
        self.extra = {name: item for name, item in base.items() if name not in self.field.properties}
        if not self._is_lazy():
            self._create_members(base, new=not isinstance(value, dict) or (value is not self.initial))

    def _create_members(self, base: dict[str, Json], *, new: bool) -> None:
        for name, field in self.field.properties.items():
            self.properties[name] = make(field, base.get(name, MISSING), new=new, parent=self)

    def ensure_present(self) -> None:
        """Give the object a value, even an empty one."""
        self.presence = "there"
        if not self.properties:
            self._create_members({}, new=True)
        self.mark_edited()

    @property
    def is_present(self) -> bool:
        """Whether the object has a value: it is present, or one of its properties was edited."""
        return self.presence == "there" or any(node.is_changed for node in self.properties.values())

    @property
    def is_changed(self) -> bool:
        if self.presence != self._initial_presence or any(node.is_changed for node in self.properties.values()):
            return True
        return not same_json(self.extra, self._initial_extra)

    def value(self, *, secrets: bool = True) -> Value:
        if not self.is_present:
            return None if self.presence == "null" else MISSING
        result: dict[str, Json] = {}
        for name in dict.fromkeys((*self._order, *self.extra, *self.properties)):
            node = self.properties.get(name)
            if node is None:
                if name in self.extra:
                    result[name] = self.extra[name]
                continue
            value = node.value(secrets=secrets)
            if value is not MISSING:
                result[name] = value
        return result

    def assign(self, value: Value) -> Node:
        if value is MISSING or value is None:
            if self.always_present:
                return self
            self._fill(value)
            self.presence = "null" if value is None else "absent"
        elif not isinstance(value, dict):
            return self._replace(value, misfit_reason(self.field))
        else:
            self.ensure_present()
            self._order = tuple(value)
            self.extra = {name: item for name, item in value.items() if name not in self.properties}
            for name, node in list(self.properties.items()):
                if not same_value(node.value(secrets=False), value.get(name, MISSING)):
                    node.assign(value.get(name, MISSING))
        self.mark_edited()
        return self

    def children(self) -> Iterator[Node]:
        if self.is_present:
            yield from self.properties.values()

    def visible_children(self) -> Iterator[Node]:
        yield from self.properties.values()

    def step_to(self, child: Node) -> str | int | None:
        return next((name for name, node in self.properties.items() if node is child), None)

    def replace_child(self, child: Node, other: Node) -> None:
        for name, node in self.properties.items():
            if node is child:
                self.properties[name] = other

    def check(self) -> None:
        for node in self.properties.values():
            node.check_errors = ()
        super().check()


class ChoiceNode(Node):
    """One of several alternatives; what was typed into another one is kept while the form is open."""

    children_required = True

    def __init__(self, field: Field, initial: Value, *, new: bool, parent: Node | None = None) -> None:
        super().__init__(field, initial, new=new, parent=parent)
        self._bodies: dict[int, Node] = {}
        self.reset()

    def reset(self) -> None:
        self._bodies = {}
        self.chosen: int | None = None
        start = self.initial
        if start is MISSING and self.new:
            start = self.field.default
        if start is not MISSING and start is not None:
            self.chosen = check.matching_variant(self.field, start)
            if self.chosen is not None:
                variant = self.field.variants[self.chosen]
                self._bodies[self.chosen] = make(variant, start, new=start is not self.initial, parent=self)
        elif start is MISSING and self.new and self.field.required and not self.field.recursive:
            self._select(0)
        self.null = start is None
        self._initial_choice = (self.chosen, self.null)
        self.mark_edited()

    def _select(self, number: int) -> None:
        self.chosen, self.null = number, False
        if number not in self._bodies:
            self._bodies[number] = make(self.field.variants[number], MISSING, new=True, parent=self)
        self._bodies[number].ensure_present()

    @property
    def body(self) -> Node | None:
        """The node of the chosen alternative."""
        return None if self.chosen is None else self._bodies[self.chosen]

    @property
    def is_changed(self) -> bool:
        if (self.chosen, self.null) != self._initial_choice:
            return True
        return self.body is not None and self.body.is_changed

    def choose(self, number: int) -> Node:
        """Choose an alternative by its number and return its node."""
        self._select(number)
        self.mark_edited()
        return self._bodies[number]

    def value(self, *, secrets: bool = True) -> Value:
        if self.null:
            return None
        return MISSING if self.body is None else self.body.value(secrets=secrets)

    def assign(self, value: Value) -> Node:
        if value is MISSING or value is None:
            self.chosen, self.null = None, value is None
        else:
            number = check.matching_variant(self.field, value)
            if number is None:
                return self._replace(value, misfit_reason(self.field))
            self._select(number)
            self._bodies[number].assign(value)
        self.mark_edited()
        return self

    def children(self) -> Iterator[Node]:
        if self.body is not None:
            yield self.body

    def replace_child(self, child: Node, other: Node) -> None:
        for number, body in self._bodies.items():
            if body is child:
                self._bodies[number] = other

    def _find_errors(self) -> Iterator[str]:
        if self.body is None and (self.new or self.is_changed) and not self.null and self.field.required:
            yield "is required"


NODES["object"] = ObjectNode
NODES["choice"] = ChoiceNode
