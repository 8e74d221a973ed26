"""Child processes that are neither left running nor left with open pipes after a cancellation."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping

from drio_tui.asyncio_wait import wait_until_done


async def start_process(
    *command: str, stdout: int = asyncio.subprocess.DEVNULL, env: Mapping[str, str] | None = None
) -> asyncio.subprocess.Process:
    """Start a process with a pipe to its standard input and its standard error discarded. Raises `OSError`.

    asyncio leaves the pipes open, and may not reap the process, if it is cancelled while starting one. Therefore a
    cancellation is raised only after the process was started and ended.
    """
    starting = asyncio.ensure_future(
        asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.PIPE,
            stdout=stdout,
            stderr=asyncio.subprocess.DEVNULL,
            env=None if env is None else dict(env),
        )
    )
    cancelled = await wait_until_done(starting)
    process = starting.result()
    if cancelled is not None:
        await end_process(process)
        raise cancelled
    return process


async def end_process(process: asyncio.subprocess.Process) -> None:
    """Kill the process. A killed process ends at once, so a cancellation is delayed until then."""
    with contextlib.suppress(ProcessLookupError):
        process.kill()
    if process.stdin is not None:
        process.stdin.close()
    cancelled = await wait_until_done(asyncio.ensure_future(process.wait()))
    if cancelled is not None:
        raise cancelled
