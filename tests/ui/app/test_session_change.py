"""What a screen does when another account is signed in: it shows nothing of the old one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from drio_tui.ui.base.messages import SessionChanged
from drio_tui.ui.deploy.connect_screen import ConnectScreen
from drio_tui.ui.deploy.deploy_screen import DeployScreen
from drio_tui.ui.openapi_import.import_screen import ImportScreen
from drio_tui.ui.playground.playground_screen import PlaygroundScreen
from drio_tui.ui.screen import DrioScreen
from tests.ui.driving import open_first_app, running, until
from tests.ui.table_server import TableServer, drio_of, serving


class NewScreen(DrioScreen[None]):
    """A screen whose author did not think of other accounts."""


OPENED: dict[str, Callable[[Any], DrioScreen[Any]]] = {
    "new": lambda _: NewScreen(),
    "connect": lambda app_screen: ConnectScreen(app_screen.app_id),
    "deploy": lambda app_screen: DeployScreen(app_screen.app_id),
    "import": lambda app_screen: ImportScreen(app_screen.app_id, app_screen.snapshot),
    "playground": lambda app_screen: PlaygroundScreen(app_screen.app_id, "tool_1"),
}


@pytest.mark.parametrize("name", OPENED)
async def test_a_screen_over_an_app_closes_when_another_account_is_signed_in(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with serving(TableServer(drio_of())) as server, running(server.base_url, monkeypatch) as pilot:
        app: Any = pilot.app
        app_screen = await open_first_app(pilot)
        screen = OPENED[name](app_screen)
        app.push_screen(screen)
        await until(pilot, lambda: app.screen is screen and screen.is_mounted)
        app.post_message(SessionChanged(replace(app.session)))
        await until(pilot, lambda: app.session_count == 2)
        assert app.screen_stack[-2:] == [app_screen, screen]
        app.post_message(SessionChanged(replace(app.session, account="eve@example.com")))
        await until(pilot, lambda: len(app.screen_stack) == 1)
        assert app.current_mode == "apps"
