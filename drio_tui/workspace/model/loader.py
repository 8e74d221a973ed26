"""Reading an app over the client, in parallel, in at most two round trips one after the other.

The first trip asks for the config, the auth connections (whose answer alone carries the providers) and
the integrations. A config of the shape we know (contract section 6, inferred) is then everything. Where
it is not, or lacks a part, the second trip asks the list routes for what is missing: tools, widgets, the
app, and the operations of each integration at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from typing import Any, TypeVar

from drio_tui.api.client import DrioClient
from drio_tui.api.errors import DrioError, NotDrio
from drio_tui.api.resource_type import Listing, why_degraded
from drio_tui.kinds import APP, AUTH, INTEGRATION, KINDS, OPERATION, TOOL, WIDGET, Kind
from drio_tui.workspace.model.snapshot import Failed, PartLoaded, Resource, UnknownMember, Update, resources_of

Deliver = Callable[[Update], object]
T = TypeVar("T")

_AT_ONCE = 16
"""How many integrations are asked for their operations at the same time."""

_SLICE = 250
"""Resources checked against their model before others get a turn: about 5 ms."""


async def load_app(client: DrioClient, app_id: str, deliver: Deliver) -> None:
    """Read the app and hand each part to `deliver` as it arrives.

    A part that cannot be read is delivered as `Failed`, the others are not held up. Raises nothing but
    `asyncio.CancelledError`.
    """
    async with asyncio.TaskGroup() as tasks:
        config = tasks.create_task(_attempt(partial(client.config, app_id)))
        auth = tasks.create_task(_attempt(partial(client.list, AUTH, app=app_id)))
        integrations = tasks.create_task(_attempt(partial(client.list, INTEGRATION, app=app_id)))
        tasks.create_task(_providers(auth, deliver))
        found = await config
        known = await _from_config(found, deliver) if isinstance(found, dict) else set()
        missing = [kind for kind in KINDS.values() if kind.name not in known]
        if (
            isinstance(found, DrioError)
            and isinstance(await auth, DrioError)
            and isinstance(await integrations, DrioError)
        ):
            for kind in missing:
                deliver(Failed(kind.name, found))
            return
        for kind in missing:
            match kind.name:
                case "app":
                    tasks.create_task(_app(client, app_id, deliver))
                case "auth":
                    tasks.create_task(_listing(kind, auth, deliver))
                case "integration":
                    tasks.create_task(_listing(kind, integrations, deliver))
                case "operation":
                    tasks.create_task(_operations(client, app_id, integrations, deliver))
                case _:
                    request = tasks.create_task(_attempt(partial(client.list, kind, app=app_id)))
                    tasks.create_task(_listing(kind, request, deliver))


async def _from_config(config: dict[str, Any], deliver: Deliver) -> set[str]:
    """Deliver the parts of a config whose shape is known, and the rest as `UnknownMember`; gives the kinds found.

    All at once, since they came at once: whoever draws them draws the tree a single time.
    """
    found: dict[str, tuple[Resource, ...]] = {}
    rest = dict(config)
    app = config.get("app")
    if isinstance(app, dict) and isinstance(app.get("id"), str):
        found["app"] = await _resources(APP, [rest.pop("app")])
    for kind in (AUTH, INTEGRATION, OPERATION, TOOL, WIDGET):
        members = config.get(kind.list_key)
        if isinstance(members, list) and (not members or any(isinstance(member, dict) for member in members)):
            found[kind.name] = await _resources(kind, rest.pop(kind.list_key))
    if isinstance(rest.get("providers"), list):
        del rest["providers"]  # the auth route gives them too
    for name, resources in found.items():
        deliver(PartLoaded(name, resources))
    deliver(UnknownMember(rest))
    return set(found)


async def _app(client: DrioClient, app_id: str, deliver: Deliver) -> None:
    item = await _attempt(partial(client.get, APP, app_id))
    if isinstance(item, DrioError):
        deliver(Failed("app", item))
    else:
        deliver(PartLoaded("app", await _resources(APP, [item.raw])))


async def _providers(auth: asyncio.Task[Listing[Any] | DrioError], deliver: Deliver) -> None:
    listing = await auth
    if isinstance(listing, DrioError):
        deliver(Failed("provider", listing))
        return
    raws = listing.extra.get("providers", [])
    if not isinstance(raws, list):
        deliver(Failed("provider", NotDrio("the auth route answered without a list of providers")))
        return
    deliver(PartLoaded("provider", resources_of("provider", raws, _object_needed)))


async def _listing(kind: Kind[Any], request: asyncio.Task[Listing[Any] | DrioError], deliver: Deliver) -> None:
    listing = await request
    if isinstance(listing, DrioError):
        deliver(Failed(kind.name, listing))
    else:
        deliver(PartLoaded(kind.name, await _resources(kind, listing.raw)))


async def _operations(
    client: DrioClient, app_id: str, integrations: asyncio.Task[Listing[Any] | DrioError], deliver: Deliver
) -> None:
    """Each integration's operations from its own route; one that fails leaves the others whole."""
    listing = await integrations
    if isinstance(listing, DrioError):
        deliver(Failed("operation", listing))
        return
    gate = asyncio.Semaphore(_AT_ONCE)

    async def one(parent: str) -> None:
        async with gate:
            answer = await _attempt(partial(client.list, OPERATION, app=app_id, parent=parent))
        if isinstance(answer, DrioError):
            deliver(Failed("operation", answer, parent))
        else:
            deliver(
                PartLoaded("operation", await _resources(OPERATION, answer.raw, under=parent), first=False, last=False)
            )

    deliver(PartLoaded("operation", (), last=False))
    async with asyncio.TaskGroup() as tasks:
        for raw in listing.items:
            if isinstance(raw.get("id"), str) and raw["id"]:
                tasks.create_task(one(raw["id"]))
    deliver(PartLoaded("operation", (), first=False))


async def _resources(kind: Kind[Any], raws: Iterable[Any], *, under: str = "") -> tuple[Resource, ...]:
    """Resources with their reasons, checked in slices so that a large app does not hold up the keyboard."""
    raws = list(raws)
    reasons: dict[int, str] = {}
    check = partial(why_degraded, kind)
    for start in range(0, len(raws), _SLICE):
        for raw in raws[start : start + _SLICE]:
            reasons[id(raw)] = check(raw)
        await asyncio.sleep(0)
    return resources_of(kind.name, raws, lambda raw: reasons[id(raw)], under=under)


async def _attempt(request: Callable[[], Awaitable[T]]) -> T | DrioError:
    """What a request gives, or how it failed. It begins here, so that a cancelled task leaves none over."""
    try:
        return await request()
    except DrioError as error:
        return error


def _object_needed(raw: Any) -> str:
    return "" if isinstance(raw, dict) else f"expected an object, got {type(raw).__name__}"
