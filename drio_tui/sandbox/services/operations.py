"""Operations: the calls of an integration's API."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from typing import Any

from drio_tui.api.json_codec import Document, dumps, loads
from drio_tui.sandbox.naming import new_id
from drio_tui.sandbox.patching import Rules
from drio_tui.sandbox.problems import FieldError, invalid
from drio_tui.sandbox.references import refuse_if_referenced
from drio_tui.sandbox.services.common import assign_key
from drio_tui.sandbox.store import Store
from drio_tui.tool_calls.requests import mapping_errors

_HASHED_PROPERTIES = ("method", "path", "inputSchema", "outputSchema")
_MAX_MESSAGE = 300

RULES = Rules(
    order=(
        "id", "appId", "integrationId", "key", "name", "description", "method", "path", "inputSchema", "outputSchema",
        "schemaHash",
    ),
    required=frozenset({"name", "method", "path"}),
    read_only=frozenset({"id", "appId", "integrationId", "schemaHash"}),
)  # fmt: skip


async def create(store: Store, app_id: str, integration_id: str, body: Document, *, is_valid: bool = False) -> Document:
    """Create an operation. Raises `Problem` 404 for the integration, 409 for the key, 400 for schemas and mappings.

    `is_valid`: its schemas and mappings are known to be valid.
    """
    await store.get(app_id, "integration", integration_id)
    document = RULES.new(body, id=new_id("operation"), appId=app_id, integrationId=integration_id)
    if not is_valid:
        _validate(document)
    document["schemaHash"] = schema_hash(document)
    await assign_key(store, "operation", document)
    await store.add("operation", document, parent=integration_id)
    return document


async def change(store: Store, document: Document, patch: Document) -> Document:
    """Apply `patch` to the operation; a changed schema, method or path changes its hash. Raises `Problem` 400, 409."""
    result = RULES.patched(document, patch)
    _validate(result)
    result["schemaHash"] = schema_hash(result)
    await assign_key(store, "operation", result, document["key"])
    await store.save(result)
    return result


async def remove(store: Store, document: Document) -> None:
    """Delete the operation. Raises `Problem` 409 while a tool is bound to it."""
    await refuse_if_referenced(store, document["appId"], "operation", document)
    await store.remove(document["id"])


def _validate(document: Document) -> None:
    """Raise `Problem` 400 for the schemas and the path."""
    errors = [
        error
        for name in ("inputSchema", "outputSchema")
        if document[name] is not None
        for error in schema_errors(document[name], name)
    ]
    errors += mapping_errors(document)
    if errors:
        raise invalid(errors)


def schema_errors(schema: Document, path: str) -> list[FieldError]:
    """Return why `schema` is not a valid JSON Schema (2020-12), with paths below `path`; nothing is fetched."""
    try:
        error = _schema_error(dumps(schema))
    except (ValueError, RecursionError):
        return [(path, "is nested too deeply")]
    if error is None:
        return []
    location, message = error
    return [(".".join([path, *location]), message)]


@lru_cache(maxsize=128)
def _schema_error(schema: str) -> tuple[list[str], str] | None:
    """Return where and why a schema (JSON) is invalid, None if it is valid.

    Cached: it takes 2 to 10 ms, and each write of an operation validates two, mostly those of before or of a template.
    """
    from jsonschema import Draft202012Validator  # takes 0.15 s to import, needed only for a new schema
    from jsonschema.exceptions import best_match

    error = best_match(Draft202012Validator(Draft202012Validator.META_SCHEMA).iter_errors(loads(schema)))
    if error is None:
        return None
    message = error.message
    if len(message) > _MAX_MESSAGE:
        message = f"does not satisfy {error.validator} of the JSON Schema meta-schema"
    return [str(part) for part in error.absolute_path], message


def schema_hash(operation: dict[str, Any]) -> str:
    """Return the SHA-256 of the canonical JSON (names sorted, no spaces) of what a bound tool depends on."""
    canonical = dumps(_with_sorted_names({name: operation.get(name) for name in _HASHED_PROPERTIES}))
    return f"schema_{hashlib.sha256(canonical.encode('ascii')).hexdigest()}"


def _with_sorted_names(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _with_sorted_names(value[name]) for name in sorted(value)}
    if isinstance(value, list):
        return [_with_sorted_names(item) for item in value]
    return value
