"""Ids exist and belong, keys are unique, chains end, bindings age, tools and widgets agree."""

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
async def test_keys_come_from_names_and_are_unique_in_the_app(api: Caller, path: str, body: dict[str, Any]) -> None:
    app, other = await api.app(), await api.app()
    keys = [(await api.new(app, path, name="Ünïque  Näme!", **body))["key"] for _ in range(3)]
    assert keys == ["unique-name", "unique-name-2", "unique-name-3"]
    assert (await api.new(other, path, name="Unique Name", **body))["key"] == "unique-name"
    assert (await api.new(app, path, name="日本語", **body))["key"]
    error = await api("POST", f"/apps/{app}/{path}", {"name": "x", "key": "unique-name", **body}, expect=409)
    assert error["details"] == {"fields": [{"path": "key", "message": "is already taken"}]}


async def test_a_key_stays_when_the_name_changes_and_can_be_changed_or_made_anew(api: Caller) -> None:
    app = await api.app()
    tool = await api.new(app, "tools", name="First")
    await api.new(app, "tools", name="Taken")
    path = f"/apps/{app}/tools/{tool['id']}"
    assert (await api("PATCH", path, {"name": "Second"}))["tool"]["key"] == "first"
    assert (await api("PATCH", path, {"key": "first"}))["tool"]["key"] == "first"
    await api("PATCH", path, {"key": "taken"}, expect=409)
    assert (await api("PATCH", path, {"key": None}))["tool"]["key"] == "second"


async def test_a_slug_is_made_from_the_name_and_a_clash_is_refused(api: Caller, stranger: Caller) -> None:
    slugs = [(await api("POST", "/apps", {"templateId": "blank", "name": "My App"}))["app"]["slug"] for _ in range(2)]
    assert slugs == ["my-app", "my-app-2"]
    error = await api("POST", "/apps", {"templateId": "blank", "name": "x", "slug": "my-app"}, expect=409)
    assert error["code"] == "conflict"
    first = (await api("GET", "/apps"))["apps"][0]["id"]
    await api("PATCH", f"/apps/{first}", {"slug": "my-app-2"}, expect=409)
    await stranger("POST", "/apps", {"templateId": "blank", "name": "x", "slug": "my-app"}, expect=201)


async def test_another_users_app_is_not_there(api: Caller, stranger: Caller) -> None:
    app = await api.app()
    tool = await api.bound_tool(app)
    assert (await stranger("GET", "/apps"))["apps"] == []
    for path in ("", "/config", "/tools", "/auth", f"/tools/{tool['id']}"):
        await stranger("GET", f"/apps/{app}{path}", expect=404)
    await stranger("PATCH", f"/apps/{app}", {"name": "mine"}, expect=404)
    await stranger("PATCH", f"/apps/{app}/tools/{tool['id']}", {"name": "mine"}, expect=404)
    await stranger("POST", f"/apps/{app}/tools", {"name": "mine"}, expect=404)
    await stranger("POST", f"/apps/{app}/deploy", expect=404)
    await stranger("DELETE", f"/apps/{app}/tools/{tool['id']}", expect=404)
    assert (await api.get(app, f"tools/{tool['id']}")) == tool


async def test_ids_of_another_app_are_not_there(api: Caller) -> None:
    app, other = await api.app(), await api.app()
    foreign = await api.bound_tool(other)
    operation = foreign["binding"]["integrationOperationId"]
    widget = await api.new(other, "widgets", name="w", toolId=foreign["id"], primitive="card")
    auth = await api.new(other, "auth", providerKey="none", name="a")
    own = await api.new(app, "tools", name="Own")
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


async def test_a_chain_refuses_itself_repeats_and_cycles_and_is_replaced_whole(api: Caller) -> None:
    app = await api.app()
    a, b, c = [(await api.new(app, "tools", name=name))["id"] for name in "ABC"]

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


def test_a_cycle_is_found_however_long_and_a_diamond_is_none() -> None:
    ring = {str(number): [str((number + 1) % 500)] for number in range(500)}
    assert cycle_through("7", ring)[0] == cycle_through("7", ring)[-1] == "7"
    assert len(cycle_through("7", ring)) == 501
    assert cycle_through("a", {"a": ["b", "c"], "b": ["d"], "c": ["d"]}) == []
    assert cycle_through("a", {"a": ["b"], "b": ["c"], "c": ["b"]}) == []


async def test_a_binding_records_the_hash_and_turns_stale_when_the_schema_moves_on(api: Caller) -> None:
    app = await api.app()
    tool = await api.bound_tool(app)
    operation = tool["binding"]["integrationOperationId"]
    path = f"/apps/{app}/operations/{operation}"
    first = (await api("GET", path))["operation"]["schemaHash"]
    assert tool["binding"]["schemaHashAtBindTime"] == first

    await api("PATCH", path, {"name": "Renamed", "description": "told better"})
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
async def test_method_path_and_both_schemas_count_for_the_hash(api: Caller, change: dict[str, Any]) -> None:
    app = await api.app()
    operation = await api.operation(app)
    patched = (await api("PATCH", f"/apps/{app}/operations/{operation['id']}", change))["operation"]
    assert patched["schemaHash"] != operation["schemaHash"]


async def test_the_order_of_names_in_a_schema_does_not_count_for_the_hash(api: Caller) -> None:
    app = await api.app()
    one = await api.operation(app, inputSchema={"type": "object", "title": "T"})
    two = await api.operation(app, inputSchema={"title": "T", "type": "object"})
    assert one["schemaHash"] == two["schemaHash"]


async def test_a_tool_and_its_widget_always_name_each_other(api: Caller) -> None:
    app = await api.app()
    a, b = [(await api.new(app, "tools", name=name))["id"] for name in "AB"]
    w = (await api.new(app, "widgets", name="W", toolId=a, primitive="card"))["id"]

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
    v = (await api.new(app, "widgets", name="V", toolId=a, primitive="card"))["id"]
    assert await pairs() == {a: v, b: None}
    await api("PATCH", f"/apps/{app}/tools/{a}", {"widgetId": None})
    assert await pairs() == {a: None, b: None}
    c = (await api.new(app, "tools", name="C", widgetId=w))["id"]
    assert await pairs() == {a: None, b: None, c: w}
    await api("DELETE", f"/apps/{app}/widgets/{w}", expect=204)
    assert await pairs() == {a: None, b: None, c: None}


async def test_an_actions_target_is_named_as_it_is_called_now(api: Caller) -> None:
    app = await api.app()
    target = await api.new(app, "tools", name="Old name")
    tool = await api.new(app, "tools", name="T")
    widget = await api.new(app, "widgets", name="W", toolId=tool["id"], primitive="data-table")
    action = {"trigger": "row.select", "type": "callTool", "targetToolId": target["id"], "targetToolName": "made up"}
    path = f"/apps/{app}/widgets/{widget['id']}"
    answer = await api("PUT", f"{path}/actions", {"actions": [action, {**action, "trigger": "button.click"}]})
    assert [one["targetToolName"] for one in answer["widget"]["actions"]] == ["Old name", "Old name"]
    await api("PATCH", f"/apps/{app}/tools/{target['id']}", {"name": "New name"})
    assert (await api("GET", path))["widget"]["actions"][1]["targetToolName"] == "New name"
    assert (await api("PUT", f"{path}/actions", {"actions": []}))["widget"]["actions"] == []


async def test_deleting_what_is_referred_to_is_refused_with_every_referrer(api: Caller) -> None:
    app = await api.app()
    auth = await api.new(app, "auth", providerKey="none", name="Auth")
    integration = await api.new(app, "integrations", name="API", baseUrl=URL, authId=auth["id"])
    operations = f"integrations/{integration['id']}/operations"
    operation = await api.new(app, operations, name="Op", method="GET", path="/")
    binding = {"type": "integration_operation", "integrationOperationId": operation["id"]}
    tool = await api.new(app, "tools", name="Tool", binding=binding)
    before = await api.new(app, "tools", name="Before", nextToolIds=[tool["id"]])
    action = {"trigger": "row.select", "type": "callTool", "targetToolId": tool["id"]}
    widget = await api.new(
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


async def test_an_integration_is_ready_only_while_its_auth_connection_is_valid(api: Caller) -> None:
    app = await api.app()
    auth = await api.new(app, "auth", providerKey="bearer", name="Token")
    integration = await api.new(app, "integrations", name="API", baseUrl=URL, authId=auth["id"])
    assert integration["status"] == "needs_auth"
    await api("PATCH", f"/apps/{app}/auth/{auth['id']}", {"config": {"token": "s3cret"}})
    assert (await api.get(app, f"integrations/{integration['id']}"))["status"] == "ready"
    plain = await api.new(app, "integrations", name="Open API", baseUrl=URL)
    assert plain["status"] == "ready"
