"""`DRIO_TOKEN`, private certificate authorities and proxies."""

from __future__ import annotations

import asyncio
import ssl
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
import trustme

from drio_tui.api.errors import UsageError
from drio_tui.auth.bearer import BearerAuth, StaticToken, bearer_for, token_from_environment
from drio_tui.auth.errors import Step, StepUnreachable, UnsafeEndpoint
from drio_tui.auth.oauth_http import OAuthHttpClient
from drio_tui.auth.profiles import Profile, Profiles, variable_of
from drio_tui.storage import paths
from tests.auth.conftest import User
from tests.auth.httpd import HttpServer, Reply, Request, json_reply
from tests.auth.world import SignInServers


async def test_environment_token_overrides_stored_sign_ins(
    user: User, world: SignInServers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """B64: it is named as the source, never stored and never renewed."""
    done = await user.sign_in()
    world.access["from-the-environment"] = "ci@example.com"
    monkeypatch.setenv("DRIO_TOKEN", " from-the-environment\n")
    auth = bearer_for(done.profile, user.store)
    assert auth.source.source == "DRIO_TOKEN"
    assert await auth.token() == "from-the-environment"
    async with httpx.AsyncClient(base_url=world.base_url, auth=auth, trust_env=False) as client:
        assert (await client.get("/things")).json()["account"] == "ci@example.com"
        world.access.clear()
        world.api.requests.clear()
        assert (await client.get("/things")).status_code == 401
    assert len(world.api.requests) == 1
    assert world.refreshes == 0
    for folder in (paths.config_dir(), paths.state_dir()):
        assert not any(b"from-the-environment" in p.read_bytes() for p in folder.rglob("*") if p.is_file())


@pytest.mark.parametrize("value", ["a b", "a\nb: c", "ümlaut", "a\x00b", "a\x7f"])
def test_invalid_environment_token_is_refused_and_not_quoted(value: str) -> None:
    """B64 B68: no header injection, and the message does not contain it."""
    with pytest.raises(UsageError) as caught:
        StaticToken(value, "DRIO_TOKEN")
    assert value not in str(caught.value)


@pytest.mark.parametrize("value", ["", "  "])
def test_blank_environment_token_is_ignored(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    """B64: the variable is unset or blank."""
    monkeypatch.setenv("DRIO_TOKEN", value)
    assert token_from_environment("default") is None


async def test_each_profile_may_have_a_separate_token_and_url_in_the_environment(
    user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """B64: for jobs that use two drios, so that neither gets the token of the other."""
    monkeypatch.setenv("DRIO_URL_STAGING_EU", "staging.example.com")
    monkeypatch.setenv("DRIO_TOKEN_STAGING_EU", "of-staging")
    profile = Profiles.load().resolve("staging-eu")
    assert (profile.name, profile.base_url) == ("staging-eu", "https://staging.example.com/api/v1")
    auth = bearer_for(profile, user.store)
    assert (auth.source.source, await auth.token()) == ("DRIO_TOKEN_STAGING_EU", "of-staging")
    assert token_from_environment("production") is None
    monkeypatch.setenv("DRIO_TOKEN", "of-all")
    assert await bearer_for(profile, user.store).token() == "of-staging"
    assert await bearer_for(replace(profile, name="production"), user.store).token() == "of-all"
    with pytest.raises(UsageError, match="no profile production"):
        Profiles.load().resolve("production")


async def test_the_url_in_the_environment_does_not_replace_that_of_a_sign_in(
    user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """B65: a stored token would be sent to another host."""
    name = (await user.sign_in()).profile.name
    monkeypatch.setenv(variable_of("DRIO_URL", name), "https://elsewhere.example.com")
    with pytest.raises(UsageError, match="is for"):
        Profiles.load().resolve(name)


async def test_environment_token_is_sent_to_the_profiles_host_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """B64 B65."""
    monkeypatch.setenv("DRIO_TOKEN", "from-the-environment")

    async def answer(request: Request) -> Reply:
        return json_reply({"authorization": request.headers.get("authorization")})

    async with HttpServer(answer) as home, HttpServer(answer) as away:
        auth = BearerAuth(StaticToken("t", "x"), f"{home.origin}/api/v1")
        async with httpx.AsyncClient(auth=auth, trust_env=False) as client:
            assert (await client.get(home.origin)).json()["authorization"] == "Bearer t"
            assert (await client.get(away.origin)).json()["authorization"] is None
            for url in ("http://user:pw@127.0.0.1:1/", f"http://localhost:{home.port}/"):
                flow = auth.async_auth_flow(httpx.Request("GET", url, headers={"Authorization": "Bearer t"}))
                sent = await anext(flow)
                assert "authorization" not in sent.headers
                await flow.aclose()


async def https_server(authority: trustme.CA, answer: bytes = b"200 OK\r\nContent-Length: 2") -> asyncio.Server:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 " + answer + b"\r\nConnection: close\r\n\r\n{}")
            await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    return await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)


async def test_private_certificate_authority_is_trusted_when_configured(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """B70: `SSL_CERT_FILE`; without it the certificate is refused with a hint."""
    authority = trustme.CA()
    server = await https_server(authority)
    url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/x"
    try:
        async with OAuthHttpClient() as http:
            with pytest.raises(StepUnreachable) as caught:
                await http.get(url, step=Step.DISCOVERY)
            assert "SSL_CERT_FILE" in caught.value.hint
        authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
        async with OAuthHttpClient() as http:
            assert (await http.get(url, step=Step.DISCOVERY)).json_object() == {}
    finally:
        server.close()
        await server.wait_closed()


async def test_redirect_from_https_to_http_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, world: SignInServers
) -> None:
    """B09: https→http is refused even when it leads to this machine."""
    authority = trustme.CA()
    target = f"{world.idp.origin}{world.metadata_path}".encode()
    server = await https_server(authority, b"302 Found\r\nContent-Length: 2\r\nLocation: " + target)
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    try:
        async with OAuthHttpClient() as http:
            with pytest.raises(UnsafeEndpoint, match="from https"):
                await http.get(f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/x", step=Step.DISCOVERY)
    finally:
        server.close()
        await server.wait_closed()
    assert world.idp.requests == []


async def test_proxy_is_used_for_other_hosts_only(monkeypatch: pytest.MonkeyPatch, world: SignInServers) -> None:
    """B70 F17: `HTTP_PROXY` and `HTTPS_PROXY` are honoured, except for loopback."""
    request_lines: list[str] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request_lines.append((await reader.readline()).decode().strip())
        writer.write(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()
        writer.close()

    proxy = await asyncio.start_server(serve, "127.0.0.1", 0)
    address = f"http://127.0.0.1:{proxy.sockets[0].getsockname()[1]}"
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy"):
        monkeypatch.setenv(name, address)
    try:
        async with OAuthHttpClient() as http:
            assert (await http.get(world.idp.origin + world.metadata_path, step=Step.DISCOVERY)).status == 200
            assert request_lines == []
            with pytest.raises(StepUnreachable):
                await http.get("https://id.example/x", step=Step.DISCOVERY)
            assert request_lines == ["CONNECT id.example:443 HTTP/1.1"]
        monkeypatch.setenv("NO_PROXY", "127.0.0.9")
        async with OAuthHttpClient(connect=2) as http:
            with pytest.raises(StepUnreachable):
                await http.get("https://127.0.0.9:1/x", step=Step.DISCOVERY)
            assert len(request_lines) == 1
    finally:
        proxy.close()
        await proxy.wait_closed()


@pytest.mark.parametrize(
    ("variable", "value"), [("ALL_PROXY", "socks5h://127.0.0.1:1"), ("SSL_CERT_FILE", "/nonexistent/ca.pem")]
)
async def test_invalid_network_settings_are_named_and_do_not_affect_loopback(
    monkeypatch: pytest.MonkeyPatch, world: SignInServers, variable: str, value: str
) -> None:
    """F17: SOCKS needs a package that the base install leaves out; the sandbox needs no proxy."""
    monkeypatch.setenv(variable, value)
    async with OAuthHttpClient() as http:
        assert (await http.get(world.idp.origin + world.metadata_path, step=Step.DISCOVERY)).status == 200
        with pytest.raises(StepUnreachable) as caught:
            await http.get("https://id.example/x", step=Step.DISCOVERY)
    assert "network settings" in str(caught.value)
    assert variable in caught.value.hint


def test_certificate_verification_is_never_disabled() -> None:
    """B70: nothing in the sign-in code disables certificate checks."""
    import drio_tui.auth

    (folder,) = drio_tui.auth.__path__
    sources = [p.read_text() for p in Path(folder).glob("*.py")]
    assert len(sources) > 15
    assert not any("verify=False" in s or "CERT_NONE" in s or "check_hostname" in s for s in sources)


def test_plain_http_base_urls_of_other_hosts_are_refused() -> None:
    """B65 B06: the one place that could send a token in clear text."""
    from drio_tui.auth.profiles import normalize_base_url

    with pytest.raises(UsageError):
        normalize_base_url("http://getdrio.com")
    assert Profile("p", "http://127.0.0.1:1/api/v1").origin == "http://127.0.0.1:1"
