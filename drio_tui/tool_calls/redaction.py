"""Hiding secrets in what calls of tools are shown and recorded with."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from drio_tui.api.json_codec import Document, dumps
from drio_tui.api.redact import HIDDEN, is_secret, is_secret_schema
from drio_tui.api.secret_values import forms_of, replaced, with_texts
from drio_tui.tool_calls.tools import properties

_SHORTEST_SECRET = 4


def secret_names(schema: Document) -> tuple[str, ...]:
    """Return the arguments that are secret, by their names or their schemas."""
    return tuple(
        name
        for name, property_schema in properties(schema).items()
        if is_secret(name) or is_secret_schema(property_schema)
    )


def hide_secrets(value: Any, secrets: Iterable[str]) -> Any:
    """Return a JSON value with the texts in `secrets` hidden, wherever they occur and however they are encoded."""
    forms = forms_of({secret: HIDDEN for secret in secrets if len(secret) >= _SHORTEST_SECRET})
    return with_texts(value, lambda text: replaced(text, forms)) if forms else value


def texts_in(value: Any) -> Iterator[str]:
    """Yield the texts and numbers in a JSON value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield dumps(value)
    elif isinstance(value, dict | list):
        for member in value.values() if isinstance(value, dict) else value:
            yield from texts_in(member)
