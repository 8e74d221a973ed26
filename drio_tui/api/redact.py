"""Hides secrets in values that are shown, logged or copied."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any
from urllib.parse import unquote_plus, urlsplit, urlunsplit

from drio_tui.api.secret_values import HIDDEN, SECRET_VALUES

__all__ = [
    "BEARER_TOKEN", "HIDDEN", "is_secret", "is_secret_property", "is_secret_schema", "may_hold_secrets", "redact",
    "redact_headers", "redacted_pairs", "redacted_url",
]  # fmt: skip
_NOT_LETTERS = re.compile(r"[^a-z0-9]")
_SECRET_ENDINGS = (
    "secret", "password", "passwd", "passphrase", "passcode", "token", "apikey", "authorization", "credential",
    "credentials", "privatekey", "accesskey", "secretkey", "secretvalue", "clientassertion", "codeverifier", "cookie",
    "setcookie", "jwt", "sessionid",
)  # fmt: skip
_SECRET_LISTS = ("secrets", "passwords", "tokens", "apikeys")  # unless the value is a number: `maxTokens: 4096`
_CONTAINERS = (dict, list)
_SECRET_NAMES = frozenset({"code", "state", "deviceauth"})
# RFC 7230 header names whose values are always secret.
_SECRET_HEADERS = frozenset({"authorization", "proxy-authorization", "cookie", "set-cookie"})
# Keywords of JSON Schema that map names of properties to schemas, and keywords that hold values.
_SCHEMA_MAPS = frozenset({"properties", "patternProperties", "$defs", "definitions", "dependentSchemas"})
_SCHEMA_VALUES = frozenset({"default", "const", "enum", "example", "examples"})
# A drio id, a UUID, or a path with a scheme or a folder: `vault:crm/token`.
_REFERENCE = re.compile(r"|secret_\w+|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|[a-z][a-z0-9+.-]{0,30}[:/]\S+")
# A parameter of a challenge (RFC 9110 section 11.2): `realm="x"`, `error=invalid_token`; not one that holds a secret.
_CHALLENGE_PARAMETER = r"""(?![a-z_-]*(?:token|secret|password|key)\s*=)[a-z][a-z_-]{0,31}(?:\s*=\s*\\?"|=\w)"""
BEARER_TOKEN = re.compile(rf"\b([Bb]earer\s+)(?!\s|{_CHALLENGE_PARAMETER})([\w.~+/=-]{{16,}})")
_USERINFO = re.compile(r"(://[^/\s:@]*:)[^/\s@]+@")


@lru_cache(maxsize=4096)
def _letters(name: str) -> str:
    """Return a name as its letters and digits, in lower case; cached, since the same names come again and again."""
    return _NOT_LETTERS.sub("", name.lower())


def is_secret(name: str, *, oauth: bool = False) -> bool:
    """Return whether a property of this name holds a secret; with `oauth`, also `code` and `state`."""
    plain = _letters(name)
    return plain.endswith(_SECRET_ENDINGS) or (oauth and plain in _SECRET_NAMES)


def is_secret_property(name: str, value: Any, *, oauth: bool = False) -> bool:
    """Return whether a property of this name and value is a secret, or a list of secrets.

    That includes a `secretRef` that does not look like a reference: users may have put the secret itself there.
    """
    plain = _letters(name)
    if plain.endswith(_SECRET_ENDINGS) or (oauth and plain in _SECRET_NAMES):
        return True
    if plain == "secretref":
        return isinstance(value, str) and not _REFERENCE.fullmatch(value)
    return not isinstance(value, int | float) and plain.endswith(_SECRET_LISTS)


def is_secret_schema(schema: Any) -> bool:
    """Return whether a JSON Schema says that its values are secret: by `writeOnly`, or the format `password`."""
    return isinstance(schema, Mapping) and (schema.get("writeOnly") is True or schema.get("format") == "password")


def redact(value: Any, *, oauth: bool = False) -> Any:
    """Return a copy of a JSON value with the values of secret properties hidden, except booleans and null.

    Also hidden are the `value` beside a secret `name` or `key`, passwords in URLs, bearer tokens and `SECRET_VALUES` in
    strings, and the defaults and examples of secret properties in a JSON Schema, which is otherwise unchanged.
    """
    return _redact(value, oauth, hide=False)


def may_hold_secrets(value: Any) -> bool:
    """Return whether `redact` could hide something in a JSON value; faster than `redact`."""
    return _may_hold(value, bool(SECRET_VALUES))


def _may_hold(value: Any, has_values: bool) -> bool:
    """Return `may_hold_secrets`; `has_values`: this process knows secret values."""
    if isinstance(value, dict):
        if "value" in value and ("name" in value or "key" in value):
            return True
        for name, item in value.items():
            if _may_be_secret(name):
                return True
            if item.__class__ is str:
                if (has_values or "earer" in item or "@" in item) and _redact_text(item) != item:
                    return True
            elif item.__class__ in _CONTAINERS and _may_hold(item, has_values):
                return True
    elif isinstance(value, list):
        return any(_may_hold(item, has_values) for item in value)
    elif isinstance(value, str):
        return (has_values or "earer" in value or "@" in value) and _redact_text(value) != value
    return False


@lru_cache(maxsize=4096)
def _may_be_secret(name: str) -> bool:
    """Return whether a property of this name holds a secret, depending on its value."""
    plain = _letters(name)
    return plain.endswith((*_SECRET_ENDINGS, *_SECRET_LISTS)) or plain == "secretref"


def redact_headers(headers: Mapping[str, str] | Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return the headers as pairs in order, with the values of secret ones hidden."""
    pairs = headers.items() if isinstance(headers, Mapping) else headers
    return [
        (name, HIDDEN if name.lower() in _SECRET_HEADERS or is_secret(name) else _redact_text(value))
        for name, value in pairs
    ]


def redacted_pairs(text: str) -> str:
    """Return a query or form with the values of secret names hidden."""
    pairs = []
    for pair in text.split("&"):
        name, separator, _ = pair.partition("=")
        pairs.append(f"{name}={HIDDEN}" if separator and is_secret(unquote_plus(name)) else pair)
    return "&".join(pairs)


def redacted_url(url: str) -> str:
    """Return an address without its password, and with the values of secret query parameters hidden."""
    url = str(redact(url))
    if "?" not in url:
        return url
    try:
        parts = urlsplit(url)
    except ValueError:
        return url
    return urlunsplit(parts._replace(query=redacted_pairs(parts.query)))


def _redact(value: Any, oauth: bool, *, hide: bool) -> Any:
    if isinstance(value, dict):
        name_or_key = value.get("name", value.get("key"))
        is_secret_pair = "value" in value and isinstance(name_or_key, str) and is_secret(name_or_key, oauth=oauth)
        redacted = {}
        for key, item in value.items():
            if key in _SCHEMA_MAPS and isinstance(item, dict) and not hide:
                redacted[key] = {name: _redact_schema(name, schema, oauth) for name, schema in item.items()}
            else:
                redacted[key] = _redact(
                    item,
                    oauth,
                    hide=hide or is_secret_property(key, item, oauth=oauth) or (is_secret_pair and key == "value"),
                )
        return redacted
    if value is None or isinstance(value, bool):
        return value
    if hide:
        return HIDDEN
    if isinstance(value, list):
        return [_redact(item, oauth, hide=False) for item in value]
    return _redact_text(value) if isinstance(value, str) else value


def _redact_schema(name: str, schema: Any, oauth: bool) -> Any:
    """Redact the schema of the property `name`: it is not a value itself, but may hold some."""
    secret = is_secret(name, oauth=oauth)
    redacted = _redact(schema, oauth, hide=secret and not isinstance(schema, dict))
    if secret and isinstance(redacted, dict):
        return {key: HIDDEN if key in _SCHEMA_VALUES else item for key, item in redacted.items()}
    return redacted


def _redact_text(text: str) -> str:
    if "earer" in text:
        text = BEARER_TOKEN.sub(rf"\1{HIDDEN}", text)
    if "@" in text:
        text = _USERINFO.sub(rf"\1{HIDDEN}@", text)
    return SECRET_VALUES.hidden(text)
