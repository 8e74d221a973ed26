"""The list of apps of the last start, which is shown until drio responds."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from drio_tui import launcher
from drio_tui.ui.app.drio_app import DrioApp
from drio_tui.ui.app_detail.app_screen import AppScreen
from drio_tui.ui.base.launch_options import LaunchOptions
from drio_tui.workspace import last_apps
from tests.ui.driving import at_once, text_of, until


async def test_the_list_of_the_last_start_is_shown_until_drio_responds_and_keys_wait_for_it(
    background: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = LaunchOptions(sandbox=True, data_dir=background)
    owner = last_apps.sandbox_owner(background)
    first = DrioApp(options)
    async with first.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: last_apps.load(owner) is not None)
        assert ", as of" not in text_of(first)
    connect, ensure_sandbox = asyncio.Event(), launcher.ensure_sandbox

    async def later(*args: Any, **options: Any) -> launcher.RunningSandbox:
        await connect.wait()
        return await ensure_sandbox(*args, **options)

    monkeypatch.setattr(launcher, "ensure_sandbox", later)
    app = DrioApp(options)
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: "acme-support" in text_of(app) and ", as of just now" in text_of(app))
        at_once(pilot, "enter")
        connect.set()
        await until(pilot, lambda: isinstance(app.screen, AppScreen) and "Tools" in text_of(app))
        assert not list(app._notifications)
        await pilot.press("escape")
        await until(pilot, lambda: "acme-support" in text_of(app) and ", as of" not in text_of(app))
