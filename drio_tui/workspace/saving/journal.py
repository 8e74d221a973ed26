"""Every change made in the program, with what it takes to undo it, one file per profile, drio and app.

The file lies in the state folder, mode 0600, and holds one JSON object a line:

    {"v": 1, "begin": {…an `Entry`…}}       before a request that changes something is sent
    {"v": 1, "end": id, "state": …, …}      when its outcome is known; a line that never came leaves it unknown
    {"v": 1, "alias": [old id, new id]}     a resource that was deleted and made again goes by another id

Lines are appended and flushed to disk under a lock between processes, so several programs share one
history. A line that cannot be read is kept in a file beside it (`….corrupt`) and said so; lines of a newer
version are left alone. Secrets are never in it: what `strip` takes out is named in `Entry.lost`. Where the
file cannot be written the history goes on in memory, and `notices` says why.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import secrets
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from drio_tui.api import json_codec
from drio_tui.api.redact import redact
from drio_tui.server_id import adopt
from drio_tui.storage import paths
from drio_tui.storage.files import NotOurs, private_dir, read_private, reason_of, sync_dir, write_private
from drio_tui.storage.lock import FileLock, LockBusy

VERSION = 1
KEEP_ENTRIES = 300
KEEP_BYTES = 2 << 20
COMPACT_BYTES = 2 * KEEP_BYTES
READ_BYTES = 64 << 20
_LOCK_SECONDS = 5.0

What = Literal["update", "create", "delete", "deploy"]
State = Literal["unknown", "done", "failed", "unresolved"]
"""`unknown`: no end was noted yet. `unresolved`: looking at the server did not tell either."""
_WHATS = frozenset({"update", "create", "delete", "deploy"})
_STATES = frozenset({"unknown", "done", "failed", "unresolved"})


@dataclass(frozen=True, slots=True)
class Entry:
    """One change.

    `at` is in seconds since the epoch, `group` is shared by the changes of one intent (undone together),
    `resource` and `parent` are ids, `name` what the resource was called (not yet safe to show). `before` and
    `after` are the JSON of what changed: for an update only the members that were sent, for a create and a
    delete the whole resource. `lost` are dotted paths of secrets that were left out and cannot be brought back,
    `added` the paths (name by name) of those that were not there before. `links` are the single references
    to a deleted resource that a server may have cleared: `[kind, id, member]`. `undoes` names the entry that
    this one undid, `part` the route that carried an update. `known` are the `mark_of` the ids that were there before
    a create, in the first one of its group, kind and parent; `sent` the `marks_of` what was sent to make it. Both tell
    later what was made, should the answer never come. `place` orders what was deleted with the same intent as drio
    listed it.
    """

    id: str
    at: float
    group: str
    what: What
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


def mark_of(id: str) -> str:
    """A short fingerprint of an id."""
    return digest(id)[:8]


def marks_of(body: dict[str, Any]) -> dict[str, str]:
    """Fingerprints of the plain members of a body, secrets left out."""
    return {
        name: mark_of(json_codec.dumps(item)) for name, item in strip(body)[0].items() if not isinstance(item, dict)
    }


def new_id() -> str:
    """An id for an entry or a group."""
    return secrets.token_hex(8)


@dataclass(slots=True)
class History:
    """A journal as read: entries from oldest to newest, and by which ids resources go that were made again."""

    entries: list[Entry] = field(default_factory=list)
    aliases: dict[str, str] = field(default_factory=dict)

    def current(self, id: str) -> str:
        """The id by which the resource goes now."""
        seen: set[str] = set()
        while id in self.aliases and id not in seen:
            seen.add(id)
            id = self.aliases[id]
        return id

    def get(self, id: str) -> Entry | None:
        """The entry with this id."""
        return next((entry for entry in self.entries if entry.id == id), None)

    def undone(self, entry: Entry) -> bool:
        """Whether it was undone, and that not undone again."""
        return any(
            each.undoes == entry.id and each.state == "done" and not self.undone(each)
            for each in self.entries
            if each.id != entry.id
        )

    def group(self, entry: Entry) -> list[Entry]:
        """The entries of the same intent, oldest first."""
        return [each for each in self.entries if each.group == entry.group]

    def open(self) -> list[list[Entry]]:
        """What is not undone yet, by intent: the newest first, each oldest first."""
        groups: dict[str, list[Entry]] = {}
        for entry in reversed(self.entries):
            if entry.state != "failed" and not entry.undoes and not self.undone(entry):
                groups.setdefault(entry.group, []).insert(0, entry)
        return list(groups.values())


class Journal:
    """The history of one app under one profile. Blocking; a write takes a few milliseconds.

    `server` is a `server_id`.
    """

    def __init__(self, profile: str, server: str, app: str) -> None:
        self._names = FileNames(profile, app, ".jsonl")
        self.path = paths.state_dir() / "journal" / self._names.of(server)
        self.app = app
        self._server = server
        self.notices: list[str] = []
        self._memory: list[dict[str, Any]] = []

    @property
    def corrupt_path(self) -> Path:
        """Where lines that cannot be read are kept."""
        return self.path.with_name(f"{self.path.name}.corrupt")

    def begin(self, entry: Entry) -> None:
        """Note a change before its request is sent."""
        self._append({"v": VERSION, "begin": _line(entry)})

    def end(self, entry: Entry) -> None:
        """Note the outcome: `state`, and what only the answer told (`resource`, `name`, `after`, `lost`)."""
        told = {name: value for name, value in _line(entry).items() if name in _TOLD}
        self._append({"v": VERSION, "end": entry.id, **told})

    def alias(self, old: str, new: str) -> None:
        """Note that the resource `old` was made again as `new`."""
        self._append({"v": VERSION, "alias": [old, new]})

    def read(self) -> History:
        """Everything there is, of all processes. Never raises for what the file holds."""
        self._adopt()
        lines, corrupt = self._lines()
        if corrupt:
            lines = self._set_aside(lines)
        history = History()
        places: dict[str, int] = {}
        for line in [*lines, *self._memory]:
            _take(history, places, line)
        return history

    # --- the file --------------------------------------------------------------------------------

    def _adopt(self) -> None:
        """Take over the journals that earlier versions kept of a sandbox, one for each port that it had."""

        def take(found: list[Path]) -> None:
            with self._locked():
                if not self.path.exists():
                    lines = [line for each in found for line in _timed(read_private(each, limit=READ_BYTES))]
                    write_private(
                        self.path, b"".join(line + b"\n" for _, line in sorted(lines, key=lambda one: one[0]))
                    )
                for each in found:
                    each.unlink()

        adopt(self._server, self.path, self._names.pattern, self._names.of, take)

    def _append(self, line: dict[str, Any]) -> None:
        """Write a line to the file, after those that could not be written before it; what fails stays in memory."""
        self._adopt()
        self._memory.append(line)
        size = 0
        try:
            with self._locked():
                for waiting in [*self._memory]:
                    try:
                        size = self._write(json_codec.dumps(waiting))
                    except ValueError as error:  # no JSON: it would keep all others from being written
                        self._say(f"A change is kept in memory only: {error}")
                    else:
                        self._memory.remove(waiting)
                if size > COMPACT_BYTES:
                    self._compact()
        except OSError as error:
            self._say(f"The history of changes is kept in memory only: {reason_of(error)}")

    def _write(self, text: str) -> int:
        """Append a line and flush it to disk; gives the file's size."""
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
        fresh = not self.path.exists()
        handle = os.open(self.path, flags, 0o600)
        try:
            size = os.fstat(handle).st_size
            torn = size and os.pread(handle, 1, size - 1) != b"\n" if hasattr(os, "pread") else bool(size)
            data = memoryview((b"\n" if torn else b"") + text.encode("ascii") + b"\n")
            while data:
                data = data[os.write(handle, data) :]
            os.fsync(handle)
            size = os.fstat(handle).st_size
        finally:
            os.close(handle)
        if fresh:
            sync_dir(self.path.parent)
        return size

    def _lines(self) -> tuple[list[dict[str, Any]], list[bytes]]:
        """The lines as objects, and those that are none."""
        try:
            data = read_private(self.path, limit=READ_BYTES)
        except FileNotFoundError:
            return [], []
        except OSError as error:
            self._say(f"The history of changes cannot be read: {reason_of(error)}")
            return [], []
        good: list[dict[str, Any]] = []
        corrupt: list[bytes] = []
        for raw in data.split(b"\n"):
            if not raw.strip():
                continue
            try:
                line = json_codec.loads(raw)
            except json_codec.MalformedJson:
                corrupt.append(raw)
                continue
            if isinstance(line, dict) and isinstance(line.get("v"), int):
                good.append(line)
            else:
                corrupt.append(raw)
        return good, corrupt

    def _set_aside(self, lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Move lines that cannot be read to a file of their own, so that nothing of them is lost.

        Gives the lines as they are then: what looked broken may only have been on its way.
        """
        try:
            with self._locked():
                lines, corrupt = self._lines()
                if corrupt:
                    kept = b""
                    with contextlib.suppress(FileNotFoundError):
                        kept = read_private(self.corrupt_path, limit=READ_BYTES)
                    write_private(self.corrupt_path, kept + b"\n".join(corrupt) + b"\n")
                    write_private(self.path, _text(lines))
                    self._say(f"{len(corrupt)} unreadable line(s) of the history are kept in {self.corrupt_path}")
        except OSError as error:
            self._say(f"Unreadable lines of the history stay where they are: {reason_of(error)}")
        return lines

    def _compact(self) -> None:
        """Keep the newest changes; the old file stays whole until the new one is in place."""
        lines, corrupt = self._lines()
        if corrupt:  # `read` sets them aside first
            return
        begins = [line for line in lines if "begin" in line]
        kept: set[str] = set()
        size = 0
        for line in reversed(begins[-KEEP_ENTRIES:]):
            size += len(json_codec.dumps(line))
            if kept and size > KEEP_BYTES:
                break
            kept.add(str(line["begin"].get("id")))
        write_private(self.path, _text([line for line in lines if _stays(line, kept)]))

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        """Raises `OSError` where the folder cannot be private or another process keeps the lock."""
        private_dir(self.path.parent.parent)
        private_dir(self.path.parent)
        try:
            with FileLock(self.path.with_name(f"{self.path.name}.lock")).hold_blocking(_LOCK_SECONDS):
                yield
        except LockBusy as error:
            raise NotOurs(f"{error}") from error

    def _say(self, text: str) -> None:
        if text not in self.notices:
            self.notices.append(text)


class FileNames:
    """The names of the files of a profile and an app, by drio, whatever characters their names hold."""

    def __init__(self, profile: str, app: str, suffix: str) -> None:
        self._plain = re.sub(r"[^A-Za-z0-9_-]+", "-", f"{profile}-{app}")[:60].strip("-")
        self._profile, self._app, self._suffix = profile, app, suffix

    def of(self, server: str) -> str:
        """The name for one drio."""
        mark = digest(f"{self._profile}\0{server}\0{self._app}")[:16]
        return f"{self._plain}-{mark}{self._suffix}"

    @property
    def pattern(self) -> str:
        """A glob that matches all of them."""
        return f"{self._plain}-*{self._suffix}"


def _timed(data: bytes) -> Iterator[tuple[float, bytes]]:
    """The lines of a journal, each with the time of the change that was noted last."""
    at = 0.0
    for raw in data.split(b"\n"):
        with contextlib.suppress(ValueError, KeyError, TypeError, AttributeError):
            at = float(json_codec.loads(raw)["begin"]["at"])
        if raw.strip():
            yield at, raw


def digest(text: str) -> str:
    """A fingerprint of a text, in hexadecimal."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def strip(value: dict[str, Any]) -> tuple[dict[str, Any], tuple[tuple[str, ...], ...]]:
    """The object without its secrets, and the paths (name by name) at which they stood.

    A list with a secret inside goes whole: half a list would be put back as if it were all.
    """
    lost: list[tuple[str, ...]] = []
    return _strip(value, redact(value), (), lost), tuple(lost)


def _strip(
    value: dict[str, Any], shown: dict[str, Any], path: tuple[str, ...], lost: list[tuple[str, ...]]
) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, item in value.items():
        here = (*path, name)
        safe = shown.get(name)
        if isinstance(item, dict) and isinstance(safe, dict):
            found[name] = _strip(item, safe, here, lost)
        elif item == safe:
            found[name] = item
        else:
            lost.append(here)
    return found


_OPTIONAL = frozenset({"known", "sent", "place"})
_TOLD = frozenset({"state", "thing", "name", "after", "lost", "added"})


def _line(entry: Entry) -> dict[str, Any]:
    line = asdict(entry)
    line["thing"] = line.pop("resource")  # the name of the first version of these files
    line["lost"] = [*entry.lost]
    line["added"] = [[*path] for path in entry.added]
    line["links"] = [[*link] for link in entry.links]
    line["known"] = None if entry.known is None else [*entry.known]
    return {name: value for name, value in line.items() if value is not None or name not in _OPTIONAL}


def _entry(line: Mapping[str, Any]) -> Entry:
    """The entry of a line. Raises `ValueError` or `KeyError` for one that is none."""
    texts = {name: _str(line.get("thing" if name == "resource" else name, "")) for name in _TEXTS}
    before, after, at = line.get("before"), line.get("after"), line["at"]
    known, sent, place = line.get("known"), line.get("sent"), line.get("place")
    if texts["what"] not in _WHATS or not texts["id"] or isinstance(at, bool) or not isinstance(at, int | float):
        raise ValueError("not an entry")
    return Entry(
        **texts,  # type: ignore[arg-type] # `what` was checked above
        at=float(at),
        before=before if isinstance(before, dict) else None,
        after=after if isinstance(after, dict) else None,
        lost=tuple(_str(each) for each in line.get("lost", ())),
        added=_paths(line),
        known=None if known is None else tuple(_str(each) for each in known),
        sent=sent if isinstance(sent, dict) else None,
        place=place if isinstance(place, int) else None,
        links=tuple((_str(kind), _str(id), _str(member)) for kind, id, member in line.get("links", ())),
    )


_TEXTS = ("id", "group", "what", "app", "kind", "resource", "name", "parent", "part", "undoes")


def _paths(line: Mapping[str, Any]) -> tuple[tuple[str, ...], ...]:
    return tuple(tuple(_str(name) for name in path) for path in line.get("added", ()))


def _str(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("not text")
    return value


def _take(history: History, places: dict[str, int], line: Mapping[str, Any]) -> None:
    """Add what a line says; one that says nothing we understand (a newer version's) is passed over."""
    try:
        if line["v"] != VERSION:
            return
        if "begin" in line:
            entry = _entry(line["begin"])
            places[entry.id] = len(history.entries)
            history.entries.append(entry)
        elif "end" in line:
            place = places[_str(line["end"])]
            entry = history.entries[place]
            state, after = _str(line["state"]), line.get("after")
            if state in _STATES:
                history.entries[place] = replace(
                    entry,
                    state=state,  # type: ignore[arg-type] # checked above
                    resource=_str(line.get("thing", entry.resource)),
                    name=_str(line.get("name", entry.name)),
                    after=after if isinstance(after, dict) else entry.after,
                    lost=tuple(_str(each) for each in line.get("lost", entry.lost)),
                    added=_paths(line),
                )
        elif "alias" in line:
            old, new = line["alias"]
            history.aliases[_str(old)] = _str(new)
    except (KeyError, ValueError, TypeError, AttributeError):
        return


def _stays(line: Mapping[str, Any], kept: set[str]) -> bool:
    if line.get("v") != VERSION:
        return True
    if "begin" in line:
        return isinstance(line["begin"], dict) and str(line["begin"].get("id")) in kept
    return str(line["end"]) in kept if "end" in line else True


def _text(lines: list[dict[str, Any]]) -> bytes:
    return "".join(json_codec.dumps(line) + "\n" for line in lines).encode("ascii")


def entry(what: What, app: str, kind: str, resource: str, name: str, *, group: str = "", **more: Any) -> Entry:
    """A new entry as of now; `group` joins it to others."""
    id = new_id()
    return Entry(
        id=id, at=time.time(), group=group or id, what=what, app=app, kind=kind, resource=resource, name=name, **more
    )
