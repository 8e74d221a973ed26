"""Editing a whole app, by keyboard alone and by mouse. `scripts/walk_editing.py` does it in a real terminal."""

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


class PilotDriver:
    """Drives the program with a `Pilot`."""

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

    async def until(self, condition: str | Callable[[str], object]) -> None:
        test = condition if callable(condition) else lambda text: condition in text
        await until(self.pilot, lambda: test(text_of(self.app)))


def summary(resource: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    """Return the properties of a resource that the walk sets, with names instead of ids."""
    config, binding = resource.get("config") or {}, resource.get("binding") or {}
    result = {
        "signs in with": names.get(resource.get("authId", ""), ""),
        "call": f"{resource.get('method', '')} {resource.get('path', '')}".strip(),
        "in": resource.get("inputSchema"),
        "calls": names.get(binding.get("integrationOperationId"), ""),
        "is": binding.get("status"),
        "then": [names[id] for id in resource.get("nextToolIds") or ()],
        "shows": names.get(resource.get("toolId", ""), ""),
        "mappings": config.get("fieldMappings"),
        "actions": [
            (action["trigger"], action["template"], names[action["targetToolId"]])
            for action in resource.get("actions") or ()
        ],
    }
    return {name: value for name, value in result.items() if value}


EXPECTED = {
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
"""The app after everything was created, edited, deleted and restored: by name, since the ids differ."""


async def test_every_kind_is_created_edited_copied_deleted_and_restored_by_keyboard(
    sandbox_process: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(sandbox_process.base_url, monkeypatch, token=sandbox_process.token, size=(80, 24)) as pilot:
        await Walk(PilotDriver(pilot), f"Walk {uuid.uuid4().hex[:6]}").run()
        app: Any = pilot.app
        config = await (await app.connection.ready()).config(app.screen.app_id)
        kinds = ("auth", "integrations", "operations", "tools", "widgets")
        resources = [resource for kind in kinds for resource in config[kind]]
        names = {resource["id"]: resource["name"] for resource in resources}
        calls = {resource["path"] for resource in config["operations"]}
        assert calls == {"/contacts", "/contacts/{id}", "/notes"}
        summaries = {resource["name"]: summary(resource, names) for resource in resources if "method" not in resource}
        assert summaries == EXPECTED
        assert config["app"]["branding"]["primaryColor"] not in ("#18181b", "#e0e0e0")
        assert "a-secret-nobody-sees" not in json.dumps(config)


async def test_every_kind_is_created_and_changed_by_mouse(
    sandbox_process: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with app_of(sandbox_process, monkeypatch) as (pilot, screen, client):
        app: Any = pilot.app

        async def click_text(text: str, *, nth: int = 0, dx: int = 1, times: int = 1) -> None:
            """Click on a text on the screen."""
            await pilot.pause()  # the footer may not show the result of the last click yet
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
            await until(pilot, lambda: type(app.screen).__name__ in ("AppScreen", "ReviewDialog"))
            if app.screen is not screen:
                await until(pilot, lambda: "Write to" in text_of(app))
                await click_button(pilot, "#write")
            await until(pilot, lambda: app.screen is screen and not screen.loading_app)
            await pilot.pause()

        # Create an integration, its operation, a tool bound to it, and a widget that shows it.
        await click_text("a Add")
        await click_text("⇄ Integration")
        await edit_of(pilot)
        driver = PilotDriver(pilot)
        await driver.paste("Mouse")
        await click_text("Base URL", dx=30)
        await driver.paste("https://mouse.example.com")
        await saved()
        await click_text("a Add")
        await click_text("→ Operation")
        await edit_of(pilot)
        await driver.paste("Look")
        await click_text("Call")
        await click_text("choose… e.g. GET")
        await click_text("POST")
        await click_text("e.g. /contacts")
        await driver.paste("/mice")
        await saved()
        await click_text("a Add")
        await click_text("⚒ Tool")
        await edit_of(pilot)
        await driver.paste("Mouse tool")
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
        await driver.paste("Mouse widget")
        await click_text("Mappings")
        await click_text("choose…")
        await click_text("Mouse tool")
        await click_text("choose…")
        await click_text("card")
        await click_text("+ slot")
        await click_text("title")
        await driver.paste("$.name")
        await click_text("Actions")
        await click_text("+ action")
        await until(pilot, lambda: "Target tool" in text_of(app))
        await click_text("Target tool", dx=30)
        await click_text("Show Ticket")
        await saved()
        await click_text("a Add")
        await click_text("◈ Auth connection")
        await edit_of(pilot)
        await driver.paste("Mouse key")
        await click_text("Provider")
        await click_text("choose a provider")
        await click_text("Bearer token")
        await click_text("Token*", dx=30)
        await driver.paste("mouse-secret")
        await saved()
        # Change the app's colour; then delete the connection by its name, and undo that.
        await click_text("◆ Editing")
        await click_text("e Edit")
        await edit_of(pilot)
        await click_text("Branding")
        await click_text("Accent color", dx=30)
        await driver.press("ctrl+u")
        await driver.paste("#e0e0e0")
        await click_text("f6 Readable")
        await saved()
        config = await client.config(screen.app_id)
        created = {
            resource["name"]: resource
            for kind in ("auth", "integrations", "operations", "tools", "widgets")
            for resource in config[kind]
        }
        tool = created["Mouse tool"]
        assert created["Look"]["integrationId"] == created["Mouse"]["id"]
        assert tool["binding"]["integrationOperationId"] == created["Look"]["id"]
        assert tool["nextToolIds"] == [created["Show Contact"]["id"]]
        assert created["Mouse widget"]["toolId"] == tool["id"]
        assert created["Mouse widget"]["config"]["fieldMappings"] == {"title": "$.name"}
        assert created["Mouse widget"]["actions"][0]["targetToolId"] == created["Show Ticket"]["id"]
        assert created["Mouse key"]["providerKey"] == "bearer"
        assert config["app"]["branding"]["accentColor"] != "#22c55e"
        await click_text("Mouse key")
        await click_text("D Delete")
        await until(pilot, lambda: "Type Mouse key" in text_of(app))
        await pilot.click("#typed")
        await driver.paste("Mouse key")
        await click_button(pilot, "#go")
        await until(pilot, lambda: app.screen is screen and not screen.loading_app and "Mouse key" not in text_of(app))
        await click_text("z Undo")
        await until(pilot, lambda: "Mouse key" in text_of(app))
