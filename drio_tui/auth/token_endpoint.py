"""The token and revocation endpoints: code for tokens, refresh, giving back (RFC 6749, 7009, 7636, 8707)."""

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
from drio_tui.auth.oauth_http import Answer, OAuthHttpClient
from drio_tui.auth.tokens import TokenSet
from drio_tui.auth.www_authenticate import scopes
from drio_tui.text import one_line

REFRESH_SECONDS = 25.0
REVOKE_SECONDS = 5.0
_TOKEN = re.compile(r"[\x21-\x7e]{1,65536}")  # RFC 6749 appendix A.12; keeps line breaks out of headers
_LONGEST_SCOPE = 4096
_TIMELESS = 10.0 * 365 * 86400
_TEMPORARY = frozenset({"server_error", "temporarily_unavailable", "slow_down"})
_REFUSALS: dict[str, type[ExchangeRefused]] = {
    "invalid_grant": GrantRefused,
    "invalid_client": ClientRefused,
    "invalid_target": TargetRefused,
    "unauthorized_client": ClientNotAllowed,
}


async def exchange_code(
    wire: OAuthHttpClient,
    discovery: Discovery,
    client: Client,
    *,
    code: str,
    verifier: str,
    redirect_uri: str,
    now: float,
) -> TokenSet:
    """Swap the code for tokens. The code is sent once: whatever happens, this is not tried again."""
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": redirect_uri,
        "client_id": client.client_id,
        "code_verifier": verifier,
        "resource": discovery.resource,
    }
    basic = _authenticate(form, client.client_id, client.client_secret, client.auth_method)
    server = discovery.server
    answer = await wire.post_form(server.token_endpoint, form, step=Step.EXCHANGE, basic=basic)
    return _token_set(
        answer,
        before=TokenSet(
            access_token="-",  # noqa: S106 - replaced by the answer's
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


async def refresh(wire: OAuthHttpClient, tokens: TokenSet, *, now: float) -> TokenSet:
    """The next token set, from the endpoint and with the client that gave this one.

    An answer without a refresh token keeps the old one. Raises `GrantRefused` when the sign-in is over,
    `ClientRefused` when the client is, other `SignInFailed` when nothing is known.
    """
    form = {
        "grant_type": "refresh_token",
        "refresh_token": tokens.refresh_token or "",
        "client_id": tokens.client_id,
    }
    if tokens.resource:
        form["resource"] = tokens.resource
    basic = _authenticate(form, tokens.client_id, tokens.client_secret, tokens.auth_method)
    answer = await wire.post_form(tokens.token_endpoint, form, step=Step.REFRESH, basic=basic, total=REFRESH_SECONDS)
    return _token_set(answer, before=tokens, now=now)


async def revoke(wire: OAuthHttpClient, tokens: TokenSet) -> None:
    """Give the refresh token (else the access token) back (RFC 7009 section 2). Raises `SignInFailed`."""
    if tokens.revocation_endpoint is None:
        raise SignInFailed("The server offers no revocation.", step=Step.REVOCATION)
    hint = "refresh_token" if tokens.refresh_token else "access_token"
    form = {
        "token": tokens.refresh_token or tokens.access_token,
        "token_type_hint": hint,
        "client_id": tokens.client_id,
    }
    basic = _authenticate(form, tokens.client_id, tokens.client_secret, tokens.auth_method)
    url, ends = tokens.revocation_endpoint, time.monotonic() + REVOKE_SECONDS
    answer = await wire.post_form(url, form, step=Step.REVOCATION, basic=basic, total=REVOKE_SECONDS)
    if answer.status == 400 and tokens.client_secret is None:
        # Some servers (the MCP SDK's) insist on the member; empty means none (RFC 6749 section 2.3.1).
        form["client_secret"] = ""
        answer = await wire.post_form(url, form, step=Step.REVOCATION, total=max(0.1, ends - time.monotonic()))
    if not 200 <= answer.status < 300 or answer.refusal() is not None or answer.is_page:
        answer.raise_for_trouble()
        raise SignInFailed(f"{answer.where}: {answer.words() or 'nothing'}", step=Step.REVOCATION)


def _authenticate(form: dict[str, str], client_id: str, secret: str | None, method: str) -> tuple[str, str] | None:
    """Add the client's secret the way the server named; returns the pair for HTTP Basic, if that is the way."""
    if not secret or method == "none":
        return None
    if method == "client_secret_basic":
        return client_id, secret
    form["client_secret"] = secret
    return None


def _accepted(answer: Answer) -> dict[str, Any]:
    """The JSON object of a success. An OAuth error is one under any status: some servers send it with 200."""
    success = 200 <= answer.status < 300
    body = answer.json_object() if success else answer.error_object()
    refusal = answer.refusal()
    if success and (refusal is None or "access_token" in body):
        return body
    if refusal is None or answer.status >= 500 or answer.status == 429:
        answer.raise_for_trouble()
        raise BadAnswer(f"{answer.where} is not one the protocol knows. {answer.words()}".strip(), step=answer.step)
    if refusal.code in _TEMPORARY:
        raise ServerUnavailable(f"{answer.host} answered {refusal.said}.", step=answer.step)
    refused = _REFUSALS.get(refusal.code, ExchangeRefused)(refusal.said, step=answer.step)
    refused.error = refusal.code
    raise refused


def _token_set(answer: Answer, *, before: TokenSet, now: float) -> TokenSet:
    """RFC 6749 section 5.1, with what the answer leaves out taken from `before`."""
    body = _accepted(answer)
    step, hint = answer.step, BadAnswer.json_hint
    access = body.get("access_token")
    if access is None:
        said = answer.words()
        raise BadAnswer(f"{answer.where} holds no access_token. {said}".strip(), step=step, hint=hint)
    if not isinstance(access, str) or not _TOKEN.fullmatch(access):
        raise BadAnswer(f"{answer.where} holds no usable access_token.", step=step, hint=hint)
    kind = body.get("token_type")
    if not isinstance(kind, str) or kind.lower() != "bearer":
        named = "no token_type" if kind is None else f"the token_type {one_line(str(kind), 40)}"
        raise BadAnswer(f"{answer.where} names {named}; only Bearer can be used.", step=step, hint=hint)
    next_refresh = body.get("refresh_token")
    if next_refresh is not None and (not isinstance(next_refresh, str) or not _TOKEN.fullmatch(next_refresh)):
        if next_refresh != "":
            raise BadAnswer(f"The refresh_token in {answer.where.lower()} is not usable.", step=step, hint=hint)
        next_refresh = None
    scope = body.get("scope")
    granted = " ".join(scopes(scope[:_LONGEST_SCOPE])) if isinstance(scope, str) else before.scope
    lifetime = _lifetime(body.get("expires_in"))
    return TokenSet(
        access_token=access,
        refresh_token=next_refresh or before.refresh_token,
        obtained_at=now,
        lifetime=lifetime,
        expires_at=None if lifetime is None else now + lifetime,
        scope=granted,
        client_id=before.client_id,
        issuer=before.issuer,
        token_endpoint=before.token_endpoint,
        resource=before.resource,
        revocation_endpoint=before.revocation_endpoint,
        auth_method=before.auth_method,
        client_secret=before.client_secret,
    )


def _lifetime(value: Any) -> float | None:
    """`expires_in` in seconds, a number or a numeric text; None (refresh on 401 only) for anything else."""
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            return None
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    if not 0 < value < math.inf:
        return None
    return float(min(value, _TIMELESS))
