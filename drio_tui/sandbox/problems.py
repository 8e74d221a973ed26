"""Every error the sandbox answers with, in drio's envelope (contract 1.2)."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from starlette.exceptions import HTTPException

from drio_tui.api.json_codec import dumps
from drio_tui.api.patterns import PATTERNS
from drio_tui.sandbox.db import StorageError
from drio_tui.sandbox.middleware import request_id
from drio_tui.sandbox.secrets import SecretsUnavailable

log = logging.getLogger("drio_tui.sandbox")

Field = tuple[str, str]
"""The dotted camelCase path of a member of the body, and what is wrong with it."""

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
    """An error for the caller: `status`, a `code` for programs, a `message` for people, `details` for both."""

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


def invalid(fields: Iterable[Field], message: str = "") -> Problem:
    """400: members of the body are wrong."""
    found = list(fields)
    first = f"{found[0][0]}: {found[0][1]}" if found[0][0] else found[0][1]
    return Problem(400, message or first, details=_fields(found))


def missing(what: str) -> Problem:
    """404: the `what` (such as `tool`) that the address names is not there, or not the caller's."""
    return Problem(404, f"There is no such {what}.")


def unknown(what: str, paths: Iterable[str]) -> Problem:
    """409: the body names, at `paths`, a `what` that is not in this app.

    Not 404, which would say that the resource at the address is gone.
    """
    fields = [(path, f"there is no such {what} in this app") for path in paths]
    return Problem(409, f"{fields[0][0]}: {fields[0][1]}", code="unknown_reference", details=_fields(fields))


def clash(path: str, value: str) -> Problem:
    """409: `value` has to be unique and is taken."""
    return Problem(409, f"{path}: {value} is already taken.", details=_fields([(path, "is already taken")]))


def _fields(fields: Iterable[Field]) -> dict[str, Any]:
    return {"fields": [{"path": path, "message": message} for path, message in fields]}


def envelope(ident: str, code: str, message: str, details: Any = None) -> bytes:
    """The body of an error answer."""
    error = {"code": code, "message": message, "details": details, "requestId": ident}
    return dumps({"error": error}).encode("ascii")


def storage_problem(error: StorageError) -> Problem:
    """507 where there is no room, else 503; nothing of what was asked for has happened."""
    full = "is full" in str(error.__cause__)
    advice = f" {error.hint}" if isinstance(error, SecretsUnavailable) else ""
    return Problem(507 if full else 503, f"{error.title}: {error.message}. Nothing was changed.{advice}")


def answer(request: Request, problem: HTTPException) -> Response:
    """`problem` as an answer."""
    status = problem.status_code
    if isinstance(problem, Problem):
        code, message, details = problem.code, problem.message, problem.details
    else:
        code, message, details = CODES.get(status, "error"), _MESSAGES.get(status, str(problem.detail)), None
    body = envelope(request_id(request.scope), code, message, details)
    return Response(body, status, problem.headers, "application/json")


# What pydantic says, in the words of someone who fills in a form.
_TYPES = {
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


def field_errors(errors: Iterable[Mapping[str, Any]]) -> list[Field]:
    """pydantic's errors as paths and plain sentences."""
    found: list[Field] = []
    for error in errors:
        path = ".".join(str(part) for part in error["loc"] if part not in ("body", "[key]"))
        message = _TYPES.get(error["type"])
        if error["type"] == "string_pattern_mismatch":
            message = PATTERNS.get(error["ctx"]["pattern"])
        if message is None:
            message = error["msg"][:1].lower() + error["msg"][1:]
        found.append((path, message))
    return found


def install(app: FastAPI) -> None:
    """Answer every error that reaches the app in the envelope; what nobody expected is the outer layer's.

    `app.state.methods_at` is to tell which methods a path takes.
    """

    async def on_problem(request: Request, error: Exception) -> Response:
        if not isinstance(error, HTTPException):
            raise error
        if error.status_code == 405:
            error.headers = {"Allow": ", ".join(sorted(app.state.methods_at(request.scope["path"])))}
        return answer(request, error)

    async def on_invalid(request: Request, error: Exception) -> Response:
        if not isinstance(error, RequestValidationError):
            raise error
        return answer(request, invalid(field_errors(error.errors()), "The body is not what this address takes."))

    async def on_storage(request: Request, error: Exception) -> Response:
        if not isinstance(error, StorageError):
            raise error
        log.error("%s: %s", error.title, error.message)
        return answer(request, storage_problem(error))

    app.add_exception_handler(HTTPException, on_problem)
    app.add_exception_handler(RequestValidationError, on_invalid)
    app.add_exception_handler(StorageError, on_storage)
