"""Drafts in the state folder: one private file each, written whole, held by one process at a time.

Everything but `DraftSession.save` and `DraftSession.soon` blocks and runs no event loop.
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
from drio_tui.server_id import may_belong
from drio_tui.storage.files import reason_of
from drio_tui.storage.shared_files import InUse as InUse
from drio_tui.storage.shared_files import hold
from drio_tui.storage.store import Shelf
from drio_tui.wizard.draft import Draft, from_json, to_json

SOON = 0.2
"""Seconds after a change until it is written, while more may come."""


def _parse(data: object, id: str) -> Draft | None:
    draft = from_json(data)
    if draft is not None and draft.id != id:
        raise ValueError("it is no draft")
    return draft


_SHELF = Shelf("drafts", "draft", "drafts", _parse)


@dataclass(frozen=True, slots=True)
class Kept:
    """What there is: drafts, newest first, and files that cannot be read (put aside) with the reason."""

    drafts: list[Draft]
    problems: list[str]


def folder() -> Path:
    """Where the files lie."""
    return _SHELF.folder


def load(profile: str | None = None, server: str | None = None) -> Kept:
    """The drafts there are, of one profile and drio (a `server_id`) or of all.

    A file that cannot be read is put aside.
    """
    found: list[Draft] = []
    drafts, problems = _SHELF.read_all()
    for draft in drafts:
        if draft.ended:  # its app is made, and the program was ended before it could forget it
            with contextlib.suppress(OSError):
                discard(draft.id)
        elif profile in (None, draft.profile) and (server is None or may_belong(draft.server, server)):
            found.append(draft)
    return Kept(sorted(found, key=lambda draft: draft.at, reverse=True), problems)


def discard(id: str) -> None:
    """Forget a draft; one that is not there is no matter. Raises `InUse`, or `OSError` when it cannot be removed."""
    with ExitStack() as stack:
        hold(stack, _SHELF.path(id), "draft")
        _remove(id)


def _remove(id: str) -> None:
    _SHELF.remove(id)
    _SHELF.path(id).with_suffix(".lock").unlink(missing_ok=True)


class DraftSession:
    """Holds one draft for as long as someone works on it, and writes it down.

    Take it with `begin` (a new draft) or `resume`; `close` gives it back. `problem` says why the last
    writing failed, empty when it did not; the draft goes on in memory then.
    """

    def __init__(self, draft: Draft, held: ExitStack) -> None:
        self.draft = draft
        self.problem = ""
        self._held = held
        self._turn = 0
        self._written = 0
        self._mutex = threading.Lock()
        self._timer: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    @classmethod
    def begin(cls, profile: str, server: str) -> DraftSession:
        """A new draft; nothing is written before there is something to keep."""
        draft = Draft(profile, server)
        with ExitStack() as stack:
            hold(stack, _SHELF.path(draft.id), "draft")
            return cls(draft, stack.pop_all())

    @classmethod
    def resume(cls, id: str, server: str = "") -> DraftSession:
        """A draft as it was last written, from now on as one of `server`.

        Raises `InUse`, `FileNotFoundError`, `OSError` or `ValueError`.
        """
        with ExitStack() as stack:
            hold(stack, _SHELF.path(id), "draft")
            draft = _SHELF.read(id)
            if draft is None:
                raise ValueError("the draft was made by a newer version of the program")
            draft.server = server or draft.server
            return cls(draft, stack.pop_all())

    def soon(self, told: Callable[[], object] | None = None) -> None:
        """Write in a moment, off the event loop; `told` is called when that is over."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(SOON, self._start, told)

    def _start(self, told: Callable[[], object] | None) -> None:
        self._timer = None

        async def write() -> None:
            await self.save()
            if told is not None:
                told()

        task = asyncio.get_running_loop().create_task(write())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def save(self) -> None:
        """Write now, off the event loop, as the draft is at this moment."""
        turn, data = self._shot()
        await asyncio.to_thread(self._write, turn, data)

    def save_now(self) -> None:
        """Write now, blocking: for the way out."""
        self._write(*self._shot())

    def close(self, *, forget: bool = False) -> None:
        """Write what is left, or forget the draft, and let others have it."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if forget:
            with self._mutex:
                self._written = 1 << 62  # a writing under way must not bring it back
                with contextlib.suppress(OSError):
                    _remove(self.draft.id)
        elif self.draft.started:
            self.save_now()
        self._held.close()

    def _shot(self) -> tuple[int, bytes]:
        self._turn += 1
        self.draft.at = time.time()
        return self._turn, json_codec.dumps(to_json(self.draft)).encode("ascii")

    def _write(self, turn: int, data: bytes) -> None:
        with self._mutex:
            if turn <= self._written:
                return  # a newer state is there already
            try:
                _SHELF.write(self.draft.id, data)
            except OSError as error:
                self.problem = f"The draft cannot be kept: {reason_of(error)}"
                return
            self.problem = ""
            self._written = turn
