"""Parses `WWW-Authenticate` (RFC 9110 section 11.6.1, RFC 6750 section 3, RFC 9728 section 5.1)."""

from __future__ import annotations

import re
from collections.abc import Iterable

_TOKEN = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"  # noqa: S105 - the grammar's `token`, not a secret
_PARAMETER = re.compile(rf'({_TOKEN})\s*=\s*(?:"((?:[^"\\]|\\.)*)"|({_TOKEN}))')
_SCHEME = re.compile(rf"({_TOKEN})(?:\s+|$|(?=,))(?!\s*=)")
_SCOPE = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+")
_MAX_LENGTH = 8192


def bearer_challenge(values: Iterable[str]) -> dict[str, str]:
    """Return the parameters of the first Bearer challenge in the header's values; empty when there is none.

    Names are lower-case. Of a repeated parameter the first is used.
    """
    for value in values:
        position, scheme, text = 0, "", value[:_MAX_LENGTH]
        parameters: dict[str, str] = {}
        while position < len(text):
            if text[position] in " \t,":
                position += 1
            elif parameter := _PARAMETER.match(text, position):
                if scheme == "bearer":
                    name, quoted, plain = parameter.groups()
                    parameters.setdefault(
                        name.lower(), re.sub(r"\\(.)", r"\1", quoted) if quoted is not None else plain
                    )
                position = parameter.end()
            elif scheme_match := _SCHEME.match(text, position):
                if scheme == "bearer":
                    return parameters
                scheme = scheme_match[1].lower()
                position = scheme_match.end()
            else:
                position += 1  # token68, or not part of the grammar
        if scheme == "bearer":
            return parameters
    return {}


def parse_scopes(text: str) -> tuple[str, ...]:
    """Return the scopes in a space-separated list, in order, without duplicates and without invalid ones."""
    return tuple(dict.fromkeys(s for s in text.split(" ") if _SCOPE.fullmatch(s)))
