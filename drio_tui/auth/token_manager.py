"""Keeps a profile signed in: provides its access token, refreshed once for all callers (single flight)."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from drio_tui.auth import token_endpoint
from drio_tui.auth.client_store import ClientRegistrationStore
from drio_tui.auth.errors import (
    BadAnswer,
    ClientNotAllowed,
    ClientRefused,
    ExchangeRefused,
    GrantRefused,
    NotRenewed,
    Offline,
    ServerUnavailable,
    SignedOut,
    SignInFailed,
    StoreFailed,
)
from drio_tui.auth.oauth_http import OAuthHttpClient
from drio_tui.auth.profiles import Profile
from drio_tui.auth.token_store import TokenStorage
from drio_tui.auth.tokens import Clock, SystemClock, TokenExpiry, TokenSet
from drio_tui.storage.lock import LockBusy, sign_in_lock

LOCK_SECONDS = 35.0
_BACKOFF_INITIAL = 1.0
_BACKOFF_MAX = 60.0
_REFUSED_SECONDS = 30.0
_MAX_STEP_UPS = 2


@dataclass(frozen=True, slots=True)
class TokenCallbacks:
    """Callbacks of `TokenManager`, called in the event loop.

    `signed_out` may offer to sign in again; it returns True when new tokens are in the store, and the waiting
    requests then continue. `step_up` may sign in again with more scopes, and returns the same. `offline` and `online`
    are called once per change of state; `notice` with messages for the user.
    """

    signed_out: Callable[[SignedOut], Awaitable[bool]] | None = None
    step_up: Callable[[tuple[str, ...]], Awaitable[bool]] | None = None
    offline: Callable[[Offline], None] | None = None
    online: Callable[[], None] | None = None
    notice: Callable[[str], None] | None = None


@dataclass(frozen=True, slots=True)
class _RefusedToken:
    """An access token that is not refreshed again before `until` (monotonic clock), and why."""

    access_token: str
    until: float
    reason: str = ""

    def applies_to(self, access_token: str, now: float) -> bool:
        return access_token == self.access_token and now < self.until


@dataclass(frozen=True, slots=True)
class _Outage:
    """A refresh that failed for now; the next one is not before `until` (monotonic clock)."""

    error: Offline
    until: float


class TokenManager:
    """The token source of a signed-in profile.

    `token` returns the token to send, `renew` another one after the API refused a token, `step_up` one with more
    scopes. Concurrent callers share one refresh, in this process (one task) and on this machine (a lock file); the
    lock is held only during the refresh.
    """

    source = "sign-in"

    def __init__(
        self,
        profile: Profile,
        store: TokenStorage,
        *,
        callbacks: TokenCallbacks | None = None,
        clock: Clock | None = None,
    ) -> None:
        self.profile = profile
        self._store = store
        self._callbacks = callbacks or TokenCallbacks()
        self._clock = clock or SystemClock()
        self._tokens: TokenSet | None = None
        self._expiry: TokenExpiry | None = None
        self._refresh_task: asyncio.Task[TokenSet] | None = None
        self._refused_by_api: _RefusedToken | None = None  # a new token that the API refused
        self._refresh_denied: _RefusedToken | None = None  # a token that the sign-in server refused to refresh
        self._outage: _Outage | None = None
        self._backoff = _BACKOFF_INITIAL
        self._step_up_count = 0

    @property
    def expires_at(self) -> float | None:
        """When the token expires that was used last, in seconds since the epoch; None if that is not known."""
        return self._tokens.expires_at if self._tokens else None

    async def token(self) -> str:
        """Return the access token to send now, refreshed when it is about to expire.

        Raises `SignedOut` (sign-in needed) or `Offline` (it has expired and cannot be refreshed now).
        """
        tokens = await self._current_tokens()
        expiry = self._expiry
        if expiry is None or not (expiry.is_expired if tokens.refresh_token is None else expiry.needs_refresh):
            return tokens.access_token
        try:
            return (await self._join_refresh(tokens)).access_token
        except Offline:
            if expiry.is_expired:
                raise
            return tokens.access_token

    async def renew(self, refused: str) -> str | None:
        """Return a token other than `refused`, which got a 401; None when sending the request again is of no use."""
        tokens = await self._current_tokens()
        if tokens.access_token != refused:
            return tokens.access_token
        if self._refused_by_api is not None and self._refused_by_api.applies_to(refused, self._clock.monotonic()):
            # A new token was refused too: another refresh will not help, but a new sign-in may.
            return await self._load_other_token(refused)
        new_token = (await self._join_refresh(tokens, forced=True)).access_token
        if new_token == refused:
            return None
        self._refused_by_api = _RefusedToken(new_token, self._clock.monotonic() + _REFUSED_SECONDS)
        return new_token

    async def step_up(self, scopes: tuple[str, ...], used: str) -> str | None:
        """Return a token with more scopes, after a 403 `insufficient_scope`.

        None if step-up is not supported, was declined, or was done twice before. The scopes granted until now are
        requested too, since the new token replaces the old one.
        """
        if self._callbacks.step_up is None or self._step_up_count >= _MAX_STEP_UPS:
            return None
        self._step_up_count += 1
        granted = (await self._current_tokens()).scope.split()
        if not await self._callbacks.step_up(tuple(dict.fromkeys((*granted, *scopes)))):
            return None
        return await self._load_other_token(used)

    async def reload(self) -> None:
        """Load the tokens from the store again, after a new sign-in."""
        self._mark_online()
        await self._reload(fresh=True)

    async def aclose(self) -> None:
        """Wait for a running refresh: unless its response is stored, the sign-in is lost (refresh token rotation)."""
        if self._refresh_task is not None:
            await asyncio.wait({self._refresh_task})

    # --- the current tokens --------------------------------------------------------------------

    async def _current_tokens(self) -> TokenSet:
        if self._tokens is None:
            await self._reload(fresh=False)
        if self._tokens is None:
            return await self._join_refresh(None)
        return self._tokens

    async def _reload(self, *, fresh: bool) -> TokenSet | None:
        tokens = await self._store.load(self.profile, fresh=fresh)
        if tokens is None:
            self._tokens = self._expiry = None
        else:
            self._set_tokens(tokens)
        return tokens

    async def _load_other_token(self, used: str) -> str | None:
        """Return the stored access token, None if it is still the one that was `used`."""
        stored = await self._reload(fresh=True)
        return stored.access_token if stored is not None and stored.access_token != used else None

    def _set_tokens(self, tokens: TokenSet) -> TokenExpiry:
        if self._expiry is None or tokens != self._tokens:
            self._tokens, self._expiry = tokens, TokenExpiry(tokens, self._clock)
        return self._expiry

    # --- refreshing, single flight -------------------------------------------------------------

    async def _join_refresh(self, known: TokenSet | None, *, forced: bool = False) -> TokenSet:
        """Return the result of the running refresh; start one if there is none.

        The refresh is a separate task, so that a cancelled caller does not abort a request whose response may be the
        only copy of the next refresh token.
        """
        task = self._refresh_task
        if task is None:
            task = self._refresh_task = asyncio.create_task(self._refresh_or_sign_in_again(known, forced))
            task.add_done_callback(self._refresh_done)
        await asyncio.wait({task})
        return task.result()

    def _refresh_done(self, task: asyncio.Task[TokenSet]) -> None:
        self._refresh_task = None
        if not task.cancelled():
            task.exception()  # retrieved, so that asyncio does not report it when no caller waits any more

    async def _refresh_or_sign_in_again(self, known: TokenSet | None, forced: bool) -> TokenSet:
        try:
            if known is None:
                raise SignedOut(f"No sign-in is kept for {self.profile.name}.")
            return await self._refresh(known, forced)
        except SignedOut as error:
            self._tokens = self._expiry = None
            if self._callbacks.signed_out is None or not await self._callbacks.signed_out(error):
                raise
            tokens = await self._reload(fresh=True)
            if tokens is None:
                raise
            return tokens

    async def _refresh(self, known: TokenSet, forced: bool) -> TokenSet:
        if self._outage is not None and self._clock.monotonic() < self._outage.until:
            raise type(self._outage.error)(self._outage.error.message)
        try:
            async with sign_in_lock(self.profile.entry).hold(LOCK_SECONDS):
                tokens = await self._refresh_locked(known, forced)
        except SignedOut:
            self._mark_online()
            raise
        except LockBusy:
            raise self._mark_offline(
                Offline("Another drio-tui has been refreshing the sign-in for too long.")
            ) from None
        except BadAnswer as bad_answer:
            raise self._mark_offline(NotRenewed(str(bad_answer))) from None
        except SignInFailed as error:
            retry_after = error.retry_after if isinstance(error, ServerUnavailable) else None
            raise self._mark_offline(Offline(str(error)), at_least=retry_after or 0.0) from None
        self._mark_online()
        return tokens

    async def _refresh_locked(self, known: TokenSet, forced: bool) -> TokenSet:
        """Use the tokens that another process has stored meanwhile, else refresh: store the new ones, then use them."""
        try:
            stored = await self._store.load(self.profile, fresh=True)
        except StoreFailed as error:
            self._notify(error.message)
            stored = known
        if stored is None:
            raise SignedOut("You were signed out elsewhere.")
        expiry = self._set_tokens(stored)
        if stored.access_token != known.access_token and not expiry.needs_refresh:
            return stored
        still_valid = not forced and not expiry.is_expired
        if self._refresh_denied is not None and self._refresh_denied.applies_to(
            stored.access_token, self._clock.monotonic()
        ):
            if still_valid:
                return stored
            raise SignedOut(self._refresh_denied.reason)
        if stored.refresh_token is None:
            if still_valid:
                return stored
            raise SignedOut("The sign-in ran out, and the server gave nothing to renew it with.")
        try:
            async with OAuthHttpClient() as http:
                new_tokens = await token_endpoint.refresh(http, stored, now=self._clock.wall())
        except ExchangeRefused as refusal:
            signed_out = SignedOut(f"The sign-in server says {refusal.message}.")
            signed_out.register_again = isinstance(refusal, ClientRefused)
            if isinstance(refusal, GrantRefused | ClientRefused | ClientNotAllowed):
                await self._forget_sign_in(stored, refusal)
            else:
                # The server refuses this request, not this sign-in: keep the tokens and try again later.
                until = self._clock.monotonic() + _BACKOFF_MAX
                self._refresh_denied = _RefusedToken(stored.access_token, until, signed_out.message)
                if still_valid:
                    return stored
            raise signed_out from None
        await self._store.save(self.profile, new_tokens)
        self._set_tokens(new_tokens)
        return new_tokens

    async def _forget_sign_in(self, tokens: TokenSet, refusal: SignInFailed) -> None:
        if isinstance(refusal, ClientRefused):
            ClientRegistrationStore().forget(tokens.issuer, tokens.client_id)
        try:
            await self._store.delete(self.profile)
        except StoreFailed as error:
            self._notify(str(error))

    def _mark_offline(self, error: Offline, *, at_least: float = 0.0) -> Offline:
        """Note that refreshing fails for now, with exponential backoff; return `error`."""
        delay = max(self._backoff * random.uniform(0.5, 1.0), at_least)  # noqa: S311 - jitter
        self._backoff = min(_BACKOFF_MAX, self._backoff * 2)
        was_online = self._outage is None
        self._outage = _Outage(error, self._clock.monotonic() + min(_BACKOFF_MAX, delay))
        if was_online and self._callbacks.offline is not None:
            self._callbacks.offline(error)
        return error

    def _mark_online(self) -> None:
        """Note that the server responds again, or that no refresh is needed."""
        outage, self._outage, self._backoff = self._outage, None, _BACKOFF_INITIAL
        if outage is not None and self._callbacks.online is not None:
            self._callbacks.online()

    def _notify(self, text: str) -> None:
        if self._callbacks.notice is not None:
            self._callbacks.notice(text)
