"""Staying signed in: one refresh for everyone, nothing lost to the network, no loop."""

from __future__ import annotations

import asyncio
import gc
import random
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
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
from drio_tui.auth.token_store import Place, Vault
from drio_tui.storage.lock import sign_in_lock
from tests.auth.conftest import FakeClock, MemoryKeyring, Person
from tests.auth.httpd import HTML, Raw, Reply, Request, json_reply
from tests.auth.world import AUTHORIZE, TOKEN, World


@dataclass
class Session:
    """A signed-in person with an HTTP client, as the program has one."""

    world: World
    person: Person
    signed_in: SignInResult
    keeper: TokenManager
    client: httpx.AsyncClient
    clock: FakeClock
    told: list[Any] = field(default_factory=list)

    def refresh_posts(self) -> list[Request]:
        return [r for r in self.world.idp.to(TOKEN) if r.form["grant_type"] == "refresh_token"]

    def expire(self) -> None:
        """The server no longer takes the access tokens it gave."""
        self.world.access.clear()

    async def stored(self) -> Any:
        return await Vault().load(self.signed_in.profile, fresh=True)


async def make(person: Person, hooks: TokenCallbacks | None = None, store: Any = None, **options: Any) -> Session:
    signed_in = await person.signs_in()
    keeper = TokenManager(signed_in.profile, store or person.store, clock=person.clock, hooks=hooks, **options)
    client = httpx.AsyncClient(
        base_url=person.world.base_url, auth=BearerAuth(keeper, person.world.base_url), trust_env=False
    )
    person.world.api.requests.clear()
    return Session(person.world, person, signed_in, keeper, client, person.clock)


@pytest.fixture
async def session(person: Person) -> AsyncIterator[Session]:
    made = await make(person)
    yield made
    await made.client.aclose()


async def test_requests_carry_the_token_and_nothing_is_renewed_early(session: Session) -> None:
    """B49: with 300 s tokens at most one refresh per 240 s, asked every ten seconds."""
    refreshes = []
    for _ in range(120):
        assert (await session.client.get("/things")).status_code == 200
        session.clock.pass_time(10)
        refreshes.append(session.world.refreshes)
    assert session.world.refreshes == 1200 // 270
    assert refreshes[26] == 0


@pytest.mark.parametrize("foreseen", [False, True], ids=["after 401", "near the end"])
async def test_fifty_requests_at_once_make_one_refresh(session: Session, foreseen: bool) -> None:
    """B43 F02: exactly one refresh POST; no 401 where the clock says so beforehand, else every request sent twice."""
    if foreseen:
        session.clock.pass_time(275)
    else:
        session.expire()
    answers = await asyncio.gather(*(session.client.get(f"/things/{n}") for n in range(50)))
    assert {a.status_code for a in answers} == {200}
    assert len(session.refresh_posts()) == 1
    assert len(session.world.api.requests) <= (50 if foreseen else 100)


async def test_the_lock_is_free_during_ordinary_requests(session: Session) -> None:
    """B45: one answer that takes for ever delays neither another request nor another process's lock."""
    arrived, release = asyncio.Event(), asyncio.Event()

    async def slow(request: Request) -> Reply:
        arrived.set()
        await release.wait()
        return json_reply({})

    session.world.api_override["/api/v1/slow"] = slow
    hanging = asyncio.create_task(session.client.get("/slow"))
    await arrived.wait()
    async with sign_in_lock(session.signed_in.profile.entry).hold(0):
        assert (await session.client.get("/things")).status_code == 200
    release.set()
    assert (await hanging).status_code == 200


async def test_the_new_refresh_token_is_stored_before_the_new_access_token_is_used(person: Person) -> None:
    """B46: while the store writes, no request with the new token leaves."""
    saving, go_on = asyncio.Event(), asyncio.Event()

    class Slow(Vault):
        async def save(self, profile: Any, tokens: Any) -> Place:
            saving.set()
            await go_on.wait()
            return await super().save(profile, tokens)

    session = await make(person, store=Slow())
    session.expire()
    request = asyncio.create_task(session.client.get("/things"))
    await saving.wait()
    assert len(session.refresh_posts()) == 1
    assert len(session.world.api.requests) == 1
    go_on.set()
    assert (await request).status_code == 200
    assert (await session.stored()).access_token in session.world.api.requests[-1].headers["authorization"]
    await session.client.aclose()


async def test_a_new_token_that_cannot_be_stored_is_not_used(person: Person) -> None:
    """B46: the sign-in of the next process would be lost."""

    class Failing(Vault):
        fails = True

        async def save(self, profile: Any, tokens: Any) -> Place:
            if self.fails:
                raise StoreFailed("The disk is full.")
            return await super().save(profile, tokens)

    store = Failing()
    session = await make(person, store=store)
    session.expire()
    with pytest.raises(StoreFailed, match="The disk is full"):
        await session.client.get("/things")
    assert len(session.refresh_posts()) == 1
    assert len(session.world.api.requests) == 1
    assert await session.keeper.token() == session.signed_in.tokens.access_token
    await session.client.aclose()


@pytest.mark.parametrize("succeeds", [True, False])
async def test_a_caller_that_gives_up_does_not_lose_the_rotated_token(session: Session, succeeds: bool) -> None:
    """B46: cancelled in the middle of a refresh, the answer is stored all the same; a failure is quiet."""
    lost: list[Any] = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: lost.append(context))
    asked, release = asyncio.Event(), asyncio.Event()

    async def slow(request: Request) -> Reply:
        asked.set()
        await release.wait()
        return session.world._token(request) if succeeds else Reply(503)

    session.world.override[TOKEN] = slow
    session.expire()
    request = asyncio.create_task(session.client.get("/things"))
    await asked.wait()
    request.cancel()
    with pytest.raises(asyncio.CancelledError):
        await request
    release.set()
    await session.keeper.aclose()
    assert (await session.stored()).refresh_token in session.world.refresh
    assert session.world.refreshes == succeeds
    gc.collect()
    assert lost == []


async def test_an_answer_without_a_refresh_token_keeps_the_old_one(session: Session) -> None:
    """B47: no rotation."""
    session.world.settings.rotates = False
    for _ in range(3):
        session.expire()
        assert (await session.client.get("/things")).status_code == 200
        session.clock.pass_time(31)
    assert session.world.refreshes == 3
    assert (await session.stored()).refresh_token == session.signed_in.tokens.refresh_token


@pytest.mark.parametrize("jump", [3600, -3600, 86400 * 365, -86400 * 365])
async def test_a_clock_that_jumps_never_makes_a_loop(session: Session, jump: float) -> None:
    """B49: an hour or a year off: at most one needless refresh, and the 401 path recovers."""
    session.clock.now += jump
    for _ in range(20):
        assert (await session.client.get("/things")).status_code == 200
    assert session.world.refreshes <= 1
    session.expire()
    assert (await session.client.get("/things")).status_code == 200
    assert session.world.refreshes <= 2


async def test_a_lifetime_that_is_not_told_means_renewing_on_401_only(person: Person) -> None:
    """B38 B49."""
    person.world.settings.expires_in = None
    session = await make(person)
    session.clock.pass_time(10**7)
    assert (await session.client.get("/things")).status_code == 200
    assert session.world.refreshes == 0
    session.expire()
    assert (await session.client.get("/things")).status_code == 200
    assert session.world.refreshes == 1
    await session.client.aclose()


async def test_a_revoked_sign_in_drops_the_tokens_and_says_sign_in(session: Session) -> None:
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
async def test_a_refused_refresh_is_signed_out_and_only_a_definite_one_drops_the_tokens(
    session: Session, answer: Reply, kept: bool
) -> None:
    """B51 B53: exit 4 with the server's words, under any status; not asked again with every request."""

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


async def test_a_refused_refresh_holds_nothing_against_a_new_sign_in(session: Session) -> None:
    """B51: another process signed in again: its token is used, and renewed as soon as it must be."""

    async def refuses(request: Request) -> Reply:
        return json_reply({"error": "invalid_request"}, 400)

    session.world.override[TOKEN] = refuses
    session.expire()
    with pytest.raises(SignedOut):
        await session.client.get("/things")
    del session.world.override[TOKEN]
    await replace(session.person, store=Vault()).signs_in(session.signed_in.profile)
    await session.keeper.reload()
    assert (await session.client.get("/things")).status_code == 200
    session.expire()
    assert (await session.client.get("/things")).status_code == 200
    assert session.world.refreshes == 1


@pytest.mark.parametrize("noticed", ["clock", "clock set back", "401"])
async def test_a_sign_in_without_a_refresh_token_ends_with_its_token(
    person: Person, use_keyring: Any, noticed: str
) -> None:
    """B51: used to its last second without looking for another, whatever the wall clock says; then nobody is asked."""
    backend = use_keyring(MemoryKeyring())
    person.world.settings.token = {"refresh_token": None}
    session = await make(person)
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


async def test_a_page_at_the_token_endpoint_is_quoted_and_is_not_the_network(session: Session) -> None:
    """B52: tokens kept; no advice to wait for the network when something did answer."""

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
async def test_a_refresh_that_fails_interrupts_nothing_while_the_token_still_counts(
    session: Session, answer: Reply, at_the_end: type[Exception]
) -> None:
    """B52: the server is away, or refuses for another reason than the grant: the token is used to its end."""

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
async def test_signing_in_in_place_lets_interrupted_requests_go_on(person: Person, can_be_renewed: bool) -> None:
    """B51: ten requests wait for one sign-in (here or in another process) and then succeed, bodies intact."""
    person.world.settings.token = {} if can_be_renewed else {"refresh_token": None}
    again = person if can_be_renewed else replace(person, store=Vault())
    offers = 0

    async def sign_in_again(over: SignedOut) -> bool:
        nonlocal offers
        offers += 1
        await again.signs_in(session.signed_in.profile)
        return True

    session = await make(person, TokenCallbacks(signed_out=sign_in_again))
    session.expire()
    session.world.refresh.clear()
    answers = await asyncio.gather(*(session.client.post(f"/things/{n}", json={"n": n}) for n in range(10)))
    assert {a.status_code for a in answers} == {200}
    assert sorted(a.json()["body"] for a in answers) == sorted(f'{{"n":{n}}}' for n in range(10))
    assert offers == 1
    await session.client.aclose()


async def test_declining_to_sign_in_ends_the_request(person: Person) -> None:
    """B51: False from the hook."""

    async def decline(over: SignedOut) -> bool:
        return False

    session = await make(person, TokenCallbacks(signed_out=decline))
    session.expire()
    session.world.refresh.clear()
    with pytest.raises(SignedOut):
        await session.client.get("/things")
    await session.client.aclose()


TROUBLES = {
    "500": Reply(500),
    "503": Reply(503, b"<html>", {"Content-Type": "text/html"}),
    "429": json_reply({"error": "slow_down"}, 429),
    "reset": Raw(b"", "reset"),
    "cut": Raw(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{"),
    "hang": Raw(b"", "hang"),
    "portal": HTML,
    "odd": Reply(418),
}


@pytest.mark.parametrize("trouble", TROUBLES)
async def test_the_network_never_signs_anyone_out(
    person: Person, trouble: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """B52: tokens kept, offline said once, waiting grows, and it recovers."""
    monkeypatch.setattr(token_endpoint, "REFRESH_SECONDS", 0.3)
    states: list[str] = []
    hooks = TokenCallbacks(offline=lambda error: states.append("offline"), online=lambda: states.append("online"))
    session = await make(person, hooks)

    async def broken(request: Request) -> Reply | Raw:
        return TROUBLES[trouble]

    session.world.override[TOKEN] = broken
    session.clock.pass_time(301)
    for _ in range(5):
        with pytest.raises(Offline) as caught:
            await session.client.get("/things")
        assert type(caught.value) is (NotRenewed if trouble in ("portal", "odd") else Offline)
    assert len(session.refresh_posts()) == 1
    assert states == ["offline"]
    assert session.keeper.is_offline
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
    assert not session.keeper.is_offline
    await session.client.aclose()


async def after_an_outage(person: Person) -> tuple[Session, list[str]]:
    """A session that is offline while the server is back, and what its hooks are told."""
    states: list[str] = []
    hooks = TokenCallbacks(offline=lambda error: states.append("offline"), online=lambda: states.append("online"))
    session = await make(person, hooks)

    async def broken(request: Request) -> Reply:
        return Reply(503)

    session.world.override[TOKEN] = broken
    session.clock.pass_time(301)
    with pytest.raises(Offline):
        await session.client.get("/things")
    del session.world.override[TOKEN]
    return session, states


async def test_a_refusal_ends_being_offline_too(person: Person) -> None:
    """B51 B52: the server is back, and what it says is that the sign-in is over."""
    session, states = await after_an_outage(person)
    session.world.refresh.clear()
    session.clock.pass_time(60)
    with pytest.raises(SignedOut):
        await session.client.get("/things")
    assert states == ["offline", "online"]
    assert not session.keeper.is_offline
    await session.client.aclose()


async def test_a_new_sign_in_ends_being_offline(person: Person) -> None:
    """B51 B52: it has just come from the server, which is asked again at once when it has to be."""
    session, states = await after_an_outage(person)
    await person.signs_in(session.signed_in.profile)
    await session.keeper.reload()
    assert states == ["offline", "online"]
    assert await session.keeper.renew(await session.keeper.token()) is not None
    await session.client.aclose()


@pytest.mark.parametrize(("pick", "share"), [(min, 0.5), (max, 1.0)], ids=["shortest", "longest"])
async def test_the_wait_before_the_next_try_doubles_up_to_a_minute(
    session: Session, pick: Any, share: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """B52: from a second on, less up to half of it by chance; from the start again after a success."""
    monkeypatch.setattr(random, "uniform", lambda *bounds: pick(bounds))

    async def broken(request: Request) -> Reply:
        return Reply(503)

    async def waits(number: int) -> list[float]:
        """What passes between the tries when someone asks all the time."""
        session.world.override[TOKEN] = broken
        session.clock.pass_time(301)
        tries: list[float] = []
        while len(tries) <= number:
            before = len(session.refresh_posts())
            with pytest.raises(Offline):
                await session.keeper.token()
            if len(session.refresh_posts()) > before:
                tries.append(session.clock.ticks)
            session.clock.pass_time(share)
        del session.world.override[TOKEN]
        return [later - earlier for earlier, later in pairwise(tries)]

    assert await waits(8) == [share * seconds for seconds in (1, 2, 4, 8, 16, 32, 60, 60)]
    session.clock.pass_time(60)
    assert await session.keeper.token() in session.world.access
    assert await waits(2) == [share * seconds for seconds in (1, 2)]


@pytest.mark.parametrize(("asks_for", "wait"), [("40", 40), ("in 40 s", 40), ("3600", 60)])
async def test_the_servers_wish_to_be_left_alone_is_honoured(session: Session, asks_for: str, wait: float) -> None:
    """B52: `Retry-After` on the token endpoint, up to a minute, in seconds or as a date."""

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


async def test_a_lock_that_another_process_keeps_is_like_being_offline(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    """B44: nothing is asked while someone else may be refreshing; tried again after the usual wait."""
    monkeypatch.setattr("drio_tui.auth.token_manager.LOCK_SECONDS", 0)
    monkeypatch.setattr(random, "uniform", min)
    session.clock.pass_time(301)
    async with sign_in_lock(session.signed_in.profile.entry).hold(0):
        with pytest.raises(Offline, match=r": Another drio-tui has been refreshing the sign-in for too long\.$"):
            await session.client.get("/things")
    assert session.refresh_posts() == []
    session.clock.pass_time(0.5)
    assert (await session.client.get("/things")).status_code == 200


@pytest.mark.parametrize(("ours", "theirs", "posts"), [(0, 0, 1), (275, 0, 1), (0, 275, 2)])
async def test_what_another_process_renewed_is_gone_on_with(
    session: Session, ours: float, theirs: float, posts: int
) -> None:
    """B44: its access token while it is good, and its refresh token near its end; `ours` and `theirs` are ages."""
    session.clock.pass_time(ours)
    other = TokenManager(session.signed_in.profile, Vault(), clock=session.clock)
    session.expire()
    renewed = await other.renew(session.signed_in.tokens.access_token)
    session.clock.pass_time(theirs)
    assert (await session.client.get("/things")).status_code == 200
    assert len(session.refresh_posts()) == posts
    assert (await session.keeper.token() == renewed) is (posts == 1)


async def test_a_last_token_that_another_process_stored_is_used_to_its_end(session: Session) -> None:
    """B44: near its end, and with nothing to renew it with."""
    session.clock.pass_time(275)
    last = replace(session.signed_in.tokens, access_token=session.world.mint("at"), refresh_token=None)
    session.world.access[last.access_token] = "ada"
    await Vault().save(session.signed_in.profile, last)
    assert (await session.client.get("/things")).status_code == 200
    assert last.access_token in session.world.api.requests[-1].headers["authorization"]
    session.clock.pass_time(25)
    with pytest.raises(SignedOut):
        await session.client.get("/things")
    assert session.refresh_posts() == []


class Locked(MemoryKeyring):
    """A keyring that can be locked, or keep what should be deleted."""

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
    ("trouble", "notice"),
    [
        ("locked", "The keyring failed: KeyringLocked: Failed to unlock the collection!."),
        ("keeps", "The tokens could not be deleted here: the keyring (test refresh Locked) still holds the tokens"),
    ],
)
async def test_a_keyring_in_trouble_is_told_and_changes_nothing_else(
    person: Person, use_keyring: Any, trouble: str, notice: str
) -> None:
    """B46 B51: locked, the session goes on with the tokens at hand; what it does not delete is revoked all the same."""
    notices: list[str] = []
    backend = use_keyring(Locked())
    session = await make(person, TokenCallbacks(notice=notices.append))
    setattr(backend, trouble, True)
    session.expire()
    if trouble == "locked":
        assert (await session.client.get("/things")).status_code == 200
    else:
        session.world.refresh.clear()
        with pytest.raises(SignedOut, match="spent"):
            await session.client.get("/things")
    assert len(session.refresh_posts()) == 1
    assert notices == [notice]
    await session.client.aclose()


async def test_a_server_that_is_gone_is_offline(person: Person) -> None:
    """B52: nothing listens at the token endpoint any more (DNS and refused connections look alike)."""
    session = await make(person)
    await session.world.idp.__aexit__()
    session.clock.pass_time(301)
    with pytest.raises(Offline):
        await session.client.get("/things")
    assert await session.stored() == session.signed_in.tokens
    await session.client.aclose()


async def test_a_forgotten_client_is_dropped_once_and_registering_again_is_offered(session: Session) -> None:
    """B53: `invalid_client` on refresh, loop guard."""
    session.expire()
    session.world.clients.clear()
    with pytest.raises(SignedOut) as caught:
        await session.client.get("/things")
    assert caught.value.register_again
    assert ClientRegistrationStore().of(session.world.issuer) == []
    with pytest.raises(SignedOut):
        await session.client.get("/things")
    assert len(session.refresh_posts()) == 1
    again = await session.person.signs_in(session.signed_in.profile)
    assert again.tokens.client_id != session.signed_in.tokens.client_id


async def test_a_fresh_token_that_is_refused_is_not_renewed_again(session: Session) -> None:
    """B54: one retry, then the 401 is the answer; and no refresh per request from then on."""

    async def never(request: Request) -> Reply:
        return session.world.refuse()

    session.world.api_override["/api/v1/never"] = never
    assert (await session.client.get("/never")).status_code == 401
    assert len(session.world.api.to("/api/v1/never")) == 2
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
    """F02: a token refused right after it was issued asks for a sign-in; one in another process will do."""

    async def only_the_newest(request: Request) -> Reply:
        newest = list(session.world.access)[-1]
        fits = (
            len(session.world.idp.to(AUTHORIZE)) > 1
            and session.world.bearer(request)
            and newest in str(request.headers)
        )
        return json_reply({"done": True}) if fits else session.world.refuse()

    session.world.api_override["/api/v1/guarded"] = only_the_newest
    assert (await session.client.patch("/guarded", json={})).status_code == 401
    await replace(session.person, store=Vault()).signs_in(session.signed_in.profile)
    assert (await session.client.patch("/guarded", json={})).status_code == 200
    assert len(session.refresh_posts()) == 1


async def test_insufficient_scope_steps_up_a_limited_number_of_times(person: Person) -> None:
    """B54: 403 with `insufficient_scope`: the asked scopes reach the hook, twice at most."""
    asked: list[tuple[str, ...]] = []

    async def step_up(scopes: tuple[str, ...]) -> bool:
        asked.append(scopes)
        await person.signs_in(session.signed_in.profile, scopes=scopes)
        return True

    session = await make(person, TokenCallbacks(step_up=step_up))

    async def more(request: Request) -> Reply:
        return json_reply({}, 403, **{"WWW-Authenticate": 'Bearer error="insufficient_scope", scope="apps:deploy"'})

    session.world.api_override["/api/v1/deploy"] = more
    for _ in range(5):
        assert (await session.client.post("/deploy")).status_code == 403
    granted = tuple(session.signed_in.tokens.scope.split())
    assert asked == [(*granted, "apps:deploy")] * 2
    assert "apps%3Adeploy" in person.urls[-1] or "apps:deploy" in person.urls[-1]
    assert len(session.world.api.to("/api/v1/deploy")) == 5 + 2
    await session.client.aclose()


async def test_a_plain_403_is_just_an_answer(session: Session) -> None:
    """F03 B54: no refresh, no step-up."""

    async def forbidden(request: Request) -> Reply:
        return json_reply({}, 403)

    session.world.api_override["/api/v1/x"] = forbidden
    assert (await session.client.get("/x")).status_code == 403
    assert len(session.world.api.to("/api/v1/x")) == 1
    assert session.world.refreshes == 0


async def test_the_refresh_has_a_time_limit_of_its_own(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    """B55: at most 30 s in all, also for an answer that trickles in."""
    assert token_endpoint.REFRESH_SECONDS <= 30
    monkeypatch.setattr(token_endpoint, "REFRESH_SECONDS", 0.3)

    async def trickle(request: Request) -> Raw:
        return Raw(b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n{", "hang")

    session.world.override[TOKEN] = trickle
    session.expire()
    with pytest.raises(Offline, match="did not answer in time"):
        await session.client.get("/things")


@pytest.mark.parametrize("method", ["POST", "PATCH", "PUT", "DELETE"])
async def test_a_change_refused_with_401_is_sent_again_whole(session: Session, method: str) -> None:
    """F02 B56: a 401 means the server did not act."""
    session.expire()
    answer = await session.client.request(method, "/things", content=b"the body")
    assert answer.json()["body"] == "the body"
    assert [r.body for r in session.world.api.requests] == [b"the body"] * 2


async def test_a_change_that_broke_off_is_not_sent_again(session: Session) -> None:
    """B56: a reset says nothing about what the server did."""

    async def reset(request: Request) -> Raw:
        return Raw(b"", "reset")

    session.world.api_override["/api/v1/make"] = reset
    with pytest.raises(httpx.TransportError):
        await session.client.post("/make", json={})
    assert len(session.world.api.to("/api/v1/make")) == 1


async def test_a_body_that_cannot_be_read_twice_is_not_repeated(session: Session) -> None:
    """B56: a stream is gone after the first try; the 401 is the answer."""

    async def chunks() -> AsyncIterator[bytes]:
        yield b"once"

    session.expire()
    answer = await session.client.post("/things", content=chunks(), headers={"Content-Length": "4"})
    assert answer.status_code == 401


async def test_the_token_goes_to_its_own_origin_only(session: Session) -> None:
    """B65: another host gets no Authorization, neither asked directly nor by redirect."""
    async with World() as other:
        await session.client.get(f"{other.api.origin}/api/v1/things")

        async def away(request: Request) -> Reply:
            return Reply(307, b"", {"Location": f"{other.api.origin}/api/v1/landed"})

        session.world.api_override["/api/v1/away"] = away
        await session.client.get("/away", follow_redirects=True)
        assert [r.path for r in other.api.requests] == ["/api/v1/things", "/api/v1/landed"]
        assert not any("authorization" in r.headers for r in other.api.requests)
    assert "authorization" in session.world.api.requests[-1].headers


async def test_signed_out_elsewhere_is_noticed_at_the_next_refresh(session: Session) -> None:
    """B66: another process logged out; nobody brings the tokens back."""
    await Vault().delete(session.signed_in.profile)
    session.clock.pass_time(301)
    with pytest.raises(SignedOut, match=r": You were signed out elsewhere\.$"):
        await session.client.get("/things")
    assert session.refresh_posts() == []
    assert await session.stored() is None


async def test_closing_without_a_refresh_under_way_is_quiet(session: Session) -> None:
    """B46."""
    await session.keeper.aclose()
    async with OAuthHttpClient() as wire:
        await wire.aclose()
