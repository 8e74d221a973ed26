"""Running the draft from this machine: the operation as drio has it now, by the rules of a deployed tool.

drio never returns a secret, so the credentials of an auth connection are typed, once per connection and host, and
stay in the memory of this process.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies

from drio_tui.api.errors import DrioError, UsageError
from drio_tui.api.http import httpx, is_replay
from drio_tui.api.json_codec import Document
from drio_tui.tool_calls.credentials import CredentialProvider, SignInFailed
from drio_tui.tool_calls.egress import EgressPolicy, Origin, Policy, origin_of, origin_text
from drio_tui.tool_calls.fetch import FetchFailed, FetchLimits, UpstreamResponse, fetch
from drio_tui.tool_calls.guarded_transport import GuardedTransport
from drio_tui.tool_calls.requests import SAFE, BadArgument, PreparedRequest, build
from drio_tui.urls import is_loopback
from drio_tui.workspace.run.bound_tool import BoundTool
from drio_tui.workspace.run.tool_run import Request, Run, apply_response, redacted_request, secret_texts
from drio_tui.workspace.saving.unsaved_edits import TypedInput

_CREDENTIAL_FIELDS: dict[str, tuple[tuple[str, str], ...]] = {
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

    `place` is the host that it is sent to. Texts are not sanitized.
    """

    key: tuple[str, ...]
    connection: str
    place: str
    members: tuple[tuple[str, str], ...]


@dataclass(slots=True)
class LocalRunner:
    """Runs tools from this machine. Keeps typed credentials, and the hosts that the user has agreed to, in memory.

    The user was shown the `hosts` and agreed to them; those in `private` may have private addresses.
    """

    limits: FetchLimits = field(default_factory=FetchLimits)
    hosts: set[Origin] = field(default_factory=set)
    private: set[Origin] = field(default_factory=set)
    typed: dict[tuple[str, str], TypedInput] = field(default_factory=dict, repr=False)
    """Arguments that were typed but not run yet, by app and tool."""
    _secrets: dict[tuple[str, ...], Document] = field(default_factory=dict, repr=False)

    def credential_request(self, bound: BoundTool) -> CredentialRequest | None:
        """Return what has to be typed before this tool can be run; None where nothing is missing."""
        if bound.auth is None:
            return None
        config = bound.auth["config"]
        members = _CREDENTIAL_FIELDS.get(str(config.get("type")), ())
        if config.get("type") == "oauth" and not (config.get("tokenEndpoint") and config.get("clientId")):
            members = (("token", "Access token"),)
        key = _key(bound)
        if not members or key in self._secrets:
            return None
        return CredentialRequest(key, str(bound.auth["name"]), origin_text(origin(bound)), members)

    def provide_credentials(self, request: CredentialRequest, typed: Document) -> None:
        """Store what was typed, in memory."""
        self._secrets[request.key] = {name: value for name, value in typed.items() if value}

    def forget(self, bound: BoundTool) -> None:
        """Discard what was typed for this tool's connection, so that it is asked for again."""
        self._secrets.pop(_key(bound), None)

    def secrets(self) -> list[str]:
        """Return every secret that was typed, to remove it from what is shown."""
        return [str(value) for members in self._secrets.values() for value in members.values()]

    def is_new(self, bound: BoundTool) -> bool:
        """Return whether the user has not agreed to the tool's host yet."""
        return origin(bound) not in self.hosts

    def agree(self, bound: BoundTool) -> None:
        """Record that requests may go to the tool's host, also where it is written as a private address."""
        self.hosts.add(origin(bound))
        if has_private_host(bound):
            self.private.add(origin(bound))

    async def run(self, bound: BoundTool, arguments: Document) -> Run:
        """Run the tool. Raises `BadArguments`, `UsageError` in a replay; later failures are in `error` of the run."""
        refuse_in_replay()
        started = time.perf_counter()
        request = prepare(bound, arguments)
        hidden_texts = [*self.secrets(), *secret_texts(bound, arguments)]
        run = Run(bound.id, bound.title, "here", arguments, secret_names=bound.secret_names)
        run.request = redacted_request(request, bound.auth, hidden_texts)
        built = time.perf_counter()
        run.timing.append(("arguments", built - started))
        auth, secrets = _effective_auth(bound.auth, self._secrets.get(_key(bound), {}))
        urls = [bound.integration["baseUrl"]]
        endpoint = ((auth or {}).get("config") or {}).get("tokenEndpoint")
        policy = Policy(private=frozenset(self.private))
        egress = EgressPolicy.for_urls(policy, [*urls, *([endpoint] if isinstance(endpoint, str) else [])])
        transport = GuardedTransport(policy, connections=4)
        try:
            provider = CredentialProvider(transport, egress, {str(auth["id"]): secrets} if auth else {})
            credentials = await provider.credentials(auth)
            hidden_texts += provider.given
            signed_in = time.perf_counter()
            if auth is not None:
                run.timing.append(("sign-in", signed_in - built))
            response: UpstreamResponse = await fetch(transport, egress, request, credentials, self.limits)
            response_received = time.perf_counter()
            run.timing.append(("upstream", response_received - signed_in))
            apply_response(run, bound, response, hidden_texts)
            if response.status == 401 and self._secrets.pop(_key(bound), None) is not None:
                run.error += " What was typed to sign in is forgotten, and asked for again."
            run.timing.append(("reading", time.perf_counter() - response_received))
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


def refuse_in_replay() -> None:
    """Raise `UsageError` in a replay, which uses no network: runs from this machine are not recorded."""
    if is_replay():
        raise UsageError("runs from this machine are not recorded, and a replay uses no network")


def prepare(bound: BoundTool, arguments: Any, agent: str = "drio-tui") -> PreparedRequest:
    """Build the request for the arguments, without credentials. `agent` is the User-Agent. Raises `BadArguments`."""
    problems = bound.problems(arguments)
    if problems:
        raise BadArguments("; ".join(problems))
    try:
        return build(bound.integration, bound.operation, arguments, agent=agent)
    except BadArgument as error:
        raise BadArguments(f"{error.name} {error}") from None
    except (ValueError, TypeError) as error:
        raise BadArguments(f"no address can be made of them: {error}") from None


def preview(bound: BoundTool, arguments: Any, agent: str = "drio-tui") -> Request:
    """Return the request as it would be sent, with secrets hidden. Raises `BadArguments`."""
    return redacted_request(prepare(bound, arguments, agent), bound.auth, secret_texts(bound, arguments))


def origin(bound: BoundTool) -> Origin:
    """Return host and port that the tool's requests go to."""
    try:
        return origin_of(httpx.URL(bound.integration["baseUrl"]))
    except (httpx.InvalidURL, ValueError):
        return "", 0


def has_private_host(bound: BoundTool) -> bool:
    """Return whether the tool's host is written as this machine or as a private address; no name is resolved."""
    host, _ = origin(bound)
    try:
        address = ip_address(host)
    except ValueError:
        return is_loopback(host)
    return address.is_private and not address.is_link_local


def _key(bound: BoundTool) -> tuple[str, ...]:
    """Return what typed credentials are valid for: a connection and a host. Another host has to be asked for again."""
    auth = bound.auth or {}
    config = auth.get("config") or {}
    base = urlsplit(bound.integration["baseUrl"])
    return (
        bound.app_id, str(auth.get("id")), f"{base.scheme}://{origin_text(origin(bound))}",
        str(config.get("tokenEndpoint") or ""), str(config.get("type") or ""),
    )  # fmt: skip


def _effective_auth(auth: Document | None, typed: Document) -> tuple[Document | None, Document]:
    """Return the connection and secrets to use: a typed access token replaces signing in."""
    if auth is None or auth["config"].get("type") != "oauth" or "token" not in typed:
        return auth, typed
    return auth | {"config": {"type": "bearer"}}, {"token": typed["token"]}
