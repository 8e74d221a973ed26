"""Requests with a token: which are sent again after a refresh, and where the token is sent."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest

from tests.auth.httpd import Raw, Reply, Request, always, json_reply
from tests.auth.sessions import Session
from tests.auth.world import SignInServers


async def test_plain_403_is_returned(session: Session) -> None:
    """F03 B54: no refresh, no step-up."""
    session.world.api_override["/api/v1/x"] = always(json_reply({}, 403))
    assert (await session.client.get("/x")).status_code == 403
    assert len(session.world.api.requests_to("/api/v1/x")) == 1
    assert session.world.refreshes == 0


@pytest.mark.parametrize("method", ["POST", "PATCH", "PUT", "DELETE"])
async def test_write_request_is_sent_again_after_a_401(session: Session, method: str) -> None:
    """F02 B56: a 401 means the server did not act."""
    session.expire()
    answer = await session.client.request(method, "/things", content=b"the body")
    assert answer.json()["body"] == "the body"
    assert [r.body for r in session.world.api.requests] == [b"the body"] * 2


async def test_write_request_is_not_sent_again_after_a_reset(session: Session) -> None:
    """B56: after a reset it is unknown what the server did."""

    async def reset(request: Request) -> Raw:
        return Raw(b"", "reset")

    session.world.api_override["/api/v1/make"] = reset
    with pytest.raises(httpx.TransportError):
        await session.client.post("/make", json={})
    assert len(session.world.api.requests_to("/api/v1/make")) == 1


async def test_request_with_a_stream_body_is_not_sent_again(session: Session) -> None:
    """B56: a stream is consumed by the first attempt; the 401 is returned."""

    async def chunks() -> AsyncIterator[bytes]:
        yield b"once"

    session.expire()
    answer = await session.client.post("/things", content=chunks(), headers={"Content-Length": "4"})
    assert answer.status_code == 401


async def test_token_is_sent_to_its_origin_only(session: Session) -> None:
    """B65: another host gets no Authorization header, neither directly nor by redirect."""
    async with SignInServers() as other:
        await session.client.get(f"{other.api.origin}/api/v1/things")

        away = always(Reply(307, b"", {"Location": f"{other.api.origin}/api/v1/landed"}))
        session.world.api_override["/api/v1/away"] = away
        await session.client.get("/away", follow_redirects=True)
        assert [r.path for r in other.api.requests] == ["/api/v1/things", "/api/v1/landed"]
        assert not any("authorization" in r.headers for r in other.api.requests)
    assert "authorization" in session.world.api.requests[-1].headers
