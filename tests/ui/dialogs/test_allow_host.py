"""Letting the sandbox call a private address from the program: asked once, remembered, taken back."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from drio_tui.tool_calls.egress import parse_origin
from drio_tui.ui.app_detail.app_screen import AppScreen
from drio_tui.ui.deploy.deploy_screen import DeployScreen
from drio_tui.ui.dialogs.confirm_dialog import ConfirmScreen
from drio_tui.workspace.lint.allowed_hosts import allowed_hosts
from tests.sandbox.mcp.conftest import Upstream, upstream
from tests.sandbox_fixtures import Process
from tests.ui.driving import running, text_of, until
from tests.ui.playground.test_playground_screen import answered, playground

__all__ = ["upstream"]


@pytest.fixture
def local(sandbox_process: Process, upstream: Upstream) -> dict[str, str]:
    """An app with one tool, whose API is on this machine."""
    with sandbox_process.client() as client:

        def make(path: str, /, **body: Any) -> str:
            (made,) = client.post(f"/api/v1/apps{path}", json=body).raise_for_status().json().values()
            return str(made["id"])

        app = make("", templateId="blank", name="Local", slug=f"local-{uuid.uuid4().hex[:8]}")
        api = make(f"/{app}/integrations", name="API", baseUrl=upstream.base_url)
        operation = make(f"/{app}/integrations/{api}/operations", name="Get", method="GET", path="/a")
        binding = {"type": "integration_operation", "integrationOperationId": operation}
        tool = make(f"/{app}/tools", name="Get", description="Gets it.", binding=binding)
    return {"app": app, "integration": api, "tool": tool}


async def agree(pilot: Any, says: str) -> None:
    await until(pilot, lambda: isinstance(pilot.app.screen, ConfirmScreen))
    assert says in text_of(pilot.app)
    await pilot.click("#yes")
    await until(pilot, lambda: not isinstance(pilot.app.screen, ConfirmScreen))


async def test_the_playground_asks_and_then_the_tool_runs(
    sandbox_process: Process, local: dict[str, str], upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = f"127.0.0.1:{upstream.port}"
    async with running(sandbox_process.base_url, monkeypatch, token=sandbox_process.token, size=(80, 24)) as pilot:
        screen = await playground(pilot, local["app"], local["tool"])
        await pilot.press("f9")
        await agree(pilot, f"Let the sandbox call {host}?")
        await answered(pilot, screen)
        assert not screen.run_shown.failed
        assert len(upstream.seen) == 1
        await pilot.press("f9")
        await until(pilot, lambda: len(upstream.seen) == 2)


async def test_a_on_the_finding_allows_and_ends_it_and_a_on_the_integration_revokes(
    sandbox_process: Process, local: dict[str, str], upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = f"127.0.0.1:{upstream.port}"
    async with running(sandbox_process.base_url, monkeypatch, token=sandbox_process.token, size=(80, 24)) as pilot:
        app: Any = pilot.app
        client = await app.backend.ready()
        app.open_app(local["app"])
        await until(pilot, lambda: isinstance(app.screen, AppScreen) and not app.screen.loading_app)
        tree: Any = app.screen
        await pilot.press("d")
        await until(pilot, lambda: isinstance(app.screen, DeployScreen) and app.screen.report is not None)
        deploying: Any = app.screen
        codes = [finding.code for finding in deploying.report.findings]
        assert "private_base_url" in codes
        await pilot.press(*["down"] * codes.index("private_base_url"))
        await pilot.pause()
        assert "or A on the integration" in " ".join(text_of(app).split())
        await pilot.press("A")
        await agree(pilot, f"Let the sandbox call {host}?")
        await until(
            pilot,
            lambda: deploying.report and "private_base_url" not in [one.code for one in deploying.report.findings],
        )
        known = await allowed_hosts(client)
        assert known is not None
        assert parse_origin(host) in known

        await pilot.press("escape")
        await until(pilot, lambda: app.screen is tree and not tree.loading_app)
        tree.tree_view.reveal(("integration", local["integration"]))
        await pilot.pause()
        await pilot.press("A")
        await agree(pilot, f"Let the sandbox call {host} no longer?")
        await pilot.app.workers.wait_for_complete()
        known = await allowed_hosts(client)
        assert known is not None
        assert parse_origin(host) not in known
        assert tree.why_not("allow_host", ()) is None
        tree.tree_view.reveal(("tool", local["tool"]))
        await pilot.pause()
        assert tree.why_not("allow_host", ()) == "Choose an integration first."
