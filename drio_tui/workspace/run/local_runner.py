"""Running the draft from this machine: the operation as drio has it now, by the rules of a deployed tool.

drio never gives a secret back, so what an auth connection needs is typed, once per connection and place it is
for, and stays in the memory of this process.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies

from drio_tui.api.errors import DrioError
from drio_tui.api.http import httpx
from drio_tui.tool_calls.credentials import CredentialProvider, SignInFailed
from drio_tui.tool_calls.egress import EgressPolicy, GuardedTransport, Origin, Policy, origin_of, origin_text
from drio_tui.tool_calls.fetch import Answer, FetchFailed, FetchLimits, fetch
from drio_tui.tool_calls.requests import SAFE, BadArgument, PreparedRequest, build
from drio_tui.urls import is_loopback
from drio_tui.workspace.run.bound_tool import BoundTool, Document
from drio_tui.workspace.run.tool_run import Request, Run, secret_texts, shown_request, take_answer

_WANTED: dict[str, tuple[tuple[str, str], ...]] = {
    "apiKey": (("apiKey", "API key"),),
    "bearer": (("token", "Token"),),
    "basic": (("password", "Password"),),
    "oauth": (("clientSecret", "Client secret"), ("token", "or an access token")),
}


class BadArguments(DrioError):
    """The arguments cannot be sent; the message says which and why."""

    title = "The arguments are not right"
    exit_code = 2


@dataclass(frozen=True, slots=True)
class CredentialRequest:
    """What has to be typed before a tool can be run: any one of `members` (name and label) of a connection.

    `place` is the host it goes to. Texts are not yet safe to show.
    """

    key: tuple[str, ...]
    connection: str
    place: str
    members: tuple[tuple[str, str], ...]


@dataclass(slots=True)
class LocalRunner:
    """What is known while the program runs: typed credentials, and the hosts that a person has agreed to.

    `hosts` were shown and agreed to; of those, `private` may lie at private addresses.
    """

    limits: FetchLimits = field(default_factory=FetchLimits)
    hosts: set[Origin] = field(default_factory=set)
    private: set[Origin] = field(default_factory=set)
    typed: dict[tuple[str, str], Document] = field(default_factory=dict, repr=False)
    """Arguments that were typed and not run yet, by app and tool."""
    _secrets: dict[tuple[str, ...], Document] = field(default_factory=dict, repr=False)

    def wanted(self, bound: BoundTool) -> CredentialRequest | None:
        """What has to be typed before this tool can be run; None where nothing is missing."""
        if bound.auth is None:
            return None
        config = bound.auth["config"]
        members = _WANTED.get(str(config.get("type")), ())
        if config.get("type") == "oauth" and not (config.get("tokenEndpoint") and config.get("clientId")):
            members = (("token", "Access token"),)
        key = _key(bound)
        if not members or key in self._secrets:
            return None
        return CredentialRequest(key, str(bound.auth["name"]), origin_text(origin(bound)), members)

    def give(self, wanted: CredentialRequest, typed: Document) -> None:
        """Keep what was typed, in memory."""
        self._secrets[wanted.key] = {name: value for name, value in typed.items() if value}

    def forget(self, bound: BoundTool) -> None:
        """Forget what was typed for this tool's connection, so that it is asked for again."""
        self._secrets.pop(_key(bound), None)

    def secrets(self) -> list[str]:
        """Every secret typed so far, to take it out of what is shown."""
        return [str(value) for members in self._secrets.values() for value in members.values()]

    def is_new(self, bound: BoundTool) -> bool:
        """Whether the tool's host was not agreed to yet."""
        return origin(bound) not in self.hosts

    def agree(self, bound: BoundTool) -> None:
        """Remember that requests may go to the tool's host, also where it is written as a private address."""
        self.hosts.add(origin(bound))
        if has_private_host(bound):
            self.private.add(origin(bound))

    async def run(self, bound: BoundTool, arguments: Document) -> Run:
        """Run the tool. Raises `BadArguments`; what goes wrong after that is the run's `error`."""
        started = time.perf_counter()
        outgoing = prepare(bound, arguments)
        known = [*self.secrets(), *secret_texts(bound, arguments)]
        run = Run(bound.id, bound.title, "here", arguments, secret_names=bound.secret_names)
        run.request = shown_request(outgoing, bound.auth, known)
        checked = time.perf_counter()
        run.timing.append(("arguments", checked - started))
        auth, secrets = _as_typed(bound.auth, self._secrets.get(_key(bound), {}))
        urls = [bound.integration["baseUrl"]]
        endpoint = ((auth or {}).get("config") or {}).get("tokenEndpoint")
        policy = Policy(private=frozenset(self.private))
        gate = EgressPolicy.for_urls(policy, [*urls, *([endpoint] if isinstance(endpoint, str) else [])])
        transport = GuardedTransport(policy, connections=4)
        try:
            keyring = CredentialProvider(transport, gate, {str(auth["id"]): secrets} if auth else {})
            credentials = await keyring.credentials(auth)
            known += keyring.given
            signed = time.perf_counter()
            if auth is not None:
                run.timing.append(("sign-in", signed - checked))
            answer: Answer = await fetch(transport, gate, outgoing, credentials, self.limits)
            answered = time.perf_counter()
            run.timing.append(("upstream", answered - signed))
            take_answer(run, bound, answer, known)
            if answer.status == 401 and self._secrets.pop(_key(bound), None) is not None:
                run.error += " What was typed to sign in is forgotten, and asked for again."
            run.timing.append(("reading", time.perf_counter() - answered))
        except SignInFailed as error:
            run.error = str(error)
        except FetchFailed as error:
            run.error, run.private = str(error), error.private
            if not error.sent and "cannot be reached" in run.error and {"http", "https", "all"} & getproxies().keys():
                run.error += " A proxy is set in the environment; runs from this machine do not go through one."
            run.unknown = error.sent and bound.method not in SAFE
        finally:
            await transport.aclose()
        return run


def prepare(bound: BoundTool, arguments: Any, agent: str = "drio-tui") -> PreparedRequest:
    """The request that the arguments make in the name of `agent`, without credentials. Raises `BadArguments`."""
    wrong = bound.problems(arguments)
    if wrong:
        raise BadArguments("; ".join(wrong))
    try:
        return build(bound.integration, bound.operation, arguments, agent=agent)
    except BadArgument as error:
        raise BadArguments(f"{error.name} {error}") from None
    except (ValueError, TypeError) as error:
        raise BadArguments(f"no address can be made of them: {error}") from None


def preview(bound: BoundTool, arguments: Any, agent: str = "drio-tui") -> Request:
    """The request as it would be sent, secrets hidden. Raises `BadArguments`."""
    return shown_request(prepare(bound, arguments, agent), bound.auth, secret_texts(bound, arguments))


def origin(bound: BoundTool) -> Origin:
    """Host and port that the tool's requests go to."""
    try:
        return origin_of(httpx.URL(bound.integration["baseUrl"]))
    except (httpx.InvalidURL, ValueError):
        return "", 0


def has_private_host(bound: BoundTool) -> bool:
    """Whether the tool's host is written as this machine or as a private address; no name is resolved."""
    host, _ = origin(bound)
    try:
        address = ip_address(host)
    except ValueError:
        return is_loopback(host)
    return address.is_private and not address.is_link_local


def _key(bound: BoundTool) -> tuple[str, ...]:
    """What typed credentials are for: a connection, and where it is used. Another place has to be asked for anew."""
    auth = bound.auth or {}
    config = auth.get("config") or {}
    base = urlsplit(bound.integration["baseUrl"])
    return (
        bound.app_id, str(auth.get("id")), f"{base.scheme}://{origin_text(origin(bound))}",
        str(config.get("tokenEndpoint") or ""), str(config.get("type") or ""),
    )  # fmt: skip


def _as_typed(auth: Document | None, typed: Document) -> tuple[Document | None, Document]:
    """The connection as the typed secrets want it: an access token takes the place of signing in."""
    if auth is None or auth["config"].get("type") != "oauth" or "token" not in typed:
        return auth, typed
    return auth | {"config": {"type": "bearer"}}, {"token": typed["token"]}
