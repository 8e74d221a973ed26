"""JSON Schemas that people give us, and the hash that tells when one has changed."""

from __future__ import annotations

import hashlib
from typing import Any

from drio_tui.api.json_codec import dumps
from drio_tui.sandbox.problems import Field

_HASHED = ("method", "path", "inputSchema", "outputSchema")
_LONGEST_MESSAGE = 300
_MOST_REMEMBERED = 10_000
_VALID: set[bytes] = set()
"""Fingerprints of valid schemas: checking one takes ten milliseconds, and each write of an operation checks two."""


def schema_errors(schema: dict[str, Any], path: str) -> list[Field]:
    """What keeps `schema` from being a JSON Schema of 2020-12, by path below `path`; nothing is fetched."""
    try:
        fingerprint = hashlib.sha256(dumps(schema).encode("ascii")).digest()
    except ValueError:
        return [(path, "is nested too deeply")]
    if fingerprint in _VALID:
        return []
    try:
        from jsonschema import Draft202012Validator  # 0.15 s that only a write of a new schema pays
        from jsonschema.exceptions import best_match

        error = best_match(Draft202012Validator(Draft202012Validator.META_SCHEMA).iter_errors(schema))
    except RecursionError:
        return [(path, "is nested too deeply")]
    if error is None:
        if len(_VALID) >= _MOST_REMEMBERED:
            _VALID.clear()
        _VALID.add(fingerprint)
        return []
    message = error.message
    if len(message) > _LONGEST_MESSAGE:
        message = f"does not satisfy {error.validator} of the JSON Schema meta-schema"
    return [(".".join([path, *map(str, error.absolute_path)]), message)]


def schema_hash(operation: dict[str, Any]) -> str:
    """SHA-256 over the canonical JSON (names sorted, no spaces) of what a bound tool depends on."""
    canonical = dumps(_sorted({name: operation.get(name) for name in _HASHED}))
    return f"schema_{hashlib.sha256(canonical.encode('ascii')).hexdigest()}"


def _sorted(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _sorted(value[name]) for name in sorted(value)}
    if isinstance(value, list):
        return [_sorted(item) for item in value]
    return value
