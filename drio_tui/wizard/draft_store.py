"""Drafts in the state directory: one private file each, replaced atomically, locked by one process at a time.

Everything but `DraftSession.save` and `DraftSession.save_soon` blocks and needs no event loop.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from drio_tui.api import json_codec
from drio_tui.server_id import may_belong_to
from drio_tui.storage.files import os_error_text
from drio_tui.storage.shared_files import FileInUse as FileInUse
from drio_tui.storage.shared_files import lock_file
from drio_tui.storage.store import PrivateFileStore
from drio_tui.wizard.draft import Draft, from_json, to_json

SAVE_DELAY = 0.2
"""Seconds from a change to its writing, so that changes in quick succession are written together."""


def _parse(data: object, id: str) -> Draft | None:
    draft = from_json(data)
    if draft is not None and draft.id != id:
        raise ValueError("it is not a draft")
    return draft


_STORE = PrivateFileStore("drafts", "draft", "drafts", _parse)


@dataclass(frozen=True, slots=True)
class LoadedDrafts:
    """The stored drafts, newest first, and one message for each file that could not be read."""

    drafts: list[Draft]
    problems: list[str]


def folder() -> Path:
    """Return the directory of the draft files."""
    return _STORE.folder


def load(profile: str | None = None, server: str | None = None) -> LoadedDrafts:
    """Return the stored drafts of one profile and one drio (a `server_id`), or of all.

    A file that cannot be read is moved aside.
    """
    matching: list[Draft] = []
    drafts, problems = _STORE.read_all()
    for draft in drafts:
        if draft.ended:  # the app is complete, but the program ended before it deleted the draft
            with contextlib.suppress(OSError):
                discard(draft.id)
        elif profile in (None, draft.profile) and (server is None or may_belong_to(draft.server, server)):
            matching.append(draft)
    return LoadedDrafts(sorted(matching, key=lambda draft: draft.at, reverse=True), problems)


def discard(id: str) -> None:
    """Delete a draft, if it exists. Raises `FileInUse`, or `OSError` when it cannot be removed."""
    with ExitStack() as stack:
        lock_file(stack, _STORE.path(id), "draft")
        _remove(id)


def _remove(id: str) -> None:
    _STORE.remove(id)
    _STORE.path(id).with_suffix(".lock").unlink(missing_ok=True)


class DraftSession:
    """Holds the lock of one draft while the wizard is open, and writes the draft to its file.

    Opened with `begin` (a new draft) or `resume`; `close` releases the lock. `problem` is the reason why the last
    write failed, or empty; the draft then lives on in memory only.
    """

    def __init__(self, draft: Draft, lock: ExitStack) -> None:
        self.draft = draft
        self.problem = ""
        self._lock = lock
        self._version = 0
        self._written_version = 0
        self._mutex = threading.Lock()
        self._timer: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    @classmethod
    def begin(cls, profile: str, server: str) -> DraftSession:
        """Begin a new draft. Its file is written once it holds something worth storing."""
        draft = Draft(profile, server)
        with ExitStack() as stack:
            lock_file(stack, _STORE.path(draft.id), "draft")
            return cls(draft, stack.pop_all())

    @classmethod
    def resume(cls, id: str, server: str = "") -> DraftSession:
        """Open a stored draft; with `server`, it belongs to that server from now on.

        Raises `FileInUse`, `FileNotFoundError`, `OSError` or `ValueError`.
        """
        with ExitStack() as stack:
            lock_file(stack, _STORE.path(id), "draft")
            draft = _STORE.read(id)
            if draft is None:
                raise ValueError("the draft was made by a newer version of the program")
            draft.server = server or draft.server
            return cls(draft, stack.pop_all())

    def save_soon(self, on_saved: Callable[[], object] | None = None) -> None:
        """Write after `SAVE_DELAY`, off the event loop; `on_saved` is called after the write, failed or not."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(SAVE_DELAY, self._start_saving, on_saved)

    def _start_saving(self, on_saved: Callable[[], object] | None) -> None:
        self._timer = None

        async def write() -> None:
            await self.save()
            if on_saved is not None:
                on_saved()

        task = asyncio.get_running_loop().create_task(write())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def save(self) -> None:
        """Write the draft as it is now, off the event loop."""
        version, data = self._snapshot()
        await asyncio.to_thread(self._write, version, data)

    def save_now(self) -> None:
        """Write the draft and block until it is written, for the end of the program."""
        self._write(*self._snapshot())

    def close(self, *, forget: bool = False) -> None:
        """Write unsaved changes, or delete the draft with `forget`, and release the lock."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if forget:
            with self._mutex:
                self._written_version = 1 << 62  # a write in progress must not restore the file
                with contextlib.suppress(OSError):
                    _remove(self.draft.id)
        elif self.draft.started:
            self.save_now()
        self._lock.close()

    def _snapshot(self) -> tuple[int, bytes]:
        self._version += 1
        self.draft.at = time.time()
        return self._version, json_codec.dumps(to_json(self.draft)).encode("ascii")

    def _write(self, version: int, data: bytes) -> None:
        with self._mutex:
            if version <= self._written_version:
                return  # a newer version is written already
            try:
                _STORE.write(self.draft.id, data)
            except OSError as error:
                self.problem = f"The draft cannot be kept: {os_error_text(error)}"
                return
            self.problem = ""
            self._written_version = version
