"""Where deployed apps cannot get to, however they ask, and how much of an answer they take."""

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
from drio_tui.tool_calls import egress
from drio_tui.tool_calls.egress import (
    EgressDenied,
    EgressPolicy,
    GuardedBackend,
    GuardedTransport,
    Policy,
    Unreachable,
    why_refused,
)
from drio_tui.tool_calls.fetch import Credentials, FetchFailed, FetchLimits, fetch
from drio_tui.tool_calls.requests import PreparedRequest
from tests.sandbox.mcp.conftest import Served, Upstream, read_request, respond

STRICT = Policy(("127.0.0.1", 1), "/upstream")
LINUX = pytest.mark.skipif(sys.platform != "linux", reason="another loopback address, and a queue of connections")
LAX = Policy(("127.0.0.1", 1), "/upstream", allow_private=True)

INNER = [
    "127.0.0.1", "127.1.2.3", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "192.0.2.1",
    "198.18.0.1", "0.0.0.0", "255.255.255.255", "224.0.0.1", "240.0.0.1",
    "::1", "::", "::ffff:127.0.0.1", "::ffff:169.254.169.254", "::127.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::",
    "fe80::1", "fc00::1", "fd00:ec2::254", "fec0::1", "ff02::1", "2001:db8::1", "2001:0:4136:e378:8000:63bf:3fff:fdd2",
]  # fmt: skip


@pytest.mark.parametrize("address", INNER)
def test_addresses_that_are_not_of_the_public_internet_are_refused(address: str) -> None:
    assert why_refused(ipaddress.ip_address(address)) != ""


@pytest.mark.parametrize("address", ["1.1.1.1", "93.184.216.34", "2606:4700::1111", "64:ff9b::101:101"])
def test_public_addresses_are_not(address: str) -> None:
    assert why_refused(ipaddress.ip_address(address)) == ""


@pytest.mark.parametrize("address", ["0.0.0.0", "::", "224.0.0.1", "ff02::1", "255.255.255.255"])
def test_what_is_no_address_of_a_server_is_refused_whatever_is_allowed(address: str) -> None:
    assert why_refused(ipaddress.ip_address(address), allow_private=True) != ""


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
async def test_nothing_is_sent_to_a_host_that_no_integration_names(url: str) -> None:
    """F62."""
    gate = EgressPolicy.for_urls(STRICT, ["https://api.example.com/v1", "http://api.example.com"])
    async with GuardedTransport(STRICT) as transport:
        with pytest.raises(FetchFailed) as failure:
            await fetch(transport, gate, PreparedRequest("GET", url))
        assert not failure.value.sent


@pytest.mark.socket
@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "2130706433", "0x7f000001", "0177.0.0.1", "127.1", "[::ffff:127.0.0.1]", "localhost", "0.0.0.0"],
)
async def test_an_integration_that_names_this_machine_is_refused_when_it_is_called(
    strict: Served, upstream: Upstream, host: str
) -> None:
    """F62."""
    app, _ = await strict.tool(f"http://{host}:{upstream.port}")
    result = await strict.call(await strict.deploy(app), "do-it")
    assert result.is_error
    reasons = ("this machine", "usual spelling", "no address of a server", "cannot be made")
    assert any(why in result.content[0].text for why in reasons)
    assert upstream.seen == []


@pytest.mark.socket
@pytest.mark.parametrize("path", ["/api/v1/templates", "/mcp/x", "/upstream/helpdesk/v2", "/upstream/helpdesk/v1x", ""])
async def test_the_sandbox_does_not_call_itself_but_for_its_helpdesk(lax: Served, path: str) -> None:
    app, _ = await lax.tool(lax.base_url + path)
    own = lax.base_url.replace("127.0.0.1", "localhost")
    await lax.tool(own + "/api/v1", app=app, name="By another name")
    endpoint = await lax.deploy(app)
    for tool in ("do-it", "by-another-name"):
        result = await lax.call(endpoint, tool)
        assert result.is_error
        assert "does not call itself" in result.content[0].text


@pytest.mark.socket
async def test_redirects_are_judged_like_first_addresses(lax: Served, upstream: Upstream, other: Upstream) -> None:
    """F62."""
    targets = [
        f"http://127.0.0.1:{other.port}/", f"http://127.1:{other.port}/", "http://169.254.169.254/", "file:///etc/passwd",
        "gopher://127.0.0.1/", f"http://a@127.0.0.1:{upstream.port}/", f"{lax.base_url}/api/v1/templates",
    ]  # fmt: skip
    app, _ = await lax.tool(upstream.base_url)
    endpoint = await lax.deploy(app)
    async with lax.client(endpoint) as client:
        for target in targets:
            upstream.answer = lambda _seen, target=target: respond(b"", "302 Found", Location=target)
            result = await client.call_tool("do-it", {})
            assert result.is_error, target
    assert other.seen == []
    assert len(upstream.seen) == len(targets)


@pytest.mark.socket
async def test_a_redirect_to_another_named_host_carries_no_credentials(
    lax: Served, upstream: Upstream, other: Upstream
) -> None:
    upstream.answer = lambda _seen: respond(b"", "307 Temporary Redirect", Location=f"{other.base_url}/moved")
    auth = {"providerKey": "bearer", "config": {"token": "secret"}}
    app, _ = await lax.tool(upstream.base_url, auth=auth, headers={"X-Private": "key"})
    await lax.tool(other.base_url, app=app, name="Other")
    result = await lax.call(await lax.deploy(app), "do-it")
    assert result.structured_content == {"ok": True}
    assert upstream.seen[0].headers["authorization"] == "Bearer secret"
    assert other.seen[0].target == "/moved"
    assert not {"authorization", "x-private"} & other.seen[0].headers.keys()


@pytest.mark.socket
async def test_cookies_of_an_upstream_are_not_kept(lax: Served, upstream: Upstream) -> None:
    upstream.answer = lambda _seen: respond(b"{}", Set_Cookie="session=1; Path=/")
    app, _ = await lax.tool(upstream.base_url)
    endpoint = await lax.deploy(app)
    await lax.call(endpoint, "do-it")
    await lax.call(endpoint, "do-it")
    assert ["cookie" in seen.headers for seen in upstream.seen] == [False, False]


@pytest.mark.socket
async def test_redirects_that_go_round_end(lax: Served, upstream: Upstream) -> None:
    upstream.answer = lambda seen: respond(b"", "302 Found", Location=seen.target + "x")
    app, _ = await lax.tool(upstream.base_url)
    result = await lax.call(await lax.deploy(app), "do-it")
    assert "redirected more than 5 times" in result.content[0].text
    assert len(upstream.seen) == 6


class Names:
    """A resolver that gives each name the answers it was told, one after the other, and counts."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *answers: list[str]) -> None:
        self.asked = 0
        self._answers = list(answers)
        monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", self._getaddrinfo)

    async def _getaddrinfo(self, host: str, port: int, **_options: Any) -> list[Any]:
        answer = self._answers[min(self.asked, len(self._answers) - 1)]
        self.asked += 1
        if not answer:
            raise socket.gaierror(-2, "unknown")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in answer]


async def test_a_host_of_other_letters_is_found_by_its_ascii_name(
    monkeypatch: pytest.MonkeyPatch, upstream: Upstream
) -> None:
    Names(monkeypatch, ["127.0.0.1"])
    for host in ("bücher.example", "xn--bcher-kva.example"):
        gate = EgressPolicy.for_urls(LAX, [f"http://{host}:{upstream.port}"])
        async with GuardedTransport(LAX) as transport:
            answer = await fetch(transport, gate, PreparedRequest("GET", f"http://{host}:{upstream.port}/x"))
        assert answer.status == 200
    assert {seen.headers["host"] for seen in upstream.seen} == {f"xn--bcher-kva.example:{upstream.port}"}


async def test_a_name_is_resolved_once_and_what_was_judged_is_what_is_connected_to(
    monkeypatch: pytest.MonkeyPatch, upstream: Upstream
) -> None:
    """F62."""
    names = Names(monkeypatch, ["127.0.0.1"], ["10.9.9.9"])
    gate = EgressPolicy.for_urls(LAX, [f"http://rebind.example:{upstream.port}"])
    async with GuardedTransport(LAX) as transport:
        answer = await fetch(transport, gate, PreparedRequest("GET", f"http://rebind.example:{upstream.port}/x"))
    assert answer.status == 200
    assert names.asked == 1
    assert upstream.seen[0].headers["host"] == f"rebind.example:{upstream.port}"


async def test_a_name_that_turns_private_after_a_good_answer_is_refused_at_the_next_connection(
    monkeypatch: pytest.MonkeyPatch, upstream: Upstream
) -> None:
    """F62."""
    Names(monkeypatch, ["93.184.216.34"], ["127.0.0.1"])
    backend = GuardedBackend(STRICT)
    assert await backend.addresses("rebind.example", upstream.port) == ["93.184.216.34"]
    with pytest.raises(EgressDenied, match="this machine"):
        await backend.connect_tcp("rebind.example", upstream.port, 5)
    assert upstream.seen == []


@pytest.mark.parametrize("dead", [1, 2, 3])
async def test_the_first_three_addresses_of_a_host_are_tried(
    monkeypatch: pytest.MonkeyPatch, upstream: Upstream, dead: int
) -> None:
    nobody = [f"127.0.0.{number}" for number in range(2, 2 + dead)]  # the upstream listens at .1 only
    Names(monkeypatch, [*nobody, "127.0.0.1"])
    gate = EgressPolicy.for_urls(LAX, [f"http://many.example:{upstream.port}"])
    async with GuardedTransport(LAX) as transport:
        asking = fetch(transport, gate, PreparedRequest("GET", f"http://many.example:{upstream.port}/x"))
        if dead < 3:
            assert (await asking).status == 200
        else:
            with pytest.raises(FetchFailed) as failure:
                await asking
            assert not failure.value.sent
    assert len(upstream.seen) == (1 if dead < 3 else 0)


async def test_one_bad_address_among_good_ones_is_enough_to_refuse(monkeypatch: pytest.MonkeyPatch) -> None:
    Names(monkeypatch, ["93.184.216.34", "169.254.169.254"])
    with pytest.raises(EgressDenied, match="link-local"):
        await GuardedBackend(STRICT).addresses("mixed.example", 80)


async def test_a_name_without_an_address_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    Names(monkeypatch, [])
    with pytest.raises(Unreachable, match=r"nowhere\.example"):
        await GuardedBackend(STRICT).addresses("nowhere.example", 80)


# --- connections ------------------------------------------------------------------------------------


@pytest_asyncio.fixture
async def connected(upstream: Upstream) -> list[tuple[str, asyncio.Event]]:
    """Where each connection to the upstream came from, and whether it has ended."""
    found: list[tuple[str, asyncio.Event]] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        ended = asyncio.Event()
        found.append((writer.get_extra_info("peername")[0], ended))
        try:
            while True:
                upstream.seen.append(await read_request(reader))
                writer.write(respond(b"{}"))
        finally:
            ended.set()

    upstream.on_connection = serve
    return found


def get(upstream: Upstream, **timeouts: float) -> httpx.Request:
    return httpx.Request("GET", upstream.base_url, extensions={"timeout": timeouts})


async def test_a_connection_is_used_again_and_ends_with_the_transport(upstream: Upstream, connected: Any) -> None:
    async with GuardedTransport(LAX) as transport:
        for body in (b"one", b"two"):
            response = await transport.handle_async_request(httpx.Request("POST", upstream.base_url, content=body))
            assert (response.status_code, response.headers["content-type"]) == (200, "application/json")
            assert await response.aread() == b"{}"
        ((_, ended),) = connected
        assert not ended.is_set()
    await asyncio.wait_for(ended.wait(), 30)
    assert [(seen.method, seen.body) for seen in upstream.seen] == [("POST", b"one"), ("POST", b"two")]


async def test_a_connection_that_was_idle_for_long_is_not_used_again(
    monkeypatch: pytest.MonkeyPatch, upstream: Upstream, connected: Any
) -> None:
    monkeypatch.setattr(egress, "_IDLE_SECONDS", 0.0)
    async with GuardedTransport(LAX) as transport:
        for _ in range(2):
            await (await transport.handle_async_request(get(upstream))).aread()
    assert len(connected) == 2


async def test_so_many_connections_are_made_and_half_of_them_kept(upstream: Upstream, connected: Any) -> None:
    async with GuardedTransport(LAX, connections=2) as transport:
        for _ in range(2):
            first = await transport.handle_async_request(get(upstream))
            second = await transport.handle_async_request(get(upstream))
            with pytest.raises(httpx.TimeoutException):
                await transport.handle_async_request(get(upstream, pool=0.01))
            await first.aread()
            await second.aread()
    assert len(connected) == 3


async def test_a_connection_is_not_used_again_once_a_person_no_longer_allows_its_origin(
    upstream: Upstream, connected: Any
) -> None:
    allowed = {("127.0.0.1", upstream.port)}
    async with GuardedTransport(Policy(private=allowed)) as transport:
        await (await transport.handle_async_request(get(upstream))).aread()
        allowed.clear()
        with pytest.raises(EgressDenied, match="this machine"):
            await transport.handle_async_request(get(upstream))
    assert len(upstream.seen) == 1


@LINUX
async def test_a_connection_is_made_in_the_way_that_is_asked_for(upstream: Upstream, connected: Any) -> None:
    options = [(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)]
    stream = await GuardedBackend(LAX).connect_tcp("127.0.0.1", upstream.port, 30, "127.0.0.2", options)
    try:
        await stream.write(b"GET / HTTP/1.1\r\n\r\n")
        await stream.read(1)
        assert [peer for peer, _ in connected] == ["127.0.0.2"]
        assert stream.get_extra_info("socket").getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
    finally:
        await stream.aclose()


@LINUX
async def test_an_address_that_does_not_answer_in_time_is_passed_over(
    monkeypatch: pytest.MonkeyPatch, upstream: Upstream
) -> None:
    with socket.socket() as silent, socket.socket() as waiting:
        silent.bind(("127.0.0.2", upstream.port))
        silent.listen(0)
        waiting.connect(silent.getsockname())  # whoever comes now is not let in
        backend = GuardedBackend(LAX)
        Names(monkeypatch, ["127.0.0.2", "127.0.0.1"], ["127.0.0.2"])
        async with asyncio.timeout(30):
            await (await backend.connect_tcp("half.example", upstream.port, 0.5)).aclose()
            with pytest.raises(httpcore.ConnectTimeout):
                await backend.connect_tcp("silent.example", upstream.port, 0.5)


async def test_an_answer_that_does_not_come_in_time_is_a_timeout(upstream: Upstream) -> None:
    async def never(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        await reader.read()

    upstream.on_connection = never
    async with GuardedTransport(LAX) as transport, asyncio.timeout(30):
        with pytest.raises(httpx.ReadTimeout):
            await transport.handle_async_request(get(upstream, read=0.01))


# --- credentials ----------------------------------------------------------------------------------


async def test_credentials_replace_what_an_argument_sends_and_leave_the_rest_as_it_is(upstream: Upstream) -> None:
    heads: list[str] = []

    async def record(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append((await reader.readuntil(b"\r\n\r\n")).decode("ascii"))
        writer.write(respond(b"{}"))
        await writer.drain()

    upstream.on_connection = record
    url = f"{upstream.base_url}/x?list=a%2Cb,c&words=a%20b&key=mine"
    outgoing = PreparedRequest("GET", url, {"x-token": "mine", "X-Other": "kept"})
    credentials = Credentials({"X-Token": "theirs"}, {"key": "p&q"})
    async with GuardedTransport(LAX) as transport:
        await fetch(transport, EgressPolicy.for_urls(LAX, [upstream.base_url]), outgoing, credentials)
    (first, *lines) = heads[0].lower().split("\r\n")
    assert first.startswith("get /x?list=a%2cb,c&words=a%20b&key=p%26q ")
    assert [line for line in lines if line.startswith("x-")] == ["x-other: kept", "x-token: theirs"]


# --- answers --------------------------------------------------------------------------------------


async def fetched(upstream: Upstream, path: str = "/", **limits: Any) -> Any:
    gate = EgressPolicy.for_urls(LAX, [upstream.base_url])
    async with GuardedTransport(LAX) as transport:
        outgoing = PreparedRequest("GET", upstream.base_url + path)
        return await fetch(transport, gate, outgoing, Credentials(), FetchLimits(**limits))


async def test_an_answer_without_end_is_cut_at_the_limit(upstream: Upstream) -> None:
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
        await fetched(upstream, body=256 << 10)
    assert sent < 32 << 20  # what buffers took, not a gigabyte


async def test_a_compressed_bomb_is_not_inflated_beyond_the_limit(upstream: Upstream) -> None:
    """F66."""
    import tracemalloc

    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    bomb = b"".join(packer.compress(bytes(1 << 20)) for _ in range(256)) + packer.flush()
    assert len(bomb) < 1 << 20
    upstream.answer = lambda _seen: respond(bomb, Content_Encoding="gzip")
    tracemalloc.start()
    try:
        with pytest.raises(FetchFailed, match="larger than"):
            await fetched(upstream)
        assert tracemalloc.get_traced_memory()[1] < 32 << 20
    finally:
        tracemalloc.stop()


async def test_a_compressed_answer_is_read_and_a_damaged_one_told(upstream: Upstream) -> None:
    packed = gzip.compress(b'{"a": 1}')
    upstream.answer = lambda _seen: respond(packed, Content_Encoding="gzip")
    assert (await fetched(upstream)).body == b'{"a": 1}'
    upstream.answer = lambda _seen: respond(packed[:-8], Content_Encoding="gzip")
    with pytest.raises(FetchFailed, match="cut off"):
        await fetched(upstream)
    upstream.answer = lambda _seen: respond(b"nonsense", Content_Encoding="gzip")
    with pytest.raises(FetchFailed, match="damaged"):
        await fetched(upstream)
    upstream.answer = lambda _seen: respond(b"x", Content_Encoding="br")
    with pytest.raises(FetchFailed, match="not asked for"):
        await fetched(upstream)


@pytest.mark.parametrize("head", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n"])
async def test_an_upstream_that_drips_or_is_silent_is_given_up_on(upstream: Upstream, head: bytes) -> None:
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
        await fetched(upstream, total=0.3)
    assert failure.value.sent


@pytest.mark.parametrize("raw", [b"nonsense\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nshort", b""])
async def test_an_upstream_that_breaks_the_protocol_is_told(upstream: Upstream, raw: bytes) -> None:
    async def break_off(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(raw)
        await writer.drain()

    upstream.on_connection = break_off
    with pytest.raises(FetchFailed, match=r"broke off: .+ .+") as failure:
        await fetched(upstream)
    assert failure.value.sent


async def test_an_upstream_that_is_not_there_was_sent_nothing() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(FetchFailed, match="cannot be reached") as failure:
        await fetched(Upstream(f"http://127.0.0.1:{port}", port))
    assert not failure.value.sent


async def test_proxies_of_the_environment_are_not_used(monkeypatch: pytest.MonkeyPatch, upstream: Upstream) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    assert (await fetched(upstream)).status == 200


async def test_certificates_are_loaded_for_tls_only_and_told_where_that_fails(
    monkeypatch: pytest.MonkeyPatch, upstream: Upstream
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", "/nowhere")
    gate = EgressPolicy.for_urls(LAX, [upstream.base_url, "https://127.0.0.1:2"])
    async with GuardedTransport(LAX) as transport:
        assert (await fetch(transport, gate, PreparedRequest("GET", upstream.base_url))).status == 200
        with pytest.raises(
            FetchFailed, match=r"reached: no certificates could be loaded, see SSL_CERT_FILE"
        ) as failure:
            await fetch(transport, gate, PreparedRequest("GET", "https://127.0.0.1:2"))
        assert not failure.value.sent


async def test_tls_is_verified_against_the_name_though_an_address_is_connected_to(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    import ssl

    import trustme

    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("good.example").configure_cert(context)
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    Names(monkeypatch, ["127.0.0.1"])
    upstream = Upstream(answer=lambda _seen: respond(b"", Connection="close"))
    server = await asyncio.start_server(upstream.serve, "127.0.0.1", 0, ssl=context)
    port = server.sockets[0].getsockname()[1]
    try:
        good, other = (f"https://{name}.example:{port}" for name in ("good", "other"))
        gate = EgressPolicy.for_urls(LAX, [good, other])
        async with GuardedTransport(LAX) as transport:
            assert (await fetch(transport, gate, PreparedRequest("GET", good))).status == 200
            (tmp_path / "ca.pem").unlink()  # it is read once
            assert (await fetch(transport, gate, PreparedRequest("GET", good))).status == 200
            with pytest.raises(FetchFailed, match="certificate"):
                await fetch(transport, gate, PreparedRequest("GET", other))
    finally:
        server.close()
