"""The journal of all changes made in the program and the data to undo them, one file per profile, drio and app.

The file is in the state folder, mode 0600, and has one JSON object per line:

    {"v": 1, "begin": {…an `Entry`…}}       before a request that changes something is sent
    {"v": 1, "end": id, "state": …, …}      when its outcome is known; without this line it stays unknown
    {"v": 1, "alias": [old id, new id]}     the new id of a resource that was deleted and created again

Lines are appended and flushed to disk under a lock between processes, so several programs share one history.
Unreadable lines are moved to a second file (`….corrupt`), with a notice; lines of a newer version stay unchanged. The
file contains no secrets: `Entry.lost` has the paths that `strip` removed. If the file cannot be written, the history is
kept in memory, and `notices` has the reason.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import secrets
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from drio_tui.api import json_codec
from drio_tui.api.redact import may_hold_secrets, redact
from drio_tui.server_id import migrate_old_files
from drio_tui.storage import paths
from drio_tui.storage.files import NotPrivate, os_error_text, private_dir, read_private, sync_dir, write_private
from drio_tui.storage.lock import FileLock, LockBusy

VERSION = 1
KEEP_ENTRIES = 300
KEEP_BYTES = 2 << 20
COMPACT_BYTES = 2 * KEEP_BYTES
READ_BYTES = 64 << 20
_LOCK_SECONDS = 5.0

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


def fingerprint_of(text: str) -> str:
    """Return a short fingerprint of an id or another text."""
    return digest(text)[:8]


def fingerprints_of(body: dict[str, Any]) -> dict[str, str]:
    """Return the fingerprints of the properties of a body, without secrets and objects.

    Text counts without spaces around it, which drio may remove.
    """
    return {
        name: fingerprint_of(json_codec.dumps(value.strip() if isinstance(value, str) else value))
        for name, value in without_secrets(body)[0].items()
        if not isinstance(value, dict)
    }


def new_id() -> str:
    """Return a new id for an entry or a group."""
    return secrets.token_hex(8)


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


class Journal:
    """The journal of one app and one profile; `server` is a `server_id`.

    All methods block; a write takes a few milliseconds.
    """

    def __init__(self, profile: str, server: str, app: str) -> None:
        self._names = FileNames(profile, app, ".jsonl")
        self.path = paths.state_dir() / "journal" / self._names.of(server)
        self.app = app
        self._server = server
        self.notices: list[str] = []
        self._memory: list[dict[str, Any]] = []
        self._memory_lock = threading.Lock()
        self._writing = threading.Lock()
        self._compacted_bytes = 0

    @property
    def corrupt_path(self) -> Path:
        """The file for unreadable lines."""
        return self.path.with_name(f"{self.path.name}.corrupt")

    @property
    def is_lost_at_the_end(self) -> bool:
        """Whether changes are in memory only, so that no other process and no later run can undo them."""
        return bool(self._memory)

    def begin(self, entry: Entry) -> None:
        """Append a change, before its request is sent."""
        self._append({"v": VERSION, "begin": _to_json(entry)})

    def end(self, entry: Entry) -> None:
        """Append the outcome of a change: `state`, and what is known from the response (`resource`, `after`, …)."""
        outcome = {name: value for name, value in _to_json(entry).items() if name in _END_FIELDS}
        self._append({"v": VERSION, "end": entry.id, **outcome})

    def alias(self, old: str, new: str) -> None:
        """Append that the resource `old` was created again as `new`."""
        self._append({"v": VERSION, "alias": [old, new]})

    def read(self) -> History:
        """Return the history of all processes. Does not raise, whatever the file contains."""
        self._adopt()
        with self._writing:
            lines, corrupt = self._read_lines()
            if corrupt:
                lines = self._move_corrupt_lines(lines)
            lines += self._memory
        history = History()
        indexes: dict[str, int] = {}
        for line in lines:
            _apply_line(history, indexes, line)
        return history

    # --- the file --------------------------------------------------------------------------------

    def _adopt(self) -> None:
        """Merge the journals that earlier versions kept of a sandbox, one for each port it listened on."""

        def take(files: list[Path]) -> None:
            with self._locked():
                if not self.path.exists():
                    timed_lines = [line for file in files for line in _timed(read_private(file, limit=READ_BYTES))]
                    timed_lines.sort(key=lambda timed_line: timed_line[0])
                    write_private(self.path, b"".join(line + b"\n" for _, line in timed_lines))
                for file in files:
                    file.unlink()

        migrate_old_files(self._server, self.path, self._names.pattern, self._names.of, take)

    def _append(self, line: dict[str, Any]) -> None:
        """Append a line to the file, after those that could not be written earlier; keep in memory what fails.

        Lines of other threads that wait meanwhile are written with it.
        """
        self._adopt()
        with self._memory_lock:
            self._memory.append(line)
        with self._writing:
            if not any(waiting is line for waiting in self._memory):
                return  # another thread has written it
            try:
                with self._locked():
                    self._write_waiting()
            except OSError as error:
                self._add_notice(f"The history of changes is kept in memory only: {os_error_text(error)}")

    def _write_waiting(self) -> None:
        """Append the lines in memory; one that is not JSON stays there, and does not keep the others from the file."""
        waiting = [*self._memory]
        texts: list[str] = []
        written: list[int] = []
        for line in waiting:
            try:
                texts.append(json_codec.dumps(line))
                written.append(id(line))
            except ValueError as error:
                self._add_notice(f"A change is kept in memory only: {error}")
        if texts:
            size = self._write("\n".join(texts))
            with self._memory_lock:
                self._memory = [line for line in self._memory if id(line) not in written]
            if size > max(COMPACT_BYTES, self._compacted_bytes * 2):
                self._compact()

    def _write(self, text: str) -> int:
        """Append lines, flush them to disk, and return the size of the file."""
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
        is_new = not self.path.exists()
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
        if is_new:
            sync_dir(self.path.parent)
        return size

    def _read_lines(self) -> tuple[list[dict[str, Any]], list[bytes]]:
        """Return the lines as objects, and the unreadable ones as they are."""
        try:
            data = read_private(self.path, limit=READ_BYTES)
        except FileNotFoundError:
            return [], []
        except OSError as error:
            self._add_notice(f"The history of changes cannot be read: {os_error_text(error)}")
            return [], []
        valid: list[dict[str, Any]] = []
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
                valid.append(line)
            else:
                corrupt.append(raw)
        return valid, corrupt

    def _move_corrupt_lines(self, lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Move the unreadable lines to `corrupt_path`, so that they are not lost, and return the others.

        The file is read again under the lock: another process may have been writing a line that looked unreadable.
        """
        try:
            with self._locked():
                lines, corrupt = self._read_lines()
                if corrupt:
                    earlier = b""
                    with contextlib.suppress(FileNotFoundError):
                        earlier = read_private(self.corrupt_path, limit=READ_BYTES)
                    write_private(self.corrupt_path, earlier + b"\n".join(corrupt) + b"\n")
                    write_private(self.path, _to_jsonl(lines))
                    self._add_notice(
                        f"{len(corrupt)} unreadable line(s) of the history are kept in {self.corrupt_path}"
                    )
        except OSError as error:
            self._add_notice(f"Unreadable lines of the history stay where they are: {os_error_text(error)}")
        return lines

    def _compact(self) -> None:
        """Remove the oldest changes, but none of the newest group; the file is replaced atomically."""
        lines, corrupt = self._read_lines()
        if corrupt:  # `read` moves them to another file first
            return
        begins = [line["begin"] for line in lines if isinstance(line.get("begin"), dict)]
        kept_ids: set[str] = set()
        size = 0
        for begin in reversed(begins):
            size += len(json_codec.dumps(begin))
            is_in_newest_group = begin.get("group") == begins[-1].get("group")
            if kept_ids and not is_in_newest_group and (size > KEEP_BYTES or len(kept_ids) >= KEEP_ENTRIES):
                break
            kept_ids.add(str(begin.get("id")))
        data = _to_jsonl([line for line in lines if _is_kept(line, kept_ids)])
        write_private(self.path, data)
        self._compacted_bytes = len(data)

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        """Hold the file lock. Raises `OSError` if the folder cannot be private or another process holds the lock."""
        private_dir(self.path.parent.parent)
        private_dir(self.path.parent)
        try:
            with FileLock(self.path.with_name(f"{self.path.name}.lock")).hold_blocking(_LOCK_SECONDS):
                yield
        except LockBusy as error:
            raise NotPrivate(f"{error}") from error

    def _add_notice(self, text: str) -> None:
        if text not in self.notices:
            self.notices.append(text)


class FileNames:
    """Valid file names for a profile and an app, one per drio, whatever characters their names contain."""

    def __init__(self, profile: str, app: str, suffix: str) -> None:
        self._readable = re.sub(r"[^A-Za-z0-9_-]+", "-", f"{profile}-{app}")[:60].strip("-")
        self._profile, self._app, self._suffix = profile, app, suffix

    def of(self, server: str) -> str:
        """Return the file name for one drio (a `server_id`)."""
        fingerprint = digest(f"{self._profile}\0{server}\0{self._app}")[:16]
        return f"{self._readable}-{fingerprint}{self._suffix}"

    @property
    def pattern(self) -> str:
        """A glob pattern that matches the names for all drios."""
        return f"{self._readable}-*{self._suffix}"


def _timed(data: bytes) -> Iterator[tuple[float, bytes]]:
    """Yield the lines of a journal, each with the time of the latest change up to it."""
    at = 0.0
    for raw in data.split(b"\n"):
        with contextlib.suppress(ValueError, KeyError, TypeError, AttributeError):
            at = float(json_codec.loads(raw)["begin"]["at"])
        if raw.strip():
            yield at, raw


def digest(text: str) -> str:
    """Return the SHA-256 hash of a text, in hexadecimal."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def without_secrets(value: dict[str, Any]) -> tuple[dict[str, Any], tuple[tuple[str, ...], ...]]:
    """Return the object without its secrets, and the paths (name by name) of the removed secrets.

    A list that contains a secret is removed as a whole: the rest of it would be restored as if it were complete.
    """
    if not may_hold_secrets(value):
        return dict(value), ()
    lost: list[tuple[str, ...]] = []
    return _strip(value, redact(value), (), lost), tuple(lost)


def without_paths(raw: Mapping[str, Any], lost: tuple[str, ...], path: str = "") -> dict[str, Any]:
    """Return a copy without the properties at the dotted paths in `lost`; `path` is that of `raw` itself."""
    result: dict[str, Any] = {}
    for name, value in raw.items():
        value_path = f"{path}.{name}" if path else name
        if value_path not in lost:
            result[name] = without_paths(value, lost, value_path) if isinstance(value, dict) else value
    return result


def _strip(
    value: dict[str, Any], redacted: dict[str, Any], path: tuple[str, ...], lost: list[tuple[str, ...]]
) -> dict[str, Any]:
    stripped: dict[str, Any] = {}
    for name, item in value.items():
        item_path = (*path, name)
        redacted_item = redacted.get(name)
        if isinstance(item, dict) and isinstance(redacted_item, dict):
            stripped[name] = _strip(item, redacted_item, item_path, lost)
        elif item == redacted_item:
            stripped[name] = item
        else:
            lost.append(item_path)
    return stripped


_OPTIONAL = frozenset({"known", "sent", "place"})
_END_FIELDS = frozenset({"state", "thing", "name", "after", "lost", "added"})


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


_TEXTS = ("id", "group", "what", "app", "kind", "resource", "name", "parent", "part", "undoes")


def _paths(line: Mapping[str, Any]) -> tuple[tuple[str, ...], ...]:
    return tuple(tuple(_text(name) for name in path) for path in line.get("added", ()))


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("not text")
    return value


def _apply_line(history: History, indexes: dict[str, int], line: Mapping[str, Any]) -> None:
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


def _is_kept(line: Mapping[str, Any], kept_ids: set[str]) -> bool:
    """Return whether a line stays in the file when only the changes with these ids are kept."""
    if line.get("v") != VERSION:
        return True
    if "begin" in line:
        return isinstance(line["begin"], dict) and str(line["begin"].get("id")) in kept_ids
    return str(line["end"]) in kept_ids if "end" in line else True


def _to_jsonl(lines: list[dict[str, Any]]) -> bytes:
    return "".join(json_codec.dumps(line) + "\n" for line in lines).encode("ascii")


def new_entry(
    what: ChangeType, app: str, kind: str, resource: str, name: str, *, group: str = "", **more: Any
) -> Entry:
    """Return a new entry with the current time; without `group` it is a group by itself."""
    id = new_id()
    return Entry(
        id=id, at=time.time(), group=group or id, what=what, app=app, kind=kind, resource=resource, name=name, **more
    )
