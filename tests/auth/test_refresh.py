"""Refreshing tokens: one refresh for all callers, nothing lost by it, and none too early."""

from __future__ import annotations

import asyncio
import gc
from dataclasses import replace
from typing import Any

import keyring
import pytest

from drio_tui.auth.errors import SignedOut, StoreFailed
from drio_tui.auth.oauth_http import OAuthHttpClient
from drio_tui.auth.token_manager import TokenCallbacks, TokenManager
from drio_tui.auth.token_store import Place, TokenStore
from drio_tui.storage.lock import sign_in_lock
from tests.auth.conftest import MemoryKeyring, User
from tests.auth.httpd import Reply, Request, json_reply
from tests.auth.sessions import Session, make_session
from tests.auth.world import TOKEN


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
