"""Dynamic client registration (RFC 7591), open to every application on this machine, with a rate limit.

An application without a `token_endpoint_auth_method` becomes a public client ("none"): drio's documented
registration body has no such property, and its token request has no secret (contract 2, model A).
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
from drio_tui.sandbox.oauth.redirects import redirect_uri_error
from drio_tui.sandbox.oauth.secret import digest, new_secret
from drio_tui.sandbox.oauth.server import OAuthServer
from drio_tui.sandbox.oauth.settings import SCOPES
from drio_tui.sandbox.oauth.tables import Client

AUTH_METHODS = ("none", "client_secret_post", "client_secret_basic")
GRANT_TYPES = ("authorization_code", "refresh_token")
MAX_NAME = 120
MAX_URIS = 10
_URL_PROPERTIES = ("client_uri", "logo_uri", "tos_uri", "policy_uri")
_TEXT_PROPERTIES = ("software_id", "software_version")


async def register(server: OAuthServer, request: Request) -> Response:
    """POST /api/v1/auth/register: register a client.

    201 with its metadata; 400 `invalid_redirect_uri` or `invalid_client_metadata`; 429 with `Retry-After`.
    """
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
    client, secret = _new_client(body, server.now())
    async with server.db.session() as session:
        session.add(client)
    metadata: dict[str, Any] = {
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
        metadata |= {"client_secret": secret, "client_secret_expires_at": 0}
    return JSONResponse(metadata, 201, NO_STORE)


def _new_client(body: dict[str, Any], now: float) -> tuple[Client, str | None]:
    """Return the client to store, and its secret if it has one. Raises `OAuthProblem`."""
    body = {key: value for key, value in body.items() if value is not None}
    application_type = body.get("application_type", "web")
    if application_type not in ("native", "web"):
        raise _invalid_metadata("application_type is native or web")
    method = body.get("token_endpoint_auth_method", "none")
    if method not in AUTH_METHODS:
        raise _invalid_metadata(f"token_endpoint_auth_method is one of {', '.join(AUTH_METHODS)}")
    secret = None if method == "none" else new_secret("secret")
    client = Client(
        id="client_" + secrets.token_urlsafe(18),
        name=_name(body.get("client_name", "An application")),
        application_type=application_type,
        auth_method=method,
        secret_digest=None if secret is None else digest(secret),
        redirect_uris=_redirect_uris(body.get("redirect_uris"), native=application_type == "native"),
        grant_types=_grant_types(body),
        scope=_scope(body.get("scope")),
        about=_optional_metadata(body),
        created_at=now,
    )
    return client, secret


def _invalid_metadata(description: str, error: str = "invalid_client_metadata") -> OAuthProblem:
    return OAuthProblem(error, description)


def _name(value: Any) -> str:
    if not isinstance(value, str) or not _is_storable(value):
        raise _invalid_metadata("client_name is text")
    name = value.strip()
    if len(name) > MAX_NAME:
        raise _invalid_metadata(f"client_name has at most {MAX_NAME} characters")
    return name or "An application"


def _redirect_uris(value: Any, *, native: bool) -> list[str]:
    if not isinstance(value, list) or not 1 <= len(value) <= MAX_URIS:
        raise _invalid_metadata(f"redirect_uris is a list of 1 to {MAX_URIS} URIs", "invalid_redirect_uri")
    for uri in value:
        reason = redirect_uri_error(uri, native=native)
        if reason:
            raise _invalid_metadata(reason, "invalid_redirect_uri")
    return list(dict.fromkeys(value))


def _grant_types(body: dict[str, Any]) -> list[str]:
    """Return the requested grant types that are supported (RFC 7591 section 3.2.1 lets a server replace values)."""
    requested = body.get("grant_types", ["authorization_code"])
    response_types = body.get("response_types", ["code"])
    if not _is_text_list(requested) or not _is_text_list(response_types):
        raise _invalid_metadata("grant_types and response_types are lists of strings")
    if "authorization_code" not in requested or "code" not in response_types:
        raise _invalid_metadata("only the authorization code flow is supported")
    return [grant for grant in GRANT_TYPES if grant in requested]


def _scope(value: Any) -> str:
    if value is None:
        return " ".join(SCOPES)
    if not isinstance(value, str):
        raise _invalid_metadata("scope is a string of scopes with spaces between them")
    requested = value.split()
    return " ".join(scope for scope in SCOPES if not requested or scope in requested)


def _optional_metadata(body: dict[str, Any]) -> dict[str, Any]:
    """Return the informational metadata of a client, which is stored and returned, but never fetched."""
    metadata: dict[str, Any] = {}
    for key in _URL_PROPERTIES:
        value = body.get(key)
        if value in (None, ""):
            continue
        if not isinstance(value, str) or len(value) > 2000 or not _is_web_url(value):
            raise _invalid_metadata(f"{key} is a web address")
        metadata[key] = value
    for key in _TEXT_PROPERTIES:
        value = body.get(key)
        if value is None:
            continue
        if not isinstance(value, str) or len(value) > 200 or not _is_storable(value):
            raise _invalid_metadata(f"{key} is a string of at most 200 characters")
        metadata[key] = value
    contacts = body.get("contacts")
    if contacts is not None:
        if (
            not _is_text_list(contacts)
            or len(contacts) > 10
            or any(len(contact) > 254 or not _is_storable(contact) for contact in contacts)
        ):
            raise _invalid_metadata("contacts is a list of at most 10 addresses")
        metadata["contacts"] = contacts
    return metadata


def _is_text_list(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def _is_storable(value: str) -> bool:
    """Whether every database can store the text: no NUL, no lone surrogate."""
    return "\0" not in value and not any("\ud800" <= char <= "\udfff" for char in value)


def _is_web_url(value: str) -> bool:
    try:
        parts = urlsplit(value)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname) and value.isprintable() and value.isascii()
