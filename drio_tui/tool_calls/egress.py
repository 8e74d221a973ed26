"""The way out: which hosts a deployed app may talk to, and at which addresses they may be found.

Only hosts and ports that the app's integrations name (and the token endpoints of their auth connections) are
spoken to. A name is resolved once, every address it has is judged, and the connection is made to an address
that was judged, so a name that changes its mind in between changes nothing. Private, loopback, link-local
(cloud metadata with it) and otherwise special addresses are refused unless `allow_private`. Of whoever calls
from a server of its own (the sandbox), only what lies below one path may be reached (its helpdesk), and that always.
"""

from __future__ import annotations

import asyncio
import ipaddress
import re
import socket
from collections.abc import AsyncIterator, Container, Iterable
from dataclasses import dataclass, field
from typing import Any

import httpcore

from drio_tui.api.http import httpx
from drio_tui.urls import why_not

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Origin = tuple[str, int]
"""A host in lower case (an IPv6 address without brackets) and a port."""

_PORTS = {"http": 80, "https": 443}
_RESOLVE_SECONDS = 5.0
_IDLE_SECONDS = 15.0
_CONNECTIONS = 64
_WITH_PORT = re.compile(r":[0-9]+\Z")
_ADDRESSES_TRIED = 3
_NUMBERS = re.compile(r"(?:0x[0-9a-f]*|[0-9]+)(?:\.(?:0x[0-9a-f]*|[0-9]+)){0,3}\.?", re.IGNORECASE)
_NAME = re.compile(
    r"(?=.{1,253}\.?\Z)(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9])?)(?:\.[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9])?)*\.?"
)
_METADATA = frozenset(
    map(ipaddress.ip_address, ("100.100.100.200", "168.63.129.16", "192.0.0.192", "fd00:ec2::254", "fd20:ce::254"))
)
"""Where clouds keep their metadata outside the link-local networks: Alibaba, Azure, Oracle, AWS and Google by IPv6."""
_EMBEDDING = (
    ipaddress.IPv6Network("64:ff9b::/96"),  # NAT64, RFC 6052
    ipaddress.IPv6Network("::/96"),  # IPv4-compatible, RFC 4291
)


class EgressDenied(Exception):
    """The request may not go there; the message is a sentence without the URL's query.

    `private` is the origin where only its private address is in the way.
    """

    def __init__(self, message: str, *, private: Origin | None = None) -> None:
        super().__init__(message)
        self.private = private


class Unreachable(Exception):
    """The host's name has no address."""


@dataclass(frozen=True, slots=True)
class Policy:
    """What may be called. `own` is where the caller itself listens, if it does: of it only what lies below
    `own_prefix` may be reached. Private addresses may be called everywhere (`allow_private`), or at the `private`
    origins, those with cloud metadata excepted. `private` may change meanwhile: every new connection asks it.
    """

    own: Origin | None = None
    own_prefix: str = ""
    allow_private: bool = False
    private: Container[Origin] = frozenset()


def origin_of(url: httpx.URL) -> Origin:
    """The host and port that a URL names, a name of other letters in its ASCII form (`xn--…`), as it is looked up."""
    return _plain_host(url.raw_host.decode()), url.port or _PORTS.get(url.scheme, 0)


def _plain_host(host: str) -> str:
    """A host as it is compared: in lower case, without the dot that may end a name."""
    return host.rstrip(".").lower()


def origin_text(place: Origin) -> str:
    """An origin as people write it: `127.0.0.1:8000`, `[::1]:8000`."""
    host, port = place
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def parse_origin(text: str) -> Origin:
    """The origin that a person names as `HOST:PORT` or by a URL. Raises ValueError with the end of a sentence."""
    text = text.strip()
    url = text if "://" in text else f"http://{text}"
    try:
        if why_not(url):
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
    """What one app may ask for."""

    policy: Policy
    origins: frozenset[Origin]

    @classmethod
    def for_urls(cls, policy: Policy, urls: Iterable[str]) -> EgressPolicy:
        """A gate that lets through what the URLs name; one that cannot be read names nothing."""
        found = set()
        for url in urls:
            try:
                found.add(origin_of(httpx.URL(url)))
            except (httpx.InvalidURL, ValueError):
                continue
        return cls(policy, frozenset(found))

    def check(self, url: httpx.URL) -> None:
        """Raise `EgressDenied` where the URL's scheme, host or port is not the app's to use."""
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
    """Refuse what is neither a plain name nor an address in its usual spelling."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        if not host or _NUMBERS.fullmatch(host) or not _NAME.fullmatch(host):
            raise EgressDenied("The host is neither a name nor an address in its usual spelling.") from None


def why_refused(address: Address, *, allow_private: bool = False) -> str:
    """Why nothing may be sent to an address, as the end of a sentence; empty where it may."""
    inner = _embedded(address)
    if inner is not None:
        return why_refused(inner, allow_private=allow_private)
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
    """The IPv4 address that an IPv6 address leads to: mapped, 6to4, Teredo, NAT64 or IPv4-compatible."""
    if not isinstance(address, ipaddress.IPv6Address):
        return None
    inner = address.ipv4_mapped or address.sixtofour
    if inner is None and address.teredo is not None:
        inner = address.teredo[1]
    special = address.is_unspecified or address.is_loopback  # `::` and `::1` lead nowhere else
    if inner is None and not special and any(address in network for network in _EMBEDDING):
        inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return inner


class GuardedBackend(httpcore.AsyncNetworkBackend):
    """Opens connections only to addresses that were judged."""

    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self._backend = httpcore.AnyIOBackend()
        self._agreed: set[Origin] = set()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - the interface's own
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """As httpcore wants it. Raises `EgressDenied` and `Unreachable` besides its own errors."""
        failure: Exception | None = None
        for address in (await self.addresses(host, port))[:_ADDRESSES_TRIED]:
            try:
                return await self._backend.connect_tcp(address, port, timeout, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
        raise failure or Unreachable(f"{host} has no address.")

    async def check_again(self, origin: Origin) -> None:
        """Raise `EgressDenied` where a person no longer lets the origin's private address be called.

        A connection to it may still be open. Raises `Unreachable` as `connect_tcp` does.
        """
        if origin in self._agreed and origin not in self.policy.private:
            self._agreed.discard(origin)
            await self.addresses(*origin)

    async def connect_unix_socket(self, *_args: Any, **_options: Any) -> httpcore.AsyncNetworkStream:
        raise EgressDenied("Local sockets are not spoken to.")

    async def addresses(self, host: str, port: int) -> list[str]:
        """The addresses of a host, all of which may be connected to. Raises `EgressDenied` if one may not."""
        host = _plain_host(host)
        _check_host(host)
        found = await self._resolve(host, port)
        policy = self.policy
        own_port = policy.own[1] if policy.own else None
        agreed = (host, port) in policy.private
        for text in found:
            address = ipaddress.ip_address(text.partition("%")[0])
            if (host, port) == policy.own:
                if address.is_loopback:
                    continue
                raise EgressDenied("The sandbox's own address is not this machine.")
            if policy.own and port == own_port and _is_loopback(address):
                raise EgressDenied(f"The sandbox does not call itself; its helpdesk is at {policy.own[0]}:{own_port}.")
            near = not _is_metadata(address)  # nobody agrees to that for one origin, whatever name leads there
            if why := why_refused(address, allow_private=policy.allow_private or (agreed and near)):
                private = near and not why_refused(address, allow_private=True)
                at = f"{host} {why}" if host == str(address) else f"{host} is at {address}, which {why}"
                raise EgressDenied(f"{at}.", private=(host, port) if private else None)
        if agreed:
            self._agreed.add((host, port))
        return found

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
    plain = _embedded(address) or address
    return plain.is_link_local or plain in _METADATA


def _has_metadata(host: str) -> bool:
    try:
        return _is_metadata(ipaddress.ip_address(host))
    except ValueError:
        return False


def _is_loopback(address: Address) -> bool:
    return (_embedded(address) or address).is_loopback


_ERRORS: tuple[tuple[type[Exception], type[httpx.TransportError]], ...] = (
    (httpcore.ConnectTimeout, httpx.ConnectTimeout),
    (httpcore.TimeoutException, httpx.ReadTimeout),
    (httpcore.ConnectError, httpx.ConnectError),
    (httpcore.ProtocolError, httpx.RemoteProtocolError),
    (httpcore.NetworkError, httpx.ReadError),
    (httpcore.UnsupportedProtocol, httpx.UnsupportedProtocol),
)


_HTTPCORE = tuple(theirs for theirs, _ in _ERRORS)


def _as_httpx(error: Exception) -> httpx.TransportError:
    return next(ours for theirs, ours in _ERRORS if isinstance(error, theirs))(str(error))


class GuardedTransport(httpx.AsyncBaseTransport):
    """httpx's way onto the network, over `GuardedBackend`; certificates are loaded when TLS is first spoken."""

    def __init__(self, policy: Policy, *, connections: int = _CONNECTIONS) -> None:
        self._backend = GuardedBackend(policy)
        self._connections = connections
        self._pools: dict[str, httpcore.AsyncConnectionPool] = {}

    def _pool(self, scheme: str) -> httpcore.AsyncConnectionPool:
        pool = self._pools.get(scheme)
        if pool is None:
            pool = self._pools[scheme] = httpcore.AsyncConnectionPool(
                ssl_context=httpx.create_ssl_context() if scheme == "https" else None,
                max_connections=self._connections,
                max_keepalive_connections=self._connections // 2,
                keepalive_expiry=_IDLE_SECONDS,
                network_backend=self._backend,
            )
        return pool

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await self._backend.check_again(origin_of(request.url))
        url = httpcore.URL(
            scheme=request.url.raw_scheme,
            host=request.url.raw_host,
            port=request.url.port,
            target=request.url.raw_path,
        )
        outgoing = httpcore.Request(
            request.method,
            url,
            headers=request.headers.raw,
            content=request.stream,
            extensions=request.extensions,
        )
        try:
            pool = self._pool(request.url.scheme)
        except OSError as error:
            raise httpx.ConnectError("no certificates could be loaded, see SSL_CERT_FILE and SSL_CERT_DIR") from error
        try:
            answer = await pool.handle_async_request(outgoing)
        except _HTTPCORE as error:
            raise _as_httpx(error) from error
        return httpx.Response(answer.status, headers=answer.headers, stream=_Body(answer))

    async def aclose(self) -> None:
        for pool in self._pools.values():
            await pool.aclose()
        self._pools.clear()


@dataclass(slots=True)
class _Body(httpx.AsyncByteStream):
    answer: httpcore.Response = field(repr=False)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            async for part in self.answer.aiter_stream():
                yield part
        except _HTTPCORE as error:
            raise _as_httpx(error) from error

    async def aclose(self) -> None:
        await self.answer.aclose()
