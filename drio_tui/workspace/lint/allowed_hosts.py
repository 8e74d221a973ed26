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
"""What allows the address of an integration, on the integration in the program."""


@dataclass(frozen=True, slots=True)
class AllowedHosts:
    """What a sandbox may call at private addresses. `command` allows a host, which is to follow."""

    origins: tuple[Origin, ...] = ()
    everything: bool = False
    command: str = "drio-tui sandbox allow"

    def __contains__(self, origin: Origin) -> bool:
        return self.everything or origin in self.origins

    def advice(self, origin: Origin) -> str:
        """How a person allows an origin, as a sentence."""
        return f"Allow it: `{self.command} {origin_text(origin)}`, or {KEY} on the integration in the program."


async def allowed_hosts(client: DrioClient) -> AllowedHosts | None:
    """What is allowed; None from a drio that is no local sandbox. Raises `DrioError`."""
    if not client.transport.is_sandbox:
        return None
    try:
        return await listed(client)
    except NotFound:  # a sandbox of an earlier version
        return None


async def listed(client: DrioClient) -> AllowedHosts:
    """What the sandbox allows. Raises `DrioError`."""
    return _read((await client.transport.request("GET", _PATH, below_origin=True)).data)


async def allow(client: DrioClient, origin: Origin) -> AllowedHosts:
    """Let the sandbox call a private address. Raises `DrioError`."""
    body = {"host": origin_text(origin)}
    return _read((await client.transport.request("POST", _PATH, json=body, below_origin=True)).data)


async def revoke(client: DrioClient, origin: Origin) -> AllowedHosts:
    """Let the sandbox no longer call a private address. Raises `DrioError`."""
    path = path_of(f"{_PATH}/{{host}}", host=origin_text(origin))
    return _read((await client.transport.request("DELETE", path, below_origin=True)).data)


def _read(data: Any) -> AllowedHosts:
    try:
        origins = tuple(parse_origin(str(each["host"])) for each in data["hosts"])
        return AllowedHosts(origins, data["everything"] is True, str(data["command"]))
    except (KeyError, TypeError, ValueError):
        raise NotDrio("the sandbox answered without a list of allowed hosts") from None
