"""Work that waits until nobody types."""

from __future__ import annotations

import asyncio
import gc
from typing import Any

import pytest

from drio_tui.ui.app import idle_work
from drio_tui.ui.app.idle_work import FULL_COLLECTION, QUIET_SECONDS, IdleCollector, InputPause


class Timers:
    """Stands for an app: it keeps what its timers would call."""

    def __init__(self) -> None:
        self.due: list[Any] = []

    def set_timer(self, _seconds: float, call: Any, **_: Any) -> None:
        self.due.append(call)


def test_garbage_is_collected_completely_in_a_pause_of_the_input(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 10.0
    collected: list[float] = []
    calls: list[str] = []
    threshold = gc.get_threshold()
    pause = InputPause(lambda: now)
    timers: Any = Timers()
    collector = IdleCollector(timers, pause)
    monkeypatch.setattr(idle_work.gc, "collect", lambda: collected.append(now))
    monkeypatch.setattr(idle_work.gc, "freeze", lambda: calls.append("freeze"))
    monkeypatch.setattr(idle_work.gc, "unfreeze", lambda: calls.append("unfreeze"))
    monkeypatch.setattr(idle_work.gc, "get_count", lambda: (0, 0, FULL_COLLECTION))
    collector.schedule()
    assert not timers.due  # Python does it as usual: this is not the program's process
    try:
        idle_work.postpone_full_collections()
        assert gc.get_threshold() == (*threshold[:2], FULL_COLLECTION)
        for _ in range(3):
            pause.note_input()
            collector.schedule()
        (first,) = timers.due
        now += QUIET_SECONDS / 2
        first()
        assert not collected
        now += QUIET_SECONDS
        timers.due[1]()
        assert collected == [now]
        assert calls == ["freeze"]
        for _ in range(7):
            collector.schedule()
            timers.due[-1]()
        assert calls == [*["freeze"] * 7, "unfreeze", "freeze"]  # all objects are searched again
    finally:
        gc.set_threshold(*threshold)


async def test_waiting_for_a_pause_is_prolonged_by_each_key(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 10.0
    slept: list[float] = []
    pause = InputPause(lambda: now)

    async def sleep(seconds: float) -> None:
        nonlocal now
        slept.append(seconds)
        now += seconds
        if len(slept) == 1:
            pause.note_input()

    monkeypatch.setattr(asyncio, "sleep", sleep)
    await pause.wait()
    assert slept == []
    pause.note_input()
    await pause.wait()
    assert slept == [QUIET_SECONDS, QUIET_SECONDS]
