"""Connecting to a deployed app's endpoint, and the requests to it."""

from __future__ import annotations

import asyncio
import importlib
import time
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from drio_tui.api.errors import ConnectionLost, DrioError, NotDrio, RequestTimeout, ResponseTooLarge
from drio_tui.api.exchange import Exchange, Limits
from drio_tui.endpoint.errors import EndpointFailed, NoMcpClient, NotAnEndpoint
from drio_tui.endpoint.models import CallResult, Contents, SeenTool, Server, contents_from, result_from, tool_from

if TYPE_CHECKING:
    import httpx2

    from drio_tui.endpoint.sdk import SdkSession

LIMITS = Limits(connect=10.0, read=60.0, total=60.0, response_bytes=16 << 20, redirects=3)
"""Limits of one request; `retries` and `retry_after` have no effect here."""
MOST_PAGES = 50
MOST_TOOLS = 5_000


class EndpointClient:
    """A connected endpoint. Every method raises only `DrioError`s, and can be cancelled."""

    def __init__(self, session: SdkSession, server: Server) -> None:
        self._session = session
        self.server = server

    async def tools(self) -> tuple[SeenTool, ...]:
        """Return all tools that a model could call, in the server's order."""
        sdk = await _sdk()
        tools: list[SeenTool] = []
        cursor: str | None = None
        seen_cursors: set[str] = set()
        while True:
            page = await self._session.request(sdk.list_request(cursor))
            tools += [tool_from(raw) for raw in page.get("tools", ())]
            cursor = page.get("nextCursor")
            if not cursor:
                return tuple(tools)
            if cursor in seen_cursors or len(seen_cursors) >= MOST_PAGES or len(tools) > MOST_TOOLS:
                raise NotAnEndpoint(f"its list of tools does not end: {len(tools):,} tools were read")
            seen_cursors.add(cursor)

    async def call(
        self, name: str, arguments: dict[str, Any] | None = None, *, secret_names: Collection[str] = ()
    ) -> CallResult:
        """Call a tool by the name that models see. `is_error` of the result says whether the tool failed.

        `secret_names` are the arguments that are secrets: a cassette does not contain them.
        An error with `outcome_unknown` may have occurred after the tool took effect.
        """
        sdk = await _sdk()
        started = time.perf_counter()
        try:
            raw = await self._session.request(sdk.call_request(name, arguments or {}), secret_arguments=secret_names)
        except (ConnectionLost, RequestTimeout, ResponseTooLarge, NotDrio, EndpointFailed) as error:
            error.outcome_unknown = True
            raise
        return result_from(raw, time.perf_counter() - started)

    async def read(self, uri: str) -> Contents:
        """Return a resource, such as a widget's document."""
        sdk = await _sdk()
        return contents_from(uri, await self._session.request(sdk.read_request(uri)))


@asynccontextmanager
async def connect(
    url: str,
    *,
    limits: Limits = LIMITS,
    on_exchange: Callable[[Exchange], None] | None = None,
    http: httpx2.AsyncBaseTransport | None = None,
) -> AsyncIterator[EndpointClient]:
    """Connect to an endpoint for the duration of the block; other tasks may use the client.

    `on_exchange` receives every HTTP exchange as in `Transport`; `http` replaces the network in tests. No access token
    is ever sent. Raises `NoMcpClient` without the SDK, `UsageError` for an invalid address, `NotAnEndpoint`,
    `EndpointWantsSignIn`, `EndpointRefused` and the errors of a connection.
    """
    sdk = await _sdk()
    session: SdkSession = await asyncio.to_thread(sdk.SdkSession, url, limits, on_exchange, http)
    try:
        server = await session.open()
        yield EndpointClient(session, server)
    except asyncio.CancelledError:
        session.drop()
        raise
    except DrioError:
        session.drop()
        raise
    finally:
        await session.close()


async def _sdk() -> Any:
    """Return the module that imports the SDK, loaded in a thread. Raises `NoMcpClient` where it is not installed."""
    try:
        return await asyncio.to_thread(importlib.import_module, "drio_tui.endpoint.sdk")
    except ImportError as error:
        raise NoMcpClient("this needs the MCP SDK, which the base install does not bring") from error
