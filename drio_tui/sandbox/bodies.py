"""Strict parsing of JSON request bodies: only what can be stored without loss."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute
from pydantic.warnings import UnsupportedFieldAttributeWarning
from starlette.routing import compile_path

from drio_tui.api.json_codec import MalformedJson, loads
from drio_tui.sandbox.problems import Problem, invalid

# FastAPI ignores it where it makes the validator of a body. Those of models with `defer_build` are made later.
warnings.filterwarnings("ignore", category=UnsupportedFieldAttributeWarning)

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


class LazyRoute(APIRoute):
    """A route of which only what finds it for a request is made at once.

    FastAPI's analysis of the parameters and models, which takes milliseconds for each route, is made when one of its
    other attributes is first read.
    """

    def __init__(self, path: str, endpoint: Callable[..., Any], *, methods: list[str], **options: Any) -> None:
        self._unanalysed: dict[str, Any] | None = {"path": path, "endpoint": endpoint, "methods": methods, **options}
        self.path, self.endpoint, self.methods = path, endpoint, set(methods)
        self.path_regex, self.path_format, self.param_convertors = compile_path(path)

    def __getattr__(self, name: str) -> Any:
        arguments = self.__dict__.get("_unanalysed")
        if arguments is None:
            raise AttributeError(name)
        self._unanalysed = None
        super().__init__(**arguments)
        return getattr(self, name)


class StrictRoute(LazyRoute):
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
