"""Consistency of references, keys, chains, bindings, and of tools with their widgets."""

from __future__ import annotations

from typing import Any

import pytest

from drio_tui.sandbox.references import cycle_through
from tests.sandbox.conftest import SCHEMA, Caller

URL = "https://api.example.com"
COLLECTIONS: list[tuple[str, dict[str, Any]]] = [
    ("auth", {"providerKey": "none"}),
    ("integrations", {"baseUrl": URL}),
    ("tools", {}),
]


@pytest.mark.parametrize(("path", "body"), COLLECTIONS)
async def test_keys_are_derived_from_names_and_unique_per_app(api: Caller, path: str, body: dict[str, Any]) -> None:
    app, other = await api.create_app(), await api.create_app()
    keys = [(await api.create(app, path, name="Ünïque  Näme!", **body))["key"] for _ in range(3)]
    assert keys == ["unique-name", "unique-name-2", "unique-name-3"]
    assert (await api.create(other, path, name="Unique Name", **body))["key"] == "unique-name"
    assert (await api.create(app, path, name="日本語", **body))["key"]
    error = await api("POST", f"/apps/{app}/{path}", {"name": "x", "key": "unique-name", **body}, expect=409)
    assert error["details"] == {"fields": [{"path": "key", "message": "is already taken"}]}


async def test_key_survives_a_rename_and_can_be_changed_or_reset(api: Caller) -> None:
    app = await api.create_app()
    tool = await api.create(app, "tools", name="First")
    await api.create(app, "tools", name="Taken")
    path = f"/apps/{app}/tools/{tool['id']}"
    assert (await api("PATCH", path, {"name": "Second"}))["tool"]["key"] == "first"
    assert (await api("PATCH", path, {"key": "first"}))["tool"]["key"] == "first"
    await api("PATCH", path, {"key": "taken"}, expect=409)
    assert (await api("PATCH", path, {"key": None}))["tool"]["key"] == "second"


async def test_slug_is_derived_from_the_name_and_a_duplicate_is_refused(api: Caller, stranger: Caller) -> None:
    slugs = [(await api("POST", "/apps", {"templateId": "blank", "name": "My App"}))["app"]["slug"] for _ in range(2)]
    assert slugs == ["my-app", "my-app-2"]
    error = await api("POST", "/apps", {"templateId": "blank", "name": "x", "slug": "my-app"}, expect=409)
    assert error["code"] == "conflict"
    first = (await api("GET", "/apps"))["apps"][0]["id"]
    await api("PATCH", f"/apps/{first}", {"slug": "my-app-2"}, expect=409)
    await stranger("POST", "/apps", {"templateId": "blank", "name": "x", "slug": "my-app"}, expect=201)


async def test_app_of_another_user_is_not_found(api: Caller, stranger: Caller) -> None:
    app = await api.create_app()
    tool = await api.create_bound_tool(app)
    assert (await stranger("GET", "/apps"))["apps"] == []
    for path in ("", "/config", "/tools", "/auth", f"/tools/{tool['id']}"):
        await stranger("GET", f"/apps/{app}{path}", expect=404)
    await stranger("PATCH", f"/apps/{app}", {"name": "mine"}, expect=404)
    await stranger("PATCH", f"/apps/{app}/tools/{tool['id']}", {"name": "mine"}, expect=404)
    await stranger("POST", f"/apps/{app}/tools", {"name": "mine"}, expect=404)
    await stranger("POST", f"/apps/{app}/deploy", expect=404)
    await stranger("DELETE", f"/apps/{app}/tools/{tool['id']}", expect=404)
    assert (await api.get(app, f"tools/{tool['id']}")) == tool


async def test_ids_of_another_app_are_refused(api: Caller) -> None:
    app, other = await api.create_app(), await api.create_app()
    foreign = await api.create_bound_tool(other)
    operation = foreign["binding"]["integrationOperationId"]
    widget = await api.create(other, "widgets", name="w", toolId=foreign["id"], primitive="card")
    auth = await api.create(other, "auth", providerKey="none", name="a")
    own = await api.create(app, "tools", name="Own")
    binding = {"type": "integration_operation", "integrationOperationId": operation}
    action = {"trigger": "row.select", "type": "callTool", "targetToolId": foreign["id"]}
    refused: list[tuple[str, str, dict[str, Any], str]] = [
        ("POST", "tools", {"name": "t", "binding": binding}, "binding.integrationOperationId"),
        ("POST", "tools", {"name": "t", "nextToolIds": [own["id"], foreign["id"]]}, "nextToolIds.1"),
        ("POST", "tools", {"name": "t", "widgetId": widget["id"]}, "widgetId"),
        ("PUT", f"tools/{own['id']}/binding", binding, "integrationOperationId"),
        ("PUT", f"tools/{own['id']}/chain", {"nextToolIds": [foreign["id"]]}, "nextToolIds.0"),
        ("POST", "widgets", {"name": "w", "toolId": foreign["id"], "primitive": "card"}, "toolId"),
        (
            "POST",
            "widgets",
            {"name": "w", "toolId": own["id"], "primitive": "card", "actions": [action]},
            "actions.0.targetToolId",
        ),
        ("POST", "integrations", {"name": "i", "baseUrl": URL, "authId": auth["id"]}, "authId"),
    ]
    before = await api("GET", f"/apps/{app}/config")
    for method, path, body, field in refused:
        error = await api(method, f"/apps/{app}/{path}", body, expect=409)
        assert error["code"] == "unknown_reference"
        assert error["details"]["fields"][0]["path"] == field
    assert await api("GET", f"/apps/{app}/config") == before
    await api("GET", f"/apps/{app}/tools/{foreign['id']}", expect=404)
    await api("DELETE", f"/apps/{app}/tools/{foreign['id']}", expect=404)


async def test_chain_refuses_duplicates_and_cycles_and_is_replaced(api: Caller) -> None:
    app = await api.create_app()
    a, b, c = [(await api.create(app, "tools", name=name))["id"] for name in "ABC"]

    async def chain(tool: str, *following: str, expect: int = 200) -> Any:
        return await api("PUT", f"/apps/{app}/tools/{tool}/chain", {"nextToolIds": list(following)}, expect=expect)

    await chain(a, a, expect=400)
    await chain(a, b, b, expect=400)
    await chain(a, "tool_0000000000000000", expect=409)
    assert (await chain(a, b, c))["tool"]["nextToolIds"] == [b, c]
    await chain(b, c)
    error = await chain(c, a, expect=400)
    assert error["details"]["fields"] == [{"path": "nextToolIds.0", "message": "leads back to this tool"}]
    assert (error["details"]["cycle"][0], error["details"]["cycle"][-1]) == (c, c)
    assert (await chain(a))["tool"]["nextToolIds"] == []
    assert (await chain(c, a))["tool"]["nextToolIds"] == [a]


def test_cycle_through_finds_long_cycles_but_no_diamonds() -> None:
    ring = {str(number): [str((number + 1) % 500)] for number in range(500)}
    assert cycle_through("7", ring)[0] == cycle_through("7", ring)[-1] == "7"
    assert len(cycle_through("7", ring)) == 501
    assert cycle_through("a", {"a": ["b", "c"], "b": ["d"], "c": ["d"]}) == []
    assert cycle_through("a", {"a": ["b"], "b": ["c"], "c": ["b"]}) == []


async def test_binding_becomes_stale_when_the_schema_changes(api: Caller) -> None:
    app = await api.create_app()
    tool = await api.create_bound_tool(app)
    operation = tool["binding"]["integrationOperationId"]
    path = f"/apps/{app}/operations/{operation}"
    first = (await api("GET", path))["operation"]["schemaHash"]
    assert tool["binding"]["schemaHashAtBindTime"] == first

    await api("PATCH", path, {"name": "Renamed", "description": "improved"})
    assert (await api.get(app, f"tools/{tool['id']}"))["binding"]["status"] == "ready"

    changed = (await api("PATCH", path, {"inputSchema": {"required": ["q"]}}))["operation"]
    assert changed["schemaHash"] != first
    assert changed["inputSchema"] == {**SCHEMA, "required": ["q"]}
    stale = (await api.get(app, f"tools/{tool['id']}"))["binding"]
    assert (stale["status"], stale["schemaHashAtBindTime"]) == ("stale", first)
    assert (await api("GET", f"/apps/{app}/config"))["config"]["tools"][0]["binding"] == stale

    body = {"type": "integration_operation", "integrationOperationId": operation, "status": "stale", "note": "kept"}
    bound = (await api("PUT", f"/apps/{app}/tools/{tool['id']}/binding", body))["tool"]["binding"]
    assert bound == {**body, "status": "ready", "schemaHashAtBindTime": changed["schemaHash"]}

    await api("PATCH", path, {"inputSchema": {"required": None}})
    assert (await api("GET", path))["operation"]["schemaHash"] == first
    assert (await api.get(app, f"tools/{tool['id']}"))["binding"]["status"] == "stale"


@pytest.mark.parametrize("change", [{"method": "POST"}, {"path": "/other"}, {"outputSchema": {"type": "object"}}])
async def test_schema_hash_depends_on_method_path_and_schemas(api: Caller, change: dict[str, Any]) -> None:
    app = await api.create_app()
    operation = await api.create_operation(app)
    patched = (await api("PATCH", f"/apps/{app}/operations/{operation['id']}", change))["operation"]
    assert patched["schemaHash"] != operation["schemaHash"]


async def test_schema_hash_ignores_property_order(api: Caller) -> None:
    app = await api.create_app()
    first = await api.create_operation(app, inputSchema={"type": "object", "title": "T"})
    second = await api.create_operation(app, inputSchema={"title": "T", "type": "object"})
    assert first["schemaHash"] == second["schemaHash"]


async def test_tool_and_widget_reference_each_other(api: Caller) -> None:
    app = await api.create_app()
    a, b = [(await api.create(app, "tools", name=name))["id"] for name in "AB"]
    w = (await api.create(app, "widgets", name="W", toolId=a, primitive="card"))["id"]

    async def pairs() -> dict[str, Any]:
        config = (await api("GET", f"/apps/{app}/config"))["config"]
        tools = {tool["id"]: tool["widgetId"] for tool in config["tools"]}
        widgets = {widget["id"]: widget["toolId"] for widget in config["widgets"]}
        for tool, widget in tools.items():
            assert widget is None or widgets[widget] == tool
        for widget, tool in widgets.items():
            assert tool is None or tools[tool] == widget
        return tools

    assert await pairs() == {a: w, b: None}
    await api("PATCH", f"/apps/{app}/widgets/{w}", {"toolId": b})
    assert await pairs() == {a: None, b: w}
    await api("PATCH", f"/apps/{app}/tools/{a}", {"widgetId": w})
    assert await pairs() == {a: w, b: None}
    v = (await api.create(app, "widgets", name="V", toolId=a, primitive="card"))["id"]
    assert await pairs() == {a: v, b: None}
    await api("PATCH", f"/apps/{app}/tools/{a}", {"widgetId": None})
    assert await pairs() == {a: None, b: None}
    c = (await api.create(app, "tools", name="C", widgetId=w))["id"]
    assert await pairs() == {a: None, b: None, c: w}
    await api("DELETE", f"/apps/{app}/widgets/{w}", expect=204)
    assert await pairs() == {a: None, b: None, c: None}


async def test_action_shows_the_current_name_of_its_target(api: Caller) -> None:
    app = await api.create_app()
    target = await api.create(app, "tools", name="Old name")
    tool = await api.create(app, "tools", name="T")
    widget = await api.create(app, "widgets", name="W", toolId=tool["id"], primitive="data-table")
    action = {"trigger": "row.select", "type": "callTool", "targetToolId": target["id"], "targetToolName": "made up"}
    path = f"/apps/{app}/widgets/{widget['id']}"
    body = await api("PUT", f"{path}/actions", {"actions": [action, {**action, "trigger": "button.click"}]})
    assert [action["targetToolName"] for action in body["widget"]["actions"]] == ["Old name", "Old name"]
    await api("PATCH", f"/apps/{app}/tools/{target['id']}", {"name": "New name"})
    assert (await api("GET", path))["widget"]["actions"][1]["targetToolName"] == "New name"
    assert (await api("PUT", f"{path}/actions", {"actions": []}))["widget"]["actions"] == []


async def test_delete_of_a_referenced_resource_is_refused_with_all_referrers(api: Caller) -> None:
    app = await api.create_app()
    auth = await api.create(app, "auth", providerKey="none", name="Auth")
    integration = await api.create(app, "integrations", name="API", baseUrl=URL, authId=auth["id"])
    operations = f"integrations/{integration['id']}/operations"
    operation = await api.create(app, operations, name="Op", method="GET", path="/")
    binding = {"type": "integration_operation", "integrationOperationId": operation["id"]}
    tool = await api.create(app, "tools", name="Tool", binding=binding)
    before = await api.create(app, "tools", name="Before", nextToolIds=[tool["id"]])
    action = {"trigger": "row.select", "type": "callTool", "targetToolId": tool["id"]}
    widget = await api.create(
        app, "widgets", name="Widget", toolId=tool["id"], primitive="card", actions=[{**action, "type": "openUrl"}]
    )

    def referrer(kind: str, resource: dict[str, Any], field: str) -> dict[str, Any]:
        return {"kind": kind, "id": resource["id"], "name": resource["name"], "field": field}

    expected = {
        f"auth/{auth['id']}": [referrer("integration", integration, "authId")],
        f"integrations/{integration['id']}": [referrer("operation", operation, "integrationId")],
        f"operations/{operation['id']}": [referrer("tool", tool, "binding.integrationOperationId")],
        f"tools/{tool['id']}": [
            referrer("tool", before, "nextToolIds"),
            referrer("widget", widget, "toolId"),
            referrer("widget", widget, "actions.0.targetToolId"),
        ],
    }
    for path, referrers in expected.items():
        error = await api("DELETE", f"/apps/{app}/{path}", expect=409)
        assert error["details"] == {"referrers": referrers}
    for path in (
        f"widgets/{widget['id']}",
        f"tools/{before['id']}",
        f"tools/{tool['id']}",
        f"operations/{operation['id']}",
        f"integrations/{integration['id']}",
        f"auth/{auth['id']}",
    ):
        await api("DELETE", f"/apps/{app}/{path}", expect=204)
        await api("GET", f"/apps/{app}/{path}", expect=404)
    config = (await api("GET", f"/apps/{app}/config"))["config"]
    assert all(config[kind] == [] for kind in ("auth", "integrations", "operations", "tools", "widgets"))


async def test_integration_is_ready_only_while_its_auth_connection_is_valid(api: Caller) -> None:
    app = await api.create_app()
    auth = await api.create(app, "auth", providerKey="bearer", name="Token")
    integration = await api.create(app, "integrations", name="API", baseUrl=URL, authId=auth["id"])
    assert integration["status"] == "needs_auth"
    await api("PATCH", f"/apps/{app}/auth/{auth['id']}", {"config": {"token": "s3cret"}})
    assert (await api.get(app, f"integrations/{integration['id']}"))["status"] == "ready"
    plain = await api.create(app, "integrations", name="Open API", baseUrl=URL)
    assert plain["status"] == "ready"
