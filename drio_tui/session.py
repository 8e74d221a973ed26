"""One connection to drio: the client, with the sign-in that belongs to it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from drio_tui.api.client import DrioClient
from drio_tui.api.errors import DrioError, SignInRequired, UsageError
from drio_tui.api.transport import Exchange, Transport
from drio_tui.auth.bearer import BearerAuth, StaticToken, bearer_for, token_from_environment
from drio_tui.auth.profiles import DEFAULT_BASE_URL, Profile, Profiles, normalize_base_url
from drio_tui.auth.token_manager import TokenCallbacks
from drio_tui.auth.token_store import Vault
from drio_tui.launcher import RunningSandbox, ensure_sandbox, find_running, wait_until_gone, was_stopped
from drio_tui.settings import Settings

Notice = Callable[[str], None]


@dataclass(slots=True)
class Session:
    """A client and who it speaks for. `source` says where the token comes from; `account` may be unknown.

    Without `auth` it is anonymous; `first_run` then says that no sign-in was ever kept on this machine.
    """

    client: DrioClient
    profile: str
    host: str
    base_url: str
    account: str | None
    source: str
    auth: BearerAuth | None = field(default=None, repr=False)
    first_run: bool = False
    sandbox: SandboxLink | None = field(default=None, repr=False)

    @property
    def server(self) -> str:
        """The name under which local files about this drio are kept."""
        return self.client.transport.server_id

    async def aclose(self) -> None:
        """Close the connections, let a refresh under way be stored. A sandbox goes on running."""
        if self.sandbox:
            self.sandbox.close()
        await self.client.aclose()
        if self.auth:
            await self.auth.aclose()


class SandboxLink:
    """What ties a session to its sandbox: a sandbox that has ended is started again, as it was, and followed.

    `on_lost` is called when that begins, then `on_back` when requests can be made again, or `on_failed`.
    """

    def __init__(self, running: RunningSandbox) -> None:
        self.running = running
        self.on_lost: Callable[[], None] = lambda: None
        self.on_back: Callable[[], None] = lambda: None
        self.on_failed: Callable[[DrioError], None] = lambda _error: None
        self._session: Session | None = None
        self._reviving: asyncio.Task[None] | None = None
        self._closed = False

    def serve(self, session: Session) -> None:
        """Follow the sandbox for this session."""
        self._session = session

    async def revive(self) -> bool:
        """Start the sandbox if it has ended, and speak to it; False when the session is closed.

        Raises `SandboxFailed`.
        """
        if self._closed:
            return False
        if self._reviving is None or self._reviving.done():
            self._reviving = asyncio.create_task(self._revive())
        await asyncio.shield(self._reviving)
        return not self._closed

    async def _revive(self) -> None:
        self.on_lost()
        try:
            options = await asyncio.to_thread(self.running.restart_options)
            self.running = await ensure_sandbox(self.running.data_dir, options=options)
        except DrioError as error:
            self.on_failed(error)
            raise
        session = self._session
        if session is not None and session.auth is not None and not self._closed:
            base = normalize_base_url(self.running.base_url)
            session.base_url = base
            session.client.transport.move_to(base)
            session.auth.move_to(base)
            session.auth.source = _SandboxToken(self.running)
            self.on_back()

    async def wait_until_gone(self) -> None:
        """Hold a connection to the sandbox until it ends."""
        await wait_until_gone(self.running)

    def was_stopped(self) -> bool:
        """Whether a person ended it with `drio-tui sandbox stop`."""
        return was_stopped(self.running.data_dir)

    def close(self) -> None:
        """Start it no more."""
        self._closed = True
        if self._reviving is not None:
            self._reviving.cancel()


class _SandboxToken(StaticToken):
    """The local user's token, read again where the sandbox refuses it: `sandbox reset` makes another."""

    def __init__(self, running: RunningSandbox) -> None:
        super().__init__(running.token, "the local sandbox")
        self._folder = running.data_dir

    async def renew(self, refused: str) -> str | None:
        running = await asyncio.to_thread(find_running, self._folder)
        if running is None or running.token == refused:
            return None
        self._token = running.token
        return self._token


async def open_session(
    *,
    profile: str | None = None,
    base_url: str | None = None,
    sandbox: bool = False,
    running: RunningSandbox | None = None,
    data_dir: Path | str | None = None,
    on_exchange: Callable[[Exchange], None] | None = None,
    notice: Notice | None = None,
    hooks: TokenCallbacks | None = None,
    or_anonymous: bool = False,
) -> Session:
    """A session for the sandbox's local user, for `DRIO_TOKEN`, or for a profile's kept sign-in.

    With `sandbox`, `running` is the sandbox to use; without it one is found or started. It goes on running, and is
    started again when it has ended. Raises `SignInRequired` when the profile has no sign-in (with `or_anonymous`,
    gives a session without a token instead), `UsageError` for a profile or URL that cannot be.
    """
    if sandbox:
        if base_url or profile:
            raise UsageError("--sandbox cannot be combined with --profile or --base-url.")
        running = running or await ensure_sandbox(data_dir, on_line=notice)
        if notice and running.advice:
            notice(running.advice)
        return _sandbox_session(running, on_exchange)
    profiles = await _profiles(notice)
    chosen = _meant(profiles, profile, base_url)
    given = token_from_environment()
    signed_in = given is not None
    vault = Vault(notice=notice)
    if not signed_in and profiles.get(chosen.name):  # else without waking the keyring
        settings = await asyncio.to_thread(Settings.load)
        vault = Vault(insecure=settings.insecure_storage, notice=notice)
        signed_in = await vault.load(chosen) is not None
    if not signed_in:
        if not or_anonymous:
            raise SignInRequired(f"there is no sign-in for {chosen.host}")
        session = _session(chosen, None, None, "", on_exchange)
        session.first_run = not len(profiles)
        return session
    auth = bearer_for(chosen, vault, callbacks=hooks or TokenCallbacks(notice=notice))
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
    chosen = _meant(await _profiles(notice), profile, base_url)
    return _session(chosen, None, None, "", on_exchange)


@asynccontextmanager
async def connected(
    *,
    profile: str | None = None,
    base_url: str | None = None,
    sandbox: bool = False,
    data_dir: Path | str | None = None,
    anonymous: bool = False,
    notice: Notice | None = None,
) -> AsyncIterator[Session]:
    """The session of one command, closed at its end. With `anonymous` no sign-in is needed.

    `notice` is told what is wrong with the settings: a setting that fell out of force must not do so unseen.
    """
    if notice:
        for problem in (await asyncio.to_thread(Settings.load)).problems:
            notice(problem)
    if anonymous and not sandbox:
        session = await anonymous_session(profile=profile, base_url=base_url, notice=notice)
    else:
        session = await open_session(
            profile=profile, base_url=base_url, sandbox=sandbox, data_dir=data_dir, notice=notice
        )
    try:
        yield session
    finally:
        await session.aclose()


async def _profiles(notice: Notice | None) -> Profiles:
    profiles = await asyncio.to_thread(Profiles.load)
    if notice:
        for text in profiles.notices:
            notice(text)
    return profiles


def _meant(profiles: Profiles, profile: str | None, base_url: str | None) -> Profile:
    if profile is None and base_url is None and profiles.current is None:
        return Profile("default", normalize_base_url(DEFAULT_BASE_URL))
    return profiles.resolve(profile, base_url)


def _session(
    profile: Profile,
    auth: BearerAuth | None,
    account: str | None,
    source: str,
    on_exchange: Callable[[Exchange], None] | None,
    link: SandboxLink | None = None,
) -> Session:
    transport = Transport(
        profile.base_url,
        auth=auth,
        on_exchange=on_exchange,
        sandbox_id=link.running.id if link else "",
        revive=link.revive if link else None,
    )
    return Session(
        DrioClient(transport), profile.name, profile.host, profile.base_url, account, source, auth, sandbox=link
    )


def _sandbox_session(running: RunningSandbox, on_exchange: Callable[[Exchange], None] | None) -> Session:
    base = normalize_base_url(running.base_url)
    auth = BearerAuth(_SandboxToken(running), base)
    link = SandboxLink(running)
    session = _session(Profile("sandbox", base), auth, None, auth.source.source, on_exchange, link)
    link.serve(session)
    return session
