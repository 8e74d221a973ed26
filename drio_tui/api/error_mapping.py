"""Maps exceptions of the HTTP library to `DrioError`s, and final errors to unknown outcomes of changes."""

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
    from drio_tui.api.exchange import Limits

REPEATABLE = frozenset({"GET", "HEAD", "PUT", "DELETE"})
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
# With these statuses the server has not executed the request: not implemented, and unavailable.
_NOT_EXECUTED = frozenset({501, 503})


class ProxyRefused(ConnectionFailed):
    """A proxy refused the request; it did not reach the server."""

    title = "The proxy refused"
    hint = "Check HTTPS_PROXY and NO_PROXY."


class InsecureConnection(ConnectionFailed):
    """The TLS handshake failed, or the certificate is not trusted; nothing was sent."""

    title = "The TLS connection failed"
    hint = "For a private CA, set SSL_CERT_FILE; check the clock too."


def map_http_error(error: Exception, host: str, limits: Limits, http: Any = httpx) -> DrioError:
    """Return the `DrioError` for an exception of the HTTP library, raised by a request to `host`.

    `http` is that library: httpx, or its successor httpx2, which the MCP SDK uses.
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


def network_settings_error(error: Exception) -> UsageError:
    """Return the error for proxy or certificate settings with which no client can be created."""
    return UsageError(
        one_line(str(error), 200),
        title="The network settings do not work",
        hint="Check HTTPS_PROXY, ALL_PROXY, SSL_CERT_FILE and SSL_CERT_DIR.",
    )


def final_error(error: DrioError, method: str, path: str) -> DrioError:
    """Return the error to raise after the last attempt of a request.

    For a POST or PATCH that may have been executed this is `OutcomeUnknown`, unless the server sent an error of its
    own, whose message is kept; such an error, and those of other methods that may have been executed, get
    `outcome_unknown`.
    """
    if method in ("GET", "HEAD"):
        return error
    if isinstance(error, ConnectionLost | RequestTimeout | NotDrio | ResponseTooLarge):
        if method not in REPEATABLE:
            message = error.message.removeprefix(f"{path}: ")
            return OutcomeUnknown(f"{method} {path}: {message}")
        error.outcome_unknown = True
    elif isinstance(error, ServerError) and error.status not in _NOT_EXECUTED:
        error.outcome_unknown = True
    return error


def is_transient(error: DrioError) -> bool:
    """Return whether another attempt may succeed: not after a TLS error or a refusal by a proxy."""
    return isinstance(error, ConnectionFailed | ConnectionLost | RequestTimeout) and not isinstance(
        error, ProxyRefused | InsecureConnection
    )


def _reason(error: Exception) -> str:
    """Return the operating system's message, e.g. `Connection refused` or `Name or service not known`; or empty."""
    os_error = _cause(error, OSError)
    if not isinstance(os_error, OSError) or not os_error.errno:
        return ""
    if isinstance(os_error, socket.gaierror):
        return one_line(os_error.strerror or "", 200)
    return os.strerror(os_error.errno)


def _cause(error: BaseException | None, kind: type[BaseException]) -> BaseException | None:
    """Return the innermost exception of this kind in the chain of causes, or None."""
    innermost: BaseException | None = None
    for _ in range(32):  # a chain of causes may be circular
        if error is None:
            break
        if isinstance(error, kind):
            innermost = error
        if isinstance(error, BaseExceptionGroup):
            error = error.exceptions[0]
        else:
            error = error.__cause__ or error.__context__
    return innermost


def _proxy_hint(host: str) -> str | None:
    proxies = getproxies()
    if host in LOOPBACK or not ({"http", "https", "all"} & proxies.keys()):
        return None
    return "A proxy is set in the environment (HTTPS_PROXY, NO_PROXY); check that it runs."


def retry_after(value: str | None) -> float | None:
    """Return the seconds of a `Retry-After` header (RFC 9110 section 10.2.3: seconds or a date); None if invalid."""
    if not value:
        return None
    value = value.strip()
    if value.isascii() and value.isdigit():
        return min(float(value), 1e9) if len(value) < 12 else 1e9  # finite, so that it can be written as JSON
    try:
        date = parsedate_to_datetime(value)
    except (ValueError, TypeError, OverflowError):
        return None
    if date.tzinfo is None:
        date = date.replace(tzinfo=UTC)
    return max(0.0, (date - datetime.now(UTC)).total_seconds())
