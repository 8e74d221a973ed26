"""A short run of scripts/hangups.py: the terminal is closed at a moment of each kind."""

from __future__ import annotations

import asyncio
from random import Random

import pytest

from tests.ui.hangups import MOMENTS, SAVED, hang_up
from tests.ui.table_server import TableServer, drio_of, serving

pytestmark = pytest.mark.socket


async def test_edits_are_offered_at_the_next_start_whenever_the_terminal_was_closed() -> None:
    """F50: each start continues the edit of the previous one."""
    random = Random(8)
    async with serving(TableServer(drio_of())) as server:
        server.hold(SAVED)
        offered = ""
        for moment in MOMENTS:
            ended = await asyncio.to_thread(hang_up, server.base_url, moment, random, offered)
            assert ended.status == 129, moment
            offered = ended.kept
