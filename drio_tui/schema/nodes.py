"""What every place of a form has in common: where it stands, what is wrong with it, how it is put back."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import ClassVar, Literal

from drio_tui.api.models import same_json
from drio_tui.schema import check
from drio_tui.schema.check import Path
from drio_tui.schema.fields import MISSING, Field, Missing
from drio_tui.schema.resolve import Json

Value = Json | Missing
Presence = Literal["there", "null", "absent"]

NODES: dict[str, Callable[..., Node]] = {}
"""The nodes that hold others, and `json`, which can stand anywhere; the modules that define them fill it in."""


def same(left: Value, right: Value) -> bool:
    """Equality of JSON values, `MISSING` being its own only equal."""
    if left is MISSING or right is MISSING:
        return left is right
    return same_json(left, right)


class Node:
    """One place. `failed` is what our own checks say, `refused` what the server said."""

    lists: ClassVar[bool] = False
    """Whether what is below cannot be left out: items, entries, the chosen alternative."""

    def __init__(self, field: Field, initial: Value, *, new: bool, parent: Node | None = None) -> None:
        self.field = field
        self.initial = initial
        self.new = new
        self.parent = parent
        self.failed: tuple[str, ...] = ()
        self.refused: tuple[str, ...] = ()

    @property
    def path(self) -> Path:
        """Member names and item numbers from the top."""
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
        """What is wrong here, ours first."""
        return self.failed + self.refused

    @property
    def touched(self) -> bool:
        """Whether this place, or one below, differs from how it began."""
        raise NotImplementedError

    def value(self, *, secrets: bool = True) -> Value:
        """What stands here now; without `secrets`, write-only members are left out."""
        raise NotImplementedError

    def take(self, value: Value) -> Node:
        """Hold `value`, as if a person had typed it; gives the node that does so from now on."""
        raise NotImplementedError

    def clear(self) -> None:
        """Leave the member out."""
        self.take(MISSING)

    def set_null(self) -> None:
        """Set the member to null, where that is allowed."""
        if self.field.nullable:
            self.take(None)

    def reset(self) -> None:
        """Back to how it began."""
        raise NotImplementedError

    def children(self) -> Iterator[Node]:
        """The nodes right below that count, in order."""
        yield from ()

    def step_to(self, child: Node) -> str | int | None:
        """The member name or item number of a child; None when it stands at the same place."""
        return None

    def swap(self, child: Node, other: Node) -> None:
        """Put another node in a child's place."""

    def drawn(self) -> Iterator[Node]:
        """The nodes right below that can be seen, also in an object that is not there yet."""
        yield from self.children()

    def make_present(self) -> None:
        """Let something be there, even if it is empty."""

    def walk(self) -> Iterator[Node]:
        """This node and every one below it that can be seen."""
        yield self
        for child in self.drawn():
            yield from child.walk()

    def check(self) -> None:
        """Find out anew what is wrong here and below."""
        self.check_self()
        for child in self.children():
            child.check()

    def check_self(self) -> None:
        """Find out anew what is wrong right here."""
        self.failed = tuple(self._wrong())

    def _wrong(self) -> Iterator[str]:
        value = self.value()
        if not (self.new or self.touched):
            return
        if value is MISSING:
            if self.field.required:
                yield "is required"
        else:
            yield from check.shallow(self.field, value)

    def edited(self) -> None:
        """Something changed here: what the server said about this place and those around it no longer counts."""
        node: Node | None = self
        while node is not None:
            node.refused = ()
            node = node.parent

    def _replace(self, value: Value, reason: str) -> Node:
        """A JSON node in this one's place, holding `value`."""
        other = NODES["json"](self.field, self.initial, new=self.new, parent=self.parent, reason=reason)
        if self.parent is not None:
            self.parent.swap(self, other)
        return other.take(value)


def dotted(path: Path) -> str:
    """A path as people and the API write it: `actions.2.targetToolId`."""
    return ".".join(map(str, path))
