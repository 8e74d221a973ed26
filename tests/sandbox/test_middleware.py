"""The guard middleware: DNS rebinding, cross-site requests, content types, and headers on every response."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

from drio_tui.sandbox.middleware import GuardMiddleware

PORT = 8765
OWN = [f"127.0.0.1:{PORT}", f"localhost:{PORT}", f"[::1]:{PORT}", f"LOCALHOST:{PORT}"]
FOREIGN = [
    "evil.example",
    f"evil.example:{PORT}",
    f"127.0.0.1.evil.example:{PORT}",
    f"localhost.evil.example:{PORT}",
    f"localhost.:{PORT}",
    "127.0.0.1",
    "localhost",
    "127.0.0.1:1",
    f"127.0.0.1:{PORT}0",
    f"user@127.0.0.1:{PORT}",
    f"127.0.0.1:{PORT}@evil.example",
    f"127.0.0.2:{PORT}",
    f"0.0.0.0:{PORT}",
    f"[::]:{PORT}",
    f"[::ffff:127.0.0.1]:{PORT}",
    f"127.0.0.1:{PORT}, evil.example",
    "",
]


class GuardedApp:
    """An application behind the middleware that records the paths of the requests it gets."""

    def __init__(self) -> None:
        self.reached: list[str] = []
        methods = ["GET", "POST", "PUT", "PATCH", "DELETE"]
        self.app = Starlette(
            routes=[
                Route("/page", self.page),
                WebSocketRoute("/ws", self.socket),
                Route("/{path:path}", self.data, methods=methods),
            ]
        )
        self.guard = GuardMiddleware(self.app, port=PORT)

    async def data(self, request: Request) -> Response:
        self.reached.append(request.url.path)
        return JSONResponse({"path": request.url.path, "id": request.state.request_id})

    async def page(self, request: Request) -> Response:
        self.reached.append(request.url.path)
        return HTMLResponse("<p>hello")

    async def socket(self, websocket: WebSocket) -> None:
        self.reached.append("/ws")
        await websocket.accept()
        await websocket.close()


@pytest.fixture
def guarded() -> GuardedApp:
    return GuardedApp()


@pytest.fixture
async def http(guarded: GuardedApp) -> AsyncIterator[httpx.AsyncClient]:
    base = f"http://127.0.0.1:{PORT}"
    async with httpx.AsyncClient(transport=httpx.ASGITransport(guarded.guard), base_url=base) as client:
        yield client


def is_refusal(response: httpx.Response, status: int, guarded: GuardedApp) -> bool:
    assert guarded.reached == []
    assert response.status_code == status
    error = response.json()["error"]
    assert set(error) == {"code", "message", "details", "requestId"}
    assert error["requestId"] == response.headers["x-request-id"]
    return True


@pytest.mark.parametrize("host", OWN)
async def test_own_host_names_are_accepted(http: httpx.AsyncClient, host: str) -> None:
    assert (await http.get("/api/v1/apps", headers={"Host": host})).status_code == 200


@pytest.mark.parametrize("path", ["/api/v1/apps", "/api/v1/auth/token", "/.well-known/x", "/page", "/mcp/x", "/"])
@pytest.mark.parametrize("host", FOREIGN)
async def test_foreign_host_is_rejected_before_routing(
    http: httpx.AsyncClient, guarded: GuardedApp, host: str, path: str
) -> None:
    assert is_refusal(await http.get(path, headers={"Host": host}), 421, guarded)


async def test_two_host_headers_are_rejected(http: httpx.AsyncClient, guarded: GuardedApp) -> None:
    headers = [("Host", OWN[0]), ("Host", OWN[0])]
    assert is_refusal(await http.get("/api/v1/apps", headers=headers), 421, guarded)


ORIGINS = [
    "null",
    "http://evil.example",
    f"https://127.0.0.1:{PORT}",
    "http://127.0.0.1:1",
    "http://127.0.0.1",
    "",
    "file://",
]


@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS"])
@pytest.mark.parametrize("origin", ORIGINS)
async def test_foreign_origin_is_rejected_before_routing(
    http: httpx.AsyncClient, guarded: GuardedApp, origin: str, method: str
) -> None:
    response = await http.request(method, "/api/v1/apps", headers={"Origin": origin})
    assert is_refusal(response, 403, guarded)
    assert "access-control-allow-origin" not in response.headers


@pytest.mark.parametrize("host", OWN)
async def test_own_origins_are_accepted(http: httpx.AsyncClient, host: str) -> None:
    response = await http.post("/api/v1/apps", json={}, headers={"Origin": f"http://{host}"})
    assert response.status_code == 200


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize(
    "content_type",
    [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "text/plain;application/json",
        "application/jsonx",
        "",
    ],
)
async def test_api_write_with_another_content_type_is_rejected(
    http: httpx.AsyncClient, guarded: GuardedApp, method: str, content_type: str
) -> None:
    """F68."""
    response = await http.request(method, "/api/v1/apps", content=b"{}", headers={"Content-Type": content_type})
    assert is_refusal(response, 415, guarded)


async def test_write_without_content_type_is_rejected_only_with_a_body(
    http: httpx.AsyncClient, guarded: GuardedApp
) -> None:
    assert is_refusal(await http.post("/api/v1/apps", content=b"{}"), 415, guarded)

    async def chunks() -> AsyncIterator[bytes]:
        yield b"{}"

    assert is_refusal(await http.post("/api/v1/apps", content=chunks()), 415, guarded)
    assert (await http.post("/api/v1/apps/1/deploy")).status_code == 200
    assert (await http.delete("/api/v1/apps/1/tools/2")).status_code == 200


@pytest.mark.parametrize("content_type", ["application/json", "Application/JSON; charset=utf-8"])
async def test_json_is_accepted(http: httpx.AsyncClient, content_type: str) -> None:
    response = await http.post("/api/v1/apps", content=b"{}", headers={"Content-Type": content_type})
    assert response.status_code == 200


async def test_oauth_endpoints_accept_forms(http: httpx.AsyncClient) -> None:
    assert (await http.post("/api/v1/auth/token", data={"a": "b"})).status_code == 200
    assert (await http.post("/oauth/consent", data={"a": "b"})).status_code == 200


async def test_every_response_has_security_headers_and_request_id(http: httpx.AsyncClient) -> None:
    request_ids = set()
    for path in ("/api/v1/apps", "/page"):
        response = await http.get(path)
        assert response.headers["x-content-type-options"] == "nosniff"
        assert response.headers["referrer-policy"] == "no-referrer"
        assert response.headers["cache-control"] == "no-store"
        assert "frame-ancestors 'none'" in response.headers["content-security-policy"]
        assert "default-src 'none'" in response.headers["content-security-policy"]
        request_ids.add(response.headers["x-request-id"])
    assert len(request_ids) == 2
    response = await http.get("/api/v1/apps")
    assert response.json()["id"] == response.headers["x-request-id"]
    assert (await http.get("/page")).headers["x-frame-options"] == "DENY"


# --- request targets and sockets, as raw ASGI ----------------------------------------------------


async def send_scope(guarded: GuardedApp, **scope: Any) -> list[dict[str, Any]]:
    """Send an ASGI scope; return the messages that are sent back."""
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "websocket.connect"} if scope.get("type") == "websocket" else {"type": "http.request"}

    async def send(message: Any) -> None:
        sent.append(message)

    base = {
        "type": "http",
        "method": "GET",
        "path": "/",
        "raw_path": b"/",
        "query_string": b"",
        "headers": [(b"host", OWN[0].encode())],
        "scheme": "http",
    }
    await guarded.guard(base | scope, receive, send)
    return sent


@pytest.mark.parametrize(
    ("target", "status"),
    [
        (f"http://127.0.0.1:{PORT}/api/v1/apps", 200),
        (f"http://localhost:{PORT}/api/v1/apps", 200),
        ("http://evil.example/api/v1/apps", 421),
        (f"http://evil.example:{PORT}/api/v1/apps", 421),
        (f"http://127.0.0.1:{PORT}@evil.example/api/v1/apps", 421),
        (f"https://127.0.0.1:{PORT}/api/v1/apps", 421),
        (f"http:127.0.0.1:{PORT}/api/v1/apps", 421),
        ("api/v1/apps", 421),
        ("*", 421),
        ("evil.example:443", 421),
    ],
)
async def test_absolute_request_target_must_name_its_own_origin(guarded: GuardedApp, target: str, status: int) -> None:
    sent = await send_scope(guarded, path=target, raw_path=target.encode())
    assert sent[0]["status"] == status
    assert guarded.reached == (["/api/v1/apps"] if status == 200 else [])


@pytest.mark.parametrize(
    ("name", "value"), [(b"host", b"evil.example"), (b"origin", b"http://evil.example"), (b"origin", b"null")]
)
async def test_foreign_websocket_is_closed(guarded: GuardedApp, name: bytes, value: bytes) -> None:
    headers = [(b"host", OWN[0].encode())] if name != b"host" else []
    sent = await send_scope(guarded, type="websocket", path="/ws", raw_path=b"/ws", headers=[*headers, (name, value)])
    assert [message["type"] for message in sent] == ["websocket.close"]
    assert guarded.reached == []


async def test_own_websocket_is_accepted(guarded: GuardedApp) -> None:
    sent = await send_scope(guarded, type="websocket", path="/ws", raw_path=b"/ws")
    assert sent[0]["type"] == "websocket.accept"


# --- over a real socket ----------------------------------------------------------------------------


@contextlib.asynccontextmanager
async def listening() -> AsyncIterator[tuple[int, GuardedApp]]:
    """Serve the guarded application on a free port."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        guarded = GuardedApp()
        app = GuardMiddleware(guarded.app, port=port)
        server = uvicorn.Server(uvicorn.Config(app, http="h11", log_config=None, lifespan="off"))
        task = asyncio.create_task(server.serve(sockets=[listener]))
        try:
            yield port, guarded
        finally:
            server.should_exit = True
            await task


async def send_raw(port: int, text: str) -> str:
    """Send a raw request; return the status code of the response."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(text.encode())
    await writer.drain()
    line = await reader.readline()
    writer.close()
    await writer.wait_closed()
    return line.decode().split(" ", 2)[1]


@pytest.mark.socket
async def test_raw_requests_with_foreign_hosts_do_not_reach_the_application() -> None:
    async with listening() as (port, guarded):
        host = f"127.0.0.1:{port}"
        statuses = {
            f"GET /a HTTP/1.1\r\nHost: {host}\r\n\r\n": "200",
            f"GET http://{host}/b HTTP/1.1\r\nHost: {host}\r\n\r\n": "200",
            f"GET http://evil.example/c HTTP/1.1\r\nHost: {host}\r\n\r\n": "421",
            "GET /d HTTP/1.1\r\nHost: evil.example\r\n\r\n": "421",
            "GET /e HTTP/1.0\r\n\r\n": "421",
            f"GET /f HTTP/1.1\r\nHost: {host}\r\nOrigin: null\r\n\r\n": "403",
            f"POST /api/g HTTP/1.1\r\nHost: {host}\r\nContent-Length: 2\r\n\r\n{{}}": "415",
        }
        for text, status in statuses.items():
            assert await send_raw(port, text) == status, text
        assert guarded.reached == ["/a", "/b"]
