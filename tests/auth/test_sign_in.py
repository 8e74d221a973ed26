"""The whole sign-in against two real servers on two origins."""

from __future__ import annotations

import asyncio

import pytest

from drio_tui.auth.errors import (
    AccountUnknown,
    AuthorizationFailed,
    BadAnswer,
    ClientNotAllowed,
    ClientRefused,
    ExchangeRefused,
    GrantRefused,
    ServerUnavailable,
    SignInFailed,
    Step,
    StepConnectionError,
    StepTimeout,
    TargetRefused,
)
from drio_tui.auth.events import StepDone
from drio_tui.auth.oauth_http import OAuthHttpClient
from tests.auth.conftest import FakeClock, User
from tests.auth.httpd import HTML, Raw, Reply, Request, always, json_reply
from tests.auth.world import AUTHORIZE, REGISTER, TOKEN, SignInServers, query_of


async def test_sign_in_stores_the_profile_and_names_the_account(user: User, world: SignInServers) -> None:
    """B08 B42: endpoints on another origin with unusual paths are found; `GET /me` names the account."""
    done = await user.sign_in()
    assert done.account.label == "ada@example.com"
    assert done.profile.account == "ada@example.com"
    assert world.access[done.tokens.access_token] == "ada@example.com"
    assert await user.store.load(done.profile, fresh=True) == done.tokens
    assert user.profiles.current == done.profile
    steps = [e.step for e in user.events if isinstance(e, StepDone)]
    assert steps == ["discovery", "listener", "registration", "callback", "token exchange", "account", "storage"]
    assert "drio-tui has the response" in user.pages[0].text


async def test_only_urls_from_metadata_are_requested(user: User, world: SignInServers) -> None:
    """B08: only the well-known URL of the metadata and the endpoints that they name."""
    await user.sign_in()
    requested_paths = {r.path for r in world.idp.requests}
    assert requested_paths == {world.metadata_path, REGISTER, AUTHORIZE, TOKEN}
    assert all("oauth" not in r.path for r in world.api.requests if ".well-known" not in r.path)


async def test_state_and_pkce_verifier_are_long_and_new_for_every_attempt(user: User, world: SignInServers) -> None:
    """B20: fresh 256-bit state, S256, a verifier of 43 to 128 characters; nothing reused after a retry."""
    await user.sign_in()
    await user.sign_in()
    first, second = (query_of(url) for url in user.urls)
    assert first["state"] != second["state"]
    assert first["code_challenge"] != second["code_challenge"]
    assert len(first["state"]) >= 43
    assert first["code_challenge_method"] == "S256"
    assert len(first["code_challenge"]) == 43
    verifiers = [r.form["code_verifier"] for r in world.idp.requests_to(TOKEN)]
    assert len(set(verifiers)) == 2
    assert all(43 <= len(v) <= 128 for v in verifiers)


async def test_resource_indicator_is_sent_to_both_endpoints(user: User, world: SignInServers) -> None:
    """B21: RFC 8707 `resource` in both requests."""
    await user.sign_in()
    assert query_of(user.urls[0])["resource"] == world.base_url
    assert world.idp.requests_to(TOKEN)[0].form["resource"] == world.base_url


async def test_redirect_uri_is_the_same_in_registration_authorization_and_token_request(
    user: User, world: SignInServers
) -> None:
    """B37: the same `redirect_uri`, `code_verifier` and `client_id`; the code is sent once."""
    await user.sign_in()
    registered = world.idp.requests_to(REGISTER)[0].json["redirect_uris"]
    authorization = query_of(user.urls[0])
    sent = world.idp.requests_to(TOKEN)[0].form
    assert [authorization["redirect_uri"]] == registered == [sent["redirect_uri"]]
    assert authorization["client_id"] == sent["client_id"]
    assert len(world.idp.requests_to(TOKEN)) == 1


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
async def test_malformed_token_response_names_the_step_and_stores_nothing(
    user: User, world: SignInServers, answer: Reply | Raw, kind: type[SignInFailed]
) -> None:
    """B39 B37: the code is never sent a second time."""

    async def broken(request: Request) -> Reply | Raw:
        return answer

    world.override[TOKEN] = broken
    async with OAuthHttpClient(total=0.5) as http:
        with pytest.raises(kind) as caught:
            await user.sign_in(http=http)
    assert caught.value.step is Step.EXCHANGE
    assert caught.value.hint
    assert len(user.profiles) == 0
    assert len(world.idp.requests_to(TOKEN)) == 1


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
async def test_error_with_status_200_is_reported_in_the_servers_words(
    user: User, world: SignInServers, answer: Reply, kind: type[SignInFailed], words: str
) -> None:
    """B39 B40: an OAuth error counts under any status, and a page is quoted, sanitized."""
    world.override[TOKEN] = always(answer)
    with pytest.raises(kind) as caught:
        await user.sign_in()
    assert words in caught.value.message
    assert "None" not in caught.value.message
    assert ("captive portal" in caught.value.hint) is (answer.headers["Content-Type"] != "application/json")
    assert "x()" not in caught.value.message


async def test_overlong_account_id_and_scope_are_not_stored(user: User, world: SignInServers) -> None:
    """B42 B39: they would become names in the keyring and part of the stored token set."""

    async def me(request: Request) -> Reply:
        if world.bearer(request) is None:
            return world.refuse()
        return json_reply({"user": {"id": "u" * 100_000, "email": "ada@example.com"}})

    world.api_override["/api/v1/me"] = me
    world.settings.token = {"scope": "openid profile email " + "x" * 100_000 + " bad\x00scope"}
    done = await user.sign_in()
    assert done.profile.account_id is None
    assert done.account.label == "ada@example.com"
    assert len(done.tokens.scope) <= 4096
    assert done.tokens.scope.isprintable()
    assert done.missing_scopes == ()


@pytest.mark.parametrize("status", [200, 503])
async def test_an_error_instead_of_the_account_is_reported_in_the_servers_words(
    user: User, world: SignInServers, status: int
) -> None:
    """B42: `GET /me` that answers 200 with an error names no account."""

    async def refuses(request: Request) -> Reply:
        if world.bearer(request) is None:
            return world.refuse()
        return json_reply({"error": {"code": "suspended", "message": "ask billing"}}, status)

    world.api_override["/api/v1/me"] = refuses
    with pytest.raises((AccountUnknown, ServerUnavailable)) as caught:
        await user.sign_in()
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
async def test_each_token_endpoint_error_has_its_own_title_and_hint(
    user: User, world: SignInServers, code: str, kind: type[SignInFailed]
) -> None:
    """B40: distinct errors, with the server's description, sanitized."""
    world.override[TOKEN] = always(json_reply({"error": code, "error_description": "evil\x1b]52;c;x\x07"}, 400))
    with pytest.raises(kind) as caught:
        await user.sign_in()
    assert code in caught.value.message
    assert "\x1b" not in str(caught.value)
    assert "\x07" not in str(caught.value)
    assert len({k.title for k in (GrantRefused, ClientRefused, TargetRefused, ClientNotAllowed)}) == 4
    assert caught.value.hint


async def test_unknown_client_is_registered_again_at_the_next_sign_in(user: User, world: SignInServers) -> None:
    """B40 B53: `invalid_client` removes the stored client."""
    await user.sign_in()
    world.clients.clear()
    user.opens_urls = False
    sign_in = user.flow()
    task = asyncio.create_task(sign_in.run())
    while len(user.urls) < 2:
        await asyncio.sleep(0)
    sign_in.paste(f"x?code=anything&state={query_of(user.urls[1])['state']}")
    with pytest.raises(ClientRefused) as caught:
        await task
    assert caught.value.register_again
    user.opens_urls = True
    await user.sign_in()
    assert len(world.idp.requests_to(REGISTER)) == 2


async def test_missing_scopes_are_reported(user: User, world: SignInServers) -> None:
    """B41: with a notice, and in the result."""
    world.settings.token = {"scope": "openid profile"}
    done = await user.sign_in()
    assert done.missing_scopes == ("email",)
    assert any("email" in text for text in user.notices)


async def test_only_scopes_of_the_registration_are_requested(user: User, world: SignInServers) -> None:
    """B22: the registration's `scope`, also at the next sign-in with the same client."""
    world.settings.registration = {"scope": "email openid"}
    for _ in range(2):
        done = await user.sign_in()
        assert query_of(user.urls[-1])["scope"] == "openid email"
        assert done.missing_scopes == ()
    assert len(world.idp.requests_to(REGISTER)) == 1
    world.settings.registration = {"scope": "drio:manage"}
    await user.sign_in(register_again=True)
    assert query_of(user.urls[-1])["scope"] == "drio:manage"


async def test_refused_scopes_are_omitted_in_one_new_request(user: User, world: SignInServers) -> None:
    """B22 B20: `invalid_scope` is followed by one request without scopes, with new secrets, and then reported."""
    world.settings.refused_scopes = ("email",)
    done = await user.sign_in()
    first, second = (query_of(url) for url in user.urls)
    assert "scope" not in second
    assert first["state"] != second["state"]
    assert first["code_challenge"] != second["code_challenge"]
    assert done.account.label == "ada@example.com"
    assert done.missing_scopes == ()
    world.settings.callback = {"code": None, "error": "invalid_scope"}
    with pytest.raises(AuthorizationFailed) as caught:
        await user.sign_in()
    assert len(user.urls) == 4
    assert "--scope" in caught.value.hint


async def test_chosen_scopes_are_requested_and_never_omitted(user: User, world: SignInServers) -> None:
    """B22: `--scope`; a client registered for others is not used for them."""
    world.settings.registration = {"scope": "openid"}
    await user.sign_in()
    world.settings.registration = {}
    await user.sign_in(scopes=("apps:read", "openid"))
    assert query_of(user.urls[-1])["scope"] == "apps:read openid"
    assert world.idp.requests_to(REGISTER)[-1].json["scope"] == "apps:read openid"
    world.settings.refused_scopes = ("apps:read",)
    with pytest.raises(AuthorizationFailed):
        await user.sign_in(scopes=("apps:read",))
    assert len(user.urls) == 3


async def test_refresh_token_counts_as_offline_access(user: User, world: SignInServers) -> None:
    """B41: no warning about `offline_access` beside a refresh token, one without it."""
    world.settings.metadata = {"scopes_supported": ["openid", "offline_access"]}
    world.settings.token = {"scope": "openid"}
    done = await user.sign_in()
    assert done.missing_scopes == ()
    assert not any("granted" in text for text in user.notices)
    world.settings.token = {"scope": "openid", "refresh_token": None}
    done = await user.sign_in()
    assert done.missing_scopes == ("offline_access",)


async def test_invalid_target_at_the_authorization_endpoint_raises_target_refused(
    user: User, world: SignInServers
) -> None:
    """B40: `invalid_target` at the authorization endpoint, as at the token endpoint."""
    world.settings.callback = {"code": None, "error": "invalid_target", "error_description": "no such API"}
    with pytest.raises(TargetRefused, match="no such API") as caught:
        await user.sign_in()
    assert caught.value.step is Step.CALLBACK
    assert "resource" in caught.value.hint


@pytest.mark.parametrize("status", [401, 404, 500])
async def test_failed_account_request_stores_nothing_and_revokes_the_tokens(
    user: User, world: SignInServers, status: int
) -> None:
    """B42: `GET /me` failing means that neither tokens nor a profile are stored."""
    world.settings.me_status = status
    with pytest.raises((AccountUnknown, ServerUnavailable)):
        await user.sign_in()
    assert len(user.profiles) == 0
    assert len(world.revoked) == 1
    assert not any((user.profiles.path.parent).glob("*"))


@pytest.mark.parametrize("accepted", [True, False])
async def test_sign_in_to_a_drio_without_v1_tries_the_token_on_v3(
    user: User, world: SignInServers, accepted: bool
) -> None:
    """B42: `GET /me` is missing because the server speaks a newer API: the account is not known then."""
    world.settings.me_status = 404

    async def wants_a_token(request: Request) -> Reply:
        if accepted and request.headers.get("authorization", "").startswith("Bearer "):
            return json_reply({"items": [], "next_cursor": None})
        return json_reply({"error": {"code": "unauthorized", "message": "no", "request_id": "r"}}, 401)

    world.api_override["/api/v3/apps"] = wants_a_token
    if not accepted:
        with pytest.raises(AccountUnknown):
            await user.sign_in()
    else:
        assert (await user.sign_in()).account.label is None
    assert len(user.profiles) == accepted
    assert len(world.revoked) == (not accepted)


async def test_stored_client_secret_is_reused(user: User, world: SignInServers) -> None:
    """B12 B15: the second sign-in reuses the confidential client with its secret."""
    world.settings.secret_method = "client_secret_post"
    await user.sign_in()
    await user.sign_in()
    assert len(world.idp.requests_to(REGISTER)) == 1
    assert all(r.form["client_secret"].startswith("secret-") for r in world.idp.requests_to(TOKEN))


async def test_expires_in_values(user: User, world: SignInServers, clock: FakeClock) -> None:
    """B38: number, numeric string, missing, invalid; `token_type` in any case."""
    for value, expected in ((300, 300.0), ("300", 300.0), (None, None), ("soon", None), (-5, None), (True, None)):
        world.settings.token = {"expires_in": value, "token_type": "bEaReR"}
        done = await user.sign_in()
        assert done.tokens.lifetime == expected
        assert done.tokens.expires_at == (None if expected is None else clock.wall() + expected)


async def test_register_again_replaces_only_the_client(user: User, world: SignInServers) -> None:
    """B35: profile and account stay the same."""
    first = await user.sign_in()
    again = await user.sign_in(register_again=True)
    assert len(world.idp.requests_to(REGISTER)) == 2
    assert first.tokens.client_id != again.tokens.client_id
    assert first.profile.name == again.profile.name
