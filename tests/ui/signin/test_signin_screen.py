"""The sign-in screen: the whole flow with the sandbox's OAuth server, and every way to end it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from textual import events
from textual.pilot import Pilot
from textual.widgets import Input

from drio_tui.auth import browser_step
from drio_tui.auth.client_store import ClientRegistrationStore
from drio_tui.auth.profiles import Profile, Profiles, normalize_base_url
from drio_tui.auth.token_store import TokenStore
from drio_tui.auth.tokens import TokenSet
from drio_tui.ui.app.drio_app import DrioApp
from drio_tui.ui.base.launch_options import LaunchOptions
from drio_tui.ui.signin.signin_screen import SignInScreen
from tests.sandbox.oauth.browser import Browser
from tests.ui.driving import text_of, until


class SocketBrowser(Browser):
    """The test browser on a real network; redirects to the program's listener are left to the test."""

    def __init__(self, base: str) -> None:
        self.base = base
        self.http = httpx.AsyncClient(base_url=base, trust_env=False)
        self.page = None
        self.external_redirect = ""

    async def walk(self, url: str, *, agree: bool = True) -> str:
        """Sign in as the local user and answer the consent page; return the address the browser is redirected to."""
        await self.open(url)
        await self.sign_in()
        await self.submit(0, decision="allow" if agree else "deny")
        return self.external_redirect

    async def follow(self) -> None:
        """Follow the redirect to the program's listener."""
        (await self.http.get(self.external_redirect)).raise_for_status()


@asynccontextmanager
async def signing_in(base_url: str, *, size: tuple[int, int] = (100, 40)) -> AsyncIterator[Pilot[Any]]:
    """Run the program with its sign-in screen waiting for the browser."""
    app = DrioApp(LaunchOptions(base_url=base_url))
    async with app.run_test(size=size, notifications=True) as pilot:
        await until(pilot, lambda: app.current_mode != "start")
        await pilot.press("L")
        await until(pilot, lambda: isinstance(app.screen, SignInScreen) and app.screen.deadline)
        yield pilot


@asynccontextmanager
async def browsing(base_url: str) -> AsyncIterator[SocketBrowser]:
    browser = SocketBrowser(base_url)
    try:
        yield browser
    finally:
        await browser.close()


def stored_profile(base_url: str) -> Profile | None:
    """Return the stored profile of a host."""
    return next(iter(Profiles.load().for_base_url(normalize_base_url(base_url))), None)


async def stored_tokens(base_url: str) -> TokenSet | None:
    profile = stored_profile(base_url)
    return await TokenStore().load(profile) if profile else None


async def revoke(base_url: str) -> None:
    """Revoke both tokens of the stored sign-in, as drio does."""
    tokens = await stored_tokens(base_url)
    assert tokens
    async with httpx.AsyncClient(base_url=base_url, trust_env=False) as http:
        discovery = (await http.get("/.well-known/oauth-authorization-server")).json()
        for token in (tokens.refresh_token, tokens.access_token):
            form = {"token": token, "client_id": tokens.client_id}
            (await http.post(discovery["revocation_endpoint"], data=form)).raise_for_status()


async def test_signing_in_through_the_browser_shows_the_accounts_apps(sandbox_process: Any) -> None:
    base = sandbox_process.base_url
    async with signing_in(base) as pilot, browsing(base) as browser:
        app: Any = pilot.app
        screen = app.screen
        for step in ("Asking", "Opening a port", "Regist", "Waiting for the browser", " left"):
            await until(pilot, lambda step=step: step in text_of(app))  # type: ignore[misc] # mypy cannot infer a lambda with a default
        text = text_of(app)
        assert screen.url in text.replace("\n", "").replace(" ", "").replace("│", "")
        await browser.walk(screen.url)
        await browser.follow()
        await until(pilot, lambda: app.current_mode == "apps" and app.session is not None)
        await until(pilot, lambda: "Acme Support" in text_of(app))
        assert "you@sandbox.local" in text_of(app)
        profile = stored_profile(base)
        assert profile
        assert profile.account == "you@sandbox.local"
        assert await stored_tokens(base)


async def test_pasting_the_redirect_address_signs_in(sandbox_process: Any) -> None:
    base = sandbox_process.base_url
    async with signing_in(base) as pilot, browsing(base) as browser:
        app: Any = pilot.app
        end = await browser.walk(app.screen.url)
        field = app.screen.query_one("#pasted", Input)
        field.focus()
        field.value = f"  {end[:40]} {end[40:]} "
        await pilot.press("enter")
        await until(pilot, lambda: app.current_mode == "apps" and app.session is not None)


async def test_a_paste_without_a_focused_field_signs_in(sandbox_process: Any) -> None:
    async with signing_in(sandbox_process.base_url) as pilot, browsing(sandbox_process.base_url) as browser:
        app: Any = pilot.app
        end = await browser.walk(app.screen.url)
        assert app.screen.query_one("#url").has_focus
        app.post_message(events.Paste(f"{end[:50]}\n{end[50:]}\n"))
        await until(pilot, lambda: app.current_mode == "apps" and app.session is not None)


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
async def test_registering_again_is_offered_after_a_silence(
    sandbox_process: Any, monkeypatch: pytest.MonkeyPatch, size: tuple[int, int]
) -> None:
    monkeypatch.setattr(browser_step, "SILENCE_SECONDS", 0.1)
    async with signing_in(sandbox_process.base_url, size=size) as pilot:
        app: Any = pilot.app
        await until(pilot, lambda: "No response yet" in text_of(app))
        assert "Register again" in text_of(app)
        first = app.screen.url
        (forgotten,) = ClientRegistrationStore()._read()
        assert forgotten.client_id in first
        await pilot.press("R")
        await until(pilot, lambda: app.screen.url not in ("", first))
        (client,) = ClientRegistrationStore()._read()
        assert client.client_id != forgotten.client_id
        assert client.client_id in app.screen.url


async def test_a_wrong_pasted_address_is_rejected_and_the_sign_in_goes_on(sandbox_process: Any) -> None:
    base = sandbox_process.base_url
    async with signing_in(base) as pilot, browsing(base) as browser:
        app: Any = pilot.app
        screen = app.screen
        field = screen.query_one("#pasted", Input)
        field.focus()
        field.value = screen.url
        await pilot.press("enter")
        await until(pilot, lambda: "not the one it ended at" in text_of(app))
        assert field.value == screen.url
        await browser.walk(screen.url)
        await browser.follow()
        await until(pilot, lambda: app.session is not None)


async def test_esc_closes_the_listener_and_stores_nothing(sandbox_process: Any) -> None:
    base = sandbox_process.base_url
    async with signing_in(base) as pilot, browsing(base) as browser:
        app: Any = pilot.app
        end = await browser.walk(app.screen.url)
        await pilot.press("escape")
        await until(pilot, lambda: not isinstance(app.screen, SignInScreen))
        await app.workers.wait_for_complete()
        with pytest.raises(httpx.ConnectError):
            await browser.http.get(end)
        assert app.session is None
        assert await stored_tokens(base) is None


async def test_access_denied_is_explained_and_retry_uses_a_new_address(sandbox_process: Any) -> None:
    base = sandbox_process.base_url
    async with signing_in(base) as pilot, browsing(base) as browser:
        app: Any = pilot.app
        screen = app.screen
        first = screen.url
        await browser.walk(first, agree=False)
        await browser.http.get(browser.external_redirect)
        await until(pilot, lambda: screen.failure is not None)
        await until(pilot, lambda: "access_denied" in text_of(app))
        await pilot.press("r")
        await until(pilot, lambda: screen.failure is None and screen.deadline)
        assert screen.url != first
        await browser.walk(screen.url)
        await browser.follow()
        await until(pilot, lambda: app.session is not None)


async def test_an_unreachable_host_is_reported_and_esc_goes_back(unused_host: str) -> None:
    app = DrioApp(LaunchOptions(base_url=unused_host))
    async with app.run_test(size=(100, 40)) as pilot:
        await until(pilot, lambda: app.current_mode != "start")
        await pilot.press("L")
        await until(pilot, lambda: isinstance(app.screen, SignInScreen) and app.screen.failure)
        await until(pilot, lambda: "Cannot reach" in text_of(app))
        await pilot.press("escape")
        await until(pilot, lambda: not isinstance(app.screen, SignInScreen))


@pytest.fixture
async def unused_host() -> str:
    """Return an address of this machine without a listener."""
    server = await asyncio.start_server(lambda _reader, writer: writer.close(), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    server.close()
    await server.wait_closed()
    return f"http://127.0.0.1:{port}"


async def test_the_full_address_is_available_on_a_small_terminal(sandbox_process: Any) -> None:
    async with signing_in(sandbox_process.base_url, size=(60, 24)) as pilot:
        app: Any = pilot.app
        url = app.screen.url
        assert app.screen.query_one("#url").text == url
        await pilot.press("p")
        assert app.screen.query_one("#pasted").has_focus


async def test_an_ended_sign_in_is_renewed_in_place_and_the_request_goes_on(sandbox_process: Any) -> None:
    base = sandbox_process.base_url
    async with signing_in(base) as pilot, browsing(base) as browser:
        app: Any = pilot.app
        await browser.walk(app.screen.url)
        await browser.follow()
        await until(pilot, lambda: app.current_mode == "apps" and app.screen.resources)
        apps = app.screen
        profile, tokens = stored_profile(base), await stored_tokens(base)
        assert profile
        assert tokens
        await revoke(base)
        apps.action_refresh()
        await until(pilot, lambda: isinstance(app.screen, SignInScreen) and app.screen.deadline)
        other_browser = SocketBrowser(base)
        await other_browser.walk(app.screen.url)
        await other_browser.follow()
        await other_browser.close()
        await until(pilot, lambda: app.screen is apps)
        await app.workers.wait_for_complete()
        assert app.status.phase == "online"
        renewed = await stored_tokens(base)
        assert renewed
        assert renewed.access_token != tokens.access_token
