"""Three-way merge of a JSON object: base (when the edit began), remote (theirs, now) and local (ours, as edited).

Objects are merged property by property at every depth. A change of one side is applied, and so is the same change of
both sides; different changes of both sides are a conflict. Lists are single values, except those whose elements have
an identity (the ids of a chain, the actions of a widget): the additions, removals and changes of both sides are merged
there. Unknown properties are merged like all others.

In the first two levels of an object null and absent are equal: PATCH does not distinguish them (contract section 6).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from drio_tui.api.json_values import changes, same_json
from drio_tui.schema.fields import MISSING

Path = tuple[str, ...]
"""Property names from the top: `("branding", "primaryColor")`. Names may contain dots."""

Object = dict[str, Any]

_NULL_IS_ABSENT = 2
"""The number of levels on which null equals absent."""


def dotted(path: Path) -> str:
    """Return a path as the interface and the API's `details` write it: `branding.primaryColor`."""
    return ".".join(path)


@dataclass(frozen=True, slots=True)
class FieldChange:
    """One property that differs. `before` and `after` are JSON, or `MISSING` if it is absent; they may be secret."""

    path: Path
    before: Any = field(repr=False)
    after: Any = field(repr=False)

    @property
    def dotted(self) -> str:
        return dotted(self.path)


@dataclass(frozen=True, slots=True)
class FieldConflict:
    """One property that both sides changed differently. The values are JSON, or `MISSING` if it is absent.

    `combined` is a merged value if there is one (a list with the additions and removals of both sides), else `MISSING`.
    `reason` is shown to the user.
    """

    path: Path
    base: Any = field(repr=False)
    remote: Any = field(repr=False)
    local: Any = field(repr=False)
    reason: str = "Both changed it"
    combined: Any = field(default=MISSING, repr=False)

    @property
    def dotted(self) -> str:
        return dotted(self.path)


@dataclass(frozen=True, slots=True)
class OverwrittenList:
    """Remote changes that would be lost if the local list replaced the remote one: added and removed elements."""

    path: Path
    would_remove: tuple[Any, ...]
    would_bring_back: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Merge:
    """The result of a three-way merge.

    `merged` has the remote value for each conflict. `local_changes` are those from remote to `merged`, `remote_changes`
    those from base to remote. `stale` are the lists in which replacing the remote list would have lost changes.
    """

    merged: Object = field(repr=False)
    conflicts: tuple[FieldConflict, ...]
    local_changes: tuple[FieldChange, ...]
    remote_changes: tuple[FieldChange, ...]
    stale: tuple[OverwrittenList, ...] = ()

    def resolved(self, values: Mapping[Path, Any]) -> Object:
        """Return `merged` with the given value for each conflict (`MISSING` removes the property).

        Raises `KeyError` for a conflict without a value.
        """
        result = self.merged
        for conflict in self.conflicts:
            result = with_value(result, conflict.path, values[conflict.path])
        return result


def merge(base: Object, remote: Object, local: Object, *, lists: Collection[Path] = ()) -> Merge:
    """Merge three versions of an object; `lists` are the paths of the lists whose elements have an identity."""
    merger = _Merger(frozenset(lists))
    merged = merger.merge_objects((), base, remote, local)
    return Merge(
        merged,
        tuple(merger.conflicts),
        tuple(diff(remote, merged)),
        tuple(diff(base, remote)),
        tuple(merger.stale),
    )


def diff(before: Object, after: Object) -> list[FieldChange]:
    """Return the changed properties at every depth, in the order of `after`; lists are single values."""
    return list(_diff((), before, after))


def patch_of(before: Object, after: Object) -> Object:
    """Return the PATCH body from `before` to `after`: only changes, objects merged one level deep, null to clear."""
    patch: Object = {}
    for name, value in changes(before, after).items():
        old = before.get(name)
        if value is None and old is None:
            continue
        if isinstance(value, dict) and isinstance(old, dict):
            value = {key: item for key, item in value.items() if item is not None or old.get(key) is not None}
            if not value:
                continue
        patch[name] = value
    return patch


def value_at(value: Any, path: Path) -> Any:
    """Return the value at the path below `value`, `MISSING` if there is none."""
    for name in path:
        if not isinstance(value, dict) or name not in value:
            return MISSING
        value = value[name]
    return value


def with_value(value: Object, path: Path, new: Any) -> Object:
    """Return a copy with `new` at the path, creating objects on the way; `MISSING` removes the property."""
    name, rest = path[0], path[1:]
    result = dict(value)
    if rest:
        inner = result.get(name)
        if new is MISSING and not isinstance(inner, dict):
            return result
        result[name] = with_value(inner if isinstance(inner, dict) else {}, rest, new)
    elif new is MISSING:
        result.pop(name, None)
    else:
        result[name] = new
    return result


def equal_at_depth(left: Any, right: Any, depth: int = _NULL_IS_ABSENT + 1) -> bool:
    """Return whether two values, JSON or `MISSING`, that are `depth` levels below the top are equal."""
    if depth <= _NULL_IS_ABSENT and (left is None or left is MISSING):
        return right is None or right is MISSING
    if depth < _NULL_IS_ABSENT and isinstance(left, dict) and isinstance(right, dict):
        return all(
            equal_at_depth(left.get(name, MISSING), right.get(name, MISSING), depth + 1) for name in left | right
        )
    return same_json(left, right)


def _diff(path: Path, before: Any, after: Any) -> Iterator[FieldChange]:
    if equal_at_depth(before, after, len(path)):
        return
    if isinstance(before, dict) and isinstance(after, dict):
        for name in [*after, *(name for name in before if name not in after)]:
            yield from _diff((*path, name), before.get(name, MISSING), after.get(name, MISSING))
    else:
        yield FieldChange(path, before, after)


class _Merger:
    """A merge in progress, with the conflicts and stale lists found in it."""

    def __init__(self, lists: frozenset[Path]) -> None:
        self.lists = lists
        self.conflicts: list[FieldConflict] = []
        self.stale: list[OverwrittenList] = []

    def merge_objects(self, path: Path, base: Object, remote: Object, local: Object) -> Object:
        names = [*remote, *(name for name in local if name not in remote)]
        merged = {
            name: self.merge_values(
                (*path, name), base.get(name, MISSING), remote.get(name, MISSING), local.get(name, MISSING)
            )
            for name in names
        }
        return {name: value for name, value in merged.items() if value is not MISSING}

    def merge_values(self, path: Path, base: Any, remote: Any, local: Any) -> Any:
        depth = len(path)
        if path in self.lists and isinstance(remote, list) and isinstance(local, list):
            return self.merge_lists(path, base if isinstance(base, list) else [], remote, local)
        if equal_at_depth(local, base, depth) or equal_at_depth(local, remote, depth):
            return remote
        if equal_at_depth(remote, base, depth):
            return local
        if isinstance(remote, dict) and isinstance(local, dict):
            return self.merge_objects(path, base if isinstance(base, dict) else {}, remote, local)
        self.conflicts.append(FieldConflict(path, base, remote, local))
        return remote

    def merge_lists(self, path: Path, base: list[Any], remote: list[Any], local: list[Any]) -> list[Any]:
        if same_json(local, base):
            return remote
        result = _merge_lists(base, remote, local)
        if result.remote_additions or result.remote_removals:
            self.stale.append(OverwrittenList(path, result.remote_additions, result.remote_removals))
        if result.reason:
            self.conflicts.append(FieldConflict(path, base, remote, local, result.reason, result.values))
            return remote
        return result.values


@dataclass(slots=True)
class _ListMerge:
    """The result of merging a list.

    `reason` is empty, or why `values` are only a proposal. `remote_additions` and `remote_removals` are the elements
    that replacing the remote list would remove and bring back.
    """

    values: list[Any]
    reason: str
    remote_additions: tuple[Any, ...]
    remote_removals: tuple[Any, ...]


def _merge_lists(base: list[Any], remote: list[Any], local: list[Any]) -> _ListMerge:
    new_tokens = count(len(base))
    remote_by_token = _align(base, remote, new_tokens)
    local_by_token = _align(base, local, new_tokens)
    _unify_additions(remote_by_token, local_by_token, len(base))
    base_tokens = range(len(base))
    reason = ""
    values: dict[int, Any] = {}
    removed: set[int] = set()
    for token in [*remote_by_token, *(token for token in local_by_token if token not in remote_by_token)]:
        if token not in base_tokens:
            values[token] = remote_by_token.get(token, local_by_token.get(token))
            continue
        old = base[token]
        if token in remote_by_token and token in local_by_token:
            values[token], conflict = _merge_element(old, remote_by_token[token], local_by_token[token])
        else:
            kept = remote_by_token.get(token, local_by_token.get(token))
            conflict = not same_json(kept, old)  # one side changed what the other side removed
            values[token] = kept
            if not conflict:
                removed.add(token)
        reason = reason or ("Both changed the same entry" if conflict else "")
    order, both_moved = _merge_order(
        [token for token in base_tokens if token in remote_by_token and token in local_by_token],
        [token for token in remote_by_token if token not in removed],
        [token for token in local_by_token if token not in removed],
    )
    remote_additions = [token for token in remote_by_token if token not in base_tokens and token not in local_by_token]
    remote_removals = [token for token in local_by_token if token in base_tokens and token not in remote_by_token]
    return _ListMerge(
        [values[token] for token in order],
        reason or ("Both changed the order" if both_moved else ""),
        tuple(remote_by_token[token] for token in remote_additions),
        tuple(local_by_token[token] for token in remote_removals),
    )


def _align(base: list[Any], other: list[Any], new_tokens: Iterable[int]) -> dict[int, Any]:
    """Return the elements of `other`, in order, by token: the index of the same element in `base`, else a new number.

    Equal elements are matched first; then objects that are equal in all properties of `_IDENTITY`, the nearest index
    first. An object that differs in one of these is a new element: matching it by a guess could turn a removal into a
    change.
    """
    unmatched = list(range(len(base)))
    tokens: list[int | None] = []
    for value in other:
        token = next((index for index in unmatched if same_json(base[index], value)), None)
        tokens.append(token)
        if token is not None:
            unmatched.remove(token)
    for index, value in enumerate(other):
        if tokens[index] is None and isinstance(value, dict):
            candidates = [token for token in unmatched if _same_identity(base[token], value)]
            if candidates:
                _, nearest = min((abs(token - index), token) for token in candidates)
                tokens[index] = nearest
                unmatched.remove(nearest)
    numbers = iter(new_tokens)
    return {next(numbers) if token is None else token: value for token, value in zip(tokens, other, strict=True)}


_IDENTITY = ("trigger", "type", "template", "targetToolId")
"""The properties that identify an action."""


def _same_identity(left: Any, right: Object) -> bool:
    return isinstance(left, dict) and all(
        same_json(left.get(name, MISSING), right.get(name, MISSING)) for name in _IDENTITY
    )


def _unify_additions(remote: dict[int, Any], local: dict[int, Any], base_length: int) -> None:
    """Give an element that both sides added the same token, by changing `local` in place."""
    additions = [(token, value) for token, value in remote.items() if token >= base_length]
    renamed: dict[int, int] = {}
    for token, value in local.items():
        if token >= base_length:
            equal = next((addition for addition in additions if same_json(addition[1], value)), None)
            if equal:
                renamed[token] = equal[0]
                additions.remove(equal)
    items = [(renamed.get(token, token), value) for token, value in local.items()]
    local.clear()
    local.update(items)


def _merge_element(base: Any, remote: Any, local: Any) -> tuple[Any, bool]:
    """Return the merged value of an element that both sides kept, and whether there is a conflict in it."""
    merger = _Merger(frozenset())
    path = ("",) * (_NULL_IS_ABSENT + 1)  # elements are replaced as a whole, so null and absent differ in them
    merged = merger.merge_values(path, base, remote, local)
    return merged, bool(merger.conflicts)


def _merge_order(common: list[int], remote: list[int], local: list[int]) -> tuple[list[int], bool]:
    """Return all tokens in the order of the side that moved some, and whether both sides moved some differently."""
    shared = set(common)
    remote_order, local_order = ([token for token in side if token in shared] for side in (remote, local))
    leading, following = (remote, local) if local_order in (common, remote_order) else (local, remote)
    result = list(leading)
    placed = set(leading)
    for index, token in enumerate(following):
        if token in placed:
            continue
        previous = next((earlier for earlier in reversed(following[:index]) if earlier in placed), None)
        result.insert(0 if previous is None else result.index(previous) + 1, token)
        placed.add(token)
    return result, local_order != common and remote_order != common and local_order != remote_order
