"""The routes return what drio documents."""

from __future__ import annotations

from typing import Any

from drio_tui.api import models
from tests.sandbox.conftest import Caller
from tests.sandbox_fixtures import InProcessSandbox

# The documented bodies, verbatim from drio's documentation.
APP_CREATE: dict[str, Any] = {
    "templateId": "support",
    "name": "Acme Support",
    "slug": "acme-support",
    "companyUrl": "https://acme.com",
    "branding": {
        "primaryColor": "#0f172a",
        "accentColor": "#22c55e",
        "backgroundColor": "#ffffff",
        "fontFamily": "Geist",
        "borderRadius": "lg",
    },
}
APP_PROPERTIES = [
    "id", "publicMcpId", "slug", "name", "description", "version", "status", "isEnabled", "templateId", "companyUrl",
    "serverInstructions", "branding",
]  # fmt: skip
AUTH_CONFIG = {
    "type": "oauth",
    "authorizationEndpoint": "https://accounts.example.com/oauth/authorize",
    "tokenEndpoint": "https://accounts.example.com/oauth/token",
    "clientId": "client_123",
    "scopes": ["contacts:read"],
}
PROVIDER = {
    "id": "provider_oauth",
    "key": "custom-oauth",
    "name": "OAuth",
    "kind": "oauth",
    "ownership": "customer_managed",
    "provisioningMode": "manual",
    "docsUrl": "https://docs.example.com/oauth",
}


async def test_app_is_created_as_documented(api: Caller) -> None:
    created = (await api("POST", "/apps", APP_CREATE, expect=201))["app"]
    assert created | APP_CREATE == created
    assert list(created) == APP_PROPERTIES
    assert created["id"].startswith("app_")
    assert created["publicMcpId"].startswith("mcp_")
    assert (created["version"], created["status"], created["isEnabled"]) == ("1.0.0", "draft", True)
    assert created["description"] == "Support copilot"
    assert (await api("GET", "/apps"))["apps"] == [created]
    assert (await api("GET", f"/apps/{created['id']}"))["app"] == created


async def test_auth_connection_and_provider_are_as_documented(api: Caller) -> None:
    app = await api.create_app()
    connection = await api.create(
        app, "auth", providerKey="custom-oauth", name="Primary Auth", config=AUTH_CONFIG, grants=["contacts:read"]
    )
    expected = {
        "appId": app,
        "providerId": "provider_oauth",
        "providerKey": "custom-oauth",
        "providerName": "OAuth",
        "key": "primary-auth",
        "name": "Primary Auth",
        "status": "valid",
        "config": AUTH_CONFIG,
        "secretRef": None,
        "grants": ["contacts:read"],
        "lastError": None,
    }
    assert {name: value for name, value in connection.items() if name not in ("id", "lastValidatedAt")} == expected
    listing = await api("GET", f"/apps/{app}/auth")
    assert set(listing) == {"auth", "providers"}
    provider = next(provider for provider in listing["providers"] if provider["key"] == "custom-oauth")
    schema = provider.pop("configSchema")
    assert provider == PROVIDER
    assert schema["scopes"] == ["contacts:read"]
    assert schema["requiresAuthorizationEndpoint"] is True
    assert schema["requiresTokenEndpoint"] is True


async def test_tool_and_widget_are_as_documented(api: Caller) -> None:
    app = await api.create_app()
    operation = await api.create_operation(app)
    other = await api.create(app, "tools", name="Summarize Contact")
    tool = await api.create(
        app,
        "tools",
        name="Search Contacts",
        description="Searches HubSpot contacts.",
        kind="function",
        annotations={"readOnlyHint": True},
        binding={
            "type": "integration_operation",
            "integrationOperationId": operation["id"],
            "schemaHashAtBindTime": "schema_123",
            "status": "ready",
        },
        nextToolIds=[other["id"]],
    )
    widget = await api.create(
        app,
        "widgets",
        toolId=tool["id"],
        name="Contact Table",
        primitive="data-table",
        config={"fieldMappings": {"rows": "$.results"}, "style": {"density": "compact"}},
        actions=[
            {
                "trigger": "row.select",
                "type": "callTool",
                "template": "{{ row.email }}",
                "targetToolId": other["id"],
                "callMode": "once",
            }
        ],
    )
    assert (await api("GET", f"/apps/{app}/tools"))["tools"][1] == {
        "id": tool["id"],
        "appId": app,
        "key": "search-contacts",
        "name": "Search Contacts",
        "description": "Searches HubSpot contacts.",
        "kind": "function",
        "isEnabled": True,
        "order": 1,
        "annotations": {"readOnlyHint": True},
        "binding": {
            "type": "integration_operation",
            "integrationOperationId": operation["id"],
            "schemaHashAtBindTime": operation["schemaHash"],
            "status": "ready",
        },
        "nextToolIds": [other["id"]],
        "widgetId": widget["id"],
    }
    assert (await api("GET", f"/apps/{app}/widgets"))["widgets"] == [
        {
            "id": widget["id"],
            "appId": app,
            "toolId": tool["id"],
            "key": "contact-table",
            "name": "Contact Table",
            "primitive": "data-table",
            "displayMode": "inline",
            "visibility": "visible",
            "config": {"fieldMappings": {"rows": "$.results"}, "style": {"density": "compact"}},
            "actions": [
                {
                    "trigger": "row.select",
                    "type": "callTool",
                    "template": "{{ row.email }}",
                    "targetToolId": other["id"],
                    "targetToolName": "Summarize Contact",
                    "callMode": "once",
                }
            ],
        }
    ]


async def test_config_contains_what_the_list_routes_return(sandbox: InProcessSandbox) -> None:
    async with sandbox.client() as client:
        api = Caller(client)
        (app,) = (await api("GET", "/apps"))["apps"]
        config = (await api("GET", f"/apps/{app['id']}/config"))["config"]
        assert set(config) == {"app", "auth", "integrations", "operations", "tools", "widgets"}
        assert config["app"] == app
        for kind in ("auth", "integrations", "tools", "widgets"):
            assert config[kind]
            assert config[kind] == (await api("GET", f"/apps/{app['id']}/{kind}"))[kind]
        for integration in config["integrations"]:
            path = f"/apps/{app['id']}/integrations/{integration['id']}/operations"
            operations = [
                operation for operation in config["operations"] if operation["integrationId"] == integration["id"]
            ]
            assert operations == (await api("GET", path))["operations"]
        models.Config.from_wire(config)


async def test_item_routes_return_what_the_config_contains(sandbox: InProcessSandbox) -> None:
    async with sandbox.client() as client:
        api = Caller(client)
        (app,) = (await api("GET", "/apps"))["apps"]
        config = (await api("GET", f"/apps/{app['id']}/config"))["config"]
        for kind, plural in (
            ("auth", "auth"),
            ("integration", "integrations"),
            ("operation", "operations"),
            ("tool", "tools"),
            ("widget", "widgets"),
        ):
            for resource in config[plural]:
                assert await api("GET", f"/apps/{app['id']}/{plural}/{resource['id']}") == {kind: resource}


async def test_me_is_the_user_of_the_token(api: Caller, stranger: Caller) -> None:
    assert set((await api("GET", "/me"))["user"]) == {"id", "email", "name", "image"}
    assert (await stranger("GET", "/me"))["user"]["email"] == "stranger@example.com"


async def test_tools_are_sorted_by_order_and_other_kinds_by_creation(api: Caller) -> None:
    app = await api.create_app()
    for name, order in (("C", 7), ("A", 2), ("B", 2)):
        await api.create(app, "tools", name=name, order=order)
    last = await api.create(app, "tools", name="D")
    assert last["order"] == 8
    assert [tool["name"] for tool in (await api("GET", f"/apps/{app}/tools"))["tools"]] == ["A", "B", "C", "D"]
    for name in ("Z", "Y"):
        await api.create(app, "integrations", name=name, baseUrl="https://api.example.com")
    integrations = (await api("GET", f"/apps/{app}/integrations"))["integrations"]
    assert [integration["name"] for integration in integrations] == ["Z", "Y"]
