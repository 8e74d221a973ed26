"""Credentials for upstreams: what each kind of auth connection adds to a request.

| `config.type` | what is sent                                                                            |
|---------------|-----------------------------------------------------------------------------------------|
| `apiKey`      | the key in the header, query parameter or cookie `name`                                 |
| `bearer`      | `Authorization: Bearer`, the token unchanged                                            |
| `basic`       | `Authorization: Basic` (RFC 7617)                                                       |
| `oauth`       | `Authorization: Bearer`, a token of the client-credentials grant (RFC 6749 section 4.4) |

Tokens are cached in memory until 30 seconds before they expire. No user signs in here: a connection whose grant
requires that fails with a message when it is used.
"""

from __future__ import annotations

import asyncio
import base64
import re
import time
from dataclasses import dataclass, field
from urllib.parse import quote_plus, urlencode

from drio_tui.api.http import httpx
from drio_tui.api.json_codec import Document, MalformedJson, loads
from drio_tui.text import one_line
from drio_tui.tool_calls.egress import EgressPolicy, Origin
from drio_tui.tool_calls.fetch import NO_CREDENTIALS, Credentials, FetchFailed, UpstreamResponse, fetch
from drio_tui.tool_calls.requests import OWN_HEADERS, PreparedRequest

_RENEW_BEFORE_SECONDS = 30.0
_DEFAULT_LIFETIME = 300.0
_LONGEST_LIFETIME = 24 * 3600.0
_HEADER_VALUE = re.compile(r"[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?")
_COOKIE_VALUE = re.compile(r"[!#-+\--:<-\[\]-~]*")  # RFC 6265 section 4.1.1
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


class SignInFailed(Exception):
    """Signing in to the upstream failed; the message is a sentence without secrets.

    `private` is the origin of the token endpoint if it is refused only because its address is private.
    """

    def __init__(self, message: str, *, private: Origin | None = None) -> None:
        super().__init__(message)
        self.private = private


@dataclass(slots=True)
class _Token:
    value: str = field(default="", repr=False)
    renew_at: float = 0.0
    lock: asyncio.Lock = field(default_factory=asyncio.Lock, repr=False)


class CredentialProvider:
    """The credentials of one deployment. `secrets` are by auth connection; None where they cannot be read."""

    def __init__(
        self, transport: httpx.AsyncBaseTransport, gate: EgressPolicy, secrets: dict[str, Document] | None
    ) -> None:
        self._transport = transport
        self._gate = gate
        self._secrets = secrets
        self._tokens: dict[str, _Token] = {}
        self.given: set[str] = set()
        """Every key, token and password as it was sent, to remove it from what is shown."""

    async def credentials(self, auth: Document | None) -> Credentials:
        """Return what to add to a request of an integration with this connection. Raises `SignInFailed`."""
        credentials = await self._credentials(auth)
        self.given |= {
            value.rpartition(" ")[2] for value in (*credentials.headers.values(), *credentials.query.values())
        }
        return credentials

    async def _credentials(self, auth: Document | None) -> Credentials:
        if auth is None:
            return NO_CREDENTIALS
        config = auth.get("config") or {}
        secrets = self._secrets_of(auth)
        kind = config.get("type")
        if kind == "apiKey":
            return _api_key(auth, config, secrets)
        if kind == "bearer":
            return _bearer(auth, _required_secret(auth, secrets, "token"))
        if kind == "basic":
            return _basic(auth, config, secrets)
        if kind == "oauth":
            return _bearer(auth, await self._token(auth, config, secrets))
        if kind in (None, "none"):
            return NO_CREDENTIALS
        raise SignInFailed(f"The connection {_name(auth)} is of a kind that is not known here.")

    def forget(self, auth: Document | None) -> bool:
        """Discard a token that the upstream rejected. Returns whether there was one, so that a new one may help."""
        return auth is not None and self._tokens.pop(auth["id"], None) is not None

    def _secrets_of(self, auth: Document) -> Document:
        reference = auth.get("secretRef")
        if self._secrets is None:
            if reference:
                raise SignInFailed("The secrets cannot be read now; the sandbox's log says why.")
            return {}
        if reference and auth["id"] not in self._secrets:
            raise SignInFailed(f"The secret of {_name(auth)} is kept elsewhere, where it cannot be read.")
        return self._secrets.get(auth["id"], {})

    async def _token(self, auth: Document, config: Document, secrets: Document) -> str:
        token = self._tokens.setdefault(auth["id"], _Token())
        async with token.lock:
            if not token.value or time.monotonic() >= token.renew_at:
                token.value, seconds = await self._fetch_token(auth, config, secrets)
                token.renew_at = time.monotonic() + max(1.0, seconds - _RENEW_BEFORE_SECONDS)
            return token.value

    async def _fetch_token(self, auth: Document, config: Document, secrets: Document) -> tuple[str, float]:
        endpoint = config.get("tokenEndpoint")
        client_id = config.get("clientId")
        secret = secrets.get("clientSecret")
        if not (isinstance(endpoint, str) and isinstance(client_id, str) and isinstance(secret, str)):
            raise SignInFailed(
                f"The connection {_name(auth)} has no token endpoint, client ID and client secret, "
                "which signing in without a user needs."
            )
        parameters = {"grant_type": "client_credentials"}
        scopes = config.get("scopes")
        if isinstance(scopes, list) and scopes:
            parameters["scope"] = " ".join(map(str, scopes))
        methods = ["client_secret_basic", "client_secret_post"]
        if config.get("tokenEndpointAuthMethod") == "client_secret_post":
            methods.reverse()
        response = await self._request_token(auth, endpoint, parameters, client_id, secret, methods[0])
        if response.status in (400, 401) and _error_of(response) == "invalid_client":
            response = await self._request_token(auth, endpoint, parameters, client_id, secret, methods[1])
        return _read_token(auth, response)

    async def _request_token(
        self, auth: Document, endpoint: str, parameters: dict[str, str], client_id: str, secret: str, method: str
    ) -> UpstreamResponse:
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
        if method == "client_secret_post":
            parameters = parameters | {"client_id": client_id, "client_secret": secret}
        else:  # RFC 6749 section 2.3.1: both parts are form-encoded first
            client_credentials = f"{quote_plus(client_id)}:{quote_plus(secret)}"
            headers["Authorization"] = f"Basic {base64.b64encode(client_credentials.encode()).decode()}"
        request = PreparedRequest("POST", endpoint, {"Accept": headers.pop("Accept")}, urlencode(parameters).encode())
        try:
            return await fetch(self._transport, self._gate, request, Credentials(headers))
        except FetchFailed as error:
            raise SignInFailed(f"{_name(auth)}: no token was issued. {error}", private=error.private) from error


def _api_key(auth: Document, config: Document, secrets: Document) -> Credentials:
    key = _checked_header_value(auth, _required_secret(auth, secrets, "apiKey"))
    name = str(config.get("name") or "X-Api-Key")
    if config.get("in") == "query":
        return Credentials(query={name: key})
    if config.get("in") == "cookie":
        if not _HEADER_NAME.fullmatch(name) or not _COOKIE_VALUE.fullmatch(key):
            raise SignInFailed(f"The connection {_name(auth)} names a cookie that cannot be sent.")
        return Credentials({"Cookie": f"{name}={key}"})
    if not _HEADER_NAME.fullmatch(name) or (name.lower() in OWN_HEADERS and name.lower() != "authorization"):
        raise SignInFailed(f"The connection {_name(auth)} names a header that cannot be sent.")
    return Credentials({name: key})


def _bearer(auth: Document, token: str) -> Credentials:
    return Credentials({"Authorization": f"Bearer {_checked_header_value(auth, token)}"})


def _basic(auth: Document, config: Document, secrets: Document) -> Credentials:
    username = str(config.get("username") or "")
    if ":" in username:
        raise SignInFailed(f"The user name of {_name(auth)} holds a colon, which Basic cannot send.")
    user_pass = f"{username}:{_required_secret(auth, secrets, 'password')}"
    return Credentials({"Authorization": f"Basic {base64.b64encode(user_pass.encode('utf-8', 'replace')).decode()}"})


def _required_secret(auth: Document, secrets: Document, name: str) -> str:
    value = secrets.get(name)
    if not isinstance(value, str) or not value:
        raise SignInFailed(f"The connection {_name(auth)} has no {name}: edit the connection and set it.")
    return value


def _checked_header_value(auth: Document, value: str) -> str:
    if not _HEADER_VALUE.fullmatch(value):
        raise SignInFailed(f"The secret of {_name(auth)} holds characters that cannot be sent in a header.")
    return value


def _name(auth: Document) -> str:
    return one_line(str(auth.get("name")), 60)


def _json_object(response: UpstreamResponse) -> Document:
    try:
        value = loads(response.body)
    except MalformedJson:
        return {}
    return value if isinstance(value, dict) else {}


def _error_of(response: UpstreamResponse) -> str:
    return str(_json_object(response).get("error", ""))


def _read_token(auth: Document, response: UpstreamResponse) -> tuple[str, float]:
    token_response = _json_object(response)
    token = token_response.get("access_token")
    if response.status != 200 or not isinstance(token, str) or not token:
        reason = one_line(str(token_response.get("error") or f"status {response.status}"), 80)
        raise SignInFailed(f"{_name(auth)}: the token endpoint gave no token ({reason}).")
    if str(token_response.get("token_type", "bearer")).lower() != "bearer":
        raise SignInFailed(f"{_name(auth)}: the token endpoint gave a token that is not a bearer token.")
    seconds = token_response.get("expires_in")
    if isinstance(seconds, str) and seconds.isdigit() and len(seconds) < 10:
        seconds = int(seconds)
    if not isinstance(seconds, int | float) or isinstance(seconds, bool) or seconds <= 0:
        return token, _DEFAULT_LIFETIME
    return token, min(float(seconds), _LONGEST_LIFETIME)
