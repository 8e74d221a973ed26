"""Keeping a profile signed in: the current token, refreshed once for everyone who needs it."""

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
from drio_tui.auth.token_store import TokenStore
from drio_tui.auth.tokens import Clock, SystemClock, TokenExpiry, TokenSet
from drio_tui.storage.lock import LockBusy, sign_in_lock

LOCK_SECONDS = 35.0
_BACKOFF_FIRST = 1.0
_BACKOFF_MOST = 60.0
_SECOND_THOUGHTS = 30.0
_STEP_UPS = 2


@dataclass(frozen=True, slots=True)
class TokenCallbacks:
    """What the program around wants to know or do. All are called in the event loop.

    `signed_out` may offer sign-in in place: it returns True when new tokens are in the store, and the waiting
    requests go on. `step_up` may sign in again with more scopes: True likewise. `offline` and `online` mark
    the change of state, once per change; `notice` is for words to show.
    """

    signed_out: Callable[[SignedOut], Awaitable[bool]] | None = None
    step_up: Callable[[tuple[str, ...]], Awaitable[bool]] | None = None
    offline: Callable[[Offline], None] | None = None
    online: Callable[[], None] | None = None
    notice: Callable[[str], None] | None = None


@dataclass(frozen=True, slots=True)
class _Refusal:
    """An access token that a refresh does not help, why, and for how long (by the monotonic clock)."""

    access_token: str
    until: float
    reason: str = ""

    def covers(self, access_token: str, now: float) -> bool:
        return access_token == self.access_token and now < self.until


@dataclass(frozen=True, slots=True)
class _Outage:
    """A refresh that failed for now, and before which time (by the monotonic clock) there is no other try."""

    error: Offline
    until: float


class TokenManager:
    """The token source of a signed-in profile.

    `token` gives the token to send; `renew` a newer one after the server refused one; `step_up` one with
    more scopes. Refreshing is done once however many ask, in this process (one task) and on this machine
    (a lock file); the lock is held only around the refresh itself.
    """

    source = "sign-in"

    def __init__(
        self,
        profile: Profile,
        store: TokenStore,
        *,
        hooks: TokenCallbacks | None = None,
        clock: Clock | None = None,
    ) -> None:
        self.profile = profile
        self._store = store
        self._hooks = hooks or TokenCallbacks()
        self._clock = clock or SystemClock()
        self._tokens: TokenSet | None = None
        self._life: TokenExpiry | None = None
        self._flight: asyncio.Task[TokenSet] | None = None
        self._refused: _Refusal | None = None  # by the API, right after it was issued
        self._denied: _Refusal | None = None  # a renewal, by the sign-in server
        self._outage: _Outage | None = None
        self._pause = _BACKOFF_FIRST
        self._step_ups = 0

    @property
    def is_offline(self) -> bool:
        """Whether the last refresh did not reach the server."""
        return self._outage is not None

    async def token(self) -> str:
        """The access token to send now, refreshed when its end is near.

        Raises `SignedOut` (sign-in needed) or `Offline` (it ran out and cannot be refreshed now).
        """
        tokens = await self._current()
        life = self._life
        if life is None or not (life.over if tokens.refresh_token is None else life.due):
            return tokens.access_token
        try:
            return (await self._shared(tokens)).access_token
        except Offline:
            if life.over:
                raise
            return tokens.access_token

    async def renew(self, refused: str) -> str | None:
        """A token other than `refused`, which the server did not take; None when trying again is of no use."""
        tokens = await self._current()
        if tokens.access_token != refused:
            return tokens.access_token
        if self._refused is not None and self._refused.covers(refused, self._clock.monotonic()):
            # Fresh from the server and refused all the same: more of them will not help, but a new sign-in may.
            return await self._newly_stored(refused)
        renewed = (await self._shared(tokens, forced=True)).access_token
        if renewed == refused:
            return None
        self._refused = _Refusal(renewed, self._clock.monotonic() + _SECOND_THOUGHTS)
        return renewed

    async def step_up(self, scopes: tuple[str, ...], used: str) -> str | None:
        """A token that may do more, after `insufficient_scope`; None when nobody can get one, or too often.

        What the token allowed so far is asked for too, or the next request would lack that.
        """
        if self._hooks.step_up is None or self._step_ups >= _STEP_UPS:
            return None
        self._step_ups += 1
        granted = (await self._current()).scope.split()
        if not await self._hooks.step_up(tuple(dict.fromkeys((*granted, *scopes)))):
            return None
        return await self._newly_stored(used)

    async def reload(self) -> None:
        """Use what is in the store now: someone signed in again."""
        self._recover()
        await self._reload(fresh=True)

    async def aclose(self) -> None:
        """Wait for a refresh under way: its answer must be stored, or the sign-in is lost."""
        if self._flight is not None:
            await asyncio.wait({self._flight})

    # --- the current set -----------------------------------------------------------------------

    async def _current(self) -> TokenSet:
        if self._tokens is None:
            await self._reload(fresh=False)
        if self._tokens is None:
            return await self._shared(None)
        return self._tokens

    async def _reload(self, *, fresh: bool) -> TokenSet | None:
        found = await self._store.load(self.profile, fresh=fresh)
        if found is None:
            self._tokens = self._life = None
        else:
            self._adopt(found)
        return found

    async def _newly_stored(self, used: str) -> str | None:
        """The access token that is stored now, unless it is still the one that was `used`."""
        kept = await self._reload(fresh=True)
        return kept.access_token if kept is not None and kept.access_token != used else None

    def _adopt(self, tokens: TokenSet) -> TokenExpiry:
        if self._life is None or tokens != self._tokens:
            self._tokens, self._life = tokens, TokenExpiry(tokens, self._clock)
        return self._life

    # --- one refresh for everyone --------------------------------------------------------------

    async def _shared(self, seen: TokenSet | None, *, forced: bool = False) -> TokenSet:
        """The result of the refresh under way, started if there is none.

        A task of its own, only waited for: a caller that gives up must not abort a request whose answer may be
        the only copy of the next refresh token.
        """
        flight = self._flight
        if flight is None:
            flight = self._flight = asyncio.create_task(self._obtain(seen, forced))
            flight.add_done_callback(self._landed)
        await asyncio.wait({flight})
        return flight.result()

    def _landed(self, flight: asyncio.Task[TokenSet]) -> None:
        self._flight = None
        if not flight.cancelled():
            flight.exception()  # asked for, so that nobody's having waited is not reported as lost

    async def _obtain(self, seen: TokenSet | None, forced: bool) -> TokenSet:
        try:
            if seen is None:
                raise SignedOut(f"No sign-in is kept for {self.profile.name}.")
            return await self._refresh(seen, forced)
        except SignedOut as over:
            self._tokens = self._life = None
            if self._hooks.signed_out is None or not await self._hooks.signed_out(over):
                raise
            tokens = await self._reload(fresh=True)
            if tokens is None:
                raise
            return tokens

    async def _refresh(self, seen: TokenSet, forced: bool) -> TokenSet:
        if self._outage is not None and self._clock.monotonic() < self._outage.until:
            raise type(self._outage.error)(self._outage.error.message)
        try:
            async with sign_in_lock(self.profile.entry).hold(LOCK_SECONDS):
                tokens = await self._refresh_locked(seen, forced)
        except SignedOut:
            self._recover()
            raise
        except LockBusy:
            raise self._fail(Offline("Another drio-tui has been refreshing the sign-in for too long.")) from None
        except BadAnswer as answer:
            raise self._fail(NotRenewed(str(answer))) from None
        except SignInFailed as problem:
            asked = problem.retry_after if isinstance(problem, ServerUnavailable) else None
            raise self._fail(Offline(str(problem)), at_least=asked or 0.0) from None
        self._recover()
        return tokens

    async def _refresh_locked(self, seen: TokenSet, forced: bool) -> TokenSet:
        """Look whether someone else did it, else do it: ask, store, and only then use."""
        try:
            kept = await self._store.load(self.profile, fresh=True)
        except StoreFailed as failure:
            self._note(failure.message)
            kept = seen
        if kept is None:
            raise SignedOut("You were signed out elsewhere.")
        life = self._adopt(kept)
        if kept.access_token != seen.access_token and not life.due:
            return kept
        usable = not forced and not life.over
        if self._denied is not None and self._denied.covers(kept.access_token, self._clock.monotonic()):
            if usable:
                return kept
            raise SignedOut(self._denied.reason)
        if kept.refresh_token is None:
            if usable:
                return kept
            raise SignedOut("The sign-in ran out, and the server gave nothing to renew it with.")
        try:
            async with OAuthHttpClient() as wire:
                renewed = await token_endpoint.refresh(wire, kept, now=self._clock.wall())
        except ExchangeRefused as refusal:
            over = SignedOut(f"The sign-in server says {refusal.message}.")
            over.register_again = isinstance(refusal, ClientRefused)
            if isinstance(refusal, GrantRefused | ClientRefused | ClientNotAllowed):
                await self._drop(kept, refusal)
            else:
                # The server refuses this request, not this sign-in: the tokens are kept, and asked with again later.
                until = self._clock.monotonic() + _BACKOFF_MOST
                self._denied = _Refusal(kept.access_token, until, over.message)
                if usable:
                    return kept
            raise over from None
        await self._store.save(self.profile, renewed)
        self._adopt(renewed)
        return renewed

    async def _drop(self, tokens: TokenSet, refusal: SignInFailed) -> None:
        if isinstance(refusal, ClientRefused):
            ClientRegistrationStore().forget(tokens.issuer, tokens.client_id)
        try:
            await self._store.delete(self.profile)
        except StoreFailed as failure:
            self._note(str(failure))

    def _fail(self, error: Offline, *, at_least: float = 0.0) -> Offline:
        """The refresh failed for now: keep everything, and wait longer each time before the next try."""
        pause = max(self._pause * random.uniform(0.5, 1.0), at_least)  # noqa: S311 - jitter
        self._pause = min(_BACKOFF_MOST, self._pause * 2)
        first = self._outage is None
        self._outage = _Outage(error, self._clock.monotonic() + min(_BACKOFF_MOST, pause))
        if first and self._hooks.offline is not None:
            self._hooks.offline(error)
        return error

    def _recover(self) -> None:
        """Refreshing does not fail any more: it succeeded, was refused, or is not needed."""
        outage, self._outage, self._pause = self._outage, None, _BACKOFF_FIRST
        if outage is not None and self._hooks.online is not None:
            self._hooks.online()

    def _note(self, text: str) -> None:
        if self._hooks.notice is not None:
            self._hooks.notice(text)
