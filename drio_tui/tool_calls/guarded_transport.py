"""The httpx transport of calls to upstreams: it connects only to addresses that the egress rules allow."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Iterable
from typing import Any

import httpcore

from drio_tui.api.http import httpx
from drio_tui.tool_calls.egress import (
    EgressDenied,
    Origin,
    Policy,
    Unreachable,
    check_host,
    denial_reason,
    is_loopback,
    is_metadata,
    origin_of,
    plain_host,
)

_RESOLVE_SECONDS = 5.0
_IDLE_SECONDS = 15.0
_CONNECTIONS = 64
_ADDRESSES_TRIED = 3


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
        host = plain_host(host)
        check_host(host)
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
            if policy.own and port == own_port and is_loopback(address):
                raise EgressDenied(f"The sandbox does not call itself; its helpdesk is at {policy.own[0]}:{own_port}.")
            allowable = not is_metadata(address)  # metadata is never allowed for a single origin, under any name
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
