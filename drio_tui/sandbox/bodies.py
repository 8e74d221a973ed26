"""Strict parsing of JSON request bodies: only what can be stored without loss."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute

from drio_tui.api.json_codec import MalformedJson, loads
from drio_tui.sandbox.problems import Problem, invalid

_MAX_DEPTH = 100
_MALFORMED = "The body is not JSON."


class StrictRequest(Request):
    """A request whose JSON is parsed without loss: duplicate names, NaN and the like are refused."""

    async def json(self) -> Any:
        """Return the parsed body. Raises `Problem` 400."""
        try:
            value = loads(await self.body())
        except MalformedJson as error:
            raise Problem(
                400, f"{_MALFORMED[:-1]}: {error}.", code="invalid_json", details=_body_error(str(error))
            ) from None
        if _is_deeper(value, _MAX_DEPTH):
            raise invalid([("", "is nested too deeply")], f"The body is nested more than {_MAX_DEPTH} levels deep.")
        return value


class StrictRoute(APIRoute):
    """A route that accepts `application/json` only and parses it as `StrictRequest` does."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handler = super().get_route_handler()
        if self.body_field is None:
            return handler

        async def strict_handler(request: Request) -> Response:
            media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
            if media_type != "application/json":
                raise Problem(415, "The body has to be application/json.")
            return await handler(StrictRequest(request.scope, request.receive))

        return strict_handler


def _body_error(message: str) -> dict[str, Any]:
    """Return error details that are about the whole body."""
    return {"fields": [{"path": "", "message": message}]}


def _is_deeper(value: Any, levels: int) -> bool:
    """Whether `value` is nested more than `levels` deep; iterative, so that no depth overflows the stack."""
    layer = [value]
    for _ in range(levels):
        layer = [
            item
            for container in layer
            if isinstance(container, dict | list)
            for item in (container.values() if isinstance(container, dict) else container)
            if isinstance(item, dict | list)
        ]
        if not layer:
            return False
    return True
