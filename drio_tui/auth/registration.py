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
from drio_tui.auth.oauth_http import Answer, OAuthHttpClient
from drio_tui.auth.urls import is_safe
from drio_tui.auth.www_authenticate import scopes
from drio_tui.text import one_line

CLIENT_NAME = "drio-tui"
_METHODS = ("none", "client_secret_basic", "client_secret_post")
_BEARER = re.compile(r"[\x21-\x7e]{1,4096}")
_URI = re.compile(r"[\x21-\x7e]{1,2048}")
_SCOPES = re.compile(r"[\x20-\x7e]{1,4096}")
_MOST_URIS = 20
_READ_SECONDS = 5.0
_GONE = frozenset({"invalid_client", "invalid_client_id", "invalid_token"})


async def register(
    wire: OAuthHttpClient, server: AuthServer, redirect_uri: str, *, wanted: tuple[str, ...], now: float
) -> Client:
    """A new client whose only redirect URI is `redirect_uri`, byte for byte.

    A public client is asked for; where the server refuses that and lists secret methods, the first of those.
    Raises `RegistrationUnavailable`, `RegistrationRefused`, `RedirectUriChanged`, `BadAnswer` and the network's.
    """
    if server.registration_endpoint is None:
        raise RegistrationUnavailable(f"{server.issuer} has no registration endpoint.")
    endpoint, method = server.registration_endpoint, "none"
    answer = await _ask(wire, endpoint, redirect_uri, method, wanted)
    if answer.status == 400 and "none" not in server.auth_methods:
        secret_method = next((m for m in server.auth_methods if m in _METHODS), None)
        if secret_method is not None:
            method = secret_method
            answer = await _ask(wire, endpoint, redirect_uri, method, wanted)
    if answer.status == 400 and wanted and "scope" in answer.words().lower():
        answer = await _ask(wire, endpoint, redirect_uri, method, ())  # the server's default scopes, then
    if answer.status not in (200, 201):
        raise _refusal(answer)
    return _client(answer, server.issuer, redirect_uri, now)


async def read_back(wire: OAuthHttpClient, client: Client) -> Client | None:
    """The client as its server knows it now (RFC 7592 section 2.1); None when the server no longer does.

    Given back as it is where it has no registration address, or where that says nothing for certain.
    """
    if client.registration_uri is None or client.registration_token is None:
        return client
    try:
        async with asyncio.timeout(_READ_SECONDS):
            answer = await wire.get(
                client.registration_uri, step=Step.REGISTRATION, bearer=client.registration_token, redirects=0
            )
    except (SignInFailed, TimeoutError):
        return client
    refusal = answer.refusal()
    if answer.status in (401, 404, 410) or (refusal is not None and refusal.code in _GONE):
        return None
    body = answer.error_object() if 200 <= answer.status < 300 else {}
    uris = body.get("redirect_uris")
    if isinstance(uris, list) and not set(client.redirect_uris) & {uri for uri in uris if isinstance(uri, str)}:
        return None
    try:
        uri = _text(body, "registration_client_uri", _URI) or client.registration_uri
        token = _text(body, "registration_access_token", _BEARER) or client.registration_token
    except BadAnswer:
        return client
    # RFC 7592 section 3: a new token or address takes the old one's place at once.
    return replace(client, registration_uri=uri if is_safe(uri) else client.registration_uri, registration_token=token)


async def _ask(wire: OAuthHttpClient, endpoint: str, redirect_uri: str, method: str, wanted: tuple[str, ...]) -> Answer:
    body: dict[str, Any] = {
        "client_name": CLIENT_NAME,
        "application_type": "native",
        "redirect_uris": [redirect_uri],
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
        "token_endpoint_auth_method": method,
    }
    if wanted:
        body["scope"] = " ".join(wanted)
    return await wire.post_json(endpoint, body, step=Step.REGISTRATION)


def _refusal(answer: Answer) -> Exception:
    if answer.status >= 500 or answer.status == 408:
        answer.raise_for_trouble()
    refused = f"{answer.host} answered HTTP {answer.status}. {answer.words()}".strip()
    if answer.status == 429:
        return RegistrationRefused(
            f"{answer.host} registers no more clients for now (HTTP 429).", hint="Wait a few minutes, then try again."
        )
    if answer.status in (401, 403):
        return RegistrationRefused(f"It registers only clients it knows. {refused}")
    return RegistrationRefused(refused)


def _client(answer: Answer, issuer: str, redirect_uri: str, now: float) -> Client:
    body = answer.json_object()
    client_id, secret = _text(body, "client_id", CLIENT_ID), _text(body, "client_secret", CLIENT_SECRET)
    if not client_id:
        if answer.refusal() is not None:
            raise _refusal(answer)
        raise BadAnswer(
            f"The registration brought no client_id. {answer.words()}".strip(),
            step=Step.REGISTRATION,
            hint=BadAnswer.json_hint,
        )
    registered = body.get("redirect_uris", [redirect_uri])
    if not isinstance(registered, list) or redirect_uri not in registered:
        shown = ", ".join(one_line(str(uri), 100) for uri in registered[:5]) if isinstance(registered, list) else "none"
        raise RedirectUriChanged(f"Asked for {redirect_uri}, registered: {shown or 'none'}.")
    # RFC 7591 section 2: without the member a client with a secret uses HTTP Basic.
    method = _text(body, "token_endpoint_auth_method") or ("client_secret_basic" if secret else "none")
    if method not in _METHODS:
        raise RegistrationRefused(f"The server wants the authentication method {one_line(method, 60)}.")
    if method != "none" and not secret:
        raise BadAnswer(f"The server named {method} and issued no secret.", step=Step.REGISTRATION)
    management_uri = _text(body, "registration_client_uri", _URI)
    token = _text(body, "registration_access_token", _BEARER)
    if management_uri is None or not is_safe(management_uri):
        management_uri = token = None  # a token is of no use without an address to send it to (RFC 7592 section 2)
    kept = [uri for uri in registered if isinstance(uri, str) and uri != redirect_uri and _URI.fullmatch(uri)]
    return Client(
        client_id=client_id,
        issuer=issuer,
        redirect_uris=(redirect_uri, *kept[: _MOST_URIS - 1]),
        issued_at=_seconds(body.get("client_id_issued_at")) or now,
        secret_expires_at=_seconds(body.get("client_secret_expires_at")) if secret else 0.0,
        auth_method=method,
        scopes=scopes(_text(body, "scope", _SCOPES) or ""),
        has_secrets=bool(secret or token),
        client_secret=secret,
        registration_token=token,
        registration_uri=management_uri if token else None,
    )


def _text(body: dict[str, Any], key: str, allowed: re.Pattern[str] | None = None) -> str | None:
    """The member `key`, None where it is absent or empty. Raises `BadAnswer` for what `allowed` does not match."""
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
