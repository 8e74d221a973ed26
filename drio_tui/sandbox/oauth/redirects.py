"""Which redirect URIs may be registered, and which requested one is the registered one.

Everything is compared as it was written, byte for byte (RFC 9700 section 2.1). The one freedom is the
port of a loopback address of a native application (RFC 8252 section 7.3).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import parse_qsl, urlencode, urlsplit

MAX_URI = 2000
_PLAIN = re.compile(r"[!-~]+\Z")
_UNSAFE = frozenset('\\"<>^`{|}')
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*\Z")
_LOOPBACK = re.compile(r"(http://(?:127\.0\.0\.1|\[::1\]|localhost))(?::([0-9]{1,5}))?((?:[/?][!-~]*)?)\Z")
_OURS = frozenset({"code", "state", "iss", "error", "error_description", "error_uri"})


def problem(uri: object, *, native: bool) -> str | None:
    """Why `uri` cannot be registered, as plain ASCII; None when it can."""
    if not isinstance(uri, str) or not uri:
        return "a redirect URI is a non-empty string"
    if len(uri) > MAX_URI:
        return f"a redirect URI has at most {MAX_URI} characters"
    if not _PLAIN.match(uri) or not _UNSAFE.isdisjoint(uri):
        return "a redirect URI holds characters that have to be percent-encoded"
    if "#" in uri:
        return "a redirect URI has no fragment"
    scheme, colon, _ = uri.partition(":")
    if not colon or not _SCHEME.match(scheme):
        return "a redirect URI is absolute, with its scheme in lower case"
    try:
        parts = urlsplit(uri)
        port = parts.port
    except ValueError:
        return "the redirect URI cannot be read"
    if "@" in parts.netloc:
        return "a redirect URI has no user name"
    if port == 0:
        return "a redirect URI has no port 0"
    if not _OURS.isdisjoint(key for key, _ in parse_qsl(parts.query, keep_blank_values=True)):
        return "a redirect URI does not hold the parameters of the answer"
    if scheme == "http":
        return None if _LOOPBACK.match(uri) else "http is only for 127.0.0.1, [::1] and localhost"
    if scheme == "https":
        return None if parts.hostname else "the redirect URI has no host"
    if native and "." in scheme:
        return None  # a private-use scheme is a reversed domain name (RFC 8252 section 7.1)
    return "the scheme of the redirect URI is not allowed"


def matches(requested: str, registered: Iterable[str], *, native: bool) -> bool:
    """Whether `requested` is one of `registered`; for native applications the loopback port is free."""
    known = list(registered)
    if requested in known:
        return True
    if not native or not _UNSAFE.isdisjoint(requested) or "#" in requested:
        return False
    asked = _LOOPBACK.match(requested)
    if asked is None or (asked[2] is not None and not 0 < int(asked[2]) < 65536):
        return False
    return any((one := _LOOPBACK.match(uri)) and one[1] == asked[1] and one[3] == asked[3] for uri in known)


def with_params(uri: str, params: dict[str, str]) -> str:
    """`uri` with `params` added to its query; what it holds already stays as it is."""
    if uri.endswith(("?", "&")):
        joint = ""
    else:
        joint = "&" if "?" in uri else "?"
    return uri + joint + urlencode(params)


def host_of(uri: str) -> str:
    """The part of a redirect URI that tells a person where it goes: host and port, or a private scheme."""
    parts = urlsplit(uri)
    return parts.netloc if parts.scheme in ("http", "https") else f"{parts.scheme}:"


def form_targets(uri: str) -> str:
    """The CSP sources for a form whose answer redirects to `uri`.

    Browsers hold `form-action` against every step of a redirect, also those that the application's own
    page takes next, so no more than the schemes can be named.
    """
    scheme = uri.partition(":")[0]
    return "http: https:" if scheme in ("http", "https") else f"http: https: {scheme}:"
