"""Keeping a profile signed in: the current token, refreshed once for everyone who needs it."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from drio_tui import paths
from drio_tui.auth import exchange
from drio_tui.auth.clients import ClientBook
from drio_tui.auth.errors import (
    BadAnswer,
    ClientNotAllowed,
    ClientRefused,
    ExchangeRefused,
    GrantRefused,
    NotRenewed,
    Offline,
    ServerTrouble,
    SignedOut,
    SignInFailed,
    StoreFailed,
)
from drio_tui.auth.lock import FileLock, LockBusy
from drio_tui.auth.profiles import Profile
from drio_tui.auth.store import TokenStore
from drio_tui.auth.tokens import Clock, Lifespan, SystemClock, TokenSet
from drio_tui.auth.wire import Wire

LOCK_SECONDS = 35.0
_BACKOFF_FIRST = 1.0
_BACKOFF_MOST = 60.0
_SECOND_THOUGHTS = 30.0
_STEP_UPS = 2


@dataclass(frozen=True, slots=True)
class Hooks:
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


class TokenKeeper:
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
        hooks: Hooks | None = None,
        clients: ClientBook | None = None,
        clock: Clock | None = None,
        make_wire: Callable[[], Wire] = Wire,
        locks: Path | None = None,
    ) -> None:
        self.profile = profile
        self._store = store
        self._hooks = hooks or Hooks()
        self._clients = clients
        self._clock = clock or SystemClock()
        self._make_wire = make_wire
        name = hashlib.sha256(profile.entry.encode()).hexdigest()[:32]
        self._lock_path = (locks or paths.state_dir() / "locks") / f"{name}.lock"
        self._tokens: TokenSet | None = None
        self._life: Lifespan | None = None
        self._flight: asyncio.Task[TokenSet] | None = None
        self._refused: tuple[str, float] = ("", 0.0)
        self._denied: tuple[str, str, float] = ("", "", 0.0)  # access token, reason, until when
        self._offline: Offline | None = None
        self._failures = 0
        self._not_before = 0.0
        self._step_ups = 0

    @property
    def is_offline(self) -> bool:
        """Whether the last refresh did not reach the server."""
        return self._offline is not None

    async def token(self) -> str:
        """The access token to send now, refreshed when its end is near.

        Raises `SignedOut` (sign-in needed) or `Offline` (it ran out and cannot be refreshed now).
        """
        tokens = await self._current()
        life = self._life
        if life is None or not life.due or tokens.refresh_token is None:
            if life is not None and life.over and tokens.refresh_token is None:
                return (await self._shared(tokens)).access_token
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
        suspect, until = self._refused
        if refused == suspect and self._clock.monotonic() < until:
            # Fresh from the server and refused all the same: more of them will not help, but a new sign-in may.
            kept = await self._reload()
            return kept.access_token if kept is not None and kept.access_token != refused else None
        renewed = (await self._shared(tokens, forced=True)).access_token
        if renewed == refused:
            return None
        self._refused = (renewed, self._clock.monotonic() + _SECOND_THOUGHTS)
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
        tokens = await self._reload()
        return tokens.access_token if tokens is not None and tokens.access_token != used else None

    async def reload(self) -> None:
        """Use what is in the store now: someone signed in again."""
        await self._reload()

    async def aclose(self) -> None:
        """Wait for a refresh under way: its answer must be stored, or the sign-in is lost."""
        if self._flight is not None:
            with contextlib.suppress(Exception):  # whoever asked for it has been told
                await asyncio.shield(self._flight)

    # --- the current set -----------------------------------------------------------------------

    async def _current(self) -> TokenSet:
        if self._tokens is None:
            await self._reload(fresh=False)
        if self._tokens is None:
            return await self._shared(None)
        return self._tokens

    async def _reload(self, *, fresh: bool = True) -> TokenSet | None:
        found = await self._store.load(self.profile, fresh=fresh)
        if found is None:
            self._tokens = self._life = None
        else:
            self._adopt(found)
        return found

    def _adopt(self, tokens: TokenSet) -> None:
        if tokens != self._tokens:
            self._tokens, self._life = tokens, Lifespan(tokens, self._clock)

    # --- one refresh for everyone --------------------------------------------------------------

    async def _shared(self, seen: TokenSet | None, *, forced: bool = False) -> TokenSet:
        """The result of the refresh under way, started if there is none.

        A task of its own, shielded: a caller that gives up must not abort a request whose answer may be the
        only copy of the next refresh token.
        """
        if self._flight is None:
            if self._tokens is not None and self._tokens is not seen:
                return self._tokens
            self._flight = asyncio.create_task(self._obtain(seen, forced))
            self._flight.add_done_callback(self._landed)
        return await asyncio.shield(self._flight)

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
            tokens = await self._reload()
            if tokens is None:
                raise
            return tokens

    async def _refresh(self, seen: TokenSet, forced: bool) -> TokenSet:
        if self._offline is not None and self._clock.monotonic() < self._not_before:
            raise type(self._offline)(self._offline.message)
        lock = FileLock(self._lock_path)
        try:
            async with lock.hold(LOCK_SECONDS):
                tokens = await self._refresh_locked(seen, forced)
        except LockBusy:
            raise self._fail("Another drio-tui has been refreshing the sign-in for too long.") from None
        except SignInFailed as problem:
            asked = problem.retry_after if isinstance(problem, ServerTrouble) else None
            raise self._fail(str(problem), at_least=asked or 0.0, answered=isinstance(problem, BadAnswer)) from None
        self._failures, was_offline = 0, self._offline is not None
        self._offline = None
        if was_offline and self._hooks.online is not None:
            self._hooks.online()
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
        if kept.access_token != seen.access_token:
            self._adopt(kept)
            if self._life is not None and not self._life.due:
                return kept
        usable = not forced and not Lifespan(kept, self._clock).over
        denied, reason, until = self._denied
        if kept.access_token == denied and self._clock.monotonic() < until:
            if usable:
                return kept
            raise SignedOut(reason)
        if kept.refresh_token is None:
            if usable:
                return kept
            raise SignedOut("The sign-in ran out, and the server gave nothing to renew it with.")
        try:
            async with self._make_wire() as wire:
                renewed = await exchange.refresh(wire, kept, now=self._clock.wall())
        except ExchangeRefused as refusal:
            over = SignedOut(f"The sign-in server says {refusal.message}.")
            over.register_again = isinstance(refusal, ClientRefused)
            if isinstance(refusal, GrantRefused | ClientRefused | ClientNotAllowed):
                await self._drop(kept, refusal)
            else:
                # The server refuses this request, not this sign-in: the tokens are kept, and asked with again later.
                self._denied = (kept.access_token, over.message, self._clock.monotonic() + _BACKOFF_MOST)
                if usable:
                    return kept
            raise over from None
        await self._store.save(self.profile, renewed)
        self._adopt(renewed)
        return renewed

    async def _drop(self, tokens: TokenSet, refusal: SignInFailed) -> None:
        if isinstance(refusal, ClientRefused):
            (self._clients or ClientBook()).forget(tokens.issuer, tokens.client_id)
        try:
            await self._store.delete(self.profile)
        except StoreFailed as failure:
            self._note(failure.message)

    def _fail(self, reason: str, *, at_least: float = 0.0, answered: bool = False) -> Offline:
        """The refresh failed for now: keep everything, and wait longer each time before the next try.

        `answered` says that something did answer, so that this is no matter of the network being away.
        """
        pause = min(_BACKOFF_MOST, _BACKOFF_FIRST * 2**self._failures) * random.uniform(0.5, 1.0)  # noqa: S311 - jitter
        self._failures = min(self._failures + 1, 16)
        self._not_before = self._clock.monotonic() + min(_BACKOFF_MOST, max(pause, at_least))
        first = self._offline is None
        self._offline = NotRenewed(reason) if answered else Offline(reason)
        if first and self._hooks.offline is not None:
            self._hooks.offline(self._offline)
        return self._offline

    def _note(self, text: str) -> None:
        if self._hooks.notice is not None:
            self._hooks.notice(text)
