"""The servers and the security schemes of a document."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urljoin, urlsplit

from drio_tui.openapi_import.model import Scheme, Server
from drio_tui.openapi_import.references import References, UnresolvedReference
from drio_tui.urls import HOLDS_USER, url_error

MOST = 50
_VARIABLE = re.compile(r"\{([^{}]+)\}")


def servers(listed: Any, base: str) -> tuple[Server, ...]:
    """Return the servers of a `servers` array. `base` is the URL of the document, empty for a file."""
    if not isinstance(listed, list):
        return ()
    return tuple(_server(value, base) for value in listed[:MOST] if isinstance(value, dict))


def why_no_base(url: str) -> str:
    """Return why a text cannot be the base URL of an integration, as a sentence; empty if it can."""
    reason = url_error(url)
    if reason == HOLDS_USER:
        reason += ", which belongs in an auth connection"
    return f"{reason[0].upper()}{reason[1:]}." if reason else ""


def _server(value: dict[str, Any], base: str) -> Server:
    template = value.get("url")
    description = value.get("description")
    about = description if isinstance(description, str) else ""
    if not isinstance(template, str):
        return Server("", about, "It has no URL.")
    variables = value.get("variables")
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
    problem = why_no_base(url)
    return Server("" if problem else url, about, problem)


# --- security ------------------------------------------------------------------------------------


def schemes(components: Any, references: References, base: str) -> tuple[Scheme, ...]:
    """Return the security schemes of a document, each as the auth connection it could become."""
    listed = components.get("securitySchemes") if isinstance(components, dict) else None
    if not isinstance(listed, dict):
        return ()
    return tuple(_scheme(name, value, references, base) for name, value in list(listed.items())[:MOST])


def required_schemes(security: Any) -> tuple[str, ...]:
    """Return the names of the schemes in a `security` array, each once; empty if authentication is optional."""
    if not isinstance(security, list):
        return ()
    requirements = [requirement for requirement in security if isinstance(requirement, dict)]
    if any(not requirement for requirement in requirements):
        return ()
    return tuple(dict.fromkeys(name for requirement in requirements for name in requirement))


def _scheme(name: str, value: Any, references: References, base: str) -> Scheme:
    try:
        value = references.follow(value)
    except UnresolvedReference as error:
        return Scheme(name, "", "unknown", problem=f"It {error}.")
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
    type_name = str(kind)[:40]
    return Scheme(name, "", type_name, problem=f"There is no provider for {type_name}.")


def _api_key(name: str, value: dict[str, Any]) -> Scheme:
    location, key_name = value.get("in"), value.get("name")
    about = f"API key {key_name} in the {location}"
    if location not in ("header", "query", "cookie") or not isinstance(key_name, str):
        return Scheme(name, "", about, problem="API keys go to a header, the query or a cookie.")
    if key_name.lower() == "authorization" and location == "header":
        return Scheme(name, "bearer", "token in the Authorization header", {"type": "bearer"})
    return Scheme(name, "api-key", about, {"type": "apiKey", "in": location, "name": key_name})


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
        for config_key, openapi_key in (("authorizationEndpoint", "authorizationUrl"), ("tokenEndpoint", "tokenUrl")):
            url = flow.get(openapi_key)
            if isinstance(url, str) and config_key not in config:
                config[config_key] = urljoin(base, url) if base else url
        scopes = flow.get("scopes")
        if isinstance(scopes, dict):
            config["scopes"] = list(dict.fromkeys([*config.get("scopes", ()), *scopes]))
    missing = [key for key in ("authorizationEndpoint", "tokenEndpoint") if key not in config]
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
