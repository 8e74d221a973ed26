"""A session that ends during an edit: the user signs in again over the edit, and the save continues."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import parse_qs

import httpx
import pytest
from textual.pilot import Pilot

from drio_tui.kinds import APP
from drio_tui.ui.app.drio_app import DrioApp
from drio_tui.ui.base.launch_options import LaunchOptions
from drio_tui.ui.dialogs.confirm_dialog import ConfirmDialog
from drio_tui.ui.signin.signin_screen import SignInScreen
from drio_tui.workspace.saving import unsaved_edits
from tests.auth.httpd import Raw, Reply, Request, json_reply
from tests.auth.world import AUTHORIZE, SignInServers, browse
from tests.ui.driving import running, text_of, until
from tests.ui.editing.test_saving import edit, opened, set_field
from tests.ui.editing.test_servers import ITEM, edit_integration, leaf
from tests.ui.signin.test_signin_screen import browsing, revoke
from tests.ui.table_server import TableServer, drio_of, serving
from tests.workspace.small_app import INTEGRATION


async def sign_in(pilot: Pilot[Any], base: str, email: str | None = None) -> None:
    """Sign in through the browser at the sign-in screen."""
    app: Any = pilot.app
    await until(pilot, lambda: isinstance(app.screen, SignInScreen) and app.screen.deadline)
    async with browsing(base) as browser:
        await browser.open(app.screen.url)
        await browser.sign_in(email)
        await browser.submit(0, decision="allow")
        await browser.follow()


@asynccontextmanager
async def editing_a_tool(sandbox: Any) -> AsyncIterator[tuple[Pilot[Any], Any, Any, str]]:
    """Sign in through the browser, open a tool of a new app, and change its name."""
    base = sandbox.base_url
    app = DrioApp(LaunchOptions(base_url=base))
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        await until(pilot, lambda: app.current_mode != "start")
        await pilot.press("L")
        await sign_in(pilot, base)
        await until(pilot, lambda: app.session is not None and app.current_mode == "apps")
        client = await app.connection.ready()
        created = await client.create(APP, {"templateId": "support", "name": "Signed out"})
        app.navigator.open_app(created.raw["id"])
        screen = await opened(pilot)
        form, id = await edit(pilot, screen, "tool")
        set_field(form, "name", "Typed before")
        yield pilot, screen, form, id


@asynccontextmanager
async def signed_out_while_saving(sandbox: Any) -> AsyncIterator[tuple[Pilot[Any], Any, Any, str]]:
    """The same, then revoke the session and save, which shows the sign-in screen."""
    async with editing_a_tool(sandbox) as (pilot, screen, form, id):
        await revoke(sandbox.base_url)
        await pilot.press("ctrl+s")
        await until(pilot, lambda: isinstance(pilot.app.screen, SignInScreen) and pilot.app.screen.deadline)
        yield pilot, screen, form, id


def patches(app: Any) -> list[int | None]:
    """Return the status of every PATCH that was sent."""
    return [exchange.status for exchange in app.connection.log if exchange.method == "PATCH"]


async def name_of(sandbox: Any, app: str, id: str) -> str:
    """Return the tool's name on the server, read as the local user."""
    headers = {"Authorization": f"Bearer {sandbox.token}"}
    async with httpx.AsyncClient(base_url=sandbox.base_url, headers=headers, trust_env=False) as http:
        answer = await http.get(f"/api/v1/apps/{app}/tools/{id}")
        return str(answer.json()["tool"]["name"])


async def test_a_save_continues_after_the_same_account_signs_in_again(sandbox_process: Any) -> None:
    """F02: the edit is unchanged, the focus is where it was, and one PATCH is sent."""
    async with editing_a_tool(sandbox_process) as (pilot, screen, form, id):
        app: Any = pilot.app
        original = form.base["name"]
        form.form.show_node(form.form.model.root.properties["name"])
        await until(pilot, lambda: getattr(app.focused, "value", "") == original)
        name = app.focused
        await pilot.press("home", "right", "right", "X")
        await revoke(sandbox_process.base_url)
        await pilot.press("ctrl+s")
        await until(pilot, lambda: isinstance(app.screen, SignInScreen) and app.screen.deadline)
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is form and "Nothing you typed is lost" in text_of(app))
        assert app.focused is name
        await pilot.press("Y")
        assert form.edited_resource()["name"] == f"{original[:2]}XY{original[2:]}"
        await pilot.press("ctrl+s")
        await sign_in(pilot, sandbox_process.base_url)
        await until(pilot, lambda: app.screen is screen and not screen.loading_app)
        assert await name_of(sandbox_process, screen.app_id, id) == f"{original[:2]}XY{original[2:]}"
        assert patches(pilot.app) == [200]


async def test_signing_in_as_another_account_stops_the_save_and_keeps_the_edit(sandbox_process: Any) -> None:
    async with signed_out_while_saving(sandbox_process) as (pilot, screen, form, id):
        await sign_in(pilot, sandbox_process.base_url, "eve@sandbox.local")
        await until(
            pilot, lambda: pilot.app.screen is form and "eve@sandbox.local is signed in now" in text_of(pilot.app)
        )
        assert form.edited_resource()["name"] == "Typed before"
        assert patches(pilot.app) == []
        await pilot.press("ctrl+s")
        await sign_in(pilot, sandbox_process.base_url)
        await until(pilot, lambda: pilot.app.screen is screen)
        assert await name_of(sandbox_process, screen.app_id, id) == "Typed before"


async def test_the_program_can_be_quit_while_a_save_waits_for_the_sign_in(sandbox_process: Any) -> None:
    async with signed_out_while_saving(sandbox_process) as (pilot, _, form, _):
        await pilot.press("q")
        await until(pilot, lambda: isinstance(pilot.app.screen, ConfirmDialog))
        await pilot.press("right", "enter")
        await until(pilot, lambda: not pilot.app.is_running)
    assert form.edited_resource()["name"] == "Typed before"


async def test_signing_in_again_leaves_the_edit_open_and_another_account_keeps_it_in_a_file(
    sandbox_process: Any,
) -> None:
    async with editing_a_tool(sandbox_process) as (pilot, _, form, _):
        app: Any = pilot.app
        session = app.session
        app.action_sign_in()
        await sign_in(pilot, sandbox_process.base_url)
        await until(pilot, lambda: app.screen is form)
        assert app.session is session
        assert form.edited_resource()["name"] == "Typed before"
        app.action_sign_in()
        await sign_in(pilot, sandbox_process.base_url, "eve@sandbox.local")
        await until(pilot, lambda: app.session is not None and app.session is not session)
        assert [buffer.local["name"] for buffer in unsaved_edits.load(session.profile).buffers] == ["Typed before"]
        assert unsaved_edits.load(app.session.profile).buffers == []


async def test_a_rejected_environment_token_keeps_the_edit_for_the_next_start(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answers = drio_of()
    answers[f"GET {ITEM}"] = {"integration": INTEGRATION}
    async with serving(TableServer(answers)) as server, running(server.base_url, monkeypatch) as pilot:
        editing = await edit_integration(pilot)
        leaf(editing, "name").set_value("Typed before")
        server.answers[f"GET {ITEM}"] = 401
        await pilot.press("ctrl+s")
        await until(pilot, lambda: "another token than that of DRIO_TOKEN" in text_of(pilot.app))
        await until(pilot, lambda: unsaved_edits.load().buffers)
        assert unsaved_edits.load().buffers[0].local["name"] == "Typed before"


def serve_answers(world: SignInServers, answers: dict[str, Any]) -> None:
    """Let the API of `world` answer these routes of drio, for requests with a valid token."""
    for path in {route.partition(" ")[2] for route in answers}:

        async def answer(request: Request, path: str = path) -> Reply:
            if world.bearer(request) is None:
                return world.refuse()
            return json_reply(answers.get(f"{request.method} {path}", {}))

        world.api_override[f"/api/v1{path}"] = answer


async def test_a_rejected_fresh_token_asks_once_for_sign_in_and_saves() -> None:
    """The server accepts a refreshed token for reading, but requires a new sign-in for writing."""
    answers = drio_of()
    answers |= {f"GET {ITEM}": {"integration": INTEGRATION}, f"PATCH {ITEM}": {"integration": INTEGRATION}}
    async with SignInServers() as world:
        serve_answers(world, answers)
        reading = world.api_override[f"/api/v1{ITEM}"]

        async def guarded(request: Request) -> Reply | Raw:
            signed_in_again = len(world.idp.requests_to(AUTHORIZE)) > 1
            return world.refuse() if request.method == "PATCH" and not signed_in_again else await reading(request)

        world.api_override[f"/api/v1{ITEM}"] = guarded
        app = DrioApp(LaunchOptions(base_url=world.base_url))
        async with app.run_test(size=(120, 40), notifications=True) as pilot:
            await until(pilot, lambda: app.current_mode != "start")
            await pilot.press("L")
            await until(pilot, lambda: isinstance(app.screen, SignInScreen) and app.screen.deadline)
            await browse(app.screen.url)
            await until(pilot, lambda: app.session is not None and app.current_mode == "apps")
            editing = await edit_integration(pilot)
            leaf(editing, "name").set_value("Typed before")
            await pilot.press("ctrl+s")
            await until(pilot, lambda: isinstance(app.screen, SignInScreen) and app.screen.deadline)
            await browse(app.screen.url)
            await until(pilot, lambda: not isinstance(app.screen, SignInScreen) and app.screen is not editing)
            sent = [request.json for request in world.api.requests_to(f"/api/v1{ITEM}") if request.method == "PATCH"]
            assert sent == [{"name": "Typed before"}] * 3  # rejected, rejected after a refresh, accepted


async def test_a_403_with_a_missing_scope_asks_for_a_sign_in_with_it_and_saves() -> None:
    """B54: the new sign-in asks for the scopes of the old one and the missing one."""
    answers = drio_of()
    answers |= {f"GET {ITEM}": {"integration": INTEGRATION}, f"PATCH {ITEM}": {"integration": INTEGRATION}}
    async with SignInServers() as world:
        serve_answers(world, answers)
        reading = world.api_override[f"/api/v1{ITEM}"]

        def requested_scopes() -> set[str]:
            (scope,) = parse_qs(world.idp.requests_to(AUTHORIZE)[-1].query)["scope"]
            return {*scope.split()}

        async def guarded(request: Request) -> Reply | Raw:
            if request.method == "PATCH" and "apps:write" not in requested_scopes():
                challenge = 'Bearer error="insufficient_scope", scope="apps:write"'
                return json_reply({}, 403, **{"WWW-Authenticate": challenge})
            return await reading(request)

        world.api_override[f"/api/v1{ITEM}"] = guarded
        app = DrioApp(LaunchOptions(base_url=world.base_url))
        async with app.run_test(size=(80, 24), notifications=True) as pilot:
            await until(pilot, lambda: app.current_mode != "start")
            await pilot.press("L")
            await until(pilot, lambda: isinstance(app.screen, SignInScreen) and app.screen.deadline)
            await browse(app.screen.url)
            await until(pilot, lambda: app.session is not None and app.current_mode == "apps")
            before = requested_scopes()
            editing = await edit_integration(pilot)
            leaf(editing, "name").set_value("Typed before")
            await pilot.press("ctrl+s")
            await until(pilot, lambda: isinstance(app.screen, SignInScreen) and app.screen.deadline)
            assert "apps:write" in text_of(app)
            await browse(app.screen.url)
            await until(pilot, lambda: not isinstance(app.screen, SignInScreen) and app.screen is not editing)
            assert requested_scopes() == {*before, "apps:write"}
            sent = [request.json for request in world.api.requests_to(f"/api/v1{ITEM}") if request.method == "PATCH"]
            assert sent == [{"name": "Typed before"}] * 2
