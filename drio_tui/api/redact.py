"""Taking secrets out of what is shown, logged or copied."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

HIDDEN = "••••••"
_NOT_LETTERS = re.compile(r"[^a-z0-9]")
_SECRET_ENDINGS = (
    "secret", "password", "passwd", "passphrase", "token", "apikey", "authorization", "credential", "credentials",
    "privatekey", "accesskey", "secretkey", "clientassertion", "codeverifier", "cookie", "setcookie", "jwt",
)  # fmt: skip
_SECRET_NAMES = frozenset({"code", "state", "deviceauth"})
# RFC 7230 header names whose values are always secret.
_SECRET_HEADERS = frozenset({"authorization", "proxy-authorization", "cookie", "set-cookie"})


def is_secret(name: str, *, oauth: bool = False) -> bool:
    """Whether a JSON member of this name holds a secret; with `oauth`, `code` and `state` count too."""
    plain = _NOT_LETTERS.sub("", name.lower())
    return plain.endswith(_SECRET_ENDINGS) or (oauth and plain in _SECRET_NAMES)


def redact(value: Any, *, oauth: bool = False) -> Any:
    """A copy of a JSON value with every string, number and list under a secret name hidden."""
    if isinstance(value, dict):
        return {
            key: HIDDEN
            if is_secret(key, oauth=oauth) and item is not None and not isinstance(item, dict | bool)
            else redact(item, oauth=oauth)
            for key, item in value.items()
        }
    if isinstance(value, list):
        return [redact(item, oauth=oauth) for item in value]
    return value


def redact_headers(headers: Mapping[str, str] | Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Header pairs in order, the values of secret ones hidden."""
    pairs = headers.items() if isinstance(headers, Mapping) else headers
    return [(name, HIDDEN if name.lower() in _SECRET_HEADERS or is_secret(name) else value) for name, value in pairs]
