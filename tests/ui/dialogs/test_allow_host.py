"""Allow the sandbox to call a private address: confirmed once, remembered, revoked."""

from __future__ import annotations

import asyncio
import uuid
from typing import Any

import pytest

from drio_tui.tool_calls.egress import parse_origin
from drio_tui.ui.app_detail.app_screen import AppScreen
from drio_tui.ui.deploy.deploy_screen import DeployScreen
from drio_tui.ui.dialogs import allow_host
from drio_tui.ui.dialogs.confirm_dialog import ConfirmDialog
from drio_tui.workspace.lint.allowed_hosts import allowed_hosts
from tests.sandbox.mcp.conftest import Upstream, upstream
from tests.sandbox_fixtures import SandboxProcess
from tests.ui.driving import running, text_of, until
from tests.ui.idle import parked
from tests.ui.playground.test_playground_screen import answered, playground

__all__ = ["upstream"]


@pytest.fixture
def local(sandbox_process: SandboxProcess, upstream: Upstream) -> dict[str, str]:
    """Create an app with one tool whose API is on this machine; return their ids."""
    with sandbox_process.client() as client:

        def create(path: str, /, **body: Any) -> str:
            (resource,) = client.post(f"/api/v1/apps{path}", json=body).raise_for_status().json().values()
            return str(resource["id"])

        app = create("", templateId="blank", name="Local", slug=f"local-{uuid.uuid4().hex[:8]}")
        api = create(f"/{app}/integrations", name="API", baseUrl=upstream.base_url)
        operation = create(f"/{app}/integrations/{api}/operations", name="Get", method="GET", path="/a")
        binding = {"type": "integration_operation", "integrationOperationId": operation}
        tool = create(f"/{app}/tools", name="Get", description="Gets it.", binding=binding)
    return {"app": app, "integration": api, "tool": tool}


async def confirm(pilot: Any, question: str) -> None:
    await until(pilot, lambda: isinstance(pilot.app.screen, ConfirmDialog))
    assert question in text_of(pilot.app)
    await pilot.click("#yes")
    await until(pilot, lambda: not isinstance(pilot.app.screen, ConfirmDialog))


async def test_the_playground_runs_the_tool_after_the_host_is_allowed(
    sandbox_process: SandboxProcess, local: dict[str, str], upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = f"127.0.0.1:{upstream.port}"
    async with running(sandbox_process.base_url, monkeypatch, token=sandbox_process.token, size=(80, 24)) as pilot:
        screen = await playground(pilot, local["app"], local["tool"])
        await pilot.press("f9")
        await confirm(pilot, f"Let the sandbox call {host}?")
        await answered(pilot, screen)
        assert not screen.run_shown.failed
        assert len(upstream.requests) == 1
        await pilot.press("f9")
        await until(pilot, lambda: len(upstream.requests) == 2)


async def test_a_allows_the_host_on_a_diagnostic_and_revokes_it_on_the_integration(
    sandbox_process: SandboxProcess, local: dict[str, str], upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = f"127.0.0.1:{upstream.port}"
    async with running(sandbox_process.base_url, monkeypatch, token=sandbox_process.token, size=(80, 24)) as pilot:
        app: Any = pilot.app
        client = await app.connection.ready()
        app.navigator.open_app(local["app"])
        await until(pilot, lambda: isinstance(app.screen, AppScreen) and not app.screen.loading_app)
        app_screen: Any = app.screen
        await pilot.press("d")
        await until(pilot, lambda: isinstance(app.screen, DeployScreen) and app.screen.report is not None)
        deploy_screen: Any = app.screen
        codes = [finding.code for finding in deploy_screen.report.diagnostics]
        assert "private_base_url" in codes
        await pilot.press(*["down"] * codes.index("private_base_url"))
        await pilot.pause()
        assert "or A on the integration" in " ".join(text_of(app).split())
        await pilot.press("A")
        await confirm(pilot, f"Let the sandbox call {host}?")
        await until(
            pilot,
            lambda: (
                deploy_screen.report
                and "private_base_url" not in [finding.code for finding in deploy_screen.report.diagnostics]
            ),
        )
        allowed = await allowed_hosts(client)
        assert allowed is not None
        assert parse_origin(host) in allowed

        await pilot.press("escape")
        await until(pilot, lambda: app.screen is app_screen and not app_screen.loading_app)
        app_screen.tree_view.reveal(("integration", local["integration"]))
        await pilot.pause()
        await pilot.press("A")
        await confirm(pilot, f"Stop the sandbox from calling {host}?")
        await pilot.app.workers.wait_for_complete()
        allowed = await allowed_hosts(client)
        assert allowed is not None
        assert parse_origin(host) not in allowed
        assert app_screen.disabled_reason("allow_host", ()) is None

        async def never_ends(*_arguments: Any) -> None:
            with parked():
                await asyncio.Event().wait()

        monkeypatch.setattr(allow_host, "allow", never_ends)
        await pilot.press("A")
        await confirm(pilot, f"Let the sandbox call {host}?")
        await pilot.press("escape")
        await until(pilot, lambda: any("You stopped waiting." in note.message for note in app._notifications))
        app_screen.tree_view.reveal(("tool", local["tool"]))
        await pilot.pause()
        assert app_screen.disabled_reason("allow_host", ()) == "Choose an integration first."
