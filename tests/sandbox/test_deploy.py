"""A deploy publishes an app as it is, or reports everything that prevents it."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from drio_tui.api.json_codec import loads
from drio_tui.sandbox.tables import DeploymentRow
from tests.sandbox.conftest import Caller
from tests.sandbox_fixtures import InProcessSandbox


async def snapshots(sandbox: InProcessSandbox) -> list[Any]:
    async with sandbox.database.read() as session:
        rows = await session.scalars(select(DeploymentRow.snapshot).order_by(DeploymentRow.seq))
        return [loads(row) for row in rows]


async def test_deploy_publishes_a_snapshot_as_the_next_minor_version(
    bare_sandbox: InProcessSandbox, api: Caller
) -> None:
    app = await api.create_app()
    await api.create_bound_tool(app)
    first = await api("POST", f"/apps/{app}/deploy", expect=200)
    shown = (await api("GET", f"/apps/{app}"))["app"]
    assert first == {"app": shown, "endpoint": f"{bare_sandbox.base_url}/mcp/{shown['publicMcpId']}"}
    assert (shown["status"], shown["version"]) == ("published", "1.1.0")
    config = (await api("GET", f"/apps/{app}/config"))["config"]
    await api("PATCH", f"/apps/{app}", {"description": "changed since"})
    second = await api("POST", f"/apps/{app}/deploy")
    assert (second["app"]["version"], second["endpoint"]) == ("1.2.0", first["endpoint"])
    stored = await snapshots(bare_sandbox)
    assert stored[0] == config
    assert stored[1]["app"]["description"] == "changed since"


async def test_all_deploy_problems_are_reported_and_nothing_is_published(
    bare_sandbox: InProcessSandbox, api: Caller
) -> None:
    app = await api.create_app()
    stale = await api.create_bound_tool(app, name="Stale")
    disabled = await api.create_bound_tool(app, name="Off", isEnabled=False)
    chained = await api.create_bound_tool(app, name="Chained", nextToolIds=[disabled["id"]])
    unbound = await api.create(app, "tools", name="Unbound")
    actions = [
        {"trigger": "row.select", "type": "callTool", "targetToolId": disabled["id"]},
        {"trigger": "button.click", "type": "callTool"},
        {"trigger": "button.click", "type": "openUrl", "template": "https://example.com"},
    ]
    widget = await api.create(app, "widgets", name="W", toolId=chained["id"], primitive="card", actions=actions)
    operation = stale["binding"]["integrationOperationId"]
    await api("PATCH", f"/apps/{app}/operations/{operation}", {"path": "/moved"})
    before = (await api("GET", f"/apps/{app}"))["app"]

    error = await api("POST", f"/apps/{app}/deploy", expect=409)
    assert error["code"] == "not_deployable"
    problems = [(problem["code"], problem["id"], problem["field"]) for problem in error["details"]["problems"]]
    assert problems == [
        ("broken_chain", chained["id"], "nextToolIds.0"),
        ("stale_binding", stale["id"], "binding.integrationOperationId"),
        ("unbound_tool", unbound["id"], "binding"),
        ("broken_action", widget["id"], "actions.0.targetToolId"),
        ("broken_action", widget["id"], "actions.1.targetToolId"),
    ]
    assert all(problem["message"] and problem["name"] for problem in error["details"]["problems"])
    assert (await api("GET", f"/apps/{app}"))["app"] == before
    assert await snapshots(bare_sandbox) == []

    await api("PUT", f"/apps/{app}/tools/{stale['id']}/binding", stale["binding"])
    await api("PATCH", f"/apps/{app}/tools/{disabled['id']}", {"isEnabled": True})
    await api("PATCH", f"/apps/{app}/tools/{unbound['id']}", {"isEnabled": False})
    await api("PUT", f"/apps/{app}/widgets/{widget['id']}/actions", {"actions": actions[:1]})
    assert (await api("POST", f"/apps/{app}/deploy"))["app"]["version"] == "1.1.0"
