"""Parsing the request bodies of OAuth endpoints, and their error responses (RFC 6749 section 5.2)."""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import JSONResponse

MAX_BODY = 64 << 10
_NOT_IN_DESCRIPTION = re.compile(r"[^ !#-\[\]-~]")
NO_STORE = {"Cache-Control": "no-store", "Pragma": "no-cache"}


class OAuthProblem(Exception):
    """An error response of an OAuth endpoint. `error` is the RFC's code, `description` plain text."""

    def __init__(
        self, error: str, description: str, *, status: int = 400, headers: dict[str, str] | None = None
    ) -> None:
        super().__init__(error)
        self.error = error
        self.description = description
        self.status = status
        self.headers = headers or {}

    def response(self) -> JSONResponse:
        return oauth_error(self.error, self.description, status=self.status, headers=self.headers)


def oauth_error(
    error: str, description: str, *, status: int = 400, headers: dict[str, str] | None = None
) -> JSONResponse:
    """Return `{"error", "error_description"}`; characters that the RFC does not allow in it become `?`."""
    body = {"error": error, "error_description": _NOT_IN_DESCRIPTION.sub("?", description)[:300]}
    return JSONResponse(body, status, {**NO_STORE, **(headers or {})})


async def read_body(request: Request) -> bytes:
    """Return the body. Raises `OAuthProblem` (413) if it has more than 64 KiB."""
    chunks: list[bytes] = []
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > MAX_BODY:
            raise OAuthProblem("invalid_request", "the body is too large", status=413)
        chunks.append(chunk)
    return b"".join(chunks)


def media_type(request: Request) -> str:
    """Return the content type without its parameters, in lower case; "" if there is none."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def parse_json_object(body: bytes) -> dict[str, Any]:
    """Return the JSON object in a body. Raises `OAuthProblem`, also for duplicate names."""
    try:
        value = json.loads(body, object_pairs_hook=_distinct)
    except (ValueError, RecursionError) as error:
        raise OAuthProblem("invalid_request", "the body is not a JSON object with distinct properties") from error
    if not isinstance(value, dict):
        raise OAuthProblem("invalid_request", "the body is not a JSON object")
    return value


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    document = dict(pairs)
    if len(document) != len(pairs):
        raise ValueError("repeated property")
    return document


async def read_form(request: Request, *, json_too: bool = False) -> dict[str, str]:
    """Return the parameters of a form (or, with `json_too`, of a JSON object of strings).

    Empty values count as absent (RFC 6749 section 3.2). Raises `OAuthProblem`: 415 for another content type, 400
    for a body that cannot be parsed, and for repeated parameters.
    """
    body = await read_body(request)
    content_type = media_type(request)
    if content_type == "application/x-www-form-urlencoded":
        try:
            pairs = parse_qsl(
                body.decode("utf-8"), keep_blank_values=True, max_num_fields=100, encoding="utf-8", errors="strict"
            )
        except ValueError as error:
            raise OAuthProblem("invalid_request", "the form cannot be read") from error
        params = dict(pairs)
        if len(params) != len(pairs):
            raise OAuthProblem("invalid_request", "a parameter is repeated")
        return {name: value for name, value in params.items() if value}
    if json_too and content_type == "application/json":
        document = parse_json_object(body)
        if not all(isinstance(value, str) for value in document.values() if value is not None):
            raise OAuthProblem("invalid_request", "every property of the body has to be a string")
        return {name: value for name, value in document.items() if value}
    expected = "application/x-www-form-urlencoded" + (" or application/json" if json_too else "")
    raise OAuthProblem("invalid_request", f"the content type has to be {expected}", status=415)
