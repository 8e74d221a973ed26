"""Reading the bodies of OAuth endpoints, and answering in the shape of RFC 6749 section 5.2."""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import JSONResponse

MAX_BODY = 64 << 10
_NOT_DESCRIPTION = re.compile(r"[^ !#-\[\]-~]")
NO_STORE = {"Cache-Control": "no-store", "Pragma": "no-cache"}


class OAuthProblem(Exception):
    """An error answer of an OAuth endpoint. `error` is the RFC's code, `description` plain text."""

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
    """`{"error", "error_description"}`; the description is cut to the characters the RFC allows."""
    body = {"error": error, "error_description": _NOT_DESCRIPTION.sub("?", description)[:300]}
    return JSONResponse(body, status, {**NO_STORE, **(headers or {})})


async def read_body(request: Request) -> bytes:
    """The body, at most 64 KiB; raises `OAuthProblem` (413) beyond."""
    chunks: list[bytes] = []
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > MAX_BODY:
            raise OAuthProblem("invalid_request", "the body is too large", status=413)
        chunks.append(chunk)
    return b"".join(chunks)


def media_type(request: Request) -> str:
    """The content type without its parameters, in lower case; "" where there is none."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def parse_json_object(body: bytes) -> dict[str, Any]:
    """One JSON object without repeated members; raises `OAuthProblem`."""
    try:
        value = json.loads(body, object_pairs_hook=_no_repeats)
    except (ValueError, RecursionError) as error:
        raise OAuthProblem("invalid_request", "the body is not a JSON object with distinct members") from error
    if not isinstance(value, dict):
        raise OAuthProblem("invalid_request", "the body is not a JSON object")
    return value


def _no_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("repeated member")
    return found


async def read_form(request: Request, *, json_too: bool = False) -> dict[str, str]:
    """The parameters of a form (or, with `json_too`, a JSON object of strings), none of them repeated.

    Empty values count as absent (RFC 6749 section 3.2). Raises `OAuthProblem`: 415 for another content
    type, 400 for anything that cannot be read.
    """
    body = await read_body(request)
    kind = media_type(request)
    if kind == "application/x-www-form-urlencoded":
        try:
            pairs = parse_qsl(
                body.decode("utf-8"), keep_blank_values=True, max_num_fields=100, encoding="utf-8", errors="strict"
            )
        except ValueError as error:
            raise OAuthProblem("invalid_request", "the form cannot be read") from error
        found = dict(pairs)
        if len(found) != len(pairs):
            raise OAuthProblem("invalid_request", "a parameter is repeated")
        return {key: value for key, value in found.items() if value}
    if json_too and kind == "application/json":
        members = parse_json_object(body)
        if not all(isinstance(value, str) for value in members.values() if value is not None):
            raise OAuthProblem("invalid_request", "every member of the body is a string")
        return {key: value for key, value in members.items() if value}
    expected = "application/x-www-form-urlencoded" + (" or application/json" if json_too else "")
    raise OAuthProblem("invalid_request", f"the content type has to be {expected}", status=415)
