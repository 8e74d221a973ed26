"""The errors of the API client, and the base class of all errors that are shown to the user.

Every error has a `title` (what happened, in a few words), a `message` (the facts) and a `hint` (what to do next).
They may contain text from the server: sanitize them with `drio_tui.text.visible` before showing them.

Error responses are read in two forms: drio's envelope `{"error": {"code", "message", "details", "requestId"}}`
(contract 1.2, documented), with `request_id` from v2 on, and RFC 6749 section 5.2
`{"error": "...", "error_description": "..."}`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from drio_tui.text import duration

if TYPE_CHECKING:
    from drio_tui.api.exchange import ApiResponse


class DrioError(Exception):
    """The base class of all errors that are shown to the user.

    `outcome_unknown` is true when a request that changes something may or may not have been executed; the caller has
    to read the current state before trying again. `nothing_sent` is true where the request did not leave this machine:
    its failure says nothing about the connection.
    """

    title: str = "Something went wrong"
    hint: str = ""
    exit_code: ClassVar[int] = 1
    nothing_sent: ClassVar[bool] = False
    outcome_unknown: bool = False

    def __init__(self, message: str = "", *, title: str | None = None, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        if title is not None:
            self.title = title
        if hint is not None:
            self.hint = hint

    def __str__(self) -> str:
        return f"{self.title}: {self.message}" if self.message else self.title

    @property
    def code(self) -> str:
        """A stable snake_case name for scripts (`--json`): the class name, or the server's code of an API error."""
        return "".join(f"_{c.lower()}" if c.isupper() else c for c in type(self).__name__).lstrip("_")

    def as_dict(self) -> dict[str, Any]:
        """Return the `error` object printed with `--json`."""
        body: dict[str, Any] = {"code": self.code, "title": self.title, "message": self.message}
        if self.hint:
            body["hint"] = self.hint
        if self.outcome_unknown:
            body["outcomeUnknown"] = True
        return body


class SignInRequired(DrioError):
    """There is no usable token for the host."""

    title = "Sign-in needed"
    hint = "Run `drio-tui login`, or press `L` in the program."
    exit_code = 4


NO_V1 = 5
"""The exit code if the server does not serve v1 of the API, which every command that edits needs."""


class UsageError(DrioError):
    """Invalid input, e.g. a URL or a name."""

    title = "That does not work"
    exit_code = 2


# --- the connection to the server ----------------------------------------------------------------


class ConnectionFailed(DrioError):
    """The server could not be reached; the request was not sent."""

    title = "Cannot reach drio"
    hint = "Check the network and the host, then try again."


class RequestTimeout(DrioError):
    """The server did not answer in time."""

    title = "drio did not answer in time"
    hint = "Try again; if it stays like this, check the host's status."


class ConnectionLost(DrioError):
    """The connection broke, or HTTP was violated, after the request was sent."""

    title = "The connection broke"
    hint = "Try again."


class OutcomeUnknown(DrioError):
    """A change was sent and no response arrived: it may or may not have been made."""

    title = "It is not known whether that happened"
    hint = "Look at the current state before trying again."
    outcome_unknown = True


class RedirectRefused(DrioError):
    """A redirect that must not be followed: https to http, too many, or a change to another origin."""

    title = "A redirect was refused"
    hint = "Check the base URL of the profile."


class NotDrio(DrioError):
    """A response that is not the drio API's (HTML, malformed JSON, ...)."""

    title = "This is not the drio API"
    hint = "Check the base URL; a captive portal or a proxy may be answering instead."


class NewerApi(DrioError):
    """The server speaks a later version of the API than the one this program edits."""

    title = "This drio is newer than drio-tui"
    exit_code = NO_V1

    def __init__(self, version: str) -> None:
        reading = "`drio-tui v3 apps` lists its apps, " if version == "v3" else ""
        super().__init__(
            f"this drio speaks {version}; drio-tui edits v1, which it does not serve",
            hint=f"{reading}`drio-tui api --list` shows what its API offers. Update drio-tui "
            "(`pip install --upgrade drio-tui`) to edit, use drio's dashboard, or name a host that serves v1 with "
            "`--base-url`.",
        )
        self.version = version

    def as_dict(self) -> dict[str, Any]:
        return {**super().as_dict(), "version": self.version}


class ResponseTooLarge(NotDrio):
    """The response is larger than the limit of the client."""

    title = "The response is too large"
    hint = "Narrow the request."


# --- error responses -----------------------------------------------------------------------------


def top_property(path: str) -> str:
    """Return the property of a resource that a dotted path is in: `actions` for `actions[0].template`."""
    return path.partition(".")[0].partition("[")[0]


@dataclass(frozen=True, slots=True)
class FieldError:
    """One error in a field of a request body; `path` is dotted and camelCase: `branding.primaryColor`."""

    path: str
    message: str


class ApiError(DrioError):
    """The API responded with an error status.

    Attributes: `status` (HTTP status), `api_code` (the server's `code`, or the RFC 6749 `error`),
    `details` (any JSON or None), `request_id` (string or None), `retry_after` (seconds or None), `response` (the whole
    response, None if the error was not made by the transport).
    """

    title = "drio refused the request"

    def __init__(
        self,
        message: str = "",
        *,
        status: int = 0,
        api_code: str = "",
        details: Any = None,
        request_id: str | None = None,
        retry_after: float | None = None,
        title: str | None = None,
        hint: str | None = None,
    ) -> None:
        super().__init__(message, title=title, hint=hint)
        self.status = status
        self.api_code = api_code
        self.details = details
        self.request_id = request_id
        self.retry_after = retry_after
        self.response: ApiResponse | None = None

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers of the response, with lower-case names."""
        return self.response.headers if self.response is not None else {}

    @property
    def code(self) -> str:
        return self.api_code or super().code

    @property
    def field_errors(self) -> list[FieldError]:
        """The fields in `details`: drio's own list, FastAPI's list of `loc`/`msg`, or Ajv's list of `instancePath`."""
        return list(_field_errors(self.details))

    def as_dict(self) -> dict[str, Any]:
        body = super().as_dict()
        body["status"] = self.status
        if self.details is not None:
            body["details"] = self.details
        if self.request_id:
            body["requestId"] = self.request_id
        if self.retry_after is not None:
            body["retryAfter"] = self.retry_after
        return body


class BadRequest(ApiError):
    """400: the body or a parameter is wrong; see `field_errors`."""

    title = "Something in the request is wrong"


class Unauthorized(ApiError):
    """401: no token, or an invalid one."""

    title = "The sign-in no longer counts"
    hint = SignInRequired.hint
    exit_code = 4


class Forbidden(ApiError):
    """403: signed in, but not allowed."""

    title = "Not allowed"
    hint = "Ask the owner of the app, or switch the profile."


class NotFound(ApiError):
    """404: it does not exist, or no longer."""

    title = "Not there"
    hint = "It may have been deleted elsewhere."


class ApiRetired(ApiError):
    """410 for every path: the server no longer serves v1 of the API, nor a later version."""

    title = "This drio no longer serves API v1"
    hint = "No later version answers either. Editing needs v1: name a host that serves it with `--base-url`."
    exit_code = NO_V1


class Conflict(ApiError):
    """409: it conflicts with the current state; `referrers` lists the resources that still refer to it."""

    title = "That conflicts with what is there"
    hint = "Look at the current state, then try again."

    @property
    def referrers(self) -> list[dict[str, Any]]:
        """The resources that refer to the one to be deleted, each as `{"kind", "id", "name", "field"}`."""
        referrers = self.details.get("referrers") if isinstance(self.details, dict) else None
        return [r for r in referrers if isinstance(r, dict)] if isinstance(referrers, list) else []


class PreconditionFailed(ApiError):
    """412: it has been changed meanwhile."""

    title = "Someone else changed it"
    hint = Conflict.hint


class PayloadTooLarge(ApiError):
    """413: the body is too large."""

    title = "That is too large for drio"


class UnsupportedMediaType(ApiError):
    """415: the server does not accept this content type."""

    title = "drio does not take this format"


class Unprocessable(ApiError):
    """422: understood but invalid; see `field_errors`."""

    title = "Something in the request is wrong"


class HeadersTooLarge(ApiError):
    """431: the request's headers are too large."""

    title = "The request's headers are too large"


class RateLimited(ApiError):
    """429: too many requests; `retry_after` says how long to wait."""

    title = "Too many requests"
    hint = "Wait a moment, then try again."


class ServerError(ApiError):
    """5xx: the server failed."""

    title = "drio failed"
    hint = "Try again later; quote the request id when you report it."


BY_STATUS: dict[int, type[ApiError]] = {
    400: BadRequest,
    401: Unauthorized,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    412: PreconditionFailed,
    413: PayloadTooLarge,
    415: UnsupportedMediaType,
    422: Unprocessable,
    429: RateLimited,
    431: HeadersTooLarge,
}


NOT_DEPLOYABLE = "not_deployable"
"""The sandbox's code for an app that cannot be deployed: 409, from earlier versions 400."""
_TITLES = {NOT_DEPLOYABLE: "The app cannot be deployed as it is"}


def api_error(status: int, body: Any, *, request_id: str | None = None, retry_after: float | None = None) -> ApiError:
    """Return the error for an HTTP status and a parsed JSON body, of either form or any other."""
    kind = BY_STATUS.get(status) or (ServerError if status >= 500 else ApiError)
    error = body.get("error") if isinstance(body, dict) else None
    code, message, details = "", "", None
    if isinstance(error, dict):
        code, message, details = _text(error.get("code")), _text(error.get("message")), error.get("details")
        request_id = _request_id(error) or _request_id(body) or request_id
    elif isinstance(error, str):
        code, message = error, _text(body.get("error_description"))
        request_id = _request_id(body) or request_id
    return kind(
        message or f"HTTP {status}",
        status=status,
        api_code=code,
        details=details,
        request_id=request_id,
        retry_after=retry_after,
        title=_TITLES.get(code),
        hint=_hint(status, details, retry_after),
    )


def _hint(status: int, details: Any, retry_after: float | None) -> str | None:
    """Return what to do next, where the error says more than its class; None otherwise."""
    if status == 429 and retry_after:
        return f"Wait {duration(retry_after)}, then try again."
    if status == 410:
        return "Refresh. If this version of the API was retired, update drio-tui (`pip install --upgrade drio-tui`)."
    return "" if status == 409 and details else None


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _request_id(body: dict[str, Any]) -> str:
    return _text(body.get("requestId")) or _text(body.get("request_id"))  # the latter from v2 on


def _field_errors(details: Any) -> Any:
    if isinstance(details, dict):
        details = details.get("fields") or details.get("errors") or details.get("issues")
    if not isinstance(details, list):
        return
    for item in details:
        if not isinstance(item, dict):
            continue
        path = item.get("path", item.get("field", item.get("loc")))
        if path is None and isinstance(item.get("instancePath"), str):
            path = _ajv_path(item)
        if isinstance(path, list):
            path = ".".join(str(part) for part in (path[1:] if path[:1] == ["body"] else path))
        message = item.get("message", item.get("msg"))
        if isinstance(path, str) and isinstance(message, str):
            yield FieldError(path, message)


def _ajv_path(item: dict[str, Any]) -> list[str]:
    """Return the path of an Ajv error: its JSON pointer, and the property that is missing or not allowed there."""
    parts = [part.replace("~1", "/").replace("~0", "~") for part in item["instancePath"].split("/")[1:]]
    params = item.get("params")
    if isinstance(params, dict):
        for key in ("missingProperty", "additionalProperty", "unevaluatedProperty", "propertyName"):
            if isinstance(name := params.get(key), str) and name:
                return [*parts, name]
    return parts
