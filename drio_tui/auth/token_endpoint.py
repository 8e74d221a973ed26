"""Requests to the token and revocation endpoints: code exchange, refresh, revocation (RFC 6749, 7009, 7636, 8707)."""

from __future__ import annotations

import math
import re
import time
from typing import Any

from drio_tui.auth.client_store import Client
from drio_tui.auth.discovery import Discovery
from drio_tui.auth.errors import (
    BadAnswer,
    ClientNotAllowed,
    ClientRefused,
    ExchangeRefused,
    GrantRefused,
    ServerUnavailable,
    SignInFailed,
    Step,
    TargetRefused,
)
from drio_tui.auth.oauth_http import OAuthHttpClient, OAuthResponse
from drio_tui.auth.tokens import TokenSet
from drio_tui.auth.www_authenticate import parse_scopes
from drio_tui.text import one_line

REFRESH_SECONDS = 25.0
REVOKE_SECONDS = 5.0
_TOKEN = re.compile(r"[\x21-\x7e]{1,65536}")  # RFC 6749 appendix A.12; keeps line breaks out of headers
_MAX_SCOPE_LENGTH = 4096
_MAX_LIFETIME = 10.0 * 365 * 86400
_TEMPORARY_CODES = frozenset({"server_error", "temporarily_unavailable", "slow_down"})
_ERRORS_BY_CODE: dict[str, type[ExchangeRefused]] = {
    "invalid_grant": GrantRefused,
    "invalid_client": ClientRefused,
    "invalid_target": TargetRefused,
    "unauthorized_client": ClientNotAllowed,
}


async def exchange_code(
    http: OAuthHttpClient,
    discovery: Discovery,
    client: Client,
    *,
    code: str,
    verifier: str,
    redirect_uri: str,
    now: float,
) -> TokenSet:
    """Exchange the code for tokens. The code is single-use, so the request is sent once, whatever happens.

    Raises subclasses of `SignInFailed`.
    """
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": redirect_uri,
        "client_id": client.client_id,
        "code_verifier": verifier,
        "resource": discovery.resource,
    }
    basic = _add_client_authentication(form, client.client_id, client.client_secret, client.auth_method)
    server = discovery.server
    response = await http.post_form(server.token_endpoint, form, step=Step.EXCHANGE, basic=basic)
    return _token_set(
        response,
        previous=TokenSet(
            access_token="-",  # noqa: S106 - replaced by the one in the response
            client_id=client.client_id,
            issuer=server.issuer,
            token_endpoint=server.token_endpoint,
            obtained_at=now,
            scope=" ".join(discovery.scopes),
            resource=discovery.resource,
            revocation_endpoint=server.revocation_endpoint,
            auth_method=client.auth_method,
            client_secret=client.client_secret,
        ),
        now=now,
    )


async def refresh(http: OAuthHttpClient, tokens: TokenSet, *, now: float) -> TokenSet:
    """Return a new token set, from the token endpoint and with the client of `tokens`.

    A response without a refresh token keeps the old one. Raises `GrantRefused` when the grant is no longer valid,
    `ClientRefused` when the client is not, and other subclasses of `SignInFailed` when neither is known.
    """
    form = {
        "grant_type": "refresh_token",
        "refresh_token": tokens.refresh_token or "",
        "client_id": tokens.client_id,
    }
    if tokens.resource:
        form["resource"] = tokens.resource
    basic = _add_client_authentication(form, tokens.client_id, tokens.client_secret, tokens.auth_method)
    response = await http.post_form(tokens.token_endpoint, form, step=Step.REFRESH, basic=basic, total=REFRESH_SECONDS)
    return _token_set(response, previous=tokens, now=now)


async def revoke(http: OAuthHttpClient, tokens: TokenSet) -> None:
    """Revoke the refresh token, or the access token if there is none (RFC 7009 section 2). Raises `SignInFailed`."""
    if tokens.revocation_endpoint is None:
        raise SignInFailed("The server offers no revocation.", step=Step.REVOCATION)
    token_type_hint = "refresh_token" if tokens.refresh_token else "access_token"
    form = {
        "token": tokens.refresh_token or tokens.access_token,
        "token_type_hint": token_type_hint,
        "client_id": tokens.client_id,
    }
    basic = _add_client_authentication(form, tokens.client_id, tokens.client_secret, tokens.auth_method)
    url, deadline = tokens.revocation_endpoint, time.monotonic() + REVOKE_SECONDS
    response = await http.post_form(url, form, step=Step.REVOCATION, basic=basic, total=REVOKE_SECONDS)
    if response.status == 400 and tokens.client_secret is None:
        # Some servers (the MCP SDK's) require the parameter; empty means none (RFC 6749 section 2.3.1).
        form["client_secret"] = ""
        response = await http.post_form(url, form, step=Step.REVOCATION, total=max(0.1, deadline - time.monotonic()))
    if not 200 <= response.status < 300 or response.oauth_error() is not None or response.is_html:
        response.raise_if_unavailable()
        raise SignInFailed(f"{response.subject}: {response.error_text() or 'nothing'}", step=Step.REVOCATION)


def _add_client_authentication(
    form: dict[str, str], client_id: str, secret: str | None, method: str
) -> tuple[str, str] | None:
    """Add the client's secret to `form`, or return the pair for HTTP Basic, according to `method`."""
    if not secret or method == "none":
        return None
    if method == "client_secret_basic":
        return client_id, secret
    form["client_secret"] = secret
    return None


def _success_body(response: OAuthResponse) -> dict[str, Any]:
    """Return the JSON object of a success. Raises for an OAuth error under any status: some servers send 200."""
    success = 200 <= response.status < 300
    body = response.json_object() if success else response.error_object()
    oauth_error = response.oauth_error()
    if success and (oauth_error is None or "access_token" in body):
        return body
    if oauth_error is None or response.status >= 500 or response.status == 429:
        response.raise_if_unavailable()
        raise BadAnswer(
            f"{response.subject} is not one the protocol knows. {response.error_text()}".strip(), step=response.step
        )
    if oauth_error.code in _TEMPORARY_CODES:
        raise ServerUnavailable(f"{response.host} answered {oauth_error.text}.", step=response.step)
    error = _ERRORS_BY_CODE.get(oauth_error.code, ExchangeRefused)(oauth_error.text, step=response.step)
    error.error = oauth_error.code
    raise error


def _token_set(response: OAuthResponse, *, previous: TokenSet, now: float) -> TokenSet:
    """Parse a token response (RFC 6749 section 5.1); what it omits is taken from `previous`."""
    body = _success_body(response)
    step, hint = response.step, BadAnswer.json_hint
    access_token = body.get("access_token")
    if access_token is None:
        message = f"{response.subject} holds no access_token. {response.error_text()}"
        raise BadAnswer(message.strip(), step=step, hint=hint)
    if not isinstance(access_token, str) or not _TOKEN.fullmatch(access_token):
        raise BadAnswer(f"{response.subject} holds no usable access_token.", step=step, hint=hint)
    token_type = body.get("token_type")
    if not isinstance(token_type, str) or token_type.lower() != "bearer":
        named = "no token_type" if token_type is None else f"the token_type {one_line(str(token_type), 40)}"
        raise BadAnswer(f"{response.subject} names {named}; only Bearer can be used.", step=step, hint=hint)
    refresh_token = body.get("refresh_token")
    if refresh_token is not None and (not isinstance(refresh_token, str) or not _TOKEN.fullmatch(refresh_token)):
        if refresh_token != "":
            raise BadAnswer(f"The refresh_token in {response.subject.lower()} is not usable.", step=step, hint=hint)
        refresh_token = None
    scope = body.get("scope")
    granted = " ".join(parse_scopes(scope[:_MAX_SCOPE_LENGTH])) if isinstance(scope, str) else previous.scope
    lifetime = _lifetime(body.get("expires_in"))
    return TokenSet(
        access_token=access_token,
        refresh_token=refresh_token or previous.refresh_token,
        obtained_at=now,
        lifetime=lifetime,
        expires_at=None if lifetime is None else now + lifetime,
        scope=granted,
        client_id=previous.client_id,
        issuer=previous.issuer,
        token_endpoint=previous.token_endpoint,
        resource=previous.resource,
        revocation_endpoint=previous.revocation_endpoint,
        auth_method=previous.auth_method,
        client_secret=previous.client_secret,
    )


def _lifetime(value: Any) -> float | None:
    """Parse `expires_in`, seconds as a number or numeric string; None (refresh on 401 only) for anything else."""
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            return None
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    if not 0 < value < math.inf:
        return None
    return float(min(value, _MAX_LIFETIME))
