"""Ids of apps and resources."""

from __future__ import annotations

import re
import secrets

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_LENGTH = 16
_ID = re.compile(r"[a-z]{1,20}_[0-9A-Za-z]{1,60}")


def new_id(prefix: str) -> str:
    """Return a new id such as `tool_8m3k…`: 80 random bits, opaque."""
    return f"{prefix}_{''.join(secrets.choice(_ALPHABET) for _ in range(_LENGTH))}"


def could_be_id(text: str) -> bool:
    """Whether `text` has the form of an id; anything else names no resource and is not looked up."""
    return _ID.fullmatch(text) is not None
