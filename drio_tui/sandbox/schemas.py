"""Validation of the JSON Schemas of operations, and the hash that shows when one has changed."""

from __future__ import annotations

import hashlib
from typing import Any

from drio_tui.api.json_codec import dumps
from drio_tui.sandbox.problems import FieldError

_HASHED_PROPERTIES = ("method", "path", "inputSchema", "outputSchema")
_MAX_MESSAGE = 300
_MAX_CACHED = 10_000
_VALID_SCHEMAS: set[bytes] = set()
"""Hashes of valid schemas: validating one takes 10 ms, and each write of an operation validates two."""


def schema_errors(schema: dict[str, Any], path: str) -> list[FieldError]:
    """Return why `schema` is not a valid JSON Schema (2020-12), with paths below `path`; nothing is fetched."""
    try:
        fingerprint = hashlib.sha256(dumps(schema).encode("ascii")).digest()
    except ValueError:
        return [(path, "is nested too deeply")]
    if fingerprint in _VALID_SCHEMAS:
        return []
    try:
        from jsonschema import Draft202012Validator  # takes 0.15 s to import, needed only for a new schema
        from jsonschema.exceptions import best_match

        error = best_match(Draft202012Validator(Draft202012Validator.META_SCHEMA).iter_errors(schema))
    except RecursionError:
        return [(path, "is nested too deeply")]
    if error is None:
        if len(_VALID_SCHEMAS) >= _MAX_CACHED:
            _VALID_SCHEMAS.clear()
        _VALID_SCHEMAS.add(fingerprint)
        return []
    message = error.message
    if len(message) > _MAX_MESSAGE:
        message = f"does not satisfy {error.validator} of the JSON Schema meta-schema"
    return [(".".join([path, *map(str, error.absolute_path)]), message)]


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
