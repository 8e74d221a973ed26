"""A run of a tool, without secrets.

What credentials add is only named; their values are removed from the response.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import quote

from drio_tui.api import json_codec
from drio_tui.api.json_codec import Document
from drio_tui.api.redact import HIDDEN, is_secret, redact, redact_headers, redacted_pairs, redacted_url
from drio_tui.tool_calls import response as upstream_response
from drio_tui.tool_calls.fetch import UpstreamResponse
from drio_tui.tool_calls.outputs import declares_no_object, result_of
from drio_tui.tool_calls.redaction import hide_secrets, texts_in
from drio_tui.tool_calls.requests import PreparedRequest, content_kind
from drio_tui.widget_data import field_mappings
from drio_tui.workspace.run import mapping
from drio_tui.workspace.run.bound_tool import BoundTool

Target = Literal["here", "sandbox", "deployed"]

TARGETS: dict[str, str] = {
    "sandbox": "Draft, in the sandbox",
    "here": "Draft, from this machine",
    "deployed": "Deployed",
}
_MOST_BYTES = 2 << 20


@dataclass(frozen=True, slots=True)
class Request:
    """What was or would be sent. Secrets in `headers` and `url` are hidden; `body` is text."""

    method: str
    url: str
    headers: tuple[tuple[str, str], ...] = ()
    body: str = ""


@dataclass(frozen=True, slots=True)
class Response:
    """What came back: `size` in bytes, `text` as received if it was text."""

    status: int
    content_type: str
    size: int
    text: str = field(default="", repr=False)


@dataclass(slots=True)
class Run:
    """One run of a tool.

    `structured` is the result as models get it, None if the run failed; `value` what the widget's mappings are applied
    to. `error` says why it failed, `note` how the response differs from what is documented. `unknown` says that the
    tool may have taken effect although the run failed. `timing` are the durations of the steps in seconds. `steps` are
    those of the endpoint's own chain. `private` is the origin that was refused only because its address is private.
    """

    tool: str
    title: str
    target: Target
    arguments: Document
    at: float = field(default_factory=time.time)
    request: Request | None = None
    response: Response | None = None
    structured: Document | None = None
    value: Any = field(default=None, repr=False)
    error: str = ""
    note: str = ""
    unknown: bool = False
    timing: list[tuple[str, float]] = field(default_factory=list)
    steps: list[Document] = field(default_factory=list)
    private: tuple[str, int] | None = None
    omitted_arguments: tuple[str, ...] = ()
    """Names of arguments that were not stored, since they are secret."""
    secret_names: tuple[str, ...] = field(default=(), compare=False)
    """Arguments that must not be stored."""
    view: field_mappings.WidgetData | None = field(default=None, repr=False, compare=False)
    outcomes: list[mapping.Outcome] | None = field(default=None, repr=False, compare=False)

    @property
    def failed(self) -> bool:
        """Whether there is no result."""
        return bool(self.error)

    @property
    def seconds(self) -> float:
        """The total duration in seconds."""
        return sum(seconds for _, seconds in self.timing)

    def as_wire(self) -> Document:
        """Return the run as JSON, for scripts and for storage."""
        data: Document = {
            "tool": self.tool,
            "name": self.title,
            "target": self.target,
            "at": self.at,
            "arguments": self.arguments,
            "ok": not self.failed,
            "result": self.structured,
            "error": self.error or None,
            "note": self.note or None,
            "outcomeUnknown": self.unknown,
            "timing": {name: round(seconds, 6) for name, seconds in self.timing},
        }
        if self.request is not None:
            data["request"] = {
                "method": self.request.method, "url": self.request.url,
                "headers": [list(pair) for pair in self.request.headers], "body": self.request.body or None,
            }  # fmt: skip
        if self.response is not None:
            response = self.response
            data["response"] = {
                "status": response.status, "contentType": response.content_type, "bytes": response.size,
                "text": response.text,
            }  # fmt: skip
        if self.steps:
            data["chain"] = self.steps
        if self.omitted_arguments:
            data["lost"] = list(self.omitted_arguments)
        return data


def run_from(data: Any) -> Run:
    """Return the run from the JSON of `as_wire`. Raises `ValueError` for anything else."""
    try:
        request, response = data.get("request"), data.get("response")
        structured = data["result"]
        return Run(
            tool=str(data["tool"]),
            title=str(data["name"]),
            target=data["target"] if data["target"] in TARGETS else "here",
            arguments=dict(data["arguments"]),
            at=float(data["at"]),
            request=None if request is None else Request(
                str(request["method"]), str(request["url"]),
                tuple((str(name), str(value)) for name, value in request["headers"]), str(request["body"] or ""),
            ),
            response=None if response is None else Response(
                int(response["status"]), str(response["contentType"]), int(response["bytes"]), str(response["text"])
            ),
            structured=dict(structured) if structured is not None else None,
            value=structured,
            error=str(data["error"] or ""),
            note=str(data.get("note") or ""),
            unknown=data["outcomeUnknown"] is True,
            timing=[(str(name), float(seconds)) for name, seconds in data["timing"].items()],
            steps=[dict(step) for step in data.get("chain", ())],
            omitted_arguments=tuple(map(str, data.get("lost", ()))),
        )  # fmt: skip
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise ValueError(f"no run: {error}") from None


def redacted_request(request: PreparedRequest, auth: Document | None, secrets: Iterable[str] = ()) -> Request:
    """Return a request for display: what the auth connection adds is named, and secrets are hidden."""
    texts = list(secrets)
    headers = redact_headers([(name, hide_secrets(value, texts)) for name, value in request.headers.items()])
    url = hide_secrets(redacted_url(request.url), texts)
    config = (auth or {}).get("config") or {}
    auth_type = config.get("type")
    if auth_type == "apiKey" and config.get("in") == "query":
        url += f"{'&' if '?' in url else '?'}{quote(str(config.get('name') or ''), safe='')}={HIDDEN}"
    elif auth_type == "apiKey" and config.get("in") == "cookie":
        headers.append(("Cookie", f"{config.get('name') or ''}={HIDDEN}"))
    elif auth_type == "apiKey":
        headers.append((str(config.get("name") or "X-Api-Key"), HIDDEN))
    elif auth_type in ("bearer", "basic", "oauth"):
        headers.append(("Authorization", f"{'Basic' if auth_type == 'basic' else 'Bearer'} {HIDDEN}"))
    return Request(request.method, url, tuple(headers), hide_secrets(_redacted_body(request), texts))


def _redacted_body(request: PreparedRequest) -> str:
    """Return a body as text, with its secret properties hidden."""
    if not request.body:
        return ""
    if content_kind(request.headers.get("Content-Type", "")) == "form":
        return redacted_pairs(request.body.decode("ascii", "replace"))
    try:
        return json_codec.dumps(redact(json_codec.loads(request.body)))
    except json_codec.MalformedJson:
        return request.body.decode("utf-8", "replace")


def secret_texts(bound: BoundTool, arguments: Document) -> list[str]:
    """Return the texts of the secret arguments."""
    return [*texts_in([arguments[name] for name in bound.secret_names if name in arguments])]


def redacted_arguments(bound: BoundTool, arguments: Document) -> Document:
    """Return arguments for display, with secrets hidden."""
    hidden = {name: HIDDEN for name in bound.secret_names if name in arguments}
    return dict(hide_secrets(redact(arguments | hidden), secret_texts(bound, arguments)))


def apply_response(run: Run, bound: BoundTool, response: UpstreamResponse, secrets: Iterable[str] = ()) -> None:
    """Record an upstream's response in the run, with the result that a deployed tool would return."""
    hidden_texts = list(secrets)
    received, is_json = upstream_response.read(response)
    value = hide_secrets(received, hidden_texts)
    text = response.body[:_MOST_BYTES].decode("utf-8", "replace") if response.body and value is not None else ""
    if is_json and value != received:  # JSON can encode a text in more ways than can be searched for
        text = json_codec.dumps(value)
    run.response = Response(
        response.status, response.content_type, len(response.body), hide_secrets(text, hidden_texts)
    )
    if not 200 <= response.status < 300:
        run.error = f"The upstream answered {response.status}."
        run.value = value
        return
    result = result_of(response, value, is_json, bound.output_schema, bound.differences)
    run.value, run.structured, run.note = result.value, result.structured, result.note


def inner_value(bound: BoundTool, structured: Any, view: Any = None) -> Any:
    """Return what mappings are applied to, from a result as models get it: an added `{"result": …}` is unwrapped."""
    if not isinstance(structured, dict) or set(structured) != {"result"}:
        return structured
    if isinstance(view, dict) and isinstance(view.get("wrapped"), bool):
        return structured["result"] if view["wrapped"] else structured
    inner = structured["result"]
    is_wrapped = declares_no_object(bound.output_schema) or not isinstance(inner, dict)
    return inner if is_wrapped else structured


def view_of(bound: BoundTool, run: Run, *, most: int = field_mappings.MOST_ITEMS) -> field_mappings.WidgetData:
    """Return what the tool's widget shows of the run's result; of its first `most` items, if it was not read yet."""
    if run.view is None:
        run.view = field_mappings.fill(bound.mappings, run.value, most=most)
    return run.view


def mapping_outcomes(bound: BoundTool, run: Run) -> list[mapping.Outcome]:
    """Return what each mapping found in the run's result."""
    if run.outcomes is None:
        run.outcomes = mapping.apply_mappings(bound.mappings, run.value)
    return run.outcomes


def fill_widget(bound: BoundTool, run: Run) -> Run:
    """Fill in what the widget shows of a run. Expensive mappings can take a while: call it in a thread."""
    if not run.failed:
        view_of(bound, run)
        mapping_outcomes(bound, run)
    return run


def redacted_for_storage(run: Run) -> Document:
    """Return the run as JSON for storage: secret arguments are left out, and secrets are hidden everywhere else."""
    omitted = [name for name in run.arguments if is_secret(name) or name in run.secret_names]
    arguments = {name: value for name, value in run.arguments.items() if name not in omitted}
    data = run.as_wire() | {"arguments": arguments}
    if "response" in data:
        data["response"]["text"] = ""  # the result has the same content, and can be searched for secrets
    data = hide_secrets(redact(data), [*texts_in([run.arguments[name] for name in omitted])])
    if omitted or run.omitted_arguments:
        data["lost"] = sorted({*run.omitted_arguments, *omitted})
    return dict(data)
