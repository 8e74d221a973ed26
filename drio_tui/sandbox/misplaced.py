"""Secrets under names that the API does not define are refused: they would be stored in clear and given back."""

from __future__ import annotations

from collections.abc import Container, Iterator
from typing import Any

from drio_tui.api.models import same_json
from drio_tui.api.redact import holds_secret
from drio_tui.sandbox.problems import Field

Document = dict[str, Any]


def misplaced(given: Document, known: Container[str], before: Any, advice: str, path: str = "") -> Iterator[Field]:
    """The members of `given` outside `known` that look like secrets, at any depth; `path` is where `given` stands.

    What `before` has already may be repeated, and null takes it away.
    """
    old = before if isinstance(before, dict) else {}
    for name, value in given.items():
        if name not in known and not same_json(value, old.get(name)):
            yield from _secrets(name, value, advice, f"{path}{name}")


def _secrets(name: str, value: Any, advice: str, path: str) -> Iterator[Field]:
    if value is None or isinstance(value, bool):
        return
    if holds_secret(name, value):
        yield path, f"is not defined here and may hold a secret: {advice}"
    elif isinstance(value, dict):
        for inner, member in value.items():
            yield from _secrets(inner, member, advice, f"{path}.{inner}")
    elif isinstance(value, list):
        for index, member in enumerate(value):
            yield from _secrets("", member, advice, f"{path}.{index}")
