"""Finding, starting and ending the local sandbox, which is a process of its own.

Nothing of the sandbox is imported: it is run as `python -m drio_tui sandbox serve` and spoken to over
HTTP. In its data folder (0700) it keeps `sandbox.lock` (held while it lives), `sandbox.json` (where it
listens) and `local-token` (0600): the token passes from process to process through that file alone,
never over the network and never as an argument.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from drio_tui import files, paths
from drio_tui.api.errors import DrioError
from drio_tui.text import duration

START_SECONDS = 30.0
_STOP_SECONDS = 5.0
_STDERR_LINES = 12


class SandboxFailed(DrioError):
    """The sandbox did not start; the message holds the last lines it wrote."""

    title = "The sandbox did not start"
    hint = "Run `drio-tui sandbox serve` to see it start; `drio-tui sandbox reset` empties it."


@dataclass(slots=True)
class RunningSandbox:
    """A sandbox that answers at `base_url` (`http://127.0.0.1:PORT`); `token` is the local user's.

    `id` names its data, which may be served on another port the next time; empty for one of an earlier version.
    """

    base_url: str
    data_dir: Path
    token: str = field(repr=False)
    id: str = ""
    started_by_us: bool = False
    _process: asyncio.subprocess.Process | None = field(default=None, repr=False)
    _drain: asyncio.Task[None] | None = field(default=None, repr=False)

    @property
    def alive(self) -> bool:
        """Whether the process still lives; for one that we did not start, whether it holds its lock."""
        if self._process is not None:
            return self._process.returncode is None
        return is_locked(self.data_dir)

    async def stop(self) -> None:
        """End it if we started it: its standard input is closed, and if that is not enough it is told to go."""
        process = self._process
        if process is None or process.returncode is not None:
            return
        if process.stdin:
            process.stdin.close()
        for last_word in (process.terminate, process.kill):
            with contextlib.suppress(TimeoutError, ProcessLookupError):
                await asyncio.wait_for(process.wait(), _STOP_SECONDS)
                break
            with contextlib.suppress(ProcessLookupError):
                last_word()
        await process.wait()
        if self._drain:
            await self._drain


async def ensure_sandbox(
    data_dir: Path | str | None = None, *, on_line: Callable[[str], None] | None = None
) -> RunningSandbox:
    """The sandbox of `data_dir` (default: the platform's folder), started when none is running.

    `on_line` is told what happens, one short sentence at a time. Raises `SandboxFailed`.
    """
    tell = on_line or (lambda _line: None)
    folder = _folder(data_dir)
    running = await _join(folder)
    if running:
        tell("Found a running sandbox")
        return running
    tell("Starting the sandbox")
    try:
        return await _start(folder, tell)
    except SandboxFailed:
        # Someone else may have been faster by a moment.
        if running := await _join(folder):
            return running
        raise


def _folder(data_dir: Path | str | None) -> Path:
    try:
        return Path(data_dir).expanduser().absolute() if data_dir else paths.sandbox_dir()
    except (RuntimeError, OSError) as error:  # `~` of nobody, or a working folder that is gone
        raise SandboxFailed(f"{data_dir} is no folder: {error}", hint="Name another folder with --data.") from error


async def _join(folder: Path) -> RunningSandbox | None:
    """The sandbox that lives on `folder`, waited for while it starts; None when there is none."""
    ends = asyncio.get_running_loop().time() + START_SECONDS
    while await asyncio.to_thread(is_locked, folder):
        running = await asyncio.to_thread(find_running, folder)
        if running or asyncio.get_running_loop().time() > ends:
            return running
        await asyncio.sleep(0.1)
    return None


def find_running(folder: Path) -> RunningSandbox | None:
    """The sandbox that holds `folder`'s lock right now, if there is one and it is ready."""
    if not is_locked(folder):
        return None
    try:
        told = json.loads(files.read_private(folder / "sandbox.json"))
        return RunningSandbox(_base_url(told), folder, _token(folder), _id(told))
    except (OSError, ValueError, SandboxFailed):
        return None


def is_locked(folder: Path) -> bool:
    """Whether a living process holds the sandbox's lock (a file left by a dead one does not count)."""
    try:
        handle = os.open(folder / "sandbox.lock", os.O_RDWR)
    except OSError:
        return False
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
            msvcrt.locking(handle, msvcrt.LK_UNLCK, 1)
        else:
            import fcntl

            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(handle)
    return False


async def _start(folder: Path, tell: Callable[[str], None]) -> RunningSandbox:
    # -P: nothing that lies in the present folder is run in the place of a module.
    command = [sys.executable, "-P", "-m", "drio_tui", "sandbox", "serve", "--exit-with-parent", "--data", str(folder)]
    try:
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,  # Ctrl+C in our terminal is ours
        )
    except OSError as error:
        raise SandboxFailed(f"{sys.executable} cannot be run: {error}") from error
    assert process.stdout
    assert process.stderr
    said: list[str] = []
    drain = asyncio.create_task(_keep_last(process.stderr, said))
    try:
        async with asyncio.timeout(START_SECONDS):
            ready = await _ready_line(process.stdout)
        if ready is None:
            await process.wait()
            await drain
            raise SandboxFailed("\n".join(said) or f"it ended with exit code {process.returncode}")
        token = await asyncio.to_thread(_token, folder)
        running = RunningSandbox(_base_url(ready), folder, token, _id(ready), True, process, drain)
    except BaseException as error:
        if process.returncode is None:
            process.kill()
            await process.wait()
        await drain
        if isinstance(error, TimeoutError):
            raise SandboxFailed(f"it was not ready within {duration(START_SECONDS)}\n" + "\n".join(said)) from error
        raise
    tell("The sandbox is ready")
    return running


async def _ready_line(stdout: asyncio.StreamReader) -> dict[str, Any] | None:
    """The JSON line that says it is ready; None when it ended without one."""
    while line := await stdout.readline():
        try:
            told = json.loads(line)
        except ValueError:
            continue
        if isinstance(told, dict) and "baseUrl" in told:
            return told
    return None


async def _keep_last(stream: asyncio.StreamReader, said: list[str]) -> None:
    """Read the process's narration to its end, keeping the last lines for the case that it fails."""
    while True:
        try:
            line = await stream.readline()
        except ValueError:  # a line longer than the reader's limit; the rest follows
            continue
        if not line:
            return
        said.append(line.decode(errors="replace").rstrip())
        del said[:-_STDERR_LINES]


def _base_url(told: Any) -> str:
    url = told.get("baseUrl") if isinstance(told, dict) else None
    if not isinstance(url, str) or not url.startswith("http://"):
        raise SandboxFailed("it did not say where it listens")
    return url


def _id(told: dict[str, Any]) -> str:
    found = told.get("id")
    return found if isinstance(found, str) else ""


def _token(folder: Path) -> str:
    try:
        token = files.read_private(folder / "local-token").decode("ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SandboxFailed(f"the local user's token cannot be read: {error}") from error
    if not token:
        raise SandboxFailed(f"{folder / 'local-token'} is empty")
    return token
