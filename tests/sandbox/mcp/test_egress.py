"""The addresses that deployed apps cannot reach, and the limits of responses."""

from __future__ import annotations

import asyncio
import gzip
import ipaddress
import socket
import sys
import zlib
from typing import Any

import httpcore
import pytest
import pytest_asyncio

from drio_tui.api.http import httpx
from drio_tui.tool_calls import guarded_transport
from drio_tui.tool_calls.egress import (
    EgressDenied,
    EgressPolicy,
    Policy,
    Unreachable,
    denial_reason,
)
from drio_tui.tool_calls.fetch import Credentials, FetchFailed, FetchLimits, fetch
from drio_tui.tool_calls.guarded_transport import GuardedBackend, GuardedTransport
from drio_tui.tool_calls.requests import PreparedRequest
from tests.sandbox.mcp.conftest import ServedSandbox, Upstream, http_response, read_request

STRICT = Policy(("127.0.0.1", 1), "/upstream")
LINUX = pytest.mark.skipif(sys.platform != "linux", reason="needs another loopback address and a listen queue")
LAX = Policy(("127.0.0.1", 1), "/upstream", allow_private=True)

NON_PUBLIC = [
    "127.0.0.1", "127.1.2.3", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "192.0.2.1",
    "198.18.0.1", "0.0.0.0", "255.255.255.255", "224.0.0.1", "240.0.0.1",
    "::1", "::", "::ffff:127.0.0.1", "::ffff:169.254.169.254", "::127.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::",
    "fe80::1", "fc00::1", "fd00:ec2::254", "fec0::1", "ff02::1", "2001:db8::1", "2001:0:4136:e378:8000:63bf:3fff:fdd2",
]  # fmt: skip


@pytest.mark.parametrize("address", NON_PUBLIC)
def test_non_public_addresses_are_refused(address: str) -> None:
    assert denial_reason(ipaddress.ip_address(address)) != ""


@pytest.mark.parametrize("address", ["1.1.1.1", "93.184.216.34", "2606:4700::1111", "64:ff9b::101:101"])
def test_public_addresses_are_allowed(address: str) -> None:
    assert denial_reason(ipaddress.ip_address(address)) == ""


@pytest.mark.parametrize("address", ["0.0.0.0", "::", "224.0.0.1", "ff02::1", "255.255.255.255"])
def test_unspecified_and_multicast_addresses_are_always_refused(address: str) -> None:
    assert denial_reason(ipaddress.ip_address(address), allow_private=True) != ""


@pytest.mark.parametrize(
    "url",
    [
        "http://2130706433/", "http://0x7f000001/", "http://0177.0.0.1/", "http://127.1/", "http://0x7f.1/",
        "http://127.0.0.1.:80/", "http://[::ffff:127.0.0.1]/", "http://[::1]/", "http://localhost/",
        "http://169.254.169.254/latest/meta-data/", "http://user@api.example.com/", "http://api.example.com:pw@10.0.0.1/",
        "file:///etc/passwd", "gopher://api.example.com/", "ftp://api.example.com/", "http:///x", "http://api.example.com:22/",
        "https://api.example.com.evil.example/", "http://a_b..c/", "http://api.example.com%00.evil.example/",
    ],
)  # fmt: skip
async def test_hosts_outside_the_integrations_are_refused(url: str) -> None:
    """F62."""
    policy = EgressPolicy.for_urls(STRICT, ["https://api.example.com/v1", "http://api.example.com"])
    async with GuardedTransport(STRICT) as transport:
        with pytest.raises(FetchFailed) as failure:
            await fetch(transport, policy, PreparedRequest("GET", url))
        assert not failure.value.sent


@pytest.mark.socket
@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "2130706433", "0x7f000001", "0177.0.0.1", "127.1", "[::ffff:127.0.0.1]", "localhost", "0.0.0.0"],
)
async def test_integration_with_a_loopback_url_is_refused_at_the_call(
    strict: ServedSandbox, upstream: Upstream, host: str
) -> None:
    """F62."""
    app, _ = await strict.create_tool(f"http://{host}:{upstream.port}")
    result = await strict.call(await strict.deploy(app), "do-it")
    assert result.is_error
    reasons = ("this machine", "usual spelling", "no address of a server", "cannot be made")
    assert any(reason in result.content[0].text for reason in reasons)
    assert upstream.requests == []


@pytest.mark.socket
@pytest.mark.parametrize("path", ["/api/v1/templates", "/mcp/x", "/upstream/helpdesk/v2", "/upstream/helpdesk/v1x", ""])
async def test_sandbox_calls_itself_only_for_the_helpdesk(lax: ServedSandbox, path: str) -> None:
    app, _ = await lax.create_tool(lax.base_url + path)
    own_url = lax.base_url.replace("127.0.0.1", "localhost")
    await lax.create_tool(own_url + "/api/v1", app=app, name="By another name")
    endpoint = await lax.deploy(app)
    for tool in ("do-it", "by-another-name"):
        result = await lax.call(endpoint, tool)
        assert result.is_error
        assert "does not call itself" in result.content[0].text


@pytest.mark.socket
async def test_redirect_targets_are_checked_like_first_urls(
    lax: ServedSandbox, upstream: Upstream, other: Upstream
) -> None:
    """F62."""
    targets = [
        f"http://127.0.0.1:{other.port}/", f"http://127.1:{other.port}/", "http://169.254.169.254/", "file:///etc/passwd",
        "gopher://127.0.0.1/", f"http://a@127.0.0.1:{upstream.port}/", f"{lax.base_url}/api/v1/templates",
    ]  # fmt: skip
    app, _ = await lax.create_tool(upstream.base_url)
    endpoint = await lax.deploy(app)
    async with lax.client(endpoint) as client:
        for target in targets:
            upstream.response_for = lambda _seen, target=target: http_response(b"", "302 Found", Location=target)
            result = await client.call_tool("do-it", {})
            assert result.is_error, target
    assert other.requests == []
    assert len(upstream.requests) == len(targets)


@pytest.mark.socket
async def test_redirect_to_another_host_drops_credentials(
    lax: ServedSandbox, upstream: Upstream, other: Upstream
) -> None:
    upstream.response_for = lambda _seen: http_response(
        b"", "307 Temporary Redirect", Location=f"{other.base_url}/moved"
    )
    auth = {"providerKey": "bearer", "config": {"token": "secret"}}
    app, _ = await lax.create_tool(upstream.base_url, auth=auth, headers={"X-Private": "key"})
    await lax.create_tool(other.base_url, app=app, name="Other")
    result = await lax.call(await lax.deploy(app), "do-it")
    assert result.structured_content == {"ok": True}
    assert upstream.requests[0].headers["authorization"] == "Bearer secret"
    assert other.requests[0].target == "/moved"
    assert not {"authorization", "x-private"} & other.requests[0].headers.keys()


@pytest.mark.socket
async def test_upstream_cookies_are_not_stored(lax: ServedSandbox, upstream: Upstream) -> None:
    upstream.response_for = lambda _seen: http_response(b"{}", Set_Cookie="session=1; Path=/")
    app, _ = await lax.create_tool(upstream.base_url)
    endpoint = await lax.deploy(app)
    await lax.call(endpoint, "do-it")
    await lax.call(endpoint, "do-it")
    assert ["cookie" in seen.headers for seen in upstream.requests] == [False, False]


@pytest.mark.socket
async def test_redirect_loop_is_cut_off(lax: ServedSandbox, upstream: Upstream) -> None:
    upstream.response_for = lambda seen: http_response(b"", "302 Found", Location=seen.target + "x")
    app, _ = await lax.create_tool(upstream.base_url)
    result = await lax.call(await lax.deploy(app), "do-it")
    assert "redirected more than 5 times" in result.content[0].text
    assert len(upstream.requests) == 6


class FakeResolver:
    """Replaces DNS: each lookup, of any name, returns the next list of addresses; the last one is repeated."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *answers: list[str]) -> None:
        self.lookups = 0
        self._answers = list(answers)
        monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", self._getaddrinfo)

    async def _getaddrinfo(self, host: str, port: int, **_options: Any) -> list[Any]:
        addresses = self._answers[min(self.lookups, len(self._answers) - 1)]
        self.lookups += 1
        if not addresses:
            raise socket.gaierror(-2, "unknown")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in addresses]


async def test_internationalized_host_is_sent_in_ascii(monkeypatch: pytest.MonkeyPatch, upstream: Upstream) -> None:
    FakeResolver(monkeypatch, ["127.0.0.1"])
    for host in ("bücher.example", "xn--bcher-kva.example"):
        policy = EgressPolicy.for_urls(LAX, [f"http://{host}:{upstream.port}"])
        async with GuardedTransport(LAX) as transport:
            response = await fetch(transport, policy, PreparedRequest("GET", f"http://{host}:{upstream.port}/x"))
        assert response.status == 200
    assert {seen.headers["host"] for seen in upstream.requests} == {f"xn--bcher-kva.example:{upstream.port}"}


async def test_checked_address_is_the_one_that_is_connected_to(
    monkeypatch: pytest.MonkeyPatch, upstream: Upstream
) -> None:
    """F62."""
    resolver = FakeResolver(monkeypatch, ["127.0.0.1"], ["10.9.9.9"])
    policy = EgressPolicy.for_urls(LAX, [f"http://rebind.example:{upstream.port}"])
    async with GuardedTransport(LAX) as transport:
        response = await fetch(transport, policy, PreparedRequest("GET", f"http://rebind.example:{upstream.port}/x"))
    assert response.status == 200
    assert resolver.lookups == 1
    assert upstream.requests[0].headers["host"] == f"rebind.example:{upstream.port}"


async def test_name_that_becomes_private_is_refused_at_the_next_connection(
    monkeypatch: pytest.MonkeyPatch, upstream: Upstream
) -> None:
    """F62."""
    FakeResolver(monkeypatch, ["93.184.216.34"], ["127.0.0.1"])
    backend = GuardedBackend(STRICT)
    assert await backend.addresses("rebind.example", upstream.port) == ["93.184.216.34"]
    with pytest.raises(EgressDenied, match="this machine"):
        await backend.connect_tcp("rebind.example", upstream.port, 5)
    assert upstream.requests == []


@pytest.mark.parametrize("closed_count", [1, 2, 3])
async def test_first_three_addresses_of_a_host_are_tried(
    monkeypatch: pytest.MonkeyPatch, upstream: Upstream, closed_count: int
) -> None:
    closed = [f"127.0.0.{number}" for number in range(2, 2 + closed_count)]  # the upstream listens at .1 only
    FakeResolver(monkeypatch, [*closed, "127.0.0.1"])
    policy = EgressPolicy.for_urls(LAX, [f"http://many.example:{upstream.port}"])
    async with GuardedTransport(LAX) as transport:
        request = fetch(transport, policy, PreparedRequest("GET", f"http://many.example:{upstream.port}/x"))
        if closed_count < 3:
            assert (await request).status == 200
        else:
            with pytest.raises(FetchFailed) as failure:
                await request
            assert not failure.value.sent
    assert len(upstream.requests) == (1 if closed_count < 3 else 0)


async def test_one_private_address_among_public_ones_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    FakeResolver(monkeypatch, ["93.184.216.34", "169.254.169.254"])
    with pytest.raises(EgressDenied, match="link-local"):
        await GuardedBackend(STRICT).addresses("mixed.example", 80)


async def test_unresolvable_name_raises_unreachable(monkeypatch: pytest.MonkeyPatch) -> None:
    FakeResolver(monkeypatch, [])
    with pytest.raises(Unreachable, match=r"nowhere\.example"):
        await GuardedBackend(STRICT).addresses("nowhere.example", 80)


# --- connections ------------------------------------------------------------------------------------


@pytest_asyncio.fixture
async def connections(upstream: Upstream) -> list[tuple[str, asyncio.Event]]:
    """The client address of each connection to the upstream, and an event that is set when it is closed."""
    connections: list[tuple[str, asyncio.Event]] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        closed = asyncio.Event()
        connections.append((writer.get_extra_info("peername")[0], closed))
        try:
            while True:
                upstream.requests.append(await read_request(reader))
                writer.write(http_response(b"{}"))
        finally:
            closed.set()

    upstream.on_connection = serve
    return connections


def get(upstream: Upstream, **timeouts: float) -> httpx.Request:
    return httpx.Request("GET", upstream.base_url, extensions={"timeout": timeouts})


async def test_connection_is_reused_and_closed_with_the_transport(upstream: Upstream, connections: Any) -> None:
    async with GuardedTransport(LAX) as transport:
        for body in (b"one", b"two"):
            response = await transport.handle_async_request(httpx.Request("POST", upstream.base_url, content=body))
            assert (response.status_code, response.headers["content-type"]) == (200, "application/json")
            assert await response.aread() == b"{}"
        ((_, closed),) = connections
        assert not closed.is_set()
    await asyncio.wait_for(closed.wait(), 30)
    assert [(seen.method, seen.body) for seen in upstream.requests] == [("POST", b"one"), ("POST", b"two")]


async def test_idle_connection_is_not_reused(
    monkeypatch: pytest.MonkeyPatch, upstream: Upstream, connections: Any
) -> None:
    monkeypatch.setattr(guarded_transport, "_IDLE_SECONDS", 0.0)
    async with GuardedTransport(LAX) as transport:
        for _ in range(2):
            await (await transport.handle_async_request(get(upstream))).aread()
    assert len(connections) == 2


async def test_connection_limit_and_half_of_it_kept_alive(upstream: Upstream, connections: Any) -> None:
    async with GuardedTransport(LAX, connections=2) as transport:
        for _ in range(2):
            first = await transport.handle_async_request(get(upstream))
            second = await transport.handle_async_request(get(upstream))
            with pytest.raises(httpx.TimeoutException):
                await transport.handle_async_request(get(upstream, pool=0.01))
            await first.aread()
            await second.aread()
    assert len(connections) == 3


async def test_connection_is_not_reused_after_its_origin_was_revoked(upstream: Upstream, connections: Any) -> None:
    allowed = {("127.0.0.1", upstream.port)}
    async with GuardedTransport(Policy(private=allowed)) as transport:
        await (await transport.handle_async_request(get(upstream))).aread()
        allowed.clear()
        with pytest.raises(EgressDenied, match="this machine"):
            await transport.handle_async_request(get(upstream))
    assert len(upstream.requests) == 1


@LINUX
async def test_connection_uses_local_address_and_socket_options(upstream: Upstream, connections: Any) -> None:
    options = [(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)]
    stream = await GuardedBackend(LAX).connect_tcp("127.0.0.1", upstream.port, 30, "127.0.0.2", options)
    try:
        await stream.write(b"GET / HTTP/1.1\r\n\r\n")
        await stream.read(1)
        assert [peer for peer, _ in connections] == ["127.0.0.2"]
        assert stream.get_extra_info("socket").getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
    finally:
        await stream.aclose()


@LINUX
async def test_unresponsive_address_is_skipped(monkeypatch: pytest.MonkeyPatch, upstream: Upstream) -> None:
    with socket.socket() as silent, socket.socket() as waiting:
        silent.bind(("127.0.0.2", upstream.port))
        silent.listen(0)
        waiting.connect(silent.getsockname())  # fills the listen queue, so that the next connection is not accepted
        backend = GuardedBackend(LAX)
        FakeResolver(monkeypatch, ["127.0.0.2", "127.0.0.1"], ["127.0.0.2"])
        async with asyncio.timeout(30):
            await (await backend.connect_tcp("half.example", upstream.port, 0.5)).aclose()
            with pytest.raises(httpcore.ConnectTimeout):
                await backend.connect_tcp("silent.example", upstream.port, 0.5)


async def test_late_response_raises_read_timeout(upstream: Upstream) -> None:
    async def never(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        await reader.read()

    upstream.on_connection = never
    async with GuardedTransport(LAX) as transport, asyncio.timeout(30):
        with pytest.raises(httpx.ReadTimeout):
            await transport.handle_async_request(get(upstream, read=0.01))


# --- credentials ----------------------------------------------------------------------------------


async def test_credentials_override_arguments_and_keep_the_rest(upstream: Upstream) -> None:
    heads: list[str] = []

    async def record(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append((await reader.readuntil(b"\r\n\r\n")).decode("ascii"))
        writer.write(http_response(b"{}"))
        await writer.drain()

    upstream.on_connection = record
    url = f"{upstream.base_url}/x?list=a%2Cb,c&words=a%20b&key=mine"
    request = PreparedRequest("GET", url, {"x-token": "mine", "X-Other": "kept"})
    credentials = Credentials({"X-Token": "theirs"}, {"key": "p&q"})
    async with GuardedTransport(LAX) as transport:
        await fetch(transport, EgressPolicy.for_urls(LAX, [upstream.base_url]), request, credentials)
    (first, *lines) = heads[0].lower().split("\r\n")
    assert first.startswith("get /x?list=a%2cb,c&words=a%20b&key=p%26q ")
    assert [line for line in lines if line.startswith("x-")] == ["x-other: kept", "x-token: theirs"]


# --- answers --------------------------------------------------------------------------------------


async def fetch_from(upstream: Upstream, path: str = "/", **limits: Any) -> Any:
    policy = EgressPolicy.for_urls(LAX, [upstream.base_url])
    async with GuardedTransport(LAX) as transport:
        request = PreparedRequest("GET", upstream.base_url + path)
        return await fetch(transport, policy, request, Credentials(), FetchLimits(**limits))


async def test_endless_response_is_cut_off_at_the_limit(upstream: Upstream) -> None:
    """F66."""
    sent = 0

    async def flood(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\n")
        while True:
            writer.write(b"x" * 65536)
            sent += 65536
            await writer.drain()

    upstream.on_connection = flood
    with pytest.raises(FetchFailed, match="larger than 256 KiB"):
        await fetch_from(upstream, body=256 << 10)
    assert sent < 32 << 20  # what fits into buffers


async def test_decompression_bomb_is_cut_off_at_the_limit(upstream: Upstream) -> None:
    """F66."""
    import tracemalloc

    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    bomb = b"".join(packer.compress(bytes(1 << 20)) for _ in range(256)) + packer.flush()
    assert len(bomb) < 1 << 20
    upstream.response_for = lambda _seen: http_response(bomb, Content_Encoding="gzip")
    tracemalloc.start()
    try:
        with pytest.raises(FetchFailed, match="larger than"):
            await fetch_from(upstream)
        assert tracemalloc.get_traced_memory()[1] < 32 << 20
    finally:
        tracemalloc.stop()


async def test_compressed_response_is_decoded_and_damage_raises(upstream: Upstream) -> None:
    packed = gzip.compress(b'{"a": 1}')
    upstream.response_for = lambda _seen: http_response(packed, Content_Encoding="gzip")
    assert (await fetch_from(upstream)).body == b'{"a": 1}'
    upstream.response_for = lambda _seen: http_response(packed[:-8], Content_Encoding="gzip")
    with pytest.raises(FetchFailed, match="cut off"):
        await fetch_from(upstream)
    upstream.response_for = lambda _seen: http_response(b"nonsense", Content_Encoding="gzip")
    with pytest.raises(FetchFailed, match="damaged"):
        await fetch_from(upstream)
    upstream.response_for = lambda _seen: http_response(b"x", Content_Encoding="br")
    with pytest.raises(FetchFailed, match="not asked for"):
        await fetch_from(upstream)


@pytest.mark.parametrize("head", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n"])
async def test_slow_or_silent_upstream_times_out(upstream: Upstream, head: bytes) -> None:
    """F66."""

    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(head)
        while head:
            writer.write(b" ")
            await writer.drain()
            await asyncio.sleep(0.02)
        await reader.read()

    upstream.on_connection = drip
    with pytest.raises(FetchFailed, match=r"did not answer within 0\.3 seconds") as failure:
        await fetch_from(upstream, total=0.3)
    assert failure.value.sent


@pytest.mark.parametrize("raw", [b"nonsense\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nshort", b""])
async def test_protocol_violation_raises_fetch_failed(upstream: Upstream, raw: bytes) -> None:
    async def break_off(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(raw)
        await writer.drain()

    upstream.on_connection = break_off
    with pytest.raises(FetchFailed, match=r"broke off: .+ .+") as failure:
        await fetch_from(upstream)
    assert failure.value.sent


async def test_refused_connection_counts_as_not_sent() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(FetchFailed, match="cannot be reached") as failure:
        await fetch_from(Upstream(f"http://127.0.0.1:{port}", port))
    assert not failure.value.sent


async def test_environment_proxies_are_ignored(monkeypatch: pytest.MonkeyPatch, upstream: Upstream) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    assert (await fetch_from(upstream)).status == 200


async def test_certificates_are_loaded_only_for_tls_and_failures_are_reported(
    monkeypatch: pytest.MonkeyPatch, upstream: Upstream
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", "/nowhere")
    policy = EgressPolicy.for_urls(LAX, [upstream.base_url, "https://127.0.0.1:2"])
    async with GuardedTransport(LAX) as transport:
        assert (await fetch(transport, policy, PreparedRequest("GET", upstream.base_url))).status == 200
        with pytest.raises(
            FetchFailed, match=r"reached: no certificates could be loaded, see SSL_CERT_FILE"
        ) as failure:
            await fetch(transport, policy, PreparedRequest("GET", "https://127.0.0.1:2"))
        assert not failure.value.sent


async def test_tls_certificate_is_verified_against_the_host_name(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    import ssl

    import trustme

    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("good.example").configure_cert(context)
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    FakeResolver(monkeypatch, ["127.0.0.1"])
    upstream = Upstream(response_for=lambda _seen: http_response(b"", Connection="close"))
    server = await asyncio.start_server(upstream.serve, "127.0.0.1", 0, ssl=context)
    port = server.sockets[0].getsockname()[1]
    try:
        good, other = (f"https://{name}.example:{port}" for name in ("good", "other"))
        policy = EgressPolicy.for_urls(LAX, [good, other])
        async with GuardedTransport(LAX) as transport:
            assert (await fetch(transport, policy, PreparedRequest("GET", good))).status == 200
            (tmp_path / "ca.pem").unlink()  # it is read only once
            assert (await fetch(transport, policy, PreparedRequest("GET", good))).status == 200
            with pytest.raises(FetchFailed, match="certificate"):
                await fetch(transport, policy, PreparedRequest("GET", other))
    finally:
        server.close()
