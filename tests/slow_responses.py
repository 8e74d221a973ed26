"""Delays every response by up to 0.4 s, to find tests that depend on when a response comes.

    python -m pytest -p tests.slow_responses -n 8 tests/ui

A plugin, since the delay has to be inside of what `tests.ui.idle` counts as a running request.
"""

from __future__ import annotations

import asyncio
import random

import httpx

SECONDS = 0.4

_handle = httpx.AsyncHTTPTransport.handle_async_request


async def _delayed(self: httpx.AsyncHTTPTransport, request: httpx.Request) -> httpx.Response:
    await asyncio.sleep(random.uniform(0, SECONDS))
    return await _handle(self, request)


httpx.AsyncHTTPTransport.handle_async_request = _delayed  # type: ignore[method-assign]
