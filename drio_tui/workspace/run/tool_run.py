"""What a run was. Nothing secret is in it: what credentials add is only named, and their values are taken out
of whatever came back.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import quote, unquote_plus, urlsplit, urlunsplit

from drio_tui.api import json_codec
from drio_tui.api.redact import HIDDEN, is_secret, redact, redact_headers, spellings
from drio_tui.tool_calls import response as answers
from drio_tui.tool_calls.fetch import Answer
from drio_tui.tool_calls.outputs import declares_no_object, result_of
from drio_tui.tool_calls.requests import PreparedRequest, content_kind
from drio_tui.widget_data import field_mappings
from drio_tui.workspace.run import mapping
from drio_tui.workspace.run.bound_tool import BoundTool

Document = dict[str, Any]
Target = Literal["here", "sandbox", "deployed"]

TARGETS: dict[str, str] = {
    "sandbox": "Draft, in the sandbox",
    "here": "Draft, from this machine",
    "deployed": "Deployed",
}
_LONGEST = 2 << 20
_SHORTEST_SECRET = 4


@dataclass(frozen=True, slots=True)
class Request:
    """What was sent, or would be. `headers` and `url` hide what is secret; `body` is text."""

    method: str
    url: str
    headers: tuple[tuple[str, str], ...] = ()
    body: str = ""


@dataclass(frozen=True, slots=True)
class Response:
    """What came back: `size` in bytes, `text` as it came where it was text at all."""

    status: int
    content_type: str
    size: int
    text: str = field(default="", repr=False)


@dataclass(slots=True)
class Run:
    """One run of a tool.

    `structured` is the result as models get it, None where it failed; `value` what the widget's mappings look
    into. `error` says why it failed, `note` how the answer differs from what is documented; `unknown` that the tool
    may have done what it does all the same. `timing` names what took how many seconds. `steps` are what the
    endpoint's own chain did. `private` is the origin that was refused only because its address is a private one.
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
    lost: tuple[str, ...] = ()
    """Names of arguments that were not kept, since they are secret."""
    secret_names: tuple[str, ...] = field(default=(), compare=False)
    """Arguments that are not to be kept."""
    view: field_mappings.WidgetData | None = field(default=None, repr=False, compare=False)
    outcomes: list[mapping.Outcome] | None = field(default=None, repr=False, compare=False)

    @property
    def failed(self) -> bool:
        """Whether there is no result."""
        return bool(self.error)

    @property
    def seconds(self) -> float:
        """How long it took in all."""
        return sum(seconds for _, seconds in self.timing)

    def as_wire(self) -> Document:
        """The run as JSON: for scripts, and to be kept."""
        told: Document = {
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
            told["request"] = {
                "method": self.request.method, "url": self.request.url,
                "headers": [list(pair) for pair in self.request.headers], "body": self.request.body or None,
            }  # fmt: skip
        if self.response is not None:
            one = self.response
            told["response"] = {
                "status": one.status, "contentType": one.content_type, "bytes": one.size, "text": one.text,
            }  # fmt: skip
        if self.steps:
            told["chain"] = self.steps
        if self.lost:
            told["lost"] = list(self.lost)
        return told


def run_from(told: Any) -> Run:
    """A run from what `as_wire` gave. Raises `ValueError` for anything else."""
    try:
        request, response = told.get("request"), told.get("response")
        structured = told["result"]
        return Run(
            tool=str(told["tool"]),
            title=str(told["name"]),
            target=told["target"] if told["target"] in TARGETS else "here",
            arguments=dict(told["arguments"]),
            at=float(told["at"]),
            request=None if request is None else Request(
                str(request["method"]), str(request["url"]),
                tuple((str(name), str(value)) for name, value in request["headers"]), str(request["body"] or ""),
            ),
            response=None if response is None else Response(
                int(response["status"]), str(response["contentType"]), int(response["bytes"]), str(response["text"])
            ),
            structured=dict(structured) if structured is not None else None,
            value=structured,
            error=str(told["error"] or ""),
            note=str(told.get("note") or ""),
            unknown=told["outcomeUnknown"] is True,
            timing=[(str(name), float(seconds)) for name, seconds in told["timing"].items()],
            steps=[dict(step) for step in told.get("chain", ())],
            lost=tuple(map(str, told.get("lost", ()))),
        )  # fmt: skip
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise ValueError(f"no run: {error}") from None


def shown_request(outgoing: PreparedRequest, auth: Document | None, secrets: Iterable[str] = ()) -> Request:
    """A request as it may be shown: with what the auth connection adds named, and all that is secret hidden."""
    found = list(secrets)
    headers = redact_headers([(name, scrub(value, found)) for name, value in outgoing.headers.items()])
    url = scrub(plain_url(outgoing.url), found)
    config = (auth or {}).get("config") or {}
    kind = config.get("type")
    if kind == "apiKey" and config.get("in") == "query":
        url += f"{'&' if '?' in url else '?'}{quote(str(config.get('name') or ''), safe='')}={HIDDEN}"
    elif kind == "apiKey" and config.get("in") == "cookie":
        headers.append(("Cookie", f"{config.get('name') or ''}={HIDDEN}"))
    elif kind == "apiKey":
        headers.append((str(config.get("name") or "X-Api-Key"), HIDDEN))
    elif kind in ("bearer", "basic", "oauth"):
        headers.append(("Authorization", f"{'Basic' if kind == 'basic' else 'Bearer'} {HIDDEN}"))
    return Request(outgoing.method, url, tuple(headers), scrub(_shown_body(outgoing), found))


def _shown_body(outgoing: PreparedRequest) -> str:
    """A body as text, its secret members hidden."""
    if not outgoing.body:
        return ""
    if content_kind(outgoing.headers.get("Content-Type", "")) == "form":
        return _shown_pairs(outgoing.body.decode("ascii", "replace"))
    try:
        return json_codec.dumps(redact(json_codec.loads(outgoing.body)))
    except json_codec.MalformedJson:
        return outgoing.body.decode("utf-8", "replace")


def _shown_pairs(text: str) -> str:
    """A query or a form with the values of secret names hidden."""
    pairs = []
    for pair in text.split("&"):
        name, equals, _ = pair.partition("=")
        pairs.append(f"{name}={HIDDEN}" if equals and is_secret(unquote_plus(name)) else pair)
    return "&".join(pairs)


def secret_texts(bound: BoundTool, arguments: Document) -> list[str]:
    """The texts of the arguments that are secret."""
    return [*_texts([arguments[name] for name in bound.secret_names if name in arguments])]


def shown_arguments(bound: BoundTool, arguments: Document) -> Document:
    """Arguments as they may be shown: what is secret hidden."""
    hidden = {name: HIDDEN for name in bound.secret_names if name in arguments}
    return dict(scrub(redact(arguments | hidden), secret_texts(bound, arguments)))


def plain_url(url: str) -> str:
    """An address without its password, and with the values of secret query parameters hidden."""
    url = str(redact(url))
    try:
        parts = urlsplit(url)
    except ValueError:
        return url
    return urlunsplit(parts._replace(query=_shown_pairs(parts.query)))


def scrub(value: Any, secrets: Iterable[str]) -> Any:
    """A JSON value without the texts in `secrets`, wherever they stand in it and however they are spelt there."""
    found = {spelt for secret in secrets if len(secret) >= _SHORTEST_SECRET for spelt in spellings(secret)}
    known = sorted(found, key=lambda one: (-len(one), one))
    if not known:
        return value

    def clean(item: Any) -> Any:
        if isinstance(item, str):
            for secret in known:
                if secret in item:
                    item = item.replace(secret, HIDDEN)
            return item
        if isinstance(item, dict):
            return {clean(name): clean(member) for name, member in item.items()}
        if isinstance(item, list):
            return [clean(member) for member in item]
        return item

    return clean(value)


def take_answer(run: Run, bound: BoundTool, answer: Answer, secrets: Iterable[str] = ()) -> None:
    """Put what an upstream answered into the run, as a deployed tool would give it on."""
    known = list(secrets)
    said, is_json = answers.read(answer)
    value = scrub(said, known)
    text = answer.body[:_LONGEST].decode("utf-8", "replace") if answer.body and value is not None else ""
    if is_json and value != said:  # JSON can spell a text in more ways than can be looked for
        text = json_codec.dumps(value)
    run.response = Response(answer.status, answer.content_type, len(answer.body), scrub(text, known))
    if not 200 <= answer.status < 300:
        run.error = f"The upstream answered {answer.status}."
        run.value = value
        return
    made = result_of(answer, value, is_json, bound.output_schema, bound.differences)
    run.value, run.structured, run.note = made.value, made.structured, made.note


def inner_value(bound: BoundTool, structured: Any, view: Any = None) -> Any:
    """What mappings look into of a result as models get it: the inside of `{"result": …}` where that was put around."""
    if not isinstance(structured, dict) or set(structured) != {"result"}:
        return structured
    if isinstance(view, dict) and isinstance(view.get("wrapped"), bool):
        return structured["result"] if view["wrapped"] else structured
    inner = structured["result"]
    wrapped = declares_no_object(bound.output_schema) or not isinstance(inner, dict)
    return inner if wrapped else structured


def view_of(bound: BoundTool, run: Run) -> field_mappings.WidgetData:
    """What the tool's widget shows of the run's result."""
    if run.view is None:
        run.view = field_mappings.fill(bound.mappings, run.value)
    return run.view


def judged(bound: BoundTool, run: Run) -> list[mapping.Outcome]:
    """Which mapping matched what."""
    if run.outcomes is None:
        run.outcomes = mapping.judge(bound.mappings, run.value)
    return run.outcomes


def look(bound: BoundTool, run: Run) -> Run:
    """Find out what the widget shows of a run, which mappings without end can hold up for a while: in a thread."""
    if not run.failed:
        view_of(bound, run)
        judged(bound, run)
    return run


def keepable(run: Run) -> Document:
    """The run as it may be kept: secret members left out of its arguments, and hidden everywhere else."""
    lost = [name for name in run.arguments if is_secret(name) or name in run.secret_names]
    kept = {name: value for name, value in run.arguments.items() if name not in lost}
    made = run.as_wire() | {"arguments": kept}
    if "response" in made:
        made["response"]["text"] = ""  # the result says it again, and that can be looked through for secrets
    made = scrub(redact(made), [*_texts([run.arguments[name] for name in lost])])
    if lost or run.lost:
        made["lost"] = sorted({*run.lost, *lost})
    return dict(made)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield json_codec.dumps(value)
    elif isinstance(value, dict | list):
        for member in value.values() if isinstance(value, dict) else value:
            yield from _texts(member)
