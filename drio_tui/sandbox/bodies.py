"""Strict parsing of JSON request bodies: only what can be stored without loss."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from starlette.requests import Request

from drio_tui.api.json_codec import MalformedJson, loads
from drio_tui.sandbox.problems import Problem, field_errors, invalid

if TYPE_CHECKING:
    from pydantic import BaseModel

_MAX_DEPTH = 100
_MALFORMED = "The body is not JSON."
_INVALID = "The {} is not what this address takes."


async def read_body(request: Request, model: type[BaseModel]) -> BaseModel:
    """Return the body, which has to be `application/json`, as an instance of `model`. Raises `Problem` 400 and 415."""
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "application/json":
        raise Problem(415, "The body has to be application/json.")
    content = await request.body()
    if not content:
        raise invalid([("", "is required")], _INVALID.format("body"))
    return _validated(model, _parse(content), "body")


def read_query(request: Request, model: type[BaseModel]) -> BaseModel:
    """Return the query as an instance of `model`. Raises `Problem` 400."""
    return _validated(model, dict(request.query_params), "query")


def _validated(model: type[BaseModel], value: Any, part: str) -> BaseModel:
    from pydantic import ValidationError  # takes 60 ms to import, needed only with the first body

    try:
        return model.model_validate(value)
    except ValidationError as error:
        raise invalid(field_errors(error.errors()), _INVALID.format(part)) from None


def _parse(content: bytes) -> Any:
    """Return parsed JSON; duplicate names, NaN and the like are refused with a `Problem` 400."""
    try:
        value = loads(content)
    except MalformedJson as error:
        raise Problem(
            400, f"{_MALFORMED[:-1]}: {error}.", code="invalid_json", details=_body_error(str(error))
        ) from None
    if _is_deeper(value, _MAX_DEPTH):
        raise invalid([("", "is nested too deeply")], f"The body is nested more than {_MAX_DEPTH} levels deep.")
    return value


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
