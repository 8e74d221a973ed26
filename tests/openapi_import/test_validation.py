"""Messages of validation errors, without Python literals and pages of JSON."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from drio_tui.openapi_import.validation import check
from tests.openapi_import.documents import document

pytest.importorskip("openapi_spec_validator", reason="the openapi extra is not installed")

_PYTHON = re.compile(r"\b(?:None|True|False)\b|[{\[(]'|PointerToNowhere|Failed validating")


def messages_of(schema: Any, **operation: Any) -> list[str]:
    content = {"application/json": {"schema": schema}}
    responses = {"responses": {"200": {"description": "Fine", "content": content}}}
    text = json.dumps(document({"/a/{id}": {"get": responses | operation}}, openapi="3.0.3"))
    return [str(problem) for problem in check(text.encode(), "", None)]


@pytest.mark.parametrize(
    ("schema", "message"),
    [
        ({"type": "string", "enum": ["a", None], "default": True}, 'true is not one of "a", null'),
        ({"type": "string", "pattern": "^a$", "default": "b"}, '"b" does not match ^a$'),
        ({"type": "integer", "default": {"a": None}}, '{"a":null} is not of type integer'),
        ({"type": "integer", "minimum": 3, "default": 1}, "1 does not satisfy minimum: 3"),
        ({"allOf": [{"type": "object"}], "required": ["zz"]}, "required names properties that are not defined: zz"),
        ({"$ref": "#/components/schemas/Nope"}, "/components/schemas/Nope is not there"),
    ],
)
def test_an_error_message_contains_json_values(schema: Any, message: str) -> None:
    messages = messages_of(schema)
    assert any(message in text for text in messages), messages
    assert not [text for text in messages if _PYTHON.search(text)]


def test_the_message_of_an_error_in_alternatives_is_short() -> None:
    messages = messages_of({}, parameters=[{"name": "a", "in": "moon", "schema": {}, "description": "long " * 100}])
    (text,) = [text for text in messages if "parameters" in text]
    assert text.startswith('paths./a/{id}.get.parameters.0: {"description":"long long')
    assert text.endswith("… fits none of the forms that are allowed there")
    assert len(text) < 160
