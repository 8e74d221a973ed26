"""Finding out who signs people in for an API: RFC 9728, then RFC 8414; addresses come from metadata, none by guess."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from drio_tui.auth.errors import BadAnswer, MetadataMismatch, NoSignInService, PkceMissing, Step
from drio_tui.auth.oauth_http import OAuthHttpClient
from drio_tui.auth.urls import covers, origin, require_safe, same_issuer
from drio_tui.auth.www_authenticate import bearer_challenge, scopes
from drio_tui.text import one_line

_WELL_KNOWN = "/.well-known/"
OFFLINE_ACCESS = "offline_access"
# What drio's operations name (contract section 2). The list of an authorization server covers all its resources.
_API_SCOPES = ("openid", "profile", "email")


@dataclass(frozen=True, slots=True)
class AuthServer:
    """Authorization-server metadata (RFC 8414 section 2) as far as they are used; all addresses checked."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    registration_endpoint: str | None
    revocation_endpoint: str | None
    scopes: tuple[str, ...]
    auth_methods: tuple[str, ...]
    """`token_endpoint_auth_methods_supported`; empty when the server does not say."""
    names_itself: bool
    """`authorization_response_iss_parameter_supported` (RFC 9207)."""


@dataclass(frozen=True, slots=True)
class Discovery:
    """All that signing in needs to know: the server, the resource indicator (RFC 8707), the scopes to ask for."""

    server: AuthServer
    resource: str
    scopes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Resource:
    """Protected-resource metadata (RFC 9728 section 2)."""

    resource: str
    servers: tuple[str, ...]
    scopes: tuple[str, ...]


async def discover(wire: OAuthHttpClient, base_url: str) -> Discovery:
    """Ask the API at `base_url` who signs people in for it, and that server for its endpoints.

    Raises the `SignInFailed` family: `MetadataMismatch`, `UnsafeEndpoint`, `PkceMissing`, `NoSignInService`,
    `ServerUnavailable` (5xx and 429 never count as "nothing there"), `BadAnswer`, and the network's.
    """
    challenge = await _challenge(wire, base_url)
    resource = await _resource(wire, base_url, challenge.get("resource_metadata"))
    if resource is not None and resource.servers:
        server = await _named_server(wire, resource.servers[0])
    else:
        server = await _server_of_api(wire, base_url)
    usual = tuple(scope for scope in server.scopes if scope in _API_SCOPES)
    wanted = scopes(challenge.get("scope", "")) or (resource.scopes if resource is not None else ()) or usual
    listed = server.scopes + (resource.scopes if resource is not None else ())
    if OFFLINE_ACCESS in listed and OFFLINE_ACCESS not in wanted:
        wanted += (OFFLINE_ACCESS,)
    return Discovery(server, resource.resource if resource is not None else base_url, wanted)


async def _challenge(wire: OAuthHttpClient, base_url: str) -> dict[str, str]:
    """What the API says to a request without a token; whatever else it answers says nothing here."""
    answer = await wire.get(f"{base_url}/me", step=Step.DISCOVERY)
    return bearer_challenge(answer.headers.get_list("www-authenticate")) if answer.status == 401 else {}


# --- protected resource ------------------------------------------------------------------------


async def _resource(wire: OAuthHttpClient, base_url: str, named: str | None) -> _Resource | None:
    if named is not None:
        document = await _document(wire, [require_safe(named, "The resource metadata's address")])
        if document is None:
            raise NoSignInService(f"{base_url} names {one_line(named, 200)}, and nothing is there.")
    else:
        root, path = origin(base_url), urlsplit(base_url).path.rstrip("/")
        inserted = f"{root}{_WELL_KNOWN}oauth-protected-resource"
        document = await _document(wire, _unique(inserted + path, inserted))
        if document is None:
            return None
    resource = _text(document, "resource") or ""
    if not covers(resource, base_url):
        raise MetadataMismatch(
            f"The resource metadata name {one_line(resource, 200) or 'no resource'}, but the API is {base_url}.",
            hint="Set the profile's base URL to the one the server names, if you trust it.",
        )
    return _Resource(
        resource, _texts(document, "authorization_servers"), scopes(" ".join(_texts(document, "scopes_supported")))
    )


# --- authorization server ----------------------------------------------------------------------


async def _named_server(wire: OAuthHttpClient, issuer: str) -> AuthServer:
    """The metadata of `issuer`, from `issuer`; they must say the same name (RFC 8414 section 3.3)."""
    require_safe(issuer, "The sign-in server")
    document = await _document(wire, _metadata_addresses(issuer))
    if document is None:
        raise NoSignInService(f"{one_line(issuer, 200)} publishes no sign-in metadata.")
    found = _text(document, "issuer") or ""
    if not same_issuer(found, issuer):
        raise MetadataMismatch(
            f"The metadata of {one_line(issuer, 200)} name {one_line(found, 200) or 'no one'} as their issuer."
        )
    return _server(document)


async def _server_of_api(wire: OAuthHttpClient, base_url: str) -> AuthServer:
    """Without resource metadata: what the API's own host publishes, or the server it hands over to.

    A document that names another issuer is not used itself: that issuer is asked, and must confirm its name.
    """
    for issuer in _unique(origin(base_url), base_url):
        document = await _document(wire, _metadata_addresses(issuer))
        if document is None:
            continue
        named = _text(document, "issuer") or ""
        if same_issuer(named, issuer):
            return _server(document)
        if not named:
            raise MetadataMismatch(f"The metadata of {issuer} name no issuer.")
        return await _named_server(wire, named)
    raise NoSignInService(f"{base_url} publishes no sign-in metadata.")


def _metadata_addresses(issuer: str) -> list[str]:
    """Where an issuer's metadata may be (RFC 8414 section 3.1, OpenID Discovery section 4), inserted or appended."""
    root, path = origin(issuer), urlsplit(issuer).path.rstrip("/")
    oauth, openid = "oauth-authorization-server", "openid-configuration"
    return _unique(
        f"{root}{_WELL_KNOWN}{oauth}{path}",
        f"{root}{_WELL_KNOWN}{openid}{path}",
        f"{root}{path}{_WELL_KNOWN}{openid}",
        f"{root}{path}{_WELL_KNOWN}{oauth}",
    )


async def _document(wire: OAuthHttpClient, addresses: list[str]) -> dict[str, Any] | None:
    """The first JSON object at the addresses; None when every one of them says plainly that nothing is there.

    A page where a document should be (some hosts answer every path with their home page) is passed over
    while addresses are left, but never counts as "nothing there".
    """
    wrong: BadAnswer | None = None
    for address in addresses:
        answer = await wire.get(address, step=Step.DISCOVERY)
        answer.raise_for_trouble()
        if not 200 <= answer.status < 300:
            continue
        try:
            return answer.json_object()
        except BadAnswer as error:
            wrong = wrong or error
    if wrong is not None:
        raise wrong
    return None


def _server(document: dict[str, Any]) -> AuthServer:
    def endpoint(key: str) -> str | None:
        address = _text(document, key)
        return None if address is None else require_safe(address, key)

    authorize, token = endpoint("authorization_endpoint"), endpoint("token_endpoint")
    if authorize is None or token is None:
        missing = "authorization_endpoint" if authorize is None else "token_endpoint"
        raise BadAnswer(f"The sign-in metadata have no {missing}.", step=Step.DISCOVERY)
    if "S256" not in _texts(document, "code_challenge_methods_supported"):
        raise PkceMissing(f"{one_line(_text(document, 'issuer') or '', 200)} does not offer PKCE with S256.")
    kinds = _texts(document, "response_types_supported")
    if kinds and "code" not in kinds:
        raise BadAnswer("The sign-in server does not offer the authorization-code flow.", step=Step.DISCOVERY)
    return AuthServer(
        issuer=_text(document, "issuer") or "",
        authorization_endpoint=authorize,
        token_endpoint=token,
        registration_endpoint=endpoint("registration_endpoint"),
        revocation_endpoint=endpoint("revocation_endpoint"),
        scopes=scopes(" ".join(_texts(document, "scopes_supported"))),
        auth_methods=_texts(document, "token_endpoint_auth_methods_supported"),
        names_itself=document.get("authorization_response_iss_parameter_supported") is True,
    )


def _text(document: dict[str, Any], key: str) -> str | None:
    value = document.get(key)
    if value is None or isinstance(value, str):
        return value
    raise BadAnswer(f"{key} in the sign-in metadata is not a text.", step=Step.DISCOVERY)


def _texts(document: dict[str, Any], key: str) -> tuple[str, ...]:
    value = document.get(key)
    if value is None:
        return ()
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return tuple(value)
    raise BadAnswer(f"{key} in the sign-in metadata is not a list of texts.", step=Step.DISCOVERY)


def _unique(*addresses: str) -> list[str]:
    return list(dict.fromkeys(addresses))
