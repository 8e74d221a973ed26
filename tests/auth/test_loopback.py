"""The loopback listener, used by a browser, an attacker and a broken client."""

from __future__ import annotations

import asyncio
import hashlib
import re
import socket
from base64 import b64encode
from collections.abc import AsyncIterator
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urlencode

import pytest

from drio_tui.auth import loopback
from drio_tui.auth.authorization import AuthorizationCode, AuthorizationRequest, FailedCallback
from drio_tui.auth.errors import AuthorizationFailed, CallbackRefused, IssuerMixUp
from drio_tui.auth.loopback import Listener

ISSUER = "https://id.example"


@dataclass
class PendingCallback:
    listener: Listener
    request: AuthorizationRequest
    result: asyncio.Future
    unrelated: list[str]

    async def raw(self, data: bytes) -> tuple[int, dict[str, str], str]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.listener.port)
        writer.write(data)
        answer = await reader.read()
        writer.close()
        head, _, body = answer.decode().partition("\r\n\r\n")
        first, *lines = head.split("\r\n")
        headers = {k.lower(): v.strip() for k, _, v in (line.partition(":") for line in lines)}
        return int(first.split()[1]), headers, body

    async def get(
        self, target: str, *, method: str = "GET", host: str | None = None
    ) -> tuple[int, dict[str, str], str]:
        host = f"127.0.0.1:{self.listener.port}" if host is None else host
        return await self.raw(f"{method} {target} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())

    async def callback(self, **params: str) -> tuple[int, dict[str, str], str]:
        return await self.get(f"/callback?{urlencode({'state': self.request.state, **params})}")


@pytest.fixture
async def pending() -> AsyncIterator[PendingCallback]:
    listener = await Listener.open()
    request = AuthorizationRequest(ISSUER, False, listener.redirect_uri)
    unrelated: list[str] = []
    yield PendingCallback(listener, request, listener.expect(request.parse_callback, unrelated.append), unrelated)
    await listener.close()


async def test_listener_accepts_from_its_creation(pending: PendingCallback) -> None:
    """B18: the request is sent before the listener is awaited."""
    status, _, body = await pending.callback(code="the-code")
    assert status == 200
    assert "Almost there" in body
    assert pending.result.result() == AuthorizationCode("the-code")


async def test_listener_binds_127_0_0_1_on_a_system_chosen_port() -> None:
    """B19: as the kernel's table shows; never 0.0.0.0, never a fixed port."""
    first, second = await Listener.open(), await Listener.open()
    try:
        assert first.port != second.port
        rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
        ours = [r[1] for r in rows if r[3] == "0A" and int(r[1].partition(":")[2], 16) in (first.port, second.port)]
        assert sorted(ours) == sorted(f"0100007F:{port:04X}" for port in (first.port, second.port))
        six = Path("/proc/net/tcp6").read_text() if Path("/proc/net/tcp6").exists() else ""
        assert f":{first.port:04X} 0000" not in six
        assert first.redirect_uri == f"http://127.0.0.1:{first.port}/callback"
    finally:
        await first.close()
        await second.close()


async def test_a_machine_without_ipv4_gets_the_ipv6_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    """B19: the same on [::1], Host header included."""
    real = loopback._listening_socket

    def no_ipv4(family: socket.AddressFamily, host: str, port: int) -> socket.socket:
        if family == socket.AF_INET:
            raise OSError(99, "Cannot assign requested address")
        return real(family, host, port)

    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        pytest.skip("this machine has no IPv6 loopback")
    monkeypatch.setattr(loopback, "_listening_socket", no_ipv4)
    listener = await Listener.open()
    try:
        assert listener.redirect_uri == f"http://[::1]:{listener.port}/callback"
        reader, writer = await asyncio.open_connection("::1", listener.port)
        writer.write(f"GET /x HTTP/1.1\r\nHost: [::1]:{listener.port}\r\n\r\n".encode())
        assert (await reader.read()).startswith(b"HTTP/1.1 404")
        writer.close()
    finally:
        await listener.close()


async def test_taken_port_is_an_error() -> None:
    """B15: so that the caller knows that it has to register again."""
    holder = await Listener.open()
    try:
        with pytest.raises(OSError):
            await Listener.open(holder.port)
    finally:
        await holder.close()


async def test_wrong_state_is_rejected_and_the_wait_goes_on(pending: PendingCallback) -> None:
    """B28: the attacker gets 400; the valid callback that follows is accepted."""
    status, _, body = await pending.get("/callback?code=evil&state=wrong")
    assert status == 400
    assert "not expected" in body
    assert not pending.result.done()
    assert len(pending.unrelated) == 1
    status, _, _ = await pending.callback(code="true-code")
    assert status == 200
    assert pending.result.result() == AuthorizationCode("true-code")


@pytest.mark.parametrize(
    "query", ["", "code=x123", "state=", "state=&code=abcd", "&&&", "code=%ff&state=%ff", "a=1&" * 500]
)
async def test_callback_without_state_is_rejected_and_the_wait_goes_on(pending: PendingCallback, query: str) -> None:
    """B29: missing or empty state, too many parameters, not UTF-8."""
    status, _, _ = await pending.get(f"/callback?{query}")
    assert status == 400
    assert not pending.result.done()


async def test_repeated_state_is_rejected_and_the_wait_goes_on(pending: PendingCallback) -> None:
    """B29: it is ambiguous which of the two counts."""
    state = pending.request.state
    status, _, _ = await pending.get(f"/callback?code=abcd&state={state}&state=evil")
    assert status == 400
    assert not pending.result.done()


@pytest.mark.parametrize(
    "query",
    [
        "code=abcd&code=efgh",
        "code=abcd&error=x",
        "error=a&error=b",
        "",
        "code=",
        "code=a%20b",
        "code=abc%0ad",
        "iss=x&iss=y",
    ],
)
async def test_malformed_callback_with_the_right_state_fails_the_sign_in(pending: PendingCallback, query: str) -> None:
    """B29: duplicates, code and error together, neither, not a code."""
    status, _, body = await pending.get(f"/callback?state={pending.request.state}&{query}")
    assert status == 200
    assert "did not work" in body
    result = pending.result.result()
    assert isinstance(result, FailedCallback)
    assert isinstance(result.error, CallbackRefused)


async def test_a_wrong_issuer_is_refused(pending: PendingCallback) -> None:
    """B30: `iss` present though not advertised, and wrong."""
    await pending.callback(code="abcd", iss="https://evil.example")
    assert isinstance(pending.result.result().error, IssuerMixUp)


@pytest.mark.parametrize("code", ["server_error", "temporarily_unavailable", "invalid_scope", "odd\x1b[2J"])
async def test_error_descriptions_are_sanitized(pending: PendingCallback, code: str) -> None:
    """B31: no control character of the description remains."""
    await pending.callback(error=code, error_description="why\x07\u202ereversed")
    error = pending.result.result().error
    assert isinstance(error, AuthorizationFailed)
    assert "why␇‹U+202E›reversed" in error.message
    assert "\x1b" not in error.message
    assert error.hint


@pytest.mark.parametrize("method", ["POST", "PUT", "HEAD", "OPTIONS", "DELETE", "get", "CONNECT"])
async def test_only_get_is_answered(pending: PendingCallback, method: str) -> None:
    """B32: 405 with Allow; the callback is not parsed."""
    status, headers, _ = await pending.get(f"/callback?code=abcd&state={pending.request.state}", method=method)
    assert status == 405
    assert headers["allow"] == "GET"
    assert not pending.result.done()


@pytest.mark.parametrize(
    "path", ["/", "/favicon.ico", "/callback/", "/Callback", "/callback/../callback", "/%63allback"]
)
async def test_only_the_callback_path_is_answered(pending: PendingCallback, path: str) -> None:
    """B32: 404 for the rest."""
    status, _, _ = await pending.get(f"{path}?code=abcd&state={pending.request.state}")
    assert status == 404
    assert not pending.result.done()


@pytest.mark.parametrize(
    "host", ["evil.example", "localhost:{port}", "127.0.0.1", "127.0.0.1:1", "127.0.0.1.evil.example:{port}"]
)
async def test_another_host_name_is_refused(pending: PendingCallback, host: str) -> None:
    """B32: DNS rebinding gets 421."""
    status, _, _ = await pending.get(
        f"/callback?code=abcd&state={pending.request.state}", host=host.format(port=pending.listener.port)
    )
    assert status == 421
    assert not pending.result.done()


@pytest.mark.parametrize(
    "data",
    [
        b"GET /callback HTTP/1.1\r\n\r\n",
        b"GET http://evil.example/callback HTTP/1.1\r\nHost: evil.example\r\n\r\n",
        b"GET  /callback HTTP/1.1\r\nHost: x\r\n\r\n",
        b"nonsense\r\n\r\n",
        b"GET /callback HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        b"GET /callback HTTP/2.0\r\nHost: a\r\n\r\n",
        b"\xff\xfe\r\n\r\n",
    ],
)
async def test_malformed_http_requests_are_rejected(pending: PendingCallback, data: bytes) -> None:
    """B32: no Host, two Hosts, absolute form, noise."""
    status, _, _ = await pending.raw(data)
    assert status == 400
    assert not pending.result.done()


async def test_second_callback_gets_410(pending: PendingCallback) -> None:
    """B32: reloading the tab changes nothing."""
    await pending.callback(code="abcd")
    status, _, body = await pending.callback(code="efgh")
    assert status == 410
    assert "Already done" in body
    assert pending.result.result() == AuthorizationCode("abcd")


XSS = "\"><script>alert(1)</script>'<img src=x onerror=alert(1)>"


@pytest.mark.parametrize("name", ["code", "state", "error", "error_description", "iss", "session_state", XSS])
async def test_pages_contain_nothing_from_the_request(pending: PendingCallback, name: str) -> None:
    """B33: an XSS probe in every parameter, the code and the state."""
    _, _, first = await pending.get(f"/callback?{urlencode({'state': 'x', name: XSS})}")
    _, _, valid = await pending.callback(**{"code": "abcdefgh", name: XSS} if name != "state" else {"code": "abcdefgh"})
    _, _, not_found = await pending.get(f"/{XSS.replace(' ', '')}")
    for page in (first, valid, not_found):
        assert "alert" not in page
        assert "onerror" not in page
        assert "abcdefgh" not in page
        assert pending.request.state not in page


async def test_pages_are_static_without_external_references_and_with_a_strict_csp(pending: PendingCallback) -> None:
    """B33: the one script that the policy allows removes the query from the history."""

    class Parts(HTMLParser):
        links: list[str] = []

        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            Parts.links += [v for k, v in attrs if k in ("href", "src", "action") and v]

    for answer in (
        await pending.callback(code="abcd"),
        await pending.get("/favicon.ico"),
        await pending.get("/callback?x"),
    ):
        _, headers, body = answer
        assert headers["cache-control"] == "no-store"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["x-content-type-options"] == "nosniff"
        policy = headers["content-security-policy"]
        for part in ("default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'none'"):
            assert part in policy
        (script,) = re.findall(r"<script>(.*?)</script>", body)
        assert "history.replaceState" in script
        digest = b64encode(hashlib.sha256(script.encode()).digest()).decode()
        assert f"script-src 'sha256-{digest}'" in policy
        (style,) = re.findall(r"<style>(.*?)</style>", body)
        assert f"style-src 'sha256-{b64encode(hashlib.sha256(style.encode()).digest()).decode()}'" in policy
        Parts().feed(body)
        assert Parts.links == []
        assert "://" not in body


async def test_sign_in_completes_with_two_hundred_slow_connections(pending: PendingCallback) -> None:
    """B34: slow-loris connections that never finish the request head."""
    slow = [await asyncio.open_connection("127.0.0.1", pending.listener.port) for _ in range(200)]
    for _, writer in slow:
        writer.write(b"GET /callback HTTP/1.1\r\nHost: ")
    status, _, _ = await pending.callback(code="abcd")
    assert status == 200
    assert pending.result.result() == AuthorizationCode("abcd")
    for _, writer in slow:
        writer.close()


async def test_oldest_connection_is_closed_at_the_limit(
    pending: PendingCallback, monkeypatch: pytest.MonkeyPatch
) -> None:
    """B34: an attacker that opens all connections cannot lock the browser out."""
    monkeypatch.setattr(loopback, "_HEAD_SECONDS", 600.0)  # so that connections are closed for no other reason
    slow = [
        await asyncio.open_connection("127.0.0.1", pending.listener.port) for _ in range(loopback._MAX_CONNECTIONS + 20)
    ]
    status, _, _ = await pending.callback(code="abcd")
    assert status == 200
    assert await asyncio.wait_for(slow[0][0].read(), 10) == b""
    for _, writer in slow:
        writer.close()


async def test_an_endless_request_line_is_cut_off(pending: PendingCallback) -> None:
    """B34: a request line of ten megabytes gets 431 or is cut off; the callback is still accepted."""
    reader, writer = await asyncio.open_connection("127.0.0.1", pending.listener.port)
    try:
        writer.write(b"GET /" + b"a" * (10 << 20))
        await writer.drain()
        assert (await reader.read(12)).startswith(b"HTTP/1.1 431")
    except ConnectionError:
        pass  # it may be closed while the request is being sent
    finally:
        writer.close()
    assert (await pending.callback(code="abcd"))[0] == 200


async def test_closing_ends_open_connections(pending: PendingCallback) -> None:
    """B35: no socket is left open."""
    reader, writer = await asyncio.open_connection("127.0.0.1", pending.listener.port)
    await pending.listener.close()
    assert await reader.read() == b""
    writer.close()
    with pytest.raises(OSError):
        await asyncio.open_connection("127.0.0.1", pending.listener.port)
