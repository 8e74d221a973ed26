"""The client against the sandbox: every route, errors, and a sandbox that is killed and restarted."""

from __future__ import annotations

import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from drio_tui.api import json_values, models
from drio_tui.api.client import DrioClient
from drio_tui.api.errors import (
    ApiError,
    BadRequest,
    Conflict,
    DrioError,
    NotFound,
    OutcomeUnknown,
    Unauthorized,
    Unprocessable,
)
from drio_tui.api.exchange import Exchange
from drio_tui.api.http import httpx
from drio_tui.api.transport import Transport
from drio_tui.kinds import APP, AUTH, INTEGRATION, KINDS, OPERATION, TOOL, WIDGET

pytest.importorskip("fastapi", reason="the sandbox extra is not installed")

if TYPE_CHECKING:
    from tests.sandbox_fixtures import InProcessSandbox, SandboxProcess

SCHEMA = {"type": "object", "properties": {"q": {"type": "string"}}}


class Token(httpx.Auth):
    """Sends the given token."""

    def __init__(self, token: str) -> None:
        self.token = token

    async def async_auth_flow(self, request: httpx.Request):  # type: ignore[no-untyped-def] # httpx's own has the type
        request.headers["Authorization"] = f"Bearer {self.token}"
        yield request


class Recorded(DrioClient):
    """A client that records its exchanges."""

    def __init__(self, base_url: str, token: str, http: httpx.AsyncBaseTransport | None = None) -> None:
        self.exchanges: list[Exchange] = []
        super().__init__(
            Transport(f"{base_url}/api/v1", auth=Token(token), http=http, on_exchange=self.exchanges.append)
        )


@pytest.fixture
async def client(sandbox: InProcessSandbox) -> AsyncIterator[Recorded]:
    async with Recorded(sandbox.base_url, sandbox.token, sandbox.transport) as client:
        yield client


@pytest.fixture
async def socket_client(sandbox_process: SandboxProcess) -> AsyncIterator[Recorded]:
    async with Recorded(sandbox_process.base_url, sandbox_process.token) as client:
        yield client


async def call_all_routes(client: DrioClient) -> None:
    """Call each of the 37 routes at least once, on a separate app."""
    templates = await client.templates()
    assert "support" in [template.id for template in templates.models]
    assert (await client.template("support")).model.id == "support"
    assert (await client.me()).model.id
    app = (await client.create(APP, models.AppCreate.new(template_id="support", name="A walk"))).model
    assert app.id in [item.id for item in (await client.list(APP)).models]

    before = (await client.get(APP, app.id)).model
    after = before.model_copy(deep=True)
    after.description = "Walked."
    after.branding = models.Branding.new(primary_color="#123456")
    patch = json_values.changes(before.to_wire(), after.to_wire())
    changed = (await client.update(APP, app.id, patch)).model
    assert changed.branding
    assert (changed.description, changed.branding.primary_color) == ("Walked.", "#123456")

    providers = (await client.list(AUTH, app=app.id)).extra["providers"]
    assert [models.AuthProvider.from_wire(provider).key for provider in providers]
    auth = (await client.create(AUTH, {"providerKey": "none", "name": "Nobody"}, app=app.id)).model
    integration = (
        await client.create(
            INTEGRATION, {"name": "API", "baseUrl": "https://api.example.com", "authId": auth.id}, app=app.id
        )
    ).model
    operation = (
        await client.create(
            OPERATION,
            {"name": "Search", "method": "GET", "path": "/search", "inputSchema": SCHEMA},
            app=app.id,
            parent=integration.id,
        )
    ).model
    assert operation.id in [
        item.id for item in (await client.list(OPERATION, app=app.id, parent=integration.id)).models
    ]
    first = (await client.create(TOOL, {"name": "First"}, app=app.id)).model
    second = (await client.create(TOOL, {"name": "Second"}, app=app.id)).model
    widget = (
        await client.create(WIDGET, {"toolId": first.id, "name": "Table", "primitive": "data-table"}, app=app.id)
    ).model

    binding = models.BindingInput.new(type="integration_operation", integration_operation_id=operation.id)
    bound = (await client.bind(app.id, first.id, binding)).model
    assert bound.binding
    assert (bound.binding.status, bound.binding.integration_operation_id) == ("ready", operation.id)
    assert (await client.set_chain(app.id, first.id, [second.id])).model.next_tool_ids == [second.id]
    action = {"trigger": "row.select", "type": "callTool", "targetToolId": second.id, "callMode": "once"}
    actions = (await client.set_actions(app.id, widget.id, [action])).model.actions
    assert actions
    assert actions[0].target_tool_id == second.id

    parts: dict[str, Any] = {
        "auth": auth,
        "integration": integration,
        "operation": operation,
        "tool": first,
        "widget": widget,
    }
    for name, part in parts.items():
        kind = KINDS[name]
        item = await client.get(kind, part.id, app=app.id)
        assert item.model.id == part.id
        renamed = await client.update(kind, part.id, {"name": f"New {name}"}, app=app.id)
        assert renamed.raw["name"] == f"New {name}"
        if "{parent}" not in kind.collection:
            listing = await client.list(kind, app=app.id)
            assert listing.degraded == []
            assert part.id in [item.id for item in listing.models]

    config = models.Config.from_wire(await client.config(app.id))
    assert config.tools
    assert {first.id, second.id} <= {tool.id for tool in config.tools}

    with pytest.raises(Conflict) as caught:
        await client.delete(TOOL, second.id, app=app.id)
    assert {referrer["kind"] for referrer in caught.value.referrers} == {"tool", "widget"}
    await client.set_chain(app.id, first.id, [])
    await client.delete(WIDGET, widget.id, app=app.id)
    await client.delete(TOOL, second.id, app=app.id)
    await client.delete(TOOL, first.id, app=app.id)
    await client.delete(OPERATION, operation.id, app=app.id)
    await client.delete(INTEGRATION, integration.id, app=app.id)
    await client.delete(AUTH, auth.id, app=app.id)
    with pytest.raises(NotFound):
        await client.get(AUTH, auth.id, app=app.id)

    deployed = (await client.deploy(app.id)).model
    assert deployed.app.id == app.id
    assert deployed.endpoint


async def test_all_routes_work_in_process(client: Recorded) -> None:
    await call_all_routes(client)
    assert len({_route(exchange) for exchange in client.exchanges}) == 37
    assert all(exchange.request_id for exchange in client.exchanges if exchange.status != 204)


@pytest.mark.socket
async def test_all_routes_work_over_a_socket(socket_client: Recorded) -> None:
    await call_all_routes(socket_client)


def _route(exchange: Exchange) -> tuple[str, ...]:
    """Return method and path without the ids, which are every second segment."""
    parts = exchange.path.strip("/").split("/")
    return (exchange.method, *(part if index % 2 == 0 else "{}" for index, part in enumerate(parts)))


async def test_every_resource_of_the_example_app_is_valid(client: Recorded) -> None:
    for app in (await client.list(APP)).models:
        for kind in KINDS.values():
            if kind is APP or kind is OPERATION:
                continue
            listing = await client.list(kind, app=app.id)
            assert listing.degraded == []
            for raw, model in zip(listing.items, listing.models, strict=True):
                assert model.to_wire() == raw


async def test_validation_error_names_the_field(client: Recorded) -> None:
    with pytest.raises((BadRequest, Unprocessable)) as caught:
        await client.create(APP, {"templateId": "support", "name": "N", "branding": {"primaryColor": "red"}})
    assert [problem.path for problem in caught.value.field_errors] == ["branding.primaryColor"]
    assert caught.value.request_id


async def test_invalid_token_is_unauthorized_and_templates_need_none(sandbox: InProcessSandbox) -> None:
    async with Recorded(sandbox.base_url, "wrong", sandbox.transport) as client:
        assert len(await client.templates()) >= 8
        with pytest.raises(Unauthorized) as caught:
            await client.me()
        assert caught.value.exit_code == 4


@pytest.mark.parametrize("id", ["a/b", "../x", "%2e%2e", "☃", "a?b#c", "x" * 2000])
async def test_unusual_id_is_not_found(client: Recorded, id: str) -> None:
    with pytest.raises(NotFound):
        await client.get(APP, id)


async def test_hostile_names_are_stored_unchanged(client: Recorded) -> None:
    app = (await client.create(APP, {"templateId": "blank", "name": "App"})).model
    for name in (
        "[red]x[/]",
        "[@click=app.quit]x[/]",
        "\x1b]8;;http://x\x07",
        "a\u202eb",
        "日本語",
        "<script>",
        "' OR 1",
    ):
        created = await client.create(TOOL, {"name": name}, app=app.id)
        assert (await client.get(TOOL, created.model.id, app=app.id)).raw["name"] == name


@pytest.mark.socket
@pytest.mark.slow
async def test_killed_sandbox_raises_and_works_again_after_a_restart(tmp_path: Path) -> None:
    from tests.sandbox_fixtures import kill_process, start_sandbox  # needs the sandbox extra

    process = start_sandbox(tmp_path / "sandbox")
    try:
        port = str(httpx.URL(process.base_url).port)
        async with Recorded(process.base_url, process.token) as client:
            app = (await client.create(APP, {"templateId": "blank", "name": "Kept"})).model
            process.stop(signal.SIGKILL)
            with pytest.raises(DrioError) as caught:
                await client.create(APP, {"templateId": "blank", "name": "Lost"})
            assert not isinstance(caught.value, ApiError)
            assert not isinstance(caught.value, OutcomeUnknown) or caught.value.outcome_unknown
            kill_process(process)
            process = start_sandbox(tmp_path / "sandbox", "--port", port)
            client.transport.auth = Token(process.token)
            assert (await client.get(APP, app.id)).model.name == "Kept"
    finally:
        kill_process(process)
