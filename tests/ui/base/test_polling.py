"""When drio is looked at for changes by others."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from textual.message import Message

from drio_tui.ui.base.polling import Poller, PollSchedule


def test_checks_come_later_and_later_until_something_changes_or_the_user_is_back() -> None:
    now = 1000.0
    schedule = PollSchedule(15.0, 120.0)
    schedule.read(now)
    waits = []
    for _ in range(7):
        wait = schedule.due_in(now)
        waits.append(wait)
        now += wait
        schedule.unchanged(now)
    assert waits == [15.0, 22.5, 33.75, 50.625, 75.9375, 113.90625, 120.0]
    schedule.hurry()
    assert schedule.due_in(now) == 15.0
    assert schedule.due_in(now + 20) == 0.0
    schedule.unchanged(now)
    schedule.read(now)
    assert schedule.due_in(now) == 15.0


def test_after_an_error_the_next_check_waits_longer_and_as_long_as_drio_asked() -> None:
    schedule = PollSchedule(15.0, 120.0)
    schedule.read(0.0)
    waits = []
    for retry_after in (0.0, 0.0, 90.0, 300.0, 0.0):
        schedule.failed(0.0, retry_after)
        schedule.hurry()  # the user does not make drio answer
        waits.append(schedule.due_in(0.0))
    assert waits == [30.0, 60.0, 120.0, 300.0, 120.0]
    schedule.unchanged(0.0)
    assert schedule.due_in(0.0) == 120.0
    schedule.hurry()
    assert schedule.due_in(0.0) == 15.0


def test_two_checks_are_never_closer_than_the_first_pause() -> None:
    schedule = PollSchedule(15.0, 120.0)
    for event in (schedule.read, schedule.unchanged, schedule.failed):
        event(50.0)
        schedule.hurry()
        assert schedule.due_in(50.0) >= 15.0


class Found(Message):
    def __init__(self, result: str) -> None:
        super().__init__()
        self.result = result


class Screen:
    """What a poller needs of a screen; `posted` are the results it got."""

    is_on_top = is_mounted = True

    def __init__(self) -> None:
        status = SimpleNamespace(cassette="", phase="online")
        self.drio: Any = SimpleNamespace(
            connection=SimpleNamespace(client="first client", status=status), options=SimpleNamespace(live=True),
            app_focus=True, session="a session", run_worker=self.run_worker,
        )  # fmt: skip
        self.posted: list[Message] = []

    def run_worker(self, work: Any, **_: Any) -> Any:
        self.task = asyncio.create_task(work())
        return SimpleNamespace(cancel=self.task.cancel, is_finished=False)

    def set_timer(self, *_: Any, **__: Any) -> Any:
        return SimpleNamespace(stop=lambda: None)

    def post_message(self, message: Message) -> bool:
        self.posted.append(message)
        return True


@pytest.mark.parametrize("meanwhile", ["", "read", "read before it is handled", "stop", "other session"])
async def test_the_result_of_a_check_is_dropped_if_everything_was_read_meanwhile(meanwhile: str) -> None:
    screen, answer = Screen(), asyncio.Event()

    async def fetch(_client: Any) -> str:
        await answer.wait()
        return "apps"

    poller = Poller(screen, fetch, Found)
    poller.check()
    await asyncio.sleep(0)
    if meanwhile == "read":
        poller.read()
    elif meanwhile == "stop":
        poller.stop()
    elif meanwhile == "other session":
        screen.drio.connection.client = "second client"
    answer.set()
    await asyncio.wait([screen.task])
    if meanwhile.endswith("handled"):
        poller.read()
    assert [message for message in screen.posted if not poller.is_outdated(message)] == screen.posted[: not meanwhile]
    assert len(screen.posted) == (meanwhile in ("", "read before it is handled"))
