"""The wizard: from nothing to an app, by keyboard and by mouse, with drafts, refusals and lost answers."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from drio_tui import contrast
from drio_tui.kinds import AUTH, INTEGRATION
from drio_tui.naming import kebab
from drio_tui.ui.app_detail.app_screen import AppScreen
from drio_tui.ui.dialogs.confirm_dialog import ConfirmScreen
from drio_tui.ui.dialogs.name_dialog import NameScreen
from drio_tui.ui.dialogs.select_dialog import ChooserScreen
from drio_tui.ui.wizard.import_screen import WizardImportScreen
from drio_tui.ui.wizard.resource_screens import ConfigScreen, WizardResourceScreen
from drio_tui.ui.wizard.wizard_screen import WizardScreen
from drio_tui.wizard import draft_store
from drio_tui.wizard.validation import PAGES
from tests.openapi_import.documents import PETS
from tests.ui.driving import at_once, click_button, running, show, text_of, until
from tests.ui.table_server import TEMPLATES, TableServer, drio_of, serving

MADE = {"id": "app_2", "name": "Nova", "slug": "nova", "status": "draft"}
SMALL = (80, 24)


async def begin(pilot: Pilot[Any], template: str = "") -> Any:
    """The wizard, on its first step, or on the second one with a template chosen."""
    apps = await show(pilot, "apps")
    await until(pilot, lambda: apps.resources is not None)
    await pilot.press("n")
    await until(pilot, lambda: isinstance(pilot.app.screen, WizardScreen))
    guide: Any = pilot.app.screen
    await until(pilot, lambda: guide.taken is not None and guide._page is not None and guide._page.resources)
    if template:
        guide._page.rows.choose(template)
        await forward(pilot, guide, "basics")
    return guide


async def forward(pilot: Pilot[Any], guide: Any, page: str) -> None:
    """Press next until a step is shown."""
    while guide._on != page:
        here = guide._on
        await pilot.press("ctrl+s")
        await until(pilot, lambda here=here: guide._on != here)
    await until(pilot, lambda: guide._page.is_mounted)
    await pilot.pause()


def fill(guide: Any, **values: str) -> None:
    for path, value in values.items():
        guide._page.field(path).query_one("Input").value = value


def creating(answers: dict[str, Any], made: Any = (201, {"app": MADE})) -> dict[str, Any]:
    """A drio that makes the app `app_2` from a template that brings nothing."""
    answers["POST /apps"] = made
    nothing: dict[str, Any] = {"auth": [], "integrations": [], "operations": [], "tools": [], "widgets": []}
    answers["GET /apps/app_2/config"] = {"config": {"app": MADE, **nothing}}
    answers["GET /apps/app_2/auth"] = {"auth": [], "providers": []}
    answers["GET /apps/app_2/integrations"] = {"integrations": []}
    return answers


async def test_an_app_is_made_by_keyboard_with_resources_left_out_renamed_and_added(
    sandbox_process: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(sandbox_process.base_url, monkeypatch, token=sandbox_process.token, size=SMALL) as pilot:
        guide = await begin(pilot, "support")
        await pilot.press(*"Owl", "enter", "enter")
        await until(pilot, lambda: guide.draft.basics["slug"] == "owl")
        assert "Free" in text_of(pilot.app)
        at_once(pilot, *"acme", "ctrl+s")
        await until(pilot, lambda: guide._page.field("companyUrl").error)  # it stays here until it is right
        assert guide._page.field("companyUrl").value == "acme"  # typed right before: it is there
        assert guide._on == "basics"
        fill(guide, companyUrl="https://acme.com")
        await forward(pilot, guide, "branding")
        await pilot.press("ctrl+u", *"#e0e0e0")
        await pilot.press("f6")  # which cannot be read: this takes the nearest that can
        await until(pilot, lambda: guide.draft.branding.get("primaryColor", "#0f172a") != "#0f172a")
        assert guide.draft.branding["primaryColor"] == contrast.pairs({"primaryColor": "#e0e0e0"})[1].better
        await pilot.press("f7")
        await until(pilot, lambda: guide._on == "basics")
        assert guide._page.field("companyUrl").value == "https://acme.com"  # back loses nothing
        await forward(pilot, guide, "tools")
        await pilot.press("down", "space", "r")
        await until(pilot, lambda: isinstance(pilot.app.screen, NameScreen))
        await pilot.press("escape", "down", "r")
        pilot.app.screen.query_one("Input").value = "Find Tickets"
        await pilot.press("enter")
        await until(pilot, lambda: "Find Tickets" in text_of(pilot.app))
        await pilot.press("a", "enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, WizardResourceScreen) and pilot.app.screen._filled)
        await pilot.press(*"Re")
        await pilot.pause()
        pilot.app.keep_unsaved("the terminal is gone")  # what is half done is in the file as well
        assert [one.name for one in draft_store.load().drafts[0].added] == ["Re"]
        await pilot.press("ctrl+s")
        await until(pilot, lambda: pilot.app.screen is guide)
        await forward(pilot, guide, "review")
        told = text_of(pilot.app)
        assert "4 requests" in told
        assert "calls nothing" in told
        await pilot.press("ctrl+s")
        await until(pilot, lambda: guide.finished)
        assert "is created" in text_of(pilot.app)
        await pilot.press("o")
        await until(pilot, lambda: isinstance(pilot.app.screen, AppScreen))
        opened: Any = pilot.app.screen
        await until(pilot, lambda: not opened.loading_app)
        app = opened.snapshot.app.raw
        assert (app["name"], app["slug"], app["companyUrl"]) == ("Owl", "owl", "https://acme.com")
        assert app["branding"]["primaryColor"] == guide.draft.branding["primaryColor"]
        names = {resource.name for resource in opened.snapshot.resources("tool")}
        assert {"Find Tickets", "Re"} <= names
        assert not {"Show Contact", "Search Tickets"} & names
        assert draft_store.load().drafts == []  # it is made: nothing is offered any more


async def test_an_app_is_made_by_mouse(sandbox_process: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    async with running(sandbox_process.base_url, monkeypatch, token=sandbox_process.token, size=SMALL) as pilot:
        guide = await begin(pilot)
        # who just goes on gets a template that works with no network
        assert guide._page.chosen.id == "knowledge-base"
        assert re.search(r"Support desk +✓ works", text_of(pilot.app))
        assert not re.search(r"Bookings +✓", text_of(pilot.app))
        place = next(i for i, row in enumerate(guide._page.rows._rows) if row.key == "support")
        await pilot.click("#templates", offset=(3, place + 1))
        for page in PAGES[1:7]:
            await click_button(pilot, "#next")
            await until(pilot, lambda page=page: guide._on == page and guide._page.is_mounted)
            if page == "basics":
                fill(guide, name="Mouse desk")
                await until(pilot, lambda: guide.draft.basics["slug"] == "mouse-desk")
            await pilot.pause()
        await pilot.click("StepStrip", offset=(16, 0))  # the step Basics
        await until(pilot, lambda: guide._on == "basics" and guide._page.is_mounted)
        assert guide._page.field("name").value == "Mouse desk"
        await pilot.click("StepStrip", offset=(66, 0))
        await until(pilot, lambda: guide._on == "review" and guide._page.is_mounted)
        await pilot.pause()
        await click_button(pilot, "#next")
        await until(pilot, lambda: guide.finished)
        await pilot.pause()
        await click_button(pilot, "#open")
        await until(pilot, lambda: isinstance(pilot.app.screen, AppScreen))


async def test_esc_keeps_a_draft_that_apps_offers_to_go_on_with_or_to_forget(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with serving(TableServer(drio_of())) as server, running(server.base_url, monkeypatch) as pilot:
        guide = await begin(pilot)
        await pilot.press("escape")  # nothing was done: nothing is kept
        apps: Any = pilot.app.screen_stack[-1]
        await until(pilot, lambda: pilot.app.screen is not guide)
        assert draft_store.load().drafts == []
        guide = await begin(pilot, "support")
        fill(guide, name="Acme Support")
        await until(pilot, lambda: guide.draft.basics["slug"] == "acme-support-2")
        fill(guide, slug="")
        await pilot.pause()
        assert guide.draft.basics["slug"] == ""  # and another one is typed
        fill(guide, slug="mine")
        await until(pilot, lambda: guide.draft.own_slug)
        fill(guide, name="Other name")
        await pilot.pause()
        assert guide.draft.basics["slug"] == "mine"
        await pilot.press("escape")
        apps = await show(pilot, "apps")
        await until(pilot, lambda: apps.drafts and pilot.app.screen is apps)
        assert "Other name" in text_of(pilot.app)
        assert "1 draft" in text_of(pilot.app)
        apps.table.action_first()
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, WizardScreen))
        again: Any = pilot.app.screen
        await until(pilot, lambda: again._page is not None and again._page.is_mounted)
        assert (again._on, again._page.field("slug").value) == ("basics", "mine")
        fill(again, slug="acme-support")
        await until(pilot, lambda: "Acme Support has this slug already." in text_of(pilot.app))
        await pilot.press("escape")
        await until(pilot, lambda: pilot.app.screen is apps and apps.drafts)
        apps.table.action_first()
        await pilot.press("D")
        await until(pilot, lambda: isinstance(pilot.app.screen, ConfirmScreen))
        await pilot.press("right", "enter")
        await until(pilot, lambda: pilot.app.screen is apps and not apps.drafts)
        assert draft_store.load().drafts == []


async def test_a_suggested_name_follows_the_template_until_it_is_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(TableServer(drio_of())) as server, running(server.base_url, monkeypatch) as pilot:
        guide = await begin(pilot, "support")

        async def choose(template: str) -> tuple[str, str]:
            await pilot.press("f7")
            await until(pilot, lambda: guide._on == "template" and guide._page.is_mounted and guide._page.resources)
            guide._page.rows.choose(template)
            await forward(pilot, guide, "basics")
            return guide._page.field("name").value, guide._page.field("slug").value

        first, second = (one["name"] for one in TEMPLATES[:2])
        assert guide._page.field("name").value == first
        assert await choose(TEMPLATES[1]["id"]) == (second, kebab(second))
        fill(guide, name="My own")
        assert await choose(TEMPLATES[0]["id"]) == ("My own", "my-own")


async def test_a_wizard_that_is_open_comes_to_the_front_when_another_is_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(TableServer(drio_of())) as server, running(server.base_url, monkeypatch) as pilot:
        guide = await begin(pilot, TEMPLATES[0]["id"])
        fill(guide, name="Nova")
        await pilot.app.switch_mode("templates")  # as the palette does, or a click on its name
        templates: Any = await show(pilot, "templates")
        await until(pilot, lambda: templates.chosen is not None)
        await pilot.press("c")
        await until(pilot, lambda: pilot.app.screen is guide)
        assert any("A wizard is open already" in notification.message for notification in pilot.app._notifications)
        assert guide._page.field("name").value == "Nova"


async def test_a_half_filled_connection_is_kept_without_its_secret_when_the_program_ends(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = {
        "type": "object",
        "required": ["name", "apiKey"],
        "properties": {
            "name": {"type": "string", "default": "X-Api-Key"},
            "note": {"type": "string"},
            "apiKey": {"type": "string", "writeOnly": True},
        },
    }
    answers = drio_of()
    provider = {"id": "p_1", "key": "api-key", "name": "API key", "kind": "apiKey", "configSchema": asked}
    answers["GET /apps/app_1/auth"] = {"auth": [], "providers": [provider]}
    async with serving(TableServer(answers)) as server, running(server.base_url, monkeypatch, size=SMALL) as pilot:
        guide = await begin(pilot, "support")
        await until(pilot, lambda: guide.providers)
        fill(guide, name="Nova")
        await forward(pilot, guide, "auth")
        for keys in ((), ("note",)):
            await pilot.press("enter")
            await until(pilot, lambda: isinstance(pilot.app.screen, ConfigScreen))
            screen: Any = pilot.app.screen
            await until(pilot, lambda screen=screen: screen.query("FieldRow Input"))
            if keys:
                screen.editor.put("note", "half a note")
                screen.editor.model.nearest("apiKey")[0].set_text("s3cret-of-mine")
                pilot.app.keep_unsaved("the terminal is gone")
                (kept,) = draft_store.load().drafts[0].auth.values()
                assert (kept.whole, kept.lost) == ({"note": "half a note"}, ("apiKey",))
                assert "s3cret-of-mine" not in "".join(path.read_text() for path in draft_store.folder().glob("*.json"))
            await pilot.press("ctrl+s")  # what is required and left empty stays as the template has it
            await until(pilot, lambda: pilot.app.screen is guide)
            assert bool(guide.draft.auth) is bool(keys)  # nothing filled in is nothing to send
        assert [step.body["config"] for step in guide.steps if step.kind == "auth"] == [
            {"note": "half a note", "apiKey": "s3cret-of-mine"}
        ]


async def test_what_drio_refuses_is_told_edited_and_sent_again(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = creating(drio_of(), (409, {"error": {"code": "conflict", "message": "taken meanwhile", "details": None}}))
    async with serving(TableServer(answers)) as server, running(server.base_url, monkeypatch) as pilot:
        guide = await begin(pilot, "blank")
        fill(guide, name="Nova")
        await until(pilot, lambda: guide.draft.basics["slug"] == "nova")
        await forward(pilot, guide, "create")
        await until(pilot, lambda: not guide.running and "taken meanwhile" in text_of(pilot.app))
        guide._page.rows.choose("app")
        await pilot.press("e")
        await until(pilot, lambda: guide._on == "basics" and guide._page.is_mounted)
        fill(guide, slug="nova-2")
        await until(pilot, lambda: guide.draft.basics["slug"] == "nova-2")
        server.answers["POST /apps"] = (201, {"app": MADE})
        await forward(pilot, guide, "create")
        await until(pilot, lambda: guide.finished)
        bodies = [body for method, path, body in server.requests if (method, path) == ("POST", "/apps")]
        assert [body["slug"] for body in bodies] == ["nova", "nova-2"]


async def test_a_lost_answer_is_looked_up_and_keys_pressed_many_times_make_one_app(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Late(dict[str, Any]):
        """The app is there after it was asked for, though the answer was an error."""

        def get(self, route: str, default: Any = None) -> Any:
            if route == "GET /apps" and server.asked("POST", "/apps"):
                return {"apps": [*self[route]["apps"], MADE]}
            return super().get(route, default)

    async with serving(TableServer(creating(drio_of(), 503))) as server, running(server.base_url, monkeypatch) as pilot:
        server.answers = Late(server.answers)
        guide = await begin(pilot, "blank")
        fill(guide, name="Nova")
        await until(pilot, lambda: guide.draft.basics["slug"] == "nova")
        await forward(pilot, guide, "review")
        server.gate.clear()
        await pilot.press(*["ctrl+s"] * 5)
        await pilot.press("escape", "escape")  # stop, and do not even wait for the request
        server.gate.set()
        await until(pilot, lambda: not guide.running)
        assert not guide.finished
        await pilot.press("ctrl+s")
        await until(pilot, lambda: guide.finished)
        assert guide.draft.app == "app_2"
        assert server.asked("POST", "/apps") == 1


async def test_a_drio_that_does_not_say_what_a_template_brings_is_asked_after_the_app_is_there(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    short = [{"id": one["id"], "name": one["name"]} for one in TEMPLATES]
    answers = creating(drio_of(templates=short))
    answers["GET /templates/support"] = {"template": short[0]}
    answers["GET /apps/app_2/config"]["config"]["tools"] = [
        {"id": "tool_9", "key": "find", "name": "Find", "nextToolIds": []}
    ]
    async with serving(TableServer(answers)) as server, running(server.base_url, monkeypatch) as pilot:
        guide = await begin(pilot, "support")
        fill(guide, name="Nova")
        await forward(pilot, guide, "tools")
        assert "Known once the app is there" in text_of(pilot.app)
        await forward(pilot, guide, "create")
        await until(pilot, lambda: guide.finished)
        guide.go_to("tools")
        await until(pilot, lambda: guide._on == "tools" and guide._page.is_mounted)
        await until(pilot, lambda: "Find" in text_of(pilot.app))
        await pilot.press("space")
        server.answers["DELETE /apps/app_2/tools/tool_9"] = 204
        server.answers["GET /apps/app_2/tools/tool_9"] = {"tool": {"id": "tool_9", "key": "find", "name": "Find"}}
        await forward(pilot, guide, "create")
        await until(pilot, lambda: guide.finished)
        assert server.asked("DELETE", "/apps/app_2/tools/tool_9") == 1
        assert server.asked("POST", "/apps") == 1


async def test_drio_tui_new_opens_the_wizard_on_the_template_with_the_name(monkeypatch: pytest.MonkeyPatch) -> None:
    async with (
        serving(TableServer(drio_of())) as server,
        running(server.base_url, monkeypatch, new=("support", "Nova")) as pilot,
    ):
        await until(pilot, lambda: isinstance(pilot.app.screen, WizardScreen))
        guide: Any = pilot.app.screen
        await until(pilot, lambda: guide._on == "basics" and guide._page.is_mounted)
        assert (guide.draft.template_id, guide._page.field("name").value) == ("support", "Nova")


async def test_a_template_that_there_is_not_is_answered_with_the_nearest(monkeypatch: pytest.MonkeyPatch) -> None:
    async with (
        serving(TableServer(drio_of())) as server,
        running(server.base_url, monkeypatch, new=("suport", "")) as pilot,
    ):
        await until(pilot, lambda: any("Did you mean support" in one.message for one in pilot.app._notifications))


async def test_an_import_brings_its_connection_into_the_draft_and_a_second_one_only_what_is_missing(
    sandbox_process: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "pets.json").write_text(json.dumps(PETS))

    async def imported(pilot: Any, guide: Any) -> Any:
        guide._page.action_import_api()
        await until(pilot, lambda: isinstance(pilot.app.screen, WizardImportScreen))
        screen: Any = pilot.app.screen
        screen.query_one(".-source").value = str(tmp_path / "pets.json")
        await pilot.press("enter")
        await until(pilot, lambda: screen.document is not None and screen.picker.id_here)
        return screen

    async with running(sandbox_process.base_url, monkeypatch, token=sandbox_process.token, size=SMALL) as pilot:
        app: Any = pilot.app
        guide = await begin(pilot, "blank")
        fill(guide, name="Pets")
        await forward(pilot, guide, "api")
        screen = await imported(pilot, guide)
        await pilot.press("space")
        screen.query_one(".-auth").focus()
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, ChooserScreen))
        await pilot.press("down", "enter")
        await until(pilot, lambda: isinstance(app.screen, WizardResourceScreen) and app.screen._filled)
        await pilot.pause()
        app.screen.editors[0].put("apiKey", "SECRET-typed")
        await pilot.press("ctrl+s")
        await until(pilot, lambda: app.screen is screen)
        await pilot.press("ctrl+s")
        await until(pilot, lambda: app.screen is guide)
        screen = await imported(pilot, guide)
        assert screen.picker.choosing.made == {"GET /pets"}
        await pilot.press("a", "ctrl+s")
        await until(pilot, lambda: app.screen is guide)
        kinds = [one.kind for one in guide.draft.added]
        assert {kind: kinds.count(kind) for kind in kinds} == {"auth": 1, "integration": 1, "operation": 5, "tool": 5}
        await forward(pilot, guide, "review")
        await pilot.press("ctrl+s")
        await until(pilot, lambda: guide.finished)
        client = await app.backend.ready()
        (integration,) = (await client.list(INTEGRATION, app=guide.draft.app)).items
        (connection,) = (await client.list(AUTH, app=guide.draft.app)).items
        assert integration["authId"] == connection["id"]
        assert connection["status"] == "valid"
