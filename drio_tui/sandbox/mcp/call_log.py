"""What clients asked of deployed endpoints: the newest requests of each app, without secrets.

The log is in memory and ends with the process: a call waits for no write, and what clients send and upstreams answer
is in no file. It is bounded by `MAX_CALLS` per app and `MAX_CHARACTERS` of arguments and results of all apps; of
longer arguments and results only the sizes are kept. A request is recorded just before its response is complete, so
that a client that has its response finds the request in the log.
"""

from __future__ import annotations

import logging
import os
import time
from collections import OrderedDict, deque
from collections.abc import Iterable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from drio_tui.api.json_codec import Document, MalformedJson, dumps, loads
from drio_tui.api.redact import HIDDEN, redact, redacted_url
from drio_tui.tool_calls.redaction import hide_secrets, texts_in
from drio_tui.tool_calls.token_count import tokens

log = logging.getLogger("drio_tui.sandbox")

MAX_CALLS = 1_000
"""How many requests are kept per app."""
MAX_CHARACTERS = 32 << 20
"""How many characters of arguments and results are kept of all apps."""
MAX_PARSED = 256 << 10
"""How many bytes of a response are looked at, for its error and its tokens."""
_MAX_VALUE = 20_000
_MAX_ERROR = 2_000
_MAX_NAME = 100
_MAX_UPSTREAM = 20
_SAMPLE = 8_000
_MAX_CLIENTS = 1_000
_CLIENT_INFO = "io.modelcontextprotocol/clientInfo"
_PROTOCOL_VERSION = "io.modelcontextprotocol/protocolVersion"


@dataclass(slots=True)
class UpstreamRequest:
    """A request that a call sent upstream: `status` is None if there was no response, and `error` says why."""

    tool: str
    method: str
    url: str
    started: float
    status: int | None = None
    seconds: float = 0.0
    error: str = ""

    def finish(self, status: int | None = None, error: str = "") -> None:
        """Record the response's status, or why there is none."""
        self.status, self.error = status, error
        self.seconds = time.perf_counter() - self.started


@dataclass(slots=True)
class CallRecorder:
    """Collects what the server learns about the request that is being served.

    `secret_arguments` are the names of arguments that are secret by their schema; `result` is that of a tool, `text`
    what a model reads of it.
    """

    secret_arguments: tuple[str, ...] = ()
    upstream: list[UpstreamRequest] = field(default_factory=list)
    has_result: bool = False
    failed: bool = False
    result: Document | None = None
    text: str = ""

    def sending(self, tool: str, method: str, url: str) -> UpstreamRequest:
        """Record a request that is about to be sent upstream."""
        request = UpstreamRequest(tool, method, url, time.perf_counter())
        if len(self.upstream) < _MAX_UPSTREAM:
            self.upstream.append(request)
        return request

    def finish(self, result: Document | None, text: str, *, failed: bool) -> None:
        """Record the result of a tool, and all texts of it."""
        self.has_result, self.result, self.text, self.failed = True, result, text, failed


recorder: ContextVar[CallRecorder | None] = ContextVar("recorder", default=None)
"""The recorder of the request that is being served; None for calls of drafts."""


def current_recorder() -> CallRecorder:
    """Return the recorder of the request, or one whose content nobody reads."""
    return recorder.get() or CallRecorder()


@dataclass(frozen=True, slots=True)
class Exchange:
    """A request to an endpoint and its response, as received and sent."""

    started: float  # seconds since the epoch
    seconds: float
    connection: tuple[str, int] | None
    headers: Mapping[bytes, bytes]
    body: bytes
    status: int
    answer: bytes = field(repr=False)
    answer_bytes: int


class CallLog:
    """The requests to all deployed endpoints of this process. `id` tells one process's log from another's."""

    def __init__(self, max_calls: int = MAX_CALLS, max_characters: int = MAX_CHARACTERS) -> None:
        self.id = os.urandom(6).hex()
        self.last = 0
        """The number of the newest request; the first one has 1."""
        self._max_calls = max_calls
        self._max_characters = max_characters
        self._characters = 0
        self._calls: dict[str, deque[tuple[Document, int]]] = {}
        self._clients: OrderedDict[tuple[str, object], tuple[str, str]] = OrderedDict()

    def record(self, app_id: str, exchange: Exchange, recorded: CallRecorder, known_secrets: Iterable[str]) -> None:
        """Add a request to the log of an app; notifications are left out. Never raises, since the call goes on."""
        try:
            call = self._call(app_id, exchange, recorded, known_secrets)
        except Exception:
            log.exception("A request to a deployed app could not be recorded.")
            return
        if call is None:
            return
        result_size = call.pop("resultSize")
        self.last += 1
        size = 1_000 + call["argumentsBytes"] * (call["arguments"] is not None) + result_size
        calls = self._calls.setdefault(app_id, deque())
        calls.append(({"number": self.last, "appId": app_id} | call, size))
        self._characters += size
        if len(calls) > self._max_calls:
            self._characters -= calls.popleft()[1]
        while self._characters > self._max_characters:
            largest = max(self._calls.values(), key=lambda calls: sum(size for _, size in calls))
            self._characters -= largest.popleft()[1]

    def calls(self, app_ids: Iterable[str], after: int = 0, limit: int = MAX_CALLS) -> list[Document]:
        """Return the newest `limit` requests to the apps after the number `after`, oldest first."""
        found = [call for app_id in app_ids for call, _ in self._calls.get(app_id, ()) if call["number"] > after]
        found.sort(key=lambda call: int(call["number"]))
        return found[-limit:]

    def tools(self, app_id: str) -> list[Document]:
        """Return per tool of an app how many of its kept calls there are, how many failed, and the most tokens."""
        totals: dict[str, Document] = {}
        for call, _ in self._calls.get(app_id, ()):
            if call["tool"]:
                total = totals.setdefault(call["tool"], {"tool": call["tool"], "calls": 0, "failed": 0, "maxTokens": 0})
                total["calls"] += 1
                total["failed"] += call["failed"]
                total["maxTokens"] = max(total["maxTokens"], call["tokens"])
        return list(totals.values())

    def _call(
        self, app_id: str, exchange: Exchange, recorded: CallRecorder, known_secrets: Iterable[str]
    ) -> Document | None:
        message = _parsed(exchange.body)
        is_request = isinstance(message, dict) and isinstance(message.get("method"), str)
        if is_request and "id" not in message and exchange.status < 400:
            return None
        method = _text(message["method"]) if is_request else ""
        params = message.get("params") if is_request else None
        params = params if isinstance(params, dict) else {}
        name, version = self._client(app_id, exchange, method, params)
        arguments = params.get("arguments") if method == "tools/call" else None
        arguments = arguments if isinstance(arguments, dict) else {} if method == "tools/call" else None
        hidden, argument_secrets = _without_secrets(arguments, recorded.secret_arguments)
        all_secrets = [*known_secrets, *argument_secrets]

        def clean(value: Any) -> Any:
            return hide_secrets(value, all_secrets)

        arguments_size = len(dumps(arguments)) if arguments is not None else 0
        failed, error = _failure(exchange, recorded)
        result = recorded.result if len(recorded.text) <= _MAX_VALUE else None
        result_size = len(dumps(result)) if result is not None else 0
        if result_size > _MAX_VALUE:
            result, result_size = None, 0
        if recorded.has_result:
            token_count = _token_count(recorded.text)
        else:
            token_count = _token_count(exchange.answer.decode("utf-8", "replace"), exchange.answer_bytes)
        return {
            "time": datetime.fromtimestamp(exchange.started, UTC).isoformat(timespec="milliseconds")[:-6] + "Z",
            "client": {"name": clean(name), "version": clean(version)},
            "protocol": _protocol(exchange, method, params),
            "method": clean(method),
            "tool": clean(_text(params.get("name"))) if method == "tools/call" else None,
            "arguments": clean(hidden) if arguments_size <= _MAX_VALUE else None,
            "argumentsBytes": arguments_size,
            "upstream": [
                {
                    "tool": request.tool,
                    "method": request.method,
                    "url": clean(redacted_url(request.url))[:_MAX_ERROR],
                    "status": request.status,
                    "error": clean(request.error)[:_MAX_ERROR] or None,
                    "seconds": round(request.seconds, 4),
                }
                for request in recorded.upstream
            ],
            "status": exchange.status,
            "failed": failed,
            "error": clean(redact(error))[:_MAX_ERROR] or None,
            "result": clean(redact(result)),
            "resultSize": result_size,
            "seconds": round(exchange.seconds, 4),
            "bytes": exchange.answer_bytes,
            "tokens": token_count,
        }

    def _client(self, app_id: str, exchange: Exchange, method: str, params: Document) -> tuple[str, str]:
        """Return the name and version of a client.

        Protocols since 2026-07-28 have them in every request, earlier ones in `initialize` only: a later request on
        the same connection is the same client's, and one on another connection is taken for that of the last client
        of the app with the same `User-Agent`. Otherwise it is what the `User-Agent` says.
        """
        meta = params.get("_meta")
        info = params.get("clientInfo") if method == "initialize" else None
        if info is None and isinstance(meta, dict):
            info = meta.get(_CLIENT_INFO)
        agent = exchange.headers.get(b"user-agent", b"").decode("latin-1")
        keys: list[tuple[str, object]] = [("agent", (app_id, agent[:_MAX_NAME]))]
        if exchange.connection is not None:
            keys.insert(0, ("connection", exchange.connection))
        if isinstance(info, dict) and info.get("name"):
            client = _text(info.get("name")), _text(info.get("version"))
            for key in keys:
                self._clients[key] = client
                self._clients.move_to_end(key)
            while len(self._clients) > _MAX_CLIENTS:
                self._clients.popitem(last=False)
            return client
        for key in keys:
            if key in self._clients:
                return self._clients[key]
        name, _, version = agent.partition(" ")[0].partition("/")
        return _text(name), _text(version)


def _protocol(exchange: Exchange, method: str, params: Document) -> str | None:
    """Return the MCP version of a request, None if it names none."""
    meta = params.get("_meta")
    version = params.get("protocolVersion") if method == "initialize" else None
    if version is None and isinstance(meta, dict):
        version = meta.get(_PROTOCOL_VERSION)
    if version is None:
        version = exchange.headers.get(b"mcp-protocol-version", b"").decode("latin-1")
    return _text(version) or None


def _failure(exchange: Exchange, recorded: CallRecorder) -> tuple[bool, str]:
    """Return whether a request failed, and why."""
    if recorded.has_result:
        return recorded.failed, recorded.text if recorded.failed else ""
    answer = _parsed(exchange.answer) if exchange.answer_bytes <= MAX_PARSED else None
    error = answer.get("error") if isinstance(answer, dict) else None
    if isinstance(error, dict):
        return True, str(error.get("message") or "")
    return exchange.status >= 400, ""


def _without_secrets(arguments: Document | None, names: Iterable[str]) -> tuple[Document | None, list[str]]:
    """Return the arguments with secrets hidden, and the texts that were hidden."""
    if arguments is None:
        return None, []
    redacted = redact(arguments | {name: HIDDEN for name in names if name in arguments})
    return redacted, [*_hidden_texts(arguments, redacted)]


def _hidden_texts(value: Any, redacted: Any) -> Iterable[str]:
    if redacted == HIDDEN:
        yield from texts_in(value)
    elif isinstance(value, dict) and isinstance(redacted, dict):
        for name, item in value.items():
            yield from _hidden_texts(item, redacted.get(name))
    elif isinstance(value, list) and isinstance(redacted, list):
        for item, hidden in zip(value, redacted, strict=False):
            yield from _hidden_texts(item, hidden)


def _token_count(text: str, whole: int | None = None) -> int:
    """Return about how many tokens a text has; of a long one a part is counted. `whole` is its length if it is cut."""
    part = text[:_SAMPLE]
    length = max(len(text), whole or 0)
    return round(tokens(part) * (length / len(part))) if len(part) < length and part else tokens(part)


def _parsed(data: bytes) -> Any:
    """Return the JSON value in `data`, None if it is not JSON."""
    try:
        return loads(data)
    except MalformedJson:
        return None


def _text(value: Any) -> str:
    return value[:_MAX_NAME] if isinstance(value, str) else ""
