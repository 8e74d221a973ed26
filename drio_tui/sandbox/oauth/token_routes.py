"""The routes POST token, refresh and revoke: parsing the request, and sending the response of `grants`.

They take a form (RFC 6749) or a JSON object with the same properties (contract 2). `refresh` is `token` with
`grant_type=refresh_token` by default.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from drio_tui.sandbox.oauth.form_parsing import NO_STORE, OAuthProblem, oauth_error, read_form
from drio_tui.sandbox.oauth.grants import AuthlibResponse, FormRequest, TokenServer
from drio_tui.sandbox.oauth.register import GRANT_TYPES
from drio_tui.sandbox.oauth.server import OAuthServer


async def token(server: OAuthServer, request: Request) -> Response:
    """POST /api/v1/auth/token (RFC 6749 sections 4.1.3 and 6)."""
    form = await read_form(request, json_too=True)
    return await _exchange(server, request, form)


async def refresh(server: OAuthServer, request: Request) -> Response:
    """POST /api/v1/auth/refresh: like `token`, for the refresh grant only."""
    form = await read_form(request, json_too=True)
    if form.setdefault("grant_type", "refresh_token") != "refresh_token":
        raise OAuthProblem("unsupported_grant_type", "this endpoint only refreshes")
    return await _exchange(server, request, form)


async def revoke(server: OAuthServer, request: Request) -> Response:
    """POST /api/v1/auth/revoke (RFC 7009): 200 also for an unknown token."""
    form = await read_form(request, json_too=True)
    return await _respond(server, request, form, TokenServer.revoke)


async def _exchange(server: OAuthServer, request: Request, form: dict[str, str]) -> Response:
    if "grant_type" not in form:
        raise OAuthProblem("invalid_request", "grant_type is missing")
    if form["grant_type"] not in GRANT_TYPES:
        raise OAuthProblem("unsupported_grant_type", f"grant_type is one of {', '.join(GRANT_TYPES)}")
    return await _respond(server, request, form, TokenServer.token)


async def _respond(
    server: OAuthServer,
    request: Request,
    form: dict[str, str],
    call: Callable[[TokenServer, FormRequest], AuthlibResponse],
) -> Response:
    """Return the response of `call`, which runs in a write transaction."""
    authlib_request = _authlib_request(server, request, form)
    try:
        async with server.db.session() as session:
            response = await session.run_sync(lambda sync: call(TokenServer(sync, server.settings), authlib_request))
    finally:
        server.tokens.clear()  # a grant may have been revoked
    return _http_response(response)


def _authlib_request(server: OAuthServer, request: Request, form: dict[str, str]) -> FormRequest:
    """Return the request for Authlib. Raises `OAuthProblem` for more than one client authentication (RFC 6749, 2.3)."""
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
    """Return the user name of an `Authorization: Basic` header, None if the header is not valid."""
    scheme, _, value = header.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        user, colon, _ = base64.b64decode(value.strip(), validate=True).decode("utf-8").partition(":")
    except (binascii.Error, ValueError):
        return None
    return user if colon else None


def _http_response(response: AuthlibResponse) -> JSONResponse:
    """Return Authlib's response for HTTP; `invalid_client` is a 401 for every authentication method."""
    status, body, _ = response
    if status == 200:
        return JSONResponse(body, 200, NO_STORE)
    document = dict(body) if isinstance(body, (list, dict)) else {}
    error = str(document.get("error", "invalid_request"))
    description = str(document.get("error_description", "")) or _DESCRIPTIONS.get(error, error)
    if error == "invalid_client":
        return oauth_error(error, description, status=401, headers={"WWW-Authenticate": 'Basic realm="drio"'})
    return oauth_error(error, description)


_DESCRIPTIONS = {
    "invalid_grant": "The code or token is unknown, expired, used already, or was given to another client.",
    "invalid_request": "The request lacks a parameter, or one of them cannot be read.",
}
