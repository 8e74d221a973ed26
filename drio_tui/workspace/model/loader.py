"""Reads an app with concurrent requests, in at most two consecutive round trips.

The first round trip requests the config, the auth connections (only that response contains the providers) and
the integrations. A config of the known shape (contract section 6, inferred) contains all the rest. If it has
another shape, or lacks a part, the second round trip requests the missing parts from the list routes: tools, widgets,
the app, and the operations of each integration, concurrently.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Container, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol, TypeVar

from drio_tui.api.client import DrioClient
from drio_tui.api.errors import DrioError, NotDrio
from drio_tui.api.json_values import same_json
from drio_tui.api.resource_type import Listing, validation_error
from drio_tui.kinds import APP, AUTH, INTEGRATION, KINDS, OPERATION, TOOL, WIDGET, Kind
from drio_tui.workspace.model.snapshot import (
    KIND_ORDER,
    AppFailed,
    PartFailed,
    PartLoaded,
    Resource,
    Snapshot,
    UnknownProperties,
    Update,
    resources_of,
)

Deliver = Callable[[Update], object]
T = TypeVar("T")


class ResourcesOf(Protocol):
    """Returns the items of a list as resources, validated or not; `under` is the id of their integration."""

    async def __call__(self, kind: Kind[Any], raws: Iterable[Any], *, under: str = "") -> tuple[Resource, ...]: ...


_MAX_CONCURRENT = 16
"""How many lists of operations are requested at the same time."""

_CHUNK = 250
"""Resources validated before control returns to the event loop: about 5 ms."""


async def load_app(client: DrioClient, app_id: str, deliver: Deliver, *, validate: bool = True) -> None:
    """Read the app and pass each part to `deliver` as it arrives.

    A part that cannot be read is delivered as `PartFailed` and does not delay the others; `AppFailed` comes last if
    nothing can be read. Without `validate` a resource is
    degraded only if it is no object or has no id. Raises nothing but `asyncio.CancelledError`.
    """
    resources = _validated_resources if validate else _unvalidated_resources
    async with asyncio.TaskGroup() as tasks:
        config = tasks.create_task(_result_or_error(partial(client.config, app_id)))
        auth = tasks.create_task(_result_or_error(partial(client.list, AUTH, app=app_id)))
        integrations = tasks.create_task(_result_or_error(partial(client.list, INTEGRATION, app=app_id)))
        providers = tasks.create_task(_deliver_providers(auth, deliver))
        config_result = await config
        delivered = (
            await _deliver_config(config_result, deliver, resources) if isinstance(config_result, dict) else set()
        )
        missing = [kind for kind in KINDS.values() if kind.name not in delivered]
        if (
            isinstance(config_result, DrioError)
            and isinstance(await auth, DrioError)
            and isinstance(await integrations, DrioError)
        ):
            await providers
            deliver(AppFailed(config_result))
            return
        for kind in missing:
            match kind.name:
                case "app":
                    tasks.create_task(_load_app_resource(client, app_id, deliver, resources))
                case "auth":
                    tasks.create_task(_deliver_listing(kind, auth, deliver, resources))
                case "integration":
                    tasks.create_task(_deliver_listing(kind, integrations, deliver, resources))
                case "operation":
                    tasks.create_task(_load_operations(client, app_id, integrations, deliver, resources))
                case _:
                    request = tasks.create_task(_result_or_error(partial(client.list, kind, app=app_id)))
                    tasks.create_task(_deliver_listing(kind, request, deliver, resources))


async def read_app(client: DrioClient, app_id: str, *, required: Container[str] = KIND_ORDER) -> Snapshot:
    """Return the app, read as a whole.

    Raises the `DrioError` of a part that cannot be read and is of a `required` kind; `Snapshot.parts` has the others.
    """
    snapshot = Snapshot(app_id)
    await load_app(client, app_id, snapshot.apply)
    for kind, part in snapshot.parts.items():
        if kind in required and part.failures:
            raise next(iter(part.failures.values()))
    return snapshot


async def snapshot_of_config(app_id: str, config: dict[str, Any]) -> Snapshot:
    """Return the app of a config; what the config lacks stays unread."""
    snapshot = Snapshot(app_id)
    await _deliver_config(config, snapshot.apply, _validated_resources)
    return snapshot


@dataclass(frozen=True, slots=True)
class AppCheck:
    """The kinds of an app that have changed, each as a whole.

    `etag` is that of the config; `kinds` are those that were read, None if the config was not sent again.
    """

    updates: tuple[Update, ...]
    etag: str = ""
    kinds: frozenset[str] | None = None


async def check_app(client: DrioClient, snapshot: Snapshot, etag: str, kind: str = "") -> AppCheck:
    """Look with one request for what has changed in an app since it was read.

    Without `kind` the config is requested; `etag` is that of the last check. A `kind` that the config lacks is
    requested as a list. Raises `DrioError`.
    """
    if kind:
        raws = (await client.list(KINDS[kind], app=snapshot.app_id)).raw
        resources = await _changed_resources(KINDS[kind], raws, snapshot)
        return AppCheck((PartLoaded(kind, resources),) if resources is not None else (), etag, frozenset({kind}))
    config, etag = await client.changed_config(snapshot.app_id, etag)
    if config is None:
        return AppCheck((), etag)
    updates: list[Update] = []
    raws_by_kind, rest = _parts_of_config(config)
    for name, raws in raws_by_kind.items():
        resources = await _changed_resources(KINDS[name], raws, snapshot)
        if resources is not None:
            updates.append(PartLoaded(name, resources))
    if rest != snapshot.extra:
        updates.append(UnknownProperties(rest))
    return AppCheck(tuple(updates), etag, frozenset(raws_by_kind))


async def _changed_resources(kind: Kind[Any], raws: list[Any], snapshot: Snapshot) -> tuple[Resource, ...] | None:
    """Return the resources of a kind, None if the snapshot has the same. Only what has changed is validated."""
    known = snapshot.parts[kind.name].resources
    same = {id(raw): known[raw["id"]] for raw in raws if _is_known(raw, known)}
    if len(same) == len(raws) == len(known) and snapshot.parts[kind.name].state == "ready":
        return None
    changed = await _validated_resources(kind, [raw for raw in raws if id(raw) not in same])
    reasons = {id(resource.raw): resource.reason for resource in changed}
    resources = resources_of(kind.name, raws, lambda raw: same[id(raw)].reason if id(raw) in same else reasons[id(raw)])
    # The same objects where nothing changed, so that comparing with them is fast.
    return tuple(resource if resource.made_up else same.get(id(resource.raw), resource) for resource in resources)


def _is_known(raw: Any, known: Mapping[str, Resource]) -> bool:
    if not isinstance(raw, dict) or not isinstance(raw.get("id"), str) or raw["id"] not in known:
        return False
    return same_json(known[raw["id"]].raw, raw)


def _parts_of_config(config: dict[str, Any]) -> tuple[dict[str, list[Any]], dict[str, Any]]:
    """Return the lists of a config whose shape is known, by kind, and its other properties."""
    parts: dict[str, list[Any]] = {}
    rest = dict(config)
    app = config.get("app")
    if isinstance(app, dict) and isinstance(app.get("id"), str):
        parts["app"] = [rest.pop("app")]
    for kind in (AUTH, INTEGRATION, OPERATION, TOOL, WIDGET):
        raws = config.get(kind.list_key)
        if isinstance(raws, list) and (not raws or any(isinstance(raw, dict) for raw in raws)):
            parts[kind.name] = rest.pop(kind.list_key)
    if isinstance(rest.get("providers"), list):
        del rest["providers"]  # the auth route returns them too
    return parts, rest


async def _deliver_config(config: dict[str, Any], deliver: Deliver, resources_of_kind: ResourcesOf) -> set[str]:
    """Deliver the parts of a config whose shape is known, and the rest as `UnknownProperties`; return the known kinds.

    The parts are delivered together, without an `await` in between, so that the tree is drawn only once.
    """
    raws_by_kind, rest = _parts_of_config(config)
    parts = {name: await resources_of_kind(KINDS[name], raws) for name, raws in raws_by_kind.items()}
    for name, resources in parts.items():
        deliver(PartLoaded(name, resources))
    deliver(UnknownProperties(rest))
    return set(parts)


async def _load_app_resource(client: DrioClient, app_id: str, deliver: Deliver, resources_of_kind: ResourcesOf) -> None:
    item = await _result_or_error(partial(client.get, APP, app_id))
    if isinstance(item, DrioError):
        deliver(PartFailed("app", item))
    else:
        deliver(PartLoaded("app", await resources_of_kind(APP, [item.raw])))


async def _deliver_providers(auth: asyncio.Task[Listing[Any] | DrioError], deliver: Deliver) -> None:
    listing = await auth
    if isinstance(listing, DrioError):
        deliver(PartFailed("provider", listing))
        return
    raws = listing.extra.get("providers", [])
    if not isinstance(raws, list):
        deliver(PartFailed("provider", NotDrio("the auth route answered without a list of providers")))
        return
    deliver(PartLoaded("provider", resources_of("provider", raws, _why_not_object)))


async def _deliver_listing(
    kind: Kind[Any],
    request: asyncio.Task[Listing[Any] | DrioError],
    deliver: Deliver,
    resources_of_kind: ResourcesOf,
) -> None:
    listing = await request
    if isinstance(listing, DrioError):
        deliver(PartFailed(kind.name, listing))
    else:
        deliver(PartLoaded(kind.name, await resources_of_kind(kind, listing.raw)))


async def _load_operations(
    client: DrioClient,
    app_id: str,
    integrations: asyncio.Task[Listing[Any] | DrioError],
    deliver: Deliver,
    resources_of_kind: ResourcesOf,
) -> None:
    """Read the operations of each integration from its route; a failing route does not affect the others."""
    listing = await integrations
    if isinstance(listing, DrioError):
        deliver(PartFailed("operation", listing))
        return
    semaphore = asyncio.Semaphore(_MAX_CONCURRENT)

    async def load(parent: str) -> None:
        async with semaphore:
            result = await _result_or_error(partial(client.list, OPERATION, app=app_id, parent=parent))
        if isinstance(result, DrioError):
            deliver(PartFailed("operation", result, parent))
        else:
            operations = await resources_of_kind(OPERATION, result.raw, under=parent)
            deliver(PartLoaded("operation", operations, first=False, last=False))

    deliver(PartLoaded("operation", (), last=False))
    async with asyncio.TaskGroup() as tasks:
        for raw in listing.items:
            if isinstance(raw.get("id"), str) and raw["id"]:
                tasks.create_task(load(raw["id"]))
    deliver(PartLoaded("operation", (), first=False))


async def _validated_resources(kind: Kind[Any], raws: Iterable[Any], *, under: str = "") -> tuple[Resource, ...]:
    """Validate `raws` in chunks, so that a large app does not block the event loop, and return them as resources."""
    raws = list(raws)
    reasons: dict[int, str] = {}
    reason_of = partial(validation_error, kind)
    for start in range(0, len(raws), _CHUNK):
        for raw in raws[start : start + _CHUNK]:
            reasons[id(raw)] = reason_of(raw)
        await asyncio.sleep(0)
    return resources_of(kind.name, raws, lambda raw: reasons[id(raw)], under=under)


async def _unvalidated_resources(kind: Kind[Any], raws: Iterable[Any], *, under: str = "") -> tuple[Resource, ...]:
    return resources_of(kind.name, raws, _why_not_object, under=under)


async def _result_or_error(request: Callable[[], Awaitable[T]]) -> T | DrioError:
    """Return the result of a request, or its error.

    `request` is called here, so that a task cancelled before it starts leaves no coroutine that is never awaited.
    """
    try:
        return await request()
    except DrioError as error:
        return error


def _why_not_object(raw: Any) -> str:
    return "" if isinstance(raw, dict) else f"expected an object, got {type(raw).__name__}"
