"""Input schemas of operations as they were read earlier, to show what changed since a tool was bound.

drio keeps only the hash of the schema a tool was bound to. The schemas themselves are kept here whenever an app is
read: in the state folder, one file per drio and app, mode 0600:

    {"v": 1, "seen": [[operation id, schemaHash, input schema], …]}    most recently seen last

A file is replaced atomically, under a lock between processes. An unreadable file counts as empty: only the
comparison is lost then. All functions block for a few milliseconds.
"""

from __future__ import annotations

import contextlib
import hashlib
from pathlib import Path
from typing import Any

from drio_tui.api import json_codec
from drio_tui.server_id import file_prefix, migrate_old_files
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
    """Return the folder of the files."""
    return paths.state_dir() / "schemas"


def schemas_in(snapshot: Snapshot) -> dict[Key, Any]:
    """Return the current input schemas of an app's operations (None for an operation without input)."""
    return {
        (operation.id, operation.text("schemaHash")): operation.get("inputSchema")
        for operation in snapshot.resources("operation")
        if operation.text("schemaHash") and not operation.made_up
    }


class SchemaHistory:
    """The schemas seen in one app of one drio; `server` is a `server_id`."""

    def __init__(self, server: str, app: str) -> None:
        self._server = server
        self._app = app
        self.path = folder() / self._name(server)
        self._stored: frozenset[Key] = frozenset()

    def _name(self, server: str) -> str:
        digest = hashlib.sha256(json_codec.dumps([server, self._app]).encode()).hexdigest()[:32]
        return f"{file_prefix(server)}{digest}.json"

    def _adopt(self) -> None:
        """Merge the files that earlier versions kept of a sandbox, one for each port it listened on."""

        def take(files: list[Path]) -> None:
            files[-1].rename(self.path)
            for file in files[:-1]:
                self.remember({**_read(file), **_read(self.path)})
                file.unlink()

        migrate_old_files(self._server, self.path, "[0-9a-f]*.json", self._name, take)

    def of(self, operation: str) -> dict[str, Any]:
        """Return the schemas seen of an operation, by hash."""
        self._adopt()
        return {hash: schema for (id, hash), schema in _read(self.path).items() if id == operation}

    def remember(self, schemas: dict[Key, Any]) -> None:
        """Add schemas; the file is not written if it contains all of them. Raises `OSError`."""
        if self._stored.issuperset(schemas):
            return
        self._adopt()
        private_dir(folder().parent)
        private_dir(folder())
        try:
            with FileLock(folder() / "lock").hold_blocking(_LOCK_SECONDS):
                before = _read(self.path)
                merged = {key: schema for key, schema in before.items() if key not in schemas}
                merged |= {key: before.get(key, schema) for key, schema in schemas.items()}
                after = dict(_within_limits(merged))
                if after != before:
                    entries = [[*key, schema] for key, schema in after.items()]
                    write_private(self.path, json_codec.dumps({"v": VERSION, "seen": entries}).encode("ascii"))
                    _delete_oldest_files()
        except LockBusy:
            return  # another process is writing; the next time the app is read it is tried again
        self._stored = frozenset(schemas)


def _read(path: Path) -> dict[Key, Any]:
    """Return the schemas in a file, without invalid entries; empty for an unreadable file."""
    try:
        content = json_codec.loads(read_private(path, limit=2 * KEEP_BYTES))
    except (OSError, ValueError):
        return {}
    entries = content.get("seen") if isinstance(content, dict) and content.get("v") == VERSION else None
    schemas: dict[Key, Any] = {}
    for entry in entries if isinstance(entries, list) else ():
        if isinstance(entry, list) and len(entry) == 3 and isinstance(entry[0], str) and isinstance(entry[1], str):
            schemas[entry[0], entry[1]] = entry[2]
    return schemas


def _within_limits(schemas: dict[Key, Any]) -> list[tuple[Key, Any]]:
    """Return the most recently seen schemas that fit the limits; a schema longer than `SCHEMA_BYTES` is left out."""
    kept: list[tuple[Key, Any]] = []
    bytes_left = KEEP_BYTES
    for key, schema in reversed(schemas.items()):
        size = len(json_codec.dumps([*key, schema])) + 2
        if size > SCHEMA_BYTES:
            continue
        bytes_left -= size
        if bytes_left < 0 or len(kept) >= KEEP_SCHEMAS:
            break
        kept.append((key, schema))
    return kept[::-1]


def _delete_oldest_files() -> None:
    """Keep the `KEEP_APPS` files that were written last."""
    with contextlib.suppress(OSError):
        files = sorted(folder().glob("*.json"), key=lambda path: path.stat().st_mtime, reverse=True)
        for path in files[KEEP_APPS:]:
            path.unlink(missing_ok=True)
