"""The error responses of the sandbox, in drio's envelope (contract 1.2)."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from drio_tui.api.json_codec import dumps
from drio_tui.api.patterns import PATTERNS
from drio_tui.sandbox.db import StorageError
from drio_tui.sandbox.middleware import request_id
from drio_tui.sandbox.secrets import SecretsUnavailable

log = logging.getLogger("drio_tui.sandbox")

FieldError = tuple[str, str]
"""The dotted camelCase path of a property of the body, and what is wrong with it."""

CODES = {
    400: "invalid_request",
    401: "unauthorized",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    409: "conflict",
    413: "payload_too_large",
    415: "unsupported_media_type",
    500: "internal_error",
    503: "storage_unavailable",
    507: "storage_full",
}
_MESSAGES = {
    404: "There is nothing at this address.",
    405: "This address does not take that method.",
}


class Problem(HTTPException):
    """An error response: `status`, a `code` for programs, a `message` for the user, `details` for both."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        code: str = "",
        details: Any = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(status, message, dict(headers) if headers else None)
        self.code = code or CODES.get(status, "error")
        self.message = message
        self.details = details


def invalid(errors: Iterable[FieldError], message: str = "") -> Problem:
    """Return a 400: properties of the body are invalid."""
    errors = list(errors)
    path, text = errors[0]
    first = f"{path}: {text}" if path else text
    return Problem(400, message or first, details=_field_details(errors))


def not_found(label: str) -> Problem:
    """Return a 404: the resource (`label`, such as `tool`) at the URL does not exist, or belongs to another user."""
    return Problem(404, f"There is no such {label}.")


def unknown_reference(label: str, paths: Iterable[str]) -> Problem:
    """Return a 409: at `paths` the body refers to a resource (`label`) that is not in this app.

    Not a 404, which would mean that the resource at the URL does not exist.
    """
    errors = [(path, f"there is no such {label} in this app") for path in paths]
    return Problem(409, f"{errors[0][0]}: {errors[0][1]}", code="unknown_reference", details=_field_details(errors))


def conflict(path: str, value: str) -> Problem:
    """Return a 409: `value` has to be unique and is taken."""
    return Problem(409, f"{path}: {value} is already taken.", details=_field_details([(path, "is already taken")]))


def _field_details(errors: Iterable[FieldError]) -> dict[str, Any]:
    return {"fields": [{"path": path, "message": message} for path, message in errors]}


def envelope(ident: str, code: str, message: str, details: Any = None) -> bytes:
    """Return the body of an error response."""
    error = {"code": code, "message": message, "details": details, "requestId": ident}
    return dumps({"error": error}).encode("ascii")


def storage_problem(error: StorageError) -> Problem:
    """Return a 507 if the disk is full, else a 503; the request has changed nothing."""
    full = "is full" in str(error.__cause__)
    advice = f" {error.hint}" if isinstance(error, SecretsUnavailable) else ""
    return Problem(507 if full else 503, f"{error.title}: {error.message}. Nothing was changed.{advice}")


def error_response(request: Request, problem: HTTPException) -> Response:
    """Return `problem` as a response."""
    status = problem.status_code
    if isinstance(problem, Problem):
        code, message, details = problem.code, problem.message, problem.details
    else:
        code, message, details = CODES.get(status, "error"), _MESSAGES.get(status, str(problem.detail)), None
    body = envelope(request_id(request.scope), code, message, details)
    return Response(body, status, problem.headers, "application/json")


# pydantic's error types, worded for someone who fills in a form.
_TYPE_MESSAGES = {
    "missing": "is required",
    "string_type": "must be text",
    "bool_type": "must be true or false",
    "int_type": "must be a whole number",
    "list_type": "must be a list",
    "dict_type": "must be an object",
    "model_type": "must be an object",
    "model_attributes_type": "must be an object",
    "string_unicode": "must be text without lone surrogates",
}


def field_errors(errors: Iterable[Mapping[str, Any]]) -> list[FieldError]:
    """Return pydantic's errors as paths and messages."""
    result: list[FieldError] = []
    for error in errors:
        path = ".".join(str(part) for part in error["loc"] if part != "[key]")
        message = _TYPE_MESSAGES.get(error["type"])
        if error["type"] == "string_pattern_mismatch":
            message = PATTERNS.get(error["ctx"]["pattern"])
        if message is None:
            message = error["msg"][:1].lower() + error["msg"][1:]
        result.append((path, message))
    return result


def install(app: Starlette) -> None:
    """Add the exception handlers of the app; unexpected exceptions are handled by `LimitsMiddleware`.

    `app.state.methods_at` must return the methods that a path accepts.
    """

    async def on_problem(request: Request, error: Exception) -> Response:
        if not isinstance(error, HTTPException):
            raise error
        if error.status_code == 405:
            error.headers = {"Allow": ", ".join(sorted(app.state.methods_at(request.scope["path"])))}
        return error_response(request, error)

    async def on_storage(request: Request, error: Exception) -> Response:
        if not isinstance(error, StorageError):
            raise error
        log.error("%s: %s", error.title, error.message)
        return error_response(request, storage_problem(error))

    app.add_exception_handler(HTTPException, on_problem)
    app.add_exception_handler(StorageError, on_storage)
