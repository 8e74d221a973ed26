"""What a client gets while the fault lab is on."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import pytest
import pytest_asyncio

from drio_tui.api.models import Config, Tool
from tests.sandbox.conftest import token_of
from tests.sandbox_fixtures import InProcessSandbox, SandboxProcess

APPS = "/api/v1/apps"
CONTROL = "/sandbox/faults"


@pytest_asyncio.fixture
async def http(sandbox: InProcessSandbox) -> AsyncIterator[httpx.AsyncClient]:
    """The local user of a sandbox in this process, with the example app."""
    async with sandbox.client() as client:
        yield client


@pytest.fixture
def client(sandbox_process: SandboxProcess) -> Iterator[httpx.Client]:
    """The local user of a sandbox process, in which everything is switched off afterwards."""
    with sandbox_process.client() as http:
        yield http
        http.delete(CONTROL)


async def switch_on(http: httpx.AsyncClient, *names: str, **options: Any) -> dict[str, Any]:
    response = await http.post(CONTROL, json={"on": names, **options})
    assert response.status_code == 200, response.text
    return dict(response.json())


def errors_of(response: httpx.Response) -> dict[str, Any]:
    error = response.json()["error"]
    assert error["requestId"] == response.headers["x-request-id"]
    return dict(error)


async def test_status_has_drios_envelope_and_is_announced(http: httpx.AsyncClient) -> None:
    await switch_on(http, "GET:/apps=status:503*1")
    first, second = await http.get(APPS), await http.get(APPS)
    assert first.status_code == 503
    assert errors_of(first)["code"] == "unavailable"
    assert first.headers["x-sandbox-fault"] == "status"
    assert second.status_code == 200
    assert "x-sandbox-fault" not in second.headers


async def test_every_answer_says_what_is_on(http: httpx.AsyncClient) -> None:
    assert "x-sandbox-faults" not in (await http.get(APPS)).headers
    await switch_on(http, "conflict", "POST:/tools=status:503*2")
    for path in (APPS, CONTROL, "/api/v1/nonexistent"):
        assert (await http.get(path)).headers["x-sandbox-faults"] == "conflict; POST:/tools=status"
    await http.delete(CONTROL)
    assert "x-sandbox-faults" not in (await http.get(APPS)).headers


async def test_status_with_a_body_sends_that_body(http: httpx.AsyncClient) -> None:
    await switch_on(http, '/apps=status:418:{"a": 1}', "/me=status:500:plain text")
    teapot, plain = await http.get(APPS), await http.get("/api/v1/me")
    assert (teapot.status_code, teapot.json()) == (418, {"a": 1})
    assert (plain.status_code, plain.text) == (500, "plain text")
    assert plain.headers["content-type"].startswith("text/plain")


async def test_lost_answer_may_be_an_error_of_a_gateway(http: httpx.AsyncClient) -> None:
    await switch_on(http, "POST:/apps=lost:504*1")
    response = await http.post(APPS, json={"templateId": "blank", "name": "Made behind a gateway"})
    assert response.status_code == 504
    assert response.headers["x-sandbox-fault"] == "lost"
    assert [app["name"] for app in (await http.get(APPS)).json()["apps"]].count("Made behind a gateway") == 1


async def test_rate_limit_says_how_long_to_wait(http: httpx.AsyncClient) -> None:
    await switch_on(http, "rate-limited")
    responses = [await http.get(APPS) for _ in range(6)]
    assert [response.status_code for response in responses] == [200, 200, 429, 200, 200, 429]
    assert responses[2].headers["retry-after"] == "2"
    assert responses[2].headers["x-sandbox-fault"] == "rate-limited"


async def test_expired_token_is_refused_as_a_real_one_is(http: httpx.AsyncClient, sandbox: InProcessSandbox) -> None:
    async with sandbox.client("a-token-that-never-was") as stranger:
        real = await stranger.get(APPS)
    await switch_on(http, "token-expired")
    injected, after = await http.get(APPS), await http.get(APPS)
    assert (injected.status_code, after.status_code) == (401, 200)
    assert injected.headers["www-authenticate"] == real.headers["www-authenticate"]
    assert 'error="invalid_token"' in injected.headers["www-authenticate"]


async def test_html_page_replaces_every_answer(http: httpx.AsyncClient) -> None:
    await switch_on(http, "captive-portal")
    for path in (APPS, "/.well-known/oauth-protected-resource"):
        response = await http.get(path)
        assert response.status_code == 200
        assert response.headers["content-type"].startswith("text/html")
        assert "Wi-Fi" in response.text


async def test_retired_api_is_gone_but_its_sign_in_is_not(http: httpx.AsyncClient) -> None:
    await switch_on(http, "api-retired")
    assert (await http.get(APPS)).status_code == 410
    assert (await http.get("/.well-known/oauth-authorization-server")).status_code == 200


async def test_truncated_json_has_the_length_it_says(http: httpx.AsyncClient) -> None:
    whole = await http.get(APPS)
    await switch_on(http, "/apps=truncate")
    response = await http.get(APPS)
    assert whole.content.startswith(response.content)
    assert len(response.content) == int(response.headers["content-length"]) < len(whole.content)
    with pytest.raises(ValueError, match=r"."):
        response.json()


async def test_other_content_type_has_the_same_body(http: httpx.AsyncClient) -> None:
    whole = await http.get(APPS)
    await switch_on(http, "/apps=type:text/csv")
    response = await http.get(APPS)
    assert response.headers.get_list("content-type") == ["text/csv"]
    assert response.content == whole.content


async def test_delayed_and_slow_answers_are_complete(http: httpx.AsyncClient) -> None:
    whole = await http.get(APPS)
    await switch_on(http, "/apps=delay:0.01", "/apps=slow-body:0.01")
    response = await http.get(APPS)
    assert response.content == whole.content
    assert response.headers["x-sandbox-fault"] == "delay, slow-body"


async def test_control_routes_need_a_token_and_get_no_faults(
    http: httpx.AsyncClient, sandbox: InProcessSandbox
) -> None:
    await switch_on(http, "**=status:500")
    assert (await http.get(APPS)).status_code == 500
    assert (await http.get(CONTROL)).status_code == 200
    assert (await http.get("/sandbox/status")).status_code == 200
    async with sandbox.client(None) as stranger:
        for method in ("GET", "DELETE"):
            assert (await stranger.request(method, CONTROL)).status_code == 401
        assert (await stranger.post(CONTROL, json={"on": ["slow"]})).status_code == 401
    assert (await http.delete(CONTROL)).json()["on"] == []
    assert (await http.get(APPS)).status_code == 200


async def test_invalid_rules_are_refused_with_the_reason(http: httpx.AsyncClient) -> None:
    response = await http.post(CONTROL, json={"on": ["slow", "/tools=explode"]})
    assert response.status_code == 400
    assert "unknown fault" in errors_of(response)["details"]["fields"][0]["message"]
    assert (await http.get(CONTROL)).json()["on"] == []


async def test_state_lists_what_is_on_and_what_it_has_done(http: httpx.AsyncClient) -> None:
    await switch_on(http, "conflict", "GET:/apps=status:503%2", seed=5)
    for _ in range(3):
        await http.get(APPS)
    state = (await http.get(CONTROL)).json()
    assert [(entry["name"], entry["rules"]) for entry in state["on"]] == [
        ("conflict", [{"rule": "WRITE:*=status:409", "matched": 0, "injected": 0}]),
        ("GET:/apps=status:503%2", [{"rule": "GET:/apps=status:503%2", "matched": 3, "injected": 1}]),
    ]
    assert (state["seed"], state["injected"]) == (5, {"status": 1})
    assert state["command"] == "drio-tui sandbox faults on --seed 5 conflict GET:/apps=status:503%2"
    state = (await http.post(CONTROL, json={"off": ["conflict"]})).json()
    assert [entry["name"] for entry in state["on"]] == ["GET:/apps=status:503%2"]


async def test_one_request_can_ask_for_a_fault(http: httpx.AsyncClient) -> None:
    asked = await http.get(APPS, headers={"X-Sandbox-Fault": "status:502"})
    assert (asked.status_code, asked.headers["x-sandbox-fault"]) == (502, "status")
    assert (await http.get(APPS)).status_code == 200
    refused = await http.get(APPS, headers={"X-Sandbox-Fault": "nonsense"})
    assert refused.status_code == 400
    assert "X-Sandbox-Fault has an unknown fault" in errors_of(refused)["message"]


async def test_other_users_get_the_faults_too(http: httpx.AsyncClient, sandbox: InProcessSandbox) -> None:
    await switch_on(http, "conflict")
    async with sandbox.client(await token_of(sandbox, "other@example.com")) as other:
        response = await other.post(APPS, json={"templateId": "blank", "name": "A"})
    assert response.status_code == 409


# --- other data -----------------------------------------------------------------------------------


async def config_with(http: httpx.AsyncClient, shape: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the config of the example app, and the same with other data."""
    (app,) = (await http.get(APPS)).json()["apps"]
    path = f"{APPS}/{app['id']}/config"
    before = (await http.get(path)).json()["config"]
    after = (await http.get(path, headers={"X-Sandbox-Fault": f"data:{shape}"})).json()["config"]
    return before, after


LISTS = ("auth", "integrations", "operations", "tools", "widgets")


async def test_data_can_be_empty_one_or_huge(http: httpx.AsyncClient) -> None:
    before, empty = await config_with(http, "empty")
    assert [empty[name] for name in LISTS] == [[]] * 5
    _, one = await config_with(http, "one")
    assert [one[name] for name in LISTS] == [before[name][:1] for name in LISTS]
    _, huge = await config_with(http, "huge:300")
    assert [len(huge[name]) for name in LISTS if before[name]] == [300 for name in LISTS if before[name]]
    assert len({tool["id"] for tool in huge["tools"]}) == len({tool["key"] for tool in huge["tools"]}) == 300
    assert huge["tools"][: len(before["tools"])] == before["tools"]
    Config.from_wire(huge)


@pytest.mark.parametrize("shape", ["long", "hostile"])
async def test_texts_change_and_ids_stay(http: httpx.AsyncClient, shape: str) -> None:
    before, after = await config_with(http, shape)
    Config.from_wire(after)
    for old, new in zip(before["tools"], after["tools"], strict=True):
        assert new["name"] != old["name"]
        assert (new["id"], new["key"], new["kind"]) == (old["id"], old["key"], old["kind"])
    for old, new in zip(before["operations"], after["operations"], strict=True):
        assert (new["inputSchema"], new["path"]) == (old["inputSchema"], old["path"])
    texts = [tool["name"] for tool in after["tools"]]
    assert min(map(len, texts)) > 5_000 if shape == "long" else any("\x1b" in text for text in texts)


async def test_unknown_values_and_properties_are_where_the_schema_has_known_ones(http: httpx.AsyncClient) -> None:
    before, after = await config_with(http, "unknown")
    old, new = before["tools"][0], after["tools"][0]
    assert new["kind"] == new["binding"]["type"] == "unheard-of"
    assert new["name"] == old["name"]
    assert "sandboxAddition" in new
    assert "sandboxAddition" in new["binding"]
    assert "sandboxAddition" not in after["operations"][0]["inputSchema"]
    Tool.from_wire(new)


async def test_errors_keep_their_body_while_data_change(http: httpx.AsyncClient) -> None:
    response = await http.get(f"{APPS}/nonexistent", headers={"X-Sandbox-Fault": "data:unknown"})
    assert response.status_code == 404
    assert set(response.json()["error"]) == {"code", "message", "details", "requestId"}


# --- the connection -------------------------------------------------------------------------------


def test_reset_ends_the_connection_before_anything_is_done(client: httpx.Client) -> None:
    before = client.get(APPS).json()
    client.post(CONTROL, json={"on": ["WRITE:/apps=reset*1"]})
    with pytest.raises(httpx.ReadError):
        client.post(APPS, json={"templateId": "blank", "name": "Never made"})
    assert client.get(APPS).json() == before


def test_lost_answer_leaves_the_change(client: httpx.Client) -> None:
    before = client.post(CONTROL, json={"on": ["answer-lost"]}).json()["injected"].get("answer-lost", 0)
    with pytest.raises(httpx.ReadError):
        client.post(APPS, json={"templateId": "blank", "name": "Made unseen"})
    names = [app["name"] for app in client.get(APPS).json()["apps"]]
    assert names.count("Made unseen") == 1
    assert client.get(CONTROL).json()["injected"]["answer-lost"] == before + 1


def read_all(response: httpx.Response, received: bytearray) -> None:
    for part in response.iter_raw():
        received.extend(part)


def test_cut_answer_ends_in_the_middle(client: httpx.Client) -> None:
    whole = client.get(APPS).content
    client.post(CONTROL, json={"on": ["/apps=cut"]})
    received = bytearray()
    with client.stream("GET", APPS) as response, pytest.raises(httpx.RemoteProtocolError):
        read_all(response, received)
    assert received == whole[: len(whole) // 2]


def test_offline_resets_everything_but_the_control_route(client: httpx.Client) -> None:
    client.post(CONTROL, json={"on": ["offline"]})
    for path in (APPS, "/.well-known/oauth-protected-resource", "/"):
        with pytest.raises(httpx.ReadError):
            client.get(path)
    assert client.delete(CONTROL).status_code == 200
    assert client.get(APPS).status_code == 200


def test_disconnected_requests_leave_no_error_in_the_log(client: httpx.Client, sandbox_process: SandboxProcess) -> None:
    before = sandbox_process.stderr.read_text()
    client.post(CONTROL, json={"on": ["/apps=reset*1", "/apps=lost*2", "/apps=cut*3"]})
    for _ in range(3):
        with pytest.raises(httpx.TransportError):
            client.get(APPS)
    assert client.get(APPS).status_code == 200
    assert sandbox_process.stderr.read_text() == before
