"""Creating an app: the slug, the checks, one request, and nothing typed is ever lost."""

from __future__ import annotations

import string
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from textual.pilot import Pilot

from drio_tui.ui.screens.app import AppScreen
from drio_tui.ui.screens.confirm import ConfirmScreen
from drio_tui.ui.screens.create_app import CreateAppScreen
from drio_tui.workspace.new_app import body_of, check, slug_of
from tests.ui.driving import running, show, text_of, until
from tests.ui.table_server import TableServer, drio_of, serving

MADE = {"id": "app_2", "name": "Nova", "slug": "nova", "status": "draft"}


async def form(pilot: Pilot[Any]) -> Any:
    screen = await show(pilot, "templates")
    await until(pilot, lambda: screen.things)
    await pilot.press("c")
    await until(pilot, lambda: isinstance(pilot.app.screen, CreateAppScreen))
    opened: Any = pilot.app.screen
    await until(pilot, lambda: opened._known is not None)
    return opened


def typed(screen: Any, **values: str) -> None:
    for name, value in values.items():
        path = name.replace("__", ".")
        screen.field(path).query_one("Input").value = value


async def test_an_app_is_created_in_the_sandbox_and_opened(
    sandbox_process: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(sandbox_process.base_url, monkeypatch, token=sandbox_process.token) as pilot:
        templates = await show(pilot, "templates")
        await until(pilot, lambda: templates.things)
        templates.list.choose("support")
        await pilot.press("c")
        await until(pilot, lambda: isinstance(pilot.app.screen, CreateAppScreen))
        screen: Any = pilot.app.screen
        await until(pilot, lambda: screen._known is not None)
        await pilot.press(*"Night desk")
        await until(pilot, lambda: screen.values["slug"] == "night-desk")
        typed(screen, companyUrl="https://acme.com", branding__primaryColor="#336699")
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, AppScreen))
        opened: Any = pilot.app.screen
        await until(pilot, lambda: not opened.loading_app)
        app = opened.snapshot.app.raw
        assert (app["name"], app["slug"], app["templateId"]) == ("Night desk", "night-desk", "support")
        assert app["companyUrl"] == "https://acme.com"
        assert app["branding"]["primaryColor"] == "#336699"
        assert [*opened.snapshot.things("tool")]
        await pilot.press("escape")
        apps = await show(pilot, "apps")
        await until(pilot, lambda: "Night desk" in text_of(pilot.app))
        assert apps.AREA == "apps"


async def test_the_slug_follows_the_name_until_it_is_edited_and_avoids_those_in_use(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with serving(TableServer(drio_of())) as server, running(server.base_url, monkeypatch) as pilot:
        screen = await form(pilot)
        typed(screen, name="Acme Support")
        await until(pilot, lambda: screen.values["slug"] == "acme-support-2")
        assert "Free" in text_of(pilot.app)
        typed(screen, slug="mine")
        await until(pilot, lambda: screen._own_slug)
        typed(screen, name="Other name")
        await pilot.pause()
        assert screen.values["slug"] == "mine"
        typed(screen, slug="acme-support")
        await until(pilot, lambda: "Acme Support has this slug already." in text_of(pilot.app))
        typed(screen, slug="")
        await until(pilot, lambda: screen.values["slug"] == "other-name")


async def test_all_errors_come_at_once_each_under_its_field_and_nothing_is_sent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with serving(TableServer(drio_of())) as server, running(server.base_url, monkeypatch) as pilot:
        screen = await form(pilot)
        typed(screen, slug="Bad Slug", companyUrl="acme", branding__primaryColor="red")
        await pilot.press("ctrl+s")
        await pilot.pause()
        wrong = {path for path in screen.values if screen.field(path).error}
        assert wrong == {"name", "slug", "companyUrl", "branding.primaryColor"}
        assert screen.field("name").query_one("Input").has_focus
        assert server.asked("POST", "/apps") == 0
        typed(screen, companyUrl="https://acme.com")
        await until(pilot, lambda: not screen.field("companyUrl").error)


async def test_a_field_is_checked_when_it_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(TableServer(drio_of())) as server, running(server.base_url, monkeypatch) as pilot:
        screen = await form(pilot)
        screen.field("companyUrl").focus_input()
        await pilot.press(*"nowhere")
        assert screen.field("companyUrl").error == ""
        await pilot.press("tab")
        await until(pilot, lambda: screen.field("companyUrl").error)
        assert screen.field("name").error == ""


async def test_field_errors_of_the_server_land_on_the_fields_and_the_input_stays(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """F01."""
    answers = drio_of()
    details = {
        "fields": [{"path": "name", "message": "is a trademark"}, {"path": "branding.fontFamily", "message": "x"}]
    }
    error = {"code": "invalid_request", "message": "2 fields", "details": details, "requestId": None}
    answers["POST /apps"] = (400, {"error": error})
    async with serving(TableServer(answers)) as server, running(server.base_url, monkeypatch) as pilot:
        screen = await form(pilot)
        typed(screen, name="Nova", branding__fontFamily="Comic")
        await pilot.press("ctrl+s")
        await until(pilot, lambda: screen.field("name").error == "is a trademark")
        assert screen.field("branding.fontFamily").error == "x"
        assert screen.values["name"] == "Nova"
        assert not screen.creating


async def test_a_slug_that_was_taken_meanwhile_is_told_under_the_slug(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = drio_of()
    answers["POST /apps"] = (409, {"error": {"code": "conflict", "message": "the slug is taken", "details": None}})
    async with serving(TableServer(answers)) as server, running(server.base_url, monkeypatch) as pilot:
        screen = await form(pilot)
        typed(screen, name="Nova")
        await pilot.press("ctrl+s")
        await until(pilot, lambda: screen.field("slug").error == "the slug is taken")


async def test_a_key_pressed_many_times_makes_one_app(monkeypatch: pytest.MonkeyPatch) -> None:
    """F34."""
    answers = drio_of()
    answers["POST /apps"] = (201, {"app": MADE})
    async with serving(TableServer(answers)) as server, running(server.base_url, monkeypatch) as pilot:
        screen = await form(pilot)
        typed(screen, name="Nova")
        server.gate.clear()
        await pilot.press(*["ctrl+s"] * 20)
        await pilot.click("#create")
        server.gate.set()
        await until(pilot, lambda: isinstance(pilot.app.screen, AppScreen))
        assert server.asked("POST", "/apps") == 1


async def test_when_the_answer_is_lost_the_app_is_looked_for_and_opened_if_it_is_there(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """F08 F12."""
    answers = drio_of()
    apps = answers["GET /apps"]["apps"]
    answers["POST /apps"] = 503
    async with serving(TableServer(answers)) as server, running(server.base_url, monkeypatch) as pilot:
        screen = await form(pilot)
        typed(screen, name="Nova")
        server.answers["GET /apps"] = {"apps": [*apps, MADE]}
        await pilot.press("ctrl+s")
        await until(pilot, lambda: isinstance(pilot.app.screen, AppScreen))
        assert pilot.app.screen.app_id == "app_2"
        assert server.asked("POST", "/apps") == 1


async def test_when_the_answer_is_lost_and_no_app_is_there_the_form_stays_to_try_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answers = drio_of()
    answers["POST /apps"] = 503
    async with serving(TableServer(answers)) as server, running(server.base_url, monkeypatch) as pilot:
        screen = await form(pilot)
        typed(screen, name="Nova")
        await pilot.press("ctrl+s")
        await until(pilot, lambda: "The app was not created" in text_of(pilot.app))
        assert screen.values["name"] == "Nova"
        server.answers["POST /apps"] = (201, {"app": MADE})
        await pilot.press("ctrl+s")
        await until(pilot, lambda: isinstance(pilot.app.screen, AppScreen))


async def test_esc_while_it_is_created_stops_waiting_and_looks_whether_it_happened(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """F10 F12."""
    answers = drio_of()
    apps = answers["GET /apps"]["apps"]
    async with serving(TableServer(answers)) as server, running(server.base_url, monkeypatch) as pilot:
        screen = await form(pilot)
        typed(screen, name="Nova")
        server.gate.clear()
        await pilot.press("ctrl+s")
        await until(pilot, lambda: server.asked("POST", "/apps"))
        await pilot.press("escape")
        await until(pilot, lambda: "not known" in text_of(pilot.app))
        server.answers["GET /apps"] = {"apps": [*apps, MADE]}
        server.gate.set()
        await until(pilot, lambda: isinstance(pilot.app.screen, AppScreen))
        assert pilot.app.screen.app_id == "app_2"


async def test_what_may_have_been_made_is_looked_for_before_it_is_sent_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """F08 F12: neither the answer nor the apps could be read; Ctrl+S reads them first."""
    answers = drio_of()
    apps = answers["GET /apps"]["apps"]
    answers["POST /apps"] = 500
    async with serving(TableServer(answers)) as server, running(server.base_url, monkeypatch) as pilot:
        screen = await form(pilot)
        typed(screen, name="Nova")
        server.answers["GET /apps"] = 403
        await pilot.press("ctrl+s")
        await until(pilot, lambda: "looks again before anything is sent" in text_of(pilot.app))
        server.answers["GET /apps"] = {"apps": [*apps, MADE]}
        await pilot.press("ctrl+s")
        await until(pilot, lambda: isinstance(pilot.app.screen, AppScreen))
        assert (pilot.app.screen.app_id, server.asked("POST", "/apps")) == ("app_2", 1)


async def test_leaving_with_something_typed_asks_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """F36."""
    async with serving(TableServer(drio_of())) as server, running(server.base_url, monkeypatch) as pilot:
        screen = await form(pilot)
        typed(screen, name="Nova")
        await pilot.pause()
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(pilot.app.screen, ConfirmScreen))
        assert screen.values["name"] == "Nova"


async def test_leaving_an_untouched_form_asks_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(TableServer(drio_of())) as server, running(server.base_url, monkeypatch) as pilot:
        await form(pilot)
        await pilot.press("escape")
        await until(
            pilot, lambda: pilot.app.screen.AREA == "templates" and not isinstance(pilot.app.screen, CreateAppScreen)
        )


@given(st.text(), st.sets(st.text(string.ascii_lowercase + "-", max_size=5)))
def test_a_suggested_slug_is_always_a_good_and_free_one(name: str, taken: set[str]) -> None:
    slug = slug_of(name, taken)
    if slug:
        assert check("support", {"name": "x", "slug": slug}) == {}
        assert slug not in taken


def test_only_what_was_filled_in_is_sent() -> None:
    assert body_of("support", {"name": " Nova ", "slug": "", "branding.borderRadius": "lg"}) == {
        "templateId": "support",
        "name": "Nova",
        "branding": {"borderRadius": "lg"},
    }
