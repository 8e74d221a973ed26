"""Deploying publishes an app as it is, or says everything that keeps it from working."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from drio_tui.api.json_codec import loads
from drio_tui.sandbox.tables import DeploymentRow
from tests.sandbox.conftest import Caller
from tests.sandbox_fixtures import InProcess


async def snapshots(box: InProcess) -> list[Any]:
    async with box.database.read() as session:
        rows = await session.scalars(select(DeploymentRow.snapshot).order_by(DeploymentRow.seq))
        return [loads(row) for row in rows]


async def test_a_deploy_publishes_raises_the_minor_version_and_keeps_a_snapshot(box: InProcess, api: Caller) -> None:
    app = await api.app()
    await api.bound_tool(app)
    first = await api("POST", f"/apps/{app}/deploy", expect=200)
    shown = (await api("GET", f"/apps/{app}"))["app"]
    assert first == {"app": shown, "endpoint": f"{box.base_url}/mcp/{shown['publicMcpId']}"}
    assert (shown["status"], shown["version"]) == ("published", "1.1.0")
    config = (await api("GET", f"/apps/{app}/config"))["config"]
    await api("PATCH", f"/apps/{app}", {"description": "changed since"})
    second = await api("POST", f"/apps/{app}/deploy")
    assert (second["app"]["version"], second["endpoint"]) == ("1.2.0", first["endpoint"])
    kept = await snapshots(box)
    assert kept[0] == config
    assert kept[1]["app"]["description"] == "changed since"


async def test_everything_that_is_broken_is_told_and_nothing_is_published(box: InProcess, api: Caller) -> None:
    app = await api.app()
    stale = await api.bound_tool(app, name="Stale")
    off = await api.bound_tool(app, name="Off", isEnabled=False)
    chained = await api.bound_tool(app, name="Chained", nextToolIds=[off["id"]])
    unbound = await api.new(app, "tools", name="Unbound")
    actions = [
        {"trigger": "row.select", "type": "callTool", "targetToolId": off["id"]},
        {"trigger": "button.click", "type": "callTool"},
        {"trigger": "button.click", "type": "openUrl", "template": "https://example.com"},
    ]
    widget = await api.new(app, "widgets", name="W", toolId=chained["id"], primitive="card", actions=actions)
    operation = stale["binding"]["integrationOperationId"]
    await api("PATCH", f"/apps/{app}/operations/{operation}", {"path": "/moved"})
    before = (await api("GET", f"/apps/{app}"))["app"]

    error = await api("POST", f"/apps/{app}/deploy", expect=409)
    assert error["code"] == "not_deployable"
    found = [(problem["code"], problem["id"], problem["field"]) for problem in error["details"]["problems"]]
    assert found == [
        ("broken_chain", chained["id"], "nextToolIds.0"),
        ("stale_binding", stale["id"], "binding.integrationOperationId"),
        ("unbound_tool", unbound["id"], "binding"),
        ("broken_action", widget["id"], "actions.0.targetToolId"),
        ("broken_action", widget["id"], "actions.1.targetToolId"),
    ]
    assert all(problem["message"] and problem["name"] for problem in error["details"]["problems"])
    assert (await api("GET", f"/apps/{app}"))["app"] == before
    assert await snapshots(box) == []

    await api("PUT", f"/apps/{app}/tools/{stale['id']}/binding", stale["binding"])
    await api("PATCH", f"/apps/{app}/tools/{off['id']}", {"isEnabled": True})
    await api("PATCH", f"/apps/{app}/tools/{unbound['id']}", {"isEnabled": False})
    await api("PUT", f"/apps/{app}/widgets/{widget['id']}/actions", {"actions": actions[:1]})
    assert (await api("POST", f"/apps/{app}/deploy"))["app"]["version"] == "1.1.0"
