"""Child processes whose start or end is cancelled."""

from __future__ import annotations

import asyncio
import gc
import sys

import pytest

from drio_tui.child_process import end_process, start_process

SLEEPING_COMMAND = (sys.executable, "-c", "import time; time.sleep(60)")


@pytest.mark.parametrize("between", [1, 2, 3])
@pytest.mark.parametrize("before", range(1, 8))
def test_a_process_whose_start_is_cancelled_is_ended_and_closed(before: int, between: int) -> None:
    """A process that is left behind fails this test: its resource warnings are errors here."""
    processes: list[asyncio.subprocess.Process] = []

    async def start_and_end() -> None:
        process = await start_process(*SLEEPING_COMMAND, stdout=asyncio.subprocess.PIPE)
        processes.append(process)
        await end_process(process)

    async def cancelled_twice() -> None:
        task = asyncio.create_task(start_and_end())
        for loop_turns in (before, between):
            for _ in range(loop_turns):
                await asyncio.sleep(0)
            task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancelled_twice())
    assert all(process.returncode is not None for process in processes)
    gc.collect()


async def test_ending_a_finished_process_has_no_effect() -> None:
    process = await start_process(sys.executable, "-c", "")
    await process.wait()
    await end_process(process)
    assert process.returncode == 0
