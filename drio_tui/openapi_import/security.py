"""The auth connection that a document's way to sign in asks for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from drio_tui.openapi_import.model import Scheme
from drio_tui.openapi_import.names import title_of


@dataclass(frozen=True, slots=True)
class Members:
    """What a person adds to a connection: the member that is secret, and one that is not, each with a label."""

    secret: str
    secret_label: str
    user: str = ""
    user_label: str = ""


BY_PROVIDER: dict[str, Members] = {
    "api-key": Members("apiKey", "API key"),
    "bearer": Members("token", "token"),
    "basic": Members("password", "password", "username", "user name"),
    "custom-oauth": Members("clientSecret", "client secret", "clientId", "client id"),
}


def connection_of(scheme: Scheme, title: str, *, secret: str = "", user: str = "") -> dict[str, Any]:
    """The body of the connection, as far as the document and the person say. It holds the secret."""
    members = BY_PROVIDER[scheme.provider]
    config = dict(scheme.config)
    if secret:
        config[members.secret] = secret
    if user and members.user:
        config[members.user] = user
    return {"name": title_of(f"{title}: {scheme.name}"), "providerKey": scheme.provider, "config": config}


def secret_of(body: Mapping[str, Any]) -> str:
    """The path of the secret member in the body of a connection."""
    return f"config.{BY_PROVIDER[body['providerKey']].secret}"


def same_connection(connections: Iterable[Mapping[str, Any]], body: Mapping[str, Any]) -> str:
    """The id of the connection that an import made before: of the same name and provider; empty where there is none."""
    for one in connections:
        if one.get("name") == body["name"] and one.get("providerKey") == body["providerKey"]:
            return str(one.get("id") or "")
    return ""
