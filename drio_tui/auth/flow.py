"""Signing in from start to end: discovery, client, browser, answer, tokens, account, storage."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlsplit

from drio_tui.api.errors import NewerApi, UsageError
from drio_tui.api.versions import newer_version
from drio_tui.asyncio_wait import wait_until_done
from drio_tui.auth import browser, token_endpoint
from drio_tui.auth.authorization import AuthorizationRequest, Granted, Refused
from drio_tui.auth.client_store import CLIENT_ID, Client, ClientRegistrationStore
from drio_tui.auth.discovery import OFFLINE_ACCESS, AuthServer, Discovery, discover
from drio_tui.auth.errors import (
    AccountUnknown,
    AuthorizationFailed,
    CallbackTimeout,
    ClientRefused,
    PasteRefused,
    SignInCancelled,
    SignInFailed,
    Step,
)
from drio_tui.auth.events import Event, Notice, PasteOffered, StepDone, StepStarted, StillWaiting, UrlReady, Waiting
from drio_tui.auth.loopback import CALLBACK_PATH, Listener
from drio_tui.auth.oauth_http import OAuthHttpClient
from drio_tui.auth.profiles import Profile, Profiles
from drio_tui.auth.registration import read_back, register
from drio_tui.auth.token_store import TokenStore
from drio_tui.auth.tokens import Clock, SystemClock, TokenSet
from drio_tui.text import duration, one_line

TIMEOUT_SECONDS = 300.0
SILENCE_SECONDS = 20.0
_LONGEST_NAME = 1000
_FEATURES = {"offline_access": "staying signed in", "email": "your address", "profile": "your name"}


@dataclass(frozen=True, slots=True)
class Account:
    """Who `GET /me` says is signed in; `label` is what to show."""

    id: str | None
    email: str | None
    name: str | None

    @property
    def label(self) -> str | None:
        return self.email or self.name or self.id


@dataclass(frozen=True, slots=True)
class SignInResult:
    """The result: the profile as kept, its tokens, the account, and scopes asked for but not granted."""

    profile: Profile
    tokens: TokenSet
    account: Account
    place: str
    missing_scopes: tuple[str, ...] = field(default=())


class SignInFlow:
    """One sign-in, from discovery to stored tokens. Make a new one for every try; nothing is reused.

    `on_event` is called in the event loop, in order. `run` may be cancelled, or stopped by `cancel`; either
    way the listener is closed and stored tokens are untouched. `register_again` forgets the client known for
    the server. `scopes` are asked for instead of what the server lists. `timeout` is the wait for the browser,
    in seconds.
    """

    def __init__(
        self,
        profile: Profile,
        *,
        store: TokenStore,
        profiles: Profiles,
        on_event: Callable[[Event], None] = lambda _event: None,
        clients: ClientRegistrationStore | None = None,
        open_browser: bool = True,
        timeout: float = TIMEOUT_SECONDS,
        client_id: str | None = None,
        register_again: bool = False,
        scopes: tuple[str, ...] = (),
        make_current: bool = True,
        wire: OAuthHttpClient | None = None,
        clock: Clock | None = None,
        surroundings: browser.DesktopEnvironment | None = None,
    ) -> None:
        self.profile = profile
        self._store = store
        self._profiles = profiles
        self._emit = on_event
        self._clients = clients or ClientRegistrationStore()
        self._open_browser = open_browser
        self._timeout = timeout
        self._client_id = client_id or profile.client
        self._register_again = register_again
        self._scopes = scopes
        self._make_current = make_current
        self._wire = wire
        self._clock = clock or SystemClock()
        self._surroundings = surroundings
        self._attempt: AuthorizationRequest | None = None
        self._answer: asyncio.Future[Granted | Refused] | None = None
        self._task: asyncio.Task[SignInResult] | None = None
        self._cancelled = False

    # --- for the screen ------------------------------------------------------------------------

    def paste(self, text: str) -> None:
        """Take the address the browser ended at, or the bare code. Raises `PasteRefused`; the wait goes on."""
        if self._attempt is None or self._answer is None:
            raise PasteRefused("Sign-in has not come to the browser yet.", hint="Wait for the address to appear.")
        if self._answer.done():
            raise PasteRefused("The answer is here already.", hint="")
        verdict = self._attempt.judge_pasted(text)
        self._answer.set_result(verdict)

    def cancel(self) -> None:
        """Stop: `run` raises `SignInCancelled`, once the socket is closed."""
        self._cancelled = True
        if self._task is not None:
            self._task.cancel()

    async def run(self) -> SignInResult:
        """Sign in. Raises the `SignInFailed` family; nothing is stored unless this returns."""
        if self._task is not None:
            raise RuntimeError("a SignIn runs once; make a new one to try again")
        if self._cancelled:
            raise SignInCancelled()
        self._task = asyncio.create_task(self._run())
        try:
            return await self._task
        except asyncio.CancelledError:
            if not self._cancelled:
                # We were cancelled, not asked to stop: end the work before passing it on.
                self._task.cancel()
                with contextlib.suppress(asyncio.CancelledError, SignInFailed):
                    await self._task
                raise
        raise SignInCancelled()

    # --- the steps -----------------------------------------------------------------------------

    async def _run(self) -> SignInResult:
        async with contextlib.AsyncExitStack() as stack:
            wire = self._wire
            if wire is None:
                wire = await stack.enter_async_context(OAuthHttpClient())
            discovery = await self._discover(wire)
            listener, client = await self._listen(wire, discovery)
            stack.push_async_callback(listener.close)
            discovery = replace(discovery, scopes=self._registered_scopes(discovery, client))
            try:
                attempt, code = await self._authorize(listener, discovery, client)
            except AuthorizationFailed as refused:
                if refused.error != "invalid_scope" or self._scopes or not discovery.scopes:
                    raise
                self._emit(StepDone(Step.CALLBACK, "the scopes were refused"))
                self._emit(Notice(f"The server refuses the scopes {' '.join(discovery.scopes)}; asking without any."))
                discovery = replace(discovery, scopes=())
                attempt, code = await self._authorize(listener, discovery, client)
            tokens = await self._exchange(wire, discovery, client, attempt, code)
            try:
                account = await self._account(wire, tokens)
            except (SignInFailed, NewerApi):
                with contextlib.suppress(SignInFailed):  # a courtesy; the tokens are thrown away either way
                    await token_endpoint.revoke(wire, tokens)
                raise
            keeping = asyncio.ensure_future(self._keep(tokens, account, discovery))
            await wait_until_done(keeping)  # too late to stop: half a stored sign-in would be worse
            return keeping.result()

    async def _discover(self, wire: OAuthHttpClient) -> Discovery:
        self._emit(StepStarted(Step.DISCOVERY, f"Asking {self.profile.host} who signs people in"))
        discovery = await discover(wire, self.profile.base_url)
        if self._scopes:
            discovery = replace(discovery, scopes=self._scopes)
        self._emit(StepDone(Step.DISCOVERY, one_line(discovery.server.issuer, 120)))
        return discovery

    def _registered_scopes(self, discovery: Discovery, client: Client) -> tuple[str, ...]:
        """The scopes to ask for: of those wanted, the ones the client was registered for where the server said so."""
        if self._scopes or not client.scopes or not discovery.scopes:
            return discovery.scopes
        return tuple(s for s in discovery.scopes if s in client.scopes) or client.scopes

    async def _authorize(
        self, listener: Listener, discovery: Discovery, client: Client
    ) -> tuple[AuthorizationRequest, str]:
        """One authorization request with a fresh state and PKCE verifier; returns it with the code."""
        attempt = AuthorizationRequest(discovery.server.issuer, discovery.server.names_itself, listener.redirect_uri)
        return attempt, await self._ask(listener, attempt, attempt.url(discovery, client.client_id))

    async def _listen(self, wire: OAuthHttpClient, discovery: Discovery) -> tuple[Listener, Client]:
        """A listener that accepts already, and the client registered for exactly its address."""
        server = discovery.server
        if self._client_id:
            if not CLIENT_ID.fullmatch(self._client_id):
                raise UsageError(f"{one_line(self._client_id, 80)} cannot be a client id.")
            self._emit(StepStarted(Step.LISTENER, "Opening a port for the browser's answer"))
            listener = await Listener.open()
            self._emit(StepDone(Step.LISTENER, listener.redirect_uri))
            return listener, Client(self._client_id, server.issuer)
        known = await self._known_clients(server)
        self._emit(StepStarted(Step.LISTENER, "Opening a port for the browser's answer"))
        for client in known:
            if (found := await _reopen(client)) is None:
                continue
            try:
                current = await self._still_registered(wire, client)
            except BaseException:
                await found.close()
                raise
            if current is not None:
                self._emit(StepDone(Step.LISTENER, found.redirect_uri))
                self._emit(StepDone(Step.REGISTRATION, "known to the server already"))
                return found, current
            await found.close()
        listener = await Listener.open()
        try:
            self._emit(StepDone(Step.LISTENER, listener.redirect_uri))
            self._emit(StepStarted(Step.REGISTRATION, "Registering this program with the server"))
            client = await register(
                wire, server, listener.redirect_uri, wanted=discovery.scopes, now=self._clock.wall()
            )
            self._clients.add(client)
            if client.has_secrets:
                await self._store.keep(client.secret_entry, client.secrets_json())
        except BaseException:
            await listener.close()
            raise
        self._emit(StepDone(Step.REGISTRATION, one_line(client.client_id, 60)))
        self._tell_clients()
        return listener, client

    async def _still_registered(self, wire: OAuthHttpClient, client: Client) -> Client | None:
        """The client if its server still knows it, as far as it can be asked; else it is forgotten here too."""
        current = await read_back(wire, client)
        if current is None:
            self._emit(Notice("The server no longer knows this program's registration; registering again."))
            await self._forget(client)
        elif current != client:
            self._clients.add(current)
            await self._store.keep(current.secret_entry, current.secrets_json())
        return current

    async def _forget(self, client: Client) -> None:
        self._clients.forget(client.issuer, client.client_id)
        if client.has_secrets:
            await self._store.forget(client.secret_entry)

    async def _known_clients(self, server: AuthServer) -> list[Client]:
        """The clients registered at this issuer that can still be used, newest first, secrets filled in."""
        usable = []
        for client in self._clients.of(server.issuer):
            if self._register_again:
                await self._forget(client)
                continue
            if not client.is_usable(self._clock.wall()):
                continue
            if client.scopes and not set(self._scopes) <= set(client.scopes):
                continue  # asked for by name, and this one was not registered for them
            whole = client
            if client.has_secrets:
                filled = client.with_secrets(await self._store.recall(client.secret_entry))
                if filled is None:
                    continue
                whole = filled
            usable.append(whole)
        self._tell_clients()
        return usable

    def _tell_clients(self) -> None:
        while self._clients.notices:
            self._emit(Notice(self._clients.notices.pop(0)))

    async def _ask(self, listener: Listener, attempt: AuthorizationRequest, url: str) -> str:
        """Show the address, open the browser, wait for the answer; returns the code."""
        answer = listener.expect(attempt.judge, self._foreign)
        self._attempt, self._answer = attempt, answer
        self._emit(UrlReady(url))
        await self._browse(url)
        self._emit(StepStarted(Step.CALLBACK, "Waiting for the browser"))
        self._emit(Waiting(time.monotonic() + self._timeout, self._timeout))
        try:
            await asyncio.wait({answer}, timeout=min(SILENCE_SECONDS, self._timeout))
            left = self._timeout - SILENCE_SECONDS
            if not answer.done() and left > 0:
                if not self._client_id:  # one given by hand cannot be registered again
                    self._emit(StillWaiting(SILENCE_SECONDS))
                await asyncio.wait({answer}, timeout=left)
            if not answer.done():
                raise CallbackTimeout(f"Nothing came back within {duration(self._timeout)}.")
            verdict = answer.result()
        finally:
            answer.cancel()
        if isinstance(verdict, Refused):
            raise verdict.error
        self._emit(StepDone(Step.CALLBACK, "the browser came back"))
        return verdict.code

    def _foreign(self, reason: str) -> None:
        self._emit(Notice(f"An answer from a browser was refused: {reason}. Still waiting for the right one."))

    async def _browse(self, url: str) -> None:
        if not self._open_browser:
            self._emit(PasteOffered("Opening a browser was switched off"))
            return
        surroundings = self._surroundings or browser.DesktopEnvironment.here()
        obstacle = surroundings.obstacle()
        if obstacle is not None:
            self._emit(PasteOffered(obstacle))
            return
        self._emit(StepStarted(Step.BROWSER, "Opening your browser"))
        try:
            await browser.open_url(url, surroundings)
        except browser.BrowserRefused as refusal:
            self._emit(PasteOffered(str(refusal)))
        else:
            self._emit(StepDone(Step.BROWSER, "if no window appeared, open the address yourself"))

    async def _exchange(
        self, wire: OAuthHttpClient, discovery: Discovery, client: Client, attempt: AuthorizationRequest, code: str
    ) -> TokenSet:
        self._emit(StepStarted(Step.EXCHANGE, "Swapping the code for tokens"))
        try:
            tokens = await token_endpoint.exchange_code(
                wire,
                discovery,
                client,
                code=code,
                verifier=attempt.verifier,
                redirect_uri=attempt.redirect_uri,
                now=self._clock.wall(),
            )
        except ClientRefused:
            # The next try registers anew instead of running into the same refusal.
            self._clients.forget(client.issuer, client.client_id)
            raise
        self._emit(StepDone(Step.EXCHANGE))
        return tokens

    async def _account(self, wire: OAuthHttpClient, tokens: TokenSet) -> Account:
        self._emit(StepStarted(Step.ACCOUNT, "Asking who is signed in"))
        answer = await wire.get(f"{self.profile.base_url}/me", step=Step.ACCOUNT, bearer=tokens.access_token)
        answer.raise_for_trouble()
        if answer.status in (404, 410):
            version = await newer_version(self.profile.base_url, self._prober(wire))
            if version is not None:
                raise NewerApi(version)
        if not 200 <= answer.status < 300:
            raise AccountUnknown(f"{answer.host} answered HTTP {answer.status} to the new token. {answer.words()}")
        body = answer.json_object()
        if answer.refusal() is not None:
            raise AccountUnknown(f"{answer.where}: {answer.words()}")
        account = _account(body)
        self._emit(StepDone(Step.ACCOUNT, one_line(account.label or "", 120)))
        return account

    def _prober(self, wire: OAuthHttpClient) -> Callable[[str], Awaitable[int | None]]:
        async def status(path: str) -> int | None:
            try:
                answer = await wire.get(self.profile.origin + path, step=Step.ACCOUNT)
            except SignInFailed:
                return None
            return answer.status if answer.error_object() or answer.status >= 400 else None

        return status

    async def _keep(self, tokens: TokenSet, account: Account, discovery: Discovery) -> SignInResult:
        self._emit(StepStarted(Step.STORAGE, "Keeping the sign-in"))
        # `openid` and friends are asked for, but only what the granted list leaves out is missing.
        granted = set(tokens.scope.split())
        if tokens.refresh_token is not None:
            granted.add(OFFLINE_ACCESS)  # whatever the list says, that is what it is for
        missing = tuple(s for s in discovery.scopes if s not in granted)
        if missing:
            what = ", ".join(one_line(s, 60) + (f" ({_FEATURES[s]})" if s in _FEATURES else "") for s in missing)
            self._emit(Notice(f"Less was granted than asked for: without {what}, some things will not work."))
        if tokens.refresh_token is None:
            self._emit(Notice("The server gave no refresh token: you will have to sign in again when this one ends."))
        profile = self._profiles.settle(self.profile, account.label, account.id)
        if self._client_id:
            profile = replace(profile, client=self._client_id)
        if profile.name != self.profile.name:
            self._emit(Notice(f"This is another account; it is kept as profile {one_line(profile.name, 120)}."))
        place = await self._store.save(profile, tokens)
        was_in_keyring = "keyring" in (profile.token_store, profile.older_in)
        older = "keyring" if place != "keyring" and was_in_keyring else ""
        profile = replace(profile, token_store=place, older_in=older)
        self._profiles.add(profile, make_current=self._make_current)
        while self._profiles.notices:
            self._emit(Notice(self._profiles.notices.pop(0)))
        _, label = await self._store.place(profile)
        self._emit(StepDone(Step.STORAGE, f"in {label}"))
        return SignInResult(profile, tokens, account, label, missing)


async def _reopen(client: Client) -> Listener | None:
    """A listener on an address this client is registered with, when one of its ports is free."""
    for uri in client.redirect_uris:
        try:
            parts = urlsplit(uri)
            port = parts.port
        except ValueError:
            continue
        if parts.scheme != "http" or parts.path != CALLBACK_PATH or not port:
            continue
        try:
            listener = await Listener.open(port)
        except OSError:
            continue
        if listener.redirect_uri == uri:
            return listener
        await listener.close()
    return None


def _account(body: dict[str, Any]) -> Account:
    """`{"user": {"id", "email", "name"}}` (contract section 6, inferred), or the same without the envelope."""
    user = body.get("user", body)
    if not isinstance(user, dict):
        raise AccountUnknown("The answer names no user.")

    def text(*keys: str) -> str | None:
        # Absurdly long ones would become the name of a profile and of an entry in the keyring.
        return next((v for k in keys if isinstance(v := user.get(k), str) and 0 < len(v) <= _LONGEST_NAME), None)

    account = Account(text("id", "sub"), text("email"), text("name"))
    if account.label is None:
        raise AccountUnknown("The answer names no user.")
    return account
