"""Operations: the calls of an integration's API."""

from __future__ import annotations

from typing import Any

from drio_tui.sandbox.naming import new_id
from drio_tui.sandbox.patching import Rules
from drio_tui.sandbox.problems import invalid
from drio_tui.sandbox.references import refuse_if_referenced
from drio_tui.sandbox.schemas import schema_errors, schema_hash
from drio_tui.sandbox.services.common import assign_key
from drio_tui.sandbox.store import Store
from drio_tui.tool_calls.requests import mapping_errors

Document = dict[str, Any]

RULES = Rules(
    order=(
        "id", "appId", "integrationId", "key", "name", "description", "method", "path", "inputSchema", "outputSchema",
        "schemaHash",
    ),
    required=frozenset({"name", "method", "path"}),
    read_only=frozenset({"id", "appId", "integrationId", "schemaHash"}),
)  # fmt: skip


async def create(store: Store, app_id: str, integration_id: str, body: Document) -> Document:
    """Create an operation. Raises `Problem` 404 for the integration, 409 for the key, 400 for schemas and mappings."""
    await store.get(app_id, "integration", integration_id)
    document = RULES.new(body, id=new_id("operation"), appId=app_id, integrationId=integration_id)
    _validate(document)
    await assign_key(store, "operation", document)
    await store.add("operation", document, parent=integration_id)
    return document


async def change(store: Store, document: Document, patch: Document) -> Document:
    """Apply `patch` to the operation; a changed schema, method or path changes its hash. Raises `Problem` 400, 409."""
    result = RULES.patched(document, patch)
    _validate(result)
    await assign_key(store, "operation", result, document["key"])
    await store.save(result)
    return result


async def remove(store: Store, document: Document) -> None:
    """Delete the operation. Raises `Problem` 409 while a tool is bound to it."""
    await refuse_if_referenced(store, document["appId"], "operation", document)
    await store.remove(document["id"])


def _validate(document: Document) -> None:
    """Validate the schemas and the path, and set `schemaHash`. Raises `Problem` 400."""
    errors = [
        error
        for name in ("inputSchema", "outputSchema")
        if document[name] is not None
        for error in schema_errors(document[name], name)
    ]
    errors += mapping_errors(document)
    if errors:
        raise invalid(errors)
    document["schemaHash"] = schema_hash(document)
