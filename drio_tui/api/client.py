"""The typed client of the management API: all 37 resource routes of v1 over one transport.

Listing, reading, creating, updating and deleting are generic over `ResourceType`; the routes that do not fit that
(binding, chain, actions, config, deploy, me, templates) have methods too. Results are an `Item` or a `Listing`: the
JSON as received, and a typed view on demand.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeGuard, TypeVar

from drio_tui.api import shape_check
from drio_tui.api.errors import ApiError, ApiRetired, DrioError, NewerApi, NotDrio, OutcomeUnknown, UsageError
from drio_tui.api.exchange import ApiResponse
from drio_tui.api.resource_type import Item, Listing, ResourceType, path_of
from drio_tui.api.transport import Transport
from drio_tui.api.versions import VersionProbe, version_of_envelope

if TYPE_CHECKING:
    from drio_tui.api.model_types import ApiModel
    from drio_tui.api.models import DeployResult, Template, Tool, User, Widget

T = TypeVar("T", bound="ApiModel")

TEMPLATES: ResourceType[Template] = ResourceType(
    "template",
    "/templates",
    "/templates/{id}",
    "templates",
    "template",
    "Template",
    deletable=False,
    shape=shape_check.TEMPLATE,
)
ME: ResourceType[User] = ResourceType(
    "user", "/me", "/me", "users", "user", "User", deletable=False, envelope_aliases=("me",)
)
_TOOL: ResourceType[Tool] = ResourceType("tool", "/apps/{app}/tools", "/apps/{app}/tools/{id}", "tools", "tool", "Tool")
_WIDGET: ResourceType[Widget] = ResourceType(
    "widget", "/apps/{app}/widgets", "/apps/{app}/widgets/{id}", "widgets", "widget", "Widget"
)
APPS = "/apps"
_ALWAYS_SERVED = frozenset({APPS, "/templates", "/me"})
_DEPLOY: ResourceType[DeployResult] = ResourceType("deploy", "", "/apps/{app}/deploy", "", "", "DeployResult")


class DeployAnswerIncomplete(OutcomeUnknown):
    """A deploy succeeded by its status, but the response has no app with a version, or no endpoint.

    `endpoint` is the one in the response, or empty.
    """

    def __init__(self, message: str, endpoint: str = "") -> None:
        super().__init__(message)
        self.endpoint = endpoint


class DrioClient:
    """The client of drio's management API v1. Its methods raise only `DrioError`s, and can be cancelled.

    `app`, `parent` and `id` are opaque ids from the API; they are percent-encoded here.
    """

    def __init__(self, transport: Transport) -> None:
        self.transport = transport
        self._probe_lock = asyncio.Lock()
        self._v1_confirmed = False
        self._probe_count = 0  # requests sent by `_speaks_v1`
        self._apps_exist = True  # the result of the last one
        self.versions = VersionProbe(transport)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close the connections."""
        await self.transport.aclose()

    # --- routes of every kind --------------------------------------------------------------------

    async def list(
        self, resource_type: ResourceType[T], *, app: str = "", parent: str = "", anonymous: bool = False
    ) -> Listing[T]:
        """GET the collection, in the server's order."""
        path = _collection(resource_type, app, parent)
        async with self._explain_missing(path):
            reply = await self.transport.request("GET", path, anonymous=anonymous)
            envelope = _json_object(reply, path)
            resources = envelope.get(resource_type.list_key)
            if not isinstance(resources, list):
                version = version_of_envelope(envelope)
                if version is not None:
                    self.versions.note_v1_gone("missing")
                    raise NewerApi((await self.versions.find()).newest or version)
                raise NotDrio(f"{path} answered without a list of {resource_type.list_key}")
        self._note_v1(path, reply)
        rest = {key: value for key, value in envelope.items() if key != resource_type.list_key}
        return Listing(resource_type, resources, rest, reply.request_id)

    async def get(
        self, resource_type: ResourceType[T], id: str = "", *, app: str = "", anonymous: bool = False
    ) -> Item[T]:
        """GET one resource."""
        path = _item(resource_type, app, id)
        async with self._explain_missing(path):
            reply = await self.transport.request("GET", path, anonymous=anonymous)
            item = _unwrap(resource_type, reply, path)
        self._note_v1(path, reply)
        return item

    async def create(
        self, resource_type: ResourceType[T], body: ApiModel | dict[str, Any], *, app: str = "", parent: str = ""
    ) -> Item[T]:
        """POST to the collection; return the resource as the server created it."""
        path = _collection(resource_type, app, parent)
        async with self._explain_missing(path):
            reply = await self.transport.request("POST", path, json=_json(body))
        return _changed_item(resource_type, reply, "POST", path)

    async def update(
        self, resource_type: ResourceType[T], id: str, changes: ApiModel | dict[str, Any], *, app: str = ""
    ) -> Item[T]:
        """PATCH one resource with `changes` only (see `json_values.changes`).

        Raises `UsageError` when there are none.
        """
        body = _json(changes)
        if not body:
            raise UsageError("nothing changed, so there is nothing to send")
        path = _item(resource_type, app, id)
        return _changed_item(resource_type, await self.transport.request("PATCH", path, json=body), "PATCH", path)

    async def delete(self, resource_type: ResourceType[Any], id: str, *, app: str = "") -> str | None:
        """DELETE one resource; any 2xx with any JSON or no body is success. Return the request id."""
        if not resource_type.deletable:
            raise UsageError(f"drio has no way to delete a {resource_type.name}")
        return (await self.transport.request("DELETE", _item(resource_type, app, id))).request_id

    @asynccontextmanager
    async def _explain_missing(self, path: str, statuses: Collection[int] = (404, 410)) -> AsyncIterator[None]:
        """Replace a 404 or 410 by `NewerApi` or `ApiRetired` if the server does not serve v1."""
        try:
            yield
            self._v1_confirmed = True
        except ApiError as error:
            if error.status not in statuses:
                raise
            if path in _ALWAYS_SERVED:
                error.hint = "Check the base URL: every drio has this address below /api/v1."
            if path != APPS and ((self._v1_confirmed and error.status == 404) or await self._speaks_v1()):
                raise  # the resource does not exist
            self._v1_confirmed = False
            self.versions.note_v1_gone("retired" if error.status == 410 else "missing")
            newest = (await self.versions.find()).newest
            if newest is not None:
                raise NewerApi(newest) from error
            if error.status == 410:
                raise ApiRetired(
                    error.message,
                    status=error.status,
                    api_code=error.api_code,
                    details=error.details,
                    request_id=error.request_id,
                ) from error
            raise

    def _note_v1(self, path: str, reply: ApiResponse) -> None:
        """Note that v1 is served: by its list of apps, or, if it was not served before, by anything of an app."""
        if path == APPS or (path.startswith(f"{APPS}/") and self.versions.versions.is_v1_gone):
            self.versions.confirm_v1(reply.headers)

    async def _speaks_v1(self) -> bool:
        """Return whether the server has v1's list of apps. Requests that fail concurrently share one probe."""
        probe_count = self._probe_count
        async with self._probe_lock:
            if self._probe_count == probe_count:
                self._apps_exist = await self._probe_apps()
                self._probe_count += 1
            return self._apps_exist

    async def _probe_apps(self) -> bool:
        try:
            reply = await self.transport.request("GET", APPS)
        except ApiError as error:
            return error.status not in (404, 410)
        except DrioError:
            return True  # unknown: the caller's 404 is raised unchanged
        self._v1_confirmed = True
        self.versions.confirm_v1(reply.headers)
        return True

    # --- other routes ----------------------------------------------------------------------------

    async def templates(self) -> Listing[Template]:
        """GET /templates; public, so no token is sent."""
        return await self.list(TEMPLATES, anonymous=True)

    async def template(self, id: str) -> Item[Template]:
        """GET /templates/{templateId}; public, so no token is sent."""
        return await self.get(TEMPLATES, id, anonymous=True)

    async def me(self) -> Item[User]:
        """GET /me: who the token belongs to."""
        return await self.get(ME)

    async def config(self, app: str) -> dict[str, Any]:
        """GET …/config: the authoring config, with or without an envelope (contract: inferred)."""
        path = path_of("/apps/{app}/config", app=app)
        async with self._explain_missing(path, (410,)):  # 404: a drio may not have it, since it is only inferred
            reply = await self.transport.request("GET", path)
            envelope = _json_object(reply, path)
        self._note_v1(path, reply)
        inner = envelope.get("config")
        return inner if isinstance(inner, dict) else envelope

    async def changed_config(self, app: str, etag: str) -> tuple[dict[str, Any] | None, str]:
        """GET …/config once, without retries; return the config and its ETag, for the next call.

        The config is None if it still has this ETag. An ETag is empty at a drio that sends none.
        """
        path = path_of("/apps/{app}/config", app=app)
        reply = await self.transport.request("GET", path, etag=etag, probe=True)
        if reply.status == 304:
            return None, etag
        envelope = _json_object(reply, path)
        inner = envelope.get("config")
        return inner if isinstance(inner, dict) else envelope, reply.headers.get("etag", "")

    async def deploy(self, app: str) -> Item[DeployResult]:
        """POST …/deploy: publish the app; the item's `raw` has `app`, with its version, and `endpoint`.

        Raises `DeployAnswerIncomplete` for a 2xx without them.
        """
        path = path_of("/apps/{app}/deploy", app=app)
        reply = await self.transport.request("POST", path)
        if not isinstance(reply.data, dict):
            raise DeployAnswerIncomplete(
                f"POST {path} was answered with {_json_type(reply)} where an object was expected"
            )
        app_object, endpoint = reply.data.get("app"), reply.data.get("endpoint")
        has_version = isinstance(app_object, dict) and _is_nonempty_text(app_object.get("version"))
        if not has_version or not _is_nonempty_text(endpoint):
            missing = "endpoint" if has_version else "app with a version"
            raise DeployAnswerIncomplete(
                f"POST {path} was answered with {reply.status}, but without an {missing}",
                endpoint if _is_nonempty_text(endpoint) else "",
            )
        return Item(_DEPLOY, reply.data, reply.request_id)

    async def bind(self, app: str, tool: str, binding: ApiModel | dict[str, Any]) -> Item[Tool]:
        """PUT …/binding: replace the operation that the tool calls."""
        return await self._put(_TOOL, "/apps/{app}/tools/{id}/binding", app, tool, _json(binding))

    async def set_chain(self, app: str, tool: str, next_tool_ids: Sequence[str]) -> Item[Tool]:
        """PUT …/chain: replace the list of tools that the tool passes its result to; `[]` clears it."""
        return await self._put(_TOOL, "/apps/{app}/tools/{id}/chain", app, tool, {"nextToolIds": [*next_tool_ids]})

    async def set_actions(self, app: str, widget: str, actions: Sequence[ApiModel | dict[str, Any]]) -> Item[Widget]:
        """PUT …/actions: replace the list of actions (JSON objects or models)."""
        body = {"actions": [_json(action) for action in actions]}
        return await self._put(_WIDGET, "/apps/{app}/widgets/{id}/actions", app, widget, body)

    async def _put(self, resource_type: ResourceType[T], template: str, app: str, id: str, body: Any) -> Item[T]:
        path = path_of(template, app=app, id=id)
        return _changed_item(resource_type, await self.transport.request("PUT", path, json=body), "PUT", path)


def _collection(resource_type: ResourceType[Any], app: str, parent: str) -> str:
    ids = {"app": app} if "{app}" in resource_type.collection else {}
    if "{parent}" in resource_type.collection:
        ids["parent"] = parent
    return path_of(resource_type.collection, **ids)


def _item(resource_type: ResourceType[Any], app: str, id: str) -> str:
    ids = {"id": id} if "{id}" in resource_type.item else {}
    if "{app}" in resource_type.item:
        ids["app"] = app
    return path_of(resource_type.item, **ids)


def _json(body: ApiModel | dict[str, Any]) -> dict[str, Any]:
    return body if isinstance(body, dict) else body.to_wire()


def _json_object(reply: ApiResponse, path: str) -> dict[str, Any]:
    if not isinstance(reply.data, dict):
        raise NotDrio(f"{path} answered with {_json_type(reply)} where an object was expected")
    return reply.data


def _is_nonempty_text(value: Any) -> TypeGuard[str]:
    """Return whether a property is a string that is not empty."""
    return isinstance(value, str) and bool(value)


def _json_type(reply: ApiResponse) -> str:
    return "nothing" if reply.data is None else f"a {type(reply.data).__name__}"


def _changed_item(resource_type: ResourceType[T], reply: ApiResponse, method: str, path: str) -> Item[T]:
    """Return the resource in the response to a change. Raises `OutcomeUnknown` when a 2xx does not contain it."""
    try:
        return _unwrap(resource_type, reply, path)
    except NotDrio as error:
        raise OutcomeUnknown(f"{method}: {error.message}") from error


def _unwrap(resource_type: ResourceType[T], reply: ApiResponse, path: str) -> Item[T]:
    envelope = _json_object(reply, path)
    for key in (resource_type.item_key, *resource_type.envelope_aliases):
        inner = envelope.get(key)
        if isinstance(inner, dict):
            return Item(resource_type, inner, reply.request_id)
    if "id" in envelope:  # the resource without an envelope
        return Item(resource_type, envelope, reply.request_id)
    raise NotDrio(f"{path} answered without a {resource_type.item_key}")
