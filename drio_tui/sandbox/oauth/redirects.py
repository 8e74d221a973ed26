"""Validation of redirect URIs: which ones may be registered, and whether a requested one is registered.

URIs are compared byte for byte (RFC 9700 section 2.1). The only exception is the port of a loopback address of a
native application (RFC 8252 section 7.3).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import parse_qsl, urlencode, urlsplit

MAX_URI = 2000
_PRINTABLE = re.compile(r"[!-~]+\Z")
_UNSAFE = frozenset('\\"<>^`{|}')
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*\Z")
_LOOPBACK = re.compile(r"(http://(?:127\.0\.0\.1|\[::1\]|localhost))(?::([0-9]{1,5}))?((?:[/?][!-~]*)?)\Z")
_RESPONSE_PARAMETERS = frozenset({"code", "state", "iss", "error", "error_description", "error_uri"})


def redirect_uri_error(uri: object, *, native: bool) -> str | None:
    """Return why `uri` cannot be registered, in ASCII; None if it can."""
    if not isinstance(uri, str) or not uri:
        return "a redirect URI is a non-empty string"
    if len(uri) > MAX_URI:
        return f"a redirect URI has at most {MAX_URI} characters"
    if not _PRINTABLE.match(uri) or not _UNSAFE.isdisjoint(uri):
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
    if not _RESPONSE_PARAMETERS.isdisjoint(key for key, _ in parse_qsl(parts.query, keep_blank_values=True)):
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
    uris = list(registered)
    if requested in uris:
        return True
    if not native or not _UNSAFE.isdisjoint(requested) or "#" in requested:
        return False
    loopback = _LOOPBACK.match(requested)
    if loopback is None or (loopback[2] is not None and not 0 < int(loopback[2]) < 65536):
        return False
    return any((match := _LOOPBACK.match(uri)) and match[1] == loopback[1] and match[3] == loopback[3] for uri in uris)


def with_params(uri: str, params: dict[str, str]) -> str:
    """Return `uri` with `params` added to its query, which is not changed otherwise."""
    if uri.endswith(("?", "&")):
        separator = ""
    else:
        separator = "&" if "?" in uri else "?"
    return uri + separator + urlencode(params)


def displayed_host(uri: str) -> str:
    """Return the part of a redirect URI that shows the user where it leads: host and port, or a private scheme."""
    parts = urlsplit(uri)
    return parts.netloc if parts.scheme in ("http", "https") else f"{parts.scheme}:"


def form_action_sources(uri: str) -> str:
    """Return the CSP `form-action` sources of a form whose response redirects to `uri`.

    Browsers check `form-action` at every redirect that follows, also at those of the application's own page, which
    are not known here, so only the schemes can be restricted.
    """
    scheme = uri.partition(":")[0]
    return "http: https:" if scheme in ("http", "https") else f"http: https: {scheme}:"
