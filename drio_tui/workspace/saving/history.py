"""The changes made in the program, the history of them, and the lines of the journal that keep them.

A line is a JSON object:

    {"v": 1, "begin": {…an `Entry`…}}       before a request that changes something is sent
    {"v": 1, "end": id, "state": …, …}      when its outcome is known; without this line it stays unknown
    {"v": 1, "alias": [old id, new id]}     the new id of a resource that was deleted and created again
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

VERSION = 1
ChangeType = Literal["update", "create", "delete", "deploy"]
State = Literal["unknown", "done", "failed", "unresolved"]
"""`unknown`: there is no end line yet. `unresolved`: the outcome could not be determined from the server either."""
_CHANGE_TYPES = frozenset({"update", "create", "delete", "deploy"})
_STATES = frozenset({"unknown", "done", "failed", "unresolved"})


@dataclass(frozen=True, slots=True)
class Entry:
    """One change.

    `at` is in seconds since the epoch; `group` is shared by the changes that are undone together; `resource` and
    `parent` are ids; `name` is the name of the resource (not sanitized). `before` and `after` are JSON objects: for an
    update the properties that were sent, for a create and a delete the whole resource. `lost` are the dotted paths of
    secrets that were removed and cannot be restored, `added` the paths (name by name) of the secrets that did not exist
    before. `links` are the single references to a deleted resource that the server may have cleared: `[kind, id,
    property]`. `undoes` is the id of the entry that this one undid, `part` the route of an update.

    `known` are the fingerprints (`fingerprint_of`) of the ids that existed before a create, only in the first create of
    its group, kind and parent; `sent` are the fingerprints (`fingerprints_of`) of the body. With both the created
    resource can be found if the response is lost. `place` is the position of a deleted resource in drio's lists, to
    restore the order of resources that were deleted together.
    """

    id: str
    at: float
    group: str
    what: ChangeType
    app: str
    kind: str
    resource: str
    name: str
    parent: str = ""
    part: str = ""
    before: dict[str, Any] | None = field(default=None, repr=False)
    after: dict[str, Any] | None = field(default=None, repr=False)
    lost: tuple[str, ...] = ()
    added: tuple[tuple[str, ...], ...] = ()
    links: tuple[tuple[str, str, str], ...] = ()
    undoes: str = ""
    known: tuple[str, ...] | None = None
    sent: Mapping[str, str] | None = None
    place: int | None = None
    state: State = "unknown"


_VERBS: Mapping[ChangeType, str] = {
    "update": "changed",
    "create": "made",
    "delete": "deleted",
    "deploy": "deployed",
}


def entry_text(entry: Entry) -> str:
    """Return a change as a short text, not sanitized: `changed tool Search: description`."""
    properties = ", ".join(entry.after or entry.before or {}) if entry.what == "update" else ""
    return f"{_VERBS[entry.what]} {entry.kind} {entry.name}{': ' if properties else ''}{properties}"


def new_id() -> str:
    """Return a new id for an entry or a group."""
    return secrets.token_hex(8)


def new_entry(
    what: ChangeType, app: str, kind: str, resource: str, name: str, *, group: str = "", **more: Any
) -> Entry:
    """Return a new entry with the current time; without `group` it is a group by itself."""
    id = new_id()
    return Entry(
        id=id, at=time.time(), group=group or id, what=what, app=app, kind=kind, resource=resource, name=name, **more
    )


@dataclass(slots=True)
class History:
    """A journal as read: entries from oldest to newest, and the new ids of resources that were created again."""

    entries: list[Entry] = field(default_factory=list)
    aliases: dict[str, str] = field(default_factory=dict)

    def current(self, id: str) -> str:
        """Return the current id of a resource."""
        seen: set[str] = set()
        while id in self.aliases and id not in seen:
            seen.add(id)
            id = self.aliases[id]
        return id

    def get(self, id: str) -> Entry | None:
        """Return the entry with this id, None if there is none."""
        return next((entry for entry in self.entries if entry.id == id), None)

    def is_undone(self, entry: Entry) -> bool:
        """Return whether the change was undone, and the undo was not undone itself."""
        return any(
            other.undoes == entry.id and other.state == "done" and not self.is_undone(other)
            for other in self.entries
            if other.id != entry.id
        )

    def note_undone(self, entry: Entry) -> None:
        """Add that a change was undone, without reading the journal again."""
        if not self.is_undone(entry):
            marker = new_entry("update", entry.app, entry.kind, entry.resource, entry.name, undoes=entry.id)
            self.entries.append(replace(marker, state="done"))

    def group(self, entry: Entry) -> list[Entry]:
        """Return the entries of the same group, oldest first."""
        return [other for other in self.entries if other.group == entry.group]

    def open(self) -> list[list[Entry]]:
        """Return the changes that are not undone, by group: the newest group first, in each the oldest change first."""
        groups: dict[str, list[Entry]] = {}
        for entry in reversed(self.entries):
            if entry.state != "failed" and not entry.undoes and not self.is_undone(entry):
                groups.setdefault(entry.group, []).insert(0, entry)
        return list(groups.values())


_OPTIONAL = frozenset({"known", "sent", "place"})
_END_FIELDS = frozenset({"state", "thing", "name", "after", "lost", "added"})
_TEXTS = ("id", "group", "what", "app", "kind", "resource", "name", "parent", "part", "undoes")


def begin_line(entry: Entry) -> dict[str, Any]:
    """Return the line of a change whose request is about to be sent."""
    return {"v": VERSION, "begin": _to_json(entry)}


def end_line(entry: Entry) -> dict[str, Any]:
    """Return the line of the outcome of a change: `state`, and what is known from the response (`resource`, …)."""
    outcome = {name: value for name, value in _to_json(entry).items() if name in _END_FIELDS}
    return {"v": VERSION, "end": entry.id, **outcome}


def alias_line(old: str, new: str) -> dict[str, Any]:
    """Return the line that says that the resource `old` was created again as `new`."""
    return {"v": VERSION, "alias": [old, new]}


def _to_json(entry: Entry) -> dict[str, Any]:
    line = asdict(entry)
    line["thing"] = line.pop("resource")  # the name in version 1 of the file format
    line["lost"] = [*entry.lost]
    line["added"] = [[*path] for path in entry.added]
    line["links"] = [[*link] for link in entry.links]
    line["known"] = None if entry.known is None else [*entry.known]
    return {name: value for name, value in line.items() if value is not None or name not in _OPTIONAL}


def _from_json(line: Mapping[str, Any]) -> Entry:
    """Return the entry of a begin line. Raises `ValueError` or `KeyError` for an invalid one."""
    texts = {name: _text(line.get("thing" if name == "resource" else name, "")) for name in _TEXTS}
    before, after, at = line.get("before"), line.get("after"), line["at"]
    known, sent, place = line.get("known"), line.get("sent"), line.get("place")
    if texts["what"] not in _CHANGE_TYPES or not texts["id"] or isinstance(at, bool) or not isinstance(at, int | float):
        raise ValueError("not an entry")
    return Entry(
        **texts,  # type: ignore[arg-type] # `what` was checked above
        at=float(at),
        before=before if isinstance(before, dict) else None,
        after=after if isinstance(after, dict) else None,
        lost=tuple(_text(path) for path in line.get("lost", ())),
        added=_paths(line),
        known=None if known is None else tuple(_text(fingerprint) for fingerprint in known),
        sent=sent if isinstance(sent, dict) else None,
        place=place if isinstance(place, int) else None,
        links=tuple((_text(kind), _text(id), _text(name)) for kind, id, name in line.get("links", ())),
    )


def _paths(line: Mapping[str, Any]) -> tuple[tuple[str, ...], ...]:
    return tuple(tuple(_text(name) for name in path) for path in line.get("added", ()))


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("not text")
    return value


def apply_line(history: History, indexes: dict[str, int], line: Mapping[str, Any]) -> None:
    """Add a line to the history; ignore one that is invalid or of a newer version.

    `indexes` are the indexes of the entries by id.
    """
    try:
        if line["v"] != VERSION:
            return
        if "begin" in line:
            entry = _from_json(line["begin"])
            indexes[entry.id] = len(history.entries)
            history.entries.append(entry)
        elif "end" in line:
            index = indexes[_text(line["end"])]
            entry = history.entries[index]
            state, after = _text(line["state"]), line.get("after")
            if state in _STATES:
                history.entries[index] = replace(
                    entry,
                    state=state,  # type: ignore[arg-type] # checked above
                    resource=_text(line.get("thing", entry.resource)),
                    name=_text(line.get("name", entry.name)),
                    after=after if isinstance(after, dict) else entry.after,
                    lost=tuple(_text(path) for path in line.get("lost", entry.lost)),
                    added=_paths(line),
                )
        elif "alias" in line:
            old, new = line["alias"]
            history.aliases[_text(old)] = _text(new)
    except (KeyError, ValueError, TypeError, AttributeError):
        return
