"""What the egress rules allow and refuse; `tests/sandbox/mcp/test_egress.py` tests them with deployed apps."""

from __future__ import annotations

import asyncio
import ipaddress
import re
import socket
from typing import Any

import pytest

from drio_tui.api.http import httpx
from drio_tui.tool_calls import guarded_transport
from drio_tui.tool_calls.egress import (
    EgressDenied,
    EgressPolicy,
    Origin,
    Policy,
    Unreachable,
    denial_reason,
    origin_of,
    origin_text,
    parse_origin,
)
from drio_tui.tool_calls.guarded_transport import GuardedBackend

OWN = ("127.0.0.1", 8800)
STRICT = Policy()
LAX = Policy(allow_private=True)
NO_HOST = "is no host and port, such as 127.0.0.1:8000"
METADATA = "is where clouds keep their metadata, and is never called"


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("http://Api.Example.COM./x", ("api.example.com", 80)),
        ("https://example.com", ("example.com", 443)),
        ("https://example.com:8443", ("example.com", 8443)),
        ("http://[::1]:81/", ("::1", 81)),
        ("http://xxx.example", ("xxx.example", 80)),
        ("http://example.xxx.", ("example.xxx", 80)),
        ("https://bücher.example", ("xn--bcher-kva.example", 443)),
        ("ftp://example.com", ("example.com", 0)),
    ],
)
def test_an_origin_is_the_lower_case_host_and_the_port(url: str, origin: Origin) -> None:
    assert origin_of(httpx.URL(url)) == origin


@pytest.mark.parametrize(("origin", "text"), [(("127.0.0.1", 1), "127.0.0.1:1"), (("::1", 8000), "[::1]:8000")])
def test_an_origin_survives_formatting_and_parsing(origin: Origin, text: str) -> None:
    assert origin_text(origin) == text
    assert parse_origin(f" {text}\n") == origin


@pytest.mark.parametrize(
    ("text", "origin"),
    [
        ("localhost:3000", ("localhost", 3000)),
        ("http://localhost", ("localhost", 80)),
        ("https://Db.Example/path", ("db.example", 443)),
        ("https://db.example:8443", ("db.example", 8443)),
    ],
)
def test_an_origin_is_parsed_from_host_and_port_or_a_url(text: str, origin: Origin) -> None:
    assert parse_origin(text) == origin


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("", NO_HOST),
        ("string", "names no port: write it as in 127.0.0.1:8000"),
        ("http://", NO_HOST),
        ("http://user@host:1", NO_HOST),
        ("127.1:8000", NO_HOST),
        ("a_b..c:1", NO_HOST),
        ("a:b", NO_HOST),
        ("ftp://x:1", NO_HOST),
        ("169.254.169.254:80", METADATA),
        ("http://100.100.100.200", METADATA),
        ("http://[::ffff:169.254.169.254]", METADATA),
    ],
)
def test_invalid_origins_are_refused_with_a_reason(text: str, error: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(error)}$"):
        parse_origin(text)


def policy_of_app() -> EgressPolicy:
    urls = ["http://[::x]", "http://api.example.com", "http://a@host", "http://127.0.0.1:8800"]
    return EgressPolicy.for_urls(Policy(OWN, "/upstream/desk"), urls)


@pytest.mark.parametrize(
    ("url", "error"),
    [
        ("ftp://api.example.com", "Only http and https are spoken, not ftp."),
        ("//api.example.com", "Only http and https are spoken, not nothing."),
        ("http://user@api.example.com", "An address may not carry a user name or password."),
        ("http://127.1", "The host is neither a name nor an address in its usual spelling."),
        ("http://a..b", "The host is neither a name nor an address in its usual spelling."),
        ("http://api.example.com:81", "api.example.com:81 is not a host that this app's integrations name."),
        ("http://127.0.0.1:8800/api/v1", "The sandbox does not call itself."),
        ("http://127.0.0.1:8800/upstream/desks", "The sandbox does not call itself."),
        ("http://127.0.0.1:8800/upstream?x=/upstream/desk/", "The sandbox does not call itself."),
        ("http://127.0.0.1:8800/?/upstream/desk", "The sandbox does not call itself."),
    ],
)
def test_forbidden_urls_are_refused_with_a_reason(url: str, error: str) -> None:
    with pytest.raises(EgressDenied) as caught:
        policy_of_app().check(httpx.URL(url))
    assert str(caught.value) == error
    assert caught.value.private is None


@pytest.mark.parametrize(
    "url",
    [
        "http://api.example.com/x",
        "http://host:80",
        "http://127.0.0.1:8800/upstream/desk",
        "http://127.0.0.1:8800/upstream/desk/tickets?page=2",
        "http://127.0.0.1:8800/upstream/desk?q",
    ],
)
def test_urls_of_integrations_are_allowed(url: str) -> None:
    policy_of_app().check(httpx.URL(url))


@pytest.mark.parametrize(
    ("address", "strict", "lax"),
    [
        ("93.184.216.34", "", ""),
        ("2606:4700::1", "", ""),
        ("0.0.0.0", "is no address of a server", "is no address of a server"),
        ("255.255.255.255", "is no address of a server", "is no address of a server"),
        ("224.0.0.1", "is no address of a server", "is no address of a server"),
        ("::ffff:0.0.0.0", "is no address of a server", "is no address of a server"),
        ("127.0.0.1", "is this machine", ""),
        ("::1", "is this machine", ""),
        ("::ffff:127.0.0.1", "is this machine", ""),
        ("::127.0.0.1", "is this machine", ""),
        ("::2", "is in a private or special network", ""),
        ("64:ff9b::7f00:1", "is this machine", ""),
        ("2002:7f00:1::", "is this machine", ""),
        ("2001:0:4136:e378:8000:63bf:80ff:fffe", "is this machine", ""),  # Teredo with 127.0.0.1
        ("169.254.169.254", "is link-local, where clouds keep their metadata", ""),
        ("fe80::1", "is link-local, where clouds keep their metadata", ""),
        ("100.100.100.200", "is where clouds keep their metadata", ""),
        ("fd00:ec2::254", "is where clouds keep their metadata", ""),
        ("10.0.0.1", "is in a private or special network", ""),
        ("100.64.0.1", "is in a private or special network", ""),
        ("240.0.0.1", "is in a private or special network", ""),
        ("192.0.2.1", "is in a private or special network", ""),
        ("fc00::1", "is in a private or special network", ""),
        ("4000::1", "is in a private or special network", ""),
        ("fec0::1", "is in a private network", ""),
    ],
)
def test_non_public_addresses_are_refused_unless_private_ones_are_allowed(address: str, strict: str, lax: str) -> None:
    parsed = ipaddress.ip_address(address)
    assert (denial_reason(parsed), denial_reason(parsed, allow_private=True)) == (strict, lax)


@pytest.fixture
def resolve(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Make every name resolve to the given addresses; returns the list of lookups."""
    lookups: list[tuple[Any, ...]] = []

    def answer(*addresses: str) -> list[tuple[Any, ...]]:
        async def getaddrinfo(host: str, port: int, *, type: int, proto: int) -> list[Any]:
            lookups.append((host, port, type, proto))
            return [(socket.AF_INET, type, proto, "", (address, port)) for address in addresses]

        monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", getaddrinfo)
        return lookups

    return answer


async def denial(policy: Policy, host: str, port: int) -> tuple[str, Origin | None]:
    with pytest.raises(EgressDenied) as caught:
        await GuardedBackend(policy).addresses(host, port)
    return str(caught.value), caught.value.private


async def test_names_are_resolved_in_lower_case_for_tcp(resolve: Any) -> None:
    lookups = resolve("93.184.216.34", "93.184.216.34", "2606:4700::1")
    addresses = await GuardedBackend(STRICT).addresses("Api.XXX.", 443)
    assert addresses == ["93.184.216.34", "2606:4700::1"]
    assert lookups == [("api.xxx", 443, socket.SOCK_STREAM, socket.IPPROTO_TCP)]
    assert await GuardedBackend(STRICT).addresses("93.184.216.34", 443) == ["93.184.216.34"]
    assert len(lookups) == 1


async def test_a_denial_names_the_address_and_the_origin_that_could_be_allowed(resolve: Any) -> None:
    resolve("10.0.0.1")
    message = "db.example is at 10.0.0.1, which is in a private or special network."
    assert await denial(STRICT, "db.example", 5) == (message, ("db.example", 5))
    assert await denial(STRICT, "10.0.0.1", 5) == ("10.0.0.1 is in a private or special network.", ("10.0.0.1", 5))
    resolve("224.0.0.1")
    assert (await denial(STRICT, "db.example", 5))[1] is None
    resolve("fe80::1%eth0")
    message = "db.example is at fe80::1, which is link-local, where clouds keep their metadata."
    assert await denial(STRICT, "db.example", 5) == (message, None)


async def test_metadata_addresses_are_refused_even_for_allowed_origins(resolve: Any) -> None:
    allowed = Policy(private={("db.example", 5)})
    resolve("10.0.0.1")
    assert await GuardedBackend(allowed).addresses("db.example", 5) == ["10.0.0.1"]
    assert (await denial(allowed, "db.example", 6))[1] == ("db.example", 6)
    for address in ("169.254.169.254", "100.100.100.200", "::ffff:169.254.169.254"):
        resolve(address)
        assert (await denial(allowed, "db.example", 5))[1] is None


async def test_the_caller_is_reached_only_by_its_own_name_on_loopback(resolve: Any) -> None:
    policy = Policy(("desk.example", 8800), "/desk", allow_private=True)
    resolve("127.0.0.1", "::1")
    assert await GuardedBackend(policy).addresses("desk.example", 8800) == ["127.0.0.1", "::1"]
    calls_itself = "The sandbox does not call itself; its helpdesk is at desk.example:8800."
    assert await denial(policy, "other.example", 8800) == (calls_itself, None)
    assert await GuardedBackend(policy).addresses("other.example", 8801) == ["127.0.0.1", "::1"]
    resolve("127.0.0.1", "10.0.0.1")
    assert await denial(policy, "desk.example", 8800) == ("The sandbox's own address is not this machine.", None)
    resolve("::ffff:127.0.0.1")
    assert await denial(policy, "other.example", 8800) == (calls_itself, None)
    resolve("10.0.0.1")
    assert await GuardedBackend(policy).addresses("other.example", 8800) == ["10.0.0.1"]


async def test_a_slow_name_lookup_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    async def never(*_: Any, **__: Any) -> list[Any]:
        await asyncio.get_running_loop().create_future()
        return []

    monkeypatch.setattr(guarded_transport, "_RESOLVE_SECONDS", 0.01)
    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", never)
    with pytest.raises(Unreachable, match=r"^The name slow\.example could not be looked up in time\.$"):
        await GuardedBackend(STRICT).addresses("slow.example", 80)


async def test_a_host_without_address_is_reported(resolve: Any) -> None:
    resolve()
    with pytest.raises(Unreachable, match=r"^none\.example has no address\.$"):
        await GuardedBackend(STRICT).connect_tcp("none.example", 80)


async def test_a_connection_is_checked_again_when_its_origin_is_no_longer_allowed(resolve: Any) -> None:
    allowed = {("db.example", 5), ("other.example", 5)}
    backend = GuardedBackend(Policy(private=allowed))
    lookups = resolve("10.0.0.1")
    await backend.addresses("db.example", 5)
    await backend.check_again(("db.example", 5))
    assert len(lookups) == 1
    allowed.remove(("db.example", 5))
    with pytest.raises(EgressDenied, match="private"):
        await backend.check_again(("db.example", 5))
    await backend.check_again(("db.example", 5))  # forgotten: a new connection is checked in any case
    await backend.check_again(("other.example", 5))
    assert len(lookups) == 2


async def test_local_sockets_are_refused() -> None:
    with pytest.raises(EgressDenied, match=r"^Local sockets are not spoken to\.$"):
        await GuardedBackend(LAX).connect_unix_socket("/run/x")
