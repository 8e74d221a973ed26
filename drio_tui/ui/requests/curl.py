"""A logged request as a command for the shell, with the token left to the environment."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from drio_tui.api.redact import HIDDEN

if TYPE_CHECKING:
    from drio_tui.api.transport import Exchange

# curl sets these by itself, or they belong to our connection alone.
_OURS = frozenset({"host", "content-length", "connection", "accept-encoding", "user-agent", "authorization", "cookie"})
_LEFT_OPEN = '"$UPSTREAM_SECRET"'


def command(method: str, url: str, headers: Iterable[tuple[str, str]], body: str | None) -> str:
    """A request of a tool as a curl command: hidden values are left to the environment, all else is quoted."""
    parts = ["curl", "--request " + shlex.quote(_no_controls(method)), "--url " + _open(_no_controls(url))]
    for name, value in headers:
        if name.lower() not in _OURS - {"authorization"}:
            parts.append("--header " + _open(_no_controls(f"{name}: {value}")))
    if body is not None:
        parts.append("--data-raw " + _open(body))
    return " \\\n  ".join(parts)


def _open(text: str) -> str:
    """The text quoted, a hidden value in it left to the environment."""
    return _LEFT_OPEN.join(shlex.quote(part) if part else "" for part in text.split(HIDDEN)) or "''"


def as_curl(exchange: Exchange, dumps: Any = json.dumps) -> str:
    """The exchange as a curl command; every value is quoted for a POSIX shell, so pasting it runs curl and no more."""
    parts = ["curl", "--request " + shlex.quote(exchange.method), "--url " + shlex.quote(_no_controls(exchange.url))]
    for name, value in exchange.request_headers:
        if name.lower() not in _OURS:
            parts.append("--header " + shlex.quote(_no_controls(f"{name}: {value}")))
    if any(name.lower() == "authorization" for name, _ in exchange.request_headers):
        parts.append('--header "Authorization: Bearer $DRIO_TOKEN"')
    if exchange.request_body is not None:
        parts.append("--data-raw " + shlex.quote(dumps(exchange.request_body)))
    return " \\\n  ".join(parts)


def _no_controls(text: str) -> str:
    """Header and URL values cannot hold control characters; a pasted newline would start another command line."""
    return "".join(char if char.isprintable() else f"%{ord(char):02X}" for char in text)
