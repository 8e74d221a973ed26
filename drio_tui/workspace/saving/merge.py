"""Three versions of one JSON object: what an edit began from (base), what is there now (theirs), what is wanted (mine).

Objects are merged member by member at every depth. What only one side changed is taken, what both changed
in the same way too, what both changed differently is a conflict. Lists are single values, save for those
whose members have an identity (the chain's ids, a widget's actions): there, what each side added, removed
or changed is found and put together. Members that nobody knows are treated like all others.

PATCH cannot tell null from absent in the first two levels of an object (contract section 6), so they are
one and the same there.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from drio_tui.api.models import changes, same_json
from drio_tui.schema.fields import MISSING

Path = tuple[str, ...]
"""Names of members from the top: `("branding", "primaryColor")`. Names may hold dots themselves."""

Object = dict[str, Any]

_NULL_IS_ABSENT = 2
"""Levels on which PATCH takes null for absent."""


def dotted(path: Path) -> str:
    """A path as people and the API's `details` write it: `branding.primaryColor`."""
    return ".".join(path)


@dataclass(frozen=True, slots=True)
class FieldChange:
    """One member that differs. `before` and `after` are JSON, `MISSING` where there is none; they may be secret."""

    path: Path
    before: Any = field(repr=False)
    after: Any = field(repr=False)

    @property
    def dotted(self) -> str:
        return dotted(self.path)


@dataclass(frozen=True, slots=True)
class FieldConflict:
    """One member that both sides changed, differently. The values are JSON or `MISSING`.

    `both` is what they make together where that can be said (a list with the additions and removals of
    both), else `MISSING`. `reason` is a sentence for people.
    """

    path: Path
    base: Any = field(repr=False)
    theirs: Any = field(repr=False)
    mine: Any = field(repr=False)
    reason: str = "Both changed it"
    both: Any = field(default=MISSING, repr=False)

    @property
    def dotted(self) -> str:
        return dotted(self.path)


@dataclass(frozen=True, slots=True)
class OverwrittenList:
    """What replacing a list by one made from an old base would undo: members that came and went meanwhile."""

    path: Path
    would_remove: tuple[Any, ...]
    would_bring_back: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Merge:
    """Three versions put together.

    `merged` holds theirs where there is a conflict. `mine` is what `merged` changes in theirs, `theirs` what
    they had changed since base. `stale` names the lists that a blind replacement would have damaged.
    """

    merged: Object = field(repr=False)
    conflicts: tuple[FieldConflict, ...]
    mine: tuple[FieldChange, ...]
    theirs: tuple[FieldChange, ...]
    stale: tuple[OverwrittenList, ...] = ()

    def resolved(self, values: Mapping[Path, Any]) -> Object:
        """`merged` with the value decided on for each conflict (`MISSING` takes the member away).

        Raises `KeyError` for a conflict that was not decided.
        """
        result = self.merged
        for conflict in self.conflicts:
            result = with_value(result, conflict.path, values[conflict.path])
        return result


def merge(base: Object, theirs: Object, mine: Object, *, lists: Collection[Path] = ()) -> Merge:
    """Put the three together; `lists` are the paths of lists whose members have an identity."""
    walk = _Walk(frozenset(lists))
    merged = walk.objects((), base, theirs, mine)
    return Merge(
        merged,
        tuple(walk.conflicts),
        tuple(diff(theirs, merged)),
        tuple(diff(base, theirs)),
        tuple(walk.stale),
    )


def diff(before: Object, after: Object) -> list[FieldChange]:
    """What differs, member by member at every depth, in the order of `after`; lists are single values."""
    return list(_diff((), before, after))


def patch_of(before: Object, after: Object) -> Object:
    """The body of the PATCH from `before` to `after`: changed members only, objects merged one level, null clears."""
    patch: Object = {}
    for name, value in changes(before, after).items():
        was = before.get(name)
        if value is None and was is None:
            continue
        if isinstance(value, dict) and isinstance(was, dict):
            value = {key: item for key, item in value.items() if item is not None or was.get(key) is not None}
            if not value:
                continue
        patch[name] = value
    return patch


def at(value: Any, path: Path) -> Any:
    """What stands at the path, `MISSING` where nothing does."""
    for name in path:
        if not isinstance(value, dict) or name not in value:
            return MISSING
        value = value[name]
    return value


def with_value(value: Object, path: Path, new: Any) -> Object:
    """A copy with `new` at the path, objects made on the way; `MISSING` takes the member away."""
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


def same(left: Any, right: Any, depth: int = _NULL_IS_ABSENT + 1) -> bool:
    """Equality of two values, `MISSING` included, that stand `depth` names below the top."""
    if depth <= _NULL_IS_ABSENT and (left is None or left is MISSING):
        return right is None or right is MISSING
    if depth < _NULL_IS_ABSENT and isinstance(left, dict) and isinstance(right, dict):
        return all(same(left.get(name, MISSING), right.get(name, MISSING), depth + 1) for name in left | right)
    return same_json(left, right)


def _diff(path: Path, before: Any, after: Any) -> Iterator[FieldChange]:
    if same(before, after, len(path)):
        return
    if isinstance(before, dict) and isinstance(after, dict):
        for name in [*after, *(name for name in before if name not in after)]:
            yield from _diff((*path, name), before.get(name, MISSING), after.get(name, MISSING))
    else:
        yield FieldChange(path, before, after)


class _Walk:
    """One merge under way."""

    def __init__(self, lists: frozenset[Path]) -> None:
        self.lists = lists
        self.conflicts: list[FieldConflict] = []
        self.stale: list[OverwrittenList] = []

    def objects(self, path: Path, base: Object, theirs: Object, mine: Object) -> Object:
        names = [*theirs, *(name for name in mine if name not in theirs)]
        made = {
            name: self.values(
                (*path, name), base.get(name, MISSING), theirs.get(name, MISSING), mine.get(name, MISSING)
            )
            for name in names
        }
        return {name: value for name, value in made.items() if value is not MISSING}

    def values(self, path: Path, base: Any, theirs: Any, mine: Any) -> Any:
        depth = len(path)
        if path in self.lists and isinstance(theirs, list) and isinstance(mine, list):
            return self.list(path, base if isinstance(base, list) else [], theirs, mine)
        if same(mine, base, depth) or same(mine, theirs, depth):
            return theirs
        if same(theirs, base, depth):
            return mine
        if isinstance(theirs, dict) and isinstance(mine, dict):
            return self.objects(path, base if isinstance(base, dict) else {}, theirs, mine)
        self.conflicts.append(FieldConflict(path, base, theirs, mine))
        return theirs

    def list(self, path: Path, base: list[Any], theirs: list[Any], mine: list[Any]) -> list[Any]:
        if same_json(mine, base):
            return theirs
        joined = _joined(base, theirs, mine)
        if joined.lost or joined.back:
            self.stale.append(OverwrittenList(path, joined.lost, joined.back))
        if joined.reason:
            self.conflicts.append(FieldConflict(path, base, theirs, mine, joined.reason, joined.values))
            return theirs
        return joined.values


@dataclass(slots=True)
class _Joined:
    """A list made of two; `reason` says why it is only a proposal."""

    values: list[Any]
    reason: str
    lost: tuple[Any, ...]
    back: tuple[Any, ...]


def _joined(base: list[Any], theirs: list[Any], mine: list[Any]) -> _Joined:
    fresh = count(len(base))
    their = _aligned(base, theirs, fresh)
    my = _aligned(base, mine, fresh)
    _same_additions(their, my, len(base))
    known = range(len(base))
    reason = ""
    values: dict[int, Any] = {}
    gone: set[int] = set()
    for token in [*their, *(token for token in my if token not in their)]:
        if token not in known:
            values[token] = their.get(token, my.get(token))
            continue
        was = base[token]
        if token in their and token in my:
            values[token], clash = _member(was, their[token], my[token])
        else:
            kept = their.get(token, my.get(token))
            clash = not same_json(kept, was)  # one side changed what the other took away
            values[token] = kept
            if not clash:
                gone.add(token)
        reason = reason or ("Both changed the same entry" if clash else "")
    order, both_moved = _order(
        [token for token in known if token in their and token in my],
        [token for token in their if token not in gone],
        [token for token in my if token not in gone],
    )
    return _Joined(
        [values[token] for token in order],
        reason or ("Both changed the order" if both_moved else ""),
        tuple(value for token, value in their.items() if token not in known and token not in my),
        tuple(value for token, value in my.items() if token in known and token not in their),
    )


def _aligned(base: list[Any], other: list[Any], fresh: Iterable[int]) -> dict[int, Any]:
    """The members of `other` in order, each under its place in `base`, or under a fresh number when it is new.

    Equal members belong together first; of the rest, objects that say the same in all of `_IDENTITY`, nearest
    place first. One that says something else there is another one: a guess here could hide that it was
    removed and not changed.
    """
    free = list(range(len(base)))
    found: list[int | None] = []
    for value in other:
        token = next((place for place in free if same_json(base[place], value)), None)
        found.append(token)
        if token is not None:
            free.remove(token)
    for place, value in enumerate(other):
        if found[place] is None and isinstance(value, dict):
            alike = [token for token in free if _alike(base[token], value)]
            if alike:
                _, nearest = min((abs(token - place), token) for token in alike)
                found[place] = nearest
                free.remove(nearest)
    numbers = iter(fresh)
    return {next(numbers) if token is None else token: value for token, value in zip(found, other, strict=True)}


_IDENTITY = ("trigger", "type", "template", "targetToolId")
"""The members of an action that say which one it is."""


def _alike(left: Any, right: Object) -> bool:
    return isinstance(left, dict) and all(
        same_json(left.get(name, MISSING), right.get(name, MISSING)) for name in _IDENTITY
    )


def _same_additions(theirs: dict[int, Any], mine: dict[int, Any], known: int) -> None:
    """Give a member that both sides added one number, in place."""
    spare = [(token, value) for token, value in theirs.items() if token >= known]
    renamed: dict[int, int] = {}
    for token, value in mine.items():
        if token >= known:
            twin = next((pair for pair in spare if same_json(pair[1], value)), None)
            if twin:
                renamed[token] = twin[0]
                spare.remove(twin)
    items = [(renamed.get(token, token), value) for token, value in mine.items()]
    mine.clear()
    mine.update(items)


def _member(base: Any, theirs: Any, mine: Any) -> tuple[Any, bool]:
    """One entry that both sides kept; whether they disagree about it."""
    walk = _Walk(frozenset())
    merged = walk.values(("",) * (_NULL_IS_ABSENT + 1), base, theirs, mine)  # entries are replaced whole: null counts
    return merged, bool(walk.conflicts)


def _order(common: list[int], theirs: list[int], mine: list[int]) -> tuple[list[int], bool]:
    """All tokens in an order that keeps to whichever side moved something; whether both did, differently."""
    shared = set(common)
    their, my = ([token for token in side if token in shared] for side in (theirs, mine))
    lead, other = (theirs, mine) if my in (common, their) else (mine, theirs)
    result = list(lead)
    placed = set(lead)
    for place, token in enumerate(other):
        if token in placed:
            continue
        before = next((each for each in reversed(other[:place]) if each in placed), None)
        result.insert(0 if before is None else result.index(before) + 1, token)
        placed.add(token)
    return result, my != common and their != common and my != their
