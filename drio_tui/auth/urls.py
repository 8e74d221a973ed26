"""Origins, and the URLs to which secrets may be sent."""

from __future__ import annotations

from urllib.parse import urlsplit

from drio_tui.auth.errors import Step, UnsafeEndpoint
from drio_tui.text import one_line
from drio_tui.urls import is_loopback, split

__all__ = ["is_loopback", "is_safe", "origin", "require_safe", "resource_covers", "same_issuer", "split"]

_DEFAULT_PORTS = {"http": 80, "https": 443}


def origin(url: str) -> str:
    """Return scheme, host and port of `url`, without a default port: `https://getdrio.com`. Raises ValueError."""
    parts = split(url)
    host = (parts.hostname or "").lower()
    displayed_host = f"[{host}]" if ":" in host else host
    if parts.port is None or parts.port == _DEFAULT_PORTS.get(parts.scheme):
        return f"{parts.scheme}://{displayed_host}"
    return f"{parts.scheme}://{displayed_host}:{parts.port}"


def is_safe(url: str) -> bool:
    """Return whether `url` is https, or http to this machine."""
    try:
        parts = split(url)
    except ValueError:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and is_loopback(parts.hostname or ""))


def require_safe(url: str, what: str, *, step: Step = Step.DISCOVERY) -> str:
    """Return `url` if it is safe and has no fragment. Raises `UnsafeEndpoint`; its message begins with `what`."""
    if not is_safe(url) or "#" in url:
        raise UnsafeEndpoint(f"{what} is {one_line(url, 200)}", step=step)
    return url


def same_issuer(left: str, right: str) -> bool:
    """Return whether two issuer identifiers are the same (RFC 8414 section 3.3); for discovery only.

    The one difference allowed is `https://host` against `https://host/`: both have the same metadata URL, and
    servers built on pydantic's URL type add that slash on one side only. After discovery the spelling in the metadata
    is the issuer, and an `iss` parameter is compared with it byte for byte.
    """
    return left == right or (_with_root_path(left) == _with_root_path(right))


def _with_root_path(url: str) -> str:
    return url + "/" if url.count("/") == 2 and "?" not in url else url


def resource_covers(resource: str, url: str) -> bool:
    """Return whether a protected resource's identifier includes `url`: same origin, path a prefix by whole segments."""
    try:
        if origin(resource) != origin(url) or "?" in resource or "#" in resource:
            return False
    except ValueError:
        return False
    prefix = urlsplit(resource).path.rstrip("/")
    path = urlsplit(url).path
    return path == prefix or path.startswith(prefix + "/")
