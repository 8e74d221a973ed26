"""The whole sign-in against two real servers on two origins, and against servers that are not ours."""

from __future__ import annotations

import asyncio
import socket
from urllib.parse import parse_qs, urlsplit

import pytest

from drio_tui.api.errors import NewerApi
from drio_tui.auth import flow
from drio_tui.auth.browser import DesktopEnvironment
from drio_tui.auth.errors import (
    AccountUnknown,
    AuthorizationDenied,
    AuthorizationFailed,
    BadAnswer,
    CallbackTimeout,
    ClientNotAllowed,
    ClientRefused,
    ExchangeRefused,
    GrantRefused,
    IssuerMixUp,
    PasteRefused,
    ServerUnavailable,
    SignInCancelled,
    SignInFailed,
    Step,
    StepConnectionError,
    StepTimeout,
    TargetRefused,
)
from drio_tui.auth.events import PasteOffered, StepDone, StepStarted, StillWaiting, UrlReady, Waiting
from drio_tui.auth.flow import SignInFlow
from drio_tui.auth.oauth_http import OAuthHttpClient
from drio_tui.auth.token_store import Vault
from tests.auth.conftest import FakeClock, Person
from tests.auth.httpd import HTML, Raw, Reply, Request, json_reply
from tests.auth.world import AUTHORIZE, REGISTER, TOKEN, World, browse


def query_of(url: str) -> dict[str, str]:
    pairs = parse_qs(urlsplit(url).query)
    assert all(len(v) == 1 for v in pairs.values())
    return {k: v[0] for k, v in pairs.items()}


def free(uri: str) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", urlsplit(uri).port)) != 0


async def test_a_person_signs_in_and_the_account_is_named_and_kept(person: Person, world: World) -> None:
    """B08 B42: endpoints on another origin with odd paths are found, `GET /me` names the account."""
    done = await person.signs_in()
    assert done.account.label == "ada@example.com"
    assert done.profile.account == "ada@example.com"
    assert world.access[done.tokens.access_token] == "ada@example.com"
    assert await person.store.load(done.profile, fresh=True) == done.tokens
    assert person.profiles.current == done.profile
    steps = [e.step for e in person.events if isinstance(e, StepDone)]
    assert steps == ["discovery", "listener", "registration", "callback", "token exchange", "account", "storage"]
    assert "drio-tui has the answer" in person.pages[0].text


async def test_no_path_of_the_authorization_server_is_guessed(person: Person, world: World) -> None:
    """B08: only the metadata's well-known address and what it names are asked for."""
    await person.signs_in()
    asked = {r.path for r in world.idp.requests}
    assert asked == {world.metadata_path, REGISTER, AUTHORIZE, TOKEN}
    assert all("oauth" not in r.path for r in world.api.requests if ".well-known" not in r.path)


async def test_state_verifier_and_challenge_are_long_and_new_for_every_try(person: Person, world: World) -> None:
    """B20: fresh 256-bit state, S256, a verifier of 43 to 128 characters; nothing reused after a retry."""
    await person.signs_in()
    await person.signs_in()
    one, other = (query_of(url) for url in person.urls)
    assert one["state"] != other["state"]
    assert one["code_challenge"] != other["code_challenge"]
    assert len(one["state"]) >= 43
    assert one["code_challenge_method"] == "S256"
    assert len(one["code_challenge"]) == 43
    verifiers = [r.form["code_verifier"] for r in world.idp.to(TOKEN)]
    assert len(set(verifiers)) == 2
    assert all(43 <= len(v) <= 128 for v in verifiers)


async def test_the_resource_is_named_when_authorizing_and_at_the_token_endpoint(person: Person, world: World) -> None:
    """B21: RFC 8707 `resource` in both requests."""
    await person.signs_in()
    assert query_of(person.urls[0])["resource"] == world.base_url
    assert world.idp.to(TOKEN)[0].form["resource"] == world.base_url


async def test_the_redirect_uri_is_one_string_from_registration_to_token(person: Person, world: World) -> None:
    """B37: the same `redirect_uri`, `code_verifier` and `client_id`; the code is sent once."""
    await person.signs_in()
    registered = world.idp.to(REGISTER)[0].json["redirect_uris"]
    asked = query_of(person.urls[0])
    sent = world.idp.to(TOKEN)[0].form
    assert [asked["redirect_uri"]] == registered == [sent["redirect_uri"]]
    assert asked["client_id"] == sent["client_id"]
    assert len(world.idp.to(TOKEN)) == 1


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (HTML, BadAnswer),
        (Reply(200, b'{"access_token": ', {"Content-Type": "application/json"}), BadAnswer),
        (Reply(200, b"[]", {"Content-Type": "application/json"}), BadAnswer),
        (json_reply({"access_token": "a b", "token_type": "Bearer"}), BadAnswer),
        (json_reply({"access_token": "x" * 20, "token_type": "mac"}), BadAnswer),
        (json_reply({"access_token": "ab\r\nX: y", "token_type": "Bearer"}), BadAnswer),
        (Reply(200, b"x" * (1 << 21)), BadAnswer),
        (Reply(302, b"", {"Location": "https://elsewhere.example/"}), BadAnswer),
        (Raw(b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{"), StepConnectionError),
        (Raw(b"", "reset"), StepConnectionError),
        (Raw(b"HTTP/1.1 200 OK\r\n", "hang"), StepTimeout),
        (Reply(502), ServerUnavailable),
    ],
    ids=["html", "malformed", "array", "space", "mac", "line break", "huge", "redirect", "cut", "reset", "hang", "502"],
)
async def test_a_broken_token_answer_names_the_step_and_stores_nothing(
    person: Person, world: World, answer: Reply | Raw, kind: type[SignInFailed]
) -> None:
    """B39 B37: and the code is never sent a second time."""

    async def broken(request: Request) -> Reply | Raw:
        return answer

    world.override[TOKEN] = broken
    async with OAuthHttpClient(total=0.5) as wire:
        with pytest.raises(kind) as caught:
            await person.signs_in(wire=wire)
    assert caught.value.step is Step.EXCHANGE
    assert caught.value.hint
    assert len(person.profiles) == 0
    assert len(world.idp.to(TOKEN)) == 1


@pytest.mark.parametrize(
    ("answer", "kind", "words"),
    [
        (json_reply({"error": "invalid_grant", "error_description": "code is spent"}), GrantRefused, "code is spent"),
        (json_reply({"error": {"code": "invalid_client", "message": "who?"}}), ClientRefused, "who?"),
        (json_reply({"error": "quota", "error_description": "too\x1b[2J many"}), ExchangeRefused, "too␛[2J many"),
        (json_reply({"error": "temporarily_unavailable"}), ServerUnavailable, "temporarily_unavailable"),
        (json_reply({"message": "maintenance until noon"}), BadAnswer, "maintenance until noon"),
        (json_reply({"access_token": "abc"}), BadAnswer, "no token_type"),
        (HTML, BadAnswer, "Welcome to the hotel"),
        (
            Reply(200, b"<p>Pay &amp; go\x1b[2J</p><script>x()</script>", {"Content-Type": "text/html"}),
            BadAnswer,
            "Pay & go␛",
        ),
        (
            Reply(200, b"<title>Hotel</title><style>a{}</style><b>Pay</b>", {"Content-Type": "text/html"}),
            BadAnswer,
            "It says: Hotel: Pay",
        ),
        (Reply(200, b"upstream gone", {"Content-Type": "text/plain"}), BadAnswer, "upstream gone"),
    ],
    ids=[
        "200 error",
        "200 envelope",
        "200 other error",
        "200 temporary",
        "message",
        "no type",
        "title",
        "page",
        "page with a title",
        "text",
    ],
)
async def test_a_refusal_under_status_200_is_reported_in_the_servers_words(
    person: Person, world: World, answer: Reply, kind: type[SignInFailed], words: str
) -> None:
    """B39 B40: an OAuth error counts whatever the status, and a page is quoted, made safe to show."""

    async def answers(request: Request) -> Reply:
        return answer

    world.override[TOKEN] = answers
    with pytest.raises(kind) as caught:
        await person.signs_in()
    assert words in caught.value.message
    assert "None" not in caught.value.message
    assert ("captive portal" in caught.value.hint) is (answer.headers["Content-Type"] != "application/json")
    assert "x()" not in caught.value.message


async def test_an_absurdly_long_account_or_scope_is_not_kept(person: Person, world: World) -> None:
    """B42 B39: they would become names in the keyring and part of the stored token set."""

    async def me(request: Request) -> Reply:
        if world.bearer(request) is None:
            return world.refuse()
        return json_reply({"user": {"id": "u" * 100_000, "email": "ada@example.com"}})

    world.api_override["/api/v1/me"] = me
    world.settings.token = {"scope": "openid profile email " + "x" * 100_000 + " bad\x00scope"}
    done = await person.signs_in()
    assert done.profile.account_id is None
    assert done.account.label == "ada@example.com"
    assert len(done.tokens.scope) <= 4096
    assert done.tokens.scope.isprintable()
    assert done.missing_scopes == ()


@pytest.mark.parametrize("status", [200, 503])
async def test_an_error_instead_of_the_account_is_reported_in_the_servers_words(
    person: Person, world: World, status: int
) -> None:
    """B42: `GET /me` that answers 200 with an error names no account."""

    async def refuses(request: Request) -> Reply:
        if world.bearer(request) is None:
            return world.refuse()
        return json_reply({"error": {"code": "suspended", "message": "ask billing"}}, status)

    world.api_override["/api/v1/me"] = refuses
    with pytest.raises((AccountUnknown, ServerUnavailable)) as caught:
        await person.signs_in()
    assert status != 200 or "suspended: ask billing" in caught.value.message


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("invalid_grant", GrantRefused),
        ("invalid_client", ClientRefused),
        ("invalid_target", TargetRefused),
        ("unauthorized_client", ClientNotAllowed),
    ],
)
async def test_each_refusal_of_the_token_endpoint_has_its_own_message_and_next_step(
    person: Person, world: World, code: str, kind: type[SignInFailed]
) -> None:
    """B40: distinct errors, the server's words made safe to show."""

    async def refuses(request: Request) -> Reply:
        return json_reply({"error": code, "error_description": "evil\x1b]52;c;x\x07"}, 400)

    world.override[TOKEN] = refuses
    with pytest.raises(kind) as caught:
        await person.signs_in()
    assert code in caught.value.message
    assert "\x1b" not in str(caught.value)
    assert "\x07" not in str(caught.value)
    assert len({k.title for k in (GrantRefused, ClientRefused, TargetRefused, ClientNotAllowed)}) == 4
    assert caught.value.hint


async def test_a_client_the_server_forgot_is_registered_anew_at_the_next_try(person: Person, world: World) -> None:
    """B40 B53: `invalid_client` drops the client."""
    await person.signs_in()
    world.clients.clear()
    person.opens = False
    known = person.sign_in()
    task = asyncio.create_task(known.run())
    while len(person.urls) < 2:
        await asyncio.sleep(0)
    known.paste(f"x?code=anything&state={query_of(person.urls[1])['state']}")
    with pytest.raises(ClientRefused) as caught:
        await task
    assert caught.value.register_again
    person.opens = True
    await person.signs_in()
    assert len(world.idp.to(REGISTER)) == 2


async def test_less_scope_than_asked_is_said_aloud(person: Person, world: World) -> None:
    """B41: a warning, and the missing scopes are marked in the result."""
    world.settings.token = {"scope": "openid profile"}
    done = await person.signs_in()
    assert done.missing_scopes == ("email",)
    assert any("email" in text for text in person.notices)


async def test_only_scopes_that_the_client_was_registered_for_are_asked_for(person: Person, world: World) -> None:
    """B22: the registration's `scope`, also at the next sign-in with the same client."""
    world.settings.registration = {"scope": "email openid"}
    for _ in range(2):
        done = await person.signs_in()
        assert query_of(person.urls[-1])["scope"] == "openid email"
        assert done.missing_scopes == ()
    assert len(world.idp.to(REGISTER)) == 1
    world.settings.registration = {"scope": "drio:manage"}
    await person.signs_in(register_again=True)
    assert query_of(person.urls[-1])["scope"] == "drio:manage"


async def test_refused_scopes_are_left_out_once_with_new_secrets(person: Person, world: World) -> None:
    """B22 B20: `invalid_scope` is followed by one request without scopes, and then reported."""
    world.settings.refused_scopes = ("email",)
    done = await person.signs_in()
    first, second = (query_of(url) for url in person.urls)
    assert "scope" not in second
    assert first["state"] != second["state"]
    assert first["code_challenge"] != second["code_challenge"]
    assert done.account.label == "ada@example.com"
    assert done.missing_scopes == ()
    world.settings.callback = {"code": None, "error": "invalid_scope"}
    with pytest.raises(AuthorizationFailed) as caught:
        await person.signs_in()
    assert len(person.urls) == 4
    assert "--scope" in caught.value.hint


async def test_chosen_scopes_are_asked_for_exactly_and_never_left_out(person: Person, world: World) -> None:
    """B22: `--scope`; a client registered for others is not used for them."""
    world.settings.registration = {"scope": "openid"}
    await person.signs_in()
    world.settings.registration = {}
    await person.signs_in(scopes=("apps:read", "openid"))
    assert query_of(person.urls[-1])["scope"] == "apps:read openid"
    assert world.idp.to(REGISTER)[-1].json["scope"] == "apps:read openid"
    world.settings.refused_scopes = ("apps:read",)
    with pytest.raises(AuthorizationFailed):
        await person.signs_in(scopes=("apps:read",))
    assert len(person.urls) == 3


async def test_a_refresh_token_is_staying_signed_in_whatever_the_scope_list_says(person: Person, world: World) -> None:
    """B41: no warning about `offline_access` beside a refresh token, one without it."""
    world.settings.metadata = {"scopes_supported": ["openid", "offline_access"]}
    world.settings.token = {"scope": "openid"}
    done = await person.signs_in()
    assert done.missing_scopes == ()
    assert not any("granted" in text for text in person.notices)
    world.settings.token = {"scope": "openid", "refresh_token": None}
    done = await person.signs_in()
    assert done.missing_scopes == ("offline_access",)


async def test_a_resource_that_the_server_does_not_know_has_a_message_of_its_kind(person: Person, world: World) -> None:
    """B40: `invalid_target` at the authorization endpoint, as at the token endpoint."""
    world.settings.callback = {"code": None, "error": "invalid_target", "error_description": "no such API"}
    with pytest.raises(TargetRefused, match="no such API") as caught:
        await person.signs_in()
    assert caught.value.step is Step.CALLBACK
    assert "resource" in caught.value.hint


@pytest.mark.parametrize("status", [401, 404, 500])
async def test_an_unconfirmed_account_leaves_nothing_behind(person: Person, world: World, status: int) -> None:
    """B42: `GET /me` failing means no tokens, no profile; the tokens are given back."""
    world.settings.me_status = status
    with pytest.raises((AccountUnknown, ServerUnavailable)):
        await person.signs_in()
    assert len(person.profiles) == 0
    assert len(world.revoked) == 1
    assert not any((person.profiles.path.parent).glob("*"))


async def test_signing_in_to_a_drio_that_no_longer_serves_v1_says_so(person: Person, world: World) -> None:
    """B42: `GET /me` is missing because the server speaks a newer API; nothing is kept."""
    world.settings.me_status = 404

    async def wants_a_token(request: Request) -> Reply:
        return json_reply({"error": {"code": "unauthorized", "message": "no", "request_id": "r"}}, 401)

    world.api_override["/api/v3/apps"] = wants_a_token
    with pytest.raises(NewerApi, match="this drio speaks v3; drio-tui edits v1"):
        await person.signs_in()
    assert len(person.profiles) == 0
    assert len(world.revoked) == 1


async def test_the_address_is_shown_even_when_a_browser_opened(person: Person, world: World, tmp_path) -> None:
    """B25: the URL comes as an event before any opener runs, whatever becomes of it."""
    opener = tmp_path / "opener"
    opener.write_text(f"#!/bin/sh\nprintf '%s' \"$1\" > {tmp_path}/opened\n")
    opener.chmod(0o755)
    person.opens = True
    sign_in = SignInFlow(
        person.profiles.resolve(base_url=world.base_url),
        store=person.store,
        profiles=person.profiles,
        on_event=person.see,
        surroundings=DesktopEnvironment({"BROWSER": str(opener), "PATH": "/usr/bin:/bin"}, "linux"),
    )
    await sign_in.run()
    assert (tmp_path / "opened").read_text() == person.urls[0]
    kinds = [type(e) for e in person.events]
    assert kinds.index(UrlReady) < kinds.index(Waiting)
    assert [e.step for e in person.events if isinstance(e, StepStarted)].index(Step.BROWSER) > 0


async def test_over_ssh_pasting_is_offered_before_the_wait_begins(person: Person, world: World) -> None:
    """B26: no opener, the reason is told, and the paste ends the wait."""
    person.opens = False
    sign_in = SignInFlow(
        person.profiles.resolve(base_url=world.base_url),
        store=person.store,
        profiles=person.profiles,
        on_event=person.see,
        surroundings=DesktopEnvironment({"SSH_CONNECTION": "1 2 3 4", "BROWSER": "false"}, "linux"),
    )
    task = asyncio.create_task(sign_in.run())
    while not any(isinstance(e, Waiting) for e in person.events):
        await asyncio.sleep(0)
    offered = next(e for e in person.events if isinstance(e, PasteOffered))
    assert "SSH" in offered.reason
    uri = query_of(person.urls[0])["redirect_uri"]
    code = world.mint("code")
    world.codes[code] = query_of(person.urls[0]) | {"account": "ada@example.com"}
    sign_in.paste(f"  {uri}?code={code}&amp;state={query_of(person.urls[0])['state']}\n")
    assert (await task).account.label == "ada@example.com"
    with pytest.raises(PasteRefused):
        sign_in.paste("again")


async def test_cancelling_closes_the_socket_and_keeps_stored_tokens(person: Person, world: World) -> None:
    """B27: Esc while waiting; other work goes on meanwhile."""
    kept = await person.signs_in()
    person.opens = False
    sign_in = person.sign_in()
    task = asyncio.create_task(sign_in.run())
    while not isinstance(person.events[-1], Waiting):
        await asyncio.sleep(0)
    uri = query_of(person.urls[-1])["redirect_uri"]
    assert not free(uri)
    sign_in.cancel()
    with pytest.raises(SignInCancelled):
        await task
    assert free(uri)
    assert await person.store.load(kept.profile, fresh=True) == kept.tokens


async def test_being_cancelled_from_outside_closes_the_socket_too(person: Person) -> None:
    """B27: a worker that is cancelled leaves no listener."""
    person.opens = False
    task = asyncio.create_task(person.sign_in().run())
    while not person.urls:
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert free(query_of(person.urls[0])["redirect_uri"])


@pytest.mark.parametrize("times", [1, 3])
async def test_cancelling_while_the_tokens_are_stored_comes_too_late(person: Person, world: World, times: int) -> None:
    """B42 B27: no half-stored sign-in: profile and tokens, or neither."""
    sign_in = None
    storing = person.store.save

    async def save(profile, tokens):
        for _ in range(times):
            sign_in.cancel()
            await asyncio.sleep(0)
        return await storing(profile, tokens)

    person.store.save = save
    sign_in = person.sign_in()
    done = await sign_in.run()
    assert person.profiles.get(done.profile.name) == done.profile
    assert await Vault().load(done.profile) == done.tokens


async def test_a_silent_browser_ends_in_a_timeout_that_offers_ways_on(person: Person) -> None:
    """B35: configurable timeout, deadline told for the countdown, socket closed, retry and re-register offered."""
    person.opens = False
    with pytest.raises(CallbackTimeout) as caught:
        await person.signs_in(timeout=0.05)
    assert caught.value.register_again
    for word in ("Try again", "paste", "register again"):
        assert word in caught.value.hint
    waiting = next(e for e in person.events if isinstance(e, Waiting))
    assert waiting.timeout == 0.05
    assert free(query_of(person.urls[0])["redirect_uri"])


async def test_after_a_silence_registering_again_is_offered_once(
    person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    """B35: a browser that shows an error page never comes back; a client given by hand cannot be registered again."""
    monkeypatch.setattr(flow, "SILENCE_SECONDS", 0.02)
    person.opens = False
    for client_id in (None, "by-hand"):
        person.events.clear()
        with pytest.raises(CallbackTimeout) as caught:
            await person.signs_in(timeout=0.1, client_id=client_id)
        assert [e.seconds for e in person.events if isinstance(e, StillWaiting)] == ([] if client_id else [0.02])
        assert "`drio-tui login --register-again`" in caught.value.hint


async def test_a_silence_that_ends_is_no_obstacle(person: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    """B35: the answer counts after the offer as before it."""
    monkeypatch.setattr(flow, "SILENCE_SECONDS", 0.02)
    person.opens = False
    sign_in = person.sign_in()
    task = asyncio.create_task(sign_in.run())
    while not any(isinstance(e, StillWaiting) for e in person.events):
        await asyncio.sleep(0)
    await browse(person.urls[0])
    assert (await task).account.label == "ada@example.com"


async def test_five_minutes_are_the_default_wait() -> None:
    """B35: default 5 minutes, and 20 seconds until registering again is offered."""
    assert flow.TIMEOUT_SECONDS == 300
    assert flow.SILENCE_SECONDS == 20


async def test_a_denied_consent_is_told_with_the_servers_words_made_safe(person: Person, world: World) -> None:
    """B31: `access_denied` with a hostile description; the browser's page says what to do and repeats nothing."""
    world.settings.callback = {"code": None, "error": "access_denied", "error_description": "<b>no\x1b[2J</b>"}
    with pytest.raises(AuthorizationDenied) as caught:
        await person.signs_in()
    assert "no␛[2J" in caught.value.message
    page = person.pages[0].text
    assert "denied" in page
    assert "<b>no" not in page


@pytest.mark.parametrize(
    ("sends", "callback"),
    [(False, {"iss": "https://evil.example"}), (True, {"iss": "https://evil.example"}), (True, {"iss": None})],
    ids=["wrong, not advertised", "wrong, advertised", "missing, advertised"],
)
async def test_an_answer_from_another_issuer_is_refused(
    person: Person, world: World, sends: bool, callback: dict[str, str | None]
) -> None:
    """B30: RFC 9207, and the code is not sent anywhere."""
    world.settings.sends_iss = sends
    world.settings.callback = callback
    with pytest.raises(IssuerMixUp):
        await person.signs_in()
    assert world.idp.to(TOKEN) == []


@pytest.mark.parametrize("path", ["", "/tenant"])
async def test_an_issuer_that_differs_by_a_slash_or_a_letters_case_is_refused(
    person: Person, world: World, path: str
) -> None:
    """B30: RFC 9207 section 2.4 asks for simple string comparison, without normalization."""
    world.settings.issuer_path = path
    for spelling in (
        world.issuer + "/",
        world.issuer.replace("http:", "HTTP:"),
        world.issuer + "?",
        f" {world.issuer}",
    ):
        world.settings.callback = {"iss": spelling}
        with pytest.raises(IssuerMixUp):
            await person.signs_in()
    assert world.idp.to(TOKEN) == []


async def test_the_right_issuer_in_the_answer_is_accepted(person: Person, world: World) -> None:
    """B30: the advertised `iss` that matches."""
    world.settings.sends_iss = True
    assert (await person.signs_in()).account.label == "ada@example.com"


async def test_a_stored_client_secret_is_found_again(person: Person, world: World) -> None:
    """B12 B15: the second sign-in reuses the confidential client with its secret."""
    world.settings.secret_method = "client_secret_post"
    await person.signs_in()
    await person.signs_in()
    assert len(world.idp.to(REGISTER)) == 1
    assert all(r.form["client_secret"].startswith("secret-") for r in world.idp.to(TOKEN))


async def test_expires_in_of_every_kind(person: Person, world: World, clock: FakeClock) -> None:
    """B38: number, numeric text, missing, nonsense; `token_type` in any case."""
    for given, expected in ((300, 300.0), ("300", 300.0), (None, None), ("soon", None), (-5, None), (True, None)):
        world.settings.token = {"expires_in": given, "token_type": "bEaReR"}
        done = await person.signs_in()
        assert done.tokens.lifetime == expected
        assert done.tokens.expires_at == (None if expected is None else clock.wall() + expected)


async def test_register_again_forgets_the_client_and_keeps_everything_else(person: Person, world: World) -> None:
    """B35: 'register again' drops the client and nothing else."""
    first = await person.signs_in()
    again = await person.signs_in(register_again=True)
    assert len(world.idp.to(REGISTER)) == 2
    assert first.tokens.client_id != again.tokens.client_id
    assert first.profile.name == again.profile.name


async def test_a_redirect_that_comes_before_anyone_could_blink_is_caught(person: Person, world: World) -> None:
    """B18: the listener accepts before the address is told to anyone."""
    seen = []

    def at_once(event) -> None:
        if isinstance(event, UrlReady):
            with socket.create_connection(("127.0.0.1", urlsplit(query_of(event.url)["redirect_uri"]).port)) as early:
                seen.append(early.getpeername())
        person.see(event)

    sign_in = SignInFlow(
        person.profiles.resolve(base_url=world.base_url),
        store=person.store,
        profiles=person.profiles,
        on_event=at_once,
        open_browser=False,
    )
    await sign_in.run()
    assert len(seen) == 1


async def test_the_page_after_the_end_cannot_be_reached_any_more(person: Person) -> None:
    """B32: once signed in, nothing listens."""
    await person.signs_in()
    assert free(query_of(person.urls[0])["redirect_uri"])
