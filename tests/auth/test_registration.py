"""Dynamic client registration and which client a sign-in uses."""

from __future__ import annotations

import socket
from urllib.parse import urlsplit

import pytest

from drio_tui.auth import registration
from drio_tui.auth.client_store import Client, ClientRegistrationStore
from drio_tui.auth.errors import (
    BadAnswer,
    RedirectUriChanged,
    RegistrationRefused,
    RegistrationUnavailable,
    ServerUnavailable,
    SignInFailed,
)
from drio_tui.auth.token_manager import TokenManager
from tests.auth.conftest import FakeClock, User
from tests.auth.httpd import HTML, Raw, Reply, Request, always, json_reply
from tests.auth.world import REGISTER, TOKEN, SignInServers


async def test_registration_request_describes_a_native_public_client(user: User, world: SignInServers) -> None:
    """B10: name, native, no secret, the exact redirect URI."""
    await user.sign_in()
    body = world.idp.requests_to(REGISTER)[0].json
    assert body == {
        "client_name": "drio-tui",
        "application_type": "native",
        "redirect_uris": body["redirect_uris"],
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
        "token_endpoint_auth_method": "none",
        "scope": "openid profile email",
    }
    (uri,) = body["redirect_uris"]
    assert urlsplit(uri).hostname == "127.0.0.1"
    assert urlsplit(uri).path == "/callback"


@pytest.mark.parametrize("status", [200, 201])
async def test_registration_accepts_200_and_201(user: User, world: SignInServers, status: int) -> None:
    """B11: 201 as in the RFC, 200 as some servers send."""
    world.settings.registration_status = status
    assert (await user.sign_in()).account.label


async def test_registered_client_id_is_used(user: User, world: SignInServers) -> None:
    """B11: the returned client id and method win over what was sent."""
    world.settings.registration = {"client_id": "theirs", "redirect_uris": None}
    done = await user.sign_in()
    assert done.tokens.client_id == "theirs"
    assert world.idp.requests_to(TOKEN)[0].form["client_id"] == "theirs"


@pytest.mark.parametrize("uris", [["http://localhost:1/callback"], [], "http://127.0.0.1/callback", [3]])
async def test_changed_redirect_uris_fail_the_sign_in(user: User, world: SignInServers, uris: object) -> None:
    """B11: the client is not stored."""
    world.settings.registration = {"redirect_uris": uris}
    with pytest.raises(RedirectUriChanged):
        await user.sign_in()
    assert user.urls == []
    assert ClientRegistrationStore().for_issuer(world.issuer) == []


@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post"])
async def test_client_secret_is_sent_by_the_registered_method(user: User, world: SignInServers, method: str) -> None:
    """B12: basic and post; the test server refuses any other method."""
    world.settings.secret_method = method
    world.settings.registration = {"client_id": "id with:odd/chars+%"}
    done = await user.sign_in()
    assert done.tokens.auth_method == method
    manager = TokenManager(done.profile, user.store, clock=user.clock)
    user.clock.pass_time(299)
    assert await manager.token() != done.tokens.access_token


async def test_client_secret_without_a_method_is_sent_by_basic(user: User, world: SignInServers) -> None:
    """B12: RFC 7591's default."""
    world.settings.registration = {"token_endpoint_auth_method": None, "client_secret": "secret-of-theirs"}

    async def look(request: Request) -> Reply:
        return json_reply({"seen": request.headers.get("authorization", "")}, 400)

    world.override[TOKEN] = look
    with pytest.raises(SignInFailed):
        await user.sign_in()
    assert world.idp.requests_to(TOKEN)[0].headers["authorization"].startswith("Basic ")
    assert "client_secret" not in world.idp.requests_to(TOKEN)[0].form


async def test_client_secret_is_in_the_token_store_and_not_in_the_clients_file(
    user: User, world: SignInServers
) -> None:
    """B12: stored as a secret; a registration token likewise."""
    world.settings.secret_method = "client_secret_post"
    world.settings.registration = {
        "registration_access_token": "regtok-12345",
        "registration_client_uri": "https://x/y",
    }
    await user.sign_in()
    text = ClientRegistrationStore().path.read_text()
    assert "secret-" not in text
    assert "regtok-" not in text
    (client,) = ClientRegistrationStore().for_issuer(world.issuer)
    kept = await user.store.get_secret(client.secret_entry)
    assert kept is not None
    assert "secret-" in kept
    assert "regtok-12345" in kept
    assert "secret-" not in repr(client.with_secrets(kept))


async def test_where_a_public_client_is_refused_a_listed_secret_method_is_used(
    user: User, world: SignInServers
) -> None:
    """B12: `none` first, and after a refusal the first usable method in the metadata."""
    world.settings.metadata = {"token_endpoint_auth_methods_supported": ["private_key_jwt", "client_secret_post"]}
    world.settings.secret_method = "client_secret_post"

    async def refuse_public(request: Request) -> Reply:
        if request.json["token_endpoint_auth_method"] == "none":
            return json_reply({"error": "invalid_client_metadata"}, 400)
        return world._register(request)

    world.override[REGISTER] = refuse_public
    assert (await user.sign_in()).tokens.auth_method == "client_secret_post"


async def test_an_expired_secret_means_registering_again_before_the_browser(
    user: User, world: SignInServers, clock: FakeClock
) -> None:
    """B13: `client_secret_expires_at` in the past."""
    world.settings.secret_method = "client_secret_post"
    world.settings.registration = {"client_secret_expires_at": int(clock.wall()) + 1000}
    await user.sign_in()
    await user.sign_in()
    assert len(world.idp.requests_to(REGISTER)) == 1
    clock.pass_time(1001)
    done = await user.sign_in()
    assert len(world.idp.requests_to(REGISTER)) == 2
    assert done.tokens.client_id in user.urls[-1]


async def test_no_registration_endpoint_asks_for_a_client_id(user: User, world: SignInServers) -> None:
    """B14: the hint names the option, and the option works without registering."""
    world.settings.metadata = {"registration_endpoint": None}
    with pytest.raises(RegistrationUnavailable) as caught:
        await user.sign_in()
    assert "--client-id" in caught.value.hint
    world.clients["by-hand"] = {"token_endpoint_auth_method": "none"}
    done = await user.sign_in(client_id="by-hand")
    assert done.tokens.client_id == "by-hand"
    assert done.profile.client == "by-hand"
    again = await user.sign_in()
    assert again.tokens.client_id == "by-hand"
    assert world.idp.requests_to(REGISTER) == []


@pytest.mark.parametrize(
    ("status", "words"), [(403, "only clients it knows"), (429, "no more clients"), (400, "ask us")]
)
async def test_a_refused_registration_is_explained(user: User, world: SignInServers, status: int, words: str) -> None:
    """B14: 403 and 429 are explained, with the server's description."""
    world.settings.registration_status = status
    with pytest.raises(RegistrationRefused) as caught:
        await user.sign_in()
    assert words in caught.value.message
    assert caught.value.hint


@pytest.mark.parametrize("reply", [HTML, json_reply({}), json_reply({"client_id": 4}), Reply(201, b"")], ids=range(4))
async def test_malformed_registration_raises_bad_answer(user: User, world: SignInServers, reply: Reply) -> None:
    """B11: no client id, no JSON."""
    world.override[REGISTER] = always(reply)
    with pytest.raises(BadAnswer):
        await user.sign_in()


@pytest.mark.parametrize(
    ("property_name", "value"),
    [
        ("client_id", "abc\x1b]52;c;x\x07"),
        ("client_id", "abc\r\nX-Header: 1"),
        ("client_id", "ab\u202ec"),
        ("client_id", "x" * 5000),
        ("client_secret", "s\n"),
        ("client_secret", "s" * 5000),
        ("registration_access_token", "t t"),
        ("registration_client_uri", "https://x/\x1b"),
        ("scope", "openid\x00"),
    ],
)
async def test_a_registration_with_control_characters_or_absurd_lengths_is_refused(
    user: User, world: SignInServers, property_name: str, value: str
) -> None:
    """B11: before it reaches a URL, a header, a file or the screen."""
    world.settings.secret_method = "client_secret_post" if property_name == "client_secret" else None
    world.settings.registration = {property_name: value}
    with pytest.raises(BadAnswer) as caught:
        await user.sign_in()
    assert property_name in caught.value.message
    assert caught.value.message.isprintable()
    assert user.urls == []
    assert ClientRegistrationStore().for_issuer(world.issuer) == []


async def test_stored_client_with_an_invalid_id_is_ignored(world: SignInServers, clock: FakeClock) -> None:
    """B11: an earlier version may have stored one."""
    clients = ClientRegistrationStore()
    clients.add(Client("good", "https://i"))
    clients.add(Client("bad\x1b", "https://i"))
    reloaded = ClientRegistrationStore()
    assert [c.client_id for c in reloaded.for_issuer("https://i")] == ["good"]
    assert reloaded.notices == []


async def test_a_server_that_refuses_the_scopes_registers_with_its_own(user: User, world: SignInServers) -> None:
    """B10 B22: with a second request, without `scope`."""

    async def strict(request: Request) -> Reply:
        if "scope" in request.json:
            return json_reply({"error": "invalid_client_metadata", "error_description": "Scope not allowed"}, 400)
        return world._register(request)

    world.override[REGISTER] = strict
    world.settings.registration = {"scope": "openid"}
    await user.sign_in()
    assert len(world.idp.requests_to(REGISTER)) == 2
    assert "scope=openid&" in user.urls[0] + "&"


async def test_an_error_under_status_200_is_a_refused_registration(user: User, world: SignInServers) -> None:
    """B14: with the server's message."""
    world.override[REGISTER] = always(
        json_reply({"error": "invalid_software_statement", "error_description": "not on the list"})
    )
    with pytest.raises(RegistrationRefused, match="invalid_software_statement: not on the list"):
        await user.sign_in()


async def test_server_error_of_the_registration_is_not_a_refusal(user: User, world: SignInServers) -> None:
    """B14: 503 raises `ServerUnavailable`."""
    world.settings.registration_status = 503
    with pytest.raises(ServerUnavailable):
        await user.sign_in()


async def test_a_second_sign_in_reuses_the_client_and_its_port(user: User, world: SignInServers) -> None:
    """B15: no second registration while the port is free."""
    await user.sign_in()
    await user.sign_in()
    assert len(world.idp.requests_to(REGISTER)) == 1
    first, second = (r.form["redirect_uri"] for r in world.idp.requests_to(TOKEN))
    assert first == second


MANAGED = "/desk/client/1"


def serve_registration(world: SignInServers, *answers: Reply | Raw) -> list[str]:
    """Register clients with an RFC 7592 URI that gives `answers` in turn; return the list of tokens it receives."""
    world.settings.registration = {
        "registration_access_token": "regtok-first",
        "registration_client_uri": world.idp.origin + MANAGED,
    }
    remaining, sent = list(answers), []

    async def read(request: Request) -> Reply | Raw:
        sent.append(request.headers["authorization"].removeprefix("Bearer "))
        return remaining.pop(0) if remaining else json_reply({})

    world.override[MANAGED] = read
    return sent


@pytest.mark.parametrize(
    "answer",
    [
        Reply(401),
        Reply(404),
        json_reply({"error": "invalid_client"}, 400),
        json_reply({"client_id": "c", "redirect_uris": ["http://127.0.0.1:1/callback"]}),
    ],
    ids=["401", "404", "invalid_client", "other redirect URIs"],
)
async def test_client_deleted_at_the_server_is_detected_before_the_browser_opens(
    user: User, world: SignInServers, answer: Reply
) -> None:
    """B35 B15: by the registration URI (RFC 7592); one new client is registered."""
    sent = serve_registration(world, answer)
    first = await user.sign_in()
    second = await user.sign_in()
    assert sent == ["regtok-first"]
    assert len(world.idp.requests_to(REGISTER)) == 2
    assert [first.tokens.client_id in url for url in user.urls] == [True, False]
    assert [c.client_id for c in ClientRegistrationStore().for_issuer(world.issuer)] == [second.tokens.client_id]


@pytest.mark.parametrize(
    "answer",
    [json_reply({}), Reply(403), Reply(500), HTML, Raw(b"", "reset"), Raw(b"", "hang")],
    ids=["still there", "403", "500", "page", "reset", "hang"],
)
async def test_client_is_reused_unless_the_server_confirms_its_deletion(
    user: User, world: SignInServers, answer: Reply | Raw, monkeypatch: pytest.MonkeyPatch
) -> None:
    """B15 B35: a registration URI that does not respond delays the sign-in by 5 s at most."""
    assert registration._READ_SECONDS == 5.0
    monkeypatch.setattr(registration, "_READ_SECONDS", 0.2)
    sent = serve_registration(world, answer)
    await user.sign_in()
    await user.sign_in()
    assert len(sent) == 1
    assert len(world.idp.requests_to(REGISTER)) == 1


async def test_new_registration_token_replaces_the_old_one(user: User, world: SignInServers) -> None:
    """B12: RFC 7592 section 3; it is in the token store."""
    sent = serve_registration(world, json_reply({"registration_access_token": "regtok-second"}))
    for _ in range(3):
        await user.sign_in()
    assert sent == ["regtok-first", "regtok-second"]
    assert "regtok" not in ClientRegistrationStore().path.read_text()


@pytest.mark.parametrize("uri", [None, "http://elsewhere.example/clients/1"])
async def test_registration_token_without_a_usable_uri_is_not_stored(
    user: User, world: SignInServers, uri: str | None
) -> None:
    """B12: it is of no use."""
    world.settings.registration = {"registration_access_token": "regtok-12345", "registration_client_uri": uri}
    await user.sign_in()
    (client,) = ClientRegistrationStore().for_issuer(world.issuer)
    assert not client.has_secrets
    assert client.registration_uri is None
    assert await user.store.get_secret(client.secret_entry) is None


async def test_a_taken_port_registers_one_new_client_and_the_old_token_still_refreshes(
    user: User, world: SignInServers, clock: FakeClock
) -> None:
    """B16: the old refresh token is sent with the old client id."""
    first = await user.sign_in()
    (client,) = ClientRegistrationStore().for_issuer(world.issuer)
    port = urlsplit(client.redirect_uris[0]).port
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(("127.0.0.1", port))
        taken.listen()
        world.settings.account = "bob@example.com"
        second = await user.sign_in()
    assert len(world.idp.requests_to(REGISTER)) == 2
    assert second.tokens.client_id != first.tokens.client_id
    assert second.profile.name != first.profile.name
    clock.pass_time(299)
    await TokenManager(first.profile, user.store, clock=clock).token()
    refreshing = world.idp.requests_to(TOKEN)[-1].form
    assert refreshing["grant_type"] == "refresh_token"
    assert refreshing["client_id"] == first.tokens.client_id
    assert len(world.idp.requests_to(REGISTER)) == 2


def test_damaged_clients_file_means_registering_again(clock: FakeClock) -> None:
    """B15: with a notice."""
    clients = ClientRegistrationStore()
    clients.add(Client("c", "https://i", ("http://127.0.0.1:1/callback",)))
    assert [c.client_id for c in ClientRegistrationStore().for_issuer("https://i")] == ["c"]
    clients.path.write_bytes(b"\x00{")
    reloaded = ClientRegistrationStore()
    assert reloaded.for_issuer("https://i") == []
    assert "damaged" in reloaded.notices[0]


def test_number_of_stored_clients_is_limited() -> None:
    """B16: older clients are kept; of more than eight the oldest is removed."""
    clients = ClientRegistrationStore()
    for number in range(12):
        clients.add(Client(f"c{number}", "https://i"))
    clients.add(Client("other", "https://j"))
    assert [c.client_id for c in clients.for_issuer("https://i")] == [f"c{n}" for n in range(11, 3, -1)]
    assert [c.client_id for c in clients.for_issuer("https://j")] == ["other"]
