"""Calls of a deployed tool: validation of its arguments, the request of its operation, and its chain.

The chain: after a tool has succeeded, the tools of its `nextToolIds` are run, then theirs, breadth first. Each of
their arguments takes the first valid value of that name in the newest result of the chain, then in older ones,
then in the arguments of the call; a tool whose required arguments cannot all be found that way is skipped. A
chain runs read-only tools only (GET, HEAD and OPTIONS unless annotated otherwise, others with `readOnlyHint`),
since a change needs a call by the client. It runs at most `MAX_STEPS` tools, in at most `CHAIN_SECONDS`.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from drio_tui.api.json_codec import Document
from drio_tui.api.redact import is_secret
from drio_tui.sandbox.mcp.arguments import SchemaValidator, ValidationAborted
from drio_tui.sandbox.mcp.call_log import current_recorder
from drio_tui.sandbox.mcp.snapshot import DeployedTool, Deployment
from drio_tui.text import duration, visible
from drio_tui.tool_calls.chain import chain_arguments
from drio_tui.tool_calls.credentials import CredentialProvider, SignInFailed
from drio_tui.tool_calls.egress import EgressPolicy, Origin, Policy
from drio_tui.tool_calls.fetch import FetchFailed, UpstreamResponse, fetch
from drio_tui.tool_calls.guarded_transport import GuardedTransport
from drio_tui.tool_calls.outputs import result_of
from drio_tui.tool_calls.redaction import texts_in
from drio_tui.tool_calls.requests import SAFE, BadArgument, PreparedRequest, build
from drio_tui.tool_calls.response import as_text, read
from drio_tui.widget_data.field_mappings import fill

MAX_STEPS = 8
CHAIN_SECONDS = 30.0
_MAX_ERROR = 2_000


@dataclass(frozen=True, slots=True)
class CallResult:
    """The result of a call.

    `text` is for models, `structured` an object for programs, None if the call failed. Of a failed call, `unknown`
    means that it may have taken effect nevertheless, and `private` is the origin that was not called only because
    its address is private. `note` is about the response (see `tool_calls.outputs.Result`). `view` is what the
    widget shows. `steps` are those of the chain: `{"tool", "status": "done" | "failed" | "skipped", "arguments",
    "reason" | "result"}`.
    """

    text: str
    structured: Document | None = None
    failed: bool = False
    view: Document | None = None
    unknown: bool = False
    private: Origin | None = None
    note: str = ""
    steps: list[Document] = field(default_factory=list)


class Runtime:
    """Calls the tools of one deployment; it keeps connections to upstreams until `aclose`."""

    def __init__(
        self,
        deployment: Deployment,
        policy: Policy,
        secrets: dict[str, Document] | None,
        *,
        how_to_allow: Callable[[Origin], str],
    ) -> None:
        self.deployment = deployment
        self._how_to_allow = how_to_allow
        self._egress = EgressPolicy.for_urls(policy, deployment.urls)
        self._transport = GuardedTransport(policy)
        self._credentials = CredentialProvider(self._transport, self._egress, secrets)
        self._stored_secrets = {text for stored in (secrets or {}).values() for text in texts_in(stored)}
        self._stored_secrets |= _configured_secrets(deployment)

    @property
    def sent_secrets(self) -> set[str]:
        """Every key, token and password that was sent to an upstream, as it was sent."""
        return self._credentials.given

    @property
    def secrets(self) -> set[str]:
        """The stored secrets, those in the integrations' own headers and queries, and `sent_secrets`."""
        return self._stored_secrets | self.sent_secrets

    async def aclose(self) -> None:
        """Close the connections to upstreams."""
        await self._transport.aclose()

    async def call(self, tool: DeployedTool, arguments: Document) -> CallResult:
        """Call a tool for a client, then run its chain."""
        first = await self._run(tool, arguments)
        if first.structured is None:
            return first
        steps: list[Document] = []
        try:
            async with asyncio.timeout(CHAIN_SECONDS):
                await self._run_chain(tool, arguments, first.structured, steps)
        except TimeoutError:
            steps[-1] |= {"status": "failed", "reason": f"the {duration(CHAIN_SECONDS)} of a chain are over"}
        return replace(first, steps=steps)

    async def _run_chain(
        self, tool: DeployedTool, arguments: Document, result: Document, steps: list[Document]
    ) -> None:
        """Run the chain of a tool with this `result`, and append each step to `steps`."""
        results = [result]
        visited = {tool.id}
        queue = deque(tool.next_ids)
        while queue:
            next_tool = self.deployment.by_id.get(queue.popleft())
            if next_tool is None or next_tool.id in visited:
                continue
            visited.add(next_tool.id)
            step: Document = {"tool": next_tool.name}
            steps.append(step)
            if len(visited) > MAX_STEPS + 1:
                step |= {"status": "skipped", "reason": f"a chain has {MAX_STEPS} steps at most"}
                return
            mapped = chain_arguments(next_tool.input_schema, [*reversed(results), arguments], _is_valid)
            if mapped.absent:
                step |= {"status": "skipped", "reason": f"no result gives {', '.join(mapped.absent)}"}
                continue
            step["arguments"] = mapped.arguments
            if not next_tool.only_reads:
                step |= {"status": "skipped", "reason": "it changes something, so it is yours to call"}
                continue
            next_result = await self._run(next_tool, mapped.arguments)
            if next_result.structured is None:
                step |= {"status": "failed", "reason": next_result.text}
                continue
            step |= {"status": "done", "result": next_result.structured}
            results.append(next_result.structured)
            queue.extend(next_tool.next_ids)

    async def _run(self, tool: DeployedTool, arguments: Document) -> CallResult:
        result = await self.call_upstream(tool, arguments)
        return result if isinstance(result, CallResult) else _call_result(tool, result)

    async def call_upstream(self, tool: DeployedTool, arguments: Document) -> UpstreamResponse | CallResult:
        """Return the upstream's response to a call; a failed `CallResult` if nothing was sent or no response came."""
        try:
            errors = tool.arguments.errors(arguments)
        except ValidationAborted as error:
            return _failure(f"The arguments cannot be checked: {error}.")
        if errors:
            return _failure(f"The arguments of {tool.name} are not right: " + "; ".join(errors) + ".")
        try:
            request = build(tool.integration, tool.operation, arguments, agent="drio-sandbox")
        except BadArgument as error:
            return _failure(f"The arguments of {tool.name} are not right: {error.name} {error}.")
        try:
            return await self._send(tool, request)
        except SignInFailed as error:
            return self._not_sent(str(error), error.private)
        except FetchFailed as error:
            unknown = error.sent and tool.method not in SAFE
            text = f"{error} Whether it took effect is not known." if unknown else str(error)
            return self._not_sent(text, error.private, unknown=unknown)

    def _not_sent(self, text: str, private: Origin | None, *, unknown: bool = False) -> CallResult:
        """Return a failure, with advice if the address is private."""
        if private is not None:
            text = f"{text} {self._how_to_allow(private)}"
        return CallResult(text, failed=True, unknown=unknown, private=private)

    async def _send(self, tool: DeployedTool, request: PreparedRequest) -> UpstreamResponse:
        """Send a request; after a 401 once more, if new credentials can be issued."""
        recorded = current_recorder().sending(tool.name, request.method, request.url)
        try:
            response = await self._send_signed_in(tool, request)
        except (SignInFailed, FetchFailed) as error:
            recorded.finish(error=str(error))
            raise
        recorded.finish(response.status)
        return response

    async def _send_signed_in(self, tool: DeployedTool, request: PreparedRequest) -> UpstreamResponse:
        credentials = await self._credentials.credentials(tool.auth)
        response = await fetch(self._transport, self._egress, request, credentials)
        if response.status == 401 and self._credentials.forget(tool.auth):
            credentials = await self._credentials.credentials(tool.auth)
            response = await fetch(self._transport, self._egress, request, credentials)
        return response


def _configured_secrets(deployment: Deployment) -> set[str]:
    """Return what may be secret in the integrations themselves, in the query of the base URL and in headers."""
    values: set[str] = set()
    for tool in deployment.by_id.values():
        query = urlsplit(tool.integration["baseUrl"]).query
        values |= {value for name, value in parse_qsl(query) if _may_be_secret(name, value)}
        headers = (tool.integration.get("config") or {}).get("headers")
        if isinstance(headers, dict):
            values |= {
                value for name, value in headers.items() if isinstance(value, str) and _may_be_secret(name, value)
            }
    return values


def _may_be_secret(name: str, value: str) -> bool:
    return is_secret(name) or len(value) >= 16 or any(word in name.lower() for word in ("key", "sig", "auth"))


def _is_valid(schema: Any, value: Any) -> bool:
    """Whether a chain may pass on a value for an argument with this schema."""
    if not isinstance(schema, dict) or "$ref" in schema:
        return True  # a reference can only be resolved in the whole schema, which is validated before the call
    try:
        return not SchemaValidator(schema).errors(value)
    except ValidationAborted:
        return False


def _failure(text: str) -> CallResult:
    return CallResult(text, failed=True)


def _call_result(tool: DeployedTool, response: UpstreamResponse) -> CallResult:
    value, is_json = read(response)
    if not 200 <= response.status < 300:
        text = as_text(value) if is_json else visible(str(value or ""), multiline=True)
        return _failure(f"The upstream answered {response.status}{': ' + text[:_MAX_ERROR] if text else ''}")
    result = result_of(
        response, value, is_json, tool.operation.get("outputSchema"), lambda value: _output_errors(tool, value)
    )
    view = _view(tool, result.value, wrapped=result.structured is not result.value)
    return CallResult(result.text, result.structured, view=view, note=result.note)


def _output_errors(tool: DeployedTool, value: Any) -> list[str]:
    """Return why a response does not match the operation's output schema."""
    if tool.result is None:
        return []
    try:
        return tool.result.errors(value)
    except ValidationAborted as error:
        return [str(error)]


def _view(tool: DeployedTool, value: Any, *, wrapped: bool) -> Document | None:
    """Return the data of the tool's widget, None if it has none; paths are below `result` if the value is wrapped."""
    if tool.widget is None:
        return None
    config = tool.widget.get("config") or {}
    return fill(config.get("fieldMappings"), value).as_wire() | {"wrapped": wrapped}
