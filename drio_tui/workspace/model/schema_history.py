"""Input schemas of operations as they were seen, to tell later what changed since a tool was bound.

drio keeps only the hash of what a tool was bound to. What an operation's input looked like then is known to
whoever had the app open in those days: it lies in the state folder, one file for each drio and app, mode 0600:

    {"v": 1, "seen": [[operation id, schemaHash, input schema], …]}    the ones seen last at the end

A file is replaced whole, under a lock between processes. One that cannot be read counts as empty: nothing is
lost but a comparison. Everything here blocks, for a few milliseconds.
"""

from __future__ import annotations

import contextlib
import hashlib
from pathlib import Path
from typing import Any

from drio_tui.api import json_codec
from drio_tui.server_id import adopt, file_prefix
from drio_tui.storage import paths
from drio_tui.storage.files import private_dir, read_private, write_private
from drio_tui.storage.lock import FileLock, LockBusy
from drio_tui.workspace.model.snapshot import Snapshot

VERSION = 1
KEEP_SCHEMAS = 1000
KEEP_BYTES = 4 << 20
KEEP_APPS = 100
SCHEMA_BYTES = 64 << 10
_LOCK_SECONDS = 5.0

Key = tuple[str, str]
"""An operation's id and the hash of its schema."""


def folder() -> Path:
    """Where the files lie."""
    return paths.state_dir() / "schemas"


def schemas_in(snapshot: Snapshot) -> dict[Key, Any]:
    """The input schemas of an app's operations as they are now (null for one that takes nothing)."""
    return {
        (operation.id, operation.text("schemaHash")): operation.get("inputSchema")
        for operation in snapshot.resources("operation")
        if operation.text("schemaHash") and not operation.made_up
    }


class SchemaHistory:
    """The schemas seen of one app at one drio (a `server_id`)."""

    def __init__(self, server: str, app: str) -> None:
        self._server = server
        self._app = app
        self.path = folder() / self._name(server)
        self._kept: frozenset[Key] = frozenset()

    def _name(self, server: str) -> str:
        mark = hashlib.sha256(json_codec.dumps([server, self._app]).encode()).hexdigest()[:32]
        return f"{file_prefix(server)}{mark}.json"

    def _adopt(self) -> None:
        """Take over what earlier versions kept of a sandbox, a file for each port that it had."""

        def take(found: list[Path]) -> None:
            found[-1].rename(self.path)
            for each in found[:-1]:
                self.remember({**_read(each), **_read(self.path)})
                each.unlink()

        adopt(self._server, self.path, "[0-9a-f]*.json", self._name, take)

    def of(self, operation: str) -> dict[str, Any]:
        """What was seen of an operation, by hash."""
        self._adopt()
        return {hash: schema for (id, hash), schema in _read(self.path).items() if id == operation}

    def remember(self, schemas: dict[Key, Any]) -> None:
        """Keep these, too; the file is left alone when all of them are in it. Raises `OSError`."""
        if self._kept.issuperset(schemas):
            return
        self._adopt()
        private_dir(folder().parent)
        private_dir(folder())
        try:
            with FileLock(folder() / "lock").hold_blocking(_LOCK_SECONDS):
                before = _read(self.path)
                found = {key: schema for key, schema in before.items() if key not in schemas}
                found |= {key: before.get(key, schema) for key, schema in schemas.items()}
                kept = dict(_within(found))
                if kept != before:
                    lines = [[*key, schema] for key, schema in kept.items()]
                    write_private(self.path, json_codec.dumps({"v": VERSION, "seen": lines}).encode("ascii"))
                    _forget_oldest()
        except LockBusy:
            return  # another process is at it; the next reading of the app tries again
        self._kept = frozenset(schemas)


def _read(path: Path) -> dict[Key, Any]:
    try:
        held = json_codec.loads(read_private(path, limit=2 * KEEP_BYTES))
    except (OSError, ValueError):
        return {}
    lines = held.get("seen") if isinstance(held, dict) and held.get("v") == VERSION else None
    found: dict[Key, Any] = {}
    for line in lines if isinstance(lines, list) else ():
        if isinstance(line, list) and len(line) == 3 and isinstance(line[0], str) and isinstance(line[1], str):
            found[line[0], line[1]] = line[2]
    return found


def _within(found: dict[Key, Any]) -> list[tuple[Key, Any]]:
    """As many as may be kept, the ones seen last; a schema that is too long by itself is passed over."""
    kept: list[tuple[Key, Any]] = []
    room = KEEP_BYTES
    for key, schema in reversed(found.items()):
        size = len(json_codec.dumps([*key, schema])) + 2
        if size > SCHEMA_BYTES:
            continue
        room -= size
        if room < 0 or len(kept) >= KEEP_SCHEMAS:
            break
        kept.append((key, schema))
    return kept[::-1]


def _forget_oldest() -> None:
    """Keep the files of the apps that were open last."""
    with contextlib.suppress(OSError):
        files = sorted(folder().glob("*.json"), key=lambda path: path.stat().st_mtime, reverse=True)
        for path in files[KEEP_APPS:]:
            path.unlink(missing_ok=True)
