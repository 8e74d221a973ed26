"""The deploy screen: fix errors, deploy once, inspect the endpoint, leave while a deploy is running."""

from __future__ import annotations

import asyncio
import copy
from typing import Any

import pytest

from drio_tui.api.errors import SignInRequired
from drio_tui.kinds import TOOL
from drio_tui.ui.app_detail.app_screen import AppScreen
from drio_tui.ui.base.services import get_saver
from drio_tui.ui.deploy.connect_screen import ConnectScreen
from drio_tui.ui.deploy.deploy_screen import DeployScreen
from drio_tui.ui.dialogs.confirm_dialog import ConfirmDialog
from drio_tui.ui.dialogs.select_dialog import SelectDialog
from drio_tui.ui.editing.edit_screen import EditScreen
from drio_tui.workspace.deploy.deploy_record import DeployRecordStore, record_of
from drio_tui.workspace.deploy.deployer import Deployed, deploy
from drio_tui.workspace.deploy.deployment_history import deployments, restore
from tests.ui.driving import open_first_app, running, text_of, until
from tests.ui.editing.test_saving import app_of, edit_of
from tests.ui.idle import parked
from tests.ui.table_server import TableServer, drio_of, serving
from tests.workspace.lint.test_preflight import sound


async def open_deploy_screen(pilot: Any) -> Any:
    """Open the deploy screen by its key, and wait for the preflight."""
    app: Any = pilot.app
    await pilot.press("d")
    await until(pilot, lambda: isinstance(app.screen, DeployScreen) and app.screen.report is not None)
    await pilot.pause()
    return app.screen


def deploy_count(pilot: Any) -> int:
    """Return the number of deploy requests sent."""
    return sum(exchange.path.endswith("/deploy") for exchange in pilot.app.connection.log)


async def test_an_app_is_fixed_deployed_once_inspected_and_connected(
    sandbox_process: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with app_of(sandbox_process, monkeypatch, size=(80, 24)) as (pilot, opened, client):
        app: Any = pilot.app
        unbound = (await client.create(TOOL, {"name": "Loose end"}, app=opened.app_id)).raw["id"]
        screen = await open_deploy_screen(pilot)
        assert "✗ 1 error in the way" in text_of(app)
        await pilot.press("D")
        await pilot.pause()
        assert deploy_count(pilot) == 0
        await pilot.press("enter")
        editing = await edit_of(pilot)
        assert (editing.target.id, editing._pages[editing._page].id) == (unbound, "page-editor-0")  # Binding
        await client.delete(TOOL, unbound, app=opened.app_id)
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is screen and screen.report is not None and not screen.report.errors)

        await pilot.press("D", "D", "D", "D")
        await until(pilot, lambda: screen.seen is not None)
        await pilot.press("D")
        await pilot.pause()
        assert deploy_count(pilot) == 1
        assert (screen.deployed.before, screen.deployed.version) == ("1.0.0", "1.1.0")
        assert screen.seen.differences == ()
        for phase in (
            "offline",
            "online",
        ):  # as when a response is lost: the outcome stays, so that nobody deploys again
            app.connection._set_status(phase=phase)
            await pilot.pause()
        text = text_of(app)
        assert f"config {screen.deployed.revision}" in text
        assert f"A model sees {len(screen.seen.tools)} tools" in text
        assert screen.deployed.endpoint in text
        assert any(request.url == screen.deployed.endpoint for request in app.connection.log)

        tools = (await client.list(TOOL, app=opened.app_id)).items
        await client.update(TOOL, tools[0]["id"], {"description": "New"}, app=opened.app_id)
        await pilot.press("r", "tab")
        await until(pilot, lambda: screen.page == 0 and screen.changes)
        # Before D is pressed, the first page shows what would be deployed.
        assert f"~ Tool {tools[0]['name']}  description" in text_of(app)
        assert "D deploys it. Since 1.1.0: 1 changed (page Changes)." in text_of(app)
        await pilot.press("tab")
        await until(pilot, lambda: "+ New" in text_of(app))

        await pilot.press("C")
        await until(pilot, lambda: isinstance(app.screen, ConnectScreen) and app.screen.guides)
        connecting: Any = app.screen
        assert "ChatGPT keeps the list of tools" in text_of(app).replace("\n", " ")
        copied: list[str] = []
        monkeypatch.setattr(app, "copy", lambda text, what="": copied.append(text))
        await pilot.press("l", "l", "l", "y", "Y", "u")
        await pilot.pause()
        assert connecting.guides[connecting.chosen].name == "claude-code"
        slug = opened.snapshot.app.text("slug")
        endpoint = screen.endpoint
        assert copied[0] == f"claude mcp add --transport http {slug} {endpoint}"
        assert f'"url": "{endpoint}"' in copied[1]
        assert copied[2] == endpoint
        await pilot.press("escape", "escape")
        await until(pilot, lambda: isinstance(app.screen, AppScreen) and not app.screen.loading_app)
        assert app.screen.snapshot.app.text("version") == "1.1.0"


async def test_an_endpoint_that_is_no_url_cannot_be_copied(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with serving(TableServer(drio_of())) as server, running(server.base_url, monkeypatch, size=(80, 24)) as pilot:
        app: Any = pilot.app
        opened = await open_first_app(pilot)
        DeployRecordStore(app.connection.server, opened.app_id).keep(record_of("1.1.0", "string", {}))
        await pilot.press("C")
        await until(pilot, lambda: isinstance(app.screen, ConnectScreen) and app.screen.endpoint == "string")
        await pilot.pause()
        assert "cannot be used: it does not begin with https:// or http:// (string)" in " ".join(text_of(app).split())
        assert app.screen.guides == ()


class SlowDeployServer(TableServer):
    """A drio that does not answer a deploy before `answer_deploy` is set."""

    def __init__(self, answers: dict[str, Any]) -> None:
        super().__init__(answers)
        self.answer_deploy = asyncio.Event()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http" and scope["path"].endswith("/deploy"):
            self.requests.append((scope["method"], scope["path"].removeprefix("/api/v1"), None))
            await self.answer_deploy.wait()
        await super().__call__(scope, receive, send)


async def test_leaving_a_running_deploy_is_confirmed_and_a_lost_response_is_looked_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """F36."""
    config = sound()
    server = SlowDeployServer(drio_of(config))
    async with serving(server), running(server.base_url, monkeypatch) as pilot:
        app: Any = pilot.app
        await open_first_app(pilot)
        screen = await open_deploy_screen(pilot)

        server.hold("POST /mcp")
        screen.live_at = f"{server.base_url}/api/v1/mcp"
        await pilot.press("v")
        await until(pilot, lambda: server.asked("POST", "/mcp") and "Connecting…" in text_of(app))
        await pilot.press("escape")
        await until(pilot, lambda: "v connects to the endpoint" in text_of(app))
        assert "Connecting…" not in text_of(app)

        await pilot.press("D")
        await until(pilot, lambda: server.asked("POST", "/apps/app_1/deploy"))
        await pilot.press("ctrl+q")
        await until(pilot, lambda: isinstance(app.screen, ConfirmDialog))
        assert "may be cut off" in text_of(app)
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is screen)
        await pilot.press("escape")  # stops waiting: the version is unchanged, so the outcome is unknown
        await until(pilot, lambda: not screen.deploying)
        await until(pilot, lambda: "It is not known whether it went live" in text_of(app))
        assert screen.deployed is None
        await pilot.press("D")  # has no effect before another preflight
        assert server.asked("POST", "/apps/app_1/deploy") == 1
        await pilot.press("r")
        await until(pilot, lambda: screen.report is not None)
        await pilot.press("D")
        await until(pilot, lambda: server.asked("POST", "/apps/app_1/deploy") == 2)
        deployed_config = copy.deepcopy(config)
        deployed_config["app"]["version"] = "1.1.0"
        server.answers |= drio_of(deployed_config)
        server.gate.clear()
        await pilot.press("escape", "escape")  # the second one asks to leave during the lookup
        await until(pilot, lambda: isinstance(app.screen, ConfirmDialog))
        assert "goes on" in text_of(app)
        await pilot.press("escape")
        server.gate.set()
        await until(pilot, lambda: screen.deployed is not None)
        await until(pilot, lambda: "The response was lost" in text_of(app))
        assert (screen.deployed.before, screen.deployed.version) == ("1.0.0", "1.1.0")
        server.answer_deploy.set()


@pytest.mark.parametrize("status", [409, 400])  # 400 came from sandboxes of earlier versions
async def test_deploying_with_errors_requires_typing_the_apps_name(
    monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    config = sound()
    config["tools"][0]["binding"] = None
    problems = [{"code": "unbound_tool", "message": "Search: not [bold]bound\x1b[31m."}]
    refusal = {"error": {"code": "not_deployable", "message": "It cannot go live.", "details": {"problems": problems}}}
    server = TableServer(drio_of(config) | {"POST /apps/app_1/deploy": (status, refusal)})
    async with serving(server), running(server.base_url, monkeypatch, size=(80, 24)) as pilot:
        app: Any = pilot.app
        await open_first_app(pilot)
        screen = await open_deploy_screen(pilot)
        await pilot.press("F")
        await until(pilot, lambda: isinstance(app.screen, ConfirmDialog))
        await pilot.press("enter")
        assert isinstance(app.screen, ConfirmDialog)
        await pilot.press(*"acme", "minus", *"support", "enter")
        await until(pilot, lambda: "The app cannot be deployed as it is" in text_of(app))
        assert "not [bold]bound␛[31m." in text_of(app)
        assert server.asked("POST", "/apps/app_1/deploy") == 1
        assert screen.deployed is None

        async def signed_out() -> None:
            raise SignInRequired("the session has ended")

        await pilot.press("r")
        await until(pilot, lambda: not screen._attempted)
        monkeypatch.setattr(app.connection, "ready", signed_out)
        screen._deploy()  # as F does after the name was typed
        await until(pilot, lambda: not screen.deploying)
        assert "the session has ended" in text_of(app)


async def test_nothing_can_be_deployed_under_read_only(monkeypatch: pytest.MonkeyPatch) -> None:
    server = TableServer(drio_of(sound()))
    async with serving(server), running(server.base_url, monkeypatch, read_only=True) as pilot:
        app: Any = pilot.app
        await open_first_app(pilot)
        await pilot.press("d")
        await pilot.pause()
        assert isinstance(app.screen, AppScreen)
        app.push_screen(DeployScreen("app_1"))
        await until(pilot, lambda: isinstance(app.screen, DeployScreen) and app.screen.report is not None)
        await pilot.press("D", "F")
        await pilot.pause()
        assert server.asked("POST", "/apps/app_1/deploy") == 0
        assert not isinstance(app.screen, EditScreen | ConfirmDialog)


async def test_an_earlier_deployment_can_be_restored_on_the_sandbox(
    sandbox_process: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with app_of(sandbox_process, monkeypatch) as (pilot, opened, client):
        app: Any = pilot.app
        for _ in range(2):
            await client.deploy(opened.app_id)
        screen = await open_deploy_screen(pilot)
        await pilot.press("R")
        await until(pilot, lambda: isinstance(app.screen, SelectDialog))
        assert "in the place of 1.2.0" in text_of(app)
        await pilot.press("enter")
        await until(pilot, lambda: screen.report and screen.snapshot.app.text("version") == "1.3.0")
        (latest, *_) = await deployments(client, opened.app_id)
        assert (latest.version, latest.restored_from, latest.live) == ("1.3.0", "1.1.0", True)
        # Neither deploy was made by this program, so it has no record to compare with.
        screen.page = 1
        await until(pilot, lambda: "No earlier deploy from this machine is known" in text_of(app))
        monkeypatch.setattr(app.connection.client.transport, "_server", "nginx")
        assert screen.check_action("restore_earlier", ()) is False


async def test_leaving_while_an_earlier_deployment_is_published_shows_the_outcome(
    sandbox_process: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with app_of(sandbox_process, monkeypatch) as (pilot, opened, _client):
        app: Any = pilot.app
        saver = get_saver(app.connection, app.connection.client)
        for _ in range(2):
            assert isinstance(await deploy(saver, opened.app_id, DeployRecordStore("", "")), Deployed)
        await open_deploy_screen(pilot)
        transport = app.connection.client.transport
        request = transport.request

        async def lose_response(method: str, path: str, **options: Any) -> Any:
            reply = await request(method, path, **options)
            if path.endswith("/restore"):
                with parked():
                    await asyncio.Event().wait()
            return reply

        monkeypatch.setattr(transport, "request", lose_response)
        await pilot.press("R")
        await until(pilot, lambda: isinstance(app.screen, SelectDialog))
        await pilot.press("enter")
        await until(pilot, lambda: "Publishing 1.1.0 again… Esc stops" in text_of(app))
        await pilot.press("D")
        assert deploy_count(pilot) == 2
        await pilot.press("ctrl+q")
        await until(pilot, lambda: isinstance(app.screen, ConfirmDialog))
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, DeployScreen))
        await pilot.press("escape")
        await until(pilot, lambda: any("1.1.0 is live again" in note.message for note in app._notifications))
        await until(pilot, lambda: app.screen.report and app.screen.snapshot.app.text("version") == "1.3.0")
        assert "Publishing" not in text_of(app)


async def test_after_a_restore_the_draft_is_compared_with_the_live_config(
    sandbox_process: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with app_of(sandbox_process, monkeypatch) as (pilot, opened, client):
        app: Any = pilot.app
        saver = get_saver(app.connection, app.connection.client)
        records = DeployRecordStore(app.connection.server, opened.app_id)
        tool = (await client.list(TOOL, app=opened.app_id)).items[0]
        assert isinstance(await deploy(saver, opened.app_id, records), Deployed)
        await client.update(TOOL, tool["id"], {"description": "later"}, app=opened.app_id)
        assert isinstance(await deploy(saver, opened.app_id, records), Deployed)
        screen = await open_deploy_screen(pilot)
        screen.page = 1
        await until(pilot, lambda: "Nothing has changed since the last deploy." in text_of(app))
        await pilot.press("R")
        await until(pilot, lambda: isinstance(app.screen, SelectDialog))
        await pilot.press("enter")
        await until(pilot, lambda: screen.report and screen.snapshot.app.text("version") == "1.3.0")
        assert [(change.id, [field.dotted for field in change.fields]) for change in screen.changes] == [
            (tool["id"], ["description"])
        ]
        # Restored by another client: there is no record of what is live now.
        await restore(saver, opened.app_id, "1.2.0")
        await pilot.press("r")
        await until(pilot, lambda: screen.report and screen.snapshot.app.text("version") == "1.4.0")
        await client.update(TOOL, tool["id"], {"description": tool["description"]}, app=opened.app_id)
        await pilot.press("r")
        await until(pilot, lambda: screen.report and not screen.changes)
        text = " ".join(text_of(app).split())
        assert "Nothing has changed since 1.3.0, the last deploy from here. What is live as 1.4.0" in text


async def test_connect_finds_the_endpoint_of_an_app_deployed_by_another_client(
    sandbox_process: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with app_of(sandbox_process, monkeypatch) as (pilot, opened, client):
        app: Any = pilot.app
        app.navigator.open_connect(opened.app_id)
        await until(pilot, lambda: "The app is a draft" in text_of(app))
        await pilot.press("escape")
        deployed = await client.deploy(opened.app_id)
        app.navigator.open_connect(opened.app_id)
        await until(pilot, lambda: deployed.raw["endpoint"] in text_of(app))
        await pilot.press("escape")
        screen = await open_deploy_screen(pilot)
        assert screen.endpoint == deployed.raw["endpoint"]
