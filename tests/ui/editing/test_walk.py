"""Editing from an empty app to a whole one and back, by keyboard alone, by mouse, and in a real terminal."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from textual import events
from textual.keys import _character_to_key
from textual.pilot import Pilot

from tests.ui.driving import running, text_of
from tests.ui.editing.walk import Walk

PATIENCE = 30.0


class PilotHand:
    """Presses as a terminal does: the program gets the key, and the next one when it has handled that.

    `Pilot.press` waits after each key until the whole process has been idle for a while, which is dear for
    hundreds of keys.
    """

    def __init__(self, pilot: Pilot[Any]) -> None:
        self.pilot = pilot
        self.app: Any = pilot.app

    async def press(self, *keys: str) -> None:
        for key in keys:
            name, character = (_character_to_key(key), key) if len(key) == 1 else (key, None)
            await self._send(events.Key(name, character))

    async def paste(self, text: str) -> None:
        await self._send(events.Paste(text))

    async def _send(self, event: events.Event) -> None:
        event.set_sender(self.app)
        self.app._driver.send_message(event)
        await self._settle()

    async def _settle(self) -> None:
        """Until every widget has handled what was sent to it; a message may lead to another one."""
        for _ in range(3):
            await asyncio.sleep(0)
            await self.pilot._wait_for_screen()

    async def until(self, wanted: str | Callable[[str], object]) -> None:
        test = wanted if callable(wanted) else lambda text: wanted in text
        end = time.monotonic() + PATIENCE
        while not test(text_of(self.app)):
            await asyncio.sleep(0.04)
            await self._settle()
            assert time.monotonic() < end, f"never came: {wanted}\n{text_of(self.app)}"


async def test_an_empty_app_becomes_a_whole_one_and_everything_is_edited_copied_deleted_and_undone_by_keyboard(
    sandbox_process: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(sandbox_process.base_url, monkeypatch, token=sandbox_process.token) as pilot:
        await Walk(PilotHand(pilot), f"Walk {uuid.uuid4().hex[:6]}").whole()
