"""Egress rules: which hosts a deployed app may call, and at which addresses.

Only hosts and ports that the app's integrations name (and the token endpoints of their auth connections) may be
called. A name is resolved once, each of its addresses is checked, and the connection is made to a checked address,
so that a change of the DNS record in between has no effect (DNS rebinding). Private, loopback, link-local (with
cloud metadata) and otherwise special addresses are refused unless `allow_private`. If the caller is itself a server
(the sandbox), only its paths below one prefix (the helpdesk) may be called, and these always.
"""

from __future__ import annotations

import asyncio
import ipaddress
import re
import socket
from collections.abc import Container, Iterable
from dataclasses import dataclass
from typing import Any

import httpcore

from drio_tui.api.http import httpx
from drio_tui.urls import url_error

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Origin = tuple[str, int]
"""A host in lower case (an IPv6 address without brackets) and a port."""

_PORTS = {"http": 80, "https": 443}
_RESOLVE_SECONDS = 5.0
_IDLE_SECONDS = 15.0
_CONNECTIONS = 64
_WITH_PORT = re.compile(r":[0-9]+\Z")
_ADDRESSES_TRIED = 3
_NUMERIC_HOST = re.compile(r"(?:0x[0-9a-f]*|[0-9]+)(?:\.(?:0x[0-9a-f]*|[0-9]+)){0,3}\.?", re.IGNORECASE)
_NAME = re.compile(
    r"(?=.{1,253}\.?\Z)(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9])?)(?:\.[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9])?)*\.?"
)
_METADATA = frozenset(
    map(ipaddress.ip_address, ("100.100.100.200", "168.63.129.16", "192.0.0.192", "fd00:ec2::254", "fd20:ce::254"))
)
"""Addresses of cloud metadata outside the link-local networks: Alibaba, Azure, Oracle, AWS and Google by IPv6."""
_EMBEDDING = (
    ipaddress.IPv6Network("64:ff9b::/96"),  # NAT64, RFC 6052
    ipaddress.IPv6Network("::/96"),  # IPv4-compatible, RFC 4291
)


class EgressDenied(Exception):
    """The request may not go there; the message is a sentence without the URL's query.

    `private` is the origin if it is refused only because its address is private.
    """

    def __init__(self, message: str, *, private: Origin | None = None) -> None:
        super().__init__(message)
        self.private = private


class Unreachable(Exception):
    """The host's name cannot be resolved."""


@dataclass(frozen=True, slots=True)
class Policy:
    """What may be called.

    `own` is where the caller itself listens, if it does: of it only paths below `own_prefix` may be called. Private
    addresses may be called everywhere (`allow_private`) or at the `private` origins, except for cloud metadata.
    `private` may change: it is checked for every new connection.
    """

    own: Origin | None = None
    own_prefix: str = ""
    allow_private: bool = False
    private: Container[Origin] = frozenset()


def origin_of(url: httpx.URL) -> Origin:
    """Return the host and port of a URL; an internationalized name in its ASCII form (`xn--…`), as it is looked up."""
    return _plain_host(url.raw_host.decode()), url.port or _PORTS.get(url.scheme, 0)


def _plain_host(host: str) -> str:
    """Return a host in the form that is compared: lower case, without a trailing dot."""
    return host.rstrip(".").lower()


def origin_text(origin: Origin) -> str:
    """Return an origin as text: `127.0.0.1:8000`, `[::1]:8000`."""
    host, port = origin
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def parse_origin(text: str) -> Origin:
    """Return the origin that the user writes as `HOST:PORT` or URL. Raises ValueError with the end of a sentence."""
    text = text.strip()
    url = text if "://" in text else f"http://{text}"
    try:
        if url_error(url):
            raise ValueError
        host, port = origin_of(httpx.URL(url))
        _check_host(host)
    except (httpx.InvalidURL, ValueError, EgressDenied):
        raise ValueError("is no host and port, such as 127.0.0.1:8000") from None
    if "://" not in text and not _WITH_PORT.search(text):
        raise ValueError("names no port: write it as in 127.0.0.1:8000")
    if _has_metadata(host):
        raise ValueError("is where clouds keep their metadata, and is never called")
    return host, port


@dataclass(frozen=True, slots=True)
class EgressPolicy:
    """What one app may call."""

    policy: Policy
    origins: frozenset[Origin]

    @classmethod
    def for_urls(cls, policy: Policy, urls: Iterable[str]) -> EgressPolicy:
        """Return a policy that allows the origins of the URLs. A URL that cannot be parsed allows nothing."""
        origins = set()
        for url in urls:
            try:
                origins.add(origin_of(httpx.URL(url)))
            except (httpx.InvalidURL, ValueError):
                continue
        return cls(policy, frozenset(origins))

    def check(self, url: httpx.URL) -> None:
        """Raise `EgressDenied` if the app may not use the URL's scheme, host or port."""
        if url.scheme not in _PORTS:
            raise EgressDenied(f"Only http and https are spoken, not {url.scheme or 'nothing'}.")
        if url.userinfo:
            raise EgressDenied("An address may not carry a user name or password.")
        host, port = origin = origin_of(url)
        _check_host(host)
        if origin not in self.origins:
            raise EgressDenied(f"{host}:{port} is not a host that this app's integrations name.")
        if origin == self.policy.own:
            path = url.raw_path.partition(b"?")[0]
            if not (path + b"/").startswith(f"{self.policy.own_prefix}/".encode()):
                raise EgressDenied("The sandbox does not call itself.")


def _check_host(host: str) -> None:
    """Raise `EgressDenied` for what is neither a plain name nor an address in its usual notation."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        if not host or _NUMERIC_HOST.fullmatch(host) or not _NAME.fullmatch(host):
            raise EgressDenied("The host is neither a name nor an address in its usual spelling.") from None


def denial_reason(address: Address, *, allow_private: bool = False) -> str:
    """Return why no request may be sent to an address, as the end of a sentence; empty where it may."""
    ipv4 = _embedded(address)
    if ipv4 is not None:
        return denial_reason(ipv4, allow_private=allow_private)
    if address.is_unspecified or address.is_multicast or int(address) == 0xFFFFFFFF:
        return "is no address of a server"
    if allow_private:
        return ""
    if address.is_loopback:
        return "is this machine"
    if address.is_link_local:
        return "is link-local, where clouds keep their metadata"
    if address in _METADATA:
        return "is where clouds keep their metadata"
    if address.is_reserved or not address.is_global:
        return "is in a private or special network"
    if isinstance(address, ipaddress.IPv6Address) and address.is_site_local:
        return "is in a private network"
    return ""


def _embedded(address: Address) -> ipaddress.IPv4Address | None:
    """Return the IPv4 address that an IPv6 address leads to: mapped, 6to4, Teredo, NAT64 or IPv4-compatible."""
    if not isinstance(address, ipaddress.IPv6Address):
        return None
    ipv4 = address.ipv4_mapped or address.sixtofour
    if ipv4 is None and address.teredo is not None:
        ipv4 = address.teredo[1]
    special = address.is_unspecified or address.is_loopback  # `::` and `::1` lead nowhere else
    if ipv4 is None and not special and any(address in network for network in _EMBEDDING):
        ipv4 = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return ipv4


class GuardedBackend(httpcore.AsyncNetworkBackend):
    """Opens connections only to addresses that were checked."""

    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self._backend = httpcore.AnyIOBackend()
        self._allowed_before: set[Origin] = set()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - part of the interface
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Connect as httpcore requires it. Also raises `EgressDenied` and `Unreachable`."""
        failure: Exception | None = None
        for address in (await self.addresses(host, port))[:_ADDRESSES_TRIED]:
            try:
                return await self._backend.connect_tcp(address, port, timeout, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
        raise failure or Unreachable(f"{host} has no address.")

    async def check_again(self, origin: Origin) -> None:
        """Raise `EgressDenied` where the user no longer allows calls to the origin's private address.

        A connection to it may still be open. Raises `Unreachable` as `connect_tcp` does.
        """
        if origin in self._allowed_before and origin not in self.policy.private:
            self._allowed_before.discard(origin)
            await self.addresses(*origin)

    async def connect_unix_socket(self, *_args: Any, **_options: Any) -> httpcore.AsyncNetworkStream:
        raise EgressDenied("Local sockets are not spoken to.")

    async def addresses(self, host: str, port: int) -> list[str]:
        """Return the addresses of a host, all of which may be called. Raises `EgressDenied` if one may not."""
        host = _plain_host(host)
        _check_host(host)
        addresses = await self._resolve(host, port)
        policy = self.policy
        own_port = policy.own[1] if policy.own else None
        allowed = (host, port) in policy.private
        for text in addresses:
            address = ipaddress.ip_address(text.partition("%")[0])
            if (host, port) == policy.own:
                if address.is_loopback:
                    continue
                raise EgressDenied("The sandbox's own address is not this machine.")
            if policy.own and port == own_port and _is_loopback(address):
                raise EgressDenied(f"The sandbox does not call itself; its helpdesk is at {policy.own[0]}:{own_port}.")
            allowable = not _is_metadata(address)  # metadata is never allowed for a single origin, under any name
            if reason := denial_reason(address, allow_private=policy.allow_private or (allowed and allowable)):
                private = allowable and not denial_reason(address, allow_private=True)
                message = f"{host} {reason}" if host == str(address) else f"{host} is at {address}, which {reason}"
                raise EgressDenied(f"{message}.", private=(host, port) if private else None)
        if allowed:
            self._allowed_before.add((host, port))
        return addresses

    async def _resolve(self, host: str, port: int) -> list[str]:
        try:
            return [str(ipaddress.ip_address(host))]
        except ValueError:
            pass
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(_RESOLVE_SECONDS):
                infos = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
        except TimeoutError:
            raise Unreachable(f"The name {host} could not be looked up in time.") from None
        except (OSError, UnicodeError):
            raise Unreachable(f"The name {host} has no address.") from None
        return list(dict.fromkeys(str(info[4][0]) for info in infos))


def _is_metadata(address: Address) -> bool:
    effective = _embedded(address) or address
    return effective.is_link_local or effective in _METADATA


def _has_metadata(host: str) -> bool:
    try:
        return _is_metadata(ipaddress.ip_address(host))
    except ValueError:
        return False


def _is_loopback(address: Address) -> bool:
    return (_embedded(address) or address).is_loopback


class _PoolTransport(httpx.AsyncHTTPTransport):
    """httpx's transport over a given pool: the pool that httpx makes itself cannot have a `network_backend`.

    httpx's `__init__` is not called, so there is no second pool that connects without the checks: if httpx renames
    `_pool`, requests fail.
    """

    def __init__(self, pool: httpcore.AsyncConnectionPool) -> None:
        self._pool = pool


class GuardedTransport(httpx.AsyncBaseTransport):
    """The httpx transport over `GuardedBackend`. Certificates are loaded for the first https request."""

    def __init__(self, policy: Policy, *, connections: int = _CONNECTIONS) -> None:
        self._backend = GuardedBackend(policy)
        self._connections = connections
        self._transports: dict[str, httpx.AsyncHTTPTransport] = {}

    def _transport(self, scheme: str) -> httpx.AsyncHTTPTransport:
        transport = self._transports.get(scheme)
        if transport is None:
            pool = httpcore.AsyncConnectionPool(
                ssl_context=httpx.create_ssl_context() if scheme == "https" else None,
                max_connections=self._connections,
                max_keepalive_connections=self._connections // 2,
                keepalive_expiry=_IDLE_SECONDS,
                network_backend=self._backend,
            )
            transport = self._transports[scheme] = _PoolTransport(pool)
        return transport

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await self._backend.check_again(origin_of(request.url))
        try:
            transport = self._transport(request.url.scheme)
        except OSError as error:
            raise httpx.ConnectError("no certificates could be loaded, see SSL_CERT_FILE and SSL_CERT_DIR") from error
        return await transport.handle_async_request(request)

    async def aclose(self) -> None:
        for transport in self._transports.values():
            await transport.aclose()
        self._transports.clear()
