"""One connection to drio: the client, with the sign-in that belongs to it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from drio_tui.api.client import DrioClient
from drio_tui.api.errors import SignInRequired, UsageError
from drio_tui.api.transport import Exchange, Transport
from drio_tui.auth.bearer import BearerAuth, StaticToken, bearer_for, token_from_environment
from drio_tui.auth.keeper import Hooks
from drio_tui.auth.profiles import DEFAULT_BASE_URL, Profile, Profiles, normalize_base_url
from drio_tui.auth.store import Vault
from drio_tui.launcher import RunningSandbox, ensure_sandbox
from drio_tui.settings import Settings

Notice = Callable[[str], None]


@dataclass(slots=True)
class Session:
    """A client and who it speaks for. `source` says where the token comes from; `account` may be unknown."""

    client: DrioClient
    profile: str
    host: str
    base_url: str
    account: str | None
    source: str
    auth: BearerAuth | None = field(default=None, repr=False)
    _sandbox: RunningSandbox | None = field(default=None, repr=False)

    async def aclose(self) -> None:
        """Close the connections, let a refresh under way be stored, end a sandbox started for this session."""
        await self.client.aclose()
        if self.auth:
            await self.auth.aclose()
        if self._sandbox:
            await self._sandbox.stop()


async def open_session(
    *,
    profile: str | None = None,
    base_url: str | None = None,
    sandbox: bool = False,
    running: RunningSandbox | None = None,
    data_dir: Path | str | None = None,
    on_exchange: Callable[[Exchange], None] | None = None,
    notice: Notice | None = None,
    hooks: Hooks | None = None,
) -> Session:
    """A session for the sandbox's local user, for `DRIO_TOKEN`, or for a profile's kept sign-in.

    With `sandbox`, `running` is the sandbox to use; without it one is found or started, and a started one
    ends with the session. Raises `SignInRequired` when the profile has no sign-in, `UsageError` for a
    profile or URL that cannot be.
    """
    if sandbox:
        if base_url or profile:
            raise UsageError("--sandbox cannot be combined with --profile or --base-url.")
        owned = None
        if running is None:
            running = await ensure_sandbox(data_dir, on_line=notice)
            owned = running if running.started_by_us else None
        return _sandbox_session(running, owned, on_exchange)
    chosen, kept = await _chosen(profile, base_url, notice)
    given = token_from_environment()
    if given is None and not kept:
        raise SignInRequired(f"there is no sign-in for {chosen.host}")  # without waking the keyring
    settings = await asyncio.to_thread(Settings.load)
    vault = Vault(insecure=settings.insecure_storage, notice=notice)
    if given is None and await vault.load(chosen) is None:
        raise SignInRequired(f"there is no sign-in for {chosen.host}")
    auth = bearer_for(chosen, vault, hooks=hooks or Hooks(notice=notice))
    account = None if given else chosen.account
    return _session(chosen, auth, account, given.source if given else (await vault.place(chosen))[1], on_exchange)


async def anonymous_session(
    *,
    profile: str | None = None,
    base_url: str | None = None,
    on_exchange: Callable[[Exchange], None] | None = None,
    notice: Notice | None = None,
) -> Session:
    """A session without a token, for what is public: the templates."""
    chosen, _ = await _chosen(profile, base_url, notice)
    return _session(chosen, None, None, "", on_exchange)


@asynccontextmanager
async def connected(
    *,
    profile: str | None = None,
    base_url: str | None = None,
    sandbox: bool = False,
    anonymous: bool = False,
    notice: Notice | None = None,
) -> AsyncIterator[Session]:
    """The session of one command, closed at its end. With `anonymous` no sign-in is needed."""
    if anonymous and not sandbox:
        session = await anonymous_session(profile=profile, base_url=base_url, notice=notice)
    else:
        session = await open_session(profile=profile, base_url=base_url, sandbox=sandbox, notice=notice)
    try:
        yield session
    finally:
        await session.aclose()


async def _chosen(profile: str | None, base_url: str | None, notice: Notice | None) -> tuple[Profile, bool]:
    """The profile that is meant, and whether it is one that was kept (by signing in)."""
    profiles = await asyncio.to_thread(Profiles.load)
    if notice:
        for text in profiles.notices:
            notice(text)
    if profile is None and base_url is None and profiles.current is None:
        return Profile("default", normalize_base_url(DEFAULT_BASE_URL)), False
    chosen = profiles.resolve(profile, base_url)
    return chosen, profiles.get(chosen.name) is not None


def _session(
    profile: Profile,
    auth: BearerAuth | None,
    account: str | None,
    source: str,
    on_exchange: Callable[[Exchange], None] | None,
) -> Session:
    client = DrioClient(Transport(profile.base_url, auth=auth, on_exchange=on_exchange))
    return Session(client, profile.name, profile.host, profile.base_url, account, source, auth)


def _sandbox_session(
    running: RunningSandbox, owned: RunningSandbox | None, on_exchange: Callable[[Exchange], None] | None
) -> Session:
    base = normalize_base_url(running.base_url)
    auth = BearerAuth(StaticToken(running.token, "the local sandbox"), base)
    session = _session(Profile("sandbox", base), auth, None, auth.source.source, on_exchange)
    session._sandbox = owned
    return session
