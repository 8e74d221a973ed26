"""Sessions with a drio server: the API client together with its sign-in."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from drio_tui import fault_lab
from drio_tui.api.client import DrioClient
from drio_tui.api.errors import DrioError, SignInRequired, UsageError
from drio_tui.api.exchange import Exchange, Limits
from drio_tui.api.http import is_replay
from drio_tui.api.transport import BACKOFF_STATUSES, Transport
from drio_tui.auth.bearer import BearerAuth, StaticToken, bearer_for, token_from_environment
from drio_tui.auth.profiles import DEFAULT_BASE_URL, Profile, Profiles, normalize_base_url
from drio_tui.auth.token_store import TokenStore
from drio_tui.launcher import RunningSandbox, ensure_sandbox, find_running, wait_until_ended, was_stopped
from drio_tui.settings import Settings
from drio_tui.text import duration
from drio_tui.urls import is_loopback

if TYPE_CHECKING:
    from drio_tui.auth.token_manager import TokenCallbacks

Notice = Callable[[str], None]
_NOTICED_SECONDS = 1.0
"""Shorter waits are not reported."""
_STARTED_SECONDS = 2.0
"""Seconds between two looks whether another process has started the sandbox; each opens its lock file."""


@dataclass(slots=True)
class Session:
    """An API client and its account. `source` names where the token comes from; `account` is None if unknown.

    Without `auth` the session is anonymous; `first_run` is then true if no sign-in was ever stored on this machine.
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
    def server_id(self) -> str:
        """The key of this server in local files."""
        return self.client.transport.server_id

    async def aclose(self) -> None:
        """Close the connections; wait until a running refresh is stored. A sandbox keeps running."""
        if self.sandbox:
            self.sandbox.close()
        await self.client.aclose()
        if self.auth:
            await self.auth.aclose()


class SandboxLink:
    """The link of a session to its sandbox: restarts a sandbox that has ended, with the same options.

    `on_lost` is called when a restart begins, then `on_back` when requests are possible again, or `on_failed`.
    """

    def __init__(self, running: RunningSandbox) -> None:
        self.running = running
        self.on_lost: Callable[[], None] = lambda: None
        self.on_back: Callable[[], None] = lambda: None
        self.on_failed: Callable[[DrioError], None] = lambda _error: None
        self._session: Session | None = None
        self._restart_task: asyncio.Task[None] | None = None
        self._closed = False

    def attach(self, session: Session) -> None:
        """Update `session` when the sandbox is restarted at another URL."""
        self._session = session

    async def revive(self) -> bool:
        """Restart the sandbox if it has ended, and connect the session to it; return False if the session is closed.

        Raises `SandboxFailed`.
        """
        if self._closed:
            return False
        if self._restart_task is None or self._restart_task.done():
            self._restart_task = asyncio.create_task(self._restart())
        await asyncio.shield(self._restart_task)
        return not self._closed

    async def _restart(self) -> None:
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
        """Wait until the sandbox ends, by holding a connection to it."""
        await wait_until_ended(self.running)

    async def wait_until_started(self) -> None:
        """Wait until another sandbox uses the data folder, whoever started it."""
        while True:
            found = await asyncio.to_thread(find_running, self.running.data_dir)
            if found is not None and found.pid != self.running.pid:  # not the one that is just ending
                return
            await asyncio.sleep(_STARTED_SECONDS)

    def was_stopped(self) -> bool:
        """Return whether it was stopped by `drio-tui sandbox stop`."""
        return was_stopped(self.running.data_dir)

    def close(self) -> None:
        """Stop restarting the sandbox."""
        self._closed = True
        if self._restart_task is not None:
            self._restart_task.cancel()


class _SandboxToken(StaticToken):
    """The local user's token; it is read again when the sandbox refuses it, since `sandbox reset` changes it.

    It does not expire. Where the sandbox answers as if it had, the request is sent again, as after a refresh.
    """

    def __init__(self, running: RunningSandbox) -> None:
        super().__init__(running.token, "the local sandbox")
        self._data_dir = running.data_dir

    async def renew(self, refused: str) -> str | None:
        running = await asyncio.to_thread(find_running, self._data_dir)
        if running is None:
            return None
        self._token = running.token  # the same if it was refused by a fault of the lab, which is tried again
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
    callbacks: TokenCallbacks | None = None,
    or_anonymous: bool = False,
) -> Session:
    """Return a session for the sandbox's local user, for a token in the environment, or for a profile's stored sign-in.

    With `sandbox`, `running` is the sandbox to use; without it one is found or started. It keeps running, and is
    restarted when it has ended. Raises `SignInRequired` when the profile has no sign-in (with `or_anonymous` it returns
    a session without a token instead), and `UsageError` for an invalid profile or URL.
    While a cassette is replayed, the session is the recorded one, whatever the other arguments; it needs no sign-in.
    """
    if is_replay():
        return _replayed_session(on_exchange)
    if sandbox:
        if base_url or profile:
            raise UsageError("--sandbox cannot be combined with --profile or --base-url.")
        running = running or await ensure_sandbox(data_dir, on_line=notice)
        if notice and running.advice:
            notice(running.advice)
        return _new_sandbox_session(running, on_exchange)
    profiles = await _load_profiles(notice)
    selected = _resolve_profile(profiles, profile, base_url)
    environment_token = token_from_environment(selected.name)
    signed_in = environment_token is not None
    store = TokenStore(notice=notice)
    if not signed_in and profiles.get(selected.name):  # else the keyring is not accessed
        settings = await asyncio.to_thread(Settings.load)
        store = TokenStore(insecure=settings.insecure_storage, notice=notice)
        signed_in = await store.load(selected) is not None
    if not signed_in:
        if not or_anonymous:
            raise SignInRequired(f"there is no sign-in for {selected.host}")
        session = _new_session(selected, None, None, "", on_exchange)
        session.first_run = not len(profiles)
        return session
    from drio_tui.auth.token_manager import TokenCallbacks  # a sandbox starts without it

    auth = bearer_for(selected, store, callbacks=callbacks or TokenCallbacks(notice=notice))
    account = None if environment_token else selected.account
    source = environment_token.source if environment_token else (await store.place(selected))[1]
    return _new_session(selected, auth, account, source, on_exchange)


async def anonymous_session(
    *,
    profile: str | None = None,
    base_url: str | None = None,
    on_exchange: Callable[[Exchange], None] | None = None,
    notice: Notice | None = None,
) -> Session:
    """Return a session without a token, for public resources: the templates."""
    if is_replay():
        return _replayed_session(on_exchange)
    selected = _resolve_profile(await _load_profiles(notice), profile, base_url)
    return _new_session(selected, None, None, "", on_exchange)


@asynccontextmanager
async def command_session(
    *,
    profile: str | None = None,
    base_url: str | None = None,
    sandbox: bool = False,
    data_dir: Path | str | None = None,
    anonymous: bool = False,
    notice: Notice | None = None,
) -> AsyncIterator[Session]:
    """Provide the session of one command and close it at the end. With `anonymous` no sign-in is needed.

    `notice` is also called with the problems of the settings file, so that an ignored setting is noticed, and when drio
    asks to wait. A `DrioError` that a fault of a sandbox has caused says so.
    """
    on_exchange = _CommandExchanges(notice)
    if notice:
        for problem in (await asyncio.to_thread(Settings.load)).problems:
            notice(problem)
    if anonymous and not sandbox:
        session = await anonymous_session(profile=profile, base_url=base_url, on_exchange=on_exchange, notice=notice)
    else:
        session = await open_session(
            profile=profile, base_url=base_url, sandbox=sandbox, data_dir=data_dir, on_exchange=on_exchange,
            notice=notice,
        )  # fmt: skip
    try:
        yield session
    except DrioError as error:
        if faults := await on_exchange.faults(session):
            error.hint = f"{error.hint} The sandbox injected faults: {', '.join(faults)}.".strip()
        raise
    finally:
        await session.aclose()


class _CommandExchanges:
    """Calls `notice` when drio asks to wait, once for requests that wait at the same time; notes injected faults."""

    reads_bodies = False
    """Whether it needs the bodies of an `Exchange`, which take time to redact."""

    def __init__(self, notice: Notice | None) -> None:
        self._notice = notice
        self._until = 0.0
        self._last: Exchange | None = None
        self._faults: dict[str, None] = {}

    def __call__(self, exchange: Exchange) -> None:
        self._last = exchange
        self._faults.update(dict.fromkeys(fault_lab.injected(exchange.response_headers)))
        if not self._notice or not exchange.waiting or exchange.status not in BACKOFF_STATUSES:
            return
        now = time.monotonic()
        seconds = exchange.retry_in or 0.0
        if now >= self._until and seconds >= _NOTICED_SECONDS:
            self._until = now + seconds
            self._notice(f"drio asks to wait {duration(seconds)} (status {exchange.status})…")

    async def faults(self, session: Session) -> tuple[str, ...]:
        """Return which faults of a sandbox the exchanges had; what is on there, if the last one had no response."""
        transport = session.client.transport
        if self._last is None or is_replay() or not is_loopback(urlsplit(transport.base_url).hostname or ""):
            return ()
        if self._last.status is not None:
            return tuple(self._faults)
        await fault_lab.announce(transport.base_url, self, Limits(connect=1.0, read=1.0, total=2.0, retries=0))
        return fault_lab.announced(self._last.response_headers)


async def _load_profiles(notice: Notice | None) -> Profiles:
    profiles = await asyncio.to_thread(Profiles.load)
    if notice:
        for text in profiles.notices:
            notice(text)
    return profiles


def _resolve_profile(profiles: Profiles, profile: str | None, base_url: str | None) -> Profile:
    if profile is None and base_url is None and profiles.current is None:
        return Profile("default", normalize_base_url(DEFAULT_BASE_URL))
    return profiles.resolve(profile, base_url)


def _new_session(
    profile: Profile,
    auth: BearerAuth | None,
    account: str | None,
    source: str,
    on_exchange: Callable[[Exchange], None] | None,
    link: SandboxLink | None = None,
    sandbox_id: str = "",
) -> Session:
    fixed = auth.source.source if auth and isinstance(auth.source, StaticToken) and not link else ""
    transport = Transport(
        profile.base_url,
        auth=auth,
        unauthorized_hint=f"Set {fixed} to another token, or unset it and sign in." if fixed else "",
        on_exchange=on_exchange,
        sandbox_id=link.running.id if link else sandbox_id,
        revive=link.revive if link else None,
    )
    return Session(
        DrioClient(transport), profile.name, profile.host, profile.base_url, account, source, auth, sandbox=link
    )


def _new_sandbox_session(running: RunningSandbox, on_exchange: Callable[[Exchange], None] | None) -> Session:
    base = normalize_base_url(running.base_url)
    auth = BearerAuth(_SandboxToken(running), base)
    link = SandboxLink(running)
    session = _new_session(Profile("sandbox", base), auth, None, auth.source.source, on_exchange, link)
    link.attach(session)
    return session


def _replayed_session(on_exchange: Callable[[Exchange], None] | None) -> Session:
    """Return a session with the recorded server, with a token that is none. Its local files are the cassette's own."""
    from drio_tui.cassette.active import player  # imported already, by what started the replay

    replayed = player()
    assert replayed is not None
    base = normalize_base_url(replayed.base_url)
    auth = BearerAuth(StaticToken("replayed", "the cassette"), base)
    return _new_session(
        Profile("replay", base), auth, None, "the cassette", on_exchange, sandbox_id=replayed.cassette.digest
    )
