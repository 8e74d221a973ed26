"""Unsaved edits: saved to a file while the user types, when the program is terminated, and after a remote delete.

Each edit has a separate file in the state folder (mode 0600), so that processes share nothing; the one that edits it
holds a lock file. Everything here except `UnsavedEditFile.soon` blocks and needs no event loop, since it is also called
after the event loop has stopped. Secrets are not saved: `UnsavedEdit.lost` has their paths, so that the user is asked
for them again.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import secrets
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from drio_tui.api import json_codec
from drio_tui.api.redact import is_secret
from drio_tui.storage.shared_files import FileInUse, is_locked, lock_file
from drio_tui.storage.store import PrivateFileStore
from drio_tui.workspace.saving.without_secrets import without_paths, without_secrets

VERSION = 1
SECRETIVE = frozenset({"auth", "integration"})
"""The kinds whose properties may be secrets; the schemas and mappings of other kinds contain names, not values."""
SOON = 0.4
"""Seconds from a change until the edit is written, with what is typed meanwhile."""


@dataclass(frozen=True, slots=True)
class UnsavedEdit:
    """An edit that was not saved.

    `resource` is the id of the edited resource, empty for a new one; `base` is the resource when the edit began (None
    for a new one), `local` the edited one. `draft` is text from the JSON view that does not parse, and `texts` what was
    typed into fields and has no value yet, by dotted path. `kind` is that of the resource, or names another form in
    which something was typed (`ui/forms/keeps_edit.py` has them), whose values are `local`. `profile`, `server`
    (a `server_id`), `app` and `parent` are where the resource belongs; `label` is its name (not sanitized). `lost` are
    the dotted paths of secrets that were typed and not saved. `why` is the reason why the edit was saved to a file, as
    a sentence. `at` is in seconds since the epoch.
    """

    profile: str
    server: str
    app: str
    kind: str
    resource: str
    label: str
    local: dict[str, Any] = field(repr=False)
    base: dict[str, Any] | None = field(default=None, repr=False)
    parent: str = ""
    draft: str = field(default="", repr=False)
    texts: Mapping[str, str] = field(default_factory=dict, repr=False)
    lost: tuple[str, ...] = ()
    why: str = ""
    at: float = 0.0
    id: str = ""


@dataclass(frozen=True, slots=True)
class TypedInput:
    """What was typed into a form that was left, with its secrets: it is only in memory, and shown when the form is
    opened again. `texts` and `draft` are as in `UnsavedEdit`, `edit_id` is the id of the edit in its file.
    """

    values: dict[str, Any] = field(repr=False)
    texts: Mapping[str, str] = field(default_factory=dict, repr=False)
    draft: str = field(default="", repr=False)
    edit_id: str = ""


@dataclass(frozen=True, slots=True)
class Kept:
    """The unsaved edits, newest first, and a sentence about each file that could not be read."""

    buffers: list[UnsavedEdit]
    problems: list[str]


def folder() -> Path:
    """Return the folder of the files."""
    return _STORE.folder


def new_id() -> str:
    """Return a new id for an edit; saving an edit with the same id again replaces it."""
    return secrets.token_hex(12)


def save(edit: UnsavedEdit) -> UnsavedEdit:
    """Write an unsaved edit to its file, and return it as written. Raises `OSError` or `ValueError`.

    Properties with the name of a secret are removed. Only the form knows write-only properties with other names: pass
    its `value(secrets=False)` as `local` and their paths in `lost`.
    """
    local, lost_local = without_secrets(edit.local)
    base, lost_base = without_secrets(edit.base or {})
    lost = tuple(dict.fromkeys((*edit.lost, *(".".join(path) for path in (*lost_local, *lost_base)))))
    # Removed from both sides: a secret in only one of them would look like a change by the user.
    saved = replace(
        edit,
        id=edit.id or new_id(),
        at=edit.at or time.time(),
        local=without_paths(local, lost),
        base=None if edit.base is None else without_paths(base, lost),
        draft=edit.draft if _may_be_kept(edit.draft, edit) else "",
        texts={path: text for path, text in edit.texts.items() if _may_be_kept(text, edit) and not is_secret(path)},
        lost=lost,
    )
    content = {"v": VERSION, **{_key_in_file(name): getattr(saved, name) for name in _TEXTS}, "at": saved.at,
               "lost": [*saved.lost], "mine": saved.local, "base": saved.base, "texts": saved.texts}  # fmt: skip
    _STORE.write(saved.id, json_codec.dumps(content).encode("ascii"))
    return saved


def load(profile: str | None = None) -> Kept:
    """Return the unsaved edits of one profile or of all. An unreadable file is renamed to `….corrupt`."""
    edits, problems = _STORE.read_all()
    of_profile = [edit for edit in edits if profile in (None, edit.profile)]
    return Kept(sorted(of_profile, key=lambda edit: edit.at, reverse=True), problems)


def discard(id: str) -> None:
    """Delete the file of an edit, if it exists. Raises `OSError` if it cannot be removed."""
    _STORE.remove(id)
    _STORE.path(id).with_suffix(".lock").unlink(missing_ok=True)


_left: set[str] = set()
"""The ids of edits whose screen was left in this process, and goes on with them when it is opened again."""


def discard_left() -> None:
    """Delete the edits of screens that were left: the user quits the program."""
    for id in _left:
        with contextlib.suppress(OSError):
            discard(id)
    _left.clear()


def offer_left() -> None:
    """Let the edits of screens that were left be offered: they cannot be opened again in this session."""
    _left.clear()


def is_edited(edit: UnsavedEdit) -> bool:
    """Return whether a screen of this process or another one has the edit open, or will go on with it."""
    return edit.id in _left or is_locked(_STORE.path(edit.id))


class UnsavedEditFile:
    """Saves one edit to its file while a screen has it open.

    After an error the next change tries again; the edit is still on the screen.
    """

    def __init__(self, id: str = "") -> None:
        self.id = id or new_id()
        self._lock: ExitStack | None = None
        self._requested_version = 0
        self._written_version = 0
        self._mutex = threading.Lock()
        self._timer: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    def hold(self) -> None:
        """Lock the edit for this screen. Raises `FileInUse` if another has it; the edit then gets a new id."""
        if self._lock is not None:
            return
        _left.discard(self.id)
        with ExitStack() as stack:
            try:
                lock_file(stack, _STORE.path(self.id), "edit")
            except FileInUse:
                self.id = new_id()
                raise
            self._lock = stack.pop_all()

    def soon(self, take: Callable[[], UnsavedEdit | None]) -> None:
        """Write what `take` returns after `SOON` seconds, in a thread; None deletes the file."""
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(SOON, self._start, take)

    def _start(self, take: Callable[[], UnsavedEdit | None]) -> None:
        self._timer = None
        self._requested_version += 1
        write = asyncio.to_thread(self._write, self._requested_version, take())
        task = asyncio.get_running_loop().create_task(write)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _write(self, version: int, edit: UnsavedEdit | None) -> None:
        with self._mutex:
            if version <= self._written_version:
                return  # a newer version is written already
            self._written_version = version
            with contextlib.suppress(OSError, ValueError, TypeError, RecursionError):
                if edit is None:
                    _STORE.remove(self.id)
                else:
                    self.hold()
                    save(replace(edit, id=self.id))

    def now(self, edit: UnsavedEdit) -> None:
        """Write immediately, after a running write of an older version. Raises `OSError` or `ValueError`."""
        with self._mutex:
            self._requested_version += 1
            self._written_version = max(self._written_version, self._requested_version)
            save(replace(edit, id=self.id))

    def forget(self) -> None:
        """Delete the file, after the edit was saved or discarded; a running write does not create it again."""
        self._stop_timer()
        with self._mutex:
            self._written_version = 1 << 62
            with contextlib.suppress(OSError):
                discard(self.id)

    def leave(self, edit: UnsavedEdit) -> None:
        """Write the edit a last time: its screen is left, but goes on with it when it is opened again."""
        self._stop_timer()
        with contextlib.suppress(OSError, ValueError, TypeError, RecursionError):
            self.now(edit)
            _left.add(self.id)

    def close(self) -> None:
        """Stop writing and release the lock when the screen is closed; the file stays for others."""
        self._stop_timer()
        with self._mutex:
            self._written_version = 1 << 62
            if self._lock is not None:
                self._lock.close()
                self._lock = None

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


_TEXTS = ("id", "profile", "server", "app", "kind", "resource", "label", "parent", "draft", "why")


def _key_in_file(name: str) -> str:
    """Return the JSON key of a field; the keys of version 1 of the file format stay."""
    return {"server": "base_url", "resource": "thing"}.get(name, name)


def _parse(content: Any, id: str) -> UnsavedEdit | None:
    """Return the edit in a file, None for a newer version. Raises `ValueError` or `KeyError` for an invalid file."""
    if not isinstance(content, dict) or not isinstance(content.get("v"), int):
        raise ValueError("it is no unsaved edit")
    if content["v"] != VERSION:
        return None
    texts = {name: content[_key_in_file(name)] for name in _TEXTS}
    local, base, at, lost = content["mine"], content["base"], content["at"], content["lost"]
    typed = dict(content.get("texts", {}))  # earlier versions have none
    valid = all(isinstance(text, str) for text in (*texts.values(), *lost, *typed.values())) and isinstance(local, dict)
    if not valid or not isinstance(base, dict | None) or not isinstance(at, int | float) or texts["id"] != id:
        raise ValueError("it is no unsaved edit")
    return UnsavedEdit(**texts, local=local, base=base, at=float(at), lost=tuple(lost), texts=typed)


_STORE = PrivateFileStore("recovery", "unsaved edit", "unsaved edits", _parse)


def _may_be_kept(text: str, edit: UnsavedEdit) -> bool:
    """Return whether text that does not parse can contain no secret, which could not be removed from it."""
    if edit.kind in SECRETIVE:
        return False
    _, lost = without_secrets(edit.local)
    suspicious = re.search(
        r"secret|passw|token|api.?key|authorization|credential|private.?key|bearer", text, re.IGNORECASE
    )
    return not suspicious and not lost
