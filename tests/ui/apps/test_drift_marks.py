"""The list of apps marks those that differ from their documents, and says how."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.ui.apps.test_apps_screen import APPS, with_apps
from tests.ui.driving import running, show, text_of, until
from tests.ui.manifest.test_document_screen import document_screen
from tests.ui.table_server import serving


async def test_an_app_that_differs_from_its_document_is_marked(
    sandbox_process: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    async with document_screen(sandbox_process, monkeypatch, tmp_path) as hand:
        await hand.rename_and_apply("show-contact", "Card")
        hand.edit(lambda document: document["tools"]["search-contacts"].update(name="Find"))
        await hand.change_tool("show-contact", name="By hand")
        await hand.pilot.press("escape")
        await until(hand.pilot, lambda: hand.app.screen is hand.app_screen and not hand.app_screen.loading_app)
        await hand.pilot.press("escape")
        apps = await show(hand.pilot, "apps")
        await until(hand.pilot, lambda: hand.app_id in apps._marks)
        apps.table.choose(hand.app_id)
        await until(hand.pilot, lambda: "≠ Editing" in hand.text and "≠ 1 resource" in hand.text)
        assert "1 resource changed in drio, 1 resource not applied" in apps._marks[hand.app_id].text.plain

        hand.file.write_text("{")
        await hand.pilot.press("M")
        await until(hand.pilot, lambda: "It is not JSON" in hand.text)
        await hand.pilot.press("escape")
        await until(hand.pilot, lambda: hand.app.screen is apps)
        apps._marks.clear()
        await hand.pilot.press("r")
        await until(hand.pilot, lambda: "▲ Editing" in hand.text and "▲ drio.json:1:2" in hand.text)


async def test_without_a_known_document_no_app_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(with_apps(APPS)) as server, running(server.base_url, monkeypatch) as pilot:
        screen = await show(pilot, "apps")
        await until(pilot, lambda: screen.resources)
        assert "≠" not in text_of(pilot.app)
        assert not any(exchange.path.endswith("/integrations") for exchange in pilot.app.connection.log)
