"""Egress rules: which hosts a deployed app may call, and at which addresses.

Only hosts and ports that the app's integrations name (and the token endpoints of their auth connections) may be
called. `guarded_transport` resolves a name once, checks each of its addresses, and connects to a checked address, so
that a change of the DNS record in between has no effect (DNS rebinding). Private, loopback, link-local (with
cloud metadata) and otherwise special addresses are refused unless `allow_private`. If the caller is itself a server
(the sandbox), only its paths below one prefix (the helpdesk) may be called, and these always.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Container, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from drio_tui.urls import url_error

if TYPE_CHECKING:
    from drio_tui.api.http import httpx  # imported where a URL is parsed: the sandbox starts without it

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Origin = tuple[str, int]
"""A host in lower case (an IPv6 address without brackets) and a port."""

_PORTS = {"http": 80, "https": 443}
_WITH_PORT = re.compile(r":[0-9]+\Z")
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
    return plain_host(url.raw_host.decode()), url.port or _PORTS.get(url.scheme, 0)


def plain_host(host: str) -> str:
    """Return a host in the form that is compared: lower case, without a trailing dot."""
    return host.rstrip(".").lower()


def origin_text(origin: Origin) -> str:
    """Return an origin as text: `127.0.0.1:8000`, `[::1]:8000`."""
    host, port = origin
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def parse_origin(text: str) -> Origin:
    """Return the origin that the user writes as `HOST:PORT` or URL. Raises ValueError with the end of a sentence."""
    from drio_tui.api.http import httpx

    text = text.strip()
    url = text if "://" in text else f"http://{text}"
    try:
        if url_error(url):
            raise ValueError
        host, port = origin_of(httpx.URL(url))
        check_host(host)
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
        from drio_tui.api.http import httpx

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
        check_host(host)
        if origin not in self.origins:
            raise EgressDenied(f"{host}:{port} is not a host that this app's integrations name.")
        if origin == self.policy.own:
            path = url.raw_path.partition(b"?")[0]
            if not (path + b"/").startswith(f"{self.policy.own_prefix}/".encode()):
                raise EgressDenied("The sandbox does not call itself.")


def check_host(host: str) -> None:
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


def is_metadata(address: Address) -> bool:
    effective = _embedded(address) or address
    return effective.is_link_local or effective in _METADATA


def _has_metadata(host: str) -> bool:
    try:
        return is_metadata(ipaddress.ip_address(host))
    except ValueError:
        return False


def is_loopback(address: Address) -> bool:
    return (_embedded(address) or address).is_loopback
