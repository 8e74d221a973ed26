"""The signed-in account, as the API names it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

from drio_tui.api.versions import ApiVersion, ApiVersions, Ask, VersionResponse, find_versions, path_of_versions
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

    A drio without v1, but with a later version of the API, may have no such route: the token is tried on its list of
    apps, and the account is not known. Raises `AccountUnknown`, and the errors of requests.
    """
    response = await http.get(f"{profile.base_url}/me", step=Step.ACCOUNT, bearer=tokens.access_token)
    response.raise_if_unavailable()
    if response.status in (404, 410):
        known = ApiVersions().with_version(ApiVersion("v1", "missing"))
        newest = (await find_versions(profile.base_url, ask_with(http, profile), known)).newest
        if newest is not None:
            url = f"{profile.origin}{path_of_versions(profile.base_url)}/{newest}/apps"
            response = await http.get(url, step=Step.ACCOUNT, bearer=tokens.access_token)
            response.raise_if_unavailable()
            if 200 <= response.status < 300:
                return Account(None, None, None)
    if not 200 <= response.status < 300:
        raise AccountUnknown(
            f"{response.host} answered HTTP {response.status} to the new token. {response.error_text()}"
        )
    body = response.json_object()
    if response.oauth_error() is not None:
        raise AccountUnknown(f"{response.subject}: {response.error_text()}")
    return _parse_account(body)


def ask_with(http: OAuthHttpClient, profile: Profile) -> Ask:
    """Return how a probe of the API versions sends its requests through `http`: one after the other."""
    lock = asyncio.Lock()

    async def ask(path: str) -> VersionResponse:
        try:
            async with lock:
                response = await http.get(profile.origin + path, step=Step.ACCOUNT)
        except SignInFailed:
            return VersionResponse()
        body = response.error_object()
        if not body and response.status < 400:
            return VersionResponse()  # something else than a JSON object
        headers = {name.lower(): value for name, value in response.headers.items()}
        return VersionResponse(response.status, headers, body if response.status < 400 else None)

    return ask


def _parse_account(body: dict[str, Any]) -> Account:
    """Parse `{"user": {"id", "email", "name"}}` (contract section 6, inferred), or the user without the envelope."""
    user = body.get("user", body)
    if not isinstance(user, dict):
        raise AccountUnknown("The response names no user.")

    def text(*keys: str) -> str | None:
        # Bounded, since the label becomes the name of a profile and of a keyring entry.
        return next((v for k in keys if isinstance(v := user.get(k), str) and 0 < len(v) <= _MAX_NAME_LENGTH), None)

    account = Account(text("id", "sub"), text("email"), text("name"))
    if account.label is None:
        raise AccountUnknown("The response names no user.")
    return account
