"""The typed client of the management API: all 37 resource routes of v1 over one transport.

Listing, reading, creating, changing and deleting are written once over `Resource`; the routes that are
not of that shape (binding, chain, actions, config, deploy, me, templates) stand beside them. What is
read comes as `Item` or `Listing`: the JSON as it came, and a typed view on demand.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeGuard, TypeVar

from drio_tui.api import shape_check
from drio_tui.api.errors import ApiError, DrioError, NewerApi, NotDrio, OutcomeUnknown, UsageError
from drio_tui.api.resource_type import Item, Listing, ResourceType, path_of
from drio_tui.api.transport import Reply, Transport
from drio_tui.api.versions import newer_version, version_of_envelope

if TYPE_CHECKING:
    from drio_tui.api.models import ApiModel, DeployResult, Template, Tool, User, Widget

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
ME: ResourceType[User] = ResourceType("user", "/me", "/me", "users", "user", "User", deletable=False, also=("me",))
_TOOL: ResourceType[Tool] = ResourceType("tool", "/apps/{app}/tools", "/apps/{app}/tools/{id}", "tools", "tool", "Tool")
_WIDGET: ResourceType[Widget] = ResourceType(
    "widget", "/apps/{app}/widgets", "/apps/{app}/widgets/{id}", "widgets", "widget", "Widget"
)
APPS = "/apps"
_ALWAYS_THERE = frozenset({APPS, "/templates", "/me"})
_PROBE_SECONDS = 8.0
_DEPLOY: ResourceType[DeployResult] = ResourceType("deploy", "", "/apps/{app}/deploy", "", "", "DeployResult")


class DeployAnswerIncomplete(OutcomeUnknown):
    """A deploy was answered with success, but the answer lacks the app or its endpoint.

    `endpoint` is what it named, empty where it named none.
    """

    def __init__(self, message: str, endpoint: str = "") -> None:
        super().__init__(message)
        self.endpoint = endpoint


class DrioClient:
    """drio's management API v1. Every method raises `DrioError`s only, and can be cancelled.

    `app`, `parent` and `id` are opaque ids as the API gave them; they are percent-encoded here.
    """

    def __init__(self, transport: Transport) -> None:
        self.transport = transport
        self._asking = asyncio.Lock()
        self._spoke_v1 = False
        self._probes = 0  # how often `_speaks_v1` asked
        self._has_apps = True  # what it found last
        self._version: str | None = None  # of a newer API; empty when there is none

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close the connections."""
        await self.transport.aclose()

    # --- the routes every kind has ---------------------------------------------------------------

    async def list(
        self, resource_type: ResourceType[T], *, app: str = "", parent: str = "", anonymous: bool = False
    ) -> Listing[T]:
        """GET the collection, in the server's order."""
        path = _collection(resource_type, app, parent)
        async with self._served(path):
            reply = await self.transport.request("GET", path, anonymous=anonymous)
            envelope = _object(reply, path)
            found = envelope.get(resource_type.list_key)
            if not isinstance(found, list):
                version = version_of_envelope(envelope)
                if version is not None:
                    raise NewerApi(await self._newer() or version)
                raise NotDrio(f"{path} answered without a list of {resource_type.list_key}")
        rest = {key: value for key, value in envelope.items() if key != resource_type.list_key}
        return Listing(resource_type, found, rest, reply.request_id)

    async def get(
        self, resource_type: ResourceType[T], id: str = "", *, app: str = "", anonymous: bool = False
    ) -> Item[T]:
        """GET one thing."""
        path = _item(resource_type, app, id)
        async with self._served(path):
            return _unwrap(resource_type, await self.transport.request("GET", path, anonymous=anonymous), path)

    async def create(
        self, resource_type: ResourceType[T], body: ApiModel | dict[str, Any], *, app: str = "", parent: str = ""
    ) -> Item[T]:
        """POST to the collection; the answer is the resource as the server made it."""
        path = _collection(resource_type, app, parent)
        async with self._served(path):
            reply = await self.transport.request("POST", path, json=_json(body))
        return _made(resource_type, reply, "POST", path)

    async def update(
        self, resource_type: ResourceType[T], id: str, changed: ApiModel | dict[str, Any], *, app: str = ""
    ) -> Item[T]:
        """PATCH one thing with what changed and nothing else (`ApiModel.changes_from` makes that).

        Raises `UsageError` when nothing changed: there is no such request.
        """
        body = _json(changed)
        if not body:
            raise UsageError("nothing changed, so there is nothing to send")
        path = _item(resource_type, app, id)
        return _made(resource_type, await self.transport.request("PATCH", path, json=body), "PATCH", path)

    async def delete(self, resource_type: ResourceType[Any], id: str, *, app: str = "") -> str | None:
        """DELETE one thing; any 2xx will do, with JSON of any shape or nothing. Gives the request id."""
        if not resource_type.deletable:
            raise UsageError(f"drio has no way to delete a {resource_type.name}")
        return (await self.transport.request("DELETE", _item(resource_type, app, id))).request_id

    @asynccontextmanager
    async def _served(self, path: str) -> AsyncIterator[None]:
        """Explain a 404 or 410 of an address that v1 always has: nobody deleted it, this is another version."""
        try:
            yield
            self._spoke_v1 = True
        except ApiError as error:
            if error.status not in (404, 410):
                raise
            if path not in _ALWAYS_THERE and (self._spoke_v1 or await self._speaks_v1()):
                raise  # what the path names is gone
            version = await self._newer()
            if version is not None:
                raise NewerApi(version) from error
            if path in _ALWAYS_THERE:
                error.hint = "Check the base URL: every drio has this address below /api/v1."
            raise

    async def _speaks_v1(self) -> bool:
        """Whether the server has v1's list of apps. Requests that fail together share one probe."""
        before = self._probes
        async with self._asking:
            if self._probes == before:
                self._has_apps = await self._probe_apps()
                self._probes += 1
            return self._has_apps

    async def _probe_apps(self) -> bool:
        try:
            await self.transport.request("GET", APPS)
        except ApiError as error:
            return error.status not in (404, 410)
        except DrioError:
            return True  # not known: the caller's 404 is passed on unchanged
        self._spoke_v1 = True
        return True

    async def _newer(self) -> str | None:
        """The newer API version that the server speaks, asked for once."""
        async with self._asking:
            if self._version is None:
                try:
                    async with asyncio.timeout(_PROBE_SECONDS):
                        self._version = await newer_version(self.transport.base_url, self._status) or ""
                except TimeoutError:
                    return None  # asked again the next time
        return self._version or None

    async def _status(self, path: str) -> int | None:
        try:
            reply = await self.transport.request("GET", path, anonymous=True, below_origin=True)
        except ApiError as error:
            return error.status
        except DrioError:
            return None
        return reply.status if isinstance(reply.data, dict) else None

    # --- the routes of their own -----------------------------------------------------------------

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
        """GET …/config: the authoring config, in whatever shape the server gives it (contract: inferred)."""
        path = path_of("/apps/{app}/config", app=app)
        envelope = _object(await self.transport.request("GET", path), path)
        inner = envelope.get("config")
        return inner if isinstance(inner, dict) else envelope

    async def deploy(self, app: str) -> Item[DeployResult]:
        """POST …/deploy: publish the app; `raw` has `app`, with its version, and `endpoint`."""
        path = path_of("/apps/{app}/deploy", app=app)
        reply = await self.transport.request("POST", path)
        if not isinstance(reply.data, dict):
            raise DeployAnswerIncomplete(f"POST {path} was answered with {_shape(reply)} where an object was expected")
        published, endpoint = reply.data.get("app"), reply.data.get("endpoint")
        has_version = isinstance(published, dict) and _is_text(published.get("version"))
        if not has_version or not _is_text(endpoint):
            absent = "endpoint" if has_version else "app with a version"
            raise DeployAnswerIncomplete(
                f"POST {path} was answered with {reply.status}, but without an {absent}",
                endpoint if _is_text(endpoint) else "",
            )
        return Item(_DEPLOY, reply.data, reply.request_id)

    async def bind(self, app: str, tool: str, binding: ApiModel | dict[str, Any]) -> Item[Tool]:
        """PUT …/binding: replace what the tool calls."""
        return await self._put(_TOOL, "/apps/{app}/tools/{id}/binding", app, tool, _json(binding))

    async def set_chain(self, app: str, tool: str, next_tool_ids: Sequence[str]) -> Item[Tool]:
        """PUT …/chain: replace the whole list of tools it hands its result to; `[]` clears."""
        return await self._put(_TOOL, "/apps/{app}/tools/{id}/chain", app, tool, {"nextToolIds": [*next_tool_ids]})

    async def set_actions(self, app: str, widget: str, actions: Sequence[ApiModel | dict[str, Any]]) -> Item[Widget]:
        """PUT …/actions: replace the whole list of actions (wire objects or models)."""
        body = {"actions": [_json(action) for action in actions]}
        return await self._put(_WIDGET, "/apps/{app}/widgets/{id}/actions", app, widget, body)

    async def _put(self, resource_type: ResourceType[T], template: str, app: str, id: str, body: Any) -> Item[T]:
        path = path_of(template, app=app, id=id)
        return _made(resource_type, await self.transport.request("PUT", path, json=body), "PUT", path)


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


def _object(reply: Reply, path: str) -> dict[str, Any]:
    if not isinstance(reply.data, dict):
        raise NotDrio(f"{path} answered with {_shape(reply)} where an object was expected")
    return reply.data


def _is_text(value: Any) -> TypeGuard[str]:
    """Whether a member is there and not empty."""
    return isinstance(value, str) and bool(value)


def _shape(reply: Reply) -> str:
    return "nothing" if reply.data is None else f"a {type(reply.data).__name__}"


def _made(resource_type: ResourceType[T], reply: Reply, method: str, path: str) -> Item[T]:
    """The resource as the server says it now is. Raises `OutcomeUnknown` when a 2xx does not say."""
    try:
        return _unwrap(resource_type, reply, path)
    except NotDrio as error:
        raise OutcomeUnknown(f"{method}: {error.message}") from error


def _unwrap(resource_type: ResourceType[T], reply: Reply, path: str) -> Item[T]:
    envelope = _object(reply, path)
    for key in (resource_type.item_key, *resource_type.also):
        inner = envelope.get(key)
        if isinstance(inner, dict):
            return Item(resource_type, inner, reply.request_id)
    if "id" in envelope:  # a server that gives the resource bare
        return Item(resource_type, envelope, reply.request_id)
    raise NotDrio(f"{path} answered without a {resource_type.item_key}")
