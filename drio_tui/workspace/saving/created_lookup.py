"""Finding the resource that a create with an unknown outcome made: the one rule for it.

Only resources count that did not exist before the create, and that no other create made. Of those the created one is

1. the one that has everything that was sent; else
2. the one with the slug that was sent, else the key, else the name: the first of them that both have. Others may have
   changed the rest since, or drio stores it in another form; else
3. the one that has everything that was sent but for the slug or key, which drio may choose itself.

If several are alike, or one only shares a name with what was sent, it is not known whether the resource was created.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from drio_tui.kinds import Kind
from drio_tui.workspace.saving.merge import Object, equal_at_depth
from drio_tui.workspace.saving.save_requests import comparable
from drio_tui.workspace.saving.without_secrets import fingerprints_of

IDENTIFYING = ("slug", "key", "name")
"""The properties by which a created resource is found again, the most reliable first."""
_CHOSEN_BY_DRIO = frozenset({"slug", "key"})


@dataclass(frozen=True, slots=True)
class Lookup:
    """The result of a lookup. `raw` is the created resource, None if it was not found.

    `candidates` is the number of resources that may be the created one; `differs` are the properties of `raw` that are
    not as they were sent.
    """

    raw: Object | None = field(default=None, repr=False)
    candidates: int = 0
    differs: frozenset[str] = frozenset()

    @property
    def is_as_sent(self) -> bool:
        """Whether the created resource was found, and is as it was sent but for what drio may choose itself."""
        return self.raw is not None and self.differs <= _CHOSEN_BY_DRIO


@dataclass(frozen=True, slots=True)
class SentBody:
    """What was sent: the names of its properties, and which of them a resource has with other values."""

    properties: frozenset[str]
    differences: Callable[[Object], frozenset[str]] = field(repr=False)

    @classmethod
    def of(cls, kind: Kind[Any], body: Object) -> SentBody:
        """Return a body that is known."""
        sent = comparable(kind, body)

        def differences(raw: Object) -> frozenset[str]:
            current = comparable(kind, raw)
            return frozenset(name for name in sent.keys() & current.keys() if not _has(current[name], sent[name]))

        return cls(frozenset(sent), differences)

    @classmethod
    def of_fingerprints(cls, kind: Kind[Any], sent: Mapping[str, str]) -> SentBody:
        """Return a body of which only the `fingerprints_of` its properties are known."""

        def differences(raw: Object) -> frozenset[str]:
            current = fingerprints_of(comparable(kind, raw))
            return frozenset(name for name in sent.keys() & current.keys() if current[name] != sent[name])

        return cls(frozenset(sent), differences)


def find_created(listed: Iterable[Object], sent: SentBody, is_known: Callable[[str], bool]) -> Lookup:
    """Return which of the resources of a collection was created; `is_known` says which ids others have made."""
    new = [(raw, sent.differences(raw)) for raw in listed if not is_known(str(raw.get("id")))]
    candidates = [(raw, differs) for raw, differs in new if _shared(raw, sent, differs)]
    groups = (
        [item for item in candidates if not item[1]],
        [item for item in candidates if _shared(item[0], sent, frozenset())[0] not in item[1]],
        [item for item in candidates if item[1] <= _CHOSEN_BY_DRIO],
    )
    for group in groups:
        if len(group) == 1:
            raw, differs = group[0]
            return Lookup(raw, 1, differs)
        if group:
            return Lookup(None, len(group))
    return Lookup(None, len(candidates))


def _shared(raw: Object, sent: SentBody, differs: frozenset[str]) -> list[str]:
    """Return the identifying properties that were sent and that a resource has, without those in `differs`."""
    return [
        name for name in IDENTIFYING if name in sent.properties and isinstance(raw.get(name), str)
        and name not in differs
    ]  # fmt: skip


def _has(value: Any, sent: Any) -> bool:
    """Return whether a value in a resource is what was sent: all properties of an object that it has are equal."""
    if isinstance(value, dict) and isinstance(sent, dict):
        return all(_has(value[name], sent[name]) for name in sent.keys() & value.keys())
    if isinstance(value, str) and isinstance(sent, str):
        return value.strip() == sent.strip()
    return equal_at_depth(value, sent, 1)
