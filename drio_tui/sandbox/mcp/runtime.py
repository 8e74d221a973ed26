"""Calling a deployed tool: its arguments checked, its operation run, its chain followed.

The chain: when a tool has answered, the tools of its `nextToolIds` are run after it, then theirs, breadth
first. Each takes, for every argument it has, the first value of that name and of a fitting kind in the newest
result of the chain, then in older ones, then among the arguments of the call; one whose required arguments
cannot all be found that way is left out. A tool that changes something is never run by itself: only those
that only read (GET, HEAD and OPTIONS unless annotated otherwise, others where `readOnlyHint` says so). At most
`MOST_STEPS` are run, for `CHAIN_SECONDS` together.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from drio_tui.sandbox.mcp.arguments import Checker, Undecided
from drio_tui.sandbox.mcp.snapshot import DeployedTool, Deployment
from drio_tui.text import duration, visible
from drio_tui.tool_calls.chain import handed_on
from drio_tui.tool_calls.credentials import CredentialProvider, SignInFailed
from drio_tui.tool_calls.egress import EgressPolicy, GuardedTransport, Origin, Policy
from drio_tui.tool_calls.fetch import Answer, FetchFailed, fetch
from drio_tui.tool_calls.outputs import result_of
from drio_tui.tool_calls.requests import SAFE, BadArgument, PreparedRequest, build
from drio_tui.tool_calls.response import as_text, read
from drio_tui.widget_data.field_mappings import fill

Document = dict[str, Any]

MOST_STEPS = 8
CHAIN_SECONDS = 30.0
_LONGEST_ERROR = 2_000


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a call went. `text` is for models; `structured` an object for programs, None where it failed;
    `unknown` then tells that it may have had its effect all the same, `private` which origin was not called only
    because its address is a private one. `note` is about the answer (`Result`).

    `steps` tell what the chain did: `{"tool", "status": "done" | "failed" | "skipped", "reason" | "result"}`.
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
    """One deployment that can be called, with its connections to upstreams. Close it with `aclose`."""

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
        self._gate = EgressPolicy.for_urls(policy, deployment.urls)
        self._transport = GuardedTransport(policy)
        self._keyring = CredentialProvider(self._transport, self._gate, secrets)

    @property
    def given(self) -> set[str]:
        """Every key, token and password as it was sent to an upstream."""
        return self._keyring.given

    async def aclose(self) -> None:
        """Close the connections to upstreams."""
        await self._transport.aclose()

    async def call(self, tool: DeployedTool, arguments: Document) -> Outcome:
        """Call a tool as a client asked for it, and what follows it."""
        first = await self._run(tool, arguments)
        if first.structured is None:
            return first
        steps: list[Document] = []
        try:
            async with asyncio.timeout(CHAIN_SECONDS):
                await self._follow(tool, arguments, first.structured, steps)
        except TimeoutError:
            steps[-1] |= {"status": "failed", "reason": f"the {duration(CHAIN_SECONDS)} of a chain are over"}
        return replace(first, steps=steps)

    async def _follow(self, tool: DeployedTool, arguments: Document, result: Document, steps: list[Document]) -> None:
        results = [result]
        seen = {tool.id}
        waiting = deque(tool.next_ids)
        while waiting:
            following = self.deployment.by_id.get(waiting.popleft())
            if following is None or following.id in seen:
                continue
            seen.add(following.id)
            step: Document = {"tool": following.name}
            steps.append(step)
            if len(seen) > MOST_STEPS + 1:
                step |= {"status": "skipped", "reason": f"a chain has {MOST_STEPS} steps at most"}
                return
            given = handed_on(following.input_schema, [*reversed(results), arguments], _fits)
            if given.absent:
                step |= {"status": "skipped", "reason": f"no result gives {', '.join(given.absent)}"}
                continue
            step["arguments"] = given.arguments
            if not following.only_reads:
                step |= {"status": "skipped", "reason": "it changes something, so it is yours to call"}
                continue
            outcome = await self._run(following, given.arguments)
            if outcome.structured is None:
                step |= {"status": "failed", "reason": outcome.text}
                continue
            step |= {"status": "done", "result": outcome.structured}
            results.append(outcome.structured)
            waiting.extend(following.next_ids)

    async def _run(self, tool: DeployedTool, arguments: Document) -> Outcome:
        answer = await self.attempt(tool, arguments)
        return answer if isinstance(answer, Outcome) else _outcome(tool, answer)

    async def attempt(self, tool: DeployedTool, arguments: Document) -> Answer | Outcome:
        """What the upstream answers to a call; an `Outcome` where it was not asked, or gave no answer."""
        try:
            wrong = tool.arguments.problems(arguments)
        except Undecided as error:
            return _failure(f"The arguments cannot be checked: {error}.")
        if wrong:
            return _failure(f"The arguments of {tool.name} are not right: " + "; ".join(wrong) + ".")
        try:
            outgoing = build(tool.integration, tool.operation, arguments, agent="drio-sandbox")
        except BadArgument as error:
            return _failure(f"The arguments of {tool.name} are not right: {error.name} {error}.")
        try:
            return await self._ask(tool, outgoing)
        except SignInFailed as error:
            return self._refused(str(error), error.private)
        except FetchFailed as error:
            unknown = error.sent and tool.method not in SAFE
            said = f"{error} Whether it took effect is not known." if unknown else str(error)
            return self._refused(said, error.private, unknown=unknown)

    def _refused(self, said: str, private: Origin | None, *, unknown: bool = False) -> Outcome:
        if private is not None:
            said = f"{said} {self._how_to_allow(private)}"
        return Outcome(said, failed=True, unknown=unknown, private=private)

    async def _ask(self, tool: DeployedTool, outgoing: PreparedRequest) -> Answer:
        credentials = await self._keyring.credentials(tool.auth)
        answer = await fetch(self._transport, self._gate, outgoing, credentials)
        if answer.status == 401 and self._keyring.forget(tool.auth):
            credentials = await self._keyring.credentials(tool.auth)
            answer = await fetch(self._transport, self._gate, outgoing, credentials)
        return answer


def _fits(schema: Any, value: Any) -> bool:
    if not isinstance(schema, dict) or "$ref" in schema:
        return True  # the tool's own check decides
    try:
        return not Checker(schema).problems(value)
    except Undecided:
        return False


def _failure(text: str) -> Outcome:
    return Outcome(text, failed=True)


def _outcome(tool: DeployedTool, answer: Answer) -> Outcome:
    value, is_json = read(answer)
    if not 200 <= answer.status < 300:
        said = as_text(value) if is_json else visible(str(value or ""), multiline=True)
        return _failure(f"The upstream answered {answer.status}{': ' + said[:_LONGEST_ERROR] if said else ''}")
    made = result_of(
        answer, value, is_json, tool.operation.get("outputSchema"), lambda value: _differences(tool, value)
    )
    view = _view(tool, made.value, wrapped=made.structured is not made.value)
    return Outcome(made.text, made.structured, view=view, note=made.note)


def _differences(tool: DeployedTool, value: Any) -> list[str]:
    """What of an answer is not as the operation's output schema says."""
    if tool.result is None:
        return []
    try:
        return tool.result.problems(value)
    except Undecided as error:
        return [str(error)]


def _view(tool: DeployedTool, value: Any, *, wrapped: bool) -> Document | None:
    """What the tool's widget shows; places in it are below `result` where the value is wrapped."""
    if tool.widget is None:
        return None
    config = tool.widget.get("config") or {}
    return fill(config.get("fieldMappings"), value).as_wire() | {"wrapped": wrapped}
