"""Signing out: the refresh token is given back, then the tokens are deleted here, whatever the server says."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, replace

from drio_tui.auth import token_endpoint
from drio_tui.auth.errors import SignInFailed, StoreFailed
from drio_tui.auth.oauth_http import OAuthHttpClient
from drio_tui.auth.profiles import Profile, Profiles
from drio_tui.auth.token_store import TokenStore
from drio_tui.storage.lock import LockBusy, sign_in_lock

_LOCK_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class SignedOutResult:
    """What happened: was anyone signed in, and how many of the token sets kept did the server take back.

    `revoked` is true only when it took back every one; `problem` says what could not be done, `unreached` names places
    that could not be looked into and are not known to hold anything.
    """

    profile: Profile
    was_signed_in: bool
    revoked: bool
    copies: int = 0
    problem: str | None = None
    unreached: tuple[str, ...] = ()


async def log_out(
    profile: Profile, store: TokenStore, profiles: Profiles, *, wire: OAuthHttpClient | None = None
) -> SignedOutResult:
    """Revoke every token set kept for the profile (5 s each at most), then delete here and look that it is gone.

    A server that cannot be reached is reported in `problem` and changes nothing about the deletion. Raises
    `StoreFailed` when a place that holds tokens, or may hold older ones, could not be reached or emptied: the
    profile is then left as it is, so that signing out can be tried again.
    """
    try:
        # Under the refresh lock, so that no refresh of another process stores tokens after we deleted them.
        async with sign_in_lock(profile.entry).hold(_LOCK_SECONDS):
            result = await _log_out(profile, store, wire)
    except LockBusy:
        result = await _log_out(profile, store, wire)
    if profiles.get(profile.name) is not None and not result.unreached:
        if profile.account and profile.name.endswith(f"/{profile.account}"):
            profiles.remove(profile.name)  # named after the account alone; nothing is left to keep
        else:
            profiles.add(
                replace(profile, account=None, account_id=None, token_store="", pinned_file=False, older_in=""),
                make_current=False,
            )
    return result


async def _log_out(profile: Profile, store: TokenStore, wire: OAuthHttpClient | None) -> SignedOutResult:
    copies, unreached = await store.copies(profile)
    found = list({tokens.refresh_token or tokens.access_token: tokens for tokens in copies}.values())
    problems = []
    revoked = 0
    async with contextlib.AsyncExitStack() as stack:
        connection = wire if wire is not None else await stack.enter_async_context(OAuthHttpClient())
        for tokens in found:
            if tokens.revocation_endpoint is None:
                problems.append("The server offers no revocation; the token stays good there until it runs out.")
                continue
            try:
                await token_endpoint.revoke(connection, tokens)
                revoked += 1
            except SignInFailed as failed:
                problems.append(f"The server did not take the token back: {failed}")
    try:
        await store.delete(profile)
    except StoreFailed as failure:
        if found:
            reached = "revoked and removed" if revoked == len(found) else "removed"
            failure.title = "Not signed out everywhere"
            failure.message = f"What could be reached was {reached}. {failure.message}"
        if unreached:
            failure.hint = "An older sign-in may still be kept there: unlock it, then run `drio-tui logout` again."
        raise
    problems.extend(
        f"{place.message} If an older sign-in is kept there, unlock it and run `drio-tui logout` again."
        for place in unreached
    )
    return SignedOutResult(
        profile,
        was_signed_in=bool(found),
        revoked=bool(found) and revoked == len(found),
        copies=len(found),
        problem=" ".join(dict.fromkeys(problems)) or None,
        unreached=tuple(place.message for place in unreached),
    )
