"""Discovery: who signs people in for an API, and what is refused before any browser opens."""

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
from drio_tui.auth.www_authenticate import bearer_challenge, scopes
from tests.auth.conftest import Person
from tests.auth.httpd import HTML, HttpServer, Raw, Reply, Request, json_reply
from tests.auth.world import TOKEN, World

PRM = "/.well-known/oauth-protected-resource"


async def found(world: World, total: float = 5.0) -> Discovery:
    async with OAuthHttpClient(total=total) as wire:
        return await discover(wire, world.base_url)


def always(reply: Reply | Raw):
    async def answer(request: Request) -> Reply | Raw:
        return reply

    return answer


async def test_the_challenge_names_where_the_resource_metadata_are(world: World) -> None:
    """B01: `resource_metadata` in `WWW-Authenticate` is followed, wherever it points."""
    world.settings.challenge = f'DPoP algs="x", Bearer error="x", resource_metadata="{world.api.origin}/odd/place"'
    world.api_override["/odd/place"] = always(
        json_reply({"resource": world.base_url, "authorization_servers": [world.issuer]})
    )
    assert (await found(world)).server.issuer == world.issuer
    assert world.api.to(f"{PRM}/api/v1") == []


@pytest.mark.parametrize("challenge", [None, "Bearer", 'Bearer realm="x"', "Basic"])
async def test_without_a_named_address_the_inserted_path_is_tried_first(world: World, challenge: str | None) -> None:
    """B01: the well-known address with the API's path inserted."""
    world.settings.challenge = challenge
    assert (await found(world)).server.issuer == world.issuer


async def test_then_the_root_address_is_tried(world: World) -> None:
    """B01: inserted path first, then the root."""
    world.settings.challenge = None
    world.settings.has_resource_metadata = False
    document = {"resource": world.api.origin, "authorization_servers": [world.issuer]}
    world.api_override[PRM] = always(json_reply(document))
    result = await found(world)
    assert result.resource == world.api.origin
    paths = [r.path for r in world.api.requests]
    assert paths.index(f"{PRM}/api/v1") < paths.index(PRM)


@pytest.mark.parametrize(
    "resource", ["https://elsewhere.example/api/v1", "{origin}/api/v2", "{origin}/api/v1/me", "{origin}/api/v", None, 3]
)
async def test_metadata_for_another_resource_stop_the_sign_in(person: Person, world: World, resource: object) -> None:
    """B02: `resource` must cover the API's address; no browser is opened."""
    value = resource.format(origin=world.api.origin) if isinstance(resource, str) else resource
    world.settings.resource = {"resource": value}
    with pytest.raises((MetadataMismatch, BadAnswer)) as caught:
        await person.signs_in()
    assert person.urls == []
    assert caught.value.step is Step.DISCOVERY
    assert world.idp.requests == []


@pytest.mark.parametrize("layout", ["oauth", "openid", "openid appended", "oauth appended"])
@pytest.mark.parametrize("path", ["", "/tenant/a"])
async def test_all_four_metadata_addresses_are_found(world: World, layout: str, path: str) -> None:
    """B03: path inserted and appended, OAuth and OpenID names."""
    world.settings.layout, world.settings.issuer_path = layout, path
    assert (await found(world)).server.token_endpoint == world.idp.origin + TOKEN


async def test_metadata_that_name_another_issuer_are_rejected(person: Person, world: World) -> None:
    """B04: RFC 8414 section 3.3; both names are told."""
    world.settings.metadata = {"issuer": "https://evil.example"}
    with pytest.raises(MetadataMismatch) as caught:
        await person.signs_in()
    assert "evil.example" in caught.value.message
    assert world.issuer in caught.value.message
    assert person.urls == []


async def test_an_api_without_resource_metadata_may_be_its_own_server(world: World) -> None:
    """B04 (b): no resource metadata, the API's own document, equal issuer."""
    world.settings.has_resource_metadata, world.settings.challenge = False, None
    document = world.metadata() | {"issuer": world.api.origin}
    world.api_override["/.well-known/oauth-authorization-server"] = always(json_reply(document))
    result = await found(world)
    assert result.server.issuer == world.api.origin
    assert result.resource == world.base_url


async def test_a_document_that_delegates_is_not_used_itself(world: World) -> None:
    """B04 (b): another issuer named (AuthKit): it is asked, and none of the first document's endpoints are used."""
    world.settings.has_resource_metadata, world.settings.challenge = False, None
    lure = world.metadata() | {"token_endpoint": "https://evil.example/token"}
    world.api_override["/.well-known/oauth-authorization-server"] = always(json_reply(lure))
    assert (await found(world)).server.token_endpoint == world.idp.origin + TOKEN


async def test_a_delegation_that_is_not_confirmed_stops_and_names_both(world: World) -> None:
    """B04 (c): the named issuer says another name still."""
    world.settings.has_resource_metadata, world.settings.challenge = False, None
    named = world.metadata()
    world.api_override["/.well-known/oauth-authorization-server"] = always(json_reply(named))
    world.settings.metadata = {"issuer": "https://third.example"}
    with pytest.raises(MetadataMismatch) as caught:
        await found(world)
    assert world.issuer in caught.value.message
    assert "third.example" in caught.value.message


async def test_a_delegation_to_plain_http_elsewhere_is_refused(world: World) -> None:
    """B04 B06: the second document is fetched over https only."""
    world.settings.has_resource_metadata, world.settings.challenge = False, None
    document = world.metadata() | {"issuer": "http://id.example"}
    world.api_override["/.well-known/oauth-authorization-server"] = always(json_reply(document))
    with pytest.raises(UnsafeEndpoint):
        await found(world)


@pytest.mark.parametrize("reply", [Reply(500), Reply(503), Reply(429, headers={"Retry-After": "7"})], ids=str)
@pytest.mark.parametrize("which", ["resource", "server"])
async def test_trouble_is_never_taken_for_nothing_there(world: World, reply: Reply, which: str) -> None:
    """B05: 5xx and 429 on metadata are told as such."""
    world.settings.challenge = None
    if which == "resource":
        world.api_override[f"{PRM}/api/v1"] = always(reply)
    else:
        world.override[world.metadata_path] = always(reply)
    with pytest.raises(ServerUnavailable) as caught:
        await found(world)
    assert caught.value.status == reply.status
    assert caught.value.retry_after == (7.0 if reply.status == 429 else None)
    assert not any("openid" in r.path for r in world.idp.requests)


async def test_a_hanging_metadata_address_is_a_timeout(world: World) -> None:
    """B05: and not "no metadata"."""
    world.override[world.metadata_path] = always(Raw(b"", "hang"))
    with pytest.raises(StepTimeout):
        await found(world, total=0.3)


async def test_metadata_that_trickle_in_are_cut_off_in_all(world: World) -> None:
    """B05: the limit is for the whole answer, not for the pause between bytes."""
    world.override[world.metadata_path] = always(Raw(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{", "hang"))
    with pytest.raises(StepTimeout):
        await found(world, total=0.3)


async def test_a_closed_port_is_told_as_unreachable() -> None:
    """B05: nothing listens."""
    async with HttpServer(always(Reply(404))) as gone:
        origin = gone.origin
    async with OAuthHttpClient() as wire:
        with pytest.raises(StepUnreachable) as caught:
            await discover(wire, f"{origin}/api/v1")
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
async def test_unsafe_endpoints_are_refused_before_use(world: World, endpoint: str, address: str) -> None:
    """B06: https, or http to this machine; nothing else."""
    world.settings.metadata = {endpoint: address}
    with pytest.raises(UnsafeEndpoint) as caught:
        await found(world)
    assert endpoint in caught.value.message


@pytest.mark.parametrize("address", ["https://id.example/x", "http://localhost:1/x", "http://[::1]:1/x"])
async def test_https_and_this_machine_are_fine(world: World, address: str) -> None:
    """B06: the other side of the rule."""
    world.settings.metadata = {"token_endpoint": address}
    assert (await found(world)).server.token_endpoint == address


@pytest.mark.parametrize("methods", [None, [], ["plain"]])
async def test_a_server_without_s256_is_refused(person: Person, world: World, methods: object) -> None:
    """B07: with a message, before the browser."""
    world.settings.metadata = {"code_challenge_methods_supported": methods}
    with pytest.raises(PkceMissing):
        await person.signs_in()
    assert person.urls == []


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
async def test_metadata_that_make_no_sense_are_a_clear_error(world: World, reply: Reply) -> None:
    """B09: larger than 1 MiB, not JSON, wrong types."""
    body = reply.body.replace(b'"I"', f'"{world.issuer}"'.encode())
    world.override[world.metadata_path] = always(Reply(reply.status, body, reply.headers))
    with pytest.raises(BadAnswer) as caught:
        await found(world)
    assert caught.value.step is Step.DISCOVERY
    assert "Traceback" not in str(caught.value)


async def test_a_gzip_bomb_is_not_unpacked(world: World) -> None:
    """B09: bounded after decompression too."""
    import gzip

    bomb = gzip.compress(b" " * (64 << 20))
    assert len(bomb) < 1 << 20
    world.override[world.metadata_path] = always(Reply(200, bomb, {"Content-Encoding": "gzip"}))
    with pytest.raises(BadAnswer, match="larger than 1 MiB"):
        await found(world)


async def test_a_page_for_every_path_does_not_hide_the_metadata(world: World) -> None:
    """B09: a host that answers every unknown path with its home page, and the real document at the next address."""
    world.settings.issuer_path, world.settings.layout = "/t", "openid appended"
    world.override["/.well-known/oauth-authorization-server/t"] = always(HTML)
    assert (await found(world)).server.issuer == world.issuer


async def test_redirects_on_metadata_are_followed_a_little(world: World) -> None:
    """B09: a redirect or two are fine, a loop is not."""
    world.override["/there"] = always(json_reply(world.metadata()))
    world.override[world.metadata_path] = always(Reply(302, b"", {"Location": "/there"}))
    assert (await found(world)).server.issuer == world.issuer
    world.override[world.metadata_path] = always(Reply(302, b"", {"Location": world.metadata_path}))
    with pytest.raises(BadAnswer, match="redirects"):
        await found(world)


@pytest.mark.parametrize("target", ["http://id.example/", "ftp://127.0.0.1/", "file:///etc/passwd"])
async def test_metadata_redirects_never_leave_safe_addresses(world: World, target: str) -> None:
    """B09: never to plain http elsewhere, never to another scheme."""
    world.override[world.metadata_path] = always(Reply(302, b"", {"Location": target}))
    with pytest.raises(UnsafeEndpoint):
        await found(world)


@pytest.mark.parametrize("missing", ["authorization_endpoint", "token_endpoint"])
async def test_metadata_without_an_endpoint_name_it(world: World, missing: str) -> None:
    """B09: the message says what is missing."""
    world.settings.metadata = {missing: None}
    with pytest.raises(BadAnswer, match=missing):
        await found(world)


async def test_a_host_without_any_metadata_says_so(world: World) -> None:
    """B03: every address answers 404."""
    world.settings.has_resource_metadata, world.settings.challenge = False, None
    with pytest.raises(NoSignInService):
        await found(world)


async def test_scopes_come_from_the_challenge_first(person: Person, world: World) -> None:
    """B22: the challenge's scope wins over both lists."""
    world.settings.challenge = (
        "Bearer" + f' scope="openid apps:write", resource_metadata="{world.api.origin}{PRM}/api/v1"'
    )
    world.settings.resource = {"scopes_supported": ["other"]}
    assert (await found(world)).scopes == ("openid", "apps:write")


async def test_scopes_come_from_the_resource_then_from_the_server(world: World) -> None:
    """B22: `scopes_supported` of the resource, else of the server."""
    world.settings.resource = {"scopes_supported": ["openid", "email"]}
    assert (await found(world)).scopes == ("openid", "email")
    world.settings.resource = {}
    assert (await found(world)).scopes == ("openid", "profile", "email")


async def test_of_a_servers_own_list_only_what_the_api_needs_is_asked_for(world: World) -> None:
    """B22: that list covers everything the server signs people in for."""
    world.settings.metadata = {"scopes_supported": ["admin", "email", "openid", "billing:write", "offline_access"]}
    assert (await found(world)).scopes == ("email", "openid", "offline_access")
    world.settings.metadata = {"scopes_supported": ["admin"]}
    assert (await found(world)).scopes == ()


async def test_without_any_list_no_scope_is_sent(person: Person, world: World) -> None:
    """B22 B10: `scope` is left out of the address and of the registration, not sent empty."""
    world.settings.metadata = {"scopes_supported": None}
    await person.signs_in()
    assert "scope=" not in person.urls[0]
    assert "scope" not in world.idp.to("/desk/enrol")[0].json


@pytest.mark.parametrize("listed", [True, False])
async def test_offline_access_is_asked_for_only_where_it_is_listed(person: Person, world: World, listed: bool) -> None:
    """B22: two scenarios; with it the consent is asked for (OpenID Connect Core section 11)."""
    world.settings.resource = {"scopes_supported": ["openid"]}
    world.settings.metadata = {"scopes_supported": ["openid", "offline_access"] if listed else ["openid"]}
    await person.signs_in()
    assert ("offline_access" in person.urls[0]) is listed
    assert ("prompt=consent" in person.urls[0]) is listed


async def test_another_issuer_gets_neither_the_old_client_nor_the_old_tokens(person: Person, world: World) -> None:
    """B17: after the API names another server, the old one's client id and tokens are not sent there."""
    first = await person.signs_in()
    async with World() as other:
        world.api_override["/api/v1/me"] = _me_of(world, other)
        world.settings.resource = {"authorization_servers": [other.issuer]}
        second = await person.signs_in()
        sent = b"".join(r.body + r.query.encode() + str(r.headers).encode() for r in other.idp.requests).decode()
    assert second.tokens.issuer == other.issuer
    for secret in (first.tokens.client_id, first.tokens.access_token, first.tokens.refresh_token):
        assert secret is not None
        assert secret not in sent


def _me_of(world: World, other: World):
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
def test_challenges_are_read_as_the_grammar_says(values: list[str], expected: dict[str, str]) -> None:
    """B01: several challenges in one or more headers, quoted strings, noise."""
    assert bearer_challenge(values) == expected


def test_scopes_that_the_grammar_forbids_are_left_out() -> None:
    """B22: no quotes, no control characters, each once."""
    assert scopes('a b a "c" d\x00 e') == ("a", "b", "e")


def test_every_failure_is_one_family() -> None:
    """B09: a caller catches `SignInFailed` and has a title, a step and a hint."""
    for kind in (NoSignInService, MetadataMismatch, UnsafeEndpoint, PkceMissing, BadAnswer, ServerUnavailable):
        error = kind("m")
        assert isinstance(error, SignInFailed)
        assert error.title
        assert error.hint
        assert error.as_dict()["step"] == "discovery"
