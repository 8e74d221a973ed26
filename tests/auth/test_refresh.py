"""Staying signed in: one refresh for all callers, no sign-out by network failures, no refresh loop."""

from __future__ import annotations

import asyncio
import gc
import random
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from itertools import pairwise
from typing import Any

import httpx
import keyring
import pytest

from drio_tui.auth import token_endpoint
from drio_tui.auth.bearer import BearerAuth
from drio_tui.auth.client_store import ClientRegistrationStore
from drio_tui.auth.errors import NotRenewed, Offline, SignedOut, StoreFailed
from drio_tui.auth.flow import SignInResult
from drio_tui.auth.oauth_http import OAuthHttpClient
from drio_tui.auth.token_manager import TokenCallbacks, TokenManager
from drio_tui.auth.token_store import Place, TokenStore
from drio_tui.storage.lock import sign_in_lock
from tests.auth.conftest import FakeClock, MemoryKeyring, User
from tests.auth.httpd import HTML, Raw, Reply, Request, json_reply
from tests.auth.world import AUTHORIZE, TOKEN, SignInServers


@dataclass
class Session:
    """A signed-in user with an HTTP client like the program's."""

    world: SignInServers
    user: User
    signed_in: SignInResult
    manager: TokenManager
    client: httpx.AsyncClient
    clock: FakeClock

    def refresh_posts(self) -> list[Request]:
        return [r for r in self.world.idp.requests_to(TOKEN) if r.form["grant_type"] == "refresh_token"]

    def expire(self) -> None:
        """Make the server refuse all access tokens it has issued."""
        self.world.access.clear()

    async def stored(self) -> Any:
        return await TokenStore().load(self.signed_in.profile, fresh=True)


async def make_session(
    user: User, callbacks: TokenCallbacks | None = None, store: Any = None, **options: Any
) -> Session:
    signed_in = await user.sign_in()
    manager = TokenManager(signed_in.profile, store or user.store, clock=user.clock, callbacks=callbacks, **options)
    client = httpx.AsyncClient(
        base_url=user.world.base_url, auth=BearerAuth(manager, user.world.base_url), trust_env=False
    )
    user.world.api.requests.clear()
    return Session(user.world, user, signed_in, manager, client, user.clock)


@pytest.fixture
async def session(user: User) -> AsyncIterator[Session]:
    session = await make_session(user)
    yield session
    await session.client.aclose()


async def test_token_is_sent_and_not_refreshed_early(session: Session) -> None:
    """B49: with 300 s tokens and a request every ten seconds, at most one refresh per 240 s."""
    refreshes = []
    for _ in range(120):
        assert (await session.client.get("/things")).status_code == 200
        session.clock.pass_time(10)
        refreshes.append(session.world.refreshes)
    assert session.world.refreshes == 1200 // 270
    assert refreshes[26] == 0


@pytest.mark.parametrize("foreseen", [False, True], ids=["after 401", "near the end"])
async def test_fifty_requests_at_once_make_one_refresh(session: Session, foreseen: bool) -> None:
    """B43 F02: exactly one refresh POST; with an expired token no 401, else every request is sent twice at most."""
    if foreseen:
        session.clock.pass_time(275)
    else:
        session.expire()
    answers = await asyncio.gather(*(session.client.get(f"/things/{n}") for n in range(50)))
    assert {a.status_code for a in answers} == {200}
    assert len(session.refresh_posts()) == 1
    assert len(session.world.api.requests) <= (50 if foreseen else 100)


async def test_the_lock_is_free_during_ordinary_requests(session: Session) -> None:
    """B45: a hanging response delays neither another request nor another process's lock."""
    arrived, release = asyncio.Event(), asyncio.Event()

    async def slow(request: Request) -> Reply:
        arrived.set()
        await release.wait()
        return json_reply({})

    session.world.api_override["/api/v1/slow"] = slow
    slow_request = asyncio.create_task(session.client.get("/slow"))
    await arrived.wait()
    async with sign_in_lock(session.signed_in.profile.entry).hold(0):
        assert (await session.client.get("/things")).status_code == 200
    release.set()
    assert (await slow_request).status_code == 200


async def test_the_new_refresh_token_is_stored_before_the_new_access_token_is_used(user: User) -> None:
    """B46: no request is sent with the new token while it is being stored."""
    saving, go_on = asyncio.Event(), asyncio.Event()

    class Slow(TokenStore):
        async def save(self, profile: Any, tokens: Any) -> Place:
            saving.set()
            await go_on.wait()
            return await super().save(profile, tokens)

    session = await make_session(user, store=Slow())
    session.expire()
    request = asyncio.create_task(session.client.get("/things"))
    await saving.wait()
    assert len(session.refresh_posts()) == 1
    assert len(session.world.api.requests) == 1
    go_on.set()
    assert (await request).status_code == 200
    assert (await session.stored()).access_token in session.world.api.requests[-1].headers["authorization"]
    await session.client.aclose()


async def test_token_that_cannot_be_stored_is_not_used(user: User) -> None:
    """B46: otherwise the next process would not have it."""

    class Failing(TokenStore):
        fails = True

        async def save(self, profile: Any, tokens: Any) -> Place:
            if self.fails:
                raise StoreFailed("The disk is full.")
            return await super().save(profile, tokens)

    store = Failing()
    session = await make_session(user, store=store)
    session.expire()
    with pytest.raises(StoreFailed, match="The disk is full"):
        await session.client.get("/things")
    assert len(session.refresh_posts()) == 1
    assert len(session.world.api.requests) == 1
    assert await session.manager.token() == session.signed_in.tokens.access_token
    await session.client.aclose()


@pytest.mark.parametrize("succeeds", [True, False])
async def test_cancelled_caller_does_not_lose_the_rotated_token(session: Session, succeeds: bool) -> None:
    """B46: the response is stored all the same; a failure is not reported by asyncio."""
    unhandled: list[Any] = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: unhandled.append(context))
    started, release = asyncio.Event(), asyncio.Event()

    async def slow(request: Request) -> Reply:
        started.set()
        await release.wait()
        return session.world._token(request) if succeeds else Reply(503)

    session.world.override[TOKEN] = slow
    session.expire()
    request = asyncio.create_task(session.client.get("/things"))
    await started.wait()
    request.cancel()
    with pytest.raises(asyncio.CancelledError):
        await request
    release.set()
    await session.manager.aclose()
    assert (await session.stored()).refresh_token in session.world.refresh
    assert session.world.refreshes == succeeds
    gc.collect()
    assert unhandled == []


async def test_response_without_a_refresh_token_keeps_the_old_one(session: Session) -> None:
    """B47: the server does not rotate refresh tokens."""
    session.world.settings.rotates = False
    for _ in range(3):
        session.expire()
        assert (await session.client.get("/things")).status_code == 200
        session.clock.pass_time(31)
    assert session.world.refreshes == 3
    assert (await session.stored()).refresh_token == session.signed_in.tokens.refresh_token


@pytest.mark.parametrize("jump", [3600, -3600, 86400 * 365, -86400 * 365])
async def test_clock_jumps_cause_at_most_one_refresh(session: Session, jump: float) -> None:
    """B49: by an hour or a year; a 401 then leads to one more refresh."""
    session.clock.now += jump
    for _ in range(20):
        assert (await session.client.get("/things")).status_code == 200
    assert session.world.refreshes <= 1
    session.expire()
    assert (await session.client.get("/things")).status_code == 200
    assert session.world.refreshes <= 2


async def test_without_expires_in_the_token_is_refreshed_on_401_only(user: User) -> None:
    """B38 B49."""
    user.world.settings.expires_in = None
    session = await make_session(user)
    session.clock.pass_time(10**7)
    assert (await session.client.get("/things")).status_code == 200
    assert session.world.refreshes == 0
    session.expire()
    assert (await session.client.get("/things")).status_code == 200
    assert session.world.refreshes == 1
    await session.client.aclose()


async def test_revoked_grant_deletes_the_tokens_and_raises_signed_out(session: Session) -> None:
    """B51 B46: `invalid_grant`; the next request does not ask the token endpoint again."""
    session.expire()
    session.world.refresh.clear()
    with pytest.raises(SignedOut) as caught:
        await session.client.post("/things", json={"typed": "by hand"})
    assert caught.value.exit_code == 4
    assert await session.stored() is None
    for _ in range(3):
        with pytest.raises(SignedOut):
            await session.client.get("/things")
    assert len(session.refresh_posts()) == 1


@pytest.mark.parametrize(
    ("answer", "kept"),
    [
        (json_reply({"error": "invalid_grant", "error_description": "revoked by ada"}), False),
        (json_reply({"error": {"code": "invalid_client", "message": "revoked by ada"}}), False),
        (json_reply({"error": "invalid_target", "error_description": "revoked by ada"}), True),
        (json_reply({"error": "consent_required", "error_description": "revoked by ada"}, 400), True),
    ],
    ids=["invalid_grant 200", "invalid_client envelope", "invalid_target 200", "unknown 400"],
)
async def test_refused_refresh_raises_signed_out_and_only_a_definite_one_deletes_the_tokens(
    session: Session, answer: Reply, kept: bool
) -> None:
    """B51 B53: exit code 4 with the server's message, under any status; refreshed once, not with every request."""

    async def refuses(request: Request) -> Reply:
        return answer

    session.world.override[TOKEN] = refuses
    session.expire()
    for _ in range(3):
        with pytest.raises(SignedOut, match="revoked by ada") as caught:
            await session.client.get("/things")
        assert caught.value.exit_code == 4
        if not kept:
            break
        session.clock.pass_time(20)
    assert len(session.refresh_posts()) == 1
    assert (await session.stored() is not None) is kept
    if kept:
        del session.world.override[TOKEN]
        assert (await session.client.get("/things")).status_code == 200


async def test_new_sign_in_after_a_refused_refresh_is_used_and_refreshed(session: Session) -> None:
    """B51: another process signed in again; its token is used, and refreshed when needed."""

    async def refuses(request: Request) -> Reply:
        return json_reply({"error": "invalid_request"}, 400)

    session.world.override[TOKEN] = refuses
    session.expire()
    with pytest.raises(SignedOut):
        await session.client.get("/things")
    del session.world.override[TOKEN]
    await replace(session.user, store=TokenStore()).sign_in(session.signed_in.profile)
    await session.manager.reload()
    assert (await session.client.get("/things")).status_code == 200
    session.expire()
    assert (await session.client.get("/things")).status_code == 200
    assert session.world.refreshes == 1


@pytest.mark.parametrize("noticed", ["clock", "clock set back", "401"])
async def test_a_sign_in_without_a_refresh_token_ends_with_its_token(
    user: User, use_keyring: Any, noticed: str
) -> None:
    """B51: it is used until it expires, whatever the wall clock says, and no refresh is requested."""
    backend = use_keyring(MemoryKeyring())
    user.world.settings.token = {"refresh_token": None}
    session = await make_session(user)
    session.clock.pass_time(299)
    backend.calls.clear()
    assert (await session.client.get("/things")).status_code == 200
    assert backend.calls == []
    if noticed == "401":
        session.expire()
    else:
        session.clock.pass_time(1)
        session.clock.now -= 3600 if noticed == "clock set back" else 0
    with pytest.raises(SignedOut, match=r": The sign-in ran out, and the server gave nothing to renew it with\.$"):
        await session.client.get("/things")
    assert session.refresh_posts() == []
    assert len(session.world.api.requests) == (2 if noticed == "401" else 1)
    await session.client.aclose()


async def test_html_page_at_the_token_endpoint_is_quoted_and_raises_not_renewed(session: Session) -> None:
    """B52: tokens are kept; the hint does not speak of the network."""

    async def page(request: Request) -> Reply:
        return HTML

    session.world.override[TOKEN] = page
    session.expire()
    for _ in range(2):
        with pytest.raises(NotRenewed, match="Welcome to the hotel") as caught:
            await session.client.get("/things")
        assert "network is back" not in caught.value.hint
    assert await session.stored() is not None


@pytest.mark.parametrize(
    ("answer", "at_the_end"),
    [(Reply(503), Offline), (json_reply({"error": "invalid_request"}, 400), SignedOut)],
    ids=["away", "refused"],
)
async def test_failed_refresh_is_ignored_while_the_token_is_valid(
    session: Session, answer: Reply, at_the_end: type[Exception]
) -> None:
    """B52: the server is unavailable, or refuses for another reason than the grant; the token is used until its end."""

    async def fails(request: Request) -> Reply:
        return answer

    session.world.override[TOKEN] = fails
    session.clock.pass_time(275)
    for _ in range(3):
        assert (await session.client.get("/things")).status_code == 200
    assert len(session.refresh_posts()) == 1
    session.clock.pass_time(25)
    with pytest.raises(at_the_end):
        await session.client.get("/things")


@pytest.mark.parametrize("can_be_renewed", [True, False])
async def test_waiting_requests_continue_after_signing_in_again(user: User, can_be_renewed: bool) -> None:
    """B51: ten requests wait for one sign-in (here or in another process) and then succeed with their bodies."""
    user.world.settings.token = {} if can_be_renewed else {"refresh_token": None}
    again = user if can_be_renewed else replace(user, store=TokenStore())
    offers = 0

    async def sign_in_again(over: SignedOut) -> bool:
        nonlocal offers
        offers += 1
        await again.sign_in(session.signed_in.profile)
        return True

    session = await make_session(user, TokenCallbacks(signed_out=sign_in_again))
    session.expire()
    session.world.refresh.clear()
    answers = await asyncio.gather(*(session.client.post(f"/things/{n}", json={"n": n}) for n in range(10)))
    assert {a.status_code for a in answers} == {200}
    assert sorted(a.json()["body"] for a in answers) == sorted(f'{{"n":{n}}}' for n in range(10))
    assert offers == 1
    await session.client.aclose()


async def test_declining_to_sign_in_ends_the_request(user: User) -> None:
    """B51: the callback returns False."""

    async def decline(over: SignedOut) -> bool:
        return False

    session = await make_session(user, TokenCallbacks(signed_out=decline))
    session.expire()
    session.world.refresh.clear()
    with pytest.raises(SignedOut):
        await session.client.get("/things")
    await session.client.aclose()


FAILURES = {
    "500": Reply(500),
    "503": Reply(503, b"<html>", {"Content-Type": "text/html"}),
    "429": json_reply({"error": "slow_down"}, 429),
    "reset": Raw(b"", "reset"),
    "cut": Raw(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{"),
    "hang": Raw(b"", "hang"),
    "portal": HTML,
    "odd": Reply(418),
}


@pytest.mark.parametrize("failure", FAILURES)
async def test_network_failures_never_sign_out(user: User, failure: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """B52: tokens are kept, `offline` is called once, the backoff grows, and then `online` is called."""
    monkeypatch.setattr(token_endpoint, "REFRESH_SECONDS", 0.3)
    states: list[str] = []
    callbacks = TokenCallbacks(offline=lambda error: states.append("offline"), online=lambda: states.append("online"))
    session = await make_session(user, callbacks)

    async def broken(request: Request) -> Reply | Raw:
        return FAILURES[failure]

    session.world.override[TOKEN] = broken
    session.clock.pass_time(301)
    for _ in range(5):
        with pytest.raises(Offline) as caught:
            await session.client.get("/things")
        assert type(caught.value) is (NotRenewed if failure in ("portal", "odd") else Offline)
    assert len(session.refresh_posts()) == 1
    assert states == ["offline"]
    assert await session.stored() == session.signed_in.tokens
    session.clock.pass_time(1)
    with pytest.raises(Offline):
        await session.client.get("/things")
    assert len(session.refresh_posts()) == 2
    session.clock.pass_time(1)
    with pytest.raises(Offline):
        await session.client.get("/things")
    assert len(session.refresh_posts()) <= 3
    del session.world.override[TOKEN]
    session.clock.pass_time(60)
    assert (await session.client.get("/things")).status_code == 200
    assert states == ["offline", "online"]
    await session.client.aclose()


async def after_an_outage(user: User) -> tuple[Session, list[str]]:
    """Return a session that is offline while the server is available again, and the record of its callbacks."""
    states: list[str] = []
    callbacks = TokenCallbacks(offline=lambda error: states.append("offline"), online=lambda: states.append("online"))
    session = await make_session(user, callbacks)

    async def broken(request: Request) -> Reply:
        return Reply(503)

    session.world.override[TOKEN] = broken
    session.clock.pass_time(301)
    with pytest.raises(Offline):
        await session.client.get("/things")
    del session.world.override[TOKEN]
    return session, states


async def test_refused_refresh_ends_offline(user: User) -> None:
    """B51 B52: the server is available again and refuses the grant."""
    session, states = await after_an_outage(user)
    session.world.refresh.clear()
    session.clock.pass_time(60)
    with pytest.raises(SignedOut):
        await session.client.get("/things")
    assert states == ["offline", "online"]
    await session.client.aclose()


async def test_new_sign_in_ends_offline(user: User) -> None:
    """B51 B52: the next refresh is not delayed."""
    session, states = await after_an_outage(user)
    await user.sign_in(session.signed_in.profile)
    await session.manager.reload()
    assert states == ["offline", "online"]
    assert await session.manager.renew(await session.manager.token()) is not None
    await session.client.aclose()


@pytest.mark.parametrize(("choose", "share"), [(min, 0.5), (max, 1.0)], ids=["shortest", "longest"])
async def test_refresh_backoff_doubles_up_to_a_minute(
    session: Session, choose: Any, share: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """B52: starting at one second, with jitter of up to half; it is reset after a success."""
    monkeypatch.setattr(random, "uniform", lambda *bounds: choose(bounds))

    async def broken(request: Request) -> Reply:
        return Reply(503)

    async def waits(number: int) -> list[float]:
        """Return the intervals between refresh requests while a token is requested all the time."""
        session.world.override[TOKEN] = broken
        session.clock.pass_time(301)
        tries: list[float] = []
        while len(tries) <= number:
            before = len(session.refresh_posts())
            with pytest.raises(Offline):
                await session.manager.token()
            if len(session.refresh_posts()) > before:
                tries.append(session.clock.ticks)
            session.clock.pass_time(share)
        del session.world.override[TOKEN]
        return [later - earlier for earlier, later in pairwise(tries)]

    assert await waits(8) == [share * seconds for seconds in (1, 2, 4, 8, 16, 32, 60, 60)]
    session.clock.pass_time(60)
    assert await session.manager.token() in session.world.access
    assert await waits(2) == [share * seconds for seconds in (1, 2)]


@pytest.mark.parametrize(("asks_for", "wait"), [("40", 40), ("in 40 s", 40), ("3600", 60)])
async def test_retry_after_of_the_token_endpoint_is_honoured(session: Session, asks_for: str, wait: float) -> None:
    """B52: up to a minute, in seconds or as a date."""

    async def busy(request: Request) -> Reply:
        until = format_datetime(datetime.now(UTC) + timedelta(seconds=40), usegmt=True)
        return json_reply({}, 503, **{"Retry-After": until if asks_for == "in 40 s" else asks_for})

    session.world.override[TOKEN] = busy
    session.clock.pass_time(301)
    for passed, posts in ((0, 1), (wait - 3, 1), (3, 2)):
        session.clock.pass_time(passed)
        with pytest.raises(Offline):
            await session.client.get("/things")
        assert len(session.refresh_posts()) == posts


async def test_lock_held_by_another_process_raises_offline(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    """B44: no refresh is requested while another process may be refreshing; the next try is after the usual backoff."""
    monkeypatch.setattr("drio_tui.auth.token_manager.LOCK_SECONDS", 0)
    monkeypatch.setattr(random, "uniform", min)
    session.clock.pass_time(301)
    async with sign_in_lock(session.signed_in.profile.entry).hold(0):
        with pytest.raises(Offline, match=r": Another drio-tui has been refreshing the sign-in for too long\.$"):
            await session.client.get("/things")
    assert session.refresh_posts() == []
    session.clock.pass_time(0.5)
    assert (await session.client.get("/things")).status_code == 200


@pytest.mark.parametrize(("our_age", "other_age", "posts"), [(0, 0, 1), (275, 0, 1), (0, 275, 2)])
async def test_tokens_refreshed_by_another_process_are_used(
    session: Session, our_age: float, other_age: float, posts: int
) -> None:
    """B44: its access token while it is valid, and its refresh token near expiry; the parameters are token ages."""
    session.clock.pass_time(our_age)
    other = TokenManager(session.signed_in.profile, TokenStore(), clock=session.clock)
    session.expire()
    renewed = await other.renew(session.signed_in.tokens.access_token)
    session.clock.pass_time(other_age)
    assert (await session.client.get("/things")).status_code == 200
    assert len(session.refresh_posts()) == posts
    assert (await session.manager.token() == renewed) is (posts == 1)


async def test_stored_token_without_refresh_token_is_used_until_it_expires(session: Session) -> None:
    """B44: another process stored it; it is near expiry."""
    session.clock.pass_time(275)
    last_tokens = replace(session.signed_in.tokens, access_token=session.world.mint("at"), refresh_token=None)
    session.world.access[last_tokens.access_token] = "ada"
    await TokenStore().save(session.signed_in.profile, last_tokens)
    assert (await session.client.get("/things")).status_code == 200
    assert last_tokens.access_token in session.world.api.requests[-1].headers["authorization"]
    session.clock.pass_time(25)
    with pytest.raises(SignedOut):
        await session.client.get("/things")
    assert session.refresh_posts() == []


class Locked(MemoryKeyring):
    """A keyring that can be locked, or that does not delete."""

    locked = keeps = False

    def get_password(self, service: str, username: str) -> str | None:
        if self.locked:
            raise keyring.errors.KeyringLocked("Failed to unlock the collection!")
        return super().get_password(service, username)

    def set_password(self, service: str, username: str, password: str) -> None:
        if self.locked:
            raise keyring.errors.KeyringLocked("Failed to unlock the collection!")
        super().set_password(service, username, password)

    def delete_password(self, service: str, username: str) -> None:
        if not self.keeps:
            super().delete_password(service, username)


@pytest.mark.parametrize(
    ("failure", "notice"),
    [
        ("locked", "The keyring failed: KeyringLocked: Failed to unlock the collection!."),
        ("keeps", "The tokens could not be deleted here: the keyring (test refresh Locked) still holds the tokens"),
    ],
)
async def test_keyring_errors_during_a_refresh_are_notified(
    user: User, use_keyring: Any, failure: str, notice: str
) -> None:
    """B46 B51: with a locked keyring, the session uses the tokens in memory; undeleted tokens are unusable."""
    notices: list[str] = []
    backend = use_keyring(Locked())
    session = await make_session(user, TokenCallbacks(notice=notices.append))
    setattr(backend, failure, True)
    session.expire()
    if failure == "locked":
        assert (await session.client.get("/things")).status_code == 200
    else:
        session.world.refresh.clear()
        with pytest.raises(SignedOut, match="spent"):
            await session.client.get("/things")
    assert len(session.refresh_posts()) == 1
    assert notices == [notice]
    await session.client.aclose()


async def test_unreachable_token_endpoint_raises_offline(user: User) -> None:
    """B52: the connection is refused (a DNS failure is reported the same way)."""
    session = await make_session(user)
    await session.world.idp.__aexit__()
    session.clock.pass_time(301)
    with pytest.raises(Offline):
        await session.client.get("/things")
    assert await session.stored() == session.signed_in.tokens
    await session.client.aclose()


async def test_unknown_client_is_removed_and_registering_again_is_offered(session: Session) -> None:
    """B53: `invalid_client` on refresh; it is requested once."""
    session.expire()
    session.world.clients.clear()
    with pytest.raises(SignedOut) as caught:
        await session.client.get("/things")
    assert caught.value.register_again
    assert ClientRegistrationStore().for_issuer(session.world.issuer) == []
    with pytest.raises(SignedOut):
        await session.client.get("/things")
    assert len(session.refresh_posts()) == 1
    again = await session.user.sign_in(session.signed_in.profile)
    assert again.tokens.client_id != session.signed_in.tokens.client_id


async def test_refused_new_token_is_not_refreshed_again(session: Session) -> None:
    """B54: the request is sent again once, then the 401 is returned; later requests do not refresh for a while."""

    async def refuse(request: Request) -> Reply:
        return session.world.refuse()

    session.world.api_override["/api/v1/never"] = refuse
    assert (await session.client.get("/never")).status_code == 401
    assert len(session.world.api.requests_to("/api/v1/never")) == 2
    for _ in range(5):
        assert (await session.client.get("/never")).status_code == 401
    assert len(session.refresh_posts()) == 1
    assert (await session.client.get("/things")).status_code == 200
    session.clock.pass_time(29)
    assert (await session.client.get("/never")).status_code == 401
    assert len(session.refresh_posts()) == 1
    session.clock.pass_time(1)
    await session.client.get("/never")
    assert len(session.refresh_posts()) == 2


async def test_a_new_sign_in_ends_the_refusal_of_a_fresh_token(session: Session) -> None:
    """F02: a token that was refused right after it was issued; another process signs in."""

    async def only_the_newest(request: Request) -> Reply:
        newest = list(session.world.access)[-1]
        authorized = (
            len(session.world.idp.requests_to(AUTHORIZE)) > 1
            and session.world.bearer(request)
            and newest in str(request.headers)
        )
        return json_reply({"done": True}) if authorized else session.world.refuse()

    session.world.api_override["/api/v1/guarded"] = only_the_newest
    assert (await session.client.patch("/guarded", json={})).status_code == 401
    await replace(session.user, store=TokenStore()).sign_in(session.signed_in.profile)
    assert (await session.client.patch("/guarded", json={})).status_code == 200
    assert len(session.refresh_posts()) == 1


async def test_insufficient_scope_steps_up_a_limited_number_of_times(user: User) -> None:
    """B54: 403 with `insufficient_scope`; the callback gets the scopes, twice at most."""
    requested: list[tuple[str, ...]] = []

    async def step_up(scopes: tuple[str, ...]) -> bool:
        requested.append(scopes)
        await user.sign_in(session.signed_in.profile, scopes=scopes)
        return True

    session = await make_session(user, TokenCallbacks(step_up=step_up))

    async def wants_more_scope(request: Request) -> Reply:
        return json_reply({}, 403, **{"WWW-Authenticate": 'Bearer error="insufficient_scope", scope="apps:deploy"'})

    session.world.api_override["/api/v1/deploy"] = wants_more_scope
    for _ in range(5):
        assert (await session.client.post("/deploy")).status_code == 403
    granted = tuple(session.signed_in.tokens.scope.split())
    assert requested == [(*granted, "apps:deploy")] * 2
    assert "apps%3Adeploy" in user.urls[-1] or "apps:deploy" in user.urls[-1]
    assert len(session.world.api.requests_to("/api/v1/deploy")) == 5 + 2
    await session.client.aclose()


async def test_plain_403_is_returned(session: Session) -> None:
    """F03 B54: no refresh, no step-up."""

    async def forbidden(request: Request) -> Reply:
        return json_reply({}, 403)

    session.world.api_override["/api/v1/x"] = forbidden
    assert (await session.client.get("/x")).status_code == 403
    assert len(session.world.api.requests_to("/api/v1/x")) == 1
    assert session.world.refreshes == 0


async def test_refresh_has_a_time_limit(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    """B55: at most 30 s in total, also for a response that is not complete."""
    assert token_endpoint.REFRESH_SECONDS <= 30
    monkeypatch.setattr(token_endpoint, "REFRESH_SECONDS", 0.3)

    async def trickle(request: Request) -> Raw:
        return Raw(b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n{", "hang")

    session.world.override[TOKEN] = trickle
    session.expire()
    with pytest.raises(Offline, match="did not answer in time"):
        await session.client.get("/things")


@pytest.mark.parametrize("method", ["POST", "PATCH", "PUT", "DELETE"])
async def test_write_request_is_sent_again_after_a_401(session: Session, method: str) -> None:
    """F02 B56: a 401 means the server did not act."""
    session.expire()
    answer = await session.client.request(method, "/things", content=b"the body")
    assert answer.json()["body"] == "the body"
    assert [r.body for r in session.world.api.requests] == [b"the body"] * 2


async def test_write_request_is_not_sent_again_after_a_reset(session: Session) -> None:
    """B56: after a reset it is unknown what the server did."""

    async def reset(request: Request) -> Raw:
        return Raw(b"", "reset")

    session.world.api_override["/api/v1/make"] = reset
    with pytest.raises(httpx.TransportError):
        await session.client.post("/make", json={})
    assert len(session.world.api.requests_to("/api/v1/make")) == 1


async def test_request_with_a_stream_body_is_not_sent_again(session: Session) -> None:
    """B56: a stream is consumed by the first attempt; the 401 is returned."""

    async def chunks() -> AsyncIterator[bytes]:
        yield b"once"

    session.expire()
    answer = await session.client.post("/things", content=chunks(), headers={"Content-Length": "4"})
    assert answer.status_code == 401


async def test_token_is_sent_to_its_origin_only(session: Session) -> None:
    """B65: another host gets no Authorization header, neither directly nor by redirect."""
    async with SignInServers() as other:
        await session.client.get(f"{other.api.origin}/api/v1/things")

        async def away(request: Request) -> Reply:
            return Reply(307, b"", {"Location": f"{other.api.origin}/api/v1/landed"})

        session.world.api_override["/api/v1/away"] = away
        await session.client.get("/away", follow_redirects=True)
        assert [r.path for r in other.api.requests] == ["/api/v1/things", "/api/v1/landed"]
        assert not any("authorization" in r.headers for r in other.api.requests)
    assert "authorization" in session.world.api.requests[-1].headers


async def test_signed_out_elsewhere_is_noticed_at_the_next_refresh(session: Session) -> None:
    """B66: another process logged out; the tokens are not stored again."""
    await TokenStore().delete(session.signed_in.profile)
    session.clock.pass_time(301)
    with pytest.raises(SignedOut, match=r": You were signed out elsewhere\.$"):
        await session.client.get("/things")
    assert session.refresh_posts() == []
    assert await session.stored() is None


async def test_closing_without_a_refresh_under_way_is_quiet(session: Session) -> None:
    """B46."""
    await session.manager.aclose()
    async with OAuthHttpClient() as http:
        await http.aclose()
