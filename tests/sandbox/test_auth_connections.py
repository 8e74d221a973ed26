"""Auth connections: the config of each provider, and secrets, which are never returned."""

from __future__ import annotations

from typing import Any

import pytest
from jsonschema import Draft202012Validator

from drio_tui.sandbox.providers import providers, secret_properties
from tests.sandbox.conftest import Caller
from tests.sandbox_fixtures import InProcessSandbox

SECRET = "hunter2-very-secret"
OAUTH = {
    "authorizationEndpoint": "https://a.example.com/authorize",
    "tokenEndpoint": "https://a.example.com/token",
    "clientId": "client",
    "clientSecret": SECRET,
    "scopes": ["openid"],
}
# A complete config for each provider, and the name of its secret property.
COMPLETE: dict[str, tuple[dict[str, Any], str | None]] = {
    "custom-oauth": (OAUTH, "clientSecret"),
    "workos": (OAUTH, "clientSecret"),
    "clerk": (OAUTH, "clientSecret"),
    "api-key": ({"in": "header", "name": "X-Api-Key", "apiKey": SECRET}, "apiKey"),
    "bearer": ({"token": SECRET}, "token"),
    "basic": ({"username": "ada", "password": SECRET}, "password"),
    "none": ({}, None),
}


def test_every_provider_has_a_valid_schema_and_the_documented_properties() -> None:
    assert set(providers()) == set(COMPLETE)
    for provider in providers().values():
        schema = provider["configSchema"]
        Draft202012Validator.check_schema(schema)
        assert {"scopes", "requiresAuthorizationEndpoint", "requiresTokenEndpoint"} <= set(schema)
        assert schema["requiresTokenEndpoint"] == ("tokenEndpoint" in schema["required"])
        assert set(provider) == {
            "id", "key", "name", "kind", "ownership", "provisioningMode", "docsUrl", "configSchema",
        }  # fmt: skip


@pytest.mark.parametrize("key", COMPLETE)
async def test_complete_config_is_valid_and_its_secret_is_never_returned(
    bare_sandbox: InProcessSandbox, api: Caller, key: str
) -> None:
    config, secret_name = COMPLETE[key]
    app = await api.create_app()
    connection = await api.create(app, "auth", providerKey=key, name="Auth", config=config)
    assert connection["status"] == "valid", connection["lastError"]
    assert connection["lastError"] is None
    assert connection["lastValidatedAt"].endswith("Z")
    assert secret_name is None or secret_properties(providers()[key]) == {secret_name}
    assert connection["config"] == {
        "type": providers()[key]["kind"],
        **{name: value for name, value in config.items() if name != secret_name},
    }
    assert (connection["secretRef"] is None) == (secret_name is None)
    for path in ("/auth", f"/auth/{connection['id']}", "/config", ""):
        response = await api.http.get(f"/api/v1/apps/{app}{path}")
        assert SECRET not in response.text
    from sqlalchemy import text

    async with bare_sandbox.database.read() as session:
        for table, column in (("things", "document"), ("deployments", "snapshot")):
            rows = (await session.execute(text(f"SELECT {column} FROM {table}"))).scalars().all()
            assert not any(SECRET in row for row in rows)
        stored = (await session.execute(text("SELECT members FROM secrets"))).scalars().all()
        assert [row.startswith("sealed:") and SECRET not in row for row in stored] == ([True] if secret_name else [])


async def test_missing_values_make_it_pending_and_invalid_ones_invalid(api: Caller) -> None:
    app = await api.create_app()
    connection = await api.create(app, "auth", providerKey="workos", name="Auth", config={"clientId": "c"})
    assert connection["status"] == "pending"
    assert [field["path"] for field in connection["lastError"]["fields"]] == [
        "config.authorizationEndpoint", "config.clientSecret", "config.tokenEndpoint",
    ]  # fmt: skip
    assert connection["lastValidatedAt"] is None
    path = f"/apps/{app}/auth/{connection['id']}"
    invalid = (await api("PATCH", path, {"config": {**OAUTH, "tokenEndpoint": "not a url"}}))["auth"]
    assert (invalid["status"], invalid["lastError"]["fields"][0]["path"]) == ("invalid", "config.tokenEndpoint")
    fixed = (await api("PATCH", path, {"config": {"tokenEndpoint": OAUTH["tokenEndpoint"]}}))["auth"]
    assert (fixed["status"], fixed["lastError"]) == ("valid", None)
    assert fixed["config"]["clientId"] == "client"


async def test_secret_can_be_replaced_and_removed(bare_sandbox: InProcessSandbox, api: Caller) -> None:
    app = await api.create_app()
    connection = await api.create(app, "auth", providerKey="bearer", name="Auth", config={"token": SECRET})
    path = f"/apps/{app}/auth/{connection['id']}"
    renamed = (await api("PATCH", path, {"name": "Other"}))["auth"]
    assert (renamed["status"], renamed["secretRef"]) == ("valid", connection["secretRef"])
    replaced = (await api("PATCH", path, {"config": {"token": "another"}}))["auth"]
    assert (replaced["status"], replaced["secretRef"]) == ("valid", connection["secretRef"])
    removed = (await api("PATCH", path, {"config": {"token": None}}))["auth"]
    assert (removed["status"], removed["secretRef"]) == ("pending", None)
    assert (await api("PATCH", path, {"config": {"token": ""}}))["auth"]["status"] == "pending"
    for clear in ({"config": None}, {"secretRef": None}):
        assert (await api("PATCH", path, {"config": {"token": SECRET}}))["auth"]["status"] == "valid"
        assert (await api("PATCH", path, clear))["auth"]["status"] == "pending"
    await api("DELETE", path, expect=204)


async def test_external_secret_reference_is_accepted_but_not_that_of_another_connection(api: Caller) -> None:
    app = await api.create_app()
    external = await api.create(app, "auth", providerKey="bearer", name="A", secretRef="vault:crm/token")
    assert (external["status"], external["secretRef"]) == ("valid", "vault:crm/token")
    own = await api.create(app, "auth", providerKey="bearer", name="B", config={"token": SECRET})
    body = {"providerKey": "bearer", "name": "C", "secretRef": own["secretRef"]}
    await api("POST", f"/apps/{app}/auth", body, expect=409)
    await api("PATCH", f"/apps/{app}/auth/{external['id']}", {"secretRef": own["secretRef"]}, expect=409)


async def test_unknown_provider_and_change_of_provider_are_refused(api: Caller) -> None:
    app = await api.create_app()
    error = await api("POST", f"/apps/{app}/auth", {"providerKey": "telepathy", "name": "x"}, expect=400)
    assert error["details"]["fields"][0]["path"] == "providerKey"
    connection = await api.create(app, "auth", providerKey="none", name="x")
    await api("PATCH", f"/apps/{app}/auth/{connection['id']}", {"providerKey": "bearer"}, expect=400)


async def test_secrets_are_not_logged(api: Caller, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")  # the level of `sandbox serve`
    app = await api.create_app()
    await api.create(app, "auth", providerKey="bearer", name="Auth", config={"token": SECRET})
    await api("POST", f"/apps/{app}/auth", {"providerKey": "bearer", "config": {"token": SECRET}}, expect=400)
    assert SECRET not in caplog.text


@pytest.mark.parametrize(
    ("key", "misplaced", "advice"),
    [
        ("bearer", {"config": {"password": SECRET}}, "config.token"),
        ("bearer", {"config": {"apiToken": SECRET}}, "config.token"),
        ("bearer", {"secret": SECRET}, "config.token"),
        ("bearer", {"token": SECRET}, "config.token"),
        ("basic", {"config": {"username": "ada", "extra": {"deep": [{"api_key": SECRET}]}}}, "config.password"),
        ("basic", {"config": {"username": "ada", "secrets": [SECRET]}}, "config.password"),
        ("custom-oauth", {"config": OAUTH | {"client_secret": SECRET}}, "config.clientSecret"),
        ("none", {"config": {"password": SECRET}}, "takes no secret"),
    ],
)
async def test_secret_in_an_undefined_property_is_refused(
    bare_sandbox: InProcessSandbox, api: Caller, key: str, misplaced: dict[str, Any], advice: str
) -> None:
    from sqlalchemy import text

    app = await api.create_app()
    connection = await api.create(app, "auth", providerKey=key, name="Auth", config=COMPLETE[key][0])
    path = f"/apps/{app}/auth"
    body = {"providerKey": key, "name": "Other", **misplaced}
    for error in (
        await api("POST", path, body, expect=400),
        await api("PATCH", f"{path}/{connection['id']}", misplaced, expect=400),
    ):
        (field,) = error["details"]["fields"]
        assert field["path"].rpartition(".")[2] in ("password", "apiToken", "secret", "token", "api_key", "secrets",
                                                    "client_secret")  # fmt: skip
        assert advice in field["message"]
        assert SECRET not in str(error)
    async with bare_sandbox.database.read() as session:
        assert not any(SECRET in row for row in (await session.execute(text("SELECT document FROM things"))).scalars())


async def test_properties_that_only_resemble_secrets_are_kept(api: Caller) -> None:
    app = await api.create_app()
    config = OAUTH | {"tokenEndpointAuthMethod": "client_secret_post", "audience": "crm", "rotatesTokens": True}
    connection = await api.create(
        app, "auth", providerKey="custom-oauth", name="Auth", config=config, note="of the team"
    )
    assert connection["config"]["tokenEndpointAuthMethod"] == "client_secret_post"
    assert (connection["config"]["audience"], connection["config"]["rotatesTokens"], connection["note"]) == (
        "crm",
        True,
        "of the team",
    )
    await api("PATCH", f"/apps/{app}/auth/{connection['id']}", {"config": {"password": None}})


async def test_secrets_in_other_kinds_are_refused_with_advice(api: Caller) -> None:
    app = await api.create_app()
    tool = await api.create_bound_tool(app)
    integration = await api.create(app, "integrations", name="API", baseUrl="https://api.example.com")
    for path, body in (
        ("integrations", {"name": "API", "baseUrl": "https://api.example.com", "config": {"apiKey": SECRET}}),
        ("integrations", {"name": "API", "baseUrl": "https://api.example.com", "password": SECRET}),
        ("tools", {"name": "T", "authorization": SECRET}),
        ("widgets", {"name": "W", "toolId": tool["id"], "primitive": "card", "token": SECRET}),
    ):
        error = await api("POST", f"/apps/{app}/{path}", body, expect=400)
        assert "auth connection" in error["details"]["fields"][0]["message"]
        assert SECRET not in str(error)
    await api("PATCH", f"/apps/{app}", {"clientSecret": SECRET}, expect=400)
    await api("PATCH", f"/apps/{app}/integrations/{integration['id']}", {"config": {"apiKey": SECRET}}, expect=400)
    schema = {"type": "object", "properties": {"password": {"type": "string"}}}
    body = {"name": "Sign in", "method": "POST", "path": "/login", "inputSchema": schema}
    await api.create(app, f"integrations/{integration['id']}/operations", **body)


async def test_secret_that_an_earlier_version_stored_in_plain_text_can_be_cleared(
    bare_sandbox: InProcessSandbox, api: Caller
) -> None:
    from sqlalchemy import text

    app = await api.create_app()
    connection = await api.create(
        app, "auth", providerKey="bearer", name="Auth", config={"token": SECRET, "passwort": "x"}
    )
    async with bare_sandbox.database.session() as session:
        await session.execute(text("UPDATE things SET document = replace(document, 'passwort', 'password')"))
    path = f"/apps/{app}/auth/{connection['id']}"
    await api("PATCH", path, {"name": "Renamed"})
    repeated = await api("PATCH", path, {"config": {"type": "bearer", "password": "x"}})
    assert repeated["auth"]["config"]["password"] == "x"
    await api("PATCH", path, {"config": {"password": "y"}}, expect=400)
    cleared = await api("PATCH", path, {"config": {"password": None}})
    assert "password" not in cleared["auth"]["config"]


async def test_secret_can_replace_a_reference_in_one_request(api: Caller) -> None:
    app = await api.create_app()
    connection = await api.create(
        app, "auth", providerKey="api-key", name="Key", config={"name": "X-Api-Key"}, secretRef="vault/1"
    )
    path = f"/apps/{app}/auth/{connection['id']}"
    await api("PATCH", path, {"config": {"apiKey": SECRET}, "secretRef": "vault/2"}, expect=400)
    changed = (await api("PATCH", path, {"config": {"apiKey": SECRET}, "secretRef": None}))["auth"]
    assert changed["status"] == "valid"
    assert changed["secretRef"]
