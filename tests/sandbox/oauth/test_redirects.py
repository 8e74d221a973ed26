"""Validation of redirect URIs: exact match except for native loopback ports (RFC 8252 7.3, RFC 9700 2.1)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drio_tui.sandbox.oauth.redirects import matches, redirect_uri_error, with_params
from tests.sandbox.oauth.browser import Browser
from tests.sandbox.oauth.conftest import LOOPBACK, Sandbox

REGISTERED = "http://127.0.0.1:51789/callback"
UNREGISTERED = [
    "http://127.0.0.1.evil.com/callback",
    "http://127.0.0.1.evil.com:51789/callback",
    "http://127.0.0.1:51789@evil.com/callback",
    "http://evil.com@127.0.0.1:51789/callback",
    "http://127.0.0.1:51789\\@evil.com/callback",
    "http://127.0.0.1:51789\\callback",
    "http:\\\\127.0.0.1:51789\\callback",
    "//127.0.0.1:51789/callback",
    "http:///127.0.0.1:51789/callback",
    "http://127.0.0.1:51789//callback",
    "http://127.0.0.1:51789/callback/",
    "http://127.0.0.1:51789/callback/extra",
    "http://127.0.0.1:51789/callback/../other",
    "http://127.0.0.1:51789/./callback",
    "http://127.0.0.1:51789/callback?next=//evil.com",
    "http://127.0.0.1:51789/callback#",
    "http://127.0.0.1:51789/callback#fragment",
    "http://127.0.0.1:51789/callback ",
    " http://127.0.0.1:51789/callback",
    "http://127.0.0.1:51789/callback\n",
    "http://127.0.0.1:51789/Callback",
    "http://127.0.0.1:51789/%63allback",
    "http://127.0.0.1%2Eevil.com/callback",
    "http://127.0.0.1:51789%2F@evil.com/callback",
    "HTTP://127.0.0.1:51789/callback",
    "https://127.0.0.1:51789/callback",
    "ftp://127.0.0.1:51789/callback",
    "javascript://127.0.0.1:51789/callback",
    "http://localhost:51789/callback",
    "http://LOCALHOST:51789/callback",
    "http://[::1]:51789/callback",
    "http://127.0.0.2:51789/callback",
    "http://127.1:51789/callback",
    "http://2130706433:51789/callback",
    "http://0:51789/callback",
    "http://127.0.0.1:/callback",
    "http://127.0.0.1:0/callback",
    "http://127.0.0.1:99999/callback",
    "http://127.0.0.1:+1/callback",
    "http://127.0.0.1:１/callback",  # a digit, but not an ASCII one
    "http://127.0.0.1:51789",
    "http://127.0.0.1:51789/",
    "https://evil.com/callback",
    "evil",
]


@pytest.mark.parametrize("uri", UNREGISTERED)
async def test_unregistered_redirect_uri_shows_an_error_page(sandbox: Sandbox, browser: Browser, uri: str) -> None:
    application = await sandbox.register(REGISTERED)
    response = await browser.http.get(application.authorize_url(redirect_uri=uri))
    assert response.status_code == 400
    assert "location" not in response.headers
    assert response.headers["content-type"].startswith("text/html")
    assert "set-cookie" not in response.headers


@pytest.mark.parametrize("uri", UNREGISTERED)
async def test_web_applications_need_the_exact_port(sandbox: Sandbox, uri: str) -> None:
    assert not matches(uri, [REGISTERED], native=False)
    assert not matches("http://127.0.0.1:1/callback", [REGISTERED], native=False)


@pytest.mark.parametrize("port", ["", ":1", ":80", ":51790", ":65535"])
async def test_native_applications_may_use_any_loopback_port(sandbox: Sandbox, browser: Browser, port: str) -> None:
    application = await sandbox.register(REGISTERED)
    application.redirect_uri = f"http://127.0.0.1{port}/callback"
    await browser.open(application.authorize_url())
    await browser.sign_in()
    await browser.submit(decision="allow")
    assert browser.external_redirect.startswith(f"{application.redirect_uri}?code=")
    assert (await application.exchange(browser.redirect_params["code"])).status_code == 200


async def test_code_is_bound_to_the_port_of_its_redirect_uri(sandbox: Sandbox) -> None:
    application = await sandbox.register(REGISTERED)
    application.redirect_uri = "http://127.0.0.1:40000/callback"
    code = await sandbox.code(application)
    response = await application.exchange(code, redirect_uri=REGISTERED)
    assert (response.status_code, response.json()["error"]) == (400, "invalid_grant")


@pytest.mark.parametrize("missing", ["client_id", "redirect_uri"])
async def test_missing_client_id_or_redirect_uri_shows_an_error_page(
    sandbox: Sandbox, browser: Browser, missing: str
) -> None:
    application = await sandbox.register()
    response = await browser.http.get(application.authorize_url(**{missing: None}))
    assert (response.status_code, response.headers.get("location")) == (400, None)


@pytest.mark.parametrize("client_id", ["client_unknown", "local", "", "%00", "' OR 1=1 --", "x" * 5000, "ü"])
async def test_unknown_client_id_shows_an_error_page(sandbox: Sandbox, browser: Browser, client_id: str) -> None:
    application = await sandbox.register()
    response = await browser.http.get(application.authorize_url(client_id=client_id))
    assert (response.status_code, response.headers.get("location")) == (400, None)


@pytest.mark.parametrize("name", ["client_id", "redirect_uri"])
async def test_repeated_client_id_or_redirect_uri_shows_an_error_page(
    sandbox: Sandbox, browser: Browser, name: str
) -> None:
    application = await sandbox.register()
    url = application.authorize_url() + f"&{name}=https%3A%2F%2Fevil.com"
    response = await browser.http.get(url)
    assert (response.status_code, response.headers.get("location")) == (400, None)


def test_query_of_a_redirect_uri_is_preserved() -> None:
    assert with_params("https://a.b/cb?x=%20y", {"code": "a b"}) == "https://a.b/cb?x=%20y&code=a+b"
    assert with_params("https://a.b/cb", {"code": "c"}) == "https://a.b/cb?code=c"


@given(st.text(max_size=60))
def test_only_the_registered_uri_and_other_ports_match(text: str) -> None:
    for uri in (text, f"http://127.0.0.1{text}", f"http://127.0.0.1:{text}/callback", f"{LOOPBACK}{text}"):
        if matches(uri, [REGISTERED], native=True):
            host, _, path = uri.removeprefix("http://").partition("/")
            name, _, port = host.partition(":")
            assert (name, path) == ("127.0.0.1", "callback")
            assert port == "" or (port.isascii() and port.isdigit() and 0 < int(port) < 65536)


@given(st.text(max_size=60))
def test_registrable_uris_are_ascii_without_fragment(text: str) -> None:
    for uri in (text, f"https://{text}", f"http://127.0.0.1{text}", f"com.example:{text}"):
        if redirect_uri_error(uri, native=True) is None:
            assert uri.isascii()
            assert uri.isprintable()
            assert not set(uri) & set(' #\\"<>')
