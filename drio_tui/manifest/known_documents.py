"""Which document belongs to which app, as far as the user has opened one. Blocking.

Each app of a drio has one private file in `documents/` of the state folder; the documents themselves are not in it.
"""

from __future__ import annotations

import hashlib
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from drio_tui.api import json_codec
from drio_tui.storage.store import PrivateFileStore

_VERSION = 1


@dataclass(frozen=True, slots=True)
class KnownDocument:
    """The document of an app (an id) at one drio (a `server_id`).

    `path` is absolute: a directory or a file. `at` is when the two were compared last, in seconds since the epoch.
    """

    server: str
    app: str
    path: str
    at: float = field(default_factory=time.time)


def remember(document: KnownDocument) -> None:
    """Store which document belongs to an app. Raises `OSError`."""
    content = {"version": _VERSION, **asdict(document)}
    _STORE.write(_id(document.server, document.app), json_codec.dumps(content).encode())


def known_document(server: str, app: str) -> KnownDocument | None:
    """Return the document of an app, None if none is known."""
    try:
        return _STORE.read(_id(server, app))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def known_documents(server: str) -> list[KnownDocument]:
    """Return the documents of all apps of a drio, the one that was compared last first."""
    documents, _ = _STORE.read_all()
    return sorted(
        (document for document in documents if document.server == server),
        key=lambda document: document.at,
        reverse=True,
    )


def shown_path(path: str | Path) -> str:
    """Return a path as text for the user, with `~` for the home folder; not sanitized."""
    try:
        return f"~/{Path(path).relative_to(Path.home()).as_posix()}"
    except (ValueError, RuntimeError):
        return str(path)


def _id(server: str, app: str) -> str:
    return hashlib.sha256(f"{server} {app}".encode("utf-8", "surrogatepass")).hexdigest()[:24]


def _parse(value: Any, _: str) -> KnownDocument | None:
    if value["version"] != _VERSION:
        return None
    document = KnownDocument(value["server"], value["app"], value["path"], float(value["at"]))
    if not all(isinstance(text, str) and text for text in (document.server, document.app, document.path)):
        raise ValueError("it does not name a document")
    return document


_STORE = PrivateFileStore("documents", "document", "documents", _parse)
