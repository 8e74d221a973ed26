"""Closed screens are freed, however often they are opened. `scripts/leaks.py` opens all of them 50 times."""

from __future__ import annotations

from typing import Any

import pytest

from tests.ui.editing.test_saving import app_of
from tests.ui.leaking import STAYS, Walk, measure


async def test_a_closed_edit_screen_is_freed_with_all_its_widgets_and_strips(
    sandbox_process: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with app_of(sandbox_process, monkeypatch, size=(80, 24)) as (pilot, screen, _):
        walk = Walk(pilot)
        walk.id, walk.above = screen.app_id, screen
        openings = {opening.name: opening for opening in walk.openings()}
        for name in ("edit integration", "history"):
            measured = await measure(pilot, openings[name], 4)
            assert measured.at_once > 5
            assert measured.screens[1] <= STAYS, str(measured)
            assert measured.widgets[1] <= measured.at_once, str(measured)
            assert measured.drawn <= measured.at_once, str(measured)
