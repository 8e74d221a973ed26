"""One connection of the official MCP SDK, in a task of its own. Importing this takes most of a second.

What fails inside the SDK may cancel the task that entered it. That task is the connection's own, so a
caller gets an error and is not cancelled, and may leave at once whatever the server does.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Coroutine
from contextvars import copy_context
from typing import Any, TypeVar

import httpx2
import mcp_types as types
from mcp.client.client import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.exceptions import MCPError
from pydantic import TypeAdapter, ValidationError

from drio_tui import __version__
from drio_tui.api.errors import DrioError, RequestTimeout
from drio_tui.api.transport import Exchange, Limits
from drio_tui.endpoint.errors import EndpointRefused, NotAnEndpoint, of_endpoint
from drio_tui.endpoint.http_client import RECORD, BoundedClient, Record
from drio_tui.endpoint.models import Server
from drio_tui.text import duration, one_line

T = TypeVar("T")

_RAW: TypeAdapter[dict[str, Any]] = TypeAdapter(dict[str, Any])
_CLOSING_SECONDS = 3.0
# What the SDK logs of a server's answers would end up on the terminal where nobody set up logging.
logging.getLogger("mcp").addHandler(logging.NullHandler())


class Line:
    """A connection to one endpoint. Blocking to make (see `BoundedClient`)."""

    def __init__(
        self,
        url: str,
        limits: Limits,
        on_exchange: Callable[[Exchange], None] | None = None,
        http: httpx2.AsyncBaseTransport | None = None,
    ) -> None:
        self._url = url
        self._limits = limits
        self._http = BoundedClient(url, limits, on_exchange, http)
        self._over = asyncio.Event()
        self._owner: asyncio.Task[None] | None = None
        self._under_way: set[asyncio.Task[Any]] = set()
        self._client: Client | None = None

    async def open(self) -> Server:
        """Agree on the protocol. Raises `DrioError`."""
        return await self._bounded(self._open(), "connecting")

    async def _open(self) -> Server:
        ready: asyncio.Future[Client] = asyncio.get_running_loop().create_future()
        self._owner = asyncio.create_task(self._own(ready))
        client = self._client = await ready
        info = client.server_info
        return Server(
            name=info.name if info else "",
            title=(info.title or "") if info else "",
            version=info.version if info else "",
            instructions=client.instructions or "",
            protocol=client.protocol_version,
        )

    async def _own(self, ready: asyncio.Future[Client]) -> None:
        try:
            async with self._http:
                lines = streamable_http_client(
                    self._url, http_client=self._http, max_sse_event_size=self._limits.response_bytes
                )
                me = types.Implementation(name="drio-tui", version=__version__)
                async with Client(lines, cache=None, client_info=me) as client:
                    if not ready.done():
                        ready.set_result(client)
                    await self._over.wait()
        except (Exception, BaseExceptionGroup) as error:  # noqa: BLE001 - whatever the SDK's tasks raise is the caller's
            if not ready.done():
                ready.set_exception(_first(error))
        finally:
            if not ready.done():
                ready.cancel()

    async def ask(self, request: types.Request[Any, Any]) -> dict[str, Any]:
        """Send a request and give the result's JSON. Raises `DrioError`."""
        assert self._client is not None
        # The SDK's types allow models only, but any adapter does: members that it does not know stay.
        work = self._client.session.send_request(request, _RAW)  # type: ignore[type-var]
        return await self._bounded(work, request.method)

    async def _bounded(self, work: Coroutine[Any, Any, T], what: str) -> T:
        """Run `work` within the limits, its errors as ours. A caller that is cancelled does not wait for it."""
        record = Record()
        context = copy_context()
        context.run(RECORD.set, record)
        task = asyncio.create_task(work, context=context)
        self._under_way.add(task)
        task.add_done_callback(self._ended)
        try:
            done, _ = await asyncio.wait({task}, timeout=self._limits.total)
        except asyncio.CancelledError:
            task.cancel()
            raise
        if not done:
            task.cancel()
            raise of_endpoint(
                record.failure or RequestTimeout(f"no complete answer within {duration(self._limits.total)}")
            )
        if task.cancelled():
            raise record.failure or NotAnEndpoint(f"the connection ended ({what})")
        error = task.exception()
        if error is None:
            return task.result()
        raise _ours(error, record, what) from error

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._under_way.discard(task)
        if not task.cancelled():
            task.exception()  # seen, if only here

    async def close(self) -> None:
        """End the connection, telling the server so, within seconds."""
        self._over.set()
        if self._owner is not None:
            await asyncio.wait({self._owner}, timeout=_CLOSING_SECONDS)
        self.drop()

    def drop(self) -> None:
        """End it without waiting for anything."""
        for task in (self._owner, *self._under_way):
            if task is not None and not task.done():
                task.cancel()


def tools_page(cursor: str | None) -> types.Request[Any, Any]:
    """The request for a page of the tools."""
    return types.ListToolsRequest(params=types.PaginatedRequestParams(cursor=cursor))


def call_of(name: str, arguments: dict[str, Any]) -> types.Request[Any, Any]:
    """The request that calls a tool."""
    return types.CallToolRequest(params=types.CallToolRequestParams(name=name, arguments=arguments))


def reading_of(uri: str) -> types.Request[Any, Any]:
    """The request for a resource."""
    return types.ReadResourceRequest(params=types.ReadResourceRequestParams(uri=uri))


def _first(error: BaseException) -> BaseException:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def _ours(error: BaseException, record: Record, what: str) -> DrioError:
    if record.failure is not None:
        return record.failure
    error = _first(error)
    if isinstance(error, DrioError):
        return error
    if isinstance(error, MCPError):
        return EndpointRefused(one_line(error.message, 1000), rpc_code=error.code)
    if isinstance(error, ValidationError):
        return NotAnEndpoint(f"its answer to {what} is not as the protocol says: {_mistakes(error)}")
    return NotAnEndpoint(f"{what}: {one_line(str(error) or type(error).__name__, 300)}")


def _mistakes(error: ValidationError) -> str:
    with contextlib.suppress(ValueError, TypeError):
        told = [
            f"{'.'.join(map(str, one['loc'])) or 'the whole'}: {one['msg']}" for one in error.errors(include_url=False)
        ]
        return one_line("; ".join(told[:3]), 300)
    return f"{error.error_count()} mistakes"
