"""Requests as curl commands for a POSIX shell; tokens and secrets are left to environment variables."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from drio_tui.api.redact import HIDDEN

if TYPE_CHECKING:
    from drio_tui.api.exchange import Exchange

# curl sets these itself, or they only concern this program's connection.
_LEFT_OUT = frozenset(
    {"host", "content-length", "connection", "accept-encoding", "user-agent", "authorization", "cookie"}
)
UPSTREAM_SECRET = "UPSTREAM_SECRET"  # noqa: S105 - the name of a shell variable


def command(
    method: str, url: str, headers: Iterable[tuple[str, str]], body: str | None, *, variable: str = UPSTREAM_SECRET
) -> str:
    """Return a request as a curl command: hidden values are left to a shell variable, everything else is quoted."""
    parts = [
        "curl",
        "--request " + shlex.quote(_no_controls(method)),
        "--url " + quoted(_no_controls(url), variable),
    ]
    for name, value in headers:
        if name.lower() not in _LEFT_OUT - {"authorization"}:
            parts.append("--header " + quoted(_no_controls(f"{name}: {value}"), variable))
    if body is not None:
        parts.append("--data-raw " + quoted(body, variable))
    return " \\\n  ".join(parts)


def quoted(text: str, variable: str) -> str:
    """Return a text quoted for a shell, with the shell variable for each hidden value in it."""
    return f'"${variable}"'.join(shlex.quote(part) if part else "" for part in text.split(HIDDEN)) or "''"


def as_curl(exchange: Exchange, dumps: Any = json.dumps) -> str:
    """Return an exchange as a curl command; every value is quoted, so that pasting it runs nothing but curl."""
    parts = ["curl", "--request " + shlex.quote(exchange.method), "--url " + shlex.quote(_no_controls(exchange.url))]
    for name, value in exchange.request_headers:
        if name.lower() not in _LEFT_OUT:
            parts.append("--header " + shlex.quote(_no_controls(f"{name}: {value}")))
    if any(name.lower() == "authorization" for name, _ in exchange.request_headers):
        parts.append('--header "Authorization: Bearer $DRIO_TOKEN"')
    if exchange.request_body is not None:
        parts.append("--data-raw " + shlex.quote(dumps(exchange.request_body)))
    return " \\\n  ".join(parts)


def _no_controls(text: str) -> str:
    """Percent-encode control characters, which URLs and headers cannot have: a newline would start another command."""
    return "".join(char if char.isprintable() else f"%{ord(char):02X}" for char in text)
