"""Dynamic client registration (RFC 7591) for a native client on a loopback redirect URI (RFC 8252 section 7.3)."""

from __future__ import annotations

import asyncio
import math
import re
from dataclasses import replace
from typing import Any

from drio_tui.auth.client_store import CLIENT_ID, CLIENT_SECRET, Client
from drio_tui.auth.discovery import AuthServer
from drio_tui.auth.errors import (
    BadAnswer,
    RedirectUriChanged,
    RegistrationRefused,
    RegistrationUnavailable,
    SignInFailed,
    Step,
)
from drio_tui.auth.oauth_http import OAuthHttpClient, OAuthResponse
from drio_tui.auth.urls import is_safe
from drio_tui.auth.www_authenticate import parse_scopes
from drio_tui.text import one_line

CLIENT_NAME = "drio-tui"
_AUTH_METHODS = ("none", "client_secret_basic", "client_secret_post")
_BEARER = re.compile(r"[\x21-\x7e]{1,4096}")
_URI = re.compile(r"[\x21-\x7e]{1,2048}")
_SCOPES = re.compile(r"[\x20-\x7e]{1,4096}")
_MAX_URIS = 20
_READ_SECONDS = 5.0
_GONE_CODES = frozenset({"invalid_client", "invalid_client_id", "invalid_token"})


async def register(
    http: OAuthHttpClient, server: AuthServer, redirect_uri: str, *, requested_scopes: tuple[str, ...], now: float
) -> Client:
    """Register a client with the redirect URI `redirect_uri`, byte for byte; return it.

    It requests a public client; if the server refuses that and lists methods with a secret, the first of those.
    Raises `RegistrationUnavailable`, `RegistrationRefused`, `RedirectUriChanged`, `BadAnswer`, and network errors.
    """
    if server.registration_endpoint is None:
        raise RegistrationUnavailable(f"{server.issuer} has no registration endpoint.")
    endpoint, method = server.registration_endpoint, "none"
    response = await _post_registration(http, endpoint, redirect_uri, method, requested_scopes)
    if response.status == 400 and "none" not in server.auth_methods:
        secret_method = next((m for m in server.auth_methods if m in _AUTH_METHODS), None)
        if secret_method is not None:
            method = secret_method
            response = await _post_registration(http, endpoint, redirect_uri, method, requested_scopes)
    if response.status == 400 and requested_scopes and "scope" in response.error_text().lower():
        # Without scopes, the server registers its default ones.
        response = await _post_registration(http, endpoint, redirect_uri, method, ())
    if response.status not in (200, 201):
        raise _registration_error(response)
    return _registered_client(response, server.issuer, redirect_uri, now)


async def read_registration(http: OAuthHttpClient, client: Client) -> Client | None:
    """Return the client as its server knows it now (RFC 7592 section 2.1); None if it was deleted there.

    Returns `client` unchanged where it has no registration URI, or where the response is inconclusive.
    """
    if client.registration_uri is None or client.registration_token is None:
        return client
    try:
        async with asyncio.timeout(_READ_SECONDS):
            response = await http.get(
                client.registration_uri, step=Step.REGISTRATION, bearer=client.registration_token, redirects=0
            )
    except (SignInFailed, TimeoutError):
        return client
    oauth_error = response.oauth_error()
    if response.status in (401, 404, 410) or (oauth_error is not None and oauth_error.code in _GONE_CODES):
        return None
    body = response.error_object() if 200 <= response.status < 300 else {}
    uris = body.get("redirect_uris")
    if isinstance(uris, list) and not set(client.redirect_uris) & {uri for uri in uris if isinstance(uri, str)}:
        return None
    try:
        uri = _optional_string(body, "registration_client_uri", _URI) or client.registration_uri
        token = _optional_string(body, "registration_access_token", _BEARER) or client.registration_token
    except BadAnswer:
        return client
    # RFC 7592 section 3: a new token or URI replaces the old one immediately.
    return replace(client, registration_uri=uri if is_safe(uri) else client.registration_uri, registration_token=token)


async def unregister(http: OAuthHttpClient, client: Client) -> bool:
    """Delete the client at its server (RFC 7592 section 2.3); return False where the server has no way to.

    Raises network errors.
    """
    if client.registration_uri is None or client.registration_token is None:
        return False
    response = await http.delete(client.registration_uri, step=Step.REGISTRATION, bearer=client.registration_token)
    return 200 <= response.status < 300


async def _post_registration(
    http: OAuthHttpClient, endpoint: str, redirect_uri: str, method: str, requested_scopes: tuple[str, ...]
) -> OAuthResponse:
    body: dict[str, Any] = {
        "client_name": CLIENT_NAME,
        "application_type": "native",
        "redirect_uris": [redirect_uri],
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
        "token_endpoint_auth_method": method,
    }
    if requested_scopes:
        body["scope"] = " ".join(requested_scopes)
    return await http.post_json(endpoint, body, step=Step.REGISTRATION)


def _registration_error(response: OAuthResponse) -> Exception:
    if response.status >= 500 or response.status == 408:
        response.raise_if_unavailable()
    message = f"{response.host} answered HTTP {response.status}. {response.error_text()}".strip()
    if response.status == 429:
        return RegistrationRefused(
            f"{response.host} registers no more clients for now (HTTP 429).", hint="Wait a few minutes, then try again."
        )
    if response.status in (401, 403):
        return RegistrationRefused(f"It registers only clients it knows. {message}")
    return RegistrationRefused(message)


def _registered_client(response: OAuthResponse, issuer: str, redirect_uri: str, now: float) -> Client:
    body = response.json_object()
    client_id, secret = (
        _optional_string(body, "client_id", CLIENT_ID),
        _optional_string(body, "client_secret", CLIENT_SECRET),
    )
    if not client_id:
        if response.oauth_error() is not None:
            raise _registration_error(response)
        raise BadAnswer(
            f"The registration brought no client_id. {response.error_text()}".strip(),
            step=Step.REGISTRATION,
            hint=BadAnswer.json_hint,
        )
    registered = body.get("redirect_uris", [redirect_uri])
    if not isinstance(registered, list) or redirect_uri not in registered:
        registered_text = (
            ", ".join(one_line(str(uri), 100) for uri in registered[:5]) if isinstance(registered, list) else "none"
        )
        raise RedirectUriChanged(
            f"Asked for {redirect_uri}, registered: {registered_text or 'none'}.",
            expected=redirect_uri,
            received=registered_text,
        )
    # RFC 7591 section 2: without token_endpoint_auth_method, a client with a secret uses HTTP Basic.
    method = _optional_string(body, "token_endpoint_auth_method") or ("client_secret_basic" if secret else "none")
    if method not in _AUTH_METHODS:
        raise RegistrationRefused(f"The server wants the authentication method {one_line(method, 60)}.")
    if method != "none" and not secret:
        raise BadAnswer(f"The server named {method} and issued no secret.", step=Step.REGISTRATION)
    management_uri = _optional_string(body, "registration_client_uri", _URI)
    token = _optional_string(body, "registration_access_token", _BEARER)
    if management_uri is None or not is_safe(management_uri):
        management_uri = token = None  # a token is of no use without a URI to send it to (RFC 7592 section 2)
    other_uris = [uri for uri in registered if isinstance(uri, str) and uri != redirect_uri and _URI.fullmatch(uri)]
    return Client(
        client_id=client_id,
        issuer=issuer,
        redirect_uris=(redirect_uri, *other_uris[: _MAX_URIS - 1]),
        issued_at=_seconds(body.get("client_id_issued_at")) or now,
        secret_expires_at=_seconds(body.get("client_secret_expires_at")) if secret else 0.0,
        auth_method=method,
        scopes=parse_scopes(_optional_string(body, "scope", _SCOPES) or ""),
        has_secrets=bool(secret or token),
        client_secret=secret,
        registration_token=token,
        registration_uri=management_uri if token else None,
    )


def _optional_string(body: dict[str, Any], key: str, allowed: re.Pattern[str] | None = None) -> str | None:
    """Return the property `key`, None if absent or empty. Raises `BadAnswer` for a value that `allowed` rejects."""
    value = body.get(key)
    if value is not None and not isinstance(value, str):
        raise BadAnswer(f"{key} in the registration is not a text.", step=Step.REGISTRATION, hint=BadAnswer.json_hint)
    if value and allowed is not None and not allowed.fullmatch(value):
        problem = "is too long" if value.isascii() and value.isprintable() else "holds characters that are not allowed"
        raise BadAnswer(
            f"{key} in the registration {problem} ({len(value)} characters).",
            step=Step.REGISTRATION,
            hint=BadAnswer.json_hint,
        )
    return value or None


def _seconds(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value) or value < 0:
        return 0.0
    return float(value)
