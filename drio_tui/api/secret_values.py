"""The secrets that this process has been given, such as those of a document: hidden wherever a text leaves it.

A property with an ordinary name may hold one, such as a header of an integration; its value is all that tells.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import quote, quote_plus

HIDDEN = "••••••"
SHORTEST = 6
"""A shorter secret is hidden only where a name says that it is one: it may occur anywhere by chance."""
_SHORT = 12
"""A shorter secret is hidden only as a whole word."""


class SecretValues:
    """Secret texts, and the forms in which they may occur."""

    def __init__(self) -> None:
        self._secrets: set[str] = set()
        self._pattern: re.Pattern[str] | None = None

    def __iter__(self) -> Iterator[str]:
        return iter([*self._secrets])

    def __bool__(self) -> bool:
        return bool(self._secrets)

    def add(self, secret: str) -> None:
        """Hide a secret from now on."""
        if len(secret) >= SHORTEST and secret not in self._secrets:
            self._secrets = {*self._secrets, secret}
            self._pattern = pattern_of(forms_of(dict.fromkeys(self._secrets, HIDDEN)))

    def clear(self) -> None:
        """Forget all secrets."""
        self._secrets, self._pattern = set(), None

    def hidden(self, text: str) -> str:
        """Return a text with its secrets hidden."""
        return text if self._pattern is None else self._pattern.sub(HIDDEN, text)

    def hidden_in(self, value: Any) -> Any:
        """Return a JSON value with the secrets in its texts hidden."""
        return value if self._pattern is None else with_texts(value, self.hidden)


SECRET_VALUES = SecretValues()
"""The secrets of this process."""


def with_texts(value: Any, change: Callable[[str], str]) -> Any:
    """Return a JSON value with `change` made to all its texts and names."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, dict):
        return {change(name): with_texts(item, change) for name, item in value.items()}
    return [with_texts(item, change) for item in value] if isinstance(value, list) else value


def encoded_forms(secret: str) -> list[str]:
    """Return the forms in which a secret may occur in text: plain, URL-, form- and JSON-encoded; longest first."""
    encoded = secret.encode("utf-8", "replace")
    forms = {secret, quote(encoded, safe=""), quote(encoded), quote_plus(encoded)}
    forms |= {json.dumps(secret, ensure_ascii=ascii_only)[1:-1] for ascii_only in (True, False)}
    return sorted(forms, key=lambda form: (-len(form), form))


def forms_of(replacements: Mapping[str, str]) -> dict[str, str]:
    """Return what to replace each form of these secrets with, by form, longest first; `replacements` is by secret."""
    forms: dict[str, str] = {}
    for secret in sorted(replacements, key=len, reverse=True):
        for form in encoded_forms(secret):
            forms.setdefault(form, replacements[secret])
    return dict(sorted(forms.items(), key=lambda item: (-len(item[0]), item[0])))


def replaced(text: str, forms: Mapping[str, str]) -> str:
    """Return a text with each of the `forms_of` secrets replaced."""
    for form, replacement in forms.items():
        text = text.replace(form, replacement)
    return text


def pattern_of(forms: Iterable[str]) -> re.Pattern[str]:
    """Return a pattern that matches secrets in these forms, longer ones first and short ones as whole words."""
    return re.compile("|".join(map(_pattern, sorted(forms, key=lambda form: (-len(form), form)))))


def _pattern(form: str) -> str:
    if len(form) >= _SHORT:
        return re.escape(form)
    return rf"(?<![A-Za-z0-9_-]){re.escape(form)}(?![A-Za-z0-9_-])"
