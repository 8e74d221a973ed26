"""What counts as an origin and an address safe to send secrets to."""

from __future__ import annotations

from urllib.parse import urlsplit

from drio_tui.auth.errors import Step, UnsafeEndpoint
from drio_tui.text import one_line
from drio_tui.urls import is_loopback, split

__all__ = ["covers", "is_loopback", "is_safe", "origin", "require_safe", "same_issuer", "split"]

_DEFAULT_PORTS = {"http": 80, "https": 443}


def origin(url: str) -> str:
    """Scheme, host and port of `url`, default ports left out: `https://getdrio.com`. Raises ValueError."""
    parts = split(url)
    host = (parts.hostname or "").lower()
    shown = f"[{host}]" if ":" in host else host
    if parts.port is None or parts.port == _DEFAULT_PORTS.get(parts.scheme):
        return f"{parts.scheme}://{shown}"
    return f"{parts.scheme}://{shown}:{parts.port}"


def is_safe(url: str) -> bool:
    """Whether `url` is https, or http to this machine."""
    try:
        parts = split(url)
    except ValueError:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and is_loopback(parts.hostname or ""))


def require_safe(url: str, what: str, *, step: Step = Step.DISCOVERY) -> str:
    """`url` when it may be used, else `UnsafeEndpoint` naming `what` it was for."""
    if not is_safe(url) or "#" in url:
        raise UnsafeEndpoint(f"{what} is {one_line(url, 200)}", step=step)
    return url


def same_issuer(one: str, other: str) -> bool:
    """Whether metadata are the ones asked for (RFC 8414 section 3.3), for discovery only.

    The one difference forgiven is `https://host` against `https://host/`: both name the same metadata address,
    and servers built on pydantic's URL type add that slash on one side only. From then on the metadata's own
    spelling is the issuer, and an `iss` parameter is compared with it byte for byte.
    """
    return one == other or (_rooted(one) == _rooted(other))


def _rooted(url: str) -> str:
    return url + "/" if url.count("/") == 2 and "?" not in url else url


def covers(resource: str, url: str) -> bool:
    """Whether a protected resource's identifier stands for `url`: same origin, path a prefix by whole segments."""
    try:
        if origin(resource) != origin(url) or "?" in resource or "#" in resource:
            return False
    except ValueError:
        return False
    prefix = urlsplit(resource).path.rstrip("/")
    path = urlsplit(url).path
    return path == prefix or path.startswith(prefix + "/")
