"""Resources kept in the state folder, each in a private file of its own, so that processes share nothing.

Everything here blocks and runs no event loop: some of it is called from places where there is none any more.
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
from drio_tui.storage.files import private_dir, read_private, reason_of, sync_dir, write_private

T = TypeVar("T")
LIMIT = 32 << 20
"""Bytes of a file; a larger one is not ours."""
_ID = re.compile(r"[0-9a-f]{24}")


@dataclass(frozen=True, slots=True)
class Shelf(Generic[T]):
    """The files of one kind.

    `name` is the folder's below the state folder, `resource` and `resources` what people call what is kept (`draft`,
    `drafts`). `parse` makes a resource of a file's JSON and its id: None when a newer version wrote it; it raises
    `ValueError`, `KeyError`, `TypeError` or `AttributeError` for what is none.
    """

    name: str
    resource: str
    resources: str
    parse: Callable[[Any, str], T | None]

    @property
    def folder(self) -> Path:
        """Where the files lie."""
        return paths.state_dir() / self.name

    def path(self, id: str) -> Path:
        """Where a resource lies. Raises `ValueError` when that is no id."""
        if not _ID.fullmatch(id):
            raise ValueError(f"not the id of a kept {self.resource}")
        return self.folder / f"{id}.json"

    def read(self, id: str) -> T | None:
        """One resource, None when a newer version wrote it. Raises `OSError` (`FileNotFoundError`), or as `parse`."""
        return self.parse(json_codec.loads(read_private(self.path(id), limit=LIMIT)), id)

    def read_all(self) -> tuple[list[T], list[str]]:
        """Everything that can be read, and of what cannot (renamed to `….corrupt`) why, and where it lies."""
        found: list[T] = []
        problems: list[str] = []
        try:
            names = sorted(path.name for path in self.folder.iterdir() if path.suffix == ".json")
        except FileNotFoundError:
            return [], []
        except OSError as error:
            return [], [f"Kept {self.resources} cannot be looked for: {reason_of(error)}"]
        for name in names:
            path = self.folder / name
            try:
                one = self.read(path.stem)
            except FileNotFoundError:  # another process took it
                continue
            except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
                with contextlib.suppress(OSError):
                    path = path.rename(path.with_name(f"{name}.corrupt"))
                problems.append(f"A kept {self.resource} cannot be read ({reason_of(error)}); it lies in {path}")
                continue
            if one is not None:
                found.append(one)
        return found, problems

    def write(self, id: str, data: bytes) -> None:
        """Keep a resource, in the place of what was kept under its id. Raises `OSError` or `ValueError`."""
        private_dir(self.folder.parent)
        private_dir(self.folder)
        write_private(self.path(id), data)

    def remove(self, id: str) -> None:
        """Keep it no longer; one that is not there is no matter. Raises `OSError` when it cannot be removed."""
        self.path(id).unlink(missing_ok=True)
        sync_dir(self.folder)
