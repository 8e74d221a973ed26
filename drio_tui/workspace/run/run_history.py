"""Stored runs and samples of an app, in a separate directory below the state directory.

    runs.json             the newest runs of each tool, without secrets (`tool_run.redacted_for_storage`)
    sample-….json         a result that was saved as the sample of a tool's widget
    chains.json           where the arguments of a chain's tools come from (`chain_choices`)

Files have mode 0600 and a bounded size; a file that cannot be read is ignored. Everything here blocks for a few
milliseconds: screens call it in a thread.
"""

from __future__ import annotations

import contextlib
import hashlib
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from drio_tui.api import json_codec
from drio_tui.api.json_codec import Document
from drio_tui.api.redact import redact
from drio_tui.server_id import file_prefix, migrate_old_files
from drio_tui.storage import paths
from drio_tui.storage.files import os_error_text, private_dir, read_private, write_private
from drio_tui.storage.lock import FileLock, LockBusy
from drio_tui.workspace.run.bound_tool import BoundTool
from drio_tui.workspace.run.tool_run import Run, inner_value, redacted_for_storage, run_from

VERSION = 1
RUNS_PER_TOOL = 20
"""The most runs that are stored of each tool."""
RUNS_PER_APP = 300
RUN_BYTES = 64 << 10
"""A longer run is stored without its result."""
FILE_BYTES = 8 << 20
SAMPLE_BYTES = 2 << 20
_LOCK_SECONDS = 5.0


class NotKept(OSError):
    """Something could not be stored; the message is a sentence for the user."""


@dataclass(frozen=True, slots=True)
class RunHistory:
    """The stored runs and samples of one app of one drio (`server` is a `server_id`)."""

    server: str
    app_id: str

    @property
    def folder(self) -> Path:
        """The directory of the app's files."""
        return paths.state_dir() / "playground" / self._name(self.server)

    def _name(self, server: str) -> str:
        return file_prefix(server) + _hash_of(f"{server}\n{self.app_id}")

    def _adopt(self) -> None:
        """Migrate what earlier versions stored of a sandbox: one directory for each of its ports."""
        migrate_old_files(self.server, self.folder, "[0-9a-f]*", self._name, self._merge_directories)

    def _merge_directories(self, directories: list[Path]) -> None:
        runs = [run for directory in directories for run in _read(directory / "runs.json")]
        directories[-1].rename(self.folder)
        for directory in directories[:-1]:
            for path in directory.glob("sample-*.json"):
                if not (self.folder / path.name).exists():
                    path.rename(self.folder / path.name)
            shutil.rmtree(directory)
        self._write(sorted(runs, key=_at))

    # -- runs -------------------------------------------------------------------------------------

    def add(self, run: Run) -> None:
        """Store a run. Raises `NotKept`."""
        entry = redacted_for_storage(run)
        if len(json_codec.dumps(entry)) > RUN_BYTES:
            entry["result"] = None
            entry["error"] = entry["error"] or "The result was too large to be kept."
        with self.writing():
            entries = _read(self.folder / "runs.json")
            entries.append(entry)
            of_tool = [stored for stored in entries if stored.get("tool") == run.tool]
            dropped = {id(stored) for stored in of_tool[:-RUNS_PER_TOOL]}
            self._write([stored for stored in entries if id(stored) not in dropped])

    def runs(self, tool_id: str) -> list[Run]:
        """Return the stored runs of a tool, the newest first."""
        self._adopt()
        runs = []
        for entry in _read(self.folder / "runs.json"):
            with contextlib.suppress(ValueError):
                run = run_from(entry)
                if run.tool == tool_id:
                    runs.append(run)
        runs.reverse()
        return runs

    def newest_results(self) -> dict[str, Document]:
        """Return the newest stored result of each tool that has one."""
        self._adopt()
        results = {entry.get("tool"): entry.get("result") for entry in _read(self.folder / "runs.json")}
        return {tool: result for tool, result in results.items() if isinstance(tool, str) and isinstance(result, dict)}

    def clear(self, tool_id: str) -> None:
        """Delete the runs of a tool. Raises `NotKept`."""
        with self.writing():
            self._write([entry for entry in _read(self.folder / "runs.json") if entry.get("tool") != tool_id])

    def _write(self, runs: list[Document]) -> None:
        newest = runs[-RUNS_PER_APP:]
        data = _file(newest)
        while len(data) > FILE_BYTES and len(newest) > 1:
            newest = newest[len(newest) // 2 :]
            data = _file(newest)
        write_private(self.folder / "runs.json", data)

    def known_result(self, bound: BoundTool) -> Any:
        """Return a result of a tool as its widget gets it: the saved sample, else the newest; None if there is none."""
        sample = self.sample(bound.id)
        newest = self.newest_results().get(bound.id) if sample is None else None
        return sample if newest is None else inner_value(bound, newest)

    # -- samples ----------------------------------------------------------------------------------

    def save_sample(self, tool_id: str, value: Any) -> None:
        """Store a result as the sample of the tool's widget. Raises `NotKept`."""
        data = json_codec.dumps({"v": VERSION, "tool": tool_id, "sample": redact(value)}).encode("ascii")
        if len(data) > SAMPLE_BYTES:
            raise NotKept(f"The result is larger than {SAMPLE_BYTES >> 20} MiB, which a sample may not be.")
        with self.writing():
            write_private(self._sample(tool_id), data)

    def sample(self, tool_id: str) -> Any:
        """Return the stored sample of a tool; None where there is none."""
        self._adopt()
        try:
            document = json_codec.loads(read_private(self._sample(tool_id), limit=SAMPLE_BYTES))
        except (OSError, json_codec.MalformedJson):
            return None
        if not isinstance(document, dict) or document.get("v") != VERSION or document.get("tool") != tool_id:
            return None
        return document.get("sample")

    def drop_sample(self, tool_id: str) -> None:
        """Delete the stored sample of a tool."""
        with contextlib.suppress(OSError):
            self._sample(tool_id).unlink()

    def _sample(self, tool_id: str) -> Path:
        return self.folder / f"sample-{_hash_of(tool_id)}.json"

    @contextlib.contextmanager
    def writing(self) -> Iterator[None]:
        """Hold the lock of the app's files while one is written. Raises `NotKept`."""
        self._adopt()
        try:
            private_dir(self.folder.parent)
            private_dir(self.folder)
            with FileLock(self.folder / "lock").hold_blocking(_LOCK_SECONDS):
                yield
        except NotKept:
            raise
        except (OSError, LockBusy) as error:
            raise NotKept(f"{self.folder} cannot be written: {os_error_text(error)}") from error


def _read(path: Path) -> list[Document]:
    """Return the runs in a file, oldest first; none where it cannot be read."""
    try:
        document = json_codec.loads(read_private(path, limit=FILE_BYTES))
    except (OSError, json_codec.MalformedJson):
        return []
    runs = document.get("runs") if isinstance(document, dict) and document.get("v") == VERSION else None
    return [run for run in runs if isinstance(run, dict)] if isinstance(runs, list) else []


def _file(runs: list[Document]) -> bytes:
    document: Document = {"v": VERSION, "runs": runs}
    return json_codec.dumps(document).encode("ascii")


def _at(run: Document) -> float:
    at = run.get("at")
    return at if isinstance(at, int | float) else 0.0


def _hash_of(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:24]
