"""Proxies, certificates and base URLs: settings of the environment, and errors for invalid ones."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path

import pytest
import trustme

from drio_tui.api.error_mapping import InsecureConnection, ProxyRefused
from drio_tui.api.errors import ConnectionFailed, UsageError
from drio_tui.api.transport import Transport
from drio_tui.kinds import APP
from tests.api.conftest import TOKEN, Bench
from tests.api.fault_server import FaultServer, answer
from tests.api.test_connection_faults import free_port

APPS = {"apps": [{"id": "app_1", "name": "One"}]}
NEW = {"templateId": "support", "name": "One"}


def tls(name: str = "127.0.0.1", authority: trustme.CA | None = None) -> tuple[ssl.SSLContext, trustme.CA]:
    authority = authority or trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name).configure_cert(context)
    return context, authority


# --- proxies --------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost"])
async def test_local_sandbox_is_reached_without_the_proxy(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    for variable in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(variable, f"http://127.0.0.1:{free_port()}")
    server = await bench.server(answer(APPS))
    assert len(await bench.client(f"http://{name}:{server.port}/api/v1").list(APP)) == 1


@pytest.mark.parametrize("value", ["socks5h://127.0.0.1:1", "gopher://127.0.0.1:1", "http://127.0.0.1:notaport"])
async def test_local_sandbox_is_reached_with_an_invalid_proxy_setting(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setenv("ALL_PROXY", value)
    server = await bench.server(answer(APPS))
    assert len(await bench.client(server.base_url).list(APP)) == 1


async def test_local_sandbox_is_reached_without_the_proxy_over_tls(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    context, authority = tls()
    monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{free_port()}")
    with authority.cert_pem.tempfile() as trusted:
        monkeypatch.setenv("SSL_CERT_FILE", trusted)
        server = await bench.server(answer(APPS), tls=context)
        assert len(await bench.client(server.base_url).list(APP)) == 1


async def test_other_hosts_are_reached_through_the_proxy(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    proxy = await bench.server(answer(APPS))
    monkeypatch.setenv("HTTP_PROXY", proxy.origin)
    await bench.client("http://drio.test/api/v1").list(APP)
    assert proxy.requests_seen[0].target == "http://drio.test/api/v1/apps"


async def test_proxy_authentication_is_reported_and_not_retried(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    proxy = await bench.server(answer("<h1>sign in</h1>", status=407, media="text/html"))
    monkeypatch.setenv("HTTP_PROXY", proxy.origin)
    client = bench.client("http://drio.test/api/v1")
    with pytest.raises(ProxyRefused, match="407"):
        await client.list(APP)
    with pytest.raises(ProxyRefused) as caught:
        await client.create(APP, NEW)
    assert not caught.value.outcome_unknown
    assert len(proxy.requests_seen) == 2


async def test_proxy_that_refuses_connect_is_reported_and_gets_no_token(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy = await bench.server(answer(b"", status=407, media=None))
    monkeypatch.setenv("HTTPS_PROXY", proxy.origin)
    with pytest.raises(ProxyRefused, match="407") as caught:
        await bench.client("https://drio.test/api/v1").list(APP)
    assert "HTTPS_PROXY" in caught.value.hint
    assert [(seen.method, seen.target) for seen in proxy.requests_seen] == [("CONNECT", "drio.test:443")]
    assert TOKEN not in repr(proxy.requests_seen)


async def test_unreachable_proxy_is_mentioned_in_the_hint(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{free_port()}")
    with pytest.raises(ConnectionFailed, match="Connection refused") as caught:
        await bench.client("https://drio.test/api/v1").list(APP)
    assert "proxy" in caught.value.hint


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("HTTPS_PROXY", "gopher://127.0.0.1:1"),
        ("ALL_PROXY", "socks5://127.0.0.1:1"),  # needs a package that the base install leaves out
        ("HTTPS_PROXY", "http://127.0.0.1:notaport"),
        ("SSL_CERT_FILE", "/nonexistent/ca.pem"),
    ],
)
def test_invalid_network_settings_are_named_on_construction(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(UsageError) as caught:
        Transport("https://drio.test/api/v1")
    assert caught.value.title == "The network settings do not work"
    assert variable in caught.value.hint


def test_invalid_certificate_file_raises(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("nothing")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    with pytest.raises(UsageError):
        Transport("https://drio.test/api/v1")


# --- TLS ------------------------------------------------------------------------------------------


async def test_private_certificate_authority_is_trusted_when_configured(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    context, authority = tls()
    with authority.cert_pem.tempfile() as trusted:
        monkeypatch.setenv("SSL_CERT_FILE", trusted)
        server = await bench.server(answer(APPS), tls=context)
        client = bench.client(server.base_url)
        assert len(await client.list(APP)) == 1
        assert server.requests_seen[0].headers["authorization"] == f"Bearer {TOKEN}"


async def _refused(bench: Bench, server: FaultServer, reason: str) -> None:
    for call in ("list", "create"):
        client = bench.client(server.base_url)
        with pytest.raises(InsecureConnection, match=reason) as caught:
            await (client.list(APP) if call == "list" else client.create(APP, NEW))
        assert not caught.value.outcome_unknown
        assert "SSL_CERT_FILE" in caught.value.hint
    assert server.requests_seen == []
    assert len(server.connections) <= 2, "a refused certificate is not tried again"


async def test_unknown_certificate_authority_is_refused(bench: Bench) -> None:
    context, _ = tls()
    await _refused(bench, await bench.server(tls=context), "certificate verify failed")


async def test_certificate_for_another_name_is_refused(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    context, authority = tls("other.test")
    with authority.cert_pem.tempfile() as trusted:
        monkeypatch.setenv("SSL_CERT_FILE", trusted)
        await _refused(bench, await bench.server(tls=context), "mismatch")


async def test_server_without_tls_is_refused(bench: Bench) -> None:
    async def plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(plain, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(InsecureConnection, match="127"):
            await bench.client(f"https://127.0.0.1:{port}/api/v1").list(APP)


# --- base URLs ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "", "getdrio.com/api/v1", "ftp://getdrio.com/api/v1", "https://", "https:///api/v1", "http://[::1/api",
        "https://user:pw@getdrio.com/api/v1", "https://getdrio.com/api/v1?x=1", "https://getdrio.com/api/v1#x",
        "https://get\ndrio.com", "https://getdrio.com:99999999/api", "javascript:alert(1)",
    ],
)  # fmt: skip
def test_invalid_base_url_is_refused_on_construction(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        Transport(text)
    assert "pw" not in str(caught.value)


@pytest.mark.parametrize("host", ["a" * 64 + ".test", "xn--a.test"])
async def test_invalid_host_name_raises_a_drio_error(bench: Bench, host: str) -> None:
    try:
        client = bench.client(f"http://{host}/api/v1")
    except UsageError:
        return
    with pytest.raises((UsageError, ConnectionFailed)):
        await client.list(APP)
