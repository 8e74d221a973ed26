"""The templates are complete and consistent, and the apps created from them work."""

from __future__ import annotations

import re
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from drio_tui.sandbox.catalogue import catalogue
from drio_tui.sandbox.providers import connection_status, providers
from drio_tui.tool_calls.requests import mapping_errors
from tests.sandbox.conftest import Caller
from tests.sandbox_fixtures import InProcessSandbox

NON_BLANK = [template for template in catalogue() if template != "blank"]
UPSTREAM = "/upstream/helpdesk/v1"


async def test_templates_are_public_and_include_support(bare_sandbox: InProcessSandbox) -> None:
    async with bare_sandbox.client(token=None) as anonymous:
        templates = (await anonymous.get("/api/v1/templates")).json()["templates"]
        assert len(templates) >= 8
        assert "support" in [template["id"] for template in templates]
        for template in templates:
            assert (await anonymous.get(f"/api/v1/templates/{template['id']}")).json() == {"template": template}


@pytest.mark.parametrize("template", NON_BLANK)
async def test_app_gets_all_resources_of_its_template_and_is_deployable(api: Caller, template: str) -> None:
    promised = (await api("GET", f"/templates/{template}"))["template"]
    app = (await api("POST", "/apps", {"templateId": template, "name": "Mine"}))["app"]
    config = (await api("GET", f"/apps/{app['id']}/config"))["config"]
    for kind in ("auth", "integrations", "tools", "widgets"):
        assert [part["key"] for part in promised[kind]] == [resource["key"] for resource in config[kind]]
        assert promised[kind]
    keys = [operation["key"] for integration in promised["integrations"] for operation in integration["operations"]]
    assert sorted(keys) == sorted(operation["key"] for operation in config["operations"])
    assert app["branding"] == promised["branding"]
    assert app["serverInstructions"]
    assert all(tool["binding"]["status"] == "ready" for tool in config["tools"])
    assert any(tool["nextToolIds"] for tool in config["tools"])
    assert any(widget["actions"] for widget in config["widgets"])
    assert len({widget["primitive"] for widget in config["widgets"]}) >= 3
    await api("POST", f"/apps/{app['id']}/deploy")


@pytest.mark.parametrize("template", NON_BLANK)
def test_template_schemas_are_valid_and_describe_path_parameters(template: str) -> None:
    for integration in catalogue()[template].integrations:
        for operation in integration["operations"]:
            for schema in (operation["inputSchema"], operation["outputSchema"]):
                Draft202012Validator.check_schema(schema)
            assert list(mapping_errors(operation)) == []
            input_schema = operation["inputSchema"]
            parameters = set(re.findall(r"\{(\w+)\}", operation["path"]))
            assert parameters <= set(input_schema["properties"])
            assert parameters <= set(input_schema.get("required", ()))


def test_connections_to_the_helpdesk_have_what_their_provider_needs() -> None:
    connections = [
        connection
        for template in catalogue().values()
        for connection in template.document.get("auth", {}).values()
        if {"$secret": "SANDBOX_HELPDESK_KEY"} in connection["config"].values()
    ]
    assert len(connections) == 3
    for connection in connections:
        config = connection["config"] | {"apiKey": "key"}
        assert connection_status(providers()[connection["provider"]], config, {}) == ("valid", [])


async def test_body_takes_precedence_over_the_template(api: Caller) -> None:
    body = {"templateId": "support", "name": "Mine", "description": "Ours", "branding": {"accentColor": "#abcdef"}}
    app = (await api("POST", "/apps", body))["app"]
    promised = (await api("GET", "/templates/support"))["template"]["branding"]
    assert app["description"] == "Ours"
    assert app["branding"] == {**promised, "accentColor": "#abcdef"}


async def test_blank_app_is_empty(api: Caller) -> None:
    app = await api.create_app()
    config = (await api("GET", f"/apps/{app}/config"))["config"]
    assert [config[kind] for kind in ("auth", "integrations", "operations", "tools", "widgets")] == [[]] * 5


async def call(
    sandbox: InProcessSandbox, integration: dict[str, Any], operation: dict[str, Any], arguments: Any
) -> Any:
    """Call an operation as a runtime does: parameters in the path, other arguments as query or body."""
    Draft202012Validator(operation["inputSchema"]).validate(arguments)
    rest = dict(arguments)
    path = re.sub(r"\{(\w+)\}", lambda match: str(rest.pop(match[1])), operation["path"])
    keyword = "params" if operation["method"] == "GET" else "json"
    async with sandbox.client(token=None) as http:
        headers = {"X-Api-Key": sandbox.app.state.sandbox.upstream_key}
        url = integration["baseUrl"] + path
        response = await http.request(operation["method"], url, headers=headers, **{keyword: rest})
    assert response.is_success, response.text
    Draft202012Validator(operation["outputSchema"]).validate(response.json())
    return response.json()


async def test_every_operation_of_the_support_template_works_offline(sandbox: InProcessSandbox) -> None:
    async with sandbox.client() as client:
        api = Caller(client)
        app = (await api("GET", "/apps"))["apps"][0]["id"]
        config = (await api("GET", f"/apps/{app}/config"))["config"]
    (integration,) = config["integrations"]
    (auth,) = config["auth"]
    assert (integration["authId"], integration["status"], auth["status"]) == (auth["id"], "ready", "valid")
    operations = {operation["key"]: operation for operation in config["operations"]}

    async def run(key: str, **arguments: Any) -> Any:
        return await call(sandbox, integration, not_called.pop(key, None) or operations[key], arguments)

    not_called = dict(operations)
    contacts = await run("search-contacts", q="ada northwind")
    ada = contacts["results"][0]
    assert (contacts["total"], ada["name"]) == (1, "Ada Okafor")
    created = await run("create-ticket", subject="Printer", body="It hums", contactId=ada["id"])
    assert (created["status"], created["priority"]) == ("open", "normal")
    updated = await run("update-ticket", ticketId=created["id"], status="solved")
    assert updated["status"] == "solved"
    note = await run("add-note", ticketId=created["id"], body="Stopped humming")
    ticket = await run("get-ticket", ticketId=created["id"])
    assert (ticket["contact"]["id"], ticket["notes"]) == (ada["id"], [note])
    assert created["id"] in [ticket["id"] for ticket in (await run("get-contact", contactId=ada["id"]))["tickets"]]
    listed = await run("search-tickets", q="printer", status="solved")
    assert [ticket["id"] for ticket in listed["results"]] == [created["id"]]
    assert not_called == {}


async def test_knowledge_base_and_onboarding_templates_work_offline(
    bare_sandbox: InProcessSandbox, api: Caller
) -> None:
    for template, calls in (
        ("knowledge-base", [("search-articles", {"q": "invoice address"}), ("get-article", {"articleId": "art_1003"})]),
        ("onboarding", [("create-contact", {"name": "New", "email": "new@example.com"})]),
    ):
        app = (await api("POST", "/apps", {"templateId": template, "name": template}))["app"]["id"]
        config = (await api("GET", f"/apps/{app}/config"))["config"]
        integration = next(integration for integration in config["integrations"] if UPSTREAM in integration["baseUrl"])
        operations = {operation["key"]: operation for operation in config["operations"]}
        for key, arguments in calls:
            assert await call(bare_sandbox, integration, operations[key], arguments)


async def test_helpdesk_requires_its_key_and_reports_errors(bare_sandbox: InProcessSandbox) -> None:
    async with bare_sandbox.client(token=None) as http:
        assert (await http.get(f"{UPSTREAM}/tickets")).status_code == 401
        assert (await http.get(f"{UPSTREAM}/tickets", headers={"X-Api-Key": "guess"})).status_code == 401
        http.headers["X-Api-Key"] = bare_sandbox.app.state.sandbox.upstream_key
        assert len((await http.get(f"{UPSTREAM}/tickets?limit=3")).json()["results"]) == 3
        for method, path, body, status in (
            ("GET", "/tickets/tic_9", None, 404),
            ("GET", "/tickets?limit=0", None, 400),
            ("GET", "/tickets?limit=٣", None, 400),
            ("POST", "/tickets", {"subject": "s", "body": "b", "contactId": "con_9"}, 404),
            ("POST", "/contacts", {"name": "n", "email": "no"}, 422),
            ("POST", "/contacts", {"name": "n", "email": "ADA.OKAFOR@northwind-bakery.example"}, 409),
            ("PATCH", "/tickets/tic_1001", {"status": "eaten"}, 422),
        ):
            response = await http.request(method, UPSTREAM + path, **({} if body is None else {"json": body}))
            assert (response.status_code, list(response.json())) == (status, ["message"]), response.text
