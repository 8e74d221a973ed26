"""One form: a schema, what was loaded, what a person made of it, and what is wrong with it.

model = FormModel(Reader(root).field(schema))            # something new
model = FormModel(Reader(root).field(schema), loaded)    # something that is there
model.value(), model.to_patch(), model.check(), model.apply_errors(error.field_errors)
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from drio_tui.api.errors import FieldError
from drio_tui.api.models import changes, same_json
from drio_tui.schema import lists as _lists  # it registers the nodes of lists and maps
from drio_tui.schema.fields import MISSING, Field
from drio_tui.schema.leaves import JsonNode, Leaf, SecretLeaf, make
from drio_tui.schema.lists import ArrayNode
from drio_tui.schema.nodes import Node, dotted
from drio_tui.schema.objects import ChoiceNode, ObjectNode
from drio_tui.schema.resolve import Json

__all__ = ["FormModel", "Group", "hidden"]
_ = _lists

GENERAL = "General"
_OWN_TAB = 3
"""Members from which a top-level object gets a tab of its own."""


@dataclass(frozen=True, slots=True)
class Group:
    """The places that stand on one tab. `title` is not yet safe."""

    title: str
    names: tuple[str, ...]


class FormModel:
    """The state of one form. `base` is what was loaded (a JSON object), None for something new."""

    def __init__(self, field: Field, base: dict[str, Any] | None = None) -> None:
        self.field = field
        self.load(base)

    def load(self, base: dict[str, Any] | None) -> None:
        """Start over from `base`."""
        self.base = base
        start = MISSING if base is None else base
        self.root: Node = make(self.field, start, new=base is None)

    # -- what goes out ----------------------------------------------------------------------------

    def value(self, *, secrets: bool = True) -> Json:
        """The whole object as it is now; without `secrets`, write-only members are left out."""
        found = self.root.value(secrets=secrets)
        return {} if found is MISSING else found

    def to_patch(self) -> dict[str, Any]:
        """What a PATCH has to say: changed members, null for removed ones, objects merged one level.

        For something new it is the whole object.
        """
        value = self.value()
        if not isinstance(value, dict):
            raise TypeError("a form whose top is no object has no patch")
        return value if self.base is None else changes(self.base, value)

    @property
    def dirty(self) -> bool:
        """Whether anything differs from how the form began."""
        return self.root.touched

    def take(self, value: Json) -> None:
        """Hold `value` as if it had been typed, as the JSON view does. Secrets that it leaves out stay as they are."""
        if not isinstance(value, dict) and self.field.kind == "object":
            raise TypeError("the top of the form is an object")
        if not same_json(value, self.value(secrets=False)):
            self.root = self.root.take(value)

    # -- what is wrong ----------------------------------------------------------------------------

    def check(self) -> list[FieldError]:
        """Everything wrong by the schema, all at once, in the order of the form."""
        for node in self.root.walk():
            node.failed = ()
        self.root.check()
        return [FieldError(dotted(node.path), text) for node in self.root.walk() for text in node.failed]

    def apply_errors(self, errors: Iterable[FieldError]) -> list[FieldError]:
        """Put a server's errors on the places they name, the nearest one above where it is not known.

        Gives back those that name no place at all. Earlier ones of the server are dropped.
        """
        for node in self.root.walk():
            node.refused = ()
        left: list[FieldError] = []
        for error in errors:
            node, rest = self.nearest(error.path)
            if node is self.root:
                left.append(error)
            text = f"{rest} {error.message}" if rest else error.message
            node.refused = (*node.refused, text)
        return left

    def nearest(self, path: str) -> tuple[Node, str]:
        """The place that a dotted path names, or the nearest one above, with the rest of the path."""
        steps = [step for step in re.sub(r"\[([0-9]+)\]", r".\1", path).split(".") if step]
        node, at = self.root, 0
        while at < len(steps):
            found = _step(node, steps, at)
            if found is None:
                break
            node, at = found
        return node, ".".join(steps[at:])

    def failing(self) -> list[Node]:
        """Every place that can be seen with something wrong, in the order of the form."""
        return [node for node in self.root.walk() if node.errors]

    # -- how it lies ------------------------------------------------------------------------------

    def groups(self, wanted: Mapping[str, Sequence[str]] | None = None) -> list[Group]:
        """The tabs: `wanted` by title, then one for each larger resource at the top, the rest on the first."""
        if not isinstance(self.root, ObjectNode):
            return [Group(self.field.title or GENERAL, ())]
        names = [name for name, node in self.root.members.items() if not hidden(node)]
        groups = [
            Group(title, tuple(name for name in members if name in names)) for title, members in (wanted or {}).items()
        ]
        taken = {name for group in groups for name in group.names}
        rest = [name for name in names if name not in taken]
        large = [name for name in rest if _large(self.root.members[name].field)]
        general = tuple(name for name in rest if name not in large)
        if general:
            groups.insert(0, Group(GENERAL, general))
        groups += [Group(self.root.members[name].field.title or name, (name,)) for name in large]
        return [group for group in groups if group.names] or [Group(GENERAL, ())]

    def nodes_of(self, group: Group) -> list[Node]:
        """The nodes on one tab."""
        if isinstance(self.root, ObjectNode):
            return [self.root.members[name] for name in group.names if name in self.root.members]
        return [self.root]


def hidden(node: Node) -> bool:
    """Whether there is nothing to see or do at a place: a constant that is as it has to be."""
    return isinstance(node, Leaf) and node.field.kind == "const"


def has_secret(node: Node) -> bool:
    """Whether a secret stands at a place or below it."""
    return any(isinstance(one, SecretLeaf) for one in node.walk())


def to_json(node: Node) -> JsonNode:
    """The place edited as JSON from now on, holding what it holds. Raises `ValueError` where a secret stands in it."""
    if has_secret(node):
        raise ValueError("a secret cannot be shown as JSON")
    value = node.value()
    other = JsonNode(node.field, node.initial, new=node.new, parent=node.parent, reason="edited as JSON")
    if node.parent is not None:
        node.parent.swap(node, other)
    other.take(value)
    return other


def to_fields(node: JsonNode) -> Node:
    """The place edited in fields again; the same node where its text does not parse or does not fit."""
    if node.field.kind == "json" or any(node.failed) or node.too_long:
        return node
    node.check_self()
    value = node.value()
    if node.failed:
        return node
    other = make(node.field, node.initial, new=node.new, parent=node.parent)
    if isinstance(other, JsonNode):
        other = make(node.field, value, new=True, parent=node.parent)
        if isinstance(other, JsonNode):
            return node
        if node.parent is not None:
            node.parent.swap(node, other)
        return other
    if node.parent is not None:
        node.parent.swap(node, other)
    return other.take(value)


def _large(field: Field) -> bool:
    if field.kind == "object":
        return len(field.members) >= _OWN_TAB
    if field.kind == "array":
        return not field.item.scalar and field.item.kind != "json"
    return False


def _step(node: Node, steps: list[str], at: int) -> tuple[Node, int] | None:
    """The child that the steps from `at` lead to, and where they go on; steps nobody knows are passed over once."""
    if isinstance(node, ChoiceNode):
        return (node.body, at) if node.body is not None else None
    for start in range(at, min(at + 2, len(steps))):
        for end in range(len(steps), start, -1):
            name = ".".join(steps[start:end])
            for child in node.drawn():
                step = node.step_to(child)
                if step is not None and str(step) == name and (isinstance(node, ArrayNode) is isinstance(step, int)):
                    return child, end
    return None
