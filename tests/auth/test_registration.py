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
from tests.auth.conftest import FakeClock, Person
from tests.auth.httpd import HTML, Raw, Reply, Request, json_reply
from tests.auth.world import REGISTER, TOKEN, World


async def test_the_registration_says_what_a_native_public_client_is(person: Person, world: World) -> None:
    """B10: name, native, no secret, the exact redirect URI; nothing empty."""
    await person.signs_in()
    body = world.idp.to(REGISTER)[0].json
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
async def test_both_success_statuses_count(person: Person, world: World, status: int) -> None:
    """B11: 201 as the RFC says, 200 as some servers do."""
    world.settings.registration_status = status
    assert (await person.signs_in()).account.label


async def test_what_the_server_returned_is_used(person: Person, world: World) -> None:
    """B11: the returned client id and method win over what was sent."""
    world.settings.registration = {"client_id": "theirs", "redirect_uris": None}
    done = await person.signs_in()
    assert done.tokens.client_id == "theirs"
    assert world.idp.to(TOKEN)[0].form["client_id"] == "theirs"


@pytest.mark.parametrize("uris", [["http://localhost:1/callback"], [], "http://127.0.0.1/callback", [3]])
async def test_other_redirect_uris_in_the_answer_stop_the_sign_in(person: Person, world: World, uris: object) -> None:
    """B11: a clear stop, and the client is not kept."""
    world.settings.registration = {"redirect_uris": uris}
    with pytest.raises(RedirectUriChanged):
        await person.signs_in()
    assert person.urls == []
    assert ClientRegistrationStore().of(world.issuer) == []


@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post"])
async def test_a_secret_is_sent_the_way_the_server_named(person: Person, world: World, method: str) -> None:
    """B12: basic, post (and none, everywhere else); the test server refuses any other way."""
    world.settings.secret_method = method
    world.settings.registration = {"client_id": "id with:odd/chars+%"}
    done = await person.signs_in()
    assert done.tokens.auth_method == method
    keeper = TokenManager(done.profile, person.store, clock=person.clock)
    person.clock.pass_time(299)
    assert await keeper.token() != done.tokens.access_token


async def test_a_secret_without_a_named_method_goes_by_basic(person: Person, world: World) -> None:
    """B12: RFC 7591's default."""
    world.settings.registration = {"token_endpoint_auth_method": None, "client_secret": "secret-of-theirs"}

    async def look(request: Request) -> Reply:
        return json_reply({"seen": request.headers.get("authorization", "")}, 400)

    world.override[TOKEN] = look
    with pytest.raises(SignInFailed):
        await person.signs_in()
    assert world.idp.to(TOKEN)[0].headers["authorization"].startswith("Basic ")
    assert "client_secret" not in world.idp.to(TOKEN)[0].form


async def test_the_secret_lies_in_the_token_store_and_not_in_the_clients_file(person: Person, world: World) -> None:
    """B12: stored as a secret; a registration token likewise."""
    world.settings.secret_method = "client_secret_post"
    world.settings.registration = {
        "registration_access_token": "regtok-12345",
        "registration_client_uri": "https://x/y",
    }
    await person.signs_in()
    text = ClientRegistrationStore().path.read_text()
    assert "secret-" not in text
    assert "regtok-" not in text
    (client,) = ClientRegistrationStore().of(world.issuer)
    kept = await person.store.recall(client.secret_entry)
    assert kept is not None
    assert "secret-" in kept
    assert "regtok-12345" in kept
    assert "secret-" not in repr(client.with_secrets(kept))


async def test_where_a_public_client_is_refused_a_listed_secret_method_is_used(person: Person, world: World) -> None:
    """B12: `none` first, and only after a refusal what the metadata list."""
    world.settings.metadata = {"token_endpoint_auth_methods_supported": ["private_key_jwt", "client_secret_post"]}
    world.settings.secret_method = "client_secret_post"

    async def refuse_public(request: Request) -> Reply:
        if request.json["token_endpoint_auth_method"] == "none":
            return json_reply({"error": "invalid_client_metadata"}, 400)
        return world._register(request)

    world.override[REGISTER] = refuse_public
    assert (await person.signs_in()).tokens.auth_method == "client_secret_post"


async def test_an_expired_secret_means_registering_again_before_the_browser(
    person: Person, world: World, clock: FakeClock
) -> None:
    """B13: `client_secret_expires_at` in the past."""
    world.settings.secret_method = "client_secret_post"
    world.settings.registration = {"client_secret_expires_at": int(clock.wall()) + 1000}
    await person.signs_in()
    await person.signs_in()
    assert len(world.idp.to(REGISTER)) == 1
    clock.pass_time(1001)
    done = await person.signs_in()
    assert len(world.idp.to(REGISTER)) == 2
    assert done.tokens.client_id in person.urls[-1]


async def test_no_registration_endpoint_asks_for_a_client_id(person: Person, world: World) -> None:
    """B14: the hint names the option, and the option works without registering."""
    world.settings.metadata = {"registration_endpoint": None}
    with pytest.raises(RegistrationUnavailable) as caught:
        await person.signs_in()
    assert "--client-id" in caught.value.hint
    world.clients["by-hand"] = {"token_endpoint_auth_method": "none"}
    done = await person.signs_in(client_id="by-hand")
    assert done.tokens.client_id == "by-hand"
    assert done.profile.client == "by-hand"
    again = await person.signs_in()
    assert again.tokens.client_id == "by-hand"
    assert world.idp.to(REGISTER) == []


@pytest.mark.parametrize(
    ("status", "words"), [(403, "only clients it knows"), (429, "no more clients"), (400, "ask us")]
)
async def test_a_refused_registration_is_explained(person: Person, world: World, status: int, words: str) -> None:
    """B14: 403 and 429 in words, the server's own description with them."""
    world.settings.registration_status = status
    with pytest.raises(RegistrationRefused) as caught:
        await person.signs_in()
    assert words in caught.value.message
    assert caught.value.hint


@pytest.mark.parametrize("reply", [HTML, json_reply({}), json_reply({"client_id": 4}), Reply(201, b"")], ids=range(4))
async def test_a_registration_that_makes_no_sense_is_a_clear_error(person: Person, world: World, reply: Reply) -> None:
    """B11: no client id, no JSON."""

    async def answer(request: Request) -> Reply:
        return reply

    world.override[REGISTER] = answer
    with pytest.raises(BadAnswer):
        await person.signs_in()


@pytest.mark.parametrize(
    ("member", "value"),
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
    person: Person, world: World, member: str, value: str
) -> None:
    """B11: before any of it reaches a URL, a header, a file or the screen."""
    world.settings.secret_method = "client_secret_post" if member == "client_secret" else None
    world.settings.registration = {member: value}
    with pytest.raises(BadAnswer) as caught:
        await person.signs_in()
    assert member in caught.value.message
    assert caught.value.message.isprintable()
    assert person.urls == []
    assert ClientRegistrationStore().of(world.issuer) == []


async def test_a_stored_client_with_an_unusable_id_is_passed_over(world: World, clock: FakeClock) -> None:
    """B11: an earlier version may have kept one."""
    book = ClientRegistrationStore()
    book.add(Client("good", "https://i"))
    book.add(Client("bad\x1b", "https://i"))
    fresh = ClientRegistrationStore()
    assert [c.client_id for c in fresh.of("https://i")] == ["good"]
    assert fresh.notices == []


async def test_a_server_that_refuses_the_scopes_registers_with_its_own(person: Person, world: World) -> None:
    """B10 B22: one more request, without `scope`."""

    async def strict(request: Request) -> Reply:
        if "scope" in request.json:
            return json_reply({"error": "invalid_client_metadata", "error_description": "Scope not allowed"}, 400)
        return world._register(request)

    world.override[REGISTER] = strict
    world.settings.registration = {"scope": "openid"}
    await person.signs_in()
    assert len(world.idp.to(REGISTER)) == 2
    assert "scope=openid&" in person.urls[0] + "&"


async def test_an_error_under_status_200_is_a_refused_registration(person: Person, world: World) -> None:
    """B14: with the server's words."""

    async def refuses(request: Request) -> Reply:
        return json_reply({"error": "invalid_software_statement", "error_description": "not on the list"})

    world.override[REGISTER] = refuses
    with pytest.raises(RegistrationRefused, match="invalid_software_statement: not on the list"):
        await person.signs_in()


async def test_a_registration_that_fails_for_now_is_told_as_such(person: Person, world: World) -> None:
    """B14: 503 is the server's trouble, not a refusal."""
    world.settings.registration_status = 503
    with pytest.raises(ServerUnavailable):
        await person.signs_in()


async def test_a_second_sign_in_reuses_the_client_and_its_port(person: Person, world: World) -> None:
    """B15: no second registration while the port is free."""
    await person.signs_in()
    await person.signs_in()
    assert len(world.idp.to(REGISTER)) == 1
    one, other = (r.form["redirect_uri"] for r in world.idp.to(TOKEN))
    assert one == other


MANAGED = "/desk/client/1"


def manage(world: World, *answers: Reply | Raw) -> list[str]:
    """Register clients with an RFC 7592 address that gives `answers` in turn; returns the tokens it is sent."""
    world.settings.registration = {
        "registration_access_token": "regtok-first",
        "registration_client_uri": world.idp.origin + MANAGED,
    }
    left, sent = list(answers), []

    async def read(request: Request) -> Reply | Raw:
        sent.append(request.headers["authorization"].removeprefix("Bearer "))
        return left.pop(0) if left else json_reply({})

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
async def test_a_client_that_the_server_forgot_is_found_out_before_the_browser_opens(
    person: Person, world: World, answer: Reply
) -> None:
    """B35 B15: the registration address says so (RFC 7592), and one new client is registered."""
    sent = manage(world, answer)
    first = await person.signs_in()
    second = await person.signs_in()
    assert sent == ["regtok-first"]
    assert len(world.idp.to(REGISTER)) == 2
    assert [first.tokens.client_id in url for url in person.urls] == [True, False]
    assert [c.client_id for c in ClientRegistrationStore().of(world.issuer)] == [second.tokens.client_id]


@pytest.mark.parametrize(
    "answer",
    [json_reply({}), Reply(403), Reply(500), HTML, Raw(b"", "reset"), Raw(b"", "hang")],
    ids=["still there", "403", "500", "page", "reset", "hang"],
)
async def test_a_client_is_used_again_unless_the_server_says_for_certain_that_it_is_gone(
    person: Person, world: World, answer: Reply | Raw, monkeypatch: pytest.MonkeyPatch
) -> None:
    """B15 B35: and a registration address that does not answer delays the sign-in by a few seconds at most."""
    assert registration._READ_SECONDS == 5.0
    monkeypatch.setattr(registration, "_READ_SECONDS", 0.2)
    sent = manage(world, answer)
    await person.signs_in()
    await person.signs_in()
    assert len(sent) == 1
    assert len(world.idp.to(REGISTER)) == 1


async def test_a_new_registration_token_takes_the_old_ones_place(person: Person, world: World) -> None:
    """B12: RFC 7592 section 3; it lies in the token store."""
    sent = manage(world, json_reply({"registration_access_token": "regtok-second"}))
    for _ in range(3):
        await person.signs_in()
    assert sent == ["regtok-first", "regtok-second"]
    assert "regtok" not in ClientRegistrationStore().path.read_text()


@pytest.mark.parametrize("uri", [None, "http://elsewhere.example/clients/1"])
async def test_a_registration_token_without_a_usable_address_is_not_kept(
    person: Person, world: World, uri: str | None
) -> None:
    """B12: what nothing can be done with is not stored."""
    world.settings.registration = {"registration_access_token": "regtok-12345", "registration_client_uri": uri}
    await person.signs_in()
    (client,) = ClientRegistrationStore().of(world.issuer)
    assert not client.has_secrets
    assert client.registration_uri is None
    assert await person.store.recall(client.secret_entry) is None


async def test_a_taken_port_registers_one_new_client_and_the_old_token_still_refreshes(
    person: Person, world: World, clock: FakeClock
) -> None:
    """B16: the old refresh token goes with the old client id."""
    first = await person.signs_in()
    (client,) = ClientRegistrationStore().of(world.issuer)
    port = urlsplit(client.redirect_uris[0]).port
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(("127.0.0.1", port))
        taken.listen()
        world.settings.account = "bob@example.com"
        second = await person.signs_in()
    assert len(world.idp.to(REGISTER)) == 2
    assert second.tokens.client_id != first.tokens.client_id
    assert second.profile.name != first.profile.name
    clock.pass_time(299)
    await TokenManager(first.profile, person.store, clock=clock).token()
    refreshing = world.idp.to(TOKEN)[-1].form
    assert refreshing["grant_type"] == "refresh_token"
    assert refreshing["client_id"] == first.tokens.client_id
    assert len(world.idp.to(REGISTER)) == 2


def test_a_damaged_clients_file_means_registering_anew(clock: FakeClock) -> None:
    """B15: the book is a convenience; it never stands in the way."""
    book = ClientRegistrationStore()
    book.add(Client("c", "https://i", ("http://127.0.0.1:1/callback",)))
    assert [c.client_id for c in ClientRegistrationStore().of("https://i")] == ["c"]
    book.path.write_bytes(b"\x00{")
    fresh = ClientRegistrationStore()
    assert fresh.of("https://i") == []
    assert "damaged" in fresh.notices[0]


def test_many_registrations_do_not_pile_up_for_ever() -> None:
    """B16: old clients stay usable for a while; the oldest of very many goes."""
    book = ClientRegistrationStore()
    for number in range(12):
        book.add(Client(f"c{number}", "https://i"))
    book.add(Client("other", "https://j"))
    assert [c.client_id for c in book.of("https://i")] == [f"c{n}" for n in range(11, 3, -1)]
    assert [c.client_id for c in book.of("https://j")] == ["other"]
