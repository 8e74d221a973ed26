"""A keyring in a JSON file, for processes: `DRIO_TEST_KEYRING` names the file, `<file>.locked` beside it locks it."""

from __future__ import annotations

import json
import os
from pathlib import Path

import keyring.errors
from keyring.backend import KeyringBackend


class Keyring(KeyringBackend):
    priority = 1  # type: ignore[assignment] # a property of the class there

    def _file(self) -> Path:
        path = Path(os.environ["DRIO_TEST_KEYRING"])
        if path.with_name(f"{path.name}.locked").exists():
            raise keyring.errors.KeyringLocked("Failed to unlock the collection!")
        return path

    def _read(self) -> dict[str, str]:
        path = self._file()
        return json.loads(path.read_text()) if path.exists() else {}

    def get_password(self, service: str, username: str) -> str | None:
        return self._read().get(f"{service} {username}")

    def set_password(self, service: str, username: str, password: str) -> None:
        self._file().write_text(json.dumps(self._read() | {f"{service} {username}": password}))

    def delete_password(self, service: str, username: str) -> None:
        kept = self._read()
        if kept.pop(f"{service} {username}", None) is None:
            raise keyring.errors.PasswordDeleteError("no such entry")
        self._file().write_text(json.dumps(kept))
