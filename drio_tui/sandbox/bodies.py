"""Reading request bodies: only JSON that can be kept exactly, no larger than allowed."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute

from drio_tui.api.json_codec import MalformedJson, loads
from drio_tui.sandbox.problems import Problem, invalid

_DEEPEST = 100
_MALFORMED = "The body is not JSON."


class StrictRequest(Request):
    """A request whose JSON is read without losing anything: repeated names, NaN and the like are refused."""

    async def json(self) -> Any:
        """The body. Raises `Problem` 400."""
        try:
            value = loads(await self.body())
        except MalformedJson as error:
            raise Problem(
                400, f"{_MALFORMED[:-1]}: {error}.", code="invalid_json", details=_about_all(str(error))
            ) from None
        if _deeper(value, _DEEPEST):
            raise invalid([("", "is nested too deeply")], f"The body is nested more than {_DEEPEST} levels deep.")
        return value


class StrictRoute(APIRoute):
    """A route that takes `application/json` only, and reads it as `StrictRequest` does."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handler = super().get_route_handler()
        if self.body_field is None:
            return handler

        async def read_strictly(request: Request) -> Response:
            kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
            if kind != "application/json":
                raise Problem(415, "The body has to be application/json.")
            return await handler(StrictRequest(request.scope, request.receive))

        return read_strictly


def _about_all(message: str) -> dict[str, Any]:
    return {"fields": [{"path": "", "message": message}]}


def _deeper(value: Any, levels: int) -> bool:
    """Whether `value` has more than `levels` levels; without recursion of its own."""
    layer = [value]
    for _ in range(levels):
        layer = [
            item
            for outer in layer
            if isinstance(outer, dict | list)
            for item in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(item, dict | list)
        ]
        if not layer:
            return False
    return True
