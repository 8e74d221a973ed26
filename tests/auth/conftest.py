"""Fixtures of the sign-in tests: the two servers, a user with a browser, stores, clocks, keyrings."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import keyring
import keyring.core
import pytest
from keyring.backend import KeyringBackend

from drio_tui.auth.browser import DesktopEnvironment
from drio_tui.auth.events import Event, Notice, UrlReady
from drio_tui.auth.flow import SignInFlow, SignInResult
from drio_tui.auth.profiles import Profile, Profiles
from drio_tui.auth.token_store import TokenStore
from drio_tui.auth.tokens import TokenSet
from tests.auth.sessions import Session, make_session
from tests.auth.world import SignInServers, browse


class FakeClock:
    """Two clocks that the test moves."""

    def __init__(self, now: float = 1_800_000_000.0) -> None:
        self.now = now
        self.ticks = 1000.0

    def wall(self) -> float:
        return self.now

    def monotonic(self) -> float:
        return self.ticks

    def pass_time(self, seconds: float) -> None:
        self.now += seconds
        self.ticks += seconds


@dataclass
class User:
    """A user who signs in: opens each URL in a browser and records events and notices."""

    world: SignInServers
    store: TokenStore
    profiles: Profiles
    clock: FakeClock
    events: list[Event] = field(default_factory=list)
    store_notices: list[str] = field(default_factory=list)
    opens_urls: bool = True
    pages: list[Any] = field(default_factory=list)
    _tasks: list[asyncio.Task[None]] = field(default_factory=list)

    def flow(self, profile: Profile | None = None, **options: Any) -> SignInFlow:
        options.setdefault("open_browser", False)
        options.setdefault("timeout", 20)
        return SignInFlow(
            profile or self.profiles.resolve(base_url=self.world.base_url),
            store=self.store,
            profiles=self.profiles,
            clock=self.clock,
            on_event=self.on_event,
            desktop=DesktopEnvironment({}, "linux"),
            **options,
        )

    async def sign_in(self, profile: Profile | None = None, **options: Any) -> SignInResult:
        try:
            return await self.flow(profile, **options).run()
        finally:
            await asyncio.gather(*self._tasks, return_exceptions=True)  # wait for the pages

    def on_event(self, event: Event) -> None:
        self.events.append(event)
        if isinstance(event, UrlReady) and self.opens_urls:
            self._tasks.append(asyncio.create_task(self._open(event.url)))

    async def _open(self, url: str) -> None:
        self.pages.append(await browse(url))

    @property
    def urls(self) -> list[str]:
        return [e.url for e in self.events if isinstance(e, UrlReady)]

    @property
    def notices(self) -> list[str]:
        return [e.text for e in self.events if isinstance(e, Notice)] + self.store_notices


@pytest.fixture
async def world() -> AsyncIterator[SignInServers]:
    async with SignInServers() as world:
        yield world


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def user(world: SignInServers, clock: FakeClock) -> User:
    store_notices: list[str] = []
    return User(world, TokenStore(notice=store_notices.append), Profiles.load(), clock, store_notices=store_notices)


@pytest.fixture
async def session(user: User) -> AsyncIterator[Session]:
    session = await make_session(user)
    yield session
    await session.client.aclose()


class MemoryKeyring(KeyringBackend):
    """A keyring that works."""

    priority = 1  # type: ignore[assignment]

    def __init__(self) -> None:
        super().__init__()
        self.kept: dict[tuple[str, str], str] = {}
        self.calls: list[str] = []

    def get_password(self, service: str, username: str) -> str | None:
        self.calls.append(f"get {username}")
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.calls.append(f"set {username}")
        self.kept[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        self.calls.append(f"delete {username}")
        if (service, username) not in self.kept:
            raise keyring.errors.PasswordDeleteError("no such entry")
        del self.kept[service, username]


@pytest.fixture
def use_keyring(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[KeyringBackend], KeyringBackend]]:
    def use(backend: KeyringBackend) -> KeyringBackend:
        monkeypatch.setattr(keyring.core, "_keyring_backend", backend)
        return backend

    return use


def token_set(clock: FakeClock, **changes: Any) -> TokenSet:
    values: dict[str, Any] = {
        "access_token": "at-first",
        "refresh_token": "rt-first",
        "client_id": "client-1",
        "issuer": "https://id.example",
        "token_endpoint": "https://id.example/token",
        "obtained_at": clock.wall(),
        "lifetime": 300.0,
        "expires_at": clock.wall() + 300.0,
    }
    return TokenSet(**(values | changes))
