"""The program records its requests to a cassette, and runs from one without a server."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Any

import pytest

from drio_tui.cassette import active
from drio_tui.ui.app.drio_app import DrioApp
from drio_tui.ui.base.launch_options import LaunchOptions
from tests.sandbox_fixtures import kill_process, start_sandbox
from tests.ui.driving import open_first_app, running, show, text_of, until


async def browse(pilot: Any) -> list[str]:
    """Return the screens of the apps, the first app and the templates, without the status line and times."""
    screens = []
    await open_first_app(pilot)
    screens.append(text_of(pilot.app))
    await pilot.press("escape")
    templates = await show(pilot, "templates")
    await until(pilot, lambda: templates.resources)
    await pilot.pause()
    screens.append(text_of(pilot.app))
    return [re.sub(r"\d\d:\d\d", "", screen.partition("\n")[2]) for screen in screens]


async def test_a_recorded_walk_is_replayed_without_its_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cassette = tmp_path / "walk.cassette"
    process = await asyncio.to_thread(start_sandbox, tmp_path / "sandbox")
    try:
        active.start_recording(cassette, lambda: "")
        async with running(process.base_url, monkeypatch, token=process.token, cassette="recording") as pilot:
            assert " recording " in text_of(pilot.app).splitlines()[0]
            recorded = await browse(pilot)
    finally:
        assert active.stop() == ""
        kill_process(process)
    assert process.token.encode() not in cassette.read_bytes()
    monkeypatch.delenv("DRIO_TOKEN")
    active.start_replay(cassette, lambda: "")
    try:
        app = DrioApp(LaunchOptions(cassette="replay", sandbox=True))
        async with app.run_test(size=(120, 40)) as pilot:
            await until(pilot, lambda: app.current_mode == "apps" and app.status.phase == "online")
            assert " replay " in text_of(app).splitlines()[0]
            assert await browse(pilot) == recorded
    finally:
        active.stop()
