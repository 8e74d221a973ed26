"""Messages of JSON-RPC in a cassette: the calls of a deployed app, which an MCP client makes by POST.

Their ids, what the client says of itself, and the versions of the protocol differ from run to run.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from typing import Any

from drio_tui.cassette.placeholders import Placeholders

_JSON = "application/json"
_EVENTS = "text/event-stream"


def message_in(content: bytes) -> dict[str, Any] | None:
    """Return the message that is the body of a request or response; None if it is something else."""
    if b'"jsonrpc"' not in content:
        return None
    try:
        value = json.loads(content)
    except (ValueError, RecursionError):
        return None
    return value if is_message(value) else None


def is_message(value: Any) -> bool:
    """Return whether a JSON value is a message."""
    return isinstance(value, dict) and "jsonrpc" in value


def is_call(message: Mapping[str, Any]) -> bool:
    """Return whether a request may change something: all others read, and can be repeated."""
    return message.get("method") == "tools/call"


def matched(message: Mapping[str, Any]) -> dict[str, Any]:
    """Return what of a request takes part in matching."""
    params = message.get("params")
    params = {name: value for name, value in params.items() if name != "_meta"} if isinstance(params, dict) else {}
    return {"method": message.get("method"), "params": {} if message.get("method") == "initialize" else params}


def with_hidden_arguments(content: bytes, names: Collection[str], hide: Placeholders) -> bytes:
    """Return a request with placeholders for these arguments of the called tool."""
    message = message_in(content) if names else None
    params = message.get("params") if message is not None else None
    arguments = params.get("arguments") if isinstance(params, dict) else None
    if not isinstance(params, dict) or not isinstance(arguments, dict):
        return content
    params["arguments"] = {
        name: hide.hidden(name, value) if name in names else value for name, value in arguments.items()
    }
    return json.dumps(message).encode()


def prepared(exchange: dict[str, Any], hide: Placeholders) -> dict[str, Any]:
    """Return an exchange of a recorder with what only these messages have: secret arguments, events, JSON in texts.

    A response that is a stream of events is recorded as the response in it, without the notifications before it.
    """
    request = message_in(exchange["content"])
    if request is None:
        return exchange
    content = with_hidden_arguments(exchange["content"], exchange.get("secret_arguments", ()), hide)
    headers, body = exchange["response_headers"], exchange["response_content"]
    if any(name.lower() == "content-type" and value.lower().startswith(_EVENTS) for name, value in headers):
        headers = [(name, _JSON if name.lower() == "content-type" else value) for name, value in headers]
        body = _response_in(body, request.get("id"))
    response = message_in(body)
    result = response.get("result") if response is not None else None
    blocks = result.get("content") if isinstance(result, dict) else None
    if isinstance(blocks, list):
        for block in blocks:
            if isinstance(block, dict) and isinstance(block.get("text"), str):
                block["text"] = _hidden_json(block["text"], hide)
        body = json.dumps(response).encode()
    return {**exchange, "content": content, "response_headers": headers, "response_content": body}


def with_id_of(body: bytes, request: bytes) -> bytes:
    """Return a recorded response as one to this request; unchanged if they are no messages."""
    asked = message_in(request)
    response = message_in(body) if asked is not None else None
    if asked is None or response is None or "id" not in response or "id" not in asked:
        return body
    return json.dumps({**response, "id": asked["id"]}, ensure_ascii=False).encode()


def _response_in(events: bytes, id: Any) -> bytes:
    """Return the response to the request `id` in a stream of events; empty if there is none."""
    for event in events.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n\n"):
        lines = [line[5:].removeprefix(b" ") for line in event.split(b"\n") if line.startswith(b"data:")]
        message = message_in(b"\n".join(lines))
        if message is not None and message.get("id") == id and "method" not in message:
            return json.dumps(message).encode()
    return b""


def _hidden_json(text: str, hide: Placeholders) -> str:
    """Return the text of a result with placeholders for the secrets in it, if it is JSON."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return text
    if not isinstance(value, dict | list):
        return text
    hidden = hide.json(value, oauth=False)
    return text if hidden == value else json.dumps(hidden, ensure_ascii=False)
