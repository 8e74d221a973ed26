"""Run the real app in a test: start it with a server, press keys, and wait for conditions."""

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
    """Let the app work until `condition()` holds and it is idle; fail if it is idle and the condition does not hold."""

    def ended_or_true() -> object:
        return pilot.app._exception is not None or condition()

    await idle.until(ended_or_true, lambda: text_of(pilot.app))
    assert pilot.app._exception is None, f"the app ended: {pilot.app._exception!r}"


def at_once(pilot: Pilot[Any], *keys: str) -> None:
    """Press keys as a terminal sends them in one read: all are queued before the first is handled."""
    for key in keys:
        single = len(key) == 1
        pilot.app.post_message(events.Key(_character_to_key(key) if single else key, key if single else None))


async def click_button(pilot: Pilot[Any], selector: str, *, times: int = 1) -> None:
    """Click on a button of the screen once it no longer moves and is not highlighted by the last press.

    A button ignores presses during the 0.2 s it is highlighted, so that a double click presses it once. A dialog that
    is being filled grows, and its buttons move.
    """
    before: list[Region] = []

    def ready() -> bool:
        buttons = list(pilot.app.screen.query(selector).results(Button))
        is_still = before == [button.region for button in buttons]
        before[:] = [button.region for button in buttons]
        return is_still and any(
            button.region and not button.disabled and not button.has_class("-active") for button in buttons[:1]
        )

    await until(pilot, ready)
    assert await pilot.click(selector, times=times), f"something lies over {selector}:\n{text_of(pilot.app)}"


def text_of(app: Any) -> str:
    """Return what is on the screen as lines of text."""
    # A dialog is drawn over the screens behind it, as Textual does.
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
    """Run the app with a server, signed in with `token` (`""`: signed out); yield once it can make requests."""
    if token:
        monkeypatch.setenv("DRIO_TOKEN", token)
    app = DrioApp(LaunchOptions(base_url=base_url, **options))
    async with app.run_test(size=size) as pilot:
        await until(pilot, lambda: app.current_mode != "start")
        yield pilot


async def show(pilot: Pilot[Any], area: str) -> Any:
    """Go to an area; return its screen once it is shown."""
    app: Any = pilot.app
    if app.current_mode != area:
        await pilot.press({"templates": "1", "apps": "2", "requests": "3", "explorer": "4"}[area])
    await until(pilot, lambda: app.current_mode == area and app.screen.is_mounted)
    return app.screen


async def open_first_app(pilot: Pilot[Any]) -> Any:
    """Open the first app of the table; return its screen once everything is loaded."""
    from drio_tui.ui.app_detail.app_screen import AppScreen

    screen = await show(pilot, "apps")
    await until(pilot, lambda: screen.resources)
    await pilot.press("enter")
    await until(pilot, lambda: isinstance(pilot.app.screen, AppScreen))
    opened: Any = pilot.app.screen
    await until(pilot, lambda: opened.outline is not None and not opened.loading_app)
    await pilot.pause()
    return opened
