"""Which document an integration was imported from, as it is kept in the integration's own `config`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urlsplit

Raw = Mapping[str, Any]

MEMBER = "openapi"
"""The member of `config`: `{"title": …, "version": …, "source": address, "signIn": [words]}`.

`signIn` is there where an operation that was imported wants a sign-in. drio keeps members of `config` that it does
not know.
"""


def document_of(integration: Raw) -> dict[str, Any]:
    """What is known of the document of an integration; empty where nothing is."""
    config = integration.get("config")
    found = config.get(MEMBER) if isinstance(config, Mapping) else None
    return dict(found) if isinstance(found, Mapping) else {}


def title_of(integration: Raw) -> str:
    """The title of the document of an integration; empty where it is not known."""
    found = document_of(integration).get("title")
    return found if isinstance(found, str) else ""


def wanted_sign_in(integration: Raw) -> list[str]:
    """The ways to sign in, in words, that the document of an integration asks for; none where that is not known."""
    found = document_of(integration).get("signIn")
    return [one for one in found if isinstance(one, str)] if isinstance(found, list) else []


def about(title: str, version: str, source: str, sign_in: Iterable[str]) -> dict[str, Any]:
    """What is kept of a document. `source` is an address; the path of a file means nothing elsewhere.

    Everybody who can read the app sees it, so the query of the address is dropped: it may hold a key or a signature.
    """
    address = urlsplit(source)._replace(query="", fragment="").geturl()
    made: dict[str, Any] = {"title": title, "version": version, "source": address, "signIn": [*dict.fromkeys(sign_in)]}
    return {name: value for name, value in made.items() if value}
