"""Chosen operations as the resources to be made for them: plain bodies in order, linked by names of their own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from copy import deepcopy
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlsplit

from drio_tui.api.redact import redact
from drio_tui.naming import unused
from drio_tui.openapi_import.errors import ImportFailed, Problem
from drio_tui.openapi_import.existing import Present, Raw
from drio_tui.openapi_import.model import DocumentInfo, OperationDetail, OperationSummary
from drio_tui.openapi_import.names import KEY_MAX, key_of, title_of
from drio_tui.openapi_import.servers import why_no_base
from drio_tui.tool_calls.token_count import MANY_TOKENS, MANY_TOOLS, kilobytes
from drio_tui.workspace.lint.import_source import MEMBER, about, document_of, wanted_sign_in


@dataclass(frozen=True, slots=True)
class Target:
    """An integration that the app has, to which operations are added."""

    id: str
    base_url: str = ""


@dataclass(frozen=True, slots=True)
class PlannedResource:
    """One resource to be made. `local` is its name among those planned (`operation:3`).

    `kind` is a kind's name (`auth`, `integration`, `operation`, `tool`), `about` says what it is for people, not yet
    safe to show. With `changes`, the resource of that id is updated with `body`. `parent` (of an operation:
    its integration) and the values of `links` are local names, or ids of what is there; `links` are by dotted path in
    the body. `source` is the id of the operation in the document.
    """

    local: str
    kind: str
    about: str
    body: dict[str, Any] = field(repr=False)
    parent: str = ""
    links: dict[str, str] = field(default_factory=dict)
    source: str = ""
    changes: str = ""

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
class Skipped:
    """A chosen operation that the app has, with its tool where tools are made. `key` is that of the tool, if any."""

    source: str
    key: str


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be made or changed, in an order in which it can be. `tokens` is about what its tools add to a context,
    `bytes` how long they are in the list of tools.

    `problems` are what is left out or should be known first; none keeps the plan from being carried out. `skipped`
    are the chosen operations that are there, `used` the ids of the integrations that are.
    """

    resources: tuple[PlannedResource, ...]
    tokens: int = 0
    bytes: int = 0
    problems: tuple[Problem, ...] = ()
    skipped: tuple[Skipped, ...] = ()
    used: tuple[str, ...] = ()

    def of(self, kind: str) -> tuple[PlannedResource, ...]:
        """The resources of one kind."""
        return tuple(resource for resource in self.resources if resource.kind == kind)

    def as_dict(self) -> dict[str, Any]:
        """The plan as `--json` prints it."""
        return {
            "resources": [
                {
                    "local": resource.local, "kind": resource.kind, "body": redact(resource.body),
                    "parent": resource.parent, "links": resource.links, "source": resource.source,
                    "changes": resource.changes or None,
                }
                for resource in self.resources
            ],
            "skipped": [{"source": one.source, "key": one.key} for one in self.skipped],
            "tokens": self.tokens,
            "bytes": self.bytes,
            "problems": [problem.as_dict() for problem in self.problems],
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class NewConnection:
    """An auth connection to be made first, or (`id`) one that is there and gets this config. It holds a secret."""

    body: dict[str, Any] = field(repr=False)
    id: str = ""


def make_plan(
    head: DocumentInfo,
    source: str,
    offered: Iterable[OperationSummary],
    details: Mapping[str, OperationDetail],
    *,
    base_url: str,
    integration: Target | str,
    auth: str | NewConnection,
    tools: bool,
    present: Present,
    again: bool,
) -> Plan:
    """See `Document.plan`. Raises `ImportFailed`."""
    chosen = list(offered)
    made = _Planner(head, source, integration, base_url, auth, present, again=again)
    problems: list[Problem] = []
    tokens = length = 0
    made.look_for(chosen, details)
    for one in chosen:
        if one.obstacle or one.id not in details:
            problems.append(Problem(f"it is left out. {one.obstacle}".strip(), operation=one.id))
            continue
        detail = details[one.id]
        if made.operation(one, detail, tool=tools):
            tokens += detail.tokens if tools else 0
            length += detail.bytes if tools else 0
            problems += [Problem(note, operation=one.id) for note in detail.notes]
    made.finish()
    found = (*made.first, *made.resources)
    count = sum(resource.kind == "tool" for resource in found)
    problems = [*warnings(count, tokens, length), *made.problems, *problems]
    return Plan(found, tokens, length, tuple(problems), tuple(made.skipped), tuple(made.used))


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
    """`first` and `resources` are what is to be made or changed, `skipped` what is there."""

    def __init__(
        self,
        head: DocumentInfo,
        source: str,
        integration: Target | str,
        base_url: str,
        auth: str | NewConnection,
        present: Present,
        *,
        again: bool,
    ) -> None:
        self.first: list[PlannedResource] = []
        self.resources: list[PlannedResource] = []
        self.skipped: list[Skipped] = []
        self.problems: list[Problem] = []
        self.used: list[str] = []
        self._head, self._source = head, source
        self._auth = auth
        self._present = present
        self._again = again
        self._taken = {kind: present.keys(kind) for kind in ("integration", "operation", "tool")}
        self._tools = present.bound()
        self._there: dict[str, Raw] = {}
        self._by_url: dict[str, str] = {}
        self._wanted: dict[str, dict[str, None]] = {}
        self._schemes = {scheme.name: scheme.about for scheme in head.schemes}
        self._numbers = 0
        self._given = ""
        if isinstance(integration, Target):
            self._name = head.title
            self._main = base_url = integration.base_url.rstrip("/")
            self._by_url[base_url] = integration.id
        else:
            self._given = title_of(integration)
            self._name = self._given or head.title
            self._main = base_url
            why = why_no_base(base_url) if base_url else "The document names none that can be used."
            if why:
                raise ImportFailed(f"There is no base URL for its operations. {why}", hint="Give the base URL.")

    # --- what is there ---------------------------------------------------------------------------

    def look_for(self, chosen: Iterable[OperationSummary], details: Mapping[str, OperationDetail]) -> None:
        """Find what the app has of the chosen operations and of their integrations."""
        by_url: dict[str, dict[str, tuple[str, str]]] = {}
        for one in chosen:
            if one.id in details:
                call = (one.method, str(details[one.id].operation["path"]))
                by_url.setdefault(self._url_of(one), {})[one.id] = call
        for url, wanted in by_url.items():
            id = self._by_url.get(url) or self._known(url)
            if id:
                self._by_url[url] = id
                self._there |= self._present.operations_of(id, wanted)

    def _known(self, url: str) -> str:
        """The id of the integration that the app has for a base URL; empty where there is none."""
        if self._again:
            return ""
        found = self._present.integration(url, self._head.title, self._given if url == self._main else "")
        return str(found.get("id") or "") if found is not None else ""

    def _url_of(self, one: OperationSummary) -> str:
        return next((server.url for server in one.servers if server.url), "") or self._main

    # --- what is to be made ----------------------------------------------------------------------

    def operation(self, one: OperationSummary, detail: OperationDetail, *, tool: bool) -> bool:
        """Plan what is missing of an operation, its tool and its integration; whether anything is."""
        self._numbers += 1
        parent = self._integration(self._url_of(one))
        wanted = self._wanted.setdefault(parent, {})
        wanted |= dict.fromkeys(self._schemes.get(name, name) for name in one.schemes)
        there = self._there.get(one.id)
        bound = self._tools.get(str(there.get("id"))) if there is not None else None
        if there is not None and (bound is not None or not tool):
            self.skipped.append(Skipped(one.id, str((bound or there).get("key") or "")))
            return False
        if there is not None:
            key = self._unused(str(there.get("key") or "") or detail.key, "tool")
            link = str(there.get("id"))
        else:
            key = self._unused(detail.key, "operation", "tool")
            link = f"operation:{self._numbers}"
            body = detail.operation | {"key": key}
            self.resources.append(
                PlannedResource(link, "operation", f"Operation {one.id}", body, parent, source=one.id)
            )
        if tool:
            links = {"binding.integrationOperationId": link}
            body = detail.tool | {"key": key, "binding": {"type": "integration_operation"}}
            local = f"tool:{self._numbers}"
            self.resources.append(PlannedResource(local, "tool", f"Tool {key}", body, links=links, source=one.id))
        return True

    def _integration(self, url: str) -> str:
        if url not in self._by_url:
            first = not any(resource.kind == "integration" for resource in self.resources) and url == self._main
            name = self._name if first else title_of(f"{self._name} ({urlsplit(url).netloc})")
            local = f"integration:{len(self._by_url) + 1}"
            body = {
                "name": name,
                "key": self._unused(key_of(name, "api"), "integration"),
                "kind": "rest",
                "baseUrl": url,
            }
            links = {"authId": self._connection()} if self._auth else {}
            self.resources.append(PlannedResource(local, "integration", f"Integration {name}", body, links=links))
            self._by_url[url] = local
        return self._by_url[url]

    def _connection(self) -> str:
        """The id of the auth connection, or the local name of the one that is to be made."""
        if isinstance(self._auth, str):
            return self._auth
        if not self.first:
            about = f"Auth connection {self._auth.body['name']}"
            self.first.append(PlannedResource("auth:1", "auth", about, self._auth.body, changes=self._auth.id))
        return self._auth.id or "auth:1"

    def finish(self) -> None:
        """Say with each integration which document it is of; let one that is there sign in, if it does not yet."""
        for number, resource in enumerate(self.resources):
            if resource.kind == "integration":
                kept = about(self._head.title, self._head.version, self._source, self._wanted.get(resource.local, ()))
                self.resources[number] = replace(resource, body=resource.body | {"config": {MEMBER: kept}})
        by_id = {str(raw.get("id")): raw for raw in self._present.integrations}
        for number, id in enumerate(dict.fromkeys(self._by_url.values()), start=1):
            raw = by_id.get(id)
            if raw is not None and id in self._wanted:
                self.used.append(id)
                self._change(f"change:{number}", id, raw)

    def _change(self, local: str, id: str, raw: Raw) -> None:
        """Let an integration that is there sign in, or note with it that its operations want that."""
        name = str(raw.get("name") or id)
        own = raw.get("authId")
        ours = self._auth if isinstance(self._auth, str) else self._auth.id
        if self._auth and own and own != ours:
            self.problems.append(Problem(f"the integration {name} signs in with another connection, which is kept"))
        if own:
            if own == ours and isinstance(self._auth, NewConnection):
                self._connection()  # the secret given now replaces the one that the server has
            return
        body: dict[str, Any] = {}
        links = {"authId": self._connection()} if self._auth else {}
        wanted = dict.fromkeys([*wanted_sign_in(raw), *self._wanted[id]])
        if len(wanted) > len(wanted_sign_in(raw)):
            kept = about(self._head.title, self._head.version, self._source, ())
            kept |= document_of(raw)  # operations of several documents may be in one integration: it is the first's
            body["config"] = {MEMBER: kept | {"signIn": [*wanted]}}
        if links or body:
            what = "sign in" if links else "note that it wants a sign-in"
            self.first.append(
                PlannedResource(local, "integration", f"Integration {name}: {what}", body, links=links, changes=id)
            )

    def _unused(self, key: str, *kinds: str) -> str:
        made = unused(key, set().union(*(self._taken[kind] for kind in kinds)), most=KEY_MAX)
        for kind in kinds:
            self._taken[kind].add(made)
        return made
