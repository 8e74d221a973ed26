"""Checks of an MCP message before the SDK gets it, since the SDK's own errors quote pydantic.

JSON-RPC 2.0 section 4, and MCP: batches were removed in 2025-06-18, an `MCP-Protocol-Version` that is not supported
is a 400 (2025-06-18), whose error lists the supported versions (2026-07-28).
"""

from __future__ import annotations

import json
from typing import Any

import mcp_types as types
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp_types.version import SUPPORTED_PROTOCOL_VERSIONS
from starlette.responses import JSONResponse
from starlette.types import Message, Receive, Scope, Send

_VERSION_HEADER = b"mcp-protocol-version"
_BATCH = "JSON-RPC batches are not supported: send each message in a separate request."
_NO_OBJECT = "The body has to be one JSON-RPC message, an object."


class CheckedManager:
    """The SDK's session manager, which gets only messages that pass the check."""

    def __init__(self, manager: StreamableHTTPSessionManager) -> None:
        self._manager = manager
        self.run = manager.run

    async def handle_request(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one POST."""
        parts: list[Message] = []
        while not parts or parts[-1].get("more_body"):
            parts.append(await receive())
        body = b"".join(part.get("body", b"") for part in parts)
        versions = [value.decode("latin-1") for name, value in scope["headers"] if name == _VERSION_HEADER]
        error = message_error(body, versions[0] if versions else None)
        if error is not None:
            await JSONResponse(error, 400)(scope, receive, send)
            return
        parts.reverse()

        async def replay() -> Message:
            return parts.pop() if parts else await receive()

        await self._manager.handle_request(scope, replay, send)


def message_error(body: bytes, version: str | None) -> dict[str, Any] | None:
    """Return a JSON-RPC error for an invalid message, or a protocol `version` that is not supported; else None."""
    try:
        message = json.loads(body)
    except (ValueError, RecursionError):
        return None  # the SDK's own error is good enough
    if isinstance(message, list):
        return _error(None, types.INVALID_REQUEST, _BATCH)
    if not isinstance(message, dict):
        return _error(None, types.INVALID_REQUEST, _NO_OBJECT)
    ident = message.get("id")
    valid_id = ident if isinstance(ident, str | int) and not isinstance(ident, bool) else None
    if version is not None and version not in SUPPORTED_PROTOCOL_VERSIONS:
        supported = [*SUPPORTED_PROTOCOL_VERSIONS]
        text = f"This endpoint does not speak that MCP protocol version, but {_enumerate(supported)}."
        data = {"supported": supported, "requested": version[:80]}
        return _error(valid_id, types.UNSUPPORTED_PROTOCOL_VERSION, text, data)
    reason = _why_invalid(message, valid_id)
    return _error(valid_id, types.INVALID_REQUEST, f"That is no JSON-RPC request: {reason}.") if reason else None


def _why_invalid(message: dict[str, Any], valid_id: str | int | None) -> str:
    """Return why a message is not a JSON-RPC request, notification or response; "" if it is one."""
    if message.get("jsonrpc") != "2.0":
        return '`jsonrpc` has to be "2.0"'
    if "method" not in message and ("result" in message or "error" in message):
        return ""
    if not isinstance(message.get("method"), str):
        return "`method` has to be text"
    if "id" in message and valid_id is None:
        return "`id` has to be text or a whole number"
    if not isinstance(message.get("params", {}), dict):
        return "`params` has to be an object"
    return ""


def _enumerate(versions: list[str]) -> str:
    return f"{', '.join(versions[:-1])} and {versions[-1]}"


def _error(ident: str | int | None, code: int, message: str, data: Any = None) -> dict[str, Any]:
    error: dict[str, Any] = {"code": code, "message": message}
    if data is not None:
        error["data"] = data
    return {"jsonrpc": "2.0", "id": ident, "error": error}
