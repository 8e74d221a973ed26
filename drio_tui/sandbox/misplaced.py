"""Refusing secrets under names that the API does not define: they would be stored in plain text and returned."""

from __future__ import annotations

from collections.abc import Container, Iterator
from typing import Any

from drio_tui.api.json_codec import Document
from drio_tui.api.json_values import same_json
from drio_tui.api.redact import is_secret_property
from drio_tui.sandbox.problems import FieldError


def misplaced_secrets(
    document: Document, known: Container[str], before: Any, advice: str, prefix: str = ""
) -> Iterator[FieldError]:
    """Yield an error for each property of `document` outside `known` that looks like a secret, at any depth.

    A property that `before` already has may be repeated, and null removes it. `prefix` precedes each path.
    """
    old = before if isinstance(before, dict) else {}
    for name, value in document.items():
        if name not in known and not same_json(value, old.get(name)):
            yield from _secret_errors(name, value, advice, f"{prefix}{name}")


def _secret_errors(name: str, value: Any, advice: str, path: str) -> Iterator[FieldError]:
    if value is None or isinstance(value, bool):
        return
    if is_secret_property(name, value):
        yield path, f"is not defined here and may hold a secret: {advice}"
    elif isinstance(value, dict):
        for inner_name, inner_value in value.items():
            yield from _secret_errors(inner_name, inner_value, advice, f"{path}.{inner_name}")
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _secret_errors("", item, advice, f"{path}.{index}")
