"""When a sign-in ends: refused refreshes and tokens, and going on after signing in again."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from drio_tui.auth.client_store import ClientRegistrationStore
from drio_tui.auth.errors import SignedOut
from drio_tui.auth.token_manager import TokenCallbacks
from drio_tui.auth.token_store import TokenStore
from tests.auth.conftest import MemoryKeyring, User
from tests.auth.httpd import Reply, Request, always, json_reply
from tests.auth.sessions import Session, make_session
from tests.auth.world import AUTHORIZE, TOKEN


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
    session.world.override[TOKEN] = always(answer)
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
    session.world.api_override["/api/v1/never"] = always(session.world.refuse())
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

    session.world.api_override["/api/v1/deploy"] = always(
        json_reply({}, 403, **{"WWW-Authenticate": 'Bearer error="insufficient_scope", scope="apps:deploy"'})
    )
    for _ in range(5):
        assert (await session.client.post("/deploy")).status_code == 403
    granted = tuple(session.signed_in.tokens.scope.split())
    assert requested == [(*granted, "apps:deploy")] * 2
    assert "apps%3Adeploy" in user.urls[-1] or "apps:deploy" in user.urls[-1]
    assert len(session.world.api.requests_to("/api/v1/deploy")) == 5 + 2
    await session.client.aclose()
