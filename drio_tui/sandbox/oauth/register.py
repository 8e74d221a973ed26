"""Dynamic client registration (RFC 7591), open to every application on this machine, within limits.

An application that names no `token_endpoint_auth_method` becomes a public client ("none"): the vendor's
own registration body has no such member and its token call carries no secret (contract 2, model A).
"""

from __future__ import annotations

import math
import secrets
from typing import Any
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from drio_tui.sandbox.oauth.form_parsing import (
    NO_STORE,
    OAuthProblem,
    media_type,
    oauth_error,
    parse_json_object,
    read_body,
)
from drio_tui.sandbox.oauth.redirects import problem
from drio_tui.sandbox.oauth.secret import digest, new_secret
from drio_tui.sandbox.oauth.server import OAuthServer
from drio_tui.sandbox.oauth.settings import SCOPES
from drio_tui.sandbox.oauth.tables import Client

AUTH_METHODS = ("none", "client_secret_post", "client_secret_basic")
GRANT_TYPES = ("authorization_code", "refresh_token")
MAX_NAME = 120
MAX_URIS = 10
_URL_MEMBERS = ("client_uri", "logo_uri", "tos_uri", "policy_uri")
_TEXT_MEMBERS = ("software_id", "software_version")


async def register(server: OAuthServer, request: Request) -> Response:
    """POST /api/v1/auth/register: 201 with what was registered, 400 `invalid_redirect_uri` or
    `invalid_client_metadata`, 429 with `Retry-After`."""
    wait = server.registrations.wait(server.now())
    if wait > 0:
        return oauth_error(
            "temporarily_unavailable",
            "too many applications were registered just now",
            status=429,
            headers={"Retry-After": str(math.ceil(wait))},
        )
    if media_type(request) != "application/json":
        raise OAuthProblem("invalid_client_metadata", "the content type has to be application/json", status=415)
    try:
        body = parse_json_object(await read_body(request))
    except OAuthProblem as error:
        raise OAuthProblem("invalid_client_metadata", error.description, status=error.status) from error
    client, secret = _client(body, server.now())
    async with server.db.session() as session:
        session.add(client)
    answer: dict[str, Any] = {
        "client_id": client.id,
        "client_id_issued_at": int(client.created_at),
        "client_name": client.name,
        "application_type": client.application_type,
        "redirect_uris": client.redirect_uris,
        "grant_types": client.grant_types,
        "response_types": ["code"],
        "token_endpoint_auth_method": client.auth_method,
        "scope": client.scope,
        **client.about,
    }
    if secret is not None:
        answer |= {"client_secret": secret, "client_secret_expires_at": 0}
    return JSONResponse(answer, 201, NO_STORE)


def _client(body: dict[str, Any], now: float) -> tuple[Client, str | None]:
    body = {key: value for key, value in body.items() if value is not None}
    kind = body.get("application_type", "web")
    if kind not in ("native", "web"):
        raise _refused("application_type is native or web")
    method = body.get("token_endpoint_auth_method", "none")
    if method not in AUTH_METHODS:
        raise _refused(f"token_endpoint_auth_method is one of {', '.join(AUTH_METHODS)}")
    secret = None if method == "none" else new_secret("secret")
    client = Client(
        id="client_" + secrets.token_urlsafe(18),
        name=_name(body.get("client_name", "An application")),
        application_type=kind,
        auth_method=method,
        secret_digest=None if secret is None else digest(secret),
        redirect_uris=_redirect_uris(body.get("redirect_uris"), native=kind == "native"),
        grant_types=_grant_types(body),
        scope=_scope(body.get("scope")),
        about=_about(body),
        created_at=now,
    )
    return client, secret


def _refused(description: str, error: str = "invalid_client_metadata") -> OAuthProblem:
    return OAuthProblem(error, description)


def _name(value: Any) -> str:
    if not isinstance(value, str) or not _storable(value):
        raise _refused("client_name is text")
    name = value.strip()
    if len(name) > MAX_NAME:
        raise _refused(f"client_name has at most {MAX_NAME} characters")
    return name or "An application"


def _redirect_uris(value: Any, *, native: bool) -> list[str]:
    if not isinstance(value, list) or not 1 <= len(value) <= MAX_URIS:
        raise _refused(f"redirect_uris is a list of 1 to {MAX_URIS} URIs", "invalid_redirect_uri")
    for uri in value:
        why = problem(uri, native=native)
        if why:
            raise _refused(why, "invalid_redirect_uri")
    return list(dict.fromkeys(value))


def _grant_types(body: dict[str, Any]) -> list[str]:
    """The supported part of what was asked for (RFC 7591 section 3.2.1 lets a server replace values)."""
    asked, answers = body.get("grant_types", ["authorization_code"]), body.get("response_types", ["code"])
    if not _texts(asked) or not _texts(answers):
        raise _refused("grant_types and response_types are lists of strings")
    if "authorization_code" not in asked or "code" not in answers:
        raise _refused("only the authorization code flow is supported")
    return [grant for grant in GRANT_TYPES if grant in asked]


def _scope(value: Any) -> str:
    if value is None:
        return " ".join(SCOPES)
    if not isinstance(value, str):
        raise _refused("scope is a string of scopes with spaces between them")
    wanted = value.split()
    return " ".join(scope for scope in SCOPES if not wanted or scope in wanted)


def _about(body: dict[str, Any]) -> dict[str, Any]:
    """What an application says of itself; kept and given back, never fetched or followed."""
    about: dict[str, Any] = {}
    for key in _URL_MEMBERS:
        value = body.get(key)
        if value in (None, ""):
            continue
        if not isinstance(value, str) or len(value) > 2000 or not _web_url(value):
            raise _refused(f"{key} is a web address")
        about[key] = value
    for key in _TEXT_MEMBERS:
        value = body.get(key)
        if value is None:
            continue
        if not isinstance(value, str) or len(value) > 200 or not _storable(value):
            raise _refused(f"{key} is a string of at most 200 characters")
        about[key] = value
    contacts = body.get("contacts")
    if contacts is not None:
        if not _texts(contacts) or len(contacts) > 10 or any(len(one) > 254 or not _storable(one) for one in contacts):
            raise _refused("contacts is a list of at most 10 addresses")
        about["contacts"] = contacts
    return about


def _texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def _storable(value: str) -> bool:
    """Whether every database can hold the text: no NUL, no lone surrogate."""
    return "\0" not in value and not any("\ud800" <= char <= "\udfff" for char in value)


def _web_url(value: str) -> bool:
    try:
        parts = urlsplit(value)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname) and value.isprintable() and value.isascii()
