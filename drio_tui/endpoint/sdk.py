"""A session of the official MCP SDK, run in a separate task. Importing this module takes most of a second (measured).

A failure inside the SDK may cancel the task that entered it. Since that task only runs the connection, the caller
gets an error and is not cancelled, and can leave at any time, whatever the server does.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Collection, Coroutine
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
from drio_tui.api.exchange import Exchange, Limits
from drio_tui.endpoint.errors import EndpointRefused, NotAnEndpoint, with_endpoint_text
from drio_tui.endpoint.http_client import REQUEST_STATE, BoundedClient, RequestState
from drio_tui.endpoint.models import Server
from drio_tui.text import duration, one_line

T = TypeVar("T")

_RAW: TypeAdapter[dict[str, Any]] = TypeAdapter(dict[str, Any])
_CLOSING_SECONDS = 3.0
# Without a handler, what the SDK logs of a server's responses would be printed on the terminal.
logging.getLogger("mcp").addHandler(logging.NullHandler())


class SdkSession:
    """A session with one endpoint. Construction blocks (see `BoundedClient`)."""

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
        self._closing = asyncio.Event()
        self._owner: asyncio.Task[None] | None = None
        self._pending: set[asyncio.Task[Any]] = set()
        self._client: Client | None = None

    async def open(self) -> Server:
        """Negotiate the protocol. Raises `DrioError`."""
        return await self._bounded(self._open(), "connecting")

    async def _open(self) -> Server:
        ready: asyncio.Future[Client] = asyncio.get_running_loop().create_future()
        self._owner = asyncio.create_task(self._run_client(ready))
        client = self._client = await ready
        info = client.server_info
        return Server(
            name=info.name if info else "",
            title=(info.title or "") if info else "",
            version=info.version if info else "",
            instructions=client.instructions or "",
            protocol=client.protocol_version,
        )

    async def _run_client(self, ready: asyncio.Future[Client]) -> None:
        try:
            async with self._http:
                transport = streamable_http_client(
                    self._url, http_client=self._http, max_sse_event_size=self._limits.response_bytes
                )
                client_info = types.Implementation(name="drio-tui", version=__version__)
                async with Client(transport, cache=None, client_info=client_info) as client:
                    if not ready.done():
                        ready.set_result(client)
                    await self._closing.wait()
        except (Exception, BaseExceptionGroup) as error:  # noqa: BLE001 - any error of the SDK's tasks is passed to the caller
            if not ready.done():
                ready.set_exception(_first(error))
        finally:
            if not ready.done():
                ready.cancel()

    async def request(
        self, request: types.Request[Any, Any], *, secret_arguments: Collection[str] = ()
    ) -> dict[str, Any]:
        """Send a request and return the JSON of the result. Raises `DrioError`.

        `secret_arguments` are the names of the arguments that a cassette must not contain.
        """
        assert self._client is not None
        # The SDK's types allow models only, but any adapter works; this one keeps unknown properties.
        work = self._client.session.send_request(request, _RAW)  # type: ignore[type-var]
        return await self._bounded(work, request.method, secret_arguments)

    async def _bounded(self, work: Coroutine[Any, Any, T], step: str, secret_arguments: Collection[str] = ()) -> T:
        """Run `work` within the limits and convert errors to `DrioError`s. A cancelled caller does not wait for it."""
        state = RequestState(secret_arguments=secret_arguments)
        context = copy_context()
        context.run(REQUEST_STATE.set, state)
        task = asyncio.create_task(work, context=context)
        self._pending.add(task)
        task.add_done_callback(self._on_done)
        try:
            done, _ = await asyncio.wait({task}, timeout=self._limits.total)
        except asyncio.CancelledError:
            task.cancel()
            raise
        if not done:
            task.cancel()
            raise with_endpoint_text(
                state.failure or RequestTimeout(f"no complete response within {duration(self._limits.total)}")
            )
        if task.cancelled():
            raise state.failure or NotAnEndpoint(f"the connection ended ({step})")
        error = task.exception()
        if error is None:
            return task.result()
        raise _to_drio_error(error, state, step) from error

    def _on_done(self, task: asyncio.Task[Any]) -> None:
        self._pending.discard(task)
        if not task.cancelled():
            task.exception()  # mark it as retrieved

    async def close(self) -> None:
        """End the session and notify the server, within seconds."""
        self._closing.set()
        if self._owner is not None:
            await asyncio.wait({self._owner}, timeout=_CLOSING_SECONDS)
        self.drop()

    def drop(self) -> None:
        """End the session without waiting for anything."""
        for task in (self._owner, *self._pending):
            if task is not None and not task.done():
                task.cancel()


def list_request(cursor: str | None) -> types.Request[Any, Any]:
    """Return the request for a page of the tools."""
    return types.ListToolsRequest(params=types.PaginatedRequestParams(cursor=cursor))


def call_request(name: str, arguments: dict[str, Any]) -> types.Request[Any, Any]:
    """Return the request that calls a tool."""
    return types.CallToolRequest(params=types.CallToolRequestParams(name=name, arguments=arguments))


def read_request(uri: str) -> types.Request[Any, Any]:
    """Return the request for a resource."""
    return types.ReadResourceRequest(params=types.ReadResourceRequestParams(uri=uri))


def _first(error: BaseException) -> BaseException:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def _to_drio_error(error: BaseException, state: RequestState, step: str) -> DrioError:
    if state.failure is not None:
        return state.failure
    error = _first(error)
    if isinstance(error, DrioError):
        return error
    if isinstance(error, MCPError):
        return EndpointRefused(one_line(error.message, 1000), rpc_code=error.code)
    if isinstance(error, ValidationError):
        return NotAnEndpoint(f"its response to {step} is not as the protocol says: {_validation_messages(error)}")
    return NotAnEndpoint(f"{step}: {one_line(str(error) or type(error).__name__, 300)}")


def _validation_messages(error: ValidationError) -> str:
    with contextlib.suppress(ValueError, TypeError):
        messages = [
            f"{'.'.join(map(str, detail['loc'])) or 'the whole'}: {detail['msg']}"
            for detail in error.errors(include_url=False)
        ]
        return one_line("; ".join(messages[:3]), 300)
    return f"{error.error_count()} mistakes"
