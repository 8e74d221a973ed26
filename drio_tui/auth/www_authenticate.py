"""Reading `WWW-Authenticate` (RFC 9110 section 11.6.1, RFC 6750 section 3, RFC 9728 section 5.1)."""

from __future__ import annotations

import re
from collections.abc import Iterable

_TOKEN = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"  # noqa: S105 - the grammar's `token`, not a secret
_PARAMETER = re.compile(rf'({_TOKEN})\s*=\s*(?:"((?:[^"\\]|\\.)*)"|({_TOKEN}))')
_SCHEME = re.compile(rf"({_TOKEN})(?:\s+|$|(?=,))(?!\s*=)")
_SCOPE = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+")
_LONGEST = 8192


def bearer_challenge(values: Iterable[str]) -> dict[str, str]:
    """The parameters of the first Bearer challenge in the header's values; empty when there is none.

    Names are lower-cased. Of a parameter given twice the first counts.
    """
    for value in values:
        position, scheme, text = 0, "", value[:_LONGEST]
        found: dict[str, str] = {}
        while position < len(text):
            if text[position] in " \t,":
                position += 1
            elif parameter := _PARAMETER.match(text, position):
                if scheme == "bearer":
                    name, quoted, plain = parameter.groups()
                    found.setdefault(name.lower(), re.sub(r"\\(.)", r"\1", quoted) if quoted is not None else plain)
                position = parameter.end()
            elif start := _SCHEME.match(text, position):
                if scheme == "bearer":
                    return found
                scheme = start[1].lower()
                position = start.end()
            else:
                position += 1  # token68 and noise
        if scheme == "bearer":
            return found
    return {}


def scopes(text: str) -> tuple[str, ...]:
    """The scopes in a space-separated list, in order, each once; what the grammar forbids is left out."""
    return tuple(dict.fromkeys(s for s in text.split(" ") if _SCOPE.fullmatch(s)))
