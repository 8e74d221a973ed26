"""Integrations: the upstream APIs of an app."""

from __future__ import annotations

import re
from typing import Any

from drio_tui.sandbox.misplaced import misplaced
from drio_tui.sandbox.naming import new_id
from drio_tui.sandbox.patching import Rules
from drio_tui.sandbox.problems import Field, invalid
from drio_tui.sandbox.references import refuse_if_referred
from drio_tui.sandbox.services.common import settle_key
from drio_tui.sandbox.store import Store

Document = dict[str, Any]

RULES = Rules(
    order=("id", "appId", "key", "name", "kind", "baseUrl", "authId", "status", "config"),
    required=frozenset({"name", "baseUrl"}),
    fixed=frozenset({"id", "appId", "status"}),
    defaults={"kind": "rest", "config": {}},
)

_ADVICE = "secrets belong in the config of an auth connection, which authId then names"
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110 section 5.6.2
_BREAKS = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_RESERVED = frozenset({"host", "authorization", "content-length", "transfer-encoding", "connection"})


async def create(store: Store, app_id: str, body: Document) -> Document:
    """A new integration. Raises `Problem` 409 for the auth connection and the key, 400 for headers."""
    document = RULES.new(body, id=new_id("integration"), appId=app_id)
    document.pop("status")
    await _check(store, document, {})
    await settle_key(store, "integration", document)
    await store.add("integration", document)
    return document


async def change(store: Store, document: Document, patch: Document) -> Document:
    """The integration after `patch`."""
    shown = await store.view("integration", document)
    result = RULES.patched(shown, patch)
    result.pop("status")
    await _check(store, result, document["config"])
    await settle_key(store, "integration", result, document["key"])
    await store.save(result)
    return result


async def remove(store: Store, document: Document) -> None:
    await refuse_if_referred(store, document["appId"], "integration", document)
    await store.remove(document["id"])


async def _check(store: Store, document: Document, before: Document) -> None:
    wrong = list(_header_errors(document["config"].get("headers")))
    wrong += misplaced(document["config"], ("headers",), before, _ADVICE, "config.")
    if _BREAKS.search(document["baseUrl"]):
        wrong.append(("baseUrl", "may not hold control characters"))
    if wrong:
        raise invalid(wrong)
    if document["authId"] is not None:
        await store.referred(document["appId"], "auth", document["authId"], "authId")


def _header_errors(headers: Any) -> list[Field]:
    """What keeps `config.headers` from being sent as it is: names, line breaks, headers that are not its to set."""
    if headers is None:
        return []
    if not isinstance(headers, dict):
        return [("config.headers", "must be an object of header names and values")]
    wrong: list[Field] = []
    for name, value in headers.items():
        path = f"config.headers.{name}"
        if not _TOKEN.fullmatch(name):
            wrong.append((path, "is not a header name"))
        elif name.lower() in _RESERVED:
            wrong.append((path, "is set by drio and cannot be given here"))
        if not isinstance(value, str):
            wrong.append((path, "must be text"))
        elif _BREAKS.search(value):
            wrong.append((path, "may not hold line breaks or other control characters"))
    return wrong
