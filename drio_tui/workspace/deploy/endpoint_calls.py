"""What MCP clients asked of the deployed apps of a sandbox; drio itself does not tell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from drio_tui.api.errors import DrioError, NotDrio, NotFound

if TYPE_CHECKING:
    from drio_tui.api.client import DrioClient

PATH = "/sandbox/calls"
"""Below the origin of a sandbox."""


@dataclass(frozen=True, slots=True)
class UpstreamRequest:
    """A request that a call sent upstream; `status` is None if there was no response, and `error` says why."""

    tool: str
    method: str
    url: str
    status: int | None
    error: str


@dataclass(frozen=True, slots=True)
class EndpointCall:
    """One request of an MCP client.

    `time` is ISO 8601 in UTC. `tool` is empty unless a tool was called; then `arguments` are its arguments without
    secrets, None if they are too long to be kept, as `result` is. `size` is that of the response in bytes, and
    `tokens` about what the result costs a model. `wire` is the response of the sandbox.
    """

    number: int
    app_id: str
    time: str
    client: str
    client_version: str
    protocol: str
    method: str
    tool: str
    arguments: Mapping[str, Any] | None
    result: Mapping[str, Any] | None
    upstream: Sequence[UpstreamRequest]
    status: int
    failed: bool
    error: str
    seconds: float
    size: int
    tokens: int
    wire: Mapping[str, Any] = field(repr=False)


class CallFeed:
    """Reads the requests to one app, or to all, each once and in their order."""

    def __init__(self, client: DrioClient, app_id: str | None = None) -> None:
        self._client = client
        self._app_id = app_id
        self._log = ""
        self._last = 0

    async def fetch(self, limit: int | None = None) -> list[EndpointCall]:
        """Return the requests that are new since the last time, at most the newest `limit`. Raises `DrioError`."""
        log, last, calls = await self._read(limit)
        if self._log and log != self._log:  # the sandbox was started again, and counts from 1
            self._last = 0
            log, last, calls = await self._read(limit)
        self._log, self._last = log, last
        return calls

    async def _read(self, limit: int | None) -> tuple[str, int, list[EndpointCall]]:
        params: dict[str, str] = {"after": str(self._last)}
        if self._app_id is not None:
            params["app"] = self._app_id
        if limit is not None:
            params["limit"] = str(limit)
        try:
            response = await self._client.transport.request("GET", f"{PATH}?{urlencode(params)}", at_origin=True)
        except NotFound as error:
            if "no such app" in error.message:
                raise
            raise DrioError(
                "the running sandbox is of an earlier version, or this is no sandbox",
                title="Calls are not recorded",
                hint="drio-tui sandbox stop, then start it again",
            ) from None
        return _parse(response.data)


def _parse(data: Any) -> tuple[str, int, list[EndpointCall]]:
    try:
        return str(data["log"]), int(data["last"]), [_call(call) for call in data["calls"]]
    except (KeyError, TypeError, ValueError, AttributeError):
        raise NotDrio("the sandbox answered without its list of calls") from None


def _call(call: Any) -> EndpointCall:
    return EndpointCall(
        number=int(call["number"]),
        app_id=str(call["appId"]),
        time=str(call["time"]),
        client=str(call["client"]["name"]),
        client_version=str(call["client"]["version"]),
        protocol=str(call["protocol"] or ""),
        method=str(call["method"]),
        tool=str(call["tool"] or ""),
        arguments=_object(call["arguments"]),
        result=_object(call["result"]),
        upstream=[
            UpstreamRequest(
                str(request["tool"]),
                str(request["method"]),
                str(request["url"]),
                None if request["status"] is None else int(request["status"]),
                str(request["error"] or ""),
            )
            for request in call["upstream"]
        ],
        status=int(call["status"]),
        failed=bool(call["failed"]),
        error=str(call["error"] or ""),
        seconds=float(call["seconds"]),
        size=int(call["bytes"]),
        tokens=int(call["tokens"]),
        wire=call,
    )


def _object(value: Any) -> Mapping[str, Any] | None:
    return value if isinstance(value, dict) else None
