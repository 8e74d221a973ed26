"""Names of files that are made from other names, whatever characters those contain, and hashes of texts."""

from __future__ import annotations

import hashlib
import re


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


def digest(text: str) -> str:
    """Return the SHA-256 hash of a text, in hexadecimal."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
