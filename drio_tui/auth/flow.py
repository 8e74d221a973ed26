"""The sign-in from discovery to stored tokens: OAuth 2.1 authorization code flow with PKCE and a loopback redirect."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from urllib.parse import urlsplit

from drio_tui.api.errors import UsageError
from drio_tui.asyncio_wait import wait_until_done
from drio_tui.auth import token_endpoint
from drio_tui.auth.account import Account, fetch_account
from drio_tui.auth.authorization import AuthorizationRequest
from drio_tui.auth.browser import DesktopEnvironment
from drio_tui.auth.browser_step import TIMEOUT_SECONDS, BrowserStep
from drio_tui.auth.client_store import CLIENT_ID, Client, ClientRegistrationStore
from drio_tui.auth.discovery import OFFLINE_ACCESS, AuthServer, Discovery, discover
from drio_tui.auth.errors import (
    AuthorizationFailed,
    ClientRefused,
    SignInCancelled,
    SignInFailed,
    Step,
)
from drio_tui.auth.events import Event, Notice, StepDone, StepStarted
from drio_tui.auth.loopback import CALLBACK_PATH, Listener
from drio_tui.auth.oauth_http import OAuthHttpClient
from drio_tui.auth.profiles import Profile, Profiles
from drio_tui.auth.registration import read_registration, register
from drio_tui.auth.token_store import TokenStorage
from drio_tui.auth.tokens import Clock, SystemClock, TokenSet
from drio_tui.text import one_line

_FEATURES = {"offline_access": "staying signed in", "email": "your address", "profile": "your name"}


@dataclass(frozen=True, slots=True)
class SignInResult:
    """The result: the stored profile, its tokens, the account, and the scopes requested but not granted.

    `place` says where the tokens are stored, as text for the user.
    """

    profile: Profile
    tokens: TokenSet
    account: Account
    storage_label: str
    missing_scopes: tuple[str, ...] = field(default=())


class SignInFlow:
    """One sign-in, from discovery to stored tokens. An instance runs once; create a new one to try again.

    `on_event` is called in the event loop, in order. `run` may be cancelled, or stopped by `cancel`; either
    way the listener is closed and stored tokens are unchanged. `register_again` removes the client registered with
    the server and registers a new one. `scopes` replace the ones that the server lists. `timeout` is how long to wait
    for the callback, in seconds.
    """

    def __init__(
        self,
        profile: Profile,
        *,
        store: TokenStorage,
        profiles: Profiles,
        on_event: Callable[[Event], None] = lambda _event: None,
        open_browser: bool = True,
        timeout: float = TIMEOUT_SECONDS,
        client_id: str | None = None,
        register_again: bool = False,
        scopes: tuple[str, ...] = (),
        make_current: bool = True,
        http: OAuthHttpClient | None = None,
        clock: Clock | None = None,
        desktop: DesktopEnvironment | None = None,
    ) -> None:
        self.profile = profile
        self._store = store
        self._profiles = profiles
        self._emit = on_event
        self._clients = ClientRegistrationStore()
        self._client_id = client_id or profile.client
        self._browser = BrowserStep(
            on_event,
            open_browser=open_browser,
            timeout=timeout,
            desktop=desktop,
            can_register_again=not self._client_id,  # a client id from the user cannot be registered again
        )
        self._register_again = register_again
        self._scopes = scopes
        self._make_current = make_current
        self._http = http
        self._clock = clock or SystemClock()
        self._task: asyncio.Task[SignInResult] | None = None
        self._cancelled = False

    # --- called by the screen or command -------------------------------------------------------

    def paste(self, text: str) -> None:
        """Use a pasted redirect URL, or a bare code, as the callback. Raises `PasteRefused`; the wait then goes on."""
        self._browser.paste(text)

    def cancel(self) -> None:
        """Cancel: `run` raises `SignInCancelled` once the socket is closed."""
        self._cancelled = True
        if self._task is not None:
            self._task.cancel()

    async def run(self) -> SignInResult:
        """Sign in. Raises subclasses of `SignInFailed`; nothing is stored unless this returns."""
        if self._task is not None:
            raise RuntimeError("a SignInFlow runs once; create a new one to try again")
        if self._cancelled:
            raise SignInCancelled()
        self._task = asyncio.create_task(self._run())
        try:
            return await self._task
        except asyncio.CancelledError:
            if not self._cancelled:
                # Cancelled from outside, not by `cancel`: end the task before passing the cancellation on.
                self._task.cancel()
                with contextlib.suppress(asyncio.CancelledError, SignInFailed):
                    await self._task
                raise
        raise SignInCancelled()

    # --- the steps -----------------------------------------------------------------------------

    async def _run(self) -> SignInResult:
        async with contextlib.AsyncExitStack() as stack:
            http = self._http
            if http is None:
                http = await stack.enter_async_context(OAuthHttpClient())
            discovery = await self._discover(http)
            listener, client = await self._listen(http, discovery)
            stack.push_async_callback(listener.close)
            if not self._scopes:
                discovery = replace(discovery, scopes=client.scopes_to_request(discovery.scopes))
            try:
                request, code = await self._authorize(listener, discovery, client)
            except AuthorizationFailed as refused:
                if refused.error != "invalid_scope" or self._scopes or not discovery.scopes:
                    raise
                self._emit(StepDone(Step.CALLBACK, "the scopes were refused"))
                self._emit(Notice(f"The server refuses the scopes {' '.join(discovery.scopes)}; asking without any."))
                discovery = replace(discovery, scopes=())
                request, code = await self._authorize(listener, discovery, client)
            tokens = await self._exchange(http, discovery, client, request, code)
            try:
                self._emit(StepStarted(Step.ACCOUNT, "Asking who is signed in"))
                account = await fetch_account(http, self.profile, tokens)
            except SignInFailed:
                with contextlib.suppress(SignInFailed):  # best effort: the tokens are discarded either way
                    await token_endpoint.revoke(http, tokens)
                raise
            self._emit(StepDone(Step.ACCOUNT, one_line(account.label or "", 120)))
            storing = asyncio.ensure_future(self._store_sign_in(tokens, account, discovery))
            await wait_until_done(storing)  # not cancellable: a half-stored sign-in would be worse
            return storing.result()

    async def _discover(self, http: OAuthHttpClient) -> Discovery:
        self._emit(StepStarted(Step.DISCOVERY, f"Asking {self.profile.host} who signs users in"))
        discovery = await discover(http, self.profile.base_url)
        if self._scopes:
            discovery = replace(discovery, scopes=self._scopes)
        self._emit(StepDone(Step.DISCOVERY, one_line(discovery.server.issuer, 120)))
        return discovery

    async def _authorize(
        self, listener: Listener, discovery: Discovery, client: Client
    ) -> tuple[AuthorizationRequest, str]:
        """Make one authorization request, with a new state and PKCE verifier; return it with the code."""
        request = AuthorizationRequest(discovery.server.issuer, discovery.server.sends_iss, listener.redirect_uri)
        return request, await self._browser.wait_for_code(listener, request, request.url(discovery, client.client_id))

    async def _listen(self, http: OAuthHttpClient, discovery: Discovery) -> tuple[Listener, Client]:
        """Return a listener that already accepts connections, and the client registered for its redirect URI."""
        server = discovery.server
        if self._client_id:
            if not CLIENT_ID.fullmatch(self._client_id):
                raise UsageError(f"{one_line(self._client_id, 80)} cannot be a client id.")
            self._emit(StepStarted(Step.LISTENER, "Opening a port for the browser's response"))
            listener = await Listener.open()
            self._emit(StepDone(Step.LISTENER, listener.redirect_uri))
            return listener, Client(self._client_id, server.issuer)
        known = await self._known_clients(server)
        self._emit(StepStarted(Step.LISTENER, "Opening a port for the browser's response"))
        for client in known:
            if (reopened := await _reopen_listener(client)) is None:
                continue
            try:
                current = await self._still_registered(http, client)
            except BaseException:
                await reopened.close()
                raise
            if current is not None:
                self._emit(StepDone(Step.LISTENER, reopened.redirect_uri))
                self._emit(StepDone(Step.REGISTRATION, "known to the server already"))
                return reopened, current
            await reopened.close()
        listener = await Listener.open()
        try:
            self._emit(StepDone(Step.LISTENER, listener.redirect_uri))
            self._emit(StepStarted(Step.REGISTRATION, "Registering this program with the server"))
            client = await register(
                http, server, listener.redirect_uri, requested_scopes=discovery.scopes, now=self._clock.wall()
            )
            self._clients.add(client)
            if client.has_secrets:
                await self._store.put_secret(client.secret_entry, client.secrets_json())
        except BaseException:
            await listener.close()
            raise
        self._emit(StepDone(Step.REGISTRATION, one_line(client.client_id, 60)))
        self._emit_client_notices()
        return listener, client

    async def _still_registered(self, http: OAuthHttpClient, client: Client) -> Client | None:
        """Return the client as the server knows it (RFC 7592); remove it and return None if the server does not."""
        current = await read_registration(http, client)
        if current is None:
            self._emit(Notice("The server no longer knows this program's registration; registering again."))
            await self._forget_client(client)
        elif current != client:
            self._clients.add(current)
            await self._store.put_secret(current.secret_entry, current.secrets_json())
        return current

    async def _forget_client(self, client: Client) -> None:
        self._clients.forget(client.issuer, client.client_id)
        if client.has_secrets:
            await self._store.delete_secret(client.secret_entry)

    async def _known_clients(self, server: AuthServer) -> list[Client]:
        """Return the usable clients registered at this issuer, newest first, with their secrets."""
        usable = []
        for client in self._clients.for_issuer(server.issuer):
            if self._register_again:
                await self._forget_client(client)
                continue
            if not client.is_usable(self._clock.wall()):
                continue
            if client.scopes and not set(self._scopes) <= set(client.scopes):
                continue  # not registered for scopes that the user asked for
            complete = client
            if client.has_secrets:
                with_secrets = client.with_secrets(await self._store.get_secret(client.secret_entry))
                if with_secrets is None:
                    continue
                complete = with_secrets
            usable.append(complete)
        self._emit_client_notices()
        return usable

    def _emit_client_notices(self) -> None:
        while self._clients.notices:
            self._emit(Notice(self._clients.notices.pop(0)))

    async def _exchange(
        self, http: OAuthHttpClient, discovery: Discovery, client: Client, request: AuthorizationRequest, code: str
    ) -> TokenSet:
        self._emit(StepStarted(Step.EXCHANGE, "Swapping the code for tokens"))
        try:
            tokens = await token_endpoint.exchange_code(
                http,
                discovery,
                client,
                code=code,
                verifier=request.verifier,
                redirect_uri=request.redirect_uri,
                now=self._clock.wall(),
            )
        except ClientRefused:
            # So that the next sign-in registers a new client.
            self._clients.forget(client.issuer, client.client_id)
            raise
        self._emit(StepDone(Step.EXCHANGE))
        return tokens

    async def _store_sign_in(self, tokens: TokenSet, account: Account, discovery: Discovery) -> SignInResult:
        self._emit(StepStarted(Step.STORAGE, "Keeping the sign-in"))
        granted = set(tokens.scope.split())
        if tokens.refresh_token is not None:
            granted.add(OFFLINE_ACCESS)  # what the scope is for, even if the server does not list it
        missing = tuple(s for s in discovery.scopes if s not in granted)
        if missing:
            missing_text = ", ".join(
                one_line(s, 60) + (f" ({_FEATURES[s]})" if s in _FEATURES else "") for s in missing
            )
            self._emit(Notice(f"Less was granted than asked for: without {missing_text}, some things will not work."))
        if tokens.refresh_token is None:
            self._emit(Notice("The server gave no refresh token: you will have to sign in again when this one ends."))
        profile = self._profiles.profile_for_account(self.profile, account.label, account.id)
        if self._client_id:
            profile = replace(profile, client=self._client_id)
        if profile.name != self.profile.name:
            self._emit(Notice(f"This is another account; it is kept as profile {one_line(profile.name, 120)}."))
        place = await self._store.save(profile, tokens)
        keyring_was_used = "keyring" in (profile.token_store, profile.older_in)
        older_in = "keyring" if place != "keyring" and keyring_was_used else ""
        profile = replace(profile, token_store=place, older_in=older_in)
        self._profiles.add(profile, make_current=self._make_current)
        while self._profiles.notices:
            self._emit(Notice(self._profiles.notices.pop(0)))
        _, label = await self._store.place(profile)
        self._emit(StepDone(Step.STORAGE, f"in {label}"))
        return SignInResult(profile, tokens, account, label, missing)


async def _reopen_listener(client: Client) -> Listener | None:
    """Return a listener on one of the client's redirect URIs, None when none of their ports is free."""
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
