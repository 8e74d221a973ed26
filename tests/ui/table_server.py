"""A drio with fixed responses over real HTTP, for data the sandbox would not store: broken and hostile."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import uvicorn

from tests.ui.idle import parked
from tests.workspace.small_app import list_routes, small_config


class TableServer:
    """Answers `METHOD path` (below `/api/v1`) from `answers`: JSON, a status number, or a pair of both.

    A third element may hold headers. The responses that `next_answers` lists for a route are used first, one each.
    `requests` lists the requests as `(method, path, JSON body)`, `targets` their paths as sent on the wire.
    While `gate` is not set, responses wait; so do those of a route passed to `hold`, until `release`. A request with
    the ETag of a response's headers gets a 304, which `unchanged` counts.
    """

    def __init__(self, answers: dict[str, Any] | None = None) -> None:
        self.answers: dict[str, Any] = dict(answers or {})
        self.next_answers: dict[str, list[Any]] = {}
        self.requests: list[tuple[str, str, Any]] = []
        self.targets: list[str] = []
        self.unchanged = 0
        self._held: dict[str, asyncio.Event] = {}
        self.gate = asyncio.Event()
        self.gate.set()
        self.base_url = ""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        body = b""
        while True:
            part = await receive()
            body += part.get("body", b"")
            if not part.get("more_body"):
                break
        path = scope["path"].removeprefix("/api/v1")
        self.requests.append((scope["method"], path, json.loads(body) if body else None))
        self.targets.append(scope["raw_path"].decode("ascii"))
        route = f"{scope['method']} {path}"
        with parked():
            await self.gate.wait()
            if route in self._held:
                await self._held[route].wait()
        pending = self.next_answers.get(route)
        answer = pending.pop(0) if pending else self.answers.get(route, 404)
        extra_headers: list[tuple[str, str]] = []
        if isinstance(answer, tuple) and len(answer) == 3:
            *answer, extra_headers = answer
            answer = tuple(answer)
        status, data = (
            answer if isinstance(answer, tuple) else (answer, None) if isinstance(answer, int) else (200, answer)
        )
        if data is None and status >= 400:
            data = {"error": {"code": f"e{status}", "message": f"refused with {status}", "details": None}}
        text = data if isinstance(data, bytes) else json.dumps(data).encode()
        headers = [(name.lower().encode(), value.encode()) for name, value in extra_headers]
        etag = dict(headers).get(b"etag")
        if etag and dict(scope["headers"]).get(b"if-none-match") == etag:
            self.unchanged += 1
            status, text = 304, b""
        headers += [(b"content-type", b"application/json"), (b"content-length", str(len(text)).encode())]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": text})

    def hold(self, route: str) -> None:
        """Answer this route (`GET /apps`) only after `release`."""
        self._held[route] = asyncio.Event()

    def release(self) -> None:
        """Send all responses that are held back."""
        self.gate.set()
        for event in self._held.values():
            event.set()
        self._held.clear()

    def asked(self, method: str, path: str) -> int:
        """Return how often a route was requested."""
        return sum((method, path) == request[:2] for request in self.requests)


@asynccontextmanager
async def serving(server: TableServer, port: int = 0) -> AsyncIterator[TableServer]:
    """Serve on `port` of the loopback interface (0: a free one), and set `server.base_url`."""
    listening = socket.socket()
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listening.bind(("127.0.0.1", port))
    server.base_url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    config = uvicorn.Config(server, log_level="critical", lifespan="off", access_log=False)
    http = uvicorn.Server(config)
    http.install_signal_handlers = lambda: None  # type: ignore[method-assign]
    task = asyncio.create_task(http.serve([listening]))
    while not http.started:
        await asyncio.sleep(0)
    try:
        yield server
    finally:
        server.release()
        http.should_exit = True
        await task
        listening.close()


def drio_of(config: dict[str, Any] | None = None, *, templates: list[Any] | None = None) -> dict[str, Any]:
    """Return the responses of a drio with one app, for every route that reads."""
    config = small_config() if config is None else config
    answers = {f"GET {path}": answer for path, answer in list_routes(config).items()}
    answers["GET /apps/app_1/config"] = {"config": config}
    answers["GET /apps"] = {"apps": [config["app"]]}
    answers["GET /me"] = {"user": {"id": "user_1", "email": "ada@acme.com", "name": "Ada"}}
    answers["GET /templates"] = {"templates": TEMPLATES if templates is None else templates}
    return answers


TEMPLATES: list[dict[str, Any]] = [
    {
        "id": "support",
        "name": "Customer support",
        "description": "Answer tickets from the chat: search, read and reply.",
        "category": "Support",
        "tags": ["helpdesk", "tickets"],
        "branding": {"primaryColor": "#0f172a", "accentColor": "#22c55e", "borderRadius": "lg"},
        "tools": [{"key": "search-tickets", "name": "Search tickets", "description": "Find tickets by words."}],
        "widgets": [{"key": "ticket-table", "name": "Ticket table", "primitive": "data-table"}],
        "auth": [{"key": "helpdesk", "name": "Helpdesk key", "providerKey": "api-key"}],
        "integrations": [
            {
                "key": "helpdesk",
                "name": "Helpdesk",
                "kind": "rest",
                "operations": [{"key": "search", "name": "Search tickets", "method": "GET", "path": "/tickets"}],
            }
        ],
    },
    {"id": "bookings", "name": "Bookings", "description": "Rooms and tables.", "category": "Operations", "tools": []},
    {"id": "blank", "name": "Blank", "description": "Nothing but a name.", "category": "Basics", "tools": []},
]
