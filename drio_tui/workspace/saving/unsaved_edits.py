"""Unsaved edits, kept as they are typed, and when the program ends without asking or a resource is deleted elsewhere.

Each lies in a file of its own in the state folder (mode 0600), so that nothing is shared between processes; who edits
it holds a lock beside it. Everything here but `KeptEdit.soon` blocks and runs no event loop: it is called from places
where there is none any more. Secrets that were typed are not kept; `UnsavedEdit.lost` says which, so that a person is
asked for them again.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import secrets
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from drio_tui.api import json_codec
from drio_tui.storage.shared_files import InUse, hold, is_held
from drio_tui.storage.store import Shelf
from drio_tui.workspace.saving.journal import strip
from drio_tui.workspace.saving.undo import without

VERSION = 1
SECRETIVE = frozenset({"auth", "integration"})
"""The kinds that hold secrets; schemas and mappings hold names, not values."""
SOON = 0.4
"""Seconds after a change until it is written, with what is typed meanwhile."""


@dataclass(frozen=True, slots=True)
class UnsavedEdit:
    """An edit that was not saved.

    `resource` is the id of what was edited, empty for something new; `base` what the edit began from (None for
    something new), `mine` what it had become. `draft` is text that does not parse, as typed in the JSON view.
    `profile`, `server` (a `server_id`), `app` and `parent` say where it belongs, `label` what to call it (not yet
    safe to show). `lost` are dotted paths of secrets that were typed and not kept. `at` is in seconds since the epoch.
    """

    profile: str
    server: str
    app: str
    kind: str
    resource: str
    label: str
    mine: dict[str, Any] = field(repr=False)
    base: dict[str, Any] | None = field(default=None, repr=False)
    parent: str = ""
    draft: str = field(default="", repr=False)
    lost: tuple[str, ...] = ()
    why: str = ""
    at: float = 0.0
    id: str = ""


@dataclass(frozen=True, slots=True)
class Kept:
    """What there is: buffers, newest first, and files that cannot be read (kept aside) with the reason."""

    buffers: list[UnsavedEdit]
    problems: list[str]


def folder() -> Path:
    """Where the files lie."""
    return _SHELF.folder


def new_id() -> str:
    """An id for an edit, so that keeping it again replaces what was kept."""
    return secrets.token_hex(12)


def save(buffer: UnsavedEdit) -> UnsavedEdit:
    """Keep an unsaved edit; one that was kept before (same `id`) is replaced. Raises `OSError` or `ValueError`.

    What has a secret's name is taken out here; write-only members by other names only the form knows: give
    its `value(secrets=False)` as `mine` and name them in `lost`.
    """
    mine, lost_mine = strip(buffer.mine)
    base, lost_base = strip(buffer.base or {})
    lost = tuple(dict.fromkeys((*buffer.lost, *(".".join(path) for path in (*lost_mine, *lost_base)))))
    # A secret on one side only would look like a change of the person's.
    kept = replace(
        buffer,
        id=buffer.id or new_id(),
        at=buffer.at or time.time(),
        mine=without(mine, lost),
        base=None if buffer.base is None else without(base, lost),
        draft=_safe_draft(buffer),
        lost=lost,
    )
    text = json_codec.dumps({"v": VERSION, **{_written(name): getattr(kept, name) for name in _TEXTS}, "at": kept.at,
                       "lost": [*kept.lost], "mine": kept.mine, "base": kept.base})  # fmt: skip
    _SHELF.write(kept.id, text.encode("ascii"))
    return kept


def load(profile: str | None = None) -> Kept:
    """The buffers there are, of one profile or of all. A file that cannot be read is renamed to `….corrupt`."""
    buffers, problems = _SHELF.read_all()
    found = [buffer for buffer in buffers if profile in (None, buffer.profile)]
    return Kept(sorted(found, key=lambda buffer: buffer.at, reverse=True), problems)


def discard(id: str) -> None:
    """Forget a buffer; one that is not there is no matter. Raises `OSError` when it cannot be removed."""
    _SHELF.remove(id)
    _SHELF.path(id).with_suffix(".lock").unlink(missing_ok=True)


def is_edited(buffer: UnsavedEdit) -> bool:
    """Whether a screen, of this process or another, has the edit open."""
    return is_held(_SHELF.path(buffer.id))


class KeptEdit:
    """One edit for as long as a screen has it open, written down as it is typed.

    What cannot be written is tried again with the next change; the edit is on the screen all the same.
    """

    def __init__(self, id: str = "") -> None:
        self.id = id or new_id()
        self._held: ExitStack | None = None
        self._turn = 0
        self._written = 0
        self._mutex = threading.Lock()
        self._timer: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    def hold(self) -> None:
        """Say that it is being edited here. Raises `InUse`; its own id is another one then."""
        if self._held is not None:
            return
        with ExitStack() as stack:
            try:
                hold(stack, _SHELF.path(self.id), "edit")
            except InUse:
                self.id = new_id()
                raise
            self._held = stack.pop_all()

    def soon(self, take: Callable[[], UnsavedEdit | None]) -> None:
        """Write in a moment, off the event loop, what `take` gives then; None: there is nothing to lose."""
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(SOON, self._start, take)

    def _start(self, take: Callable[[], UnsavedEdit | None]) -> None:
        self._timer = None
        self._turn += 1
        task = asyncio.get_running_loop().create_task(asyncio.to_thread(self._write, self._turn, take()))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _write(self, turn: int, buffer: UnsavedEdit | None) -> None:
        with self._mutex:
            if turn <= self._written:
                return  # a newer state is there already
            self._written = turn
            with contextlib.suppress(OSError, ValueError, TypeError, RecursionError):
                if buffer is None:
                    _SHELF.remove(self.id)
                else:
                    self.hold()
                    save(replace(buffer, id=self.id))

    def now(self, buffer: UnsavedEdit) -> None:
        """Write at once, after a writing under way: that holds an older state. Raises `OSError` or `ValueError`."""
        with self._mutex:
            self._turn += 1
            self._written = max(self._written, self._turn)
            save(replace(buffer, id=self.id))

    def forget(self) -> None:
        """It is saved, or not wanted any more: a writing under way must not bring it back."""
        self._stop_writing()
        with self._mutex:
            self._written = 1 << 62
            with contextlib.suppress(OSError):
                discard(self.id)

    def close(self) -> None:
        """The screen is gone: others may go on with what is in the file."""
        self._stop_writing()
        with self._mutex:
            self._written = 1 << 62
            if self._held is not None:
                self._held.close()
                self._held = None

    def _stop_writing(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


_TEXTS = ("id", "profile", "server", "app", "kind", "resource", "label", "parent", "draft", "why")


def _written(name: str) -> str:
    """The name in the file: those of the first version stay."""
    return {"server": "base_url", "resource": "thing"}.get(name, name)


def _buffer(line: Any, id: str) -> UnsavedEdit | None:
    """The buffer of a file; None for one of a newer version. Raises `ValueError` or `KeyError` for anything else."""
    if not isinstance(line, dict) or not isinstance(line.get("v"), int):
        raise ValueError("it is no unsaved edit")
    if line["v"] != VERSION:
        return None
    texts = {name: line[_written(name)] for name in _TEXTS}
    mine, base, at, lost = line["mine"], line["base"], line["at"], line["lost"]
    right = all(isinstance(text, str) for text in (*texts.values(), *lost)) and isinstance(mine, dict)
    if not right or not isinstance(base, dict | None) or not isinstance(at, int | float) or texts["id"] != id:
        raise ValueError("it is no unsaved edit")
    return UnsavedEdit(**texts, mine=mine, base=base, at=float(at), lost=tuple(lost))


_SHELF = Shelf("recovery", "unsaved edit", "unsaved edits", _buffer)


def _safe_draft(buffer: UnsavedEdit) -> str:
    """The text that does not parse, unless something secret stands in it: it cannot be taken out of such a text."""
    text = buffer.draft
    if not text or buffer.kind in SECRETIVE:
        return ""
    mine, lost = strip(buffer.mine)
    hints = re.search(r"secret|passw|token|api.?key|authorization|credential|private.?key|bearer", text, re.IGNORECASE)
    return "" if hints or (lost and mine is not None) else text
