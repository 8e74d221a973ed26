"""Connecting to a deployed app's endpoint, and what can be asked of it."""

from __future__ import annotations

import asyncio
import importlib
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from drio_tui.api.errors import ConnectionLost, DrioError, NotDrio, RequestTimeout, ResponseTooLarge
from drio_tui.api.transport import Exchange, Limits
from drio_tui.endpoint.errors import EndpointFailed, NoMcpClient, NotAnEndpoint
from drio_tui.endpoint.models import CallResult, Contents, SeenTool, Server, contents_from, result_from, tool_from

if TYPE_CHECKING:
    import httpx2

    from drio_tui.endpoint.sdk import Line

LIMITS = Limits(connect=10.0, read=60.0, total=60.0, response_bytes=16 << 20, redirects=3)
"""How long one request may take, and how large its answer may be; `retries` and `retry_after` do not count here."""
MOST_PAGES = 50
MOST_TOOLS = 5_000


class Live:
    """An endpoint that answers. Every method raises `DrioError`s only, and can be cancelled."""

    def __init__(self, line: Line, server: Server) -> None:
        self._line = line
        self.server = server

    async def tools(self) -> tuple[SeenTool, ...]:
        """Everything that a model could call, in the server's order."""
        sdk = await _sdk()
        found: list[SeenTool] = []
        cursor: str | None = None
        seen: set[str] = set()
        while True:
            page = await self._line.ask(sdk.tools_page(cursor))
            found += [tool_from(raw) for raw in page.get("tools", ())]
            cursor = page.get("nextCursor")
            if not cursor:
                return tuple(found)
            if cursor in seen or len(seen) >= MOST_PAGES or len(found) > MOST_TOOLS:
                raise NotAnEndpoint(f"its list of tools does not end: {len(found):,} so far")
            seen.add(cursor)

    async def call(self, name: str, arguments: dict[str, Any] | None = None) -> CallResult:
        """Call a tool by the name that models see. `is_error` of the result says whether the tool failed.

        An error with `outcome_unknown` may have been met after the tool did what it does.
        """
        sdk = await _sdk()
        started = time.perf_counter()
        try:
            raw = await self._line.ask(sdk.call_of(name, arguments or {}))
        except (ConnectionLost, RequestTimeout, ResponseTooLarge, NotDrio, EndpointFailed) as error:
            error.outcome_unknown = True
            raise
        return result_from(raw, time.perf_counter() - started)

    async def read(self, uri: str) -> Contents:
        """A resource, such as a widget's document."""
        sdk = await _sdk()
        return contents_from(uri, await self._line.ask(sdk.reading_of(uri)))


@asynccontextmanager
async def connect(
    url: str,
    *,
    limits: Limits = LIMITS,
    on_exchange: Callable[[Exchange], None] | None = None,
    http: httpx2.AsyncBaseTransport | None = None,
) -> AsyncIterator[Live]:
    """Connect to an endpoint for the time of the block; other tasks may use what it gives.

    `on_exchange` is told of every HTTP exchange as in `Transport`; `http` replaces the network in tests.
    No token of ours is ever sent. Raises `NoMcpClient` without the SDK, `UsageError` for an address that cannot
    be one, `NotAnEndpoint`, `EndpointWantsSignIn`, `EndpointRefused` and the errors of a connection.
    """
    sdk = await _sdk()
    line: Line = await asyncio.to_thread(sdk.Line, url, limits, on_exchange, http)
    try:
        server = await line.open()
        yield Live(line, server)
    except asyncio.CancelledError:
        line.drop()
        raise
    except DrioError:
        line.drop()
        raise
    finally:
        await line.close()


async def _sdk() -> Any:
    """The module that imports the SDK, loaded in a thread. Raises `NoMcpClient` where there is none."""
    try:
        return await asyncio.to_thread(importlib.import_module, "drio_tui.endpoint.sdk")
    except ImportError as error:
        raise NoMcpClient("this needs the MCP SDK, which the base install does not bring") from error
