"""A secret of a document: its name and, once it was resolved, its value."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from drio_tui.api.redact import HIDDEN
from drio_tui.api.secret_values import SECRET_VALUES
from drio_tui.document_layout import SECRET

NOT_GIVEN = "\0not given"
"""The value of a secret that was not looked up: a plan needs only the name."""


@dataclass(frozen=True, slots=True)
class Secret:
    """The value that `{"$secret": name}` stands for; it is no JSON, so that it cannot be written by mistake.

    Its value is hidden in all that this process shows and keeps (`SECRET_VALUES`).
    """

    name: str
    value: str = field(repr=False)

    def __post_init__(self) -> None:
        if self.is_given:
            SECRET_VALUES.add(self.value)

    def __str__(self) -> str:
        return HIDDEN

    @property
    def is_given(self) -> bool:
        """Whether its value is known."""
        return self.value != NOT_GIVEN


def secrets_in(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Secret]]:
    """Yield the path, name by name (list indexes as text), and each secret in a value."""
    if isinstance(value, Secret):
        yield path, value
    elif isinstance(value, dict):
        for name, item in value.items():
            yield from secrets_in(item, (*path, name))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from secrets_in(item, (*path, str(index)))


def with_values(value: Any, secrets: Mapping[str, str]) -> Any:
    """Return a value in which the secrets have the values that `secrets` has for their names."""
    if isinstance(value, Secret):
        return Secret(value.name, secrets.get(value.name) or value.value)
    if isinstance(value, dict):
        return {name: with_values(item, secrets) for name, item in value.items()}
    return [with_values(item, secrets) for item in value] if isinstance(value, list) else value


def with_placeholders(value: Any) -> Any:
    """Return the value as JSON, with `{"$secret": name}` for each secret."""
    if isinstance(value, Secret):
        return {SECRET: value.name}
    if isinstance(value, dict):
        return {name: with_placeholders(item) for name, item in value.items()}
    return [with_placeholders(item) for item in value] if isinstance(value, list) else value


def revealed(value: Any) -> Any:
    """Return the value as JSON, with the value of each secret: only for the body of a request.

    Raises `ValueError` for a secret whose value is not known.
    """
    if isinstance(value, Secret):
        if not value.is_given:
            raise ValueError(f"there is no value for the secret {value.name}")
        return value.value
    if isinstance(value, dict):
        return {name: revealed(item) for name, item in value.items()}
    return [revealed(item) for item in value] if isinstance(value, list) else value
