"""One family of errors for everything that can go wrong between the keyboard and the database.

Every error has a `title` (what happened, a few words), a `message` (the facts) and a `hint` (what to
do next). They are plain text from possibly hostile places: whoever shows them passes them through
`drio_tui.text.visible` first.

The wire shapes read here: drio's envelope `{"error": {"code", "message", "details", "requestId"}}`
(contract 1.2, documented), with `request_id` from v2 on, and RFC 6749 section 5.2
`{"error": "...", "error_description": "..."}`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar


class DrioError(Exception):
    """Base of the family.

    `outcome_unknown` is true when a request that changes something may or may not have been carried
    out; whoever catches it re-reads before trying again.
    """

    title: str = "Something went wrong"
    hint: str = ""
    exit_code: ClassVar[int] = 1
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
        """A stable snake_case name for scripts (`--json`); for API errors the server's own code."""
        return "".join(f"_{c.lower()}" if c.isupper() else c for c in type(self).__name__).lstrip("_")

    def as_dict(self) -> dict[str, Any]:
        """The `error` object printed with `--json`."""
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


class UsageError(DrioError):
    """What was asked for cannot be meant (a bad URL, a bad name)."""

    title = "That does not work"
    exit_code = 2


# --- between us and the server -------------------------------------------------------------------


class ConnectionFailed(DrioError):
    """The server could not be reached; the request was not sent."""

    title = "Cannot reach drio"
    hint = "Check the network and the host, then try again."


class RequestTimeout(DrioError):
    """The server did not answer in time."""

    title = "drio did not answer in time"
    hint = "Try again; if it stays like this, check the host's status."


class ConnectionLost(DrioError):
    """The connection broke, or the protocol did, after the request was sent."""

    title = "The connection broke"
    hint = "Try again."


class OutcomeUnknown(DrioError):
    """A change was sent and no answer came back: it may or may not have happened."""

    title = "It is not known whether that happened"
    hint = "Look at the current state before trying again."
    outcome_unknown = True


class RedirectRefused(DrioError):
    """A redirect that must not be followed: https to http, too many, or of a change to elsewhere."""

    title = "A redirect was refused"
    hint = "Check the base URL of the profile."


class NotDrio(DrioError):
    """Something answered, but not in the way the drio API does (HTML, malformed JSON, ...)."""

    title = "This is not the drio API"
    hint = "Check the base URL; a captive portal or a proxy may be answering instead."


class NewerApi(DrioError):
    """The server speaks a later version of the API than the one this program edits."""

    title = "This drio is newer than drio-tui"

    def __init__(self, version: str) -> None:
        super().__init__(
            f"this drio speaks {version}; drio-tui edits v1, which it does not serve",
            hint=f"Update drio-tui (`pip install --upgrade drio-tui`). Until it speaks {version}, edit in drio's "
            "dashboard, or name a host that serves v1 with `--base-url`.",
        )
        self.version = version


class ResponseTooLarge(NotDrio):
    """The answer was larger than the client is willing to hold in memory."""

    title = "The answer is too large"
    hint = "Narrow the request."


# --- the server said no --------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class FieldError:
    """One problem with one field of a request body; `path` is dotted, camelCase: `branding.primaryColor`."""

    path: str
    message: str


class ApiError(DrioError):
    """The API answered with an error status.

    Attributes: `status` (HTTP number), `api_code` (the server's `code`, or the RFC 6749 `error`),
    `details` (any JSON or None), `request_id` (string or None), `retry_after` (seconds or None).
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

    @property
    def code(self) -> str:
        return self.api_code or super().code

    @property
    def field_errors(self) -> list[FieldError]:
        """The fields that `details` names: as drio's list, FastAPI's `loc`/`msg` or Ajv's `instancePath` list."""
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
    """401: no token, or one that no longer counts."""

    title = "The sign-in no longer counts"
    hint = SignInRequired.hint
    exit_code = 4


class Forbidden(ApiError):
    """403: signed in, but not allowed."""

    title = "Not allowed"
    hint = "Ask the owner of the app, or switch the profile."


class NotFound(ApiError):
    """404: it is not there, or no longer."""

    title = "Not there"
    hint = "It may have been deleted elsewhere; refresh."


class Conflict(ApiError):
    """409: it clashes with what is there; `referrers` lists what still points at it."""

    title = "That conflicts with what is there"

    @property
    def referrers(self) -> list[dict[str, Any]]:
        """What refers to the resource that was to be deleted: `{"kind", "id", "name", "field"}` each."""
        found = self.details.get("referrers") if isinstance(self.details, dict) else None
        return [r for r in found if isinstance(r, dict)] if isinstance(found, list) else []


class PreconditionFailed(ApiError):
    """412: someone else changed it first."""

    title = "Someone else changed it"


class PayloadTooLarge(ApiError):
    """413: the body is too large."""

    title = "That is too large for drio"


class UnsupportedMediaType(ApiError):
    """415: the server does not take this content type."""

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
    """The error for an answer: `status` is HTTP's, `body` the parsed JSON (either shape, or anything else)."""
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
    )


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
        where = item.get("path", item.get("field", item.get("loc")))
        if where is None and isinstance(item.get("instancePath"), str):
            where = _ajv_path(item)
        if isinstance(where, list):
            where = ".".join(str(part) for part in (where[1:] if where[:1] == ["body"] else where))
        message = item.get("message", item.get("msg"))
        if isinstance(where, str) and isinstance(message, str):
            yield FieldError(where, message)


def _ajv_path(item: dict[str, Any]) -> list[str]:
    """Where an error of Ajv's list is: its JSON pointer, and the member that is missing or not allowed there."""
    parts = [part.replace("~1", "/").replace("~0", "~") for part in item["instancePath"].split("/")[1:]]
    params = item.get("params")
    if isinstance(params, dict):
        for key in ("missingProperty", "additionalProperty", "unevaluatedProperty", "propertyName"):
            if isinstance(member := params.get(key), str) and member:
                return [*parts, member]
    return parts
