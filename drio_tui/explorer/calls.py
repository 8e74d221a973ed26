"""Requests of operations, and their responses."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from drio_tui.api.content import Content, redacted_content
from drio_tui.api.errors import ApiError, UsageError
from drio_tui.api.redact import HIDDEN, redact, redact_headers, redacted_url
from drio_tui.api.transport import USER_AGENT, Transport
from drio_tui.schema.jsontext import pretty
from drio_tui.tool_calls.redaction import secret_names
from drio_tui.tool_calls.requests import JSON, SAFE, BadArgument, PreparedRequest, build, content_kind

if TYPE_CHECKING:
    from drio_tui.explorer.server_api import Operation

_LEFT_OUT = frozenset({"user-agent", "content-type"})
_LONGEST_TEXT = 2 << 20
SHOWN_HEADERS = ("content-type", "location", "link", "retry-after", "etag", "x-request-id", "deprecation", "sunset")
"""The headers of a response that are shown with its status."""


@dataclass(frozen=True, slots=True)
class OperationResponse:
    """The response to a request: its status, headers (lower-case names), and data, or text if it is no JSON.

    `seconds` is the time until it was complete, with retries; `size` the bytes of its body. `unknown` says that the
    request may have been executed although the status is an error.
    """

    status: int
    headers: dict[str, str] = field(repr=False)
    data: Any = field(repr=False)
    text: str = field(repr=False)
    seconds: float
    size: int
    unknown: bool = False

    @property
    def shown_headers(self) -> list[tuple[str, str]]:
        """The headers that matter, without secrets."""
        return redact_headers([(name, self.headers[name]) for name in SHOWN_HEADERS if name in self.headers])


def prepare(operation: Operation, origin: str, values: dict[str, Any]) -> PreparedRequest:
    """Return the request of an operation for values by argument. Raises `UsageError`."""
    if operation.obstacle:
        raise UsageError(operation.obstacle, title="This operation cannot be sent")
    try:
        return build({"baseUrl": origin + operation.base}, operation.detail.operation, values, agent=USER_AGENT)
    except BadArgument as error:
        raise UsageError(f"{error.name} {error}") from None


async def send(transport: Transport, request: PreparedRequest) -> OperationResponse:
    """Send a request to the server and return its response, whatever its status is. Raises the other `DrioError`s."""
    headers = {name: value for name, value in request.headers.items() if name.lower() not in _LEFT_OUT}
    started = time.perf_counter()
    status, unknown = 0, False
    try:
        response = await transport.request(
            request.method, target_of(request), at_origin=True, headers=headers, content=content_of(request),
            reading="any",
        )  # fmt: skip
    except ApiError as error:
        if error.response is None:
            raise
        response, status, unknown = error.response, error.status, error.outcome_unknown
    seconds = time.perf_counter() - started
    text = ""
    if response.data is None and response.body:
        text = response.body[:_LONGEST_TEXT].decode("utf-8", "replace")
    return OperationResponse(
        status or response.status, response.headers, response.data, text, seconds, len(response.body), unknown
    )


def target_of(request: PreparedRequest) -> str:
    """Return the path and query of a request, encoded."""
    _, _, rest = request.url.partition("://")
    slash = rest.find("/")
    return rest[slash:] if slash >= 0 else "/"


def media_type_of(request: PreparedRequest) -> str:
    """Return the media type that the body of a request has, or would have."""
    return next((value for name, value in request.headers.items() if name.lower() == "content-type"), JSON)


def content_of(request: PreparedRequest) -> Content | None:
    """Return the body of a request with its media type; None if it has none."""
    return None if request.body is None else Content(media_type_of(request), request.body)


def is_safe(request: PreparedRequest) -> bool:
    """Return whether sending a request changes nothing, by its method (RFC 9110 section 9.2.1)."""
    return request.method in SAFE


def request_text(request: PreparedRequest) -> str:
    """Return a whole request as text, without secrets: method and URL, headers, body."""
    lines = [f"{request.method} {redacted_url(request.url)}"]
    shown = {name: value for name, value in request.headers.items() if name.lower() != "user-agent"}
    lines += [f"{name}: {value}" for name, value in redact_headers(shown)]
    lines.append(f"Authorization: Bearer {HIDDEN}")
    content = content_of(request)
    if content is not None:
        body = redacted_content(content)
        is_text = isinstance(body, str) and content_kind(content.media_type) != "json"
        lines += ["", body if is_text else pretty(body)]
    return "\n".join(lines)


def without_secrets(operation: Operation, values: dict[str, Any]) -> dict[str, Any]:
    """Return values by argument, those of secret arguments left out and secrets within others hidden."""
    secrets = secret_names(operation.schema)
    kept: dict[str, Any] = redact({name: value for name, value in values.items() if name not in secrets})
    return kept
