"""Objects stored in the state folder, each in a separate private file, so that processes do not share files.

All functions block and need no event loop: some are called when there is none any more.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from drio_tui.api import json_codec
from drio_tui.storage import paths
from drio_tui.storage.files import os_error_text, private_dir, read_private, sync_dir, write_private

T = TypeVar("T")
LIMIT = 32 << 20
"""The maximum size of a file in bytes; a larger one is not read."""
_ID = re.compile(r"[0-9a-f]{24}")


@dataclass(frozen=True, slots=True)
class PrivateFileStore(Generic[T]):
    """The files of one kind of object.

    `name` is the folder below the state folder; `singular` and `plural` are the words for the objects in messages
    (`draft`, `drafts`). `parse` makes an object of a file's JSON and its id, or None when a newer version wrote it; it
    raises `ValueError`, `KeyError`, `TypeError` or `AttributeError` for invalid JSON.
    """

    name: str
    singular: str
    plural: str
    parse: Callable[[Any, str], T | None]

    @property
    def folder(self) -> Path:
        """The folder of the files."""
        return paths.state_dir() / self.name

    def path(self, id: str) -> Path:
        """Return the file of an object. Raises `ValueError` for an invalid id."""
        if not _ID.fullmatch(id):
            raise ValueError(f"not the id of a kept {self.singular}")
        return self.folder / f"{id}.json"

    def read(self, id: str) -> T | None:
        """Return an object, None if a newer version wrote it. Raises `OSError` (`FileNotFoundError`), or as `parse`."""
        return self.parse(json_codec.loads(read_private(self.path(id), limit=LIMIT)), id)

    def read_all(self) -> tuple[list[T], list[str]]:
        """Return the readable objects, and for each unreadable file, renamed to `….corrupt`, why and its path."""
        objects: list[T] = []
        problems: list[str] = []
        try:
            names = sorted(path.name for path in self.folder.iterdir() if path.suffix == ".json")
        except FileNotFoundError:
            return [], []
        except OSError as error:
            return [], [f"Kept {self.plural} cannot be looked for: {os_error_text(error)}"]
        for name in names:
            path = self.folder / name
            try:
                loaded = self.read(path.stem)
            except FileNotFoundError:  # another process has removed it
                continue
            except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
                with contextlib.suppress(OSError):
                    path = path.rename(path.with_name(f"{name}.corrupt"))
                problems.append(f"A kept {self.singular} cannot be read ({os_error_text(error)}); it lies in {path}")
                continue
            if loaded is not None:
                objects.append(loaded)
        return objects, problems

    def write(self, id: str, data: bytes) -> None:
        """Store an object, replacing the one of its id. Raises `OSError` or `ValueError`."""
        private_dir(self.folder.parent)
        private_dir(self.folder)
        write_private(self.path(id), data)

    def remove(self, id: str) -> None:
        """Remove an object, if it exists. Raises `OSError` when it cannot be removed."""
        self.path(id).unlink(missing_ok=True)
        sync_dir(self.folder)
