"""The model of one form: a schema, the loaded value, the user's edits, and the errors.

model = FormModel(Reader(root).field(schema))            # a new resource
model = FormModel(Reader(root).field(schema), loaded)    # an existing one
model.value(), model.to_patch(), model.check(), model.apply_errors(error.field_errors)
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from drio_tui.api.errors import FieldError
from drio_tui.api.json_values import changes, same_json
from drio_tui.schema import lists as _lists  # the import registers the nodes of lists and maps
from drio_tui.schema.fields import MISSING, Field
from drio_tui.schema.lists import ArrayNode
from drio_tui.schema.nodes import Node, dotted
from drio_tui.schema.objects import ChoiceNode, ObjectNode
from drio_tui.schema.resolve import Json
from drio_tui.schema.value_nodes import JsonNode, ScalarNode, SecretNode, make

__all__ = ["FormModel", "Group", "is_hidden"]
_ = _lists

GENERAL = "General"
_MIN_PROPERTIES_OF_TAB = 3
"""Number of properties from which a top-level object gets a separate tab."""


@dataclass(frozen=True, slots=True)
class Group:
    """One tab: the names of the top-level properties on it. `title` is not sanitized."""

    title: str
    names: tuple[str, ...]


class FormModel:
    """The state of one form. `base` is the loaded JSON object, None for a new resource."""

    def __init__(self, field: Field, base: dict[str, Any] | None = None) -> None:
        self.field = field
        self.load(base)

    def load(self, base: dict[str, Any] | None) -> None:
        """Discard all edits and start from `base`."""
        self.base = base
        start = MISSING if base is None else base
        self.root: Node = make(self.field, start, new=base is None)

    # -- values -----------------------------------------------------------------------------------

    def value(self, *, secrets: bool = True) -> Json:
        """Return the whole object as edited; without `secrets`, write-only properties are left out."""
        value = self.root.value(secrets=secrets)
        return {} if value is MISSING else value

    def to_patch(self) -> dict[str, Any]:
        """Return the body of a PATCH: changed properties, null for removed ones, objects merged one level.

        For a new resource it is the whole object. Raises `TypeError` if the form's value is not an object.
        """
        value = self.value()
        if not isinstance(value, dict):
            raise TypeError("a form whose top is no object has no patch")
        return value if self.base is None else changes(self.base, value)

    @property
    def dirty(self) -> bool:
        """Whether anything differs from the initial state."""
        return self.root.is_changed

    def assign(self, value: Json) -> None:
        """Set the whole value, as the JSON view does; secrets that it leaves out are unchanged.

        Raises `TypeError` if the form shows an object and `value` is none.
        """
        if not isinstance(value, dict) and self.field.kind == "object":
            raise TypeError("the top of the form is an object")
        if not same_json(value, self.value(secrets=False)):
            self.root = self.root.assign(value)

    @property
    def invalid_texts(self) -> dict[str, str]:
        """The texts that were typed and are no value yet, such as half of a JSON object, by dotted path."""
        nodes = [node for node in self.root.walk() if isinstance(node, ScalarNode | JsonNode) and node.is_invalid]
        return {dotted(node.path): node.text for node in nodes}

    def type_texts(self, texts: Mapping[str, str]) -> None:
        """Type texts into the fields at dotted paths, as far as there are such fields."""
        for path, text in texts.items():
            node, rest = self.nearest_node(path)
            if not rest and isinstance(node, ScalarNode | JsonNode):
                node.set_text(text)

    # -- errors -----------------------------------------------------------------------------------

    def check(self) -> list[FieldError]:
        """Validate against the schema and return all errors, in the order of the form."""
        for node in self.root.walk():
            node.check_errors = ()
        self.root.check()
        return [FieldError(dotted(node.path), text) for node in self.root.walk() for text in node.check_errors]

    def apply_errors(self, errors: Iterable[FieldError]) -> list[FieldError]:
        """Show a server's errors at the fields that they name, or at the nearest field above.

        Replaces the server's earlier errors. Returns the errors whose path leads to no field below the top.
        """
        for node in self.root.walk():
            node.server_errors = ()
        unplaced: list[FieldError] = []
        for error in errors:
            node, rest = self.nearest_node(error.path)
            if node is self.root:
                unplaced.append(error)
            text = f"{rest} {error.message}" if rest else error.message
            node.server_errors = (*node.server_errors, text)
        return unplaced

    def nearest_node(self, path: str) -> tuple[Node, str]:
        """Return the node that a dotted path leads to, or the nearest one above it, and the rest of the path."""
        steps = [step for step in re.sub(r"\[([0-9]+)\]", r".\1", path).split(".") if step]
        node, position = self.root, 0
        while position < len(steps):
            match = _match_child(node, steps, position)
            if match is None:
                break
            node, position = match
        return node, ".".join(steps[position:])

    def nodes_with_errors(self) -> list[Node]:
        """Return the visible nodes with errors, in the order of the form."""
        return [node for node in self.root.walk() if node.errors]

    # -- tabs -------------------------------------------------------------------------------------

    def groups(self, wanted: Mapping[str, Sequence[str]] | None = None) -> list[Group]:
        """Return the tabs: general properties first, then the `wanted` ones (title to property names), then large ones.

        Each large object or list at the top that is in no other tab gets one of its title.
        """
        if not isinstance(self.root, ObjectNode):
            return [Group(self.field.title or GENERAL, ())]
        visible = [name for name, node in self.root.properties.items() if not is_hidden(node)]
        groups = [
            Group(title, tuple(name for name in names if name in visible)) for title, names in (wanted or {}).items()
        ]
        grouped = {name for group in groups for name in group.names}
        rest = [name for name in visible if name not in grouped]
        large = [name for name in rest if _is_large(self.root.properties[name].field)]
        general = tuple(name for name in rest if name not in large)
        if general:
            groups.insert(0, Group(GENERAL, general))
        groups += [Group(self.root.properties[name].field.title or name, (name,)) for name in large]
        return [group for group in groups if group.names] or [Group(GENERAL, ())]

    def nodes_in(self, group: Group) -> list[Node]:
        """Return the nodes on one tab."""
        if isinstance(self.root, ObjectNode):
            return [self.root.properties[name] for name in group.names if name in self.root.properties]
        return [self.root]


def is_hidden(node: Node) -> bool:
    """Return whether a node is not shown because there is nothing to edit: a constant with the right value."""
    return isinstance(node, ScalarNode) and node.field.kind == "const"


def has_secret(node: Node) -> bool:
    """Return whether a node is, or contains, a secret."""
    return any(isinstance(descendant, SecretNode) for descendant in node.walk())


def to_json(node: Node) -> JsonNode:
    """Replace a node by one that edits its value as JSON, and return that. Raises `ValueError` if it has a secret."""
    if has_secret(node):
        raise ValueError("a secret cannot be shown as JSON")
    value = node.value()
    json_node = JsonNode(node.field, node.initial, new=node.new, parent=node.parent, reason="edited as JSON")
    if node.parent is not None:
        node.parent.replace_child(node, json_node)
    json_node.assign(value)
    return json_node


def to_fields(node: JsonNode) -> Node:
    """Replace a JSON node by one of its field's kind, and return that.

    If the JSON is invalid or does not match the schema, nothing changes and `node` is returned.
    """
    if node.field.kind == "json" or any(node.check_errors) or node.too_long:
        return node
    node.check_self()
    value = node.value()
    if node.check_errors:
        return node
    field_node = make(node.field, node.initial, new=node.new, parent=node.parent)
    if isinstance(field_node, JsonNode):
        field_node = make(node.field, value, new=True, parent=node.parent)
        if isinstance(field_node, JsonNode):
            return node
        if node.parent is not None:
            node.parent.replace_child(node, field_node)
        return field_node
    if node.parent is not None:
        node.parent.replace_child(node, field_node)
    return field_node.assign(value)


def _is_large(field: Field) -> bool:
    if field.kind == "object":
        return len(field.properties) >= _MIN_PROPERTIES_OF_TAB
    if field.kind == "array":
        return not field.item.scalar and field.item.kind != "json"
    return False


def _match_child(node: Node, steps: list[str], position: int) -> tuple[Node, int] | None:
    """Return the child that the steps from `position` lead to, and the position after them; None if there is none.

    A name may consist of several steps, since it may contain dots. One unknown step before it is skipped: FastAPI
    puts the name of a union's model into the path.
    """
    if isinstance(node, ChoiceNode):
        return (node.body, position) if node.body is not None else None
    for start in range(position, min(position + 2, len(steps))):
        for end in range(len(steps), start, -1):
            name = ".".join(steps[start:end])
            for child in node.visible_children():
                step = node.step_to(child)
                if step is not None and str(step) == name and (isinstance(node, ArrayNode) is isinstance(step, int)):
                    return child, end
    return None
