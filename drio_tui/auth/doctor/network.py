"""The steps below HTTP: proxy and certificate settings, name resolution, connecting, TLS."""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
import time
import urllib.request
from dataclasses import dataclass
from urllib.parse import urlsplit

from drio_tui.api.http import httpx
from drio_tui.auth.doctor.report import Finding, Outcome
from drio_tui.storage.files import os_error_text
from drio_tui.text import count_of, duration, one_line
from drio_tui.urls import is_loopback

_SECONDS = 10.0
_PROXY_VARIABLES = ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "NO_PROXY")
_PROXY_PORTS = {"http": 80, "https": 443, "socks5": 1080, "socks5h": 1080}


@dataclass(frozen=True, slots=True)
class Route:
    """Where a request to the API connects: the host and port, or those of the `proxy` (a URL; empty without one)."""

    host: str
    port: int
    uses_tls: bool
    proxy: str = ""

    @property
    def address(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def route_to(url: str) -> Route:
    """Return the route to `url` with the proxy settings in effect, as httpx uses them. Raises ValueError."""
    parts = urlsplit(url)
    host, uses_tls = parts.hostname or "", parts.scheme == "https"
    port = parts.port or (443 if uses_tls else 80)
    if is_loopback(host) or urllib.request.proxy_bypass(host):
        return Route(host, port, uses_tls)
    proxies = urllib.request.getproxies()
    proxy = proxies.get(parts.scheme) or proxies.get("all") or ""
    if not proxy:
        return Route(host, port, uses_tls)
    proxy_parts = urlsplit(proxy if "://" in proxy else f"http://{proxy}")
    proxy_port = proxy_parts.port or _PROXY_PORTS.get(proxy_parts.scheme, 80)
    proxy_host = proxy_parts.hostname or ""
    return Route(proxy_host, proxy_port, uses_tls, f"{proxy_parts.scheme}://{proxy_host}:{proxy_port}")


def check_proxy(base_url: str) -> Finding:
    """Return which proxy is used for the API, and which variables are set."""
    names = [name for name in _PROXY_VARIABLES if os.environ.get(name) or os.environ.get(name.lower())]
    in_effect = f" ({', '.join(names)} in effect)" if names else ""
    try:
        route = route_to(base_url)
    except ValueError:
        advice = f"Correct {' or '.join(names)}: scheme://host:port."
        return Finding("a proxy setting is not a URL", Outcome.FAILED, advice=advice)
    if route.proxy:
        return Finding(f"{route.proxy} for this host{in_effect}")
    return Finding(f"none for this host{in_effect}")


def check_certificates(base_url: str) -> Finding:
    """Return which certificate authorities are trusted. Blocks: reads files."""
    if not base_url.startswith("https:"):
        return Finding("http to this machine needs none", Outcome.SKIPPED)
    names = [name for name in ("SSL_CERT_FILE", "SSL_CERT_DIR") if os.environ.get(name)]
    try:
        count = httpx.create_ssl_context().cert_store_stats()["x509_ca"]
    except (OSError, ssl.SSLError, ValueError) as error:
        return Finding(
            f"{' and '.join(names) or 'the certificates'} cannot be read: {os_error_text(error)}",
            Outcome.FAILED,
            advice=f"Let {' and '.join(names) or 'SSL_CERT_FILE'} name a PEM file that exists, or unset it.",
        )
    if names == ["SSL_CERT_DIR"]:  # read when a certificate is looked up
        return Finding("those of SSL_CERT_DIR")
    source = f"from {names[0]}" if names else "of the certifi package"
    if count == 0:
        advice = f"Let {' and '.join(names) or 'SSL_CERT_FILE'} name a PEM file with certificates."
        return Finding(f"no authority {source}", Outcome.FAILED, advice=advice)
    return Finding(f"{count} authorities {source}")


async def check_name(route: Route) -> Finding:
    """Resolve the host's name."""
    loop = asyncio.get_running_loop()
    advice = "Check the spelling of the base URL, the DNS server and the VPN."
    try:
        async with asyncio.timeout(_SECONDS):
            found = await loop.getaddrinfo(route.host, route.port, type=socket.SOCK_STREAM)
    except TimeoutError:
        return Finding(f"no response for {route.host} within {duration(_SECONDS)}", Outcome.FAILED, advice=advice)
    except (OSError, UnicodeError) as error:
        return Finding(f"{route.host} has no address: {os_error_text(error)}", Outcome.FAILED, advice=advice)
    addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
    more = f" and {count_of(len(addresses) - 3, 'other')}" if len(addresses) > 3 else ""
    return Finding(f"{_subject(route)} is {', '.join(addresses[:3])}{more}")


async def check_connection(route: Route) -> Finding:
    """Connect by TCP."""
    started = time.perf_counter()
    try:
        async with asyncio.timeout(_SECONDS):
            _, writer = await asyncio.open_connection(route.host, route.port)
    except TimeoutError:
        return _no_connection(route, f"nothing answers within {duration(_SECONDS)}")
    except OSError as error:
        return _no_connection(route, _reason(error))
    writer.close()
    return Finding(f"{_subject(route)} at {route.address}, {duration(time.perf_counter() - started, short=True)}")


async def check_tls(route: Route) -> Finding:
    """Make a TLS handshake with the certificates that are trusted here."""
    if not route.uses_tls:
        return Finding("http to this machine has no TLS", Outcome.SKIPPED)
    if route.proxy:
        return Finding("made through the proxy; the request below checks it", Outcome.SKIPPED)
    context = await asyncio.to_thread(httpx.create_ssl_context)
    try:
        async with asyncio.timeout(_SECONDS):
            _, writer = await asyncio.open_connection(route.host, route.port, ssl=context, server_hostname=route.host)
    except ssl.SSLCertVerificationError as error:
        return Finding(
            f"the certificate is not trusted: {one_line(error.verify_message, 160)}",
            Outcome.FAILED,
            expected=f"a certificate of {route.host} by a trusted authority, valid now",
            received=one_line(error.verify_message, 160),
            advice="Set SSL_CERT_FILE to your own authority (a proxy that reads TLS has one), or set the clock right.",
        )
    except TimeoutError:
        return _no_connection(route, f"no TLS handshake within {duration(_SECONDS)}")
    except OSError as error:  # ssl.SSLError is one
        return _no_connection(route, f"the TLS handshake failed: {_reason(error)}")
    connection = writer.get_extra_info("ssl_object")
    ends = dict(connection.getpeercert() or {}).get("notAfter", "unknown")
    writer.close()
    return Finding(f"{connection.version()}, certificate valid until {ends}")


def _reason(error: OSError) -> str:
    """Return why there is no connection; asyncio replaces the system's message by one with the address."""
    is_of_system = error.errno is not None and not isinstance(error, ssl.SSLError)
    return os.strerror(error.errno or 0) if is_of_system else one_line(os_error_text(error), 160)


def _no_connection(route: Route, reason: str) -> Finding:
    where = "the proxy settings" if route.proxy else "the network, a firewall, the VPN, and HTTPS_PROXY if you need one"
    return Finding(f"{route.address}: {reason}", Outcome.FAILED, advice=f"Check {where}; then the host itself.")


def _subject(route: Route) -> str:
    return f"the proxy {route.host}" if route.proxy else route.host
