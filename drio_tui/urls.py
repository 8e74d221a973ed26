"""The only rules for which web addresses may be called, and which hosts are this machine."""

from __future__ import annotations

import ipaddress
from urllib.parse import SplitResult, urlsplit

LONGEST = 2_000
HOLDS_USER = "it holds a user name"
_FROM_ROOT = ("/api/", "/.well-known/")
"""How paths begin that are never below the base URL: those of all versions of the API, and of RFC 8615."""
HELPDESK_PATH = "/upstream/helpdesk/v1"
"""Where a sandbox serves the upstream of its templates."""
_ILLEGAL = frozenset('<>"{}|^`')


def is_loopback(host: str) -> bool:
    """Return whether `host` (without brackets) is always this machine: `localhost`, 127.0.0.0/8 or ::1."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def split(url: str) -> SplitResult:
    """Split a URL; raises ValueError for one that must not be passed to a browser or HTTP client."""
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


def url_error(url: str) -> str:
    """Return why `url` is not a web address that can be called, as the end of a sentence; empty where it is one."""
    if not url.strip():
        return "it is empty"
    try:
        scheme = urlsplit(url).scheme
        if scheme not in ("http", "https"):
            return "it does not begin with https:// or http://"
        parts = split(url)
    except ValueError as error:
        return str(error) if str(error).startswith("it ") else "it is no web address"  # else urllib's message
    if len(url) > LONGEST:
        return "it is too long"
    if not _ILLEGAL.isdisjoint(url):
        return "it holds characters that no web address has"
    if parts.port == 0:
        return "its port is 0"
    return ""


def url_error_with_address(url: str) -> str:
    """Return `url_error` with the address itself, unless it may contain credentials. Not sanitized."""
    reason = url_error(url)
    return reason if not reason or "@" in url else f"{reason} ({url})"


def is_from_root(path: str) -> bool:
    """Return whether a path is one from the root of a drio, not one below the base URL of its API."""
    return path.startswith(_FROM_ROOT)


def path_argument(origin: str, path: str) -> str:
    """Return a path from the root as `drio-tui api` takes it: as a URL where it would be one below the base URL."""
    return path if is_from_root(path) else origin + path
