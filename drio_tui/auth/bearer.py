"""The `httpx.Auth` of the API client: the profile's token, to the profile's own host, renewed when it must be."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, Generator
from typing import Protocol

from drio_tui.api.errors import UsageError
from drio_tui.api.http import httpx
from drio_tui.auth.profiles import Profile
from drio_tui.auth.token_manager import TokenCallbacks, TokenManager
from drio_tui.auth.token_store import TokenStore
from drio_tui.auth.tokens import HIDDEN
from drio_tui.auth.urls import origin
from drio_tui.auth.www_authenticate import bearer_challenge, scopes

TOKEN_VARIABLE = "DRIO_TOKEN"  # noqa: S105 - the variable's name


class TokenSource(Protocol):
    """Where tokens come from; `source` says so in a person's words."""

    @property
    def source(self) -> str: ...

    async def token(self) -> str:
        """The token to send now. Raises `SignedOut` or `Offline`."""

    async def renew(self, refused: str) -> str | None:
        """Another token after `refused` got a 401, or None."""

    async def step_up(self, scopes: tuple[str, ...], used: str) -> str | None:
        """A token with more scopes after a 403 `insufficient_scope`, or None."""

    async def aclose(self) -> None:
        """Finish what must not be cut short."""


class StaticToken:
    """A token given from outside: `DRIO_TOKEN`, or the one that a sandbox we started handed over.

    Never stored, never renewed, shown nowhere but in the Authorization header.
    """

    def __init__(self, token: str, source: str) -> None:
        cleaned = token.strip()
        if not cleaned or not all("!" <= c <= "~" for c in cleaned):
            raise UsageError(f"{source} does not hold a token.", hint="A token has no spaces or control characters.")
        self._token = cleaned
        self.source = source

    def __repr__(self) -> str:
        return f"StaticToken({HIDDEN}, source={self.source!r})"

    def __reduce__(self) -> tuple[type[StaticToken], tuple[str, str]]:
        return (StaticToken, ("hidden", self.source))

    async def token(self) -> str:
        return self._token

    async def renew(self, refused: str) -> str | None:
        return None

    async def step_up(self, scopes: tuple[str, ...], used: str) -> str | None:
        return None

    async def aclose(self) -> None:
        return None


def token_from_environment() -> StaticToken | None:
    """The token of `DRIO_TOKEN`, when it is set and not empty. Raises `UsageError` when it cannot be one."""
    value = os.environ.get(TOKEN_VARIABLE, "")
    return StaticToken(value, TOKEN_VARIABLE) if value.strip() else None


class BearerAuth(httpx.Auth):
    """Attaches the token to requests to `base_url`'s origin, and to no other.

    After a 401 the token is renewed and the request sent once more, whatever its method: a 401 means the
    server did not act. A request whose body cannot be sent twice is not repeated. For async clients only.
    """

    def __init__(self, source: TokenSource, base_url: str) -> None:
        self.source = source
        self.move_to(base_url)

    def move_to(self, base_url: str) -> None:
        """Attach the token to requests to another address of the same server, and no longer to the old one."""
        self._origin = origin(base_url)

    def __repr__(self) -> str:
        return f"BearerAuth({self._origin}, {self.source.source})"

    async def token(self) -> str:
        """The token to send now, for what is not an HTTP client (say `curl`). Raises `SignedOut` or `Offline`."""
        return await self.source.token()

    async def aclose(self) -> None:
        """Let a refresh under way finish and be stored."""
        await self.source.aclose()

    def sync_auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        raise RuntimeError("BearerAuth needs an AsyncClient")

    def _is_home(self, url: httpx.URL) -> bool:
        try:
            return origin(str(url)) == self._origin
        except ValueError:
            return False

    async def async_auth_flow(self, request: httpx.Request) -> AsyncGenerator[httpx.Request, httpx.Response]:
        if not self._is_home(request.url):
            request.headers.pop("Authorization", None)
            yield request
            return
        token = await self.source.token()
        request.headers["Authorization"] = f"Bearer {token}"
        response = yield request
        if not isinstance(request.stream, httpx.ByteStream) or not self._is_home(response.url):
            return
        renewed: str | None = None
        if response.status_code == 401:
            renewed = await self.source.renew(token)
        elif response.status_code == 403:
            challenge = bearer_challenge(response.headers.get_list("www-authenticate"))
            if challenge.get("error") == "insufficient_scope":
                renewed = await self.source.step_up(scopes(challenge.get("scope", "")), token)
        if renewed is not None:
            request.headers["Authorization"] = f"Bearer {renewed}"
            yield request


def bearer_for(profile: Profile, store: TokenStore, *, hooks: TokenCallbacks | None = None) -> BearerAuth:
    """The auth of a profile: `DRIO_TOKEN` where it is set, else the kept sign-in, refreshed as needed."""
    given = token_from_environment()
    return BearerAuth(given or TokenManager(profile, store, hooks=hooks), profile.base_url)
