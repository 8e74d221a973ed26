"""Validation of the JSON Schemas of operations, and the cache of valid ones."""

from __future__ import annotations

from typing import Any

from drio_tui.sandbox.services.operations import schema_errors

VALID = {"type": "object", "properties": {"q": {"type": "string"}}}
INVALID = {"type": "object", "properties": {"q": {"type": "text"}}}


def test_cached_valid_schema_does_not_hide_errors_of_another() -> None:
    for _ in range(2):
        assert schema_errors(VALID, "inputSchema") == []
        ((path, message),) = schema_errors(INVALID, "inputSchema")
        assert path == "inputSchema.properties.q.type"
        assert "text" in message


def test_deeply_nested_schema_is_refused() -> None:
    deep: Any = {}
    for _ in range(5_000):
        deep = {"not": deep}
    assert schema_errors(deep, "outputSchema") == [("outputSchema", "is nested too deeply")]
