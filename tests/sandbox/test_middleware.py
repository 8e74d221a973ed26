"""The door of the sandbox: DNS rebinding, cross-site requests, content types, and headers on every answer."""

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

from drio_tui.sandbox.middleware import Guard

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


class Inside:
    """What stands behind the door; counts who got in."""

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
        self.guard = Guard(self.app, port=PORT)

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
def inside() -> Inside:
    return Inside()


@pytest.fixture
async def http(inside: Inside) -> AsyncIterator[httpx.AsyncClient]:
    base = f"http://127.0.0.1:{PORT}"
    async with httpx.AsyncClient(transport=httpx.ASGITransport(inside.guard), base_url=base) as client:
        yield client


def is_refusal(response: httpx.Response, status: int, inside: Inside) -> bool:
    assert inside.reached == []
    assert response.status_code == status
    error = response.json()["error"]
    assert set(error) == {"code", "message", "details", "requestId"}
    assert error["requestId"] == response.headers["x-request-id"]
    return True


@pytest.mark.parametrize("host", OWN)
async def test_its_own_names_are_answered(http: httpx.AsyncClient, host: str) -> None:
    assert (await http.get("/api/v1/apps", headers={"Host": host})).status_code == 200


@pytest.mark.parametrize("path", ["/api/v1/apps", "/api/v1/auth/token", "/.well-known/x", "/page", "/mcp/x", "/"])
@pytest.mark.parametrize("host", FOREIGN)
async def test_another_host_is_turned_away_before_routing(
    http: httpx.AsyncClient, inside: Inside, host: str, path: str
) -> None:
    assert is_refusal(await http.get(path, headers={"Host": host}), 421, inside)


async def test_two_hosts_are_none(http: httpx.AsyncClient, inside: Inside) -> None:
    headers = [("Host", OWN[0]), ("Host", OWN[0])]
    assert is_refusal(await http.get("/api/v1/apps", headers=headers), 421, inside)


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
async def test_another_origin_is_turned_away_before_routing(
    http: httpx.AsyncClient, inside: Inside, origin: str, method: str
) -> None:
    response = await http.request(method, "/api/v1/apps", headers={"Origin": origin})
    assert is_refusal(response, 403, inside)
    assert "access-control-allow-origin" not in response.headers


@pytest.mark.parametrize("host", OWN)
async def test_its_own_origins_are_let_in(http: httpx.AsyncClient, host: str) -> None:
    response = await http.post("/api/v1/apps", json={}, headers={"Origin": f"http://{host}"})
    assert response.status_code == 200


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize(
    "kind",
    [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "text/plain;application/json",
        "application/jsonx",
        "",
    ],
)
async def test_a_write_to_the_api_is_json_or_nothing(
    http: httpx.AsyncClient, inside: Inside, method: str, kind: str
) -> None:
    """F68."""
    response = await http.request(method, "/api/v1/apps", content=b"{}", headers={"Content-Type": kind})
    assert is_refusal(response, 415, inside)


async def test_a_write_without_a_content_type_is_refused_only_if_it_has_a_body(
    http: httpx.AsyncClient, inside: Inside
) -> None:
    assert is_refusal(await http.post("/api/v1/apps", content=b"{}"), 415, inside)

    async def chunks() -> AsyncIterator[bytes]:
        yield b"{}"

    assert is_refusal(await http.post("/api/v1/apps", content=chunks()), 415, inside)
    assert (await http.post("/api/v1/apps/1/deploy")).status_code == 200
    assert (await http.delete("/api/v1/apps/1/tools/2")).status_code == 200


@pytest.mark.parametrize("kind", ["application/json", "Application/JSON; charset=utf-8"])
async def test_json_is_let_in(http: httpx.AsyncClient, kind: str) -> None:
    response = await http.post("/api/v1/apps", content=b"{}", headers={"Content-Type": kind})
    assert response.status_code == 200


async def test_the_oauth_endpoints_look_at_their_bodies_themselves(http: httpx.AsyncClient) -> None:
    assert (await http.post("/api/v1/auth/token", data={"a": "b"})).status_code == 200
    assert (await http.post("/oauth/consent", data={"a": "b"})).status_code == 200


async def test_every_answer_carries_the_headers_and_its_id(http: httpx.AsyncClient) -> None:
    seen = set()
    for path in ("/api/v1/apps", "/page"):
        response = await http.get(path)
        assert response.headers["x-content-type-options"] == "nosniff"
        assert response.headers["referrer-policy"] == "no-referrer"
        assert response.headers["cache-control"] == "no-store"
        assert "frame-ancestors 'none'" in response.headers["content-security-policy"]
        assert "default-src 'none'" in response.headers["content-security-policy"]
        seen.add(response.headers["x-request-id"])
    assert len(seen) == 2
    response = await http.get("/api/v1/apps")
    assert response.json()["id"] == response.headers["x-request-id"]
    assert (await http.get("/page")).headers["x-frame-options"] == "DENY"


# --- request targets and sockets, as raw ASGI ----------------------------------------------------


async def knock(inside: Inside, **scope: Any) -> list[dict[str, Any]]:
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
    await inside.guard(base | scope, receive, send)
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
async def test_an_absolute_request_target_is_answered_only_for_its_own_address(
    inside: Inside, target: str, status: int
) -> None:
    sent = await knock(inside, path=target, raw_path=target.encode())
    assert sent[0]["status"] == status
    assert inside.reached == (["/api/v1/apps"] if status == 200 else [])


@pytest.mark.parametrize(
    ("name", "value"), [(b"host", b"evil.example"), (b"origin", b"http://evil.example"), (b"origin", b"null")]
)
async def test_a_foreign_websocket_is_closed_unopened(inside: Inside, name: bytes, value: bytes) -> None:
    headers = [(b"host", OWN[0].encode())] if name != b"host" else []
    sent = await knock(inside, type="websocket", path="/ws", raw_path=b"/ws", headers=[*headers, (name, value)])
    assert [message["type"] for message in sent] == ["websocket.close"]
    assert inside.reached == []


async def test_an_own_websocket_is_let_in(inside: Inside) -> None:
    sent = await knock(inside, type="websocket", path="/ws", raw_path=b"/ws")
    assert sent[0]["type"] == "websocket.accept"


# --- over a real socket ----------------------------------------------------------------------------


@contextlib.asynccontextmanager
async def listening() -> AsyncIterator[tuple[int, Inside]]:
    """The guard behind a real server on a port of its own."""
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        door.listen()
        port = door.getsockname()[1]
        inside = Inside()
        app = Guard(inside.app, port=port)
        server = uvicorn.Server(uvicorn.Config(app, http="h11", log_config=None, lifespan="off"))
        running = asyncio.create_task(server.serve(sockets=[door]))
        try:
            yield port, inside
        finally:
            server.should_exit = True
            await running


async def say(port: int, text: str) -> str:
    """Send raw bytes; the status line that comes back."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(text.encode())
    await writer.drain()
    line = await reader.readline()
    writer.close()
    await writer.wait_closed()
    return line.decode().split(" ", 2)[1]


@pytest.mark.socket
async def test_raw_requests_with_foreign_addresses_never_reach_the_application() -> None:
    async with listening() as (port, inside):
        own = f"127.0.0.1:{port}"
        asked = {
            f"GET /a HTTP/1.1\r\nHost: {own}\r\n\r\n": "200",
            f"GET http://{own}/b HTTP/1.1\r\nHost: {own}\r\n\r\n": "200",
            f"GET http://evil.example/c HTTP/1.1\r\nHost: {own}\r\n\r\n": "421",
            "GET /d HTTP/1.1\r\nHost: evil.example\r\n\r\n": "421",
            "GET /e HTTP/1.0\r\n\r\n": "421",
            f"GET /f HTTP/1.1\r\nHost: {own}\r\nOrigin: null\r\n\r\n": "403",
            f"POST /api/g HTTP/1.1\r\nHost: {own}\r\nContent-Length: 2\r\n\r\n{{}}": "415",
        }
        for text, status in asked.items():
            assert await say(port, text) == status, text
        assert inside.reached == ["/a", "/b"]
