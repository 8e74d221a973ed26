"""Operations: the single calls of an integration's API."""

from __future__ import annotations

from typing import Any

from drio_tui.sandbox.naming import new_id
from drio_tui.sandbox.patching import Rules
from drio_tui.sandbox.problems import invalid
from drio_tui.sandbox.references import refuse_if_referred
from drio_tui.sandbox.schemas import schema_errors, schema_hash
from drio_tui.sandbox.services.common import settle_key
from drio_tui.sandbox.store import Store
from drio_tui.tool_calls.requests import mapping_errors

Document = dict[str, Any]

RULES = Rules(
    order=(
        "id", "appId", "integrationId", "key", "name", "description", "method", "path", "inputSchema", "outputSchema",
        "schemaHash",
    ),
    required=frozenset({"name", "method", "path"}),
    fixed=frozenset({"id", "appId", "integrationId", "schemaHash"}),
)  # fmt: skip


async def create(store: Store, app_id: str, integration_id: str, body: Document) -> Document:
    """A new operation. Raises `Problem` 404 for the integration, 409 for the key, 400 for a schema."""
    await store.one(app_id, "integration", integration_id)
    document = RULES.new(body, id=new_id("operation"), appId=app_id, integrationId=integration_id)
    _check(document)
    await settle_key(store, "operation", document)
    await store.add("operation", document, parent=integration_id)
    return document


async def change(store: Store, document: Document, patch: Document) -> Document:
    """The operation after `patch`; a changed schema, method or path gives it another hash."""
    result = RULES.patched(document, patch)
    _check(result)
    await settle_key(store, "operation", result, document["key"])
    await store.save(result)
    return result


async def remove(store: Store, document: Document) -> None:
    await refuse_if_referred(store, document["appId"], "operation", document)
    await store.remove(document["id"])


def _check(document: Document) -> None:
    wrong = [
        error
        for member in ("inputSchema", "outputSchema")
        if document[member] is not None
        for error in schema_errors(document[member], member)
    ]
    wrong += mapping_errors(document)
    if wrong:
        raise invalid(wrong)
    document["schemaHash"] = schema_hash(document)
