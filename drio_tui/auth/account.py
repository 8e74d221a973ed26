"""The signed-in account, as the API names it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from drio_tui.api.errors import NewerApi
from drio_tui.api.versions import newer_version
from drio_tui.auth.errors import AccountUnknown, SignInFailed, Step
from drio_tui.auth.oauth_http import OAuthHttpClient
from drio_tui.auth.profiles import Profile
from drio_tui.auth.tokens import TokenSet

_MAX_NAME_LENGTH = 1000


@dataclass(frozen=True, slots=True)
class Account:
    """The signed-in account, as `GET /me` names it; `label` is the text to show."""

    id: str | None
    email: str | None
    name: str | None

    @property
    def label(self) -> str | None:
        return self.email or self.name or self.id


async def fetch_account(http: OAuthHttpClient, profile: Profile, tokens: TokenSet) -> Account:
    """Return the account that `tokens` belong to, from `GET /me`.

    Raises `AccountUnknown`, `NewerApi` for a drio without this version of the API, and the errors of requests.
    """
    response = await http.get(f"{profile.base_url}/me", step=Step.ACCOUNT, bearer=tokens.access_token)
    response.raise_if_unavailable()
    if response.status in (404, 410):
        version = await newer_version(profile.base_url, _status_probe(http, profile))
        if version is not None:
            raise NewerApi(version)
    if not 200 <= response.status < 300:
        raise AccountUnknown(
            f"{response.host} answered HTTP {response.status} to the new token. {response.error_text()}"
        )
    body = response.json_object()
    if response.oauth_error() is not None:
        raise AccountUnknown(f"{response.subject}: {response.error_text()}")
    return _parse_account(body)


def _status_probe(http: OAuthHttpClient, profile: Profile) -> Callable[[str], Awaitable[int | None]]:
    async def status(path: str) -> int | None:
        try:
            response = await http.get(profile.origin + path, step=Step.ACCOUNT)
        except SignInFailed:
            return None
        return response.status if response.error_object() or response.status >= 400 else None

    return status


def _parse_account(body: dict[str, Any]) -> Account:
    """Parse `{"user": {"id", "email", "name"}}` (contract section 6, inferred), or the user without the envelope."""
    user = body.get("user", body)
    if not isinstance(user, dict):
        raise AccountUnknown("The answer names no user.")

    def text(*keys: str) -> str | None:
        # Bounded, since the label becomes the name of a profile and of a keyring entry.
        return next((v for k in keys if isinstance(v := user.get(k), str) and 0 < len(v) <= _MAX_NAME_LENGTH), None)

    account = Account(text("id", "sub"), text("email"), text("name"))
    if account.label is None:
        raise AccountUnknown("The answer names no user.")
    return account
