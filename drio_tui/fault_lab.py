"""The fault lab of a running sandbox, as its clients see it; drio itself has none."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from drio_tui.api.client import DrioClient
    from drio_tui.api.exchange import Exchange, Limits
    from drio_tui.api.http import httpx

PATH = "/sandbox/faults"
"""Below the origin of a sandbox; no faults are injected there."""
ANNOUNCEMENT = "x-sandbox-faults"
"""The response header that names what is on, joined by `; `."""
_INJECTED = "x-sandbox-fault"
"""The header of a response with a fault, which names it."""


@dataclass(frozen=True, slots=True)
class Preset:
    """A preset that the sandbox offers."""

    name: str
    description: str


@dataclass(frozen=True, slots=True)
class RuleState:
    """A rule that is on: how many requests it was about, and how many of them got its fault."""

    rule: str
    matched: int
    injected: int


@dataclass(frozen=True, slots=True)
class FaultState:
    """What is on in the lab: rules by the name of their preset, or the rule itself.

    `command` switches on the same again, with the same `seed`; it is empty if nothing is on. `injected` counts faults
    since the sandbox started. `wire` is the response of the sandbox.
    """

    on: Mapping[str, tuple[RuleState, ...]]
    seed: int
    command: str
    injected: Mapping[str, int]
    presets: tuple[Preset, ...]
    wire: Mapping[str, Any]


def announced(headers: Iterable[tuple[str, str]]) -> tuple[str, ...]:
    """Return the names of what is on, from the headers of any response of a sandbox."""
    return tuple(name for name in dict(headers).get(ANNOUNCEMENT, "").split("; ") if name)


def injected(headers: Iterable[tuple[str, str]]) -> tuple[str, ...]:
    """Return the names of the faults that a response of a sandbox has."""
    return tuple(name for name in dict(headers).get(_INJECTED, "").split(", ") if name)


async def announce(base_url: str, on_exchange: Callable[[Exchange], None], limits: Limits) -> None:
    """Ask the lab of a sandbox that does not respond, so that `on_exchange` gets a response that names what is on.

    Any response does, also the one that asks for a sign-in. Without a lab there is none. The request is part of no
    recording (`is_announcement`), and a replay does not make it.
    """
    from drio_tui.api.errors import DrioError
    from drio_tui.api.http import can_answer
    from drio_tui.api.transport import Transport

    transport = Transport(base_url, on_exchange=on_exchange, limits=limits)
    try:
        if not can_answer("GET", transport.url_at_origin(PATH)):
            return
        await transport.request("GET", PATH, at_origin=True, anonymous=True)
    except DrioError:
        pass  # it asks for a sign-in, or there is none
    finally:
        await transport.aclose()


def is_announcement(request: httpx.Request) -> bool:
    """Return whether a request is that of `announce`, which asks about the sandbox and nothing of drio."""
    return request.url.path == PATH and request.method == "GET" and "authorization" not in request.headers


async def fetch(client: DrioClient) -> FaultState:
    """Return what is on. Raises `DrioError`."""
    return await _request(client, "GET")


async def switch(
    client: DrioClient, *, on: Sequence[str] = (), off: Sequence[str] = (), seed: int | None = None
) -> FaultState:
    """Switch presets and rules on and off; with an invalid one, nothing is switched. Raises `DrioError`."""
    return await _request(client, "POST", {"on": [*on], "off": [*off], "seed": seed})


async def switch_off(client: DrioClient) -> FaultState:
    """Switch everything off. Raises `DrioError`."""
    return await _request(client, "DELETE")


async def _request(client: DrioClient, method: str, body: Any = None) -> FaultState:
    from drio_tui.api.errors import DrioError, NotFound

    options = {} if body is None else {"json": body}
    try:
        response = await client.transport.request(method, PATH, at_origin=True, **options)
    except NotFound:
        raise DrioError(
            "the running sandbox is of an earlier version, or this is no sandbox",
            title="There is no fault lab",
            hint="drio-tui sandbox stop, then start it again",
        ) from None
    return _parse(response.data)


def _parse(data: Any) -> FaultState:
    from drio_tui.api.errors import NotDrio

    try:
        return FaultState(
            on={
                str(entry["name"]): tuple(
                    RuleState(str(rule["rule"]), int(rule["matched"]), int(rule["injected"])) for rule in entry["rules"]
                )
                for entry in data["on"]
            },
            seed=int(data["seed"]),
            command=str(data["command"]),
            injected={str(name): int(count) for name, count in data["injected"].items()},
            presets=tuple(Preset(str(item["name"]), str(item["description"])) for item in data["presets"]),
            wire=data,
        )
    except (KeyError, TypeError, ValueError, AttributeError):
        raise NotDrio("the sandbox answered without the state of its fault lab") from None
