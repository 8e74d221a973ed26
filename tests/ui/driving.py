"""Driving the real app in a test: opened on a server, then pressed and looked at until it is where it should be."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from textual import events
from textual._context import visible_screen_stack
from textual.geometry import Region
from textual.keys import _character_to_key
from textual.pilot import Pilot
from textual.widgets import Button

from drio_tui.ui.app.drio_app import DrioApp
from drio_tui.ui.base.launch_options import LaunchOptions
from tests.ui import idle

TOKEN = "a-token-of-the-tests-" + "x" * 20


async def until(pilot: Pilot[Any], condition: Callable[[], object]) -> None:
    """Let the app work until `condition()` holds, and then until it is idle; fails when it is idle and it does not."""

    def ended_or_true() -> object:
        return pilot.app._exception is not None or condition()

    await idle.until(ended_or_true, lambda: text_of(pilot.app))
    assert pilot.app._exception is None, f"the app ended: {pilot.app._exception!r}"


def at_once(pilot: Pilot[Any], *keys: str) -> None:
    """Press keys as a terminal sends them in one read: all are there before the first is looked at."""
    for key in keys:
        one = len(key) == 1
        pilot.app.post_message(events.Key(_character_to_key(key) if one else key, key if one else None))


async def click_button(pilot: Pilot[Any], selector: str, *, times: int = 1) -> None:
    """Click on a button of the screen as a person does: once it stays where it is, and is not lit from the last press.

    A button takes no press in the 0.2 s that it is lit for, so that a double click presses it once. A dialog that
    is being filled grows, and its buttons move.
    """
    before: list[Region] = []

    def ready() -> bool:
        found = list(pilot.app.screen.query(selector).results(Button))
        stays = before == [one.region for one in found]
        before[:] = [one.region for one in found]
        return stays and any(one.region and not one.disabled and not one.has_class("-active") for one in found[:1])

    await until(pilot, ready)
    assert await pilot.click(selector, times=times), f"something lies over {selector}:\n{text_of(pilot.app)}"


def text_of(app: Any) -> str:
    """What is on the screen, as lines of text."""
    # What is drawn is kept, so a dialog is drawn over the screens that are behind it, as textual does.
    visible_screen_stack.set(app._background_screens)
    lines = app.screen._compositor.render_strips()
    return "\n".join(strip.text.rstrip() for strip in lines)


@asynccontextmanager
async def running(
    base_url: str,
    monkeypatch: pytest.MonkeyPatch,
    *,
    token: str = TOKEN,
    size: tuple[int, int] = (120, 40),
    **options: Any,
) -> AsyncIterator[Pilot[Any]]:
    """The app on a server, signed in with `token` (`""`: signed out), once it can make requests."""
    if token:
        monkeypatch.setenv("DRIO_TOKEN", token)
    app = DrioApp(LaunchOptions(base_url=base_url, **options))
    async with app.run_test(size=size) as pilot:
        await until(pilot, lambda: app.current_mode != "start")
        yield pilot


async def show(pilot: Pilot[Any], area: str) -> Any:
    """Go to an area, and give its screen once it is shown."""
    app: Any = pilot.app
    if app.current_mode != area:
        await pilot.press({"templates": "1", "apps": "2", "requests": "3"}[area])
    await until(pilot, lambda: app.current_mode == area and app.screen.is_mounted)
    return app.screen


async def open_first_app(pilot: Pilot[Any]) -> Any:
    """Open the first app of the table, and give its screen once everything is read."""
    from drio_tui.ui.app_detail.app_screen import AppScreen

    screen = await show(pilot, "apps")
    await until(pilot, lambda: screen.resources)
    await pilot.press("enter")
    await until(pilot, lambda: isinstance(pilot.app.screen, AppScreen))
    opened: Any = pilot.app.screen
    await until(pilot, lambda: opened.outline is not None and not opened.loading_app)
    await pilot.pause()
    return opened
