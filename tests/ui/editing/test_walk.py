"""Editing from an empty app to a whole one and back, by keyboard alone, by mouse, and in a real terminal."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from rich.cells import cell_len
from textual import events
from textual.pilot import Pilot

from tests.ui.driving import click_button, running, text_of, until
from tests.ui.editing.test_saving import app_of, edit_of
from tests.ui.editing.walk import Walk


class PilotHand:
    """A person at the keyboard, who looks what came of a key before the next one."""

    def __init__(self, pilot: Pilot[Any]) -> None:
        self.pilot = pilot
        self.app: Any = pilot.app

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)

    async def paste(self, text: str) -> None:
        event = events.Paste(text)
        event.set_sender(self.app)
        self.app._driver.send_message(event)
        await self.pilot.pause()

    async def until(self, wanted: str | Callable[[str], object]) -> None:
        test = wanted if callable(wanted) else lambda text: wanted in text
        await until(self.pilot, lambda: test(text_of(self.app)))


def told(one: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    """What the walk is to have made of a resource, with names in the place of ids."""
    config, binding = one.get("config") or {}, one.get("binding") or {}
    found = {
        "signs in with": names.get(one.get("authId", ""), ""),
        "call": f"{one.get('method', '')} {one.get('path', '')}".strip(),
        "in": one.get("inputSchema"),
        "calls": names.get(binding.get("integrationOperationId"), ""),
        "is": binding.get("status"),
        "then": [names[id] for id in one.get("nextToolIds") or ()],
        "shows": names.get(one.get("toolId", ""), ""),
        "mappings": config.get("fieldMappings"),
        "actions": [(act["trigger"], act["template"], names[act["targetToolId"]]) for act in one.get("actions") or ()],
    }
    return {name: value for name, value in found.items() if value}


WHOLE = {
    "Sign-in2": {},
    "CRM2": {"signs in with": "Sign-in2"},
    "CRM2 copy": {"signs in with": "Sign-in2"},
    "Jot2": {"calls": "Write note2", "is": "ready"},
    "Show": {"calls": "Get contact", "is": "ready", "then": ["Jot2"]},
    "Find": {"calls": "Search contacts", "is": "ready", "then": ["Show"]},
    "Board2": {
        "shows": "Find",
        "mappings": {"rows": "$.results", "columns.mail": "$.email"},
        "actions": [("row.select", "{{ row.id }}", "Show")],
    },
    "Sheet": {
        "shows": "Show",
        "mappings": {"title": "$.name"},
        "actions": [("card.select", "{{ result.id }}", "Jot2")],
    },
}
"""The app when everything was made, edited, deleted and brought back: by names, since the ids are others."""


async def test_an_empty_app_becomes_a_whole_one_and_everything_is_edited_copied_deleted_and_undone_by_keyboard(
    sandbox_process: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(sandbox_process.base_url, monkeypatch, token=sandbox_process.token, size=(80, 24)) as pilot:
        await Walk(PilotHand(pilot), f"Walk {uuid.uuid4().hex[:6]}").whole()
        app: Any = pilot.app
        config = await (await app.backend.ready()).config(app.screen.app_id)
        resources = [one for kind in ("auth", "integrations", "operations", "tools", "widgets") for one in config[kind]]
        names = {one["id"]: one["name"] for one in resources}
        calls = {one["path"] for one in config["operations"]}
        assert calls == {"/contacts", "/contacts/{id}", "/notes"}
        assert {one["name"]: told(one, names) for one in resources if "method" not in one} == WHOLE
        assert config["app"]["branding"]["primaryColor"] not in ("#18181b", "#e0e0e0")
        assert "a-secret-nobody-sees" not in json.dumps(config)


async def test_one_of_each_kind_is_made_and_changed_by_mouse(
    sandbox_process: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with app_of(sandbox_process, monkeypatch) as (pilot, screen, client):
        app: Any = pilot.app

        async def click_text(text: str, *, nth: int = 0, dx: int = 1, times: int = 1) -> None:
            """Click where a text stands on the screen."""
            await pilot.pause()  # what the last click led to may still be on its way to the line of keys
            await until(pilot, lambda: text_of(app).count(text) > nth)
            spots = [
                (at.start(), y)
                for y, line in enumerate(text_of(app).splitlines())
                for at in re.finditer(re.escape(text), line)
            ]
            x, y = spots[nth]
            await pilot.click(offset=(cell_len(text_of(app).splitlines()[y][:x]) + dx, y), times=times)

        async def saved() -> None:
            await click_text("^s Save")
            await until(pilot, lambda: type(app.screen).__name__ in ("AppScreen", "ReviewScreen"))
            if app.screen is not screen:
                await until(pilot, lambda: "Write to" in text_of(app))
                await click_button(pilot, "#write")
            await until(pilot, lambda: app.screen is screen and not screen.loading_app)
            await pilot.pause()

        # made: an integration, its operation, a tool bound to it, a widget that shows it
        await click_text("a Add")
        await click_text("⇄ Integration")
        await edit_of(pilot)
        hand = PilotHand(pilot)
        await hand.paste("Mouse")
        await click_text("Base URL", dx=30)
        await hand.paste("https://mouse.example.com")
        await saved()
        await click_text("a Add")
        await click_text("→ Operation")
        await edit_of(pilot)
        await hand.paste("Look")
        await click_text("Call")
        await click_text("choose… e.g. GET")
        await click_text("POST")
        await click_text("e.g. /contacts")
        await hand.paste("/mice")
        await saved()
        await click_text("a Add")
        await click_text("⚒ Tool")
        await edit_of(pilot)
        await hand.paste("Mouse tool")
        await click_text("Binding")
        await click_text("Look  POST /mice")
        await until(pilot, lambda: "Will be bound to Look" in text_of(app))
        await click_text("Chain")
        await click_text("+ Show Contact", dx=3)
        await until(pilot, lambda: "1 Show Contact" in text_of(app))
        await saved()
        await click_text("a Add")
        await click_text("▦ Widget")
        await edit_of(pilot)
        await hand.paste("Mouse widget")
        await click_text("Mappings")
        await click_text("choose…")
        await click_text("Mouse tool")
        await click_text("choose…")
        await click_text("card")
        await click_text("+ slot")
        await click_text("title")
        await hand.paste("$.name")
        await click_text("Actions")
        await click_text("+ action")
        await until(pilot, lambda: "Target tool" in text_of(app))
        await click_text("Target tool", dx=30)
        await click_text("Show Ticket")
        await saved()
        await click_text("a Add")
        await click_text("◈ Auth connection")
        await edit_of(pilot)
        await hand.paste("Mouse key")
        await click_text("Provider")
        await click_text("choose a provider")
        await click_text("Bearer token")
        await click_text("Token*", dx=30)
        await hand.paste("mouse-secret")
        await saved()
        # changed: the app's colour; then the widget goes, by its name, and comes back from the history
        await click_text("◆ Editing")
        await click_text("e Edit")
        await edit_of(pilot)
        await click_text("Branding")
        await click_text("Accent color", dx=30)
        await hand.press("ctrl+u")
        await hand.paste("#e0e0e0")
        await click_text("f6 Readable")
        await saved()
        config = await client.config(screen.app_id)
        found = {
            one["name"]: one
            for kind in ("auth", "integrations", "operations", "tools", "widgets")
            for one in config[kind]
        }
        tool = found["Mouse tool"]
        assert found["Look"]["integrationId"] == found["Mouse"]["id"]
        assert tool["binding"]["integrationOperationId"] == found["Look"]["id"]
        assert tool["nextToolIds"] == [found["Show Contact"]["id"]]
        assert found["Mouse widget"]["toolId"] == tool["id"]
        assert found["Mouse widget"]["config"]["fieldMappings"] == {"title": "$.name"}
        assert found["Mouse widget"]["actions"][0]["targetToolId"] == found["Show Ticket"]["id"]
        assert found["Mouse key"]["providerKey"] == "bearer"
        assert config["app"]["branding"]["accentColor"] != "#22c55e"
        await click_text("Mouse key")
        await click_text("D Delete")
        await until(pilot, lambda: "Type Mouse key" in text_of(app))
        await pilot.click("#typed")
        await hand.paste("Mouse key")
        await click_button(pilot, "#go")
        await until(pilot, lambda: app.screen is screen and not screen.loading_app and "Mouse key" not in text_of(app))
        await click_text("z Undo")
        await until(pilot, lambda: "Mouse key" in text_of(app))
