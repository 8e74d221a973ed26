"""Discovers the authorization server of an API: RFC 9728, then RFC 8414. Every endpoint comes from metadata."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from drio_tui.auth.errors import BadAnswer, MetadataMismatch, NoSignInService, PkceMissing, Step
from drio_tui.auth.oauth_http import OAuthHttpClient
from drio_tui.auth.urls import origin, require_safe, resource_covers, same_issuer
from drio_tui.auth.www_authenticate import bearer_challenge, parse_scopes
from drio_tui.text import one_line

_WELL_KNOWN = "/.well-known/"
OFFLINE_ACCESS = "offline_access"
# The scopes that drio's operations name (contract section 2). A server's own list covers all of its resources.
_API_SCOPES = ("openid", "profile", "email")


@dataclass(frozen=True, slots=True)
class AuthServer:
    """The authorization-server metadata (RFC 8414 section 2) that is used here; all URLs are validated."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    registration_endpoint: str | None
    revocation_endpoint: str | None
    scopes: tuple[str, ...]
    auth_methods: tuple[str, ...]
    """`token_endpoint_auth_methods_supported`; empty where it is absent."""
    sends_iss: bool
    """`authorization_response_iss_parameter_supported` (RFC 9207)."""


@dataclass(frozen=True, slots=True)
class Discovery:
    """The result: the server, the resource indicator (RFC 8707) and the scopes to request."""

    server: AuthServer
    resource: str
    scopes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ResourceMetadata:
    """Protected-resource metadata (RFC 9728 section 2): the resource, its authorization servers and its scopes."""

    resource: str
    servers: tuple[str, ...]
    scopes: tuple[str, ...]


async def discover(http: OAuthHttpClient, base_url: str) -> Discovery:
    """Return the authorization server of the API at `base_url`, its resource identifier and the scopes to request.

    Raises subclasses of `SignInFailed`: `MetadataMismatch`, `UnsafeEndpoint`, `PkceMissing`, `NoSignInService`,
    `ServerUnavailable` (5xx and 429 never count as missing metadata), `BadAnswer`, and network errors.
    """
    challenge = await fetch_challenge(http, base_url)
    resource = await fetch_resource_metadata(http, base_url, challenge)
    server = await find_server(http, base_url, resource)
    return make_discovery(base_url, challenge, resource, server)


def make_discovery(
    base_url: str, challenge: Mapping[str, str], resource: ResourceMetadata | None, server: AuthServer
) -> Discovery:
    """Return the result of the three steps of `discover`: whom to ask, for which resource and which scopes."""
    api_scopes = tuple(scope for scope in server.scopes if scope in _API_SCOPES)
    requested = (
        parse_scopes(challenge.get("scope", "")) or (resource.scopes if resource is not None else ()) or api_scopes
    )
    supported = server.scopes + (resource.scopes if resource is not None else ())
    if OFFLINE_ACCESS in supported and OFFLINE_ACCESS not in requested:
        requested += (OFFLINE_ACCESS,)
    return Discovery(server, resource.resource if resource is not None else base_url, requested)


async def fetch_challenge(http: OAuthHttpClient, base_url: str) -> dict[str, str]:
    """Return the Bearer challenge of the API's 401 to a request without a token; empty for any other status."""
    response = await http.get(f"{base_url}/me", step=Step.DISCOVERY)
    return bearer_challenge(response.headers.get_list("www-authenticate")) if response.status == 401 else {}


# --- protected resource ------------------------------------------------------------------------


async def fetch_resource_metadata(
    http: OAuthHttpClient, base_url: str, challenge: Mapping[str, str]
) -> ResourceMetadata | None:
    """Return the metadata that the `challenge` names, or of the well-known paths; None if there are none.

    Raises as `discover` does; `MetadataMismatch` if their resource does not cover the API.
    """
    metadata_url = challenge.get("resource_metadata")
    if metadata_url is not None:
        document = await _fetch_json_object(http, [require_safe(metadata_url, "The resource metadata's address")])
        if document is None:
            raise NoSignInService(f"{base_url} names {one_line(metadata_url, 200)}, and nothing is there.")
    else:
        root, path = origin(base_url), urlsplit(base_url).path.rstrip("/")
        inserted = f"{root}{_WELL_KNOWN}oauth-protected-resource"
        document = await _fetch_json_object(http, _unique(inserted + path, inserted))
        if document is None:
            return None
    resource = _optional_string(document, "resource") or ""
    if not resource_covers(resource, base_url):
        raise MetadataMismatch(
            f"The resource metadata name {one_line(resource, 200) or 'no resource'}, but the API is {base_url}.",
            hint="Set the profile's base URL to the one the server names, if you trust it.",
            expected=base_url,
            received=resource,
        )
    return ResourceMetadata(
        resource,
        _string_list(document, "authorization_servers"),
        parse_scopes(" ".join(_string_list(document, "scopes_supported"))),
    )


# --- authorization server ----------------------------------------------------------------------


async def find_server(http: OAuthHttpClient, base_url: str, resource: ResourceMetadata | None) -> AuthServer:
    """Return the authorization server that the resource metadata name first, or else the API's own host.

    Raises as `discover` does; `MetadataMismatch` for metadata that name another issuer.
    """
    if resource is not None and resource.servers:
        return await _fetch_server(http, resource.servers[0])
    return await _server_without_resource_metadata(http, base_url)


async def _fetch_server(http: OAuthHttpClient, issuer: str) -> AuthServer:
    """Return the metadata that `issuer` publishes; they must name the same issuer (RFC 8414 section 3.3)."""
    require_safe(issuer, "The sign-in server")
    document = await _fetch_json_object(http, _metadata_urls(issuer))
    if document is None:
        raise NoSignInService(f"{one_line(issuer, 200)} publishes no sign-in metadata.")
    named_issuer = _optional_string(document, "issuer") or ""
    if not same_issuer(named_issuer, issuer):
        raise MetadataMismatch(
            f"The metadata of {one_line(issuer, 200)} name {one_line(named_issuer, 200) or 'no one'} as their issuer.",
            expected=issuer,
            received=named_issuer,
        )
    return _parse_server(document)


async def _server_without_resource_metadata(http: OAuthHttpClient, base_url: str) -> AuthServer:
    """Return the authorization server that the API's own host publishes, for an API without resource metadata.

    A document that names another issuer is not used: that issuer's own metadata are fetched, and must name it too.
    """
    for issuer in _unique(origin(base_url), base_url):
        document = await _fetch_json_object(http, _metadata_urls(issuer))
        if document is None:
            continue
        named_issuer = _optional_string(document, "issuer") or ""
        if same_issuer(named_issuer, issuer):
            return _parse_server(document)
        if not named_issuer:
            raise MetadataMismatch(f"The metadata of {issuer} name no issuer.", expected=issuer)
        return await _fetch_server(http, named_issuer)
    raise NoSignInService(f"{base_url} publishes no sign-in metadata.")


def _metadata_urls(issuer: str) -> list[str]:
    """Return the possible metadata URLs of an issuer: well-known path inserted or appended.

    RFC 8414 section 3.1, OpenID Connect Discovery section 4.
    """
    root, path = origin(issuer), urlsplit(issuer).path.rstrip("/")
    oauth, openid = "oauth-authorization-server", "openid-configuration"
    return _unique(
        f"{root}{_WELL_KNOWN}{oauth}{path}",
        f"{root}{_WELL_KNOWN}{openid}{path}",
        f"{root}{path}{_WELL_KNOWN}{openid}",
        f"{root}{path}{_WELL_KNOWN}{oauth}",
    )


async def _fetch_json_object(http: OAuthHttpClient, urls: list[str]) -> dict[str, Any] | None:
    """Return the first JSON object found at `urls`; None when every one answers that there is nothing.

    A page where a document should be (some hosts answer every path with their home page) is skipped while URLs are
    left; if no URL has a document, it raises `BadAnswer`.
    """
    bad_answer: BadAnswer | None = None
    for url in urls:
        response = await http.get(url, step=Step.DISCOVERY)
        response.raise_if_unavailable()
        if not 200 <= response.status < 300:
            continue
        try:
            return response.json_object()
        except BadAnswer as error:
            bad_answer = bad_answer or error
    if bad_answer is not None:
        raise bad_answer
    return None


def _parse_server(document: dict[str, Any]) -> AuthServer:
    def endpoint(key: str) -> str | None:
        url = _optional_string(document, key)
        return None if url is None else require_safe(url, key)

    authorize, token = endpoint("authorization_endpoint"), endpoint("token_endpoint")
    if authorize is None or token is None:
        missing = "authorization_endpoint" if authorize is None else "token_endpoint"
        raise BadAnswer(f"The sign-in metadata have no {missing}.", step=Step.DISCOVERY)
    challenge_methods = _string_list(document, "code_challenge_methods_supported")
    if "S256" not in challenge_methods:
        raise PkceMissing(
            f"{one_line(_optional_string(document, 'issuer') or '', 200)} does not offer PKCE with S256.",
            expected="S256",
            received=" ".join(challenge_methods),
        )
    response_types = _string_list(document, "response_types_supported")
    if response_types and "code" not in response_types:
        raise BadAnswer("The sign-in server does not offer the authorization-code flow.", step=Step.DISCOVERY)
    return AuthServer(
        issuer=_optional_string(document, "issuer") or "",
        authorization_endpoint=authorize,
        token_endpoint=token,
        registration_endpoint=endpoint("registration_endpoint"),
        revocation_endpoint=endpoint("revocation_endpoint"),
        scopes=parse_scopes(" ".join(_string_list(document, "scopes_supported"))),
        auth_methods=_string_list(document, "token_endpoint_auth_methods_supported"),
        sends_iss=document.get("authorization_response_iss_parameter_supported") is True,
    )


def _optional_string(document: dict[str, Any], key: str) -> str | None:
    value = document.get(key)
    if value is None or isinstance(value, str):
        return value
    raise BadAnswer(f"{key} in the sign-in metadata is not a text.", step=Step.DISCOVERY)


def _string_list(document: dict[str, Any], key: str) -> tuple[str, ...]:
    value = document.get(key)
    if value is None:
        return ()
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return tuple(value)
    raise BadAnswer(f"{key} in the sign-in metadata is not a list of texts.", step=Step.DISCOVERY)


def _unique(*urls: str) -> list[str]:
    return list(dict.fromkeys(urls))
