"""Where an API is, and how it is signed in to, as a document says."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urljoin, urlsplit

from drio_tui.openapi_import.model import Scheme, Server
from drio_tui.openapi_import.references import References, UnresolvedReference
from drio_tui.urls import HOLDS_USER, why_not

MOST = 50
_VARIABLE = re.compile(r"\{([^{}]+)\}")


def servers(listed: Any, base: str) -> tuple[Server, ...]:
    """The servers in a `servers` array. `base` is where the document came from, empty for a file."""
    if not isinstance(listed, list):
        return ()
    return tuple(_server(one, base) for one in listed[:MOST] if isinstance(one, dict))


def why_no_base(url: str) -> str:
    """Why a text cannot be the base URL of an integration, as a sentence; empty when it can."""
    why = why_not(url)
    if why == HOLDS_USER:
        why += ", which belongs in an auth connection"
    return f"{why[0].upper()}{why[1:]}." if why else ""


def _server(found: dict[str, Any], base: str) -> Server:
    template = found.get("url")
    description = found.get("description")
    about = description if isinstance(description, str) else ""
    if not isinstance(template, str):
        return Server("", about, "It has no URL.")
    variables = found.get("variables")
    missing: list[str] = []

    def fill(match: re.Match[str]) -> str:
        variable = variables.get(match[1]) if isinstance(variables, dict) else None
        default = variable.get("default") if isinstance(variable, dict) else None
        if isinstance(default, str | int | float) and not isinstance(default, bool):
            return str(default)
        missing.append(match[1])
        return match[0]

    url = _VARIABLE.sub(fill, template.strip())
    if missing:
        return Server("", about or template, f"Its variable {missing[0]} has no default: fill in {template}.")
    try:
        relative = not urlsplit(url).scheme
        if relative and base:
            url = urljoin(base, url)
    except ValueError:
        return Server("", about or template, "It is no web address.")
    url = url.partition("#")[0].rstrip("/")
    if relative and not base:
        where = f" ({template})" if template.strip("/") else ""
        return Server("", about, f"The document says only where on its own host the API is{where}: give the base URL.")
    why = why_no_base(url)
    return Server("" if why else url, about, why)


# --- signing in ----------------------------------------------------------------------------------


def schemes(components: Any, references: References, base: str) -> tuple[Scheme, ...]:
    """The security schemes of a document, each as the auth connection it could become."""
    found = components.get("securitySchemes") if isinstance(components, dict) else None
    return (
        tuple(_scheme(name, value, references, base) for name, value in list((found or {}).items())[:MOST])
        if (isinstance(found, dict))
        else ()
    )


def wanted(security: Any) -> tuple[str, ...]:
    """The names of the schemes in a `security` array, each once; none where it may also be called without."""
    if not isinstance(security, list):
        return ()
    found = [one for one in security if isinstance(one, dict)]
    if any(not one for one in found):
        return ()
    return tuple(dict.fromkeys(name for one in found for name in one))


def _scheme(name: str, value: Any, references: References, base: str) -> Scheme:
    try:
        value = references.follow(value)
    except UnresolvedReference as lost:
        return Scheme(name, "", "unknown", problem=f"It {lost}.")
    if not isinstance(value, dict):
        return Scheme(name, "", "unknown", problem="It is not described.")
    kind = value.get("type")
    if kind == "apiKey":
        return _api_key(name, value)
    if kind == "http":
        return _http(name, str(value.get("scheme", "")).lower())
    if kind == "oauth2":
        return _oauth(name, value, base)
    if kind == "openIdConnect":
        url = value.get("openIdConnectUrl")
        where = f" Its endpoints are listed at {url}." if isinstance(url, str) else ""
        return Scheme(
            name, "custom-oauth", "OpenID Connect", {"type": "oauth"}, f"The endpoints are to be filled in.{where}"
        )
    words = str(kind)[:40]
    return Scheme(name, "", words, problem=f"There is no provider for {words}.")


def _api_key(name: str, value: dict[str, Any]) -> Scheme:
    place, called = value.get("in"), value.get("name")
    about = f"API key {called} in the {place}"
    if place not in ("header", "query", "cookie") or not isinstance(called, str):
        return Scheme(name, "", about, problem="API keys go to a header, the query or a cookie.")
    if called.lower() == "authorization" and place == "header":
        return Scheme(name, "bearer", "token in the Authorization header", {"type": "bearer"})
    return Scheme(name, "api-key", about, {"type": "apiKey", "in": place, "name": called})


def _http(name: str, scheme: str) -> Scheme:
    if scheme == "bearer":
        return Scheme(name, "bearer", "bearer token", {"type": "bearer"})
    if scheme == "basic":
        return Scheme(name, "basic", "user name and password", {"type": "basic"})
    return Scheme(
        name, "", f"HTTP {scheme[:40]}", problem=f"There is no provider for HTTP {scheme[:40]} authentication."
    )


def _oauth(name: str, value: dict[str, Any], base: str) -> Scheme:
    flows = value.get("flows")
    config: dict[str, Any] = {"type": "oauth"}
    kinds: list[str] = []
    for kind, flow in _flows(flows):
        kinds.append(kind)
        for ours, theirs in (("authorizationEndpoint", "authorizationUrl"), ("tokenEndpoint", "tokenUrl")):
            url = flow.get(theirs)
            if isinstance(url, str) and ours not in config:
                config[ours] = urljoin(base, url) if base else url
        found = flow.get("scopes")
        if isinstance(found, dict):
            config["scopes"] = list(dict.fromkeys([*config.get("scopes", ()), *found]))
    missing = [word for word in ("authorizationEndpoint", "tokenEndpoint") if word not in config]
    problem = f"The document does not name the {' and the '.join(map(_spaced, missing))}." if missing else ""
    return Scheme(name, "custom-oauth", f"OAuth ({', '.join(kinds) or 'no flow'})", config, problem)


_FLOWS = ("clientCredentials", "authorizationCode", "password", "implicit", "deviceAuthorization")


def _flows(flows: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    for kind in _FLOWS:
        flow = flows.get(kind) if isinstance(flows, dict) else None
        if isinstance(flow, dict):
            yield kind, flow


def _spaced(word: str) -> str:
    return re.sub(r"(?=[A-Z])", " ", word).lower()
