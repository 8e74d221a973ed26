"""Auth connections: what each provider wants, and that secrets go in and never come out."""

from __future__ import annotations

from typing import Any

import pytest
from jsonschema import Draft202012Validator

from drio_tui.sandbox.providers import providers, secret_members
from tests.sandbox.conftest import Caller
from tests.sandbox_fixtures import InProcess

SECRET = "hunter2-very-secret"
OAUTH = {
    "authorizationEndpoint": "https://a.example.com/authorize",
    "tokenEndpoint": "https://a.example.com/token",
    "clientId": "client",
    "clientSecret": SECRET,
    "scopes": ["openid"],
}
# For each provider a config that is whole, and the secret member in it.
WHOLE: dict[str, tuple[dict[str, Any], str | None]] = {
    "custom-oauth": (OAUTH, "clientSecret"),
    "workos": (OAUTH, "clientSecret"),
    "clerk": (OAUTH, "clientSecret"),
    "api-key": ({"in": "header", "name": "X-Api-Key", "apiKey": SECRET}, "apiKey"),
    "bearer": ({"token": SECRET}, "token"),
    "basic": ({"username": "ada", "password": SECRET}, "password"),
    "none": ({}, None),
}


def test_every_provider_has_a_usable_json_schema_and_the_documented_members() -> None:
    assert set(providers()) == set(WHOLE)
    for provider in providers().values():
        schema = provider["configSchema"]
        Draft202012Validator.check_schema(schema)
        assert {"scopes", "requiresAuthorizationEndpoint", "requiresTokenEndpoint"} <= set(schema)
        assert schema["requiresTokenEndpoint"] == ("tokenEndpoint" in schema["required"])
        assert set(provider) == {
            "id", "key", "name", "kind", "ownership", "provisioningMode", "docsUrl", "configSchema",
        }  # fmt: skip


@pytest.mark.parametrize("key", WHOLE)
async def test_a_whole_config_is_valid_and_its_secret_is_never_seen_again(
    box: InProcess, api: Caller, key: str
) -> None:
    config, member = WHOLE[key]
    app = await api.app()
    made = await api.new(app, "auth", providerKey=key, name="Auth", config=config)
    assert made["status"] == "valid", made["lastError"]
    assert made["lastError"] is None
    assert made["lastValidatedAt"].endswith("Z")
    assert member is None or secret_members(providers()[key]) == {member}
    assert made["config"] == {
        "type": providers()[key]["kind"],
        **{name: value for name, value in config.items() if name != member},
    }
    assert (made["secretRef"] is None) == (member is None)
    for path in ("/auth", f"/auth/{made['id']}", "/config", ""):
        answer = await api.http.get(f"/api/v1/apps/{app}{path}")
        assert SECRET not in answer.text
    from sqlalchemy import text

    async with box.database.read() as session:
        for table, column in (("things", "document"), ("deployments", "snapshot")):
            rows = (await session.execute(text(f"SELECT {column} FROM {table}"))).scalars().all()
            assert not any(SECRET in row for row in rows)
        kept = (await session.execute(text("SELECT members FROM secrets"))).scalars().all()
        assert [row.startswith("sealed:") and SECRET not in row for row in kept] == ([True] if member else [])


async def test_what_is_missing_makes_it_pending_and_what_is_wrong_invalid(api: Caller) -> None:
    app = await api.app()
    made = await api.new(app, "auth", providerKey="workos", name="Auth", config={"clientId": "c"})
    assert made["status"] == "pending"
    assert [field["path"] for field in made["lastError"]["fields"]] == [
        "config.authorizationEndpoint", "config.clientSecret", "config.tokenEndpoint",
    ]  # fmt: skip
    assert made["lastValidatedAt"] is None
    path = f"/apps/{app}/auth/{made['id']}"
    wrong = (await api("PATCH", path, {"config": {**OAUTH, "tokenEndpoint": "not a url"}}))["auth"]
    assert (wrong["status"], wrong["lastError"]["fields"][0]["path"]) == ("invalid", "config.tokenEndpoint")
    fixed = (await api("PATCH", path, {"config": {"tokenEndpoint": OAUTH["tokenEndpoint"]}}))["auth"]
    assert (fixed["status"], fixed["lastError"]) == ("valid", None)
    assert fixed["config"]["clientId"] == "client"


async def test_a_secret_can_be_replaced_and_taken_away(box: InProcess, api: Caller) -> None:
    app = await api.app()
    made = await api.new(app, "auth", providerKey="bearer", name="Auth", config={"token": SECRET})
    path = f"/apps/{app}/auth/{made['id']}"
    renamed = (await api("PATCH", path, {"name": "Other"}))["auth"]
    assert (renamed["status"], renamed["secretRef"]) == ("valid", made["secretRef"])
    replaced = (await api("PATCH", path, {"config": {"token": "another"}}))["auth"]
    assert (replaced["status"], replaced["secretRef"]) == ("valid", made["secretRef"])
    gone = (await api("PATCH", path, {"config": {"token": None}}))["auth"]
    assert (gone["status"], gone["secretRef"]) == ("pending", None)
    assert (await api("PATCH", path, {"config": {"token": ""}}))["auth"]["status"] == "pending"
    for clear in ({"config": None}, {"secretRef": None}):
        assert (await api("PATCH", path, {"config": {"token": SECRET}}))["auth"]["status"] == "valid"
        assert (await api("PATCH", path, clear))["auth"]["status"] == "pending"
    await api("DELETE", path, expect=204)


async def test_a_secret_kept_elsewhere_counts_but_that_of_another_connection_cannot_be_had(api: Caller) -> None:
    app = await api.app()
    elsewhere = await api.new(app, "auth", providerKey="bearer", name="A", secretRef="vault:crm/token")
    assert (elsewhere["status"], elsewhere["secretRef"]) == ("valid", "vault:crm/token")
    own = await api.new(app, "auth", providerKey="bearer", name="B", config={"token": SECRET})
    body = {"providerKey": "bearer", "name": "C", "secretRef": own["secretRef"]}
    await api("POST", f"/apps/{app}/auth", body, expect=409)
    await api("PATCH", f"/apps/{app}/auth/{elsewhere['id']}", {"secretRef": own["secretRef"]}, expect=409)


async def test_an_unknown_provider_is_refused_and_the_provider_stays(api: Caller) -> None:
    app = await api.app()
    error = await api("POST", f"/apps/{app}/auth", {"providerKey": "telepathy", "name": "x"}, expect=400)
    assert error["details"]["fields"][0]["path"] == "providerKey"
    made = await api.new(app, "auth", providerKey="none", name="x")
    await api("PATCH", f"/apps/{app}/auth/{made['id']}", {"providerKey": "bearer"}, expect=400)


async def test_no_secret_reaches_the_log(api: Caller, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")  # the level of `sandbox serve`
    app = await api.app()
    await api.new(app, "auth", providerKey="bearer", name="Auth", config={"token": SECRET})
    await api("POST", f"/apps/{app}/auth", {"providerKey": "bearer", "config": {"token": SECRET}}, expect=400)
    assert SECRET not in caplog.text


@pytest.mark.parametrize(
    ("key", "misplaced", "named"),
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
async def test_a_secret_under_a_name_that_the_provider_does_not_define_is_refused(
    box: InProcess, api: Caller, key: str, misplaced: dict[str, Any], named: str
) -> None:
    from sqlalchemy import text

    app = await api.app()
    made = await api.new(app, "auth", providerKey=key, name="Auth", config=WHOLE[key][0])
    path = f"/apps/{app}/auth"
    body = {"providerKey": key, "name": "Other", **misplaced}
    for answer in (
        await api("POST", path, body, expect=400),
        await api("PATCH", f"{path}/{made['id']}", misplaced, expect=400),
    ):
        (field,) = answer["details"]["fields"]
        assert field["path"].rpartition(".")[2] in ("password", "apiToken", "secret", "token", "api_key", "secrets",
                                                    "client_secret")  # fmt: skip
        assert named in field["message"]
        assert SECRET not in str(answer)
    async with box.database.read() as session:
        assert not any(SECRET in row for row in (await session.execute(text("SELECT document FROM things"))).scalars())


async def test_what_only_looks_like_a_secret_member_is_kept(api: Caller) -> None:
    app = await api.app()
    config = OAUTH | {"tokenEndpointAuthMethod": "client_secret_post", "audience": "crm", "rotatesTokens": True}
    made = await api.new(app, "auth", providerKey="custom-oauth", name="Auth", config=config, note="of the team")
    assert made["config"]["tokenEndpointAuthMethod"] == "client_secret_post"
    assert (made["config"]["audience"], made["config"]["rotatesTokens"], made["note"]) == ("crm", True, "of the team")
    await api("PATCH", f"/apps/{app}/auth/{made['id']}", {"config": {"password": None}})


async def test_secrets_of_other_kinds_are_sent_to_an_auth_connection(api: Caller) -> None:
    app = await api.app()
    tool = await api.bound_tool(app)
    integration = await api.new(app, "integrations", name="API", baseUrl="https://api.example.com")
    for path, body in (
        ("integrations", {"name": "API", "baseUrl": "https://api.example.com", "config": {"apiKey": SECRET}}),
        ("integrations", {"name": "API", "baseUrl": "https://api.example.com", "password": SECRET}),
        ("tools", {"name": "T", "authorization": SECRET}),
        ("widgets", {"name": "W", "toolId": tool["id"], "primitive": "card", "token": SECRET}),
    ):
        answer = await api("POST", f"/apps/{app}/{path}", body, expect=400)
        assert "auth connection" in answer["details"]["fields"][0]["message"]
        assert SECRET not in str(answer)
    await api("PATCH", f"/apps/{app}", {"clientSecret": SECRET}, expect=400)
    await api("PATCH", f"/apps/{app}/integrations/{integration['id']}", {"config": {"apiKey": SECRET}}, expect=400)
    schema = {"type": "object", "properties": {"password": {"type": "string"}}}
    body = {"name": "Sign in", "method": "POST", "path": "/login", "inputSchema": schema}
    await api.new(app, f"integrations/{integration['id']}/operations", **body)


async def test_what_an_earlier_version_stored_in_clear_stays_editable_and_can_be_cleared(
    box: InProcess, api: Caller
) -> None:
    from sqlalchemy import text

    app = await api.app()
    made = await api.new(app, "auth", providerKey="bearer", name="Auth", config={"token": SECRET, "passwort": "x"})
    async with box.database.session() as session:
        await session.execute(text("UPDATE things SET document = replace(document, 'passwort', 'password')"))
    path = f"/apps/{app}/auth/{made['id']}"
    await api("PATCH", path, {"name": "Renamed"})
    same = await api("PATCH", path, {"config": {"type": "bearer", "password": "x"}})
    assert same["auth"]["config"]["password"] == "x"
    await api("PATCH", path, {"config": {"password": "y"}}, expect=400)
    cleared = await api("PATCH", path, {"config": {"password": None}})
    assert "password" not in cleared["auth"]["config"]


async def test_a_secret_replaces_a_reference_that_is_cleared_in_the_same_request(api: Caller) -> None:
    app = await api.app()
    made = await api.new(
        app, "auth", providerKey="api-key", name="Key", config={"name": "X-Api-Key"}, secretRef="vault/1"
    )
    path = f"/apps/{app}/auth/{made['id']}"
    await api("PATCH", path, {"config": {"apiKey": SECRET}, "secretRef": "vault/2"}, expect=400)
    changed = (await api("PATCH", path, {"config": {"apiKey": SECRET}, "secretRef": None}))["auth"]
    assert changed["status"] == "valid"
    assert changed["secretRef"]
