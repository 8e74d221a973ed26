"""Redirects: followed where safe, limited, and never with the token to another origin."""

from __future__ import annotations

import ssl

import pytest
import trustme

from drio_tui.api.errors import NotDrio, RedirectRefused
from drio_tui.api.exchange import Limits
from drio_tui.kinds import APP
from tests.api.conftest import TOKEN, Bench
from tests.api.fault_server import answer, redirect

APPS = {"apps": [{"id": "app_1", "name": "One"}]}
NEW = {"templateId": "support", "name": "One"}


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("location", ["/api/v1/elsewhere?x=1", "elsewhere?x=1", "{origin}/api/v1/elsewhere?x=1"])
async def test_get_follows_redirects_within_the_origin_with_the_token(bench: Bench, code: int, location: str) -> None:
    server = await bench.server()
    server.script = [redirect(code, location.format(origin=server.origin)), answer(APPS)]
    client = bench.client(server.base_url)
    assert len(await client.list(APP)) == 1
    assert server.requests_seen[1].target == "/api/v1/elsewhere?x=1"
    assert server.requests_seen[1].headers["authorization"] == f"Bearer {TOKEN}"


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
async def test_token_is_not_sent_to_another_origin(bench: Bench, host: str) -> None:
    """F16."""
    other = await bench.server(answer(APPS))
    server, client = await bench.pair(redirect(307, f"http://{host}:{other.port}/api/v1/apps"))
    assert len(await client.list(APP)) == 1
    assert server.requests_seen[0].headers["authorization"] == f"Bearer {TOKEN}"
    assert "authorization" not in other.requests_seen[0].headers
    assert TOKEN not in repr(other.requests_seen)


async def test_token_is_sent_again_after_a_redirect_back(bench: Bench) -> None:
    other = await bench.server()
    server, client = await bench.pair(redirect(302, f"{other.origin}/away"), answer(APPS))
    other.script = [redirect(302, f"{server.origin}/home")]
    await client.list(APP)
    assert "authorization" not in other.requests_seen[0].headers
    assert server.requests_seen[1].headers["authorization"] == f"Bearer {TOKEN}"


async def test_credentials_in_a_redirect_url_are_not_used(bench: Bench) -> None:
    other = await bench.server(answer(APPS))
    _, client = await bench.pair(redirect(302, f"http://eve:pw@127.0.0.1:{other.port}/"))
    await client.list(APP)
    assert "authorization" not in other.requests_seen[0].headers


@pytest.mark.parametrize("limit", [0, 1, 5])
async def test_redirect_loop_is_limited(bench: Bench, limit: int) -> None:
    """F16."""
    server, client = await bench.pair(redirect(302, "/api/v1/apps"), limits=Limits(redirects=limit))
    with pytest.raises(RedirectRefused, match=f"more than {limit} redirects"):
        await client.list(APP)
    assert len(server.requests_seen) == limit + 1, "and it is not tried again"


async def test_redirect_from_https_to_http_is_refused(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, isolated: object
) -> None:
    """F16."""
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    with authority.cert_pem.tempfile() as trusted:
        monkeypatch.setenv("SSL_CERT_FILE", trusted)
        plain = await bench.server(answer(APPS))
        server = await bench.server(redirect(301, f"{plain.origin}/api/v1/apps"), tls=context)
        with pytest.raises(RedirectRefused, match="from https to http"):
            await bench.client(server.base_url).list(APP)
    assert len(server.requests_seen) == 1
    assert plain.requests_seen == []


@pytest.mark.parametrize("code", [301, 302, 303])
async def test_redirect_that_would_turn_a_post_into_a_get_is_refused(bench: Bench, code: int) -> None:
    server, client = await bench.pair(redirect(code, "/api/v1/apps"))
    with pytest.raises(RedirectRefused, match=f"redirects a POST with {code}") as caught:
        await client.create(APP, NEW)
    assert len(server.requests_seen) == 1
    assert caught.value.outcome_unknown is (code == 303), "303 says that the result is elsewhere"


@pytest.mark.parametrize("code", [307, 308])
async def test_post_follows_307_and_308_within_the_origin(bench: Bench, code: int) -> None:
    server, client = await bench.pair(redirect(code, "/api/v1/moved"), answer({"app": {"id": "a", "name": "One"}}))
    await client.create(APP, NEW)
    assert [(seen.method, seen.target, seen.json) for seen in server.requests_seen] == [
        ("POST", "/api/v1/apps", NEW),
        ("POST", "/api/v1/moved", NEW),
    ]


@pytest.mark.parametrize("code", [307, 308])
async def test_post_does_not_follow_to_another_origin(bench: Bench, code: int) -> None:
    other = await bench.server(answer(APPS))
    _, client = await bench.pair(redirect(code, f"{other.origin}/api/v1/apps"))
    with pytest.raises(RedirectRefused, match="redirects a POST to"):
        await client.create(APP, NEW)
    assert other.requests_seen == []


@pytest.mark.parametrize(
    "location",
    [
        "file:///etc/passwd",
        "javascript:alert(1)",
        "ftp://127.0.0.1/",
        "http://[::1/",
        "http://a:99999999/",
        "http://\x01/",
    ],
)
async def test_redirect_to_a_non_http_url_is_refused(bench: Bench, location: str) -> None:
    server, client = await bench.pair(redirect(302, location))
    with pytest.raises(RedirectRefused):
        await client.list(APP)
    assert len(server.requests_seen) == 1


async def test_redirect_without_location_raises_not_drio(bench: Bench) -> None:
    _, client = await bench.pair(answer(b"", status=302, media=None))
    with pytest.raises(NotDrio, match="HTTP 302"):
        await client.list(APP)


async def test_cookies_are_neither_stored_nor_sent(bench: Bench) -> None:
    cookie = [("Set-Cookie", "session=s3cret; Path=/")]
    server, client = await bench.pair(answer(APPS, headers=cookie))
    await client.list(APP)
    await client.list(APP)
    assert "cookie" not in server.requests_seen[1].headers
    assert "s3cret" not in repr(bench.exchanges)
