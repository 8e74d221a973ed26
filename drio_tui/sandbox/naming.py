"""Ids, keys and slugs."""

from __future__ import annotations

import re
import secrets
import unicodedata
from collections.abc import Container

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_LENGTH = 16
_ID = re.compile(r"[a-z]{1,20}_[0-9A-Za-z]{1,60}")
_KEY_LENGTH = 100


def new_id(prefix: str) -> str:
    """A fresh id such as `tool_8m3k…`: 80 random bits, opaque."""
    return f"{prefix}_{''.join(secrets.choice(_ALPHABET) for _ in range(_LENGTH))}"


def could_be_id(text: str) -> bool:
    """Whether `text` has the shape of an id; anything else cannot name a thing and is not looked up."""
    return _ID.fullmatch(text) is not None


def kebab(name: str, fallback: str) -> str:
    """`Search Contacts!` as `search-contacts`; `fallback` where nothing of the name is left."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    key = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[: _KEY_LENGTH - 8].strip("-")
    return key or fallback


def unused(key: str, taken: Container[str]) -> str:
    """`key`, or `key-2`, `key-3`, … where it is taken."""
    if key not in taken:
        return key
    number = 2
    while f"{key}-{number}" in taken:
        number += 1
    return f"{key}-{number}"
