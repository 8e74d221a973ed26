"""The `httpx.Auth` of the API client: sends a profile's token to that profile's host only, and renews it."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, Generator
from typing import TYPE_CHECKING, Protocol

from drio_tui.api.errors import UsageError
from drio_tui.api.http import httpx
from drio_tui.auth.profiles import Profile, token_variable
from drio_tui.auth.token_store import TokenStorage
from drio_tui.auth.tokens import HIDDEN
from drio_tui.auth.urls import origin
from drio_tui.auth.www_authenticate import bearer_challenge, parse_scopes

if TYPE_CHECKING:
    from drio_tui.auth.token_manager import TokenCallbacks


class TokenSource(Protocol):
    """Where access tokens come from; `source` names it for the user.

    `expires_at` is when the current token expires, in seconds since the epoch, None if that is not known.
    """

    @property
    def source(self) -> str: ...

    @property
    def expires_at(self) -> float | None: ...

    async def token(self) -> str:
        """Return the token to send now. Raises `SignedOut` or `Offline`."""

    async def renew(self, refused: str) -> str | None:
        """Return another token after `refused` got a 401, or None."""

    async def step_up(self, scopes: tuple[str, ...], used: str) -> str | None:
        """Return a token with more scopes after a 403 `insufficient_scope`, or None."""

    async def aclose(self) -> None:
        """Wait for work that must not be interrupted."""


class StaticToken:
    """A token from outside: that of an environment variable, or the one of a sandbox that this program started.

    Never stored, never renewed, and sent only in the Authorization header.
    """

    expires_at: float | None = None

    def __init__(self, token: str, source: str) -> None:
        token_text = token.strip()
        if not token_text or not all("!" <= c <= "~" for c in token_text):
            raise UsageError(f"{source} does not hold a token.", hint="A token has no spaces or control characters.")
        self._token = token_text
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


def token_from_environment(profile: str) -> StaticToken | None:
    """Return the token of a profile in `DRIO_TOKEN_NAME` or `DRIO_TOKEN`, None where both are unset or blank.

    Raises `UsageError` for an invalid one.
    """
    variable = token_variable(profile)
    return StaticToken(os.environ[variable], variable) if variable else None


class BearerAuth(httpx.Auth):
    """Attaches the token to requests to `base_url`'s origin, and to no other.

    After a 401 the token is renewed and the request is sent again, once, whatever its method: a 401 means that the
    server did not act. A request whose body is a stream is not repeated. For async clients only.
    """

    def __init__(self, source: TokenSource, base_url: str) -> None:
        self.source = source
        self.move_to(base_url)

    def move_to(self, base_url: str) -> None:
        """Use `base_url` from now on, another URL of the same server; the token no longer goes to the old one."""
        self._origin = origin(base_url)

    def __repr__(self) -> str:
        return f"BearerAuth({self._origin}, {self.source.source})"

    async def token(self) -> str:
        """Return the token to send now, for use outside httpx, e.g. `curl`. Raises `SignedOut` or `Offline`."""
        return await self.source.token()

    async def aclose(self) -> None:
        """Wait until a running refresh has finished and is stored."""
        await self.source.aclose()

    def sync_auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        raise RuntimeError("BearerAuth needs an AsyncClient")

    def _is_own_origin(self, url: httpx.URL) -> bool:
        try:
            return origin(str(url)) == self._origin
        except ValueError:
            return False

    async def async_auth_flow(self, request: httpx.Request) -> AsyncGenerator[httpx.Request, httpx.Response]:
        if not self._is_own_origin(request.url):
            request.headers.pop("Authorization", None)
            yield request
            return
        token = await self.source.token()
        request.headers["Authorization"] = f"Bearer {token}"
        response = yield request
        if not isinstance(request.stream, httpx.ByteStream) or not self._is_own_origin(response.url):
            return
        new_token: str | None = None
        if response.status_code == 401:
            new_token = await self.source.renew(token)
        elif response.status_code == 403:
            challenge = bearer_challenge(response.headers.get_list("www-authenticate"))
            if challenge.get("error") == "insufficient_scope":
                new_token = await self.source.step_up(parse_scopes(challenge.get("scope", "")), token)
        if new_token is not None:
            request.headers["Authorization"] = f"Bearer {new_token}"
            yield request


def bearer_for(profile: Profile, store: TokenStorage, *, callbacks: TokenCallbacks | None = None) -> BearerAuth:
    """Return the auth of a profile: the token of the environment, else the stored sign-in, refreshed as needed."""
    static_token = token_from_environment(profile.name)
    from drio_tui.auth.token_manager import TokenManager  # a sandbox and a static token start without it

    return BearerAuth(static_token or TokenManager(profile, store, callbacks=callbacks), profile.base_url)
