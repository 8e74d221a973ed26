"""Calls of a deployed app in a cassette: what is recorded of them, and which recorded one a request gets."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from drio_tui.cassette.cassette import read_cassette
from drio_tui.cassette.recording import Recorder
from drio_tui.cassette.replaying import NotRecorded, Player

URL = "https://m1.mcp.example/mcp"
SECRET = "4711-hunter2"


def request(method: str, id: int = 1, **params: Any) -> bytes:
    return json.dumps({"jsonrpc": "2.0", "id": id, "method": method, "params": params}).encode()


def response(result: Any, id: int = 1) -> bytes:
    return json.dumps({"jsonrpc": "2.0", "id": id, "result": result}).encode()


def recorded(path: Path, *exchanges: tuple[bytes, bytes, str]) -> Player:
    """Record pairs of requests and responses with the media type of the response, and return what replays them."""
    recorder = Recorder(path, lambda: "call")
    for content, body, media in exchanges:
        recorder.add({
            "at": 0.0, "seconds": 0.0, "method": "POST", "url": URL, "content": content, "status": 200, "error": "",
            "request_headers": [("content-type", "application/json"), ("mcp-session-id", "session-of-the-server")],
            "response_headers": [("content-type", media)], "response_content": body, "secret_arguments": ("pin",),
        })  # fmt: skip
    assert not recorder.close()
    return Player(path, lambda: "call")


def answer(player: Player, content: bytes) -> Any:
    exchange = player.answer("POST", URL, content, "application/json", secret_arguments=("pin",))
    return json.loads(player.body(exchange, content))


def test_ids_and_what_the_client_says_of_itself_do_not_matter_and_arguments_do(tmp_path: Path) -> None:
    listed, called = {"tools": []}, {"content": [], "structuredContent": {"state": "CA"}}
    player = recorded(
        tmp_path / "c",
        (request("initialize", clientInfo={"version": "1"}), response({}), "application/json"),
        (request("tools/list", 2, _meta={"client": "a"}), response(listed, 2), "application/json"),
        (request("tools/call", 3, name="t", arguments={"state": "CA"}), response(called, 3), "application/json"),
    )
    assert player.has_calls(URL)
    assert player.has_calls()
    assert not player.has_calls("https://m2.mcp.example/mcp")
    assert answer(player, request("initialize", 7, clientInfo={"version": "2"}))["id"] == 7
    for id in (8, 9):  # reading can be repeated
        assert answer(player, request("tools/list", id, _meta={"client": "b"})) == json.loads(response(listed, id))
    with pytest.raises(NotRecorded, match=r"params\.arguments\.state \(\"CA\", now \"NY\"\)"):
        answer(player, request("tools/call", 4, name="t", arguments={"state": "NY"}))
    assert answer(player, request("tools/call", 5, name="t", arguments={"state": "CA"}))["result"] == called
    with pytest.raises(NotRecorded, match="was recorded once, and is sent once more"):
        answer(player, request("tools/call", 6, name="t", arguments={"state": "CA"}))


def test_secrets_in_arguments_results_and_texts_are_replaced_also_in_a_stream_of_events(tmp_path: Path) -> None:
    path = tmp_path / "c"
    text = json.dumps({"apiKey": "key-of-the-upstream", "name": "Ada"})
    result = {"content": [{"type": "text", "text": text}, {"type": "text", "text": f"the pin is {SECRET}"}]}
    notification = b'{"jsonrpc":"2.0","method":"notifications/progress","params":{"progress":1}}'
    events = (
        b"event: message\r\ndata: "
        + notification
        + b"\r\n\r\nevent: message\r\ndata: "
        + response(result)
        + b"\r\n\r\n"
    )
    content = request("tools/call", name="t", arguments={"pin": SECRET, "q": "ada"})
    player = recorded(path, (content, events, "text/event-stream"))
    for secret in (SECRET, "key-of-the-upstream", "session-of-the-server"):
        assert secret not in path.read_text()
    (exchange,) = read_cassette(path).exchanges
    assert dict(exchange.response["headers"]) == {"content-type": "application/json"}
    answered = answer(player, request("tools/call", 9, name="t", arguments={"pin": "another", "q": "ada"}))
    assert answered["id"] == 9
    assert json.loads(answered["result"]["content"][0]["text"])["name"] == "Ada"
