"""Signing out: the refresh token is given back, then the tokens are deleted here, whatever the server says."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path

from drio_tui import paths
from drio_tui.auth import exchange
from drio_tui.auth.errors import SignInFailed, StoreFailed
from drio_tui.auth.lock import FileLock, LockBusy
from drio_tui.auth.profiles import Profile, Profiles
from drio_tui.auth.store import TokenStore
from drio_tui.auth.wire import Wire

_LOCK_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class SignedOutResult:
    """What happened: was anyone signed in, did the server take the token back, and if not, why."""

    profile: Profile
    was_signed_in: bool
    revoked: bool
    problem: str | None = None


async def log_out(
    profile: Profile, store: TokenStore, profiles: Profiles, *, wire: Wire | None = None, locks: Path | None = None
) -> SignedOutResult:
    """Revoke at the server (5 s at most), then delete here and look that it is gone.

    A server that cannot be reached is reported in `problem` and changes nothing about the deletion. Raises
    `StoreFailed` when the tokens could not be deleted.
    """
    name = hashlib.sha256(profile.entry.encode()).hexdigest()[:32]
    lock = FileLock((locks or paths.state_dir() / "locks") / f"{name}.lock")
    try:
        # Under the refresh lock, so that no refresh of another process stores tokens after we deleted them.
        async with lock.hold(_LOCK_SECONDS):
            result = await _log_out(profile, store, wire)
    except LockBusy:
        result = await _log_out(profile, store, wire)
    if profiles.get(profile.name) is not None:
        if profile.account and profile.name.endswith(f"/{profile.account}"):
            profiles.remove(profile.name)  # named after the account alone; nothing is left to keep
        else:
            profiles.add(
                replace(profile, account=None, account_id=None, token_store="", pinned_file=False),
                make_current=False,
            )
    return result


async def _log_out(profile: Profile, store: TokenStore, wire: Wire | None) -> SignedOutResult:
    problem: str | None = None
    revoked = False
    try:
        tokens = await store.load(profile, fresh=True)
    except StoreFailed as failure:
        tokens, problem = None, failure.message
    if tokens is not None and tokens.revocation_endpoint is not None:
        try:
            if wire is not None:
                await exchange.revoke(wire, tokens)
            else:
                async with Wire() as own:
                    await exchange.revoke(own, tokens)
            revoked = True
        except SignInFailed as failed:
            problem = f"The server did not take the token back: {failed}"
    elif tokens is not None:
        problem = "The server offers no revocation; the token stays good there until it runs out."
    await store.delete(profile)
    return SignedOutResult(profile, tokens is not None, revoked, problem)
