"""Waiting for an idle program: all running work is waited for, endless work is not."""

from __future__ import annotations

import asyncio
import threading

import pytest

from tests.ui.idle import FRAME, idle, until


async def test_idle_waits_for_jobs_in_threads() -> None:
    go, done = threading.Event(), threading.Event()

    def job() -> None:
        go.wait()
        done.set()

    task = asyncio.create_task(asyncio.to_thread(job))
    assert not await idle(0.1)
    go.set()
    assert await idle(30)
    assert done.is_set()
    await task


async def test_idle_waits_for_timers_within_a_frame_and_their_callbacks() -> None:
    events = []
    loop = asyncio.get_running_loop()
    loop.call_later(FRAME / 2, lambda: loop.call_soon(events.append, "led to"))
    assert await idle(30)
    assert events == ["led to"]


async def test_until_fails_if_the_condition_is_false_when_idle() -> None:
    with pytest.raises(AssertionError, match="never came true; on the screen:\nthe screen"):
        await until(lambda: False, lambda: "the screen", patience=0.05)


async def test_running_work_does_not_use_up_the_patience() -> None:
    turns = 0

    async def work() -> None:
        nonlocal turns
        while turns < 2000:
            turns += 1
            await asyncio.sleep(0)

    task = asyncio.create_task(work())
    await until(lambda: turns == 2000, lambda: "", patience=0.001)
    await task
