"""Failures of the token endpoint never sign out: offline, and tried again later."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from itertools import pairwise
from typing import Any

import pytest

from drio_tui.auth import token_endpoint
from drio_tui.auth.errors import NotRenewed, Offline, SignedOut
from drio_tui.auth.token_manager import TokenCallbacks
from drio_tui.storage.lock import sign_in_lock
from tests.auth.conftest import User
from tests.auth.httpd import HTML, Raw, Reply, Request, always, json_reply
from tests.auth.sessions import Session, make_session
from tests.auth.world import TOKEN


async def test_html_page_at_the_token_endpoint_is_quoted_and_raises_not_renewed(session: Session) -> None:
    """B52: tokens are kept; the hint does not speak of the network."""
    session.world.override[TOKEN] = always(HTML)
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
    session.world.override[TOKEN] = always(answer)
    session.clock.pass_time(275)
    for _ in range(3):
        assert (await session.client.get("/things")).status_code == 200
    assert len(session.refresh_posts()) == 1
    session.clock.pass_time(25)
    with pytest.raises(at_the_end):
        await session.client.get("/things")


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

    session.world.override[TOKEN] = always(Reply(503))
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

    async def waits(number: int) -> list[float]:
        """Return the intervals between refresh requests while a token is requested all the time."""
        session.world.override[TOKEN] = always(Reply(503))
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


async def test_unreachable_token_endpoint_raises_offline(user: User) -> None:
    """B52: the connection is refused (a DNS failure is reported the same way)."""
    session = await make_session(user)
    await session.world.idp.__aexit__()
    session.clock.pass_time(301)
    with pytest.raises(Offline):
        await session.client.get("/things")
    assert await session.stored() == session.signed_in.tokens
    await session.client.aclose()


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
