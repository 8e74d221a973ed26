"""The listener for the browser's answer, as a browser, an attacker and a broken client meet it."""

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
from drio_tui.auth.authorization import AuthorizationRequest, Granted, Refused
from drio_tui.auth.errors import AuthorizationFailed, CallbackRefused, IssuerMixUp
from drio_tui.auth.loopback import Listener

ISSUER = "https://id.example"


@dataclass
class Waiting:
    listener: Listener
    attempt: AuthorizationRequest
    verdict: asyncio.Future
    foreign: list[str]

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
        return await self.get(f"/callback?{urlencode({'state': self.attempt.state, **params})}")


@pytest.fixture
async def waiting() -> AsyncIterator[Waiting]:
    listener = await Listener.open()
    attempt = AuthorizationRequest(ISSUER, False, listener.redirect_uri)
    foreign: list[str] = []
    yield Waiting(listener, attempt, listener.expect(attempt.judge, foreign.append), foreign)
    await listener.close()


async def test_it_accepts_from_the_moment_it_exists(waiting: Waiting) -> None:
    """B18: connect, send, and only then does anyone look."""
    status, _, body = await waiting.callback(code="the-code")
    assert status == 200
    assert "Almost there" in body
    assert waiting.verdict.result() == Granted("the-code")


async def test_it_listens_on_127_0_0_1_only_on_a_port_the_system_picked() -> None:
    """B19: read from the kernel's own table; never 0.0.0.0, never a fixed port."""
    one, other = await Listener.open(), await Listener.open()
    try:
        assert one.port != other.port
        rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
        ours = [r[1] for r in rows if r[3] == "0A" and int(r[1].partition(":")[2], 16) in (one.port, other.port)]
        assert sorted(ours) == sorted(f"0100007F:{port:04X}" for port in (one.port, other.port))
        six = Path("/proc/net/tcp6").read_text() if Path("/proc/net/tcp6").exists() else ""
        assert f":{one.port:04X} 0000" not in six
        assert one.redirect_uri == f"http://127.0.0.1:{one.port}/callback"
    finally:
        await one.close()
        await other.close()


async def test_a_machine_without_ipv4_gets_the_ipv6_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    """B19: the same on [::1], Host header included."""
    real = loopback._bound

    def no_ipv4(family: socket.AddressFamily, host: str, port: int) -> socket.socket:
        if family == socket.AF_INET:
            raise OSError(99, "Cannot assign requested address")
        return real(family, host, port)

    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        pytest.skip("this machine has no IPv6 loopback")
    monkeypatch.setattr(loopback, "_bound", no_ipv4)
    listener = await Listener.open()
    try:
        assert listener.redirect_uri == f"http://[::1]:{listener.port}/callback"
        reader, writer = await asyncio.open_connection("::1", listener.port)
        writer.write(f"GET /x HTTP/1.1\r\nHost: [::1]:{listener.port}\r\n\r\n".encode())
        assert (await reader.read()).startswith(b"HTTP/1.1 404")
        writer.close()
    finally:
        await listener.close()


async def test_a_given_port_that_is_taken_is_an_error_and_not_another_port() -> None:
    """B15: the caller then knows that it must register anew."""
    holder = await Listener.open()
    try:
        with pytest.raises(OSError):
            await Listener.open(holder.port)
    finally:
        await holder.close()


async def test_a_wrong_state_ends_nothing_and_the_right_one_still_works(waiting: Waiting) -> None:
    """B28: 400 for the attacker, then the true answer."""
    status, _, body = await waiting.get("/callback?code=evil&state=wrong")
    assert status == 400
    assert "not expected" in body
    assert not waiting.verdict.done()
    assert len(waiting.foreign) == 1
    status, _, _ = await waiting.callback(code="true-code")
    assert status == 200
    assert waiting.verdict.result() == Granted("true-code")


@pytest.mark.parametrize(
    "query", ["", "code=x123", "state=", "state=&code=abcd", "&&&", "code=%ff&state=%ff", "a=1&" * 500]
)
async def test_an_answer_without_state_ends_nothing(waiting: Waiting, query: str) -> None:
    """B29: missing or empty state, too many parameters, not UTF-8."""
    status, _, _ = await waiting.get(f"/callback?{query}")
    assert status == 400
    assert not waiting.verdict.done()


async def test_a_doubled_state_ends_nothing(waiting: Waiting) -> None:
    """B29: which of the two counts cannot be said."""
    state = waiting.attempt.state
    status, _, _ = await waiting.get(f"/callback?code=abcd&state={state}&state=evil")
    assert status == 400
    assert not waiting.verdict.done()


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
async def test_a_malformed_answer_with_our_state_is_refused(waiting: Waiting, query: str) -> None:
    """B29: duplicates, code and error together, neither, not a code."""
    status, _, body = await waiting.get(f"/callback?state={waiting.attempt.state}&{query}")
    assert status == 200
    assert "did not work" in body
    verdict = waiting.verdict.result()
    assert isinstance(verdict, Refused)
    assert isinstance(verdict.error, CallbackRefused)


async def test_a_wrong_issuer_is_refused(waiting: Waiting) -> None:
    """B30: `iss` present though not advertised, and wrong."""
    await waiting.callback(code="abcd", iss="https://evil.example")
    assert isinstance(waiting.verdict.result().error, IssuerMixUp)


@pytest.mark.parametrize("code", ["server_error", "temporarily_unavailable", "invalid_scope", "odd\x1b[2J"])
async def test_other_errors_are_told_safely(waiting: Waiting, code: str) -> None:
    """B31: with the description, no control character survives."""
    await waiting.callback(error=code, error_description="why\x07\u202ereversed")
    error = waiting.verdict.result().error
    assert isinstance(error, AuthorizationFailed)
    assert "why␇‹U+202E›reversed" in error.message
    assert "\x1b" not in error.message
    assert error.hint


@pytest.mark.parametrize("method", ["POST", "PUT", "HEAD", "OPTIONS", "DELETE", "get", "CONNECT"])
async def test_only_get_is_answered(waiting: Waiting, method: str) -> None:
    """B32: 405 with Allow, and nothing is judged."""
    status, headers, _ = await waiting.get(f"/callback?code=abcd&state={waiting.attempt.state}", method=method)
    assert status == 405
    assert headers["allow"] == "GET"
    assert not waiting.verdict.done()


@pytest.mark.parametrize(
    "path", ["/", "/favicon.ico", "/callback/", "/Callback", "/callback/../callback", "/%63allback"]
)
async def test_only_the_callback_path_is_answered(waiting: Waiting, path: str) -> None:
    """B32: 404 for the rest."""
    status, _, _ = await waiting.get(f"{path}?code=abcd&state={waiting.attempt.state}")
    assert status == 404
    assert not waiting.verdict.done()


@pytest.mark.parametrize(
    "host", ["evil.example", "localhost:{port}", "127.0.0.1", "127.0.0.1:1", "127.0.0.1.evil.example:{port}"]
)
async def test_another_host_name_is_refused(waiting: Waiting, host: str) -> None:
    """B32: DNS rebinding gets 421."""
    status, _, _ = await waiting.get(
        f"/callback?code=abcd&state={waiting.attempt.state}", host=host.format(port=waiting.listener.port)
    )
    assert status == 421
    assert not waiting.verdict.done()


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
async def test_what_is_not_plain_http_is_refused(waiting: Waiting, data: bytes) -> None:
    """B32: no Host, two Hosts, absolute form, noise."""
    status, _, _ = await waiting.raw(data)
    assert status == 400
    assert not waiting.verdict.done()


async def test_a_second_answer_is_told_that_it_is_done(waiting: Waiting) -> None:
    """B32: reloading the tab does no harm."""
    await waiting.callback(code="abcd")
    status, _, body = await waiting.callback(code="efgh")
    assert status == 410
    assert "Already done" in body
    assert waiting.verdict.result() == Granted("abcd")


XSS = "\"><script>alert(1)</script>'<img src=x onerror=alert(1)>"


@pytest.mark.parametrize("name", ["code", "state", "error", "error_description", "iss", "session_state", XSS])
async def test_nothing_of_the_request_is_in_the_page(waiting: Waiting, name: str) -> None:
    """B33: an XSS probe in every parameter; no code, no state."""
    _, _, one = await waiting.get(f"/callback?{urlencode({'state': 'x', name: XSS})}")
    _, _, two = await waiting.callback(**{"code": "abcdefgh", name: XSS} if name != "state" else {"code": "abcdefgh"})
    _, _, three = await waiting.get(f"/{XSS.replace(' ', '')}")
    for page in (one, two, three):
        assert "alert" not in page
        assert "onerror" not in page
        assert "abcdefgh" not in page
        assert waiting.attempt.state not in page


async def test_pages_are_static_self_contained_and_locked_down(waiting: Waiting) -> None:
    """B33: headers, no outside reference, history cleaned by the one script that the policy allows."""

    class Parts(HTMLParser):
        links: list[str] = []

        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            Parts.links += [v for k, v in attrs if k in ("href", "src", "action") and v]

    for answer in (
        await waiting.callback(code="abcd"),
        await waiting.get("/favicon.ico"),
        await waiting.get("/callback?x"),
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


async def test_sign_in_completes_under_slow_clients_and_two_hundred_connections(waiting: Waiting) -> None:
    """B34: slow-loris connections that never finish their head, two hundred at once."""
    slow = [await asyncio.open_connection("127.0.0.1", waiting.listener.port) for _ in range(200)]
    for _, writer in slow:
        writer.write(b"GET /callback HTTP/1.1\r\nHost: ")
    status, _, _ = await waiting.callback(code="abcd")
    assert status == 200
    assert waiting.verdict.result() == Granted("abcd")
    for _, writer in slow:
        writer.close()


async def test_more_connections_than_it_keeps_push_out_the_oldest(
    waiting: Waiting, monkeypatch: pytest.MonkeyPatch
) -> None:
    """B34: an attacker that holds every place cannot lock the browser out."""
    monkeypatch.setattr(loopback, "_HEAD_SECONDS", 600.0)  # so that nothing but the push can end a connection
    slow = [
        await asyncio.open_connection("127.0.0.1", waiting.listener.port)
        for _ in range(loopback._MOST_CONNECTIONS + 20)
    ]
    status, _, _ = await waiting.callback(code="abcd")
    assert status == 200
    assert await asyncio.wait_for(slow[0][0].read(), 10) == b""
    for _, writer in slow:
        writer.close()


async def test_an_endless_request_line_is_cut_off(waiting: Waiting) -> None:
    """B34: ten megabytes of address: 431 or a closed connection, little memory, and the answer still comes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", waiting.listener.port)
    try:
        writer.write(b"GET /" + b"a" * (10 << 20))
        await writer.drain()
        assert (await reader.read(12)).startswith(b"HTTP/1.1 431")
    except ConnectionError:
        pass  # it may have been cut while we were still sending
    finally:
        writer.close()
    assert (await waiting.callback(code="abcd"))[0] == 200


async def test_closing_ends_open_connections(waiting: Waiting) -> None:
    """B35: nothing is left listening or connected."""
    reader, writer = await asyncio.open_connection("127.0.0.1", waiting.listener.port)
    await waiting.listener.close()
    assert await reader.read() == b""
    writer.close()
    with pytest.raises(OSError):
        await asyncio.open_connection("127.0.0.1", waiting.listener.port)
