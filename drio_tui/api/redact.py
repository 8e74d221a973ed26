"""Taking secrets out of what is shown, logged or copied."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote, quote_plus

HIDDEN = "••••••"
_NOT_LETTERS = re.compile(r"[^a-z0-9]")
_SECRET_ENDINGS = (
    "secret", "password", "passwd", "passphrase", "passcode", "token", "apikey", "authorization", "credential",
    "credentials", "privatekey", "accesskey", "secretkey", "secretvalue", "clientassertion", "codeverifier", "cookie",
    "setcookie", "jwt", "sessionid",
)  # fmt: skip
_SECRET_LISTS = ("secrets", "passwords", "tokens", "apikeys")  # but `maxTokens: 4096` is a number
_SECRET_NAMES = frozenset({"code", "state", "deviceauth"})
# RFC 7230 header names whose values are always secret.
_SECRET_HEADERS = frozenset({"authorization", "proxy-authorization", "cookie", "set-cookie"})
# Members of a JSON Schema that map names of members to schemas, and members of a schema that hold values.
_SCHEMA_MAPS = frozenset({"properties", "patternProperties", "$defs", "definitions", "dependentSchemas"})
_SCHEMA_VALUES = frozenset({"default", "const", "enum", "example", "examples"})
# An id of drio's, a UUID, or a path with a scheme or a folder: `vault:crm/token`.
_REFERENCE = re.compile(r"|secret_\w+|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|[a-z][a-z0-9+.-]{0,30}[:/]\S+")
_BEARER = re.compile(r"\b([Bb]earer\s+)[\w.~+/=-]{16,}")
_USERINFO = re.compile(r"(://[^/\s:@]*:)[^/\s@]+@")


def is_secret(name: str, *, oauth: bool = False) -> bool:
    """Whether a JSON member of this name holds a secret; with `oauth`, `code` and `state` count too."""
    plain = _NOT_LETTERS.sub("", name.lower())
    return plain.endswith(_SECRET_ENDINGS) or (oauth and plain in _SECRET_NAMES)


def holds_secret(name: str, value: Any, *, oauth: bool = False) -> bool:
    """Whether a JSON member of this name and value is a secret, or a list of secrets.

    So is a `secretRef` that does not look like a reference: it is easily taken for the place of the secret itself.
    """
    if is_secret(name, oauth=oauth):
        return True
    plain = _NOT_LETTERS.sub("", name.lower())
    if plain == "secretref":
        return isinstance(value, str) and not _REFERENCE.fullmatch(value)
    return not isinstance(value, int | float) and plain.endswith(_SECRET_LISTS)


def redact(value: Any, *, oauth: bool = False) -> Any:
    """A copy of a JSON value with everything under a secret name hidden, booleans and null apart.

    Also hidden: the `value` beside a `name` or `key` that is secret, passwords in URLs, bearer tokens inside
    text, and the defaults and examples of secret members in a JSON Schema, whose form is otherwise kept.
    """
    return _redact(value, oauth, hide=False)


def redact_headers(headers: Mapping[str, str] | Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Header pairs in order, the values of secret ones hidden."""
    pairs = headers.items() if isinstance(headers, Mapping) else headers
    return [
        (name, HIDDEN if name.lower() in _SECRET_HEADERS or is_secret(name) else _text(value)) for name, value in pairs
    ]


def spellings(secret: str) -> list[str]:
    """A secret as it may stand in texts: as it is, and as URLs, forms and JSON spell it; the longest first."""
    told = secret.encode("utf-8", "replace")
    found = {secret, quote(told, safe=""), quote(told), quote_plus(told)}
    found |= {json.dumps(secret, ensure_ascii=ascii_only)[1:-1] for ascii_only in (True, False)}
    return sorted(found, key=lambda one: (-len(one), one))


def _redact(value: Any, oauth: bool, *, hide: bool) -> Any:
    if isinstance(value, dict):
        named = value.get("name", value.get("key"))
        pair = "value" in value and isinstance(named, str) and is_secret(named, oauth=oauth)
        found = {}
        for key, item in value.items():
            if key in _SCHEMA_MAPS and isinstance(item, dict) and not hide:
                found[key] = {name: _schema(name, part, oauth) for name, part in item.items()}
            else:
                found[key] = _redact(
                    item, oauth, hide=hide or holds_secret(key, item, oauth=oauth) or (pair and key == "value")
                )
        return found
    if value is None or isinstance(value, bool):
        return value
    if hide:
        return HIDDEN
    if isinstance(value, list):
        return [_redact(item, oauth, hide=False) for item in value]
    return _text(value) if isinstance(value, str) else value


def _schema(name: str, schema: Any, oauth: bool) -> Any:
    """The schema of the member `name`: no value itself, but it may hold some."""
    secret = is_secret(name, oauth=oauth)
    plain = _redact(schema, oauth, hide=secret and not isinstance(schema, dict))
    if secret and isinstance(plain, dict):
        return {key: HIDDEN if key in _SCHEMA_VALUES else item for key, item in plain.items()}
    return plain


def _text(text: str) -> str:
    if "earer" in text:
        text = _BEARER.sub(rf"\1{HIDDEN}", text)
    if "@" in text:
        text = _USERINFO.sub(rf"\1{HIDDEN}@", text)
    return text
