"""Discovery: finding the authorization server of an API, and what is refused before a browser opens."""

from __future__ import annotations

import pytest

from drio_tui.auth.discovery import Discovery, discover
from drio_tui.auth.errors import (
    BadAnswer,
    MetadataMismatch,
    NoSignInService,
    PkceMissing,
    ServerUnavailable,
    SignInFailed,
    Step,
    StepTimeout,
    StepUnreachable,
    UnsafeEndpoint,
)
from drio_tui.auth.oauth_http import OAuthHttpClient
from drio_tui.auth.www_authenticate import bearer_challenge, parse_scopes
from tests.auth.conftest import User
from tests.auth.httpd import HTML, HttpServer, Raw, Reply, Request, json_reply
from tests.auth.world import TOKEN, SignInServers

PRM = "/.well-known/oauth-protected-resource"


async def run_discovery(world: SignInServers, total: float = 5.0) -> Discovery:
    async with OAuthHttpClient(total=total) as http:
        return await discover(http, world.base_url)


def always(reply: Reply | Raw):
    async def answer(request: Request) -> Reply | Raw:
        return reply

    return answer


async def test_resource_metadata_url_is_taken_from_the_challenge(world: SignInServers) -> None:
    """B01: `resource_metadata` in `WWW-Authenticate` is followed, wherever it points."""
    world.settings.challenge = f'DPoP algs="x", Bearer error="x", resource_metadata="{world.api.origin}/odd/place"'
    world.api_override["/odd/place"] = always(
        json_reply({"resource": world.base_url, "authorization_servers": [world.issuer]})
    )
    assert (await run_discovery(world)).server.issuer == world.issuer
    assert world.api.requests_to(f"{PRM}/api/v1") == []


@pytest.mark.parametrize("challenge", [None, "Bearer", 'Bearer realm="x"', "Basic"])
async def test_without_a_challenge_url_the_well_known_url_with_path_is_tried(
    world: SignInServers, challenge: str | None
) -> None:
    """B01: the well-known address with the API's path inserted."""
    world.settings.challenge = challenge
    assert (await run_discovery(world)).server.issuer == world.issuer


async def test_root_well_known_url_is_tried_second(world: SignInServers) -> None:
    """B01: inserted path first, then the root."""
    world.settings.challenge = None
    world.settings.has_resource_metadata = False
    document = {"resource": world.api.origin, "authorization_servers": [world.issuer]}
    world.api_override[PRM] = always(json_reply(document))
    result = await run_discovery(world)
    assert result.resource == world.api.origin
    paths = [r.path for r in world.api.requests]
    assert paths.index(f"{PRM}/api/v1") < paths.index(PRM)


@pytest.mark.parametrize(
    "resource", ["https://elsewhere.example/api/v1", "{origin}/api/v2", "{origin}/api/v1/me", "{origin}/api/v", None, 3]
)
async def test_metadata_for_another_resource_are_rejected(user: User, world: SignInServers, resource: object) -> None:
    """B02: `resource` must cover the API's address; no browser is opened."""
    value = resource.format(origin=world.api.origin) if isinstance(resource, str) else resource
    world.settings.resource = {"resource": value}
    with pytest.raises((MetadataMismatch, BadAnswer)) as caught:
        await user.sign_in()
    assert user.urls == []
    assert caught.value.step is Step.DISCOVERY
    assert world.idp.requests == []


@pytest.mark.parametrize("layout", ["oauth", "openid", "openid appended", "oauth appended"])
@pytest.mark.parametrize("path", ["", "/tenant/a"])
async def test_all_four_metadata_urls_are_tried(world: SignInServers, layout: str, path: str) -> None:
    """B03: path inserted and appended, OAuth and OpenID names."""
    world.settings.layout, world.settings.issuer_path = layout, path
    assert (await run_discovery(world)).server.token_endpoint == world.idp.origin + TOKEN


async def test_metadata_that_name_another_issuer_are_rejected(user: User, world: SignInServers) -> None:
    """B04: RFC 8414 section 3.3; the message has both names."""
    world.settings.metadata = {"issuer": "https://evil.example"}
    with pytest.raises(MetadataMismatch) as caught:
        await user.sign_in()
    assert "evil.example" in caught.value.message
    assert world.issuer in caught.value.message
    assert user.urls == []


async def test_api_without_resource_metadata_can_be_its_own_authorization_server(world: SignInServers) -> None:
    """B04 (b): no resource metadata, the API's own document, equal issuer."""
    world.settings.has_resource_metadata, world.settings.challenge = False, None
    document = world.metadata() | {"issuer": world.api.origin}
    world.api_override["/.well-known/oauth-authorization-server"] = always(json_reply(document))
    result = await run_discovery(world)
    assert result.server.issuer == world.api.origin
    assert result.resource == world.base_url


async def test_endpoints_of_metadata_that_name_another_issuer_are_not_used(world: SignInServers) -> None:
    """B04 (b): they name another issuer (AuthKit): its own metadata are fetched and used."""
    world.settings.has_resource_metadata, world.settings.challenge = False, None
    lure = world.metadata() | {"token_endpoint": "https://evil.example/token"}
    world.api_override["/.well-known/oauth-authorization-server"] = always(json_reply(lure))
    assert (await run_discovery(world)).server.token_endpoint == world.idp.origin + TOKEN


async def test_delegation_that_the_named_issuer_does_not_confirm_is_rejected(world: SignInServers) -> None:
    """B04 (c): the named issuer's own metadata name a third issuer; the message has both."""
    world.settings.has_resource_metadata, world.settings.challenge = False, None
    named = world.metadata()
    world.api_override["/.well-known/oauth-authorization-server"] = always(json_reply(named))
    world.settings.metadata = {"issuer": "https://third.example"}
    with pytest.raises(MetadataMismatch) as caught:
        await run_discovery(world)
    assert world.issuer in caught.value.message
    assert "third.example" in caught.value.message


async def test_delegation_to_plain_http_is_refused(world: SignInServers) -> None:
    """B04 B06: the second document is fetched over https only."""
    world.settings.has_resource_metadata, world.settings.challenge = False, None
    document = world.metadata() | {"issuer": "http://id.example"}
    world.api_override["/.well-known/oauth-authorization-server"] = always(json_reply(document))
    with pytest.raises(UnsafeEndpoint):
        await run_discovery(world)


@pytest.mark.parametrize("reply", [Reply(500), Reply(503), Reply(429, headers={"Retry-After": "7"})], ids=str)
@pytest.mark.parametrize("which", ["resource", "server"])
async def test_server_errors_do_not_count_as_missing_metadata(world: SignInServers, reply: Reply, which: str) -> None:
    """B05: 5xx and 429 on metadata raise `ServerUnavailable`."""
    world.settings.challenge = None
    if which == "resource":
        world.api_override[f"{PRM}/api/v1"] = always(reply)
    else:
        world.override[world.metadata_path] = always(reply)
    with pytest.raises(ServerUnavailable) as caught:
        await run_discovery(world)
    assert caught.value.status == reply.status
    assert caught.value.retry_after == (7.0 if reply.status == 429 else None)
    assert not any("openid" in r.path for r in world.idp.requests)


async def test_hanging_metadata_request_times_out(world: SignInServers) -> None:
    """B05: it does not count as missing metadata."""
    world.override[world.metadata_path] = always(Raw(b"", "hang"))
    with pytest.raises(StepTimeout):
        await run_discovery(world, total=0.3)


async def test_time_limit_covers_the_whole_metadata_response(world: SignInServers) -> None:
    """B05: the limit is for the whole response, not for the pause between bytes."""
    world.override[world.metadata_path] = always(Raw(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{", "hang"))
    with pytest.raises(StepTimeout):
        await run_discovery(world, total=0.3)


async def test_closed_port_is_reported_as_unreachable() -> None:
    """B05: the server has been closed."""
    async with HttpServer(always(Reply(404))) as gone:
        origin = gone.origin
    async with OAuthHttpClient() as http:
        with pytest.raises(StepUnreachable) as caught:
            await discover(http, f"{origin}/api/v1")
    assert caught.value.step is Step.DISCOVERY


@pytest.mark.parametrize(
    "endpoint", ["authorization_endpoint", "token_endpoint", "registration_endpoint", "revocation_endpoint"]
)
@pytest.mark.parametrize(
    "address",
    [
        "http://id.example/x",
        "http://127.0.0.1.evil.example/x",
        "http://0.0.0.0/x",
        "ftp://127.0.0.1/x",
        "javascript:alert(1)",
        "file:///etc/passwd",
        "//id.example/x",
        "/relative",
        "https://user@id.example/x",
        "https://id.example/x#frag",
        "https://id.example\\@evil.example/x",
        "https://id.example/a b",
        "https://",
    ],
)
async def test_unsafe_endpoints_are_refused_before_use(world: SignInServers, endpoint: str, address: str) -> None:
    """B06: only https, or http to this machine."""
    world.settings.metadata = {endpoint: address}
    with pytest.raises(UnsafeEndpoint) as caught:
        await run_discovery(world)
    assert endpoint in caught.value.message


@pytest.mark.parametrize("address", ["https://id.example/x", "http://localhost:1/x", "http://[::1]:1/x"])
async def test_https_and_loopback_endpoints_are_accepted(world: SignInServers, address: str) -> None:
    """B06: https anywhere, and http to this machine."""
    world.settings.metadata = {"token_endpoint": address}
    assert (await run_discovery(world)).server.token_endpoint == address


@pytest.mark.parametrize("methods", [None, [], ["plain"]])
async def test_a_server_without_s256_is_refused(user: User, world: SignInServers, methods: object) -> None:
    """B07: before a browser opens."""
    world.settings.metadata = {"code_challenge_methods_supported": methods}
    with pytest.raises(PkceMissing):
        await user.sign_in()
    assert user.urls == []


@pytest.mark.parametrize(
    "reply",
    [
        HTML,
        Reply(200, b""),
        Reply(200, b"null"),
        Reply(200, b"[1]"),
        Reply(200, b'{"issuer": 1'),
        Reply(200, b"[" * 100_000),
        Reply(200, b'{"x": "' + b"y" * (1 << 20) + b'"}'),
        Reply(200, b"\xff\xfe\x00"),
        json_reply({"issuer": "I", "token_endpoint": 5}),
        json_reply({"issuer": "I", "code_challenge_methods_supported": "S256"}),
        json_reply({"issuer": ["x"]}),
        Reply(200, b"\x1f\x8bnot gzip", {"Content-Encoding": "gzip"}),
        Reply(200, b"{}", {"Content-Encoding": "br"}),
    ],
    ids=range(13),
)
async def test_malformed_metadata_raise_bad_answer(world: SignInServers, reply: Reply) -> None:
    """B09: larger than 1 MiB, not JSON, wrong types."""
    body = reply.body.replace(b'"I"', f'"{world.issuer}"'.encode())
    world.override[world.metadata_path] = always(Reply(reply.status, body, reply.headers))
    with pytest.raises(BadAnswer) as caught:
        await run_discovery(world)
    assert caught.value.step is Step.DISCOVERY
    assert "Traceback" not in str(caught.value)


async def test_a_gzip_bomb_is_not_unpacked(world: SignInServers) -> None:
    """B09: bounded after decompression too."""
    import gzip

    bomb = gzip.compress(b" " * (64 << 20))
    assert len(bomb) < 1 << 20
    world.override[world.metadata_path] = always(Reply(200, bomb, {"Content-Encoding": "gzip"}))
    with pytest.raises(BadAnswer, match="larger than 1 MiB"):
        await run_discovery(world)


async def test_html_page_at_one_metadata_url_does_not_hide_the_next(world: SignInServers) -> None:
    """B09: a host that answers every unknown path with its home page, and the real document at the next address."""
    world.settings.issuer_path, world.settings.layout = "/t", "openid appended"
    world.override["/.well-known/oauth-authorization-server/t"] = always(HTML)
    assert (await run_discovery(world)).server.issuer == world.issuer


async def test_metadata_redirects_are_followed_up_to_a_limit(world: SignInServers) -> None:
    """B09: one redirect is followed, a loop raises."""
    world.override["/there"] = always(json_reply(world.metadata()))
    world.override[world.metadata_path] = always(Reply(302, b"", {"Location": "/there"}))
    assert (await run_discovery(world)).server.issuer == world.issuer
    world.override[world.metadata_path] = always(Reply(302, b"", {"Location": world.metadata_path}))
    with pytest.raises(BadAnswer, match="redirects"):
        await run_discovery(world)


@pytest.mark.parametrize("target", ["http://id.example/", "ftp://127.0.0.1/", "file:///etc/passwd"])
async def test_metadata_redirects_to_unsafe_urls_are_refused(world: SignInServers, target: str) -> None:
    """B09: never to plain http elsewhere, never to another scheme."""
    world.override[world.metadata_path] = always(Reply(302, b"", {"Location": target}))
    with pytest.raises(UnsafeEndpoint):
        await run_discovery(world)


@pytest.mark.parametrize("missing", ["authorization_endpoint", "token_endpoint"])
async def test_missing_endpoint_is_named_in_the_error(world: SignInServers, missing: str) -> None:
    """B09: the message says what is missing."""
    world.settings.metadata = {missing: None}
    with pytest.raises(BadAnswer, match=missing):
        await run_discovery(world)


async def test_host_without_any_metadata_is_reported(world: SignInServers) -> None:
    """B03: every address answers 404."""
    world.settings.has_resource_metadata, world.settings.challenge = False, None
    with pytest.raises(NoSignInService):
        await run_discovery(world)


async def test_scopes_come_from_the_challenge_first(user: User, world: SignInServers) -> None:
    """B22: the challenge's scope wins over both lists."""
    world.settings.challenge = (
        "Bearer" + f' scope="openid apps:write", resource_metadata="{world.api.origin}{PRM}/api/v1"'
    )
    world.settings.resource = {"scopes_supported": ["other"]}
    assert (await run_discovery(world)).scopes == ("openid", "apps:write")


async def test_scopes_come_from_the_resource_then_from_the_server(world: SignInServers) -> None:
    """B22: `scopes_supported` of the resource, else of the server."""
    world.settings.resource = {"scopes_supported": ["openid", "email"]}
    assert (await run_discovery(world)).scopes == ("openid", "email")
    world.settings.resource = {}
    assert (await run_discovery(world)).scopes == ("openid", "profile", "email")


async def test_only_api_scopes_of_the_servers_list_are_requested(world: SignInServers) -> None:
    """B22: the server's list covers all of its resources."""
    world.settings.metadata = {"scopes_supported": ["admin", "email", "openid", "billing:write", "offline_access"]}
    assert (await run_discovery(world)).scopes == ("email", "openid", "offline_access")
    world.settings.metadata = {"scopes_supported": ["admin"]}
    assert (await run_discovery(world)).scopes == ()


async def test_without_listed_scopes_no_scope_is_sent(user: User, world: SignInServers) -> None:
    """B22 B10: `scope` is omitted from the URL and the registration, not sent empty."""
    world.settings.metadata = {"scopes_supported": None}
    await user.sign_in()
    assert "scope=" not in user.urls[0]
    assert "scope" not in world.idp.requests_to("/desk/enrol")[0].json


@pytest.mark.parametrize("listed", [True, False])
async def test_offline_access_is_requested_only_where_it_is_listed(
    user: User, world: SignInServers, listed: bool
) -> None:
    """B22: with `prompt=consent` (OpenID Connect Core section 11)."""
    world.settings.resource = {"scopes_supported": ["openid"]}
    world.settings.metadata = {"scopes_supported": ["openid", "offline_access"] if listed else ["openid"]}
    await user.sign_in()
    assert ("offline_access" in user.urls[0]) is listed
    assert ("prompt=consent" in user.urls[0]) is listed


async def test_client_and_tokens_of_one_issuer_are_not_sent_to_another(user: User, world: SignInServers) -> None:
    """B17: after the API names another server, the old one's client id and tokens are not sent there."""
    first = await user.sign_in()
    async with SignInServers() as other:
        world.api_override["/api/v1/me"] = _me_of(world, other)
        world.settings.resource = {"authorization_servers": [other.issuer]}
        second = await user.sign_in()
        sent = b"".join(r.body + r.query.encode() + str(r.headers).encode() for r in other.idp.requests).decode()
    assert second.tokens.issuer == other.issuer
    for secret in (first.tokens.client_id, first.tokens.access_token, first.tokens.refresh_token):
        assert secret is not None
        assert secret not in sent


def _me_of(world: SignInServers, other: SignInServers):
    async def me(request: Request) -> Reply:
        account = other.bearer(request) or world.bearer(request)
        return world.refuse() if account is None else json_reply({"user": {"id": f"user_{account}", "email": account}})

    return me


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([], {}),
        (['Bearer a="1", b=2'], {"a": "1", "b": "2"}),
        (['bearer a="x\\"y, Bearer"'], {"a": 'x"y, Bearer'}),
        (['Basic realm="a, Bearer x", Bearer scope="s t"'], {"scope": "s t"}),
        (["Negotiate abc==", 'BEARER error="e"'], {"error": "e"}),
        (['Bearer a="1", Basic a="2"'], {"a": "1"}),
        (['Bearer a="unterminated'], {}),
        (["=,,;;\x00" * 5000], {}),
    ],
)
def test_challenges_are_parsed_by_the_grammar(values: list[str], expected: dict[str, str]) -> None:
    """B01: several challenges in one or more headers, quoted strings, noise."""
    assert bearer_challenge(values) == expected


def test_invalid_scopes_are_left_out() -> None:
    """B22: quotes, control characters and duplicates."""
    assert parse_scopes('a b a "c" d\x00 e') == ("a", "b", "e")


def test_every_error_is_a_sign_in_failed_with_title_step_and_hint() -> None:
    """B09: so that a caller needs to catch `SignInFailed` only."""
    for kind in (NoSignInService, MetadataMismatch, UnsafeEndpoint, PkceMissing, BadAnswer, ServerUnavailable):
        error = kind("m")
        assert isinstance(error, SignInFailed)
        assert error.title
        assert error.hint
        assert error.as_dict()["step"] == "discovery"
