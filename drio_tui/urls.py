"""What counts as a web address that may be called, and what as this machine. The only rules for it."""

from __future__ import annotations

import ipaddress
from urllib.parse import SplitResult, urlsplit

LONGEST = 2_000
HOLDS_USER = "it holds a user name"
_ILLEGAL = frozenset('<>"{}|^`')


def is_loopback(host: str) -> bool:
    """Whether `host` (without brackets) can only be this machine: `localhost`, 127.0.0.0/8 or ::1."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def split(url: str) -> SplitResult:
    """`url` taken apart; raises ValueError for what no browser and no HTTP client should be given."""
    if any(c.isspace() or not c.isprintable() for c in url):
        raise ValueError("it holds spaces or control characters")
    if "\\" in url:
        raise ValueError("it holds a backslash")
    parts = urlsplit(url)
    if not parts.hostname:
        raise ValueError("it names no host")
    if parts.username is not None or parts.password is not None:
        raise ValueError(HOLDS_USER)
    _ = parts.port  # raises ValueError when it is not a port number
    return parts


def why_not(url: str) -> str:
    """Why `url` is no web address to call, as the end of a sentence about it; empty where it is one."""
    if not url.strip():
        return "it is empty"
    try:
        scheme = urlsplit(url).scheme
        if scheme not in ("http", "https"):
            return "it does not begin with https:// or http://"
        parts = split(url)
    except ValueError as error:
        return str(error) if str(error).startswith("it ") else "it is no web address"  # else urllib's own words
    if len(url) > LONGEST:
        return "it is too long"
    if not _ILLEGAL.isdisjoint(url):
        return "it holds characters that no web address has"
    if parts.port == 0:
        return "its port is 0"
    return ""


def explained(url: str) -> str:
    """`why_not` with the address itself, unless it may hold credentials. Not yet safe to show."""
    why = why_not(url)
    return why if not why or "@" in url else f"{why} ({url})"
