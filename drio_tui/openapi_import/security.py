"""The auth connection for a document's security scheme."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from drio_tui.openapi_import.model import Scheme
from drio_tui.openapi_import.names import title_of


@dataclass(frozen=True, slots=True)
class CredentialKeys:
    """The config keys of the credentials that the user enters: the secret and a user name, each with a label."""

    secret: str
    secret_label: str
    user: str = ""
    user_label: str = ""


CREDENTIAL_KEYS: dict[str, CredentialKeys] = {
    "api-key": CredentialKeys("apiKey", "API key"),
    "bearer": CredentialKeys("token", "token"),
    "basic": CredentialKeys("password", "password", "username", "user name"),
    "custom-oauth": CredentialKeys("clientSecret", "client secret", "clientId", "client id"),
}


def connection_body(scheme: Scheme, title: str, *, secret: str = "", user: str = "") -> dict[str, Any]:
    """Return the body of the connection from the document and the user's credentials. It contains the secret."""
    keys = CREDENTIAL_KEYS[scheme.provider]
    config = dict(scheme.config)
    if secret:
        config[keys.secret] = secret
    if user and keys.user:
        config[keys.user] = user
    return {"name": title_of(f"{title}: {scheme.name}"), "providerKey": scheme.provider, "config": config}


def secret_of(body: Mapping[str, Any]) -> str:
    """Return the path of the secret in the body of a connection."""
    return f"config.{CREDENTIAL_KEYS[body['providerKey']].secret}"


def existing_connection_id(connections: Iterable[Mapping[str, Any]], body: Mapping[str, Any]) -> str:
    """Return the id of the connection of an earlier import, with the same name and provider; empty if there is none."""
    for connection in connections:
        if connection.get("name") == body["name"] and connection.get("providerKey") == body["providerKey"]:
            return str(connection.get("id") or "")
    return ""
