"""Runs and samples that are kept for an app, in a folder of its own in the state folder.

    runs.json             the newest runs of each tool, without anything secret (`run.keepable`)
    sample-….json         a result that was saved as the sample of a tool's widget

Files are mode 0600 and bounded; what cannot be read counts as not there. Everything here blocks for a few
milliseconds: screens call it in a thread.
"""

from __future__ import annotations

import contextlib
import hashlib
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from drio_tui.api import json_codec
from drio_tui.api.redact import redact
from drio_tui.server_id import adopt, file_prefix
from drio_tui.storage import paths
from drio_tui.storage.files import private_dir, read_private, reason_of, write_private
from drio_tui.storage.lock import FileLock, LockBusy
from drio_tui.workspace.run.tool_run import Document, Run, keepable, run_from

VERSION = 1
RUNS = 20
"""Runs kept of each tool."""
ALL_RUNS = 300
RUN_BYTES = 64 << 10
"""A run longer than this is kept without its result."""
FILE_BYTES = 8 << 20
SAMPLE_BYTES = 2 << 20
_LOCK_SECONDS = 5.0


class NotKept(OSError):
    """Something could not be kept; the message says why, for a person."""


@dataclass(frozen=True, slots=True)
class Kept:
    """Runs and samples of one app of one drio (`server` is a `server_id`)."""

    server: str
    app_id: str

    @property
    def folder(self) -> Path:
        """Where it lies."""
        return paths.state_dir() / "playground" / self._name(self.server)

    def _name(self, server: str) -> str:
        return file_prefix(server) + _mark(f"{server}\n{self.app_id}")

    def _adopt(self) -> None:
        """Take over what earlier versions kept of a sandbox, a folder for each port that it had."""
        adopt(self.server, self.folder, "[0-9a-f]*", self._name, self._take)

    def _take(self, found: list[Path]) -> None:
        runs = [run for each in found for run in _read(each / "runs.json")]
        found[-1].rename(self.folder)
        for each in found[:-1]:
            for path in each.glob("sample-*.json"):
                if not (self.folder / path.name).exists():
                    path.rename(self.folder / path.name)
            shutil.rmtree(each)
        self._write(sorted(runs, key=_at))

    # -- runs -------------------------------------------------------------------------------------

    def add(self, run: Run) -> None:
        """Keep a run. Raises `NotKept`."""
        one = keepable(run)
        if len(json_codec.dumps(one)) > RUN_BYTES:
            one["result"] = None
            one["error"] = one["error"] or "The result was too large to be kept."
        with self._writing():
            kept = _read(self.folder / "runs.json")
            kept.append(one)
            of_tool = [each for each in kept if each.get("tool") == run.tool]
            dropped = {id(each) for each in of_tool[:-RUNS]}
            self._write([each for each in kept if id(each) not in dropped])

    def runs(self, tool_id: str) -> list[Run]:
        """The kept runs of a tool, the newest first."""
        self._adopt()
        found = []
        for each in _read(self.folder / "runs.json"):
            with contextlib.suppress(ValueError):
                run = run_from(each)
                if run.tool == tool_id:
                    found.append(run)
        found.reverse()
        return found

    def clear(self, tool_id: str) -> None:
        """Forget the runs of a tool. Raises `NotKept`."""
        with self._writing():
            self._write([each for each in _read(self.folder / "runs.json") if each.get("tool") != tool_id])

    def _write(self, runs: list[Document]) -> None:
        kept = runs[-ALL_RUNS:]
        data = _file(kept)
        while len(data) > FILE_BYTES and len(kept) > 1:
            kept = kept[len(kept) // 2 :]
            data = _file(kept)
        write_private(self.folder / "runs.json", data)

    # -- samples ----------------------------------------------------------------------------------

    def save_sample(self, tool_id: str, value: Any) -> None:
        """Keep a result as the sample of the tool's widget. Raises `NotKept`."""
        data = json_codec.dumps({"v": VERSION, "tool": tool_id, "sample": redact(value)}).encode("ascii")
        if len(data) > SAMPLE_BYTES:
            raise NotKept(f"The result is larger than {SAMPLE_BYTES >> 20} MiB, which a sample may not be.")
        with self._writing():
            write_private(self._sample(tool_id), data)

    def sample(self, tool_id: str) -> Any:
        """The saved sample of a tool; None where there is none."""
        self._adopt()
        try:
            told = json_codec.loads(read_private(self._sample(tool_id), limit=SAMPLE_BYTES))
        except (OSError, json_codec.MalformedJson):
            return None
        if not isinstance(told, dict) or told.get("v") != VERSION or told.get("tool") != tool_id:
            return None
        return told.get("sample")

    def drop_sample(self, tool_id: str) -> None:
        """Forget the saved sample of a tool."""
        with contextlib.suppress(OSError):
            self._sample(tool_id).unlink()

    def _sample(self, tool_id: str) -> Path:
        return self.folder / f"sample-{_mark(tool_id)}.json"

    @contextlib.contextmanager
    def _writing(self) -> Any:
        self._adopt()
        try:
            private_dir(self.folder.parent)
            private_dir(self.folder)
            with FileLock(self.folder / "lock").hold_blocking(_LOCK_SECONDS):
                yield
        except NotKept:
            raise
        except (OSError, LockBusy) as error:
            raise NotKept(f"{self.folder} cannot be written: {reason_of(error)}") from error


def _read(path: Path) -> list[Document]:
    """The runs in a file, oldest first; none where it cannot be read."""
    try:
        told = json_codec.loads(read_private(path, limit=FILE_BYTES))
    except (OSError, json_codec.MalformedJson):
        return []
    runs = told.get("runs") if isinstance(told, dict) and told.get("v") == VERSION else None
    return [run for run in runs if isinstance(run, dict)] if isinstance(runs, list) else []


def _file(runs: list[Document]) -> bytes:
    document: Document = {"v": VERSION, "runs": runs}
    return json_codec.dumps(document).encode("ascii")


def _at(run: Document) -> float:
    at = run.get("at")
    return at if isinstance(at, int | float) else 0.0


def _mark(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:24]
