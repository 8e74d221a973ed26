"""The private addresses that a local sandbox lets deployed apps call; drio itself has no such list."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from drio_tui.api.errors import NotDrio, NotFound
from drio_tui.api.resource_type import path_of
from drio_tui.tool_calls.egress import Origin, origin_text, parse_origin

if TYPE_CHECKING:
    from drio_tui.api.client import DrioClient

_PATH = "/sandbox/allowed-hosts"
KEY = "A"
"""The key that allows the address of an integration in the user interface, while the integration is selected."""


@dataclass(frozen=True, slots=True)
class AllowedHosts:
    """The private addresses that a sandbox may call. `command` followed by a host allows that host."""

    origins: tuple[Origin, ...] = ()
    everything: bool = False
    command: str = "drio-tui sandbox allow"

    def __contains__(self, origin: Origin) -> bool:
        return self.everything or origin in self.origins

    def advice(self, origin: Origin) -> str:
        """Return a sentence that says how the user allows an origin."""
        return f"Allow it: `{self.command} {origin_text(origin)}`, or {KEY} on the integration in the program."


async def allowed_hosts(client: DrioClient) -> AllowedHosts | None:
    """Return the allowed hosts, or None from a drio that is not a local sandbox. Raises `DrioError`."""
    if not client.transport.is_sandbox:
        return None
    try:
        return await fetch_allowed_hosts(client)
    except NotFound:  # a sandbox of an earlier version
        return None


async def fetch_allowed_hosts(client: DrioClient) -> AllowedHosts:
    """Return what the sandbox allows. Raises `DrioError`."""
    return _parse((await client.transport.request("GET", _PATH, at_origin=True)).data)


async def allow(client: DrioClient, origin: Origin) -> AllowedHosts:
    """Let the sandbox call a private address. Raises `DrioError`."""
    body = {"host": origin_text(origin)}
    return _parse((await client.transport.request("POST", _PATH, json=body, at_origin=True)).data)


async def revoke(client: DrioClient, origin: Origin) -> AllowedHosts:
    """Stop the sandbox from calling a private address. Raises `DrioError`."""
    path = path_of(f"{_PATH}/{{host}}", host=origin_text(origin))
    return _parse((await client.transport.request("DELETE", path, at_origin=True)).data)


def _parse(data: Any) -> AllowedHosts:
    try:
        origins = tuple(parse_origin(str(host["host"])) for host in data["hosts"])
        return AllowedHosts(origins, data["everything"] is True, str(data["command"]))
    except (KeyError, TypeError, ValueError):
        raise NotDrio("the sandbox answered without a list of allowed hosts") from None
