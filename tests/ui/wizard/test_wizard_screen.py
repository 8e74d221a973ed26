"""The wizard creates an app by keyboard and by mouse, with drafts, rejected requests and lost responses."""

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
from drio_tui.plan.steps import with_changes
from drio_tui.ui.app_detail.app_screen import AppScreen
from drio_tui.ui.dialogs.confirm_dialog import ConfirmDialog
from drio_tui.ui.dialogs.name_dialog import NameDialog
from drio_tui.ui.dialogs.select_dialog import SelectDialog
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


async def open_wizard(pilot: Pilot[Any], template: str = "") -> Any:
    """Open the wizard; with a template, choose it and go to the second step."""
    apps = await show(pilot, "apps")
    await until(pilot, lambda: apps.resources is not None)
    await pilot.press("n")
    await until(pilot, lambda: isinstance(pilot.app.screen, WizardScreen))
    wizard: Any = pilot.app.screen
    await until(pilot, lambda: wizard.taken is not None and wizard._page is not None and wizard._page.resources)
    if template:
        wizard._page.rows.choose(template)
        await go_to_page(pilot, wizard, "basics")
    return wizard


async def go_to_page(pilot: Pilot[Any], wizard: Any, page: str) -> None:
    """Press Next until a step is shown."""
    while wizard._page_name != page:
        current = wizard._page_name
        await pilot.press("ctrl+s")
        await until(pilot, lambda current=current: wizard._page_name != current)
    await until(pilot, lambda: wizard._page.is_mounted)
    await pilot.pause()


def fill(wizard: Any, **values: str) -> None:
    for path, value in values.items():
        wizard._page.field(path).query_one("Input").value = value


def creating(answers: dict[str, Any], response: Any = (201, {"app": MADE})) -> dict[str, Any]:
    """Return the responses of a drio that creates the app `app_2` from an empty template."""
    answers["POST /apps"] = response
    empty: dict[str, Any] = {"auth": [], "integrations": [], "operations": [], "tools": [], "widgets": []}
    answers["GET /apps/app_2/config"] = {"config": {"app": MADE, **empty}}
    answers["GET /apps/app_2/auth"] = {"auth": [], "providers": []}
    answers["GET /apps/app_2/integrations"] = {"integrations": []}
    return answers


async def test_an_app_is_created_by_keyboard_with_resources_left_out_renamed_and_added(
    sandbox_process: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(sandbox_process.base_url, monkeypatch, token=sandbox_process.token, size=SMALL) as pilot:
        wizard = await open_wizard(pilot, "support")
        await pilot.press(*"Owl", "enter", "enter")
        await until(pilot, lambda: wizard.draft.basics["slug"] == "owl")
        assert "Free" in text_of(pilot.app)
        at_once(pilot, *"acme", "ctrl+s")
        await until(pilot, lambda: wizard._page.field("companyUrl").error)  # an error stops Next
        assert wizard._page.field("companyUrl").value == "acme"  # the last keys before Next are not lost
        assert wizard._page_name == "basics"
        fill(wizard, companyUrl="https://acme.com")
        await go_to_page(pilot, wizard, "branding")
        await pilot.press("ctrl+u", *"#e0e0e0")
        await pilot.press("f6")  # the contrast is too low: takes the nearest readable colour
        await until(pilot, lambda: wizard.draft.branding.get("primaryColor", "#0f172a") != "#0f172a")
        assert wizard.draft.branding["primaryColor"] == contrast.pairs({"primaryColor": "#e0e0e0"})[1].better
        await pilot.press("f7")
        await until(pilot, lambda: wizard._page_name == "basics")
        assert wizard._page.field("companyUrl").value == "https://acme.com"  # Back loses nothing
        await go_to_page(pilot, wizard, "tools")
        await pilot.press("down", "space", "r")
        await until(pilot, lambda: isinstance(pilot.app.screen, NameDialog))
        await pilot.press("escape", "down", "r")
        pilot.app.screen.query_one("Input").value = "Find Tickets"
        await pilot.press("enter")
        await until(pilot, lambda: "Find Tickets" in text_of(pilot.app))
        await pilot.press("a", "enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, WizardResourceScreen) and pilot.app.screen.is_filled)
        await pilot.press(*"Re")
        await pilot.pause()
        pilot.app.keep_unsaved("the terminal is gone")  # also writes the form that is still open
        assert [resource.name for resource in draft_store.load().drafts[0].added] == ["Re"]
        await pilot.press("ctrl+s")
        await until(pilot, lambda: pilot.app.screen is wizard)
        await go_to_page(pilot, wizard, "review")
        text = text_of(pilot.app)
        assert "4 requests" in text
        assert "calls nothing" in text
        await pilot.press("ctrl+s")
        await until(pilot, lambda: wizard.finished)
        assert "is created" in text_of(pilot.app)
        await pilot.press("o")
        await until(pilot, lambda: isinstance(pilot.app.screen, AppScreen))
        opened: Any = pilot.app.screen
        await until(pilot, lambda: not opened.loading_app)
        app = opened.snapshot.app.raw
        assert (app["name"], app["slug"], app["companyUrl"]) == ("Owl", "owl", "https://acme.com")
        assert app["branding"]["primaryColor"] == wizard.draft.branding["primaryColor"]
        names = {resource.name for resource in opened.snapshot.resources("tool")}
        assert {"Find Tickets", "Re"} <= names
        assert not {"Show Contact", "Search Tickets"} & names
        assert draft_store.load().drafts == []  # the app is complete, so its draft is deleted


async def test_an_app_is_created_by_mouse(sandbox_process: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    async with running(sandbox_process.base_url, monkeypatch, token=sandbox_process.token, size=SMALL) as pilot:
        wizard = await open_wizard(pilot)
        # the default is a template that works offline
        assert wizard._page.chosen.id == "knowledge-base"
        assert re.search(r"Support desk +✓ works", text_of(pilot.app))
        assert not re.search(r"Bookings +✓", text_of(pilot.app))
        index = next(index for index, row in enumerate(wizard._page.rows._rows) if row.key == "support")
        await pilot.click("#templates", offset=(3, index + 1))
        for page in PAGES[1:7]:
            await click_button(pilot, "#next")
            await until(pilot, lambda page=page: wizard._page_name == page and wizard._page.is_mounted)
            if page == "basics":
                fill(wizard, name="Mouse desk")
                await until(pilot, lambda: wizard.draft.basics["slug"] == "mouse-desk")
            await pilot.pause()
        await pilot.click("StepStrip", offset=(16, 0))  # the step Basics
        await until(pilot, lambda: wizard._page_name == "basics" and wizard._page.is_mounted)
        assert wizard._page.field("name").value == "Mouse desk"
        await pilot.click("StepStrip", offset=(66, 0))
        await until(pilot, lambda: wizard._page_name == "review" and wizard._page.is_mounted)
        await pilot.pause()
        await click_button(pilot, "#next")
        await until(pilot, lambda: wizard.finished)
        await pilot.pause()
        await click_button(pilot, "#open")
        await until(pilot, lambda: isinstance(pilot.app.screen, AppScreen))


async def test_esc_keeps_a_draft_that_apps_offers_to_resume_or_delete(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with serving(TableServer(drio_of())) as server, running(server.base_url, monkeypatch) as pilot:
        wizard = await open_wizard(pilot)
        await pilot.press("escape")  # without any edit no draft is kept
        apps: Any = pilot.app.screen_stack[-1]
        await until(pilot, lambda: pilot.app.screen is not wizard)
        assert draft_store.load().drafts == []
        wizard = await open_wizard(pilot, "support")
        fill(wizard, name="Acme Support")
        await until(pilot, lambda: wizard.draft.basics["slug"] == "acme-support-2")
        fill(wizard, slug="")
        await pilot.pause()
        assert wizard.draft.basics["slug"] == ""  # an emptied slug stays empty
        fill(wizard, slug="mine")
        await until(pilot, lambda: wizard.draft.own_slug)
        fill(wizard, name="Other name")
        await pilot.pause()
        assert wizard.draft.basics["slug"] == "mine"
        await pilot.press("escape")
        apps = await show(pilot, "apps")
        await until(pilot, lambda: apps.drafts and pilot.app.screen is apps)
        assert "Other name" in text_of(pilot.app)
        assert "1 draft" in text_of(pilot.app)
        apps.table.action_first()
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, WizardScreen))
        resumed: Any = pilot.app.screen
        await until(pilot, lambda: resumed._page is not None and resumed._page.is_mounted)
        assert (resumed._page_name, resumed._page.field("slug").value) == ("basics", "mine")
        fill(resumed, slug="acme-support")
        await until(pilot, lambda: "Acme Support has this slug already." in text_of(pilot.app))
        await pilot.press("escape")
        await until(pilot, lambda: pilot.app.screen is apps and apps.drafts)
        apps.table.action_first()
        await pilot.press("D")
        await until(pilot, lambda: isinstance(pilot.app.screen, ConfirmDialog))
        await pilot.press("right", "enter")
        await until(pilot, lambda: pilot.app.screen is apps and not apps.drafts)
        assert draft_store.load().drafts == []


@pytest.mark.parametrize("path", ["name", "slug"])
async def test_a_value_typed_while_the_slugs_in_use_arrive_is_kept(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(TableServer(drio_of())) as server, running(server.base_url, monkeypatch) as pilot:
        wizard = await open_wizard(pilot, "support")
        fill(wizard, name="Owls", slug="owls-of-acme")
        await until(pilot, lambda: wizard.draft.own_slug)
        fill(wizard, **{path: "typed"})
        input = wizard._page.field(path).query_one("Input")
        input.cursor_position = 2
        wizard.post_message(wizard.Apps([]))  # handled before the change: that one comes by way of the field's parents
        await until(pilot, lambda: wizard.draft.basics[path] == "typed")
        assert (input.value, input.cursor_position) == ("typed", 2)


async def test_a_suggested_name_follows_the_template_until_it_is_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(TableServer(drio_of())) as server, running(server.base_url, monkeypatch) as pilot:
        wizard = await open_wizard(pilot, "support")

        async def choose(template: str) -> tuple[str, str]:
            await pilot.press("f7")
            await until(
                pilot, lambda: wizard._page_name == "template" and wizard._page.is_mounted and wizard._page.resources
            )
            wizard._page.rows.choose(template)
            await go_to_page(pilot, wizard, "basics")
            return wizard._page.field("name").value, wizard._page.field("slug").value

        first, second = (template["name"] for template in TEMPLATES[:2])
        assert wizard._page.field("name").value == first
        assert await choose(TEMPLATES[1]["id"]) == (second, kebab(second))
        fill(wizard, name="My own")
        assert await choose(TEMPLATES[0]["id"]) == ("My own", "my-own")


async def test_an_open_wizard_comes_to_the_front_instead_of_a_second_one(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(TableServer(drio_of())) as server, running(server.base_url, monkeypatch) as pilot:
        wizard = await open_wizard(pilot, TEMPLATES[0]["id"])
        fill(wizard, name="Nova")
        await pilot.app.switch_mode("templates")  # as the palette does, or a click on its name
        templates: Any = await show(pilot, "templates")
        await until(pilot, lambda: templates.chosen is not None)
        await pilot.press("c")
        await until(pilot, lambda: pilot.app.screen is wizard)
        assert any("A wizard is open already" in notification.message for notification in pilot.app._notifications)
        assert wizard._page.field("name").value == "Nova"


async def test_a_half_filled_connection_is_kept_without_its_secret_when_the_program_ends(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    schema = {
        "type": "object",
        "required": ["name", "apiKey"],
        "properties": {
            "name": {"type": "string", "default": "X-Api-Key"},
            "note": {"type": "string"},
            "apiKey": {"type": "string", "writeOnly": True},
        },
    }
    answers = drio_of()
    provider = {"id": "p_1", "key": "api-key", "name": "API key", "kind": "apiKey", "configSchema": schema}
    answers["GET /apps/app_1/auth"] = {"auth": [], "providers": [provider]}
    async with serving(TableServer(answers)) as server, running(server.base_url, monkeypatch, size=SMALL) as pilot:
        wizard = await open_wizard(pilot, "support")
        await until(pilot, lambda: wizard.providers)
        fill(wizard, name="Nova")
        await go_to_page(pilot, wizard, "auth")
        for keys in ((), ("note",)):
            await pilot.press("enter")
            await until(pilot, lambda: isinstance(pilot.app.screen, ConfigScreen))
            screen: Any = pilot.app.screen
            await until(pilot, lambda screen=screen: screen.query("FieldRow Input"))
            if keys:
                screen.editor.set_field("note", "half a note")
                screen.editor.model.nearest_node("apiKey")[0].set_text("s3cret-of-mine")
                pilot.app.keep_unsaved("the terminal is gone")
                (kept,) = draft_store.load().drafts[0].auth.values()
                assert (kept.full, kept.lost) == ({"note": "half a note"}, ("apiKey",))
                assert "s3cret-of-mine" not in "".join(path.read_text() for path in draft_store.folder().glob("*.json"))
            await pilot.press("ctrl+s")  # an empty required field keeps the template's value
            await until(pilot, lambda: pilot.app.screen is wizard)
            assert bool(wizard.draft.auth) is bool(keys)  # an empty form changes nothing
        assert [with_changes({}, step.changes)["config"] for step in wizard.steps if step.kind == "auth"] == [
            {"note": "half a note", "apiKey": "s3cret-of-mine"}
        ]


async def test_a_rejected_request_can_be_edited_and_sent_again(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = creating(drio_of(), (409, {"error": {"code": "conflict", "message": "taken meanwhile", "details": None}}))
    async with serving(TableServer(answers)) as server, running(server.base_url, monkeypatch) as pilot:
        wizard = await open_wizard(pilot, "blank")
        fill(wizard, name="Nova")
        await until(pilot, lambda: wizard.draft.basics["slug"] == "nova")
        await go_to_page(pilot, wizard, "create")
        await until(pilot, lambda: not wizard.running and "taken meanwhile" in text_of(pilot.app))
        wizard._page.rows.choose("app")
        await pilot.press("e")
        await until(pilot, lambda: wizard._page_name == "basics" and wizard._page.is_mounted)
        fill(wizard, slug="nova-2")
        await until(pilot, lambda: wizard.draft.basics["slug"] == "nova-2")
        server.answers["POST /apps"] = (201, {"app": MADE})
        await go_to_page(pilot, wizard, "create")
        await until(pilot, lambda: wizard.finished)
        bodies = [body for method, path, body in server.requests if (method, path) == ("POST", "/apps")]
        assert [body["slug"] for body in bodies] == ["nova", "nova-2"]


async def test_a_lost_response_and_repeated_keys_create_one_app(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class ListsAfterPost(dict[str, Any]):
        """Lists the app after the POST, although that was answered with an error."""

        def get(self, route: str, default: Any = None) -> Any:
            if route == "GET /apps" and server.asked("POST", "/apps"):
                return {"apps": [*self[route]["apps"], MADE]}
            return super().get(route, default)

    async with serving(TableServer(creating(drio_of(), 503))) as server, running(server.base_url, monkeypatch) as pilot:
        server.answers = ListsAfterPost(server.answers)
        wizard = await open_wizard(pilot, "blank")
        fill(wizard, name="Nova")
        await until(pilot, lambda: wizard.draft.basics["slug"] == "nova")
        await go_to_page(pilot, wizard, "review")
        server.gate.clear()
        await pilot.press(*["ctrl+s"] * 5)
        await pilot.press("escape", "escape")  # stop, then cancel the request
        server.gate.set()
        await until(pilot, lambda: not wizard.running)
        assert not wizard.finished
        await pilot.press("ctrl+s")
        await until(pilot, lambda: wizard.finished)
        assert wizard.draft.app == "app_2"
        assert server.asked("POST", "/apps") == 1


async def test_unknown_template_contents_are_read_after_the_app_is_created(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    templates = [{"id": template["id"], "name": template["name"]} for template in TEMPLATES]
    answers = creating(drio_of(templates=templates))
    answers["GET /templates/support"] = {"template": templates[0]}
    answers["GET /apps/app_2/config"]["config"]["tools"] = [
        {"id": "tool_9", "key": "find", "name": "Find", "nextToolIds": []}
    ]
    async with serving(TableServer(answers)) as server, running(server.base_url, monkeypatch) as pilot:
        wizard = await open_wizard(pilot, "support")
        fill(wizard, name="Nova")
        await go_to_page(pilot, wizard, "tools")
        assert "Known once the app is there" in text_of(pilot.app)
        await go_to_page(pilot, wizard, "create")
        await until(pilot, lambda: wizard.finished)
        wizard.go_to("tools")
        await until(pilot, lambda: wizard._page_name == "tools" and wizard._page.is_mounted)
        await until(pilot, lambda: "Find" in text_of(pilot.app))
        await pilot.press("space")
        server.answers["DELETE /apps/app_2/tools/tool_9"] = 204
        server.answers["GET /apps/app_2/tools/tool_9"] = {"tool": {"id": "tool_9", "key": "find", "name": "Find"}}
        await go_to_page(pilot, wizard, "create")
        await until(pilot, lambda: wizard.finished)
        assert server.asked("DELETE", "/apps/app_2/tools/tool_9") == 1
        assert server.asked("POST", "/apps") == 1


async def test_drio_tui_new_opens_the_wizard_with_its_template_and_name(monkeypatch: pytest.MonkeyPatch) -> None:
    async with (
        serving(TableServer(drio_of())) as server,
        running(server.base_url, monkeypatch, new=("support", "Nova")) as pilot,
    ):
        await until(pilot, lambda: isinstance(pilot.app.screen, WizardScreen))
        wizard: Any = pilot.app.screen
        await until(pilot, lambda: wizard._page_name == "basics" and wizard._page.is_mounted)
        assert (wizard.draft.template_id, wizard._page.field("name").value) == ("support", "Nova")


async def test_an_unknown_template_is_answered_with_the_nearest_one(monkeypatch: pytest.MonkeyPatch) -> None:
    async with (
        serving(TableServer(drio_of())) as server,
        running(server.base_url, monkeypatch, new=("suport", "")) as pilot,
    ):
        await until(pilot, lambda: any("Did you mean support" in note.message for note in pilot.app._notifications))


async def test_a_second_import_adds_only_what_is_missing_in_the_draft(
    sandbox_process: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "pets.json").write_text(json.dumps(PETS))

    async def open_import(pilot: Any, wizard: Any) -> Any:
        wizard._page.action_import_api()
        await until(pilot, lambda: isinstance(pilot.app.screen, WizardImportScreen))
        screen: Any = pilot.app.screen
        screen.query_one(".-source").value = str(tmp_path / "pets.json")
        await pilot.press("enter")
        await until(pilot, lambda: screen.document is not None and screen.picker.current_id)
        return screen

    async with running(sandbox_process.base_url, monkeypatch, token=sandbox_process.token, size=SMALL) as pilot:
        app: Any = pilot.app
        wizard = await open_wizard(pilot, "blank")
        fill(wizard, name="Pets")
        await go_to_page(pilot, wizard, "api")
        screen = await open_import(pilot, wizard)
        await pilot.press("space")
        screen.query_one(".-auth").focus()
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, SelectDialog))
        await pilot.press("down", "enter")
        await until(pilot, lambda: isinstance(app.screen, WizardResourceScreen) and app.screen.is_filled)
        await pilot.pause()
        app.screen.editors[0].set_field("apiKey", "SECRET-typed")
        await pilot.press("ctrl+s")
        await until(pilot, lambda: app.screen is screen)
        await pilot.press("ctrl+s")
        await until(pilot, lambda: app.screen is wizard)
        screen = await open_import(pilot, wizard)
        assert screen.picker.selection.existing == {"GET /pets"}
        await pilot.press("a", "ctrl+s")
        await until(pilot, lambda: app.screen is wizard)
        kinds = [resource.kind for resource in wizard.draft.added]
        assert {kind: kinds.count(kind) for kind in kinds} == {
            "auth": 1,
            "integration": 1,
            "operation": 5,
            "tool": 5,
            "widget": 3,
        }
        await go_to_page(pilot, wizard, "review")
        await pilot.press("ctrl+s")
        await until(pilot, lambda: wizard.finished)
        client = await app.connection.ready()
        (integration,) = (await client.list(INTEGRATION, app=wizard.draft.app)).items
        (connection,) = (await client.list(AUTH, app=wizard.draft.app)).items
        assert integration["authId"] == connection["id"]
        assert connection["status"] == "valid"
