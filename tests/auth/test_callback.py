"""The browser's part of a sign-in: its URL, waiting for the callback, cancelling, and what a callback must contain."""

from __future__ import annotations

import asyncio
import socket
from urllib.parse import urlsplit

import pytest

from drio_tui.auth import browser_step
from drio_tui.auth.browser import DesktopEnvironment
from drio_tui.auth.errors import (
    AuthorizationDenied,
    CallbackTimeout,
    IssuerMixUp,
    PasteRefused,
    SignInCancelled,
    Step,
)
from drio_tui.auth.events import PasteOffered, StepStarted, StillWaiting, UrlReady, Waiting
from drio_tui.auth.flow import SignInFlow
from drio_tui.auth.token_store import TokenStore
from tests.auth.conftest import User
from tests.auth.world import TOKEN, SignInServers, browse, query_of


def is_free(uri: str) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", urlsplit(uri).port)) != 0


async def test_url_is_emitted_even_when_a_browser_opens(user: User, world: SignInServers, tmp_path) -> None:
    """B25: the event precedes the browser command."""
    opener = tmp_path / "opener"
    opener.write_text(f"#!/bin/sh\nprintf '%s' \"$1\" > {tmp_path}/opened\n")
    opener.chmod(0o755)
    user.opens_urls = True
    sign_in = SignInFlow(
        user.profiles.resolve(base_url=world.base_url),
        store=user.store,
        profiles=user.profiles,
        on_event=user.on_event,
        desktop=DesktopEnvironment({"BROWSER": str(opener), "PATH": "/usr/bin:/bin"}, "linux"),
    )
    await sign_in.run()
    assert (tmp_path / "opened").read_text() == user.urls[0]
    kinds = [type(e) for e in user.events]
    assert kinds.index(UrlReady) < kinds.index(Waiting)
    assert [e.step for e in user.events if isinstance(e, StepStarted)].index(Step.BROWSER) > 0


async def test_pasting_is_offered_over_ssh_before_the_wait(user: User, world: SignInServers) -> None:
    """B26: no browser opens, the reason is given, and the paste ends the wait."""
    user.opens_urls = False
    sign_in = SignInFlow(
        user.profiles.resolve(base_url=world.base_url),
        store=user.store,
        profiles=user.profiles,
        on_event=user.on_event,
        desktop=DesktopEnvironment({"SSH_CONNECTION": "1 2 3 4", "BROWSER": "false"}, "linux"),
    )
    task = asyncio.create_task(sign_in.run())
    while not any(isinstance(e, Waiting) for e in user.events):
        await asyncio.sleep(0)
    offered = next(e for e in user.events if isinstance(e, PasteOffered))
    assert "SSH" in offered.reason
    uri = query_of(user.urls[0])["redirect_uri"]
    code = world.mint("code")
    world.codes[code] = query_of(user.urls[0]) | {"account": "ada@example.com"}
    sign_in.paste(f"  {uri}?code={code}&amp;state={query_of(user.urls[0])['state']}\n")
    assert (await task).account.label == "ada@example.com"
    with pytest.raises(PasteRefused):
        sign_in.paste("again")


async def test_cancelling_closes_the_socket_and_keeps_stored_tokens(user: User, world: SignInServers) -> None:
    """B27: Esc while waiting."""
    signed_in = await user.sign_in()
    user.opens_urls = False
    sign_in = user.flow()
    task = asyncio.create_task(sign_in.run())
    while not isinstance(user.events[-1], Waiting):
        await asyncio.sleep(0)
    uri = query_of(user.urls[-1])["redirect_uri"]
    assert not is_free(uri)
    sign_in.cancel()
    with pytest.raises(SignInCancelled):
        await task
    assert is_free(uri)
    assert await user.store.load(signed_in.profile, fresh=True) == signed_in.tokens


async def test_task_cancellation_closes_the_socket(user: User) -> None:
    """B27: a worker that is cancelled leaves no listener."""
    user.opens_urls = False
    task = asyncio.create_task(user.flow().run())
    while not user.urls:
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert is_free(query_of(user.urls[0])["redirect_uri"])


@pytest.mark.parametrize("times", [1, 3])
async def test_cancelling_while_tokens_are_stored_is_ignored(user: User, world: SignInServers, times: int) -> None:
    """B42 B27: no half-stored sign-in: profile and tokens, or neither."""
    sign_in = None
    storing = user.store.save

    async def save(profile, tokens):
        for _ in range(times):
            sign_in.cancel()
            await asyncio.sleep(0)
        return await storing(profile, tokens)

    user.store.save = save
    sign_in = user.flow()
    done = await sign_in.run()
    assert user.profiles.get(done.profile.name) == done.profile
    assert await TokenStore().load(done.profile) == done.tokens


async def test_missing_callback_times_out_with_hints(user: User) -> None:
    """B35: configurable timeout, an event with the deadline, a closed socket, hints to retry and to register again."""
    user.opens_urls = False
    with pytest.raises(CallbackTimeout) as caught:
        await user.sign_in(timeout=0.05)
    assert caught.value.register_again
    for word in ("Try again", "paste", "register again"):
        assert word in caught.value.hint
    waiting = next(e for e in user.events if isinstance(e, Waiting))
    assert waiting.timeout == 0.05
    assert is_free(query_of(user.urls[0])["redirect_uri"])


async def test_registering_again_is_offered_once_during_a_long_wait(
    user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """B35: the browser may show an error page; a client id from the user cannot be registered again."""
    monkeypatch.setattr(browser_step, "SILENCE_SECONDS", 0.02)
    user.opens_urls = False
    for client_id in (None, "by-hand"):
        user.events.clear()
        with pytest.raises(CallbackTimeout) as caught:
            await user.sign_in(timeout=0.1, client_id=client_id)
        assert [e.seconds for e in user.events if isinstance(e, StillWaiting)] == ([] if client_id else [0.02])
        assert "`drio-tui login --register-again`" in caught.value.hint


async def test_callback_after_a_long_wait_is_accepted(user: User, monkeypatch: pytest.MonkeyPatch) -> None:
    """B35: also after the offer to register again."""
    monkeypatch.setattr(browser_step, "SILENCE_SECONDS", 0.02)
    user.opens_urls = False
    sign_in = user.flow()
    task = asyncio.create_task(sign_in.run())
    while not any(isinstance(e, StillWaiting) for e in user.events):
        await asyncio.sleep(0)
    await browse(user.urls[0])
    assert (await task).account.label == "ada@example.com"


async def test_default_timeouts() -> None:
    """B35: default 5 minutes, and 20 seconds until registering again is offered."""
    assert browser_step.TIMEOUT_SECONDS == 300
    assert browser_step.SILENCE_SECONDS == 20


async def test_denied_consent_is_reported_with_the_sanitized_description(user: User, world: SignInServers) -> None:
    """B31: `access_denied` with a hostile description; the page in the browser does not repeat it."""
    world.settings.callback = {"code": None, "error": "access_denied", "error_description": "<b>no\x1b[2J</b>"}
    with pytest.raises(AuthorizationDenied) as caught:
        await user.sign_in()
    assert "no␛[2J" in caught.value.message
    page = user.pages[0].text
    assert "denied" in page
    assert "<b>no" not in page


@pytest.mark.parametrize(
    ("sends", "callback"),
    [(False, {"iss": "https://evil.example"}), (True, {"iss": "https://evil.example"}), (True, {"iss": None})],
    ids=["wrong, not advertised", "wrong, advertised", "missing, advertised"],
)
async def test_callback_from_another_issuer_is_refused(
    user: User, world: SignInServers, sends: bool, callback: dict[str, str | None]
) -> None:
    """B30: RFC 9207, and the code is not sent anywhere."""
    world.settings.sends_iss = sends
    world.settings.callback = callback
    with pytest.raises(IssuerMixUp):
        await user.sign_in()
    assert world.idp.requests_to(TOKEN) == []


@pytest.mark.parametrize("path", ["", "/tenant"])
async def test_an_issuer_that_differs_by_a_slash_or_a_letters_case_is_refused(
    user: User, world: SignInServers, path: str
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
            await user.sign_in()
    assert world.idp.requests_to(TOKEN) == []


async def test_matching_iss_parameter_is_accepted(user: User, world: SignInServers) -> None:
    """B30: the advertised `iss` that matches."""
    world.settings.sends_iss = True
    assert (await user.sign_in()).account.label == "ada@example.com"


async def test_immediate_redirect_is_received(user: User, world: SignInServers) -> None:
    """B18: the listener accepts before the URL is emitted."""
    seen = []

    def at_once(event) -> None:
        if isinstance(event, UrlReady):
            with socket.create_connection(("127.0.0.1", urlsplit(query_of(event.url)["redirect_uri"]).port)) as early:
                seen.append(early.getpeername())
        user.on_event(event)

    sign_in = SignInFlow(
        user.profiles.resolve(base_url=world.base_url),
        store=user.store,
        profiles=user.profiles,
        on_event=at_once,
        open_browser=False,
    )
    await sign_in.run()
    assert len(seen) == 1


async def test_listener_is_closed_after_the_sign_in(user: User) -> None:
    """B32: the port is free."""
    await user.sign_in()
    assert is_free(query_of(user.urls[0])["redirect_uri"])
