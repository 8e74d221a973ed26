"""The private addresses that the user allows the sandbox to call: one host and port each, revocable, never metadata."""

from __future__ import annotations

import json
from pathlib import Path

import httpx
import pytest

from drio_tui.sandbox.allowed import AllowedHosts, change_allowed_hosts, clear_allowed_hosts
from drio_tui.tool_calls.egress import EgressDenied, Policy, origin_text, parse_origin
from drio_tui.tool_calls.guarded_transport import GuardedBackend
from tests.sandbox.mcp.conftest import ServedSandbox, Upstream, served
from tests.sandbox.mcp.test_draft_calls import run_draft
from tests.sandbox.mcp.test_egress import FakeResolver

HOSTS = "/sandbox/allowed-hosts"


async def test_refused_call_explains_how_to_allow_it_and_works_until_revoked(
    strict: ServedSandbox, upstream: Upstream
) -> None:
    app, tool = await strict.create_tool(upstream.base_url, path="/a")
    endpoint = await strict.deploy(app)
    host = f"127.0.0.1:{upstream.port}"
    message = f"127.0.0.1 is this machine. To allow it, run `drio-tui sandbox allow --data {strict.data_dir} {host}`, "
    refused = await strict.call(endpoint, tool["key"])
    assert refused.is_error
    assert refused.content[0].text == f"{message}or press A on the integration in drio-tui."
    draft_run = await run_draft(strict, app, tool["id"], {})
    assert (draft_run["error"], draft_run["private"]) == (refused.content[0].text, host)

    http = strict.api.http
    assert (await http.post(HOSTS, json={"host": host})).json()["hosts"][0]["host"] == host
    assert not (await strict.call(endpoint, tool["key"])).is_error
    assert "answer" in await run_draft(strict, app, tool["id"], {})
    assert (await http.delete(f"{HOSTS}/{host}")).json()["hosts"] == []
    assert (await strict.call(endpoint, tool["key"])).is_error, "though a connection is still open"
    assert len(upstream.requests) == 2
    assert (await http.delete(f"{HOSTS}/{host}")).status_code == 404


async def test_allowed_host_survives_a_restart_and_is_bound_to_its_port(
    tmp_path: Path, upstream: Upstream, other: Upstream
) -> None:
    async with served(tmp_path / "s", example_app=False) as first:
        app, tool = await first.create_tool(upstream.base_url, path="/a")
        _, second = await first.create_tool(other.base_url, app=app, name="Other", path="/b")
        await first.api.http.post(HOSTS, json={"host": upstream.base_url})
    assert (tmp_path / "s" / "allowed-hosts.json").stat().st_mode & 0o777 == 0o600
    async with served(tmp_path / "s") as restarted:
        endpoint = await restarted.deploy(app)
        assert not (await restarted.call(endpoint, tool["key"])).is_error
        assert (await restarted.call(endpoint, second["key"])).is_error
    assert not other.requests


async def test_allowing_requires_the_token_and_a_json_body(strict: ServedSandbox) -> None:
    async with httpx.AsyncClient(base_url=strict.base_url, trust_env=False) as stranger:
        for response in (
            await stranger.get(HOSTS),
            await stranger.post(HOSTS, json={"host": "127.0.0.1:1"}),
            await stranger.delete(f"{HOSTS}/127.0.0.1:1"),
        ):
            assert response.status_code == 401
    http = strict.api.http
    form = await http.post(HOSTS, content=b'{"host": "127.0.0.1:1"}', headers={"content-type": "text/plain"})
    assert form.status_code == 415
    for body in ({"host": 1}, {"host": "127.0.0.1"}, {"host": "ftp://127.0.0.1:2"}, {"host": "x", "all": True}, {}):
        assert (await http.post(HOSTS, json=body)).status_code == 400, body
    assert (await http.get(HOSTS)).json()["hosts"] == []


@pytest.mark.parametrize(
    "host",
    ["169.254.169.254:80", "[fe80::1]:80", "[::ffff:169.254.169.254]:80", "[fd00:ec2::254]:80", "100.100.100.200:80",
     "http://169.254.169.254/latest/", "[64:ff9b::a9fe:a9fe]:80", "[2002:a9fe:a9fe::]:80", "[::169.254.169.254]:80"],
)  # fmt: skip
async def test_cloud_metadata_addresses_cannot_be_allowed(strict: ServedSandbox, host: str) -> None:
    """F62."""
    response = await strict.api.http.post(HOSTS, json={"host": host})
    assert response.status_code == 400
    assert "metadata" in response.text
    assert (await strict.api.http.get(HOSTS)).json()["hosts"] == []


@pytest.mark.parametrize(
    "address",
    ["169.254.169.254", "fd00:ec2::254", "100.100.100.200", "0.0.0.0", "224.0.0.1", "64:ff9b::a9fe:a9fe",
     "2002:a9fe:a9fe::", "::169.254.169.254", "64:ff9b::6464:64c8"],
)  # fmt: skip
async def test_allowed_name_that_resolves_to_metadata_is_refused(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    """F62."""
    FakeResolver(monkeypatch, [address])
    backend = GuardedBackend(Policy(private=frozenset({("metadata.example", 80)})))
    with pytest.raises(EgressDenied) as refused:
        await backend.addresses("metadata.example", 80)
    assert refused.value.private is None


@pytest.mark.parametrize(
    ("text", "origin"),
    [
        ("127.0.0.1:8000", ("127.0.0.1", 8000)),
        ("localhost:80", ("localhost", 80)),
        ("[::1]:8000", ("::1", 8000)),
        ("http://Printer.local/api", ("printer.local", 80)),
        ("https://10.0.0.1", ("10.0.0.1", 443)),
    ],
)
def test_origin_is_parsed_from_host_and_port_or_url(text: str, origin: tuple[str, int]) -> None:
    assert parse_origin(text) == origin
    assert parse_origin(origin_text(origin)) == origin


@pytest.mark.parametrize("text", ["", "127.0.0.1", "127.0.0.1:", "127.1:80", "2130706433:80", "a b:80", "ftp://x:21",
                                  "x:99999", "::1:80"])  # fmt: skip
def test_text_without_host_and_port_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"names no port|is no host and port"):
        parse_origin(text)


def test_unreadable_file_allows_nothing_and_can_be_replaced(tmp_path: Path) -> None:
    path = tmp_path / "allowed-hosts.json"
    for text in ("", "[]", '{"hosts": [{"host": "169.254.169.254:80", "allowedAt": ""}]}', '{"hosts": 7}'):
        path.write_text(text)
        path.chmod(0o600)
        assert AllowedHosts(tmp_path).as_wire() == []
    hosts, _ = change_allowed_hosts(tmp_path, ("127.0.0.1", 8000))
    assert ("127.0.0.1", 8000) in hosts
    assert json.loads(path.read_text())["hosts"][0]["host"] == "127.0.0.1:8000"
    assert change_allowed_hosts(tmp_path, ("127.0.0.1", 8000), revoke=True)[1]
    assert not change_allowed_hosts(tmp_path, ("127.0.0.1", 8000), revoke=True)[1]
    clear_allowed_hosts(tmp_path)
    assert not path.exists()
