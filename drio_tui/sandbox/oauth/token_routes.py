"""POST token, refresh and revoke: reading the request and sending what `grants` decides.

`token` and `refresh` take a form, as RFC 6749 says, or a JSON object with the same members (contract 2).
`refresh` is `token` with `grant_type=refresh_token` understood.
"""

from __future__ import annotations

import base64
import binascii

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from drio_tui.sandbox.oauth.form_parsing import NO_STORE, OAuthProblem, oauth_error, read_form
from drio_tui.sandbox.oauth.grants import Answer, FormRequest, TokenServer
from drio_tui.sandbox.oauth.register import GRANT_TYPES
from drio_tui.sandbox.oauth.server import OAuthServer


async def token(server: OAuthServer, request: Request) -> Response:
    """POST /api/v1/auth/token (RFC 6749 sections 4.1.3 and 6)."""
    form = await read_form(request, json_too=True)
    return await _exchange(server, request, form)


async def refresh(server: OAuthServer, request: Request) -> Response:
    """POST /api/v1/auth/refresh: the same as `token`, for the refresh grant only."""
    form = await read_form(request, json_too=True)
    if form.setdefault("grant_type", "refresh_token") != "refresh_token":
        raise OAuthProblem("unsupported_grant_type", "this endpoint only refreshes")
    return await _exchange(server, request, form)


async def revoke(server: OAuthServer, request: Request) -> Response:
    """POST /api/v1/auth/revoke (RFC 7009): 200 also for a token that nobody knows."""
    form = await read_form(request, json_too=True)
    call = _call(server, request, form)
    async with server.db.session() as session:
        tokens = await session.run_sync(lambda sync: TokenServer(sync, server.settings))
        answer = await session.run_sync(lambda _: tokens.revoke(call))
    if tokens.revoked:
        server.tokens.forget()
    return _response(answer)


async def _exchange(server: OAuthServer, request: Request, form: dict[str, str]) -> Response:
    if "grant_type" not in form:
        raise OAuthProblem("invalid_request", "grant_type is missing")
    if form["grant_type"] not in GRANT_TYPES:
        raise OAuthProblem("unsupported_grant_type", f"grant_type is one of {', '.join(GRANT_TYPES)}")
    call = _call(server, request, form)
    async with server.db.session() as session:
        tokens = await session.run_sync(lambda sync: TokenServer(sync, server.settings))
        answer = await session.run_sync(lambda _: tokens.token(call))
    if tokens.revoked:
        server.tokens.forget()
    return _response(answer)


def _call(server: OAuthServer, request: Request, form: dict[str, str]) -> FormRequest:
    """The request for Authlib, once its client authentication is unambiguous (RFC 6749 section 2.3)."""
    headers = request.headers.getlist("authorization")
    if not headers:
        return FormRequest(server.settings.base_url, form, None)
    client_id = _basic_user(headers[0]) if len(headers) == 1 else None
    if client_id is None:
        raise OAuthProblem(
            "invalid_client",
            "the Authorization header cannot be read",
            status=401,
            headers={"WWW-Authenticate": 'Basic realm="drio"'},
        )
    if "client_secret" in form or form.get("client_id", client_id) != client_id:
        raise OAuthProblem("invalid_request", "the client identifies itself in two ways")
    return FormRequest(server.settings.base_url, form, headers[0])


def _basic_user(header: str) -> str | None:
    scheme, _, value = header.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        user, colon, _ = base64.b64decode(value.strip(), validate=True).decode("utf-8").partition(":")
    except (binascii.Error, ValueError):
        return None
    return user if colon else None


def _response(answer: Answer) -> JSONResponse:
    """Authlib's answer on the wire; a client that did not authenticate gets 401 whichever way it tried."""
    status, body, _ = answer
    if status == 200:
        return JSONResponse(body, 200, NO_STORE)
    members = dict(body) if isinstance(body, (list, dict)) else {}
    error = str(members.get("error", "invalid_request"))
    description = str(members.get("error_description", "")) or _WORDS.get(error, error)
    if error == "invalid_client":
        return oauth_error(error, description, status=401, headers={"WWW-Authenticate": 'Basic realm="drio"'})
    return oauth_error(error, description)


_WORDS = {
    "invalid_grant": "The code or token is unknown, expired, used already, or was given to another client.",
    "invalid_request": "The request lacks a parameter, or one of them cannot be read.",
}
