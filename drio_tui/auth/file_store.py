"""Stores tokens in private files, for machines without a keyring: folder 0700, files 0600, replaced atomically."""

from __future__ import annotations

import asyncio
import hashlib
import json
from pathlib import Path

from drio_tui.auth.errors import StoreFailed
from drio_tui.storage import paths
from drio_tui.storage.files import os_error_text, private_dir, read_private, sync_dir, write_private

_DAMAGED = ".damaged"


class FileBackend:
    """A `SecretBackend` with one file per entry in `folder` (default: `tokens` in the state folder).

    Raises `StoreFailed` for a symbolic link, a foreign owner or a file readable by others; it does not repair them.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder or paths.state_dir() / "tokens"

    @property
    def label(self) -> str:
        return f"the file store {self._folder}"

    async def get(self, entry: str) -> str | None:
        return await asyncio.to_thread(self._get, entry)

    async def put(self, entry: str, text: str) -> None:
        await asyncio.to_thread(self._put, entry, text)

    async def delete(self, entry: str) -> None:
        await asyncio.to_thread(self._delete, entry)

    async def set_aside(self, entry: str, text: str) -> str:
        return await asyncio.to_thread(self._set_aside, entry)

    def path(self, entry: str) -> Path:
        """Return the file of `entry`; its name is a hash, so that it reveals neither host nor account."""
        return self._folder / f"{hashlib.sha256(entry.encode()).hexdigest()[:32]}.json"

    def _get(self, entry: str) -> str | None:
        path = self.path(entry)
        try:
            raw = read_private(path)
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            raise StoreFailed(f"{path} is not used: {os_error_text(error)}.") from None
        try:
            body = json.loads(raw)
            value = body["value"] if body["entry"] == entry else None
        except (ValueError, KeyError, TypeError, RecursionError):
            return ""  # the file exists but is damaged: the caller sets it aside
        return value if isinstance(value, str) else ""

    def _put(self, entry: str, text: str) -> None:
        path = self.path(entry)
        try:
            private_dir(self._folder)
            write_private(path, json.dumps({"entry": entry, "value": text}).encode("ascii"))
        except (OSError, ValueError) as error:
            raise StoreFailed(f"{path} cannot be written: {os_error_text(error)}.") from None

    def _delete(self, entry: str) -> None:
        path = self.path(entry)
        try:
            path.unlink(missing_ok=True)
        except NotADirectoryError:
            return
        except (OSError, ValueError) as error:
            raise StoreFailed(f"{path} cannot be deleted: {os_error_text(error)}.") from None
        sync_dir(self._folder)

    def _set_aside(self, entry: str) -> str:
        path = self.path(entry)
        number = 1
        while (damaged_path := path.with_name(f"{path.name}{_DAMAGED}-{number}")).exists():
            number += 1
        try:
            path.replace(damaged_path)
        except OSError as error:
            raise StoreFailed(f"{path} is damaged and cannot be moved: {os_error_text(error)}.") from None
        return str(damaged_path)
