"""Garbage as terminal input: a short run of scripts/random_bytes.py, and pastes that no field can hold."""

from __future__ import annotations

import asyncio
from itertools import count
from random import Random

import pytest
from textual import events

from drio_tui.ui.app.terminal import PASTE_MAX
from tests.ui.driving import TOKEN, running, show, until
from tests.ui.garbage import ENVIRONMENT, Undrawn, feed, long_paste, quit_from_anywhere
from tests.ui.table_server import TableServer, drio_of, serving

pytestmark = pytest.mark.socket


def survive_garbage(base_url: str, seed: int) -> Undrawn:
    random = Random(seed)
    with Undrawn("--base-url", base_url, size=(100, 30), env=ENVIRONMENT | {"DRIO_TOKEN": TOKEN}) as terminal:
        sends = count()
        feed(terminal, random, lambda: next(sends) >= 12)
        terminal.send(long_paste(random))
        assert quit_from_anywhere(terminal) == 0
        assert terminal.restored == []
        return terminal


async def test_the_program_survives_garbage_input_and_quits_cleanly() -> None:
    async with serving(TableServer(drio_of())) as server:
        terminal = await asyncio.to_thread(survive_garbage, server.base_url, 3)
        assert b"Traceback" not in terminal.output


async def test_a_paste_that_is_too_long_is_rejected_with_a_notification(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(TableServer(drio_of())) as server, running(server.base_url, monkeypatch) as pilot:
        screen = await show(pilot, "apps")
        await pilot.press("slash", "a")
        field = pilot.app.focused
        pilot.app.post_message(events.Paste("x" * (PASTE_MAX + 1)))
        await until(pilot, lambda: len(pilot.app._notifications) == 1)
        (notification,) = pilot.app._notifications
        assert notification.message == "200,001 characters were pasted; a field takes 200,000 at once."
        pilot.app.post_message(events.Paste("x" * PASTE_MAX))
        pilot.app.post_message(events.Paste("bc"))
        await until(pilot, lambda: field.value == "abc")
        assert pilot.app.screen is screen
