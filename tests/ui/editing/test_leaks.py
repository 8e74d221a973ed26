"""Screens that are closed are gone, however often they are opened. `scripts/leaks.py` opens all of them 50 times."""

from __future__ import annotations

from typing import Any

import pytest

from tests.ui.editing.test_saving import app_of
from tests.ui.leaking import STAYS, Walk, measure


async def test_an_edit_screen_that_is_closed_is_gone_with_all_its_widgets_and_what_they_drew(
    sandbox_process: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with app_of(sandbox_process, monkeypatch, size=(80, 24)) as (pilot, screen, _):
        walk = Walk(pilot)
        walk.id, walk.above = screen.app_id, screen
        openings = {one.name: one for one in walk.openings()}
        for name in ("edit integration", "history"):
            found = await measure(pilot, openings[name], 4)
            assert found.at_once > 5
            assert found.screens[1] <= STAYS, str(found)
            assert found.widgets[1] <= found.at_once, str(found)
            assert found.drawn <= found.at_once, str(found)
