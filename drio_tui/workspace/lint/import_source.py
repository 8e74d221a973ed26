"""The OpenAPI document that an integration was imported from, as stored in the integration's `config`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urlsplit

Raw = Mapping[str, Any]

MEMBER = "openapi"
"""The property of `config`: `{"title": …, "version": …, "source": address, "signIn": [phrases], "imported": {…}}`.

`signIn` is present if an imported operation requires a sign-in. `imported` has digests of what was imported, by
operation; see `openapi_import.imported`. drio keeps properties of `config` that it does not know.
"""


def document_of(integration: Raw) -> dict[str, Any]:
    """Return what is stored about the integration's document; empty where nothing is."""
    config = integration.get("config")
    document = config.get(MEMBER) if isinstance(config, Mapping) else None
    return dict(document) if isinstance(document, Mapping) else {}


def title_of(integration: Raw) -> str:
    """Return the title of the integration's document; empty where it is not known."""
    title = document_of(integration).get("title")
    return title if isinstance(title, str) else ""


def wanted_sign_in(integration: Raw) -> list[str]:
    """Return the ways to sign in that the integration's document asks for, as phrases; empty where not known."""
    ways = document_of(integration).get("signIn")
    return [way for way in ways if isinstance(way, str)] if isinstance(ways, list) else []


def imported_of(integration: Raw) -> dict[str, str]:
    """Return the digests of what was imported, by operation; empty where they are not known."""
    imported = document_of(integration).get("imported")
    entries = imported.items() if isinstance(imported, Mapping) else ()
    return {str(call): digests for call, digests in entries if isinstance(digests, str)}


def import_source_config(
    title: str, version: str, source: str, sign_in: Iterable[str], imported: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """Return what to store about a document. `source` is an address; the path of a file means nothing elsewhere.

    Everyone who can read the app sees it, so the query of the address is dropped: it may hold a key or a signature.
    """
    address = urlsplit(source)._replace(query="", fragment="").geturl()
    stored: dict[str, Any] = {
        "title": title,
        "version": version,
        "source": address,
        "signIn": [*dict.fromkeys(sign_in)],
        "imported": dict(imported or {}),
    }
    return {name: value for name, value in stored.items() if value}
