"""Chosen operations as the things to be made for them: plain bodies in order, linked by names of their own."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from drio_tui.calls.cost import MANY_TOKENS, MANY_TOOLS, kilobytes
from drio_tui.importing.errors import ImportFailed, Problem
from drio_tui.importing.model import Detail, Offered
from drio_tui.importing.servers import why_no_base
from drio_tui.importing.tidy import key_of, title_of, unused


@dataclass(frozen=True, slots=True)
class Target:
    """An integration that the app has, to which operations are added."""

    id: str
    base_url: str = ""


@dataclass(frozen=True, slots=True)
class Planned:
    """One thing to be made. `local` is its name among those planned (`operation:3`).

    `kind` is a kind's name (`integration`, `operation`, `tool`), `about` says what it is for people, not yet safe
    to show. `parent` (of an operation: its integration) and the values of `links` are local names, or ids of what
    is there; `links` are by dotted path in the body. `source` is the id of the operation in the document.
    """

    local: str
    kind: str
    about: str
    body: dict[str, Any] = field(repr=False)
    parent: str = ""
    links: dict[str, str] = field(default_factory=dict)
    source: str = ""

    @property
    def needs(self) -> tuple[str, ...]:
        """What it refers to: local names, and ids."""
        return tuple(name for name in (self.parent, *self.links.values()) if name)

    def resolved(self, ids: Mapping[str, str]) -> tuple[dict[str, Any], str]:
        """The body to send and the parent's id, with the ids that local names have by now."""
        body = deepcopy(self.body)
        for path, name in self.links.items():
            place = body
            *steps, last = path.split(".")
            for step in steps:
                place = place.setdefault(step, {})
            place[last] = ids.get(name, name)
        return body, ids.get(self.parent, self.parent)


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be made, in an order in which it can be. `tokens` is about what its tools add to a context, `bytes`
    how long they are in the list of tools.

    `problems` are what is left out or should be known first; none keeps the plan from being carried out.
    """

    things: tuple[Planned, ...]
    tokens: int = 0
    bytes: int = 0
    problems: tuple[Problem, ...] = ()

    def of(self, kind: str) -> tuple[Planned, ...]:
        """The things of one kind."""
        return tuple(thing for thing in self.things if thing.kind == kind)

    def as_dict(self) -> dict[str, Any]:
        """The plan as `--json` prints it."""
        return {
            "things": [
                {
                    "local": thing.local, "kind": thing.kind, "body": thing.body, "parent": thing.parent,
                    "links": thing.links, "source": thing.source,
                }
                for thing in self.things
            ],
            "tokens": self.tokens,
            "bytes": self.bytes,
            "problems": [problem.as_dict() for problem in self.problems],
        }  # fmt: skip


def make_plan(
    title: str,
    offered: Iterable[Offered],
    details: Mapping[str, Detail],
    *,
    base_url: str,
    integration: Target | str,
    auth: str,
    tools: bool,
    taken: Mapping[str, Collection[str]],
) -> Plan:
    """See `Document.plan`. Raises `ImportFailed`."""
    made = _Planner(title, integration, base_url, auth, taken)
    problems: list[Problem] = []
    tokens = length = 0
    for one in offered:
        if one.obstacle or one.id not in details:
            problems.append(Problem(f"it is left out. {one.obstacle}".strip(), operation=one.id))
            continue
        detail = details[one.id]
        made.operation(one, detail, tool=tools)
        tokens += detail.tokens if tools else 0
        length += detail.bytes if tools else 0
        problems += [Problem(note, operation=one.id) for note in detail.notes]
    found = tuple(made.things)
    count = sum(thing.kind == "tool" for thing in found)
    problems = [*warnings(count, tokens, length), *problems]
    return Plan(found, tokens, length, tuple(problems))


def warnings(tools: int, tokens: int, length: int) -> list[Problem]:
    """What should be known of so many tools."""
    found: list[Problem] = []
    if tools > MANY_TOOLS:
        many = f"{tools} tools are many: models choose worse among more than {MANY_TOOLS}"
        found.append(Problem(f"{many}, and some clients refuse them"))
    if tokens > MANY_TOKENS:
        found.append(
            Problem(f"these tools are {kilobytes(length)}, about {tokens:,} tokens of a model's context at every turn")
        )
    return found


class _Planner:
    def __init__(
        self, title: str, integration: Target | str, base_url: str, auth: str, taken: Mapping[str, Collection[str]]
    ) -> None:
        self.things: list[Planned] = []
        self._title = title
        self._auth = auth
        self._taken = {kind: set(taken.get(kind, ())) for kind in ("integration", "operation", "tool")}
        self._by_url: dict[str, str] = {}
        if isinstance(integration, Target):
            self._name = title
            self._main = base_url = integration.base_url.rstrip("/")
            self._by_url[base_url] = integration.id
        else:
            self._name = title_of(integration) or title
            self._main = base_url
            why = why_no_base(base_url) if base_url else "The document names none that can be used."
            if why:
                raise ImportFailed(f"There is no base URL for its operations. {why}", hint="Give the base URL.")

    def operation(self, one: Offered, detail: Detail, *, tool: bool) -> None:
        """Plan an operation, with its tool, and the integration that it needs unless there is one."""
        number = sum(thing.kind == "operation" for thing in self.things) + 1
        own = next((server.url for server in one.servers if server.url), "")
        parent = self._integration(own or self._main)
        key = self._unused(detail.key, "operation", "tool")
        local = f"operation:{number}"
        body = detail.operation | {"key": key}
        self.things.append(Planned(local, "operation", f"Operation {one.id}", body, parent, source=one.id))
        if tool:
            links = {"binding.integrationOperationId": local}
            body = detail.tool | {"key": key, "binding": {"type": "integration_operation"}}
            self.things.append(Planned(f"tool:{number}", "tool", f"Tool {key}", body, links=links, source=one.id))

    def _integration(self, url: str) -> str:
        if url not in self._by_url:
            first = not any(thing.kind == "integration" for thing in self.things) and url == self._main
            name = self._name if first else title_of(f"{self._name} ({urlsplit(url).netloc})")
            local = f"integration:{len(self._by_url) + 1}"
            body = {
                "name": name,
                "key": self._unused(key_of(name, "api"), "integration"),
                "kind": "rest",
                "baseUrl": url,
            }
            links = {"authId": self._auth} if self._auth else {}
            self.things.append(Planned(local, "integration", f"Integration {name}", body, links=links))
            self._by_url[url] = local
        return self._by_url[url]

    def _unused(self, key: str, *kinds: str) -> str:
        made = unused(key, set().union(*(self._taken[kind] for kind in kinds)))
        for kind in kinds:
            self._taken[kind].add(made)
        return made
