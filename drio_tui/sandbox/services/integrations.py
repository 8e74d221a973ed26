"""Integrations: the upstream APIs of an app."""

from __future__ import annotations

import re
from typing import Any

from drio_tui.api.json_codec import Document
from drio_tui.sandbox.misplaced import misplaced_secrets
from drio_tui.sandbox.naming import new_id
from drio_tui.sandbox.patching import Rules
from drio_tui.sandbox.problems import FieldError, invalid
from drio_tui.sandbox.references import refuse_if_referenced
from drio_tui.sandbox.services.common import assign_key
from drio_tui.sandbox.store import Store

RULES = Rules(
    order=("id", "appId", "key", "name", "kind", "baseUrl", "authId", "status", "config"),
    required=frozenset({"name", "baseUrl"}),
    read_only=frozenset({"id", "appId", "status"}),
    defaults={"kind": "rest", "config": {}},
)

_ADVICE = "secrets belong in the config of an auth connection, which authId then names"
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110 section 5.6.2
_CONTROL_CHARACTERS = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_RESERVED = frozenset({"host", "authorization", "content-length", "transfer-encoding", "connection"})


async def create(store: Store, app_id: str, body: Document) -> Document:
    """Create an integration. Raises `Problem` 400 for headers and misplaced secrets, 409 for key and `authId`."""
    document = RULES.new(body, id=new_id("integration"), appId=app_id)
    document.pop("status")
    await _check(store, document, {})
    await assign_key(store, "integration", document)
    await store.add("integration", document)
    return document


async def change(store: Store, document: Document, patch: Document) -> Document:
    """Apply `patch` to the integration. Raises `Problem` 400 and 409."""
    view = await store.view("integration", document)
    result = RULES.patched(view, patch)
    result.pop("status")
    await _check(store, result, document["config"])
    await assign_key(store, "integration", result, document["key"])
    await store.save(result)
    return result


async def remove(store: Store, document: Document) -> None:
    """Delete the integration. Raises `Problem` 409 while it has operations."""
    await refuse_if_referenced(store, document["appId"], "integration", document)
    await store.remove(document["id"])


async def _check(store: Store, document: Document, before: Document) -> None:
    """Raise `Problem` 400 for headers, misplaced secrets and the URL, 409 for `authId`; `before` is the old config."""
    errors = list(_header_errors(document["config"].get("headers")))
    errors += misplaced_secrets(document["config"], ("headers",), before, _ADVICE, "config.")
    if _CONTROL_CHARACTERS.search(document["baseUrl"]):
        errors.append(("baseUrl", "may not hold control characters"))
    if errors:
        raise invalid(errors)
    if document["authId"] is not None:
        await store.get_referenced(document["appId"], "auth", document["authId"], "authId")


def _header_errors(headers: Any) -> list[FieldError]:
    """Return why `config.headers` cannot be sent: invalid names, control characters, headers that drio sets."""
    if headers is None:
        return []
    if not isinstance(headers, dict):
        return [("config.headers", "must be an object of header names and values")]
    errors: list[FieldError] = []
    for name, value in headers.items():
        path = f"config.headers.{name}"
        if not _TOKEN.fullmatch(name):
            errors.append((path, "is not a header name"))
        elif name.lower() in _RESERVED:
            errors.append((path, "is set by drio and cannot be given here"))
        if not isinstance(value, str):
            errors.append((path, "must be text"))
        elif _CONTROL_CHARACTERS.search(value):
            errors.append((path, "may not hold line breaks or other control characters"))
    return errors
