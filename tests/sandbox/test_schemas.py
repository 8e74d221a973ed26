"""JSON Schemas that people give the sandbox are checked, and remembered once they are valid."""

from __future__ import annotations

from typing import Any

from drio_tui.sandbox.schemas import schema_errors

VALID = {"type": "object", "properties": {"q": {"type": "string"}}}
INVALID = {"type": "object", "properties": {"q": {"type": "text"}}}


def test_a_valid_schema_is_valid_each_time_and_another_is_checked_for_itself() -> None:
    for _ in range(2):
        assert schema_errors(VALID, "inputSchema") == []
        ((path, message),) = schema_errors(INVALID, "inputSchema")
        assert path == "inputSchema.properties.q.type"
        assert "text" in message


def test_a_schema_without_end_is_refused() -> None:
    deep: Any = {}
    for _ in range(5_000):
        deep = {"not": deep}
    assert schema_errors(deep, "outputSchema") == [("outputSchema", "is nested too deeply")]
