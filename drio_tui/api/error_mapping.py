"""What the HTTP library reports, as errors of ours: what happened, to whom, and what it means for a change."""

from __future__ import annotations

import os
import socket
import ssl
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any
from urllib.request import getproxies

from drio_tui.api.errors import (
    ConnectionFailed,
    ConnectionLost,
    DrioError,
    NotDrio,
    OutcomeUnknown,
    RequestTimeout,
    ResponseTooLarge,
    ServerError,
    UsageError,
)
from drio_tui.api.http import httpx
from drio_tui.text import duration, one_line

if TYPE_CHECKING:
    from drio_tui.api.transport import Limits

REPEATABLE = frozenset({"GET", "HEAD", "PUT", "DELETE"})
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
# These say that the server did not carry the request out: not implemented, and not now.
_NOT_DONE = frozenset({501, 503})


class ProxyRefused(ConnectionFailed):
    """A proxy between us and the server said no; the request did not get to the server."""

    title = "The proxy refused"
    hint = "Check HTTPS_PROXY and NO_PROXY."


class InsecureConnection(ConnectionFailed):
    """TLS could not be agreed, or the certificate is not to be trusted; nothing was sent."""

    title = "The TLS connection failed"
    hint = "For a private CA, set SSL_CERT_FILE; check the clock too."


def as_ours(error: Exception, host: str, limits: Limits, http: Any = httpx) -> DrioError:
    """The error of ours for one of the HTTP library's, met while speaking to `host`.

    `http` is that library: ours, or its continuation that the MCP SDK brings.
    """
    text = one_line(str(error) or type(error).__name__, 300)
    host = one_line(host, 100)
    if isinstance(error, http.ConnectTimeout):
        return ConnectionFailed(f"no connection to {host} within {duration(limits.connect)}")
    if isinstance(error, http.ProxyError):
        return ProxyRefused(text)
    if isinstance(error, http.ConnectError):
        if _cause(error, ssl.SSLError):
            return InsecureConnection(f"{host}: {text}")
        return ConnectionFailed(f"{host}: {_reason(error) or text}", hint=_proxy_hint(host))
    if isinstance(error, http.PoolTimeout):
        return ConnectionFailed("too many requests are waiting for a connection")
    if isinstance(error, http.TimeoutException):
        return RequestTimeout(f"nothing came from {host} for {duration(limits.read)}")
    if isinstance(error, http.UnsupportedProtocol | http.InvalidURL | http.LocalProtocolError | UnicodeError):
        return UsageError(text, title="The address does not work", hint="Check the base URL of the profile.")
    return ConnectionLost(f"{host}: {_reason(error) or text}")


def unusable_network(error: Exception) -> UsageError:
    """What is said when the settings of the network do not even allow a client to be made."""
    return UsageError(
        one_line(str(error), 200),
        title="The network settings do not work",
        hint="Check HTTPS_PROXY, ALL_PROXY, SSL_CERT_FILE and SSL_CERT_DIR.",
    )


def settled(error: DrioError, method: str, path: str) -> DrioError:
    """The error as the caller sees it once no further attempt is made.

    A POST or PATCH that may have been carried out becomes `OutcomeUnknown`, unless the server's own words
    are worth keeping; everything else that may have been is marked `outcome_unknown`.
    """
    if method in ("GET", "HEAD"):
        return error
    if isinstance(error, ConnectionLost | RequestTimeout | NotDrio | ResponseTooLarge):
        if method not in REPEATABLE:
            return OutcomeUnknown(f"{method} {path}: {error.message}")
        error.outcome_unknown = True
    elif isinstance(error, ServerError) and error.status not in _NOT_DONE:
        error.outcome_unknown = True
    return error


def is_transient(error: DrioError) -> bool:
    """Whether another attempt may fare better. What TLS or a proxy refuse stays refused."""
    return isinstance(error, ConnectionFailed | ConnectionLost | RequestTimeout) and not isinstance(
        error, ProxyRefused | InsecureConnection
    )


def _reason(error: Exception) -> str:
    """What the operating system says, in its words: `Connection refused`, `Name or service not known`."""
    found = _cause(error, OSError)
    if not isinstance(found, OSError) or not found.errno:
        return ""
    if isinstance(found, socket.gaierror):
        return one_line(found.strerror or "", 200)
    return os.strerror(found.errno)


def _cause(error: BaseException | None, kind: type[BaseException]) -> BaseException | None:
    """The innermost error of this kind in the chain of causes."""
    found: BaseException | None = None
    for _ in range(32):  # a chain of causes can be a ring
        if error is None:
            break
        if isinstance(error, kind):
            found = error
        if isinstance(error, BaseExceptionGroup):
            error = error.exceptions[0]
        else:
            error = error.__cause__ or error.__context__
    return found


def _proxy_hint(host: str) -> str | None:
    proxies = getproxies()
    if host in LOOPBACK or not ({"http", "https", "all"} & proxies.keys()):
        return None
    return "A proxy is set in the environment (HTTPS_PROXY, NO_PROXY); check that it runs."


def retry_after(value: str | None) -> float | None:
    """Seconds from a `Retry-After` header (RFC 9110 section 10.2.3: seconds or a date); None when unusable."""
    if not value:
        return None
    value = value.strip()
    if value.isascii() and value.isdigit():
        return min(float(value), 1e9) if len(value) < 12 else 1e9  # finite, so that it can be written as JSON
    try:
        when = parsedate_to_datetime(value)
    except (ValueError, TypeError, OverflowError):
        return None
    if when.tzinfo is None:
        when = when.replace(tzinfo=UTC)
    return max(0.0, (when - datetime.now(UTC)).total_seconds())
