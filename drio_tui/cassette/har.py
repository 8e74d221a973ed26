"""A cassette as an HTTP Archive (HAR 1.2), which browsers and other tools open."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from drio_tui import __version__
from drio_tui.api.http import httpx
from drio_tui.cassette.cassette import Cassette, RecordedExchange, body_bytes

_ERROR = "_error"  # as browsers do: members with an underscore are allowed in HAR


def har(cassette: Cassette) -> dict[str, Any]:
    """Return a cassette as HAR 1.2. Sizes are those of the bodies as stored; times are in milliseconds."""
    return {
        "log": {
            "version": "1.2",
            "creator": {"name": "drio-tui", "version": __version__},
            "entries": [_entry(exchange) for exchange in cassette.exchanges],
        }
    }


def _entry(exchange: RecordedExchange) -> dict[str, Any]:
    milliseconds = round(exchange.seconds * 1000, 3)
    entry: dict[str, Any] = {
        "startedDateTime": exchange.at,
        "time": milliseconds,
        "request": _request(exchange),
        "response": _response(exchange),
        "cache": {},
        "timings": {"send": 0, "wait": milliseconds, "receive": 0},
    }
    if exchange.error:
        entry["comment"] = f"no response: {exchange.error}"
    return entry


def _request(exchange: RecordedExchange) -> dict[str, Any]:
    request = exchange.request
    body = body_bytes(request)
    members: dict[str, Any] = {
        "method": exchange.method,
        "url": exchange.url,
        "httpVersion": "HTTP/1.1",
        "cookies": [],
        "headers": _pairs(request.get("headers", [])),
        "queryString": _pairs(parse_qsl(urlsplit(exchange.url).query, keep_blank_values=True)),
        "headersSize": -1,
        "bodySize": len(body),
    }
    if body:
        form = (request.get("body") or {}).get("form")
        media_type = _header(request.get("headers", []), "content-type")
        # `params` and `text` exclude each other
        content = {"params": _pairs(form)} if form else {"text": body.decode()}
        members["postData"] = {"mimeType": media_type, **content}
    return members


def _response(exchange: RecordedExchange) -> dict[str, Any]:
    response, body = exchange.response, body_bytes(exchange.response)
    headers = response.get("headers", [])
    content: dict[str, Any] = {"size": len(body), "mimeType": _header(headers, "content-type")}
    if body:
        content["text"] = body.decode()
    members: dict[str, Any] = {
        "status": exchange.status,
        "statusText": httpx.codes.get_reason_phrase(exchange.status) if exchange.status else "",
        "httpVersion": "HTTP/1.1",
        "cookies": [],
        "headers": _pairs(headers),
        "content": content,
        "redirectURL": _header(headers, "location"),
        "headersSize": -1,
        "bodySize": len(body),
    }
    return members | ({_ERROR: exchange.error} if exchange.error else {})


def _pairs(pairs: Any) -> list[dict[str, str]]:
    return [{"name": str(name), "value": str(value)} for name, value in pairs]


def _header(pairs: Any, name: str) -> str:
    return next((str(value) for key, value in pairs if str(key).lower() == name), "")


def har_text(cassette: Cassette) -> str:
    """Return `har` as text."""
    return json.dumps(har(cassette), indent=2, ensure_ascii=False) + "\n"
