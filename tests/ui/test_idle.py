"""Waiting for an idle program: nothing that is under way is missed, and what never ends is not waited for."""

from __future__ import annotations

import asyncio
import threading

import pytest

from tests.ui.idle import FRAME, idle, until


async def test_a_job_in_a_thread_is_waited_for() -> None:
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


async def test_a_timer_due_within_a_frame_and_what_it_leads_to_are_waited_for() -> None:
    events = []
    loop = asyncio.get_running_loop()
    loop.call_later(FRAME / 2, lambda: loop.call_soon(events.append, "led to"))
    assert await idle(30)
    assert events == ["led to"]


async def test_a_condition_that_never_holds_fails_once_the_program_is_idle() -> None:
    with pytest.raises(AssertionError, match="never came true; on the screen:\nwhat is there"):
        await until(lambda: False, lambda: "what is there", patience=0.05)


async def test_work_under_way_is_not_counted_against_the_patience() -> None:
    turns = 0

    async def work() -> None:
        nonlocal turns
        while turns < 2000:
            turns += 1
            await asyncio.sleep(0)

    task = asyncio.create_task(work())
    await until(lambda: turns == 2000, lambda: "", patience=0.001)
    await task
