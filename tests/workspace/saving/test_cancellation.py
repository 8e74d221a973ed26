"""Cancelling the requests of an app, and the rest of a change that makes several."""

from __future__ import annotations

import asyncio

import pytest

from drio_tui.workspace.saving.cancellation import CancellableRequests, RequestCancelled


async def test_a_change_is_stopped_between_two_of_its_requests_and_the_next_change_is_not() -> None:
    requests = CancellableRequests()
    assert not requests.cancel("app_1")
    with requests.change("app_1"), requests.change("app_1"):
        assert not requests.cancel("app_2")
        assert requests.cancel("app_1")
        assert await requests.run("app_2", asyncio.sleep(0, "another app")) == "another app"
        with pytest.raises(RequestCancelled) as raised:
            await requests.run("app_1", asyncio.sleep(0, "sent"), changes=True)
        assert not raised.value.outcome_unknown, "nothing was sent"
        assert await requests.run("app_1", asyncio.sleep(0, "the reading back")) == "the reading back"
        requests.cancel("app_1")
    assert not requests.cancel("app_1")
    assert await requests.run("app_1", asyncio.sleep(0, "the next change")) == "the next change"


async def test_a_change_that_begins_after_another_one_was_cancelled_is_made() -> None:
    requests = CancellableRequests()
    is_cancelled = asyncio.Event()

    async def change() -> str:
        with requests.change("app_1"):
            await is_cancelled.wait()
            return await requests.run("app_1", asyncio.sleep(0, "sent"), changes=True)

    cancelled = asyncio.create_task(change())
    await asyncio.sleep(0)
    assert requests.cancel("app_1")
    later = asyncio.create_task(change())
    is_cancelled.set()
    with pytest.raises(RequestCancelled):
        await cancelled
    assert await later == "sent"


async def test_after_a_cancelled_request_of_a_change_the_others_are_not_sent() -> None:
    requests = CancellableRequests()
    with requests.change("app_1"):
        running = asyncio.create_task(requests.run("app_1", asyncio.Event().wait(), changes=True))
        await asyncio.sleep(0)
        assert requests.cancel("app_1")
        with pytest.raises(RequestCancelled) as raised:
            await running
        assert raised.value.outcome_unknown
        assert await requests.run("app_1", asyncio.sleep(0, "the reading back")) == "the reading back"
        for _ in range(2):
            with pytest.raises(RequestCancelled) as raised:
                await requests.run("app_1", asyncio.sleep(0, "sent"), changes=True)
            assert not raised.value.outcome_unknown
