"""The journal of all changes made in the program and the data to undo them, one file per profile, drio and app.

The file is in the state folder, mode 0600, and has one JSON object per line (`history.py`).
Lines are appended and flushed to disk under a lock between processes, so several programs share one history.
Unreadable lines are moved to a second file (`….corrupt`), with a notice; lines of a newer version stay unchanged. The
file contains no secrets: `Entry.lost` has the paths that `without_secrets` removed. If the file cannot be written, the
history is kept in memory, and `notices` has the reason.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from drio_tui.api import json_codec
from drio_tui.server_id import migrate_old_files
from drio_tui.storage import paths
from drio_tui.storage.file_names import FileNames
from drio_tui.storage.files import NotPrivate, os_error_text, private_dir, read_private, sync_dir, write_private
from drio_tui.storage.lock import FileLock, LockBusy
from drio_tui.workspace.saving.history import VERSION, Entry, History, alias_line, apply_line, begin_line, end_line

KEEP_ENTRIES = 300
KEEP_BYTES = 2 << 20
COMPACT_BYTES = 2 * KEEP_BYTES
READ_BYTES = 64 << 20
_LOCK_SECONDS = 5.0


class Journal:
    """The journal of one app and one profile; `server` is a `server_id`.

    All methods block; a write takes a few milliseconds.
    """

    def __init__(self, profile: str, server: str, app: str) -> None:
        self._names = FileNames(profile, app, ".jsonl")
        self.path = paths.state_dir() / "journal" / self._names.of(server)
        self.app = app
        self._server = server
        self.notices: list[str] = []
        self._memory: list[dict[str, Any]] = []
        self._memory_lock = threading.Lock()
        self._writing = threading.Lock()
        self._compacted_bytes = 0

    @property
    def corrupt_path(self) -> Path:
        """The file for unreadable lines."""
        return self.path.with_name(f"{self.path.name}.corrupt")

    @property
    def is_lost_at_the_end(self) -> bool:
        """Whether changes are in memory only, so that no other process and no later run can undo them."""
        return bool(self._memory)

    def begin(self, entry: Entry) -> None:
        """Append a change, before its request is sent."""
        self._append(begin_line(entry))

    def end(self, entry: Entry) -> None:
        """Append the outcome of a change: `state`, and what is known from the response (`resource`, `after`, …)."""
        self._append(end_line(entry))

    def alias(self, old: str, new: str) -> None:
        """Append that the resource `old` was created again as `new`."""
        self._append(alias_line(old, new))

    def read(self) -> History:
        """Return the history of all processes. Does not raise, whatever the file contains."""
        self._adopt()
        with self._writing:
            lines, corrupt = self._read_lines()
            if corrupt:
                lines = self._move_corrupt_lines(lines)
            lines += self._memory
        history = History()
        indexes: dict[str, int] = {}
        for line in lines:
            apply_line(history, indexes, line)
        return history

    # --- the file --------------------------------------------------------------------------------

    def _adopt(self) -> None:
        """Merge the journals that earlier versions kept of a sandbox, one for each port it listened on."""

        def take(files: list[Path]) -> None:
            with self._locked():
                if not self.path.exists():
                    timed_lines = [line for file in files for line in _timed(read_private(file, limit=READ_BYTES))]
                    timed_lines.sort(key=lambda timed_line: timed_line[0])
                    write_private(self.path, b"".join(line + b"\n" for _, line in timed_lines))
                for file in files:
                    file.unlink()

        migrate_old_files(self._server, self.path, self._names.pattern, self._names.of, take)

    def _append(self, line: dict[str, Any]) -> None:
        """Append a line to the file, after those that could not be written earlier; keep in memory what fails.

        Lines of other threads that wait meanwhile are written with it.
        """
        self._adopt()
        with self._memory_lock:
            self._memory.append(line)
        with self._writing:
            if not any(waiting is line for waiting in self._memory):
                return  # another thread has written it
            try:
                with self._locked():
                    self._write_waiting()
            except OSError as error:
                self._add_notice(f"The history of changes is kept in memory only: {os_error_text(error)}")

    def _write_waiting(self) -> None:
        """Append the lines in memory; one that is not JSON stays there, and does not keep the others from the file."""
        waiting = [*self._memory]
        texts: list[str] = []
        written: list[int] = []
        for line in waiting:
            try:
                texts.append(json_codec.dumps(line))
                written.append(id(line))
            except ValueError as error:
                self._add_notice(f"A change is kept in memory only: {error}")
        if texts:
            size = self._write("\n".join(texts))
            with self._memory_lock:
                self._memory = [line for line in self._memory if id(line) not in written]
            if size > max(COMPACT_BYTES, self._compacted_bytes * 2):
                self._compact()

    def _write(self, text: str) -> int:
        """Append lines, flush them to disk, and return the size of the file."""
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
        is_new = not self.path.exists()
        handle = os.open(self.path, flags, 0o600)
        try:
            size = os.fstat(handle).st_size
            torn = size and os.pread(handle, 1, size - 1) != b"\n" if hasattr(os, "pread") else bool(size)
            data = memoryview((b"\n" if torn else b"") + text.encode("ascii") + b"\n")
            while data:
                data = data[os.write(handle, data) :]
            os.fsync(handle)
            size = os.fstat(handle).st_size
        finally:
            os.close(handle)
        if is_new:
            sync_dir(self.path.parent)
        return size

    def _read_lines(self) -> tuple[list[dict[str, Any]], list[bytes]]:
        """Return the lines as objects, and the unreadable ones as they are."""
        try:
            data = read_private(self.path, limit=READ_BYTES)
        except FileNotFoundError:
            return [], []
        except OSError as error:
            self._add_notice(f"The history of changes cannot be read: {os_error_text(error)}")
            return [], []
        valid: list[dict[str, Any]] = []
        corrupt: list[bytes] = []
        for raw in data.split(b"\n"):
            if not raw.strip():
                continue
            try:
                line = json_codec.loads(raw)
            except json_codec.MalformedJson:
                corrupt.append(raw)
                continue
            if isinstance(line, dict) and isinstance(line.get("v"), int):
                valid.append(line)
            else:
                corrupt.append(raw)
        return valid, corrupt

    def _move_corrupt_lines(self, lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Move the unreadable lines to `corrupt_path`, so that they are not lost, and return the others.

        The file is read again under the lock: another process may have been writing a line that looked unreadable.
        """
        try:
            with self._locked():
                lines, corrupt = self._read_lines()
                if corrupt:
                    earlier = b""
                    with contextlib.suppress(FileNotFoundError):
                        earlier = read_private(self.corrupt_path, limit=READ_BYTES)
                    write_private(self.corrupt_path, earlier + b"\n".join(corrupt) + b"\n")
                    write_private(self.path, _to_jsonl(lines))
                    self._add_notice(
                        f"{len(corrupt)} unreadable line(s) of the history are kept in {self.corrupt_path}"
                    )
        except OSError as error:
            self._add_notice(f"Unreadable lines of the history stay where they are: {os_error_text(error)}")
        return lines

    def _compact(self) -> None:
        """Remove the oldest changes, but none of the newest group; the file is replaced atomically."""
        lines, corrupt = self._read_lines()
        if corrupt:  # `read` moves them to another file first
            return
        begins = [line["begin"] for line in lines if isinstance(line.get("begin"), dict)]
        kept_ids: set[str] = set()
        size = 0
        for begin in reversed(begins):
            size += len(json_codec.dumps(begin))
            is_in_newest_group = begin.get("group") == begins[-1].get("group")
            if kept_ids and not is_in_newest_group and (size > KEEP_BYTES or len(kept_ids) >= KEEP_ENTRIES):
                break
            kept_ids.add(str(begin.get("id")))
        data = _to_jsonl([line for line in lines if _is_kept(line, kept_ids)])
        write_private(self.path, data)
        self._compacted_bytes = len(data)

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        """Hold the file lock. Raises `OSError` if the folder cannot be private or another process holds the lock."""
        private_dir(self.path.parent.parent)
        private_dir(self.path.parent)
        try:
            with FileLock(self.path.with_name(f"{self.path.name}.lock")).hold_blocking(_LOCK_SECONDS):
                yield
        except LockBusy as error:
            raise NotPrivate(f"{error}") from error

    def _add_notice(self, text: str) -> None:
        if text not in self.notices:
            self.notices.append(text)


def _timed(data: bytes) -> Iterator[tuple[float, bytes]]:
    """Yield the lines of a journal, each with the time of the latest change up to it."""
    at = 0.0
    for raw in data.split(b"\n"):
        with contextlib.suppress(ValueError, KeyError, TypeError, AttributeError):
            at = float(json_codec.loads(raw)["begin"]["at"])
        if raw.strip():
            yield at, raw


def _is_kept(line: Mapping[str, Any], kept_ids: set[str]) -> bool:
    """Return whether a line stays in the file when only the changes with these ids are kept."""
    if line.get("v") != VERSION:
        return True
    if "begin" in line:
        return isinstance(line["begin"], dict) and str(line["begin"].get("id")) in kept_ids
    return str(line["end"]) in kept_ids if "end" in line else True


def _to_jsonl(lines: list[dict[str, Any]]) -> bytes:
    return "".join(json_codec.dumps(line) + "\n" for line in lines).encode("ascii")
