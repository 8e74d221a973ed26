"""Answers requests from a cassette, never from the network. A request that was not recorded fails."""

from __future__ import annotations

import re
import threading
from collections.abc import AsyncIterator, Callable, Collection, Iterable
from pathlib import Path
from typing import Any

from drio_tui.api.errors import DrioError, UsageError
from drio_tui.api.http import httpx
from drio_tui.cassette import rpc
from drio_tui.cassette.cassette import RecordedExchange, body_bytes, read_cassette
from drio_tui.cassette.matching import MatchedRequest, difference, likeness, matched_request
from drio_tui.cassette.placeholders import Placeholders, has_oauth_names, recorded_body
from drio_tui.text import one_line

_API_URL = re.compile(r"(https?://[^/?#]+(?:/[^?#]*?)?/api)/v\d+(?=[/?#]|$)")
_SANDBOX_ID = re.compile(r"\(id=[0-9a-f]{24}\)")
_READS = frozenset({"GET", "HEAD"})
_SENT_HEADERS = frozenset({"content-length", "content-encoding", "transfer-encoding", "connection", "keep-alive"})


class NotRecorded(DrioError):
    """A request of a replayed session that is not in the cassette; nothing was sent."""

    title = "This request was not recorded"
    nothing_sent = True
    hint = "A replay sends nothing. `drio-tui cassette show` lists what a cassette contains."


class Player:
    """Answers from the cassette in `path`. Requests may come from several threads.

    The same request gets its responses in order, a read those that were recorded after the last replayed change if
    there are any; after the last answer, a read gets that one again, and any other request fails. Reads are GET, and
    what is sent to an MCP endpoint but the calls of tools. Of a cassette with several runs, a run of the same `command`
    is replayed, one that contains the first request if there is one; without `command`, or without such a run, all
    exchanges are. With `any_server` the hosts of requests do not matter.
    Construction blocks and raises `UsageError`.
    """

    def __init__(self, path: Path, command: Callable[[], str] | None = None, *, any_server: bool = False) -> None:
        self.path = path
        self.cassette = read_cassette(path)
        self._command = command
        self._any_server = any_server
        self._lock = threading.Lock()
        self._chosen: list[tuple[RecordedExchange, MatchedRequest]] | None = None
        self._used: set[int] = set()
        self._last_change = 0  # the number of the latest exchange replayed that was no read

    @property
    def base_url(self) -> str:
        """The base URL of the recorded API. Raises `UsageError` if no request to it was recorded."""
        for exchange in self.cassette.exchanges:
            if match := _API_URL.match(exchange.url):
                return f"{match[1]}/v1"
        raise UsageError(f"{one_line(str(self.path), 200)} contains no request to the API of drio")

    def answer(
        self, method: str, url: str, content: bytes, media_type: str, *, secret_arguments: Collection[str] = ()
    ) -> RecordedExchange:
        """Return the recorded exchange of this request. Raises `NotRecorded`."""
        content = rpc.with_hidden_arguments(content, secret_arguments, Placeholders())
        asked = self._asked(method, url, content, media_type)
        message = rpc.message_in(content)
        is_read = method in _READS if message is None else not rpc.is_call(message)
        with self._lock:
            if self._chosen is None:
                self._chosen = self._choose(asked)
            same = [exchange for exchange, recorded in self._chosen if recorded == asked]
            unused = [exchange for exchange in same if exchange.number not in self._used]
            if is_read and same:
                later = (exchange for exchange in unused if exchange.number > self._last_change)
                answer = next(later, unused[0] if unused else same[-1])
            elif unused:
                answer = unused[0]
                self._last_change = max(self._last_change, answer.number)
            else:
                raise NotRecorded(self._why(asked, self._chosen, len(same)))
            self._used.add(answer.number)
            return answer

    def body(self, exchange: RecordedExchange, content: bytes) -> bytes:
        """Return the body of a recorded response to a request with this content."""
        return rpc.with_id_of(body_bytes(exchange.response), content)

    def has_calls(self, url: str = "") -> bool:
        """Return whether calls of a deployed app were recorded, of that with the endpoint `url` if it is given."""
        asked = self._matched({"method": "POST", "url": url})
        for exchange in self.cassette.exchanges:
            if rpc.is_message((exchange.request.get("body") or {}).get("json")):
                recorded = self._matched(dict(exchange.request))
                if not url or (recorded.server, recorded.path) == (asked.server, asked.path):
                    return True
        return False

    def has_answer(self, method: str, url: str) -> bool:
        """Return whether a request without a body was recorded, so that `answer` does not fail."""
        asked = self._asked(method, url, b"", "")
        with self._lock:
            exchanges = [pair[0] for pair in self._chosen or ()] or self.cassette.exchanges
        return any(self._matched(dict(exchange.request)) == asked for exchange in exchanges)

    def _asked(self, method: str, url: str, content: bytes, media_type: str) -> MatchedRequest:
        hide = Placeholders()
        oauth = has_oauth_names(url, content)
        body = recorded_body(content, media_type, hide, oauth=oauth)
        return self._matched({"method": method, "url": hide.url(url, oauth=oauth), "body": body})

    def _matched(self, request: dict[str, Any]) -> MatchedRequest:
        matched = matched_request(request)
        if self._any_server:
            return MatchedRequest(matched.method, "", matched.path, matched.query, matched.body)
        return matched

    def _choose(self, asked: MatchedRequest) -> list[tuple[RecordedExchange, MatchedRequest]]:
        """Return the exchanges that are replayed, for the first request of the session."""
        pairs = [(exchange, self._matched(dict(exchange.request))) for exchange in self.cassette.exchanges]
        if self._command is None:
            return pairs
        command = self._command()
        ids = [run for run, name in self.cassette.runs.items() if name == command]
        runs = [[pair for pair in pairs if pair[0].run == run] for run in ids]
        containing = (run for run in runs if any(recorded == asked for _, recorded in run))
        return next(containing, next(filter(None, runs), pairs))

    @staticmethod
    def _why(asked: MatchedRequest, pairs: Iterable[tuple[RecordedExchange, MatchedRequest]], count: int) -> str:
        if count:
            return f"{asked.target} was recorded {'once' if count == 1 else f'{count} times'}, and is sent once more"
        closest = max(pairs, key=lambda pair: likeness(asked, pair[1]), default=None)
        if closest is None:
            return f"{asked.target}; the cassette contains no request"
        exchange, recorded = closest
        return (
            f"{asked.target}; the closest one is number {exchange.number}, {recorded.target}, which differs in "
            f"{difference(asked, recorded)}"
        )

    def client(self, **options: Any) -> httpx.AsyncClient:
        """Return an HTTP client that is answered from the cassette."""
        return httpx.AsyncClient(**{**options, "transport": _ReplayTransport(self), "mounts": None})

    def response_headers(self, exchange: RecordedExchange) -> list[tuple[str, str]]:
        """Return the headers of a response that go with its stored body.

        The id of a sandbox is replaced by one of the cassette: local files of that sandbox are not used.
        """
        new_id = f"(id={self.cassette.digest})"
        return [
            (name, _SANDBOX_ID.sub(new_id, value) if name.lower() == "server" else value)
            for name, value in exchange.response.get("headers", [])
            if name.lower() not in _SENT_HEADERS
        ]


class _ReplayTransport(httpx.AsyncBaseTransport):
    def __init__(self, player: Player) -> None:
        self._player = player

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        content = await request.aread()
        exchange = self._player.answer(
            request.method, str(request.url), content, request.headers.get("content-type", "")
        )
        if exchange.error:
            error = getattr(httpx, exchange.error, httpx.ReadError)
            is_transport_error = isinstance(error, type) and issubclass(error, httpx.TransportError)
            raise (error if is_transport_error else httpx.ReadError)("as recorded", request=request)
        return httpx.Response(
            exchange.status,
            headers=[(name, _latin(value)) for name, value in self._player.response_headers(exchange)],
            stream=_Body(self._player.body(exchange, content)),
        )


def _latin(value: str) -> str:
    return value.encode("ascii", "replace").decode()


class _Body(httpx.AsyncByteStream):
    def __init__(self, content: bytes) -> None:
        self._content = content

    async def __aiter__(self) -> AsyncIterator[bytes]:
        if self._content:
            yield self._content
