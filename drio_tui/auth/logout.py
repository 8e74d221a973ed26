"""Signs out: revokes the tokens at the server, then deletes them here, whatever the server answers."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, replace

from drio_tui.auth import token_endpoint
from drio_tui.auth.errors import SignInFailed, StoreFailed
from drio_tui.auth.oauth_http import OAuthHttpClient
from drio_tui.auth.profiles import Profile, Profiles
from drio_tui.auth.token_store import TokenStorage
from drio_tui.storage.lock import LockBusy, sign_in_lock

_LOCK_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class SignedOutResult:
    """The result of signing out. `copies` counts the stored token sets; `revoked` is true when all were revoked.

    `problem` says what could not be done. `unreachable` has the messages of token stores that could not be read, and
    that may hold an older token set.
    """

    profile: Profile
    was_signed_in: bool
    revoked: bool
    copies: int = 0
    problem: str | None = None
    unreachable: tuple[str, ...] = ()


async def log_out(
    profile: Profile, store: TokenStorage, profiles: Profiles, *, http: OAuthHttpClient | None = None
) -> SignedOutResult:
    """Revoke every token set stored for the profile (at most 5 s each), then delete it here and verify that it is gone.

    A server that cannot be reached is reported in `problem`; the tokens are deleted all the same. Raises
    `StoreFailed` when a store that holds tokens, or may hold older ones, could not be read or emptied: the profile is
    then left unchanged, so that signing out can be tried again.
    """
    try:
        # Under the refresh lock, so that no refresh of another process stores tokens after they were deleted here.
        async with sign_in_lock(profile.entry).hold(_LOCK_SECONDS):
            result = await _log_out(profile, store, http)
    except LockBusy:
        result = await _log_out(profile, store, http)
    if profiles.get(profile.name) is not None and not result.unreachable:
        if profile.account and profile.name.endswith(f"/{profile.account}"):
            profiles.remove(profile.name)  # created for this account by `profile_for_account`
        else:
            profiles.add(
                replace(profile, account=None, account_id=None, token_store="", pinned_file=False, older_in=""),
                make_current=False,
            )
    return result


async def _log_out(profile: Profile, store: TokenStorage, http: OAuthHttpClient | None) -> SignedOutResult:
    copies, store_errors = await store.copies(profile)
    token_sets = list({tokens.refresh_token or tokens.access_token: tokens for tokens in copies}.values())
    problems = []
    revoked = 0
    async with contextlib.AsyncExitStack() as stack:
        client = http if http is not None else await stack.enter_async_context(OAuthHttpClient())
        for tokens in token_sets:
            if tokens.revocation_endpoint is None:
                problems.append("The server offers no revocation; the token stays good there until it runs out.")
                continue
            try:
                await token_endpoint.revoke(client, tokens)
                revoked += 1
            except SignInFailed as error:
                problems.append(f"The server did not take the token back: {error}")
    try:
        await store.delete(profile)
    except StoreFailed as error:
        if token_sets:
            done = "revoked and removed" if revoked == len(token_sets) else "removed"
            error.title = "Not signed out everywhere"
            error.message = f"What could be reached was {done}. {error.message}"
        if store_errors:
            error.hint = "An older sign-in may still be kept there: unlock it, then run `drio-tui logout` again."
        raise
    problems.extend(
        f"{store_error.message} If an older sign-in is kept there, unlock it and run `drio-tui logout` again."
        for store_error in store_errors
    )
    return SignedOutResult(
        profile,
        was_signed_in=bool(token_sets),
        revoked=bool(token_sets) and revoked == len(token_sets),
        copies=len(token_sets),
        problem=" ".join(dict.fromkeys(problems)) or None,
        unreachable=tuple(store_error.message for store_error in store_errors),
    )
