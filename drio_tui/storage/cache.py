"""Files of the cache folder: what can be fetched again, one private file per key."""

from __future__ import annotations

import contextlib
import hashlib
from dataclasses import dataclass
from pathlib import Path

from drio_tui.storage import paths
from drio_tui.storage.files import private_dir, write_private


@dataclass(frozen=True, slots=True)
class CacheFolder:
    """The files of one kind of content; `name` is the folder below the cache folder. All methods block."""

    name: str

    @property
    def folder(self) -> Path:
        """The folder of the files."""
        return paths.cache_dir() / self.name

    def path(self, key: str) -> Path:
        """Return the file of a key, which is named after its hash."""
        return self.folder / f"{hashlib.sha256(key.encode()).hexdigest()[:32]}.json"

    def write(self, path: Path, data: bytes) -> None:
        """Write the file at a `path` of this folder. Raises `OSError`."""
        private_dir(path.parent.parent)
        private_dir(path.parent)
        write_private(path, data)

    def clear(self) -> None:
        """Delete all files, as far as that is possible."""
        with contextlib.suppress(OSError):
            for path in self.folder.iterdir():
                path.unlink(missing_ok=True)
