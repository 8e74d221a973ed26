"""Plans the resources to create for the chosen operations: bodies in order, linked by local names."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from copy import deepcopy
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from drio_tui.api.redact import redact
from drio_tui.naming import unused
from drio_tui.openapi_import import imported
from drio_tui.openapi_import.errors import DocumentProblem, ImportFailed
from drio_tui.openapi_import.existing import ExistingResources, Raw
from drio_tui.openapi_import.model import DocumentInfo, OperationDetail, OperationSummary
from drio_tui.openapi_import.names import KEY_MAX, key_of, title_of
from drio_tui.openapi_import.servers import why_no_base
from drio_tui.text import count_of
from drio_tui.tool_calls.token_count import MANY_TOKENS, MANY_TOOLS, kilobytes
from drio_tui.workspace.lint.import_source import (
    MEMBER,
    document_of,
    import_source_config,
    imported_of,
    wanted_sign_in,
)

if TYPE_CHECKING:
    from drio_tui.openapi_import.proposals import Proposal, Proposals


@dataclass(frozen=True, slots=True)
class ExistingIntegration:
    """An existing integration to which operations are added."""

    id: str
    base_url: str = ""


@dataclass(frozen=True, slots=True)
class PlannedResource:
    """One resource to create. `local` is its name within the plan (`operation:3`).

    `kind` is a kind's name (`auth`, `integration`, `operation`, `tool`, `widget`), `about` a description for the user,
    not yet sanitized. With `changes`, the existing resource with that id, or the one with that local name, is updated
    with `body` instead. `parent` (of an operation: its integration) and the values of `links` are local names or ids of
    existing resources; `links` maps dotted paths in the body to them (`nextToolIds[]`: a list of one). `source` is the
    id of the operation in the document.
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
        """The local names and ids that it refers to."""
        return tuple(name for name in (self.parent, self.changes, *self.links.values()) if name)

    def resolved(self, ids: Mapping[str, str]) -> tuple[dict[str, Any], str]:
        """Return the body to send and the parent's id; `ids` maps the local names of created resources to ids."""
        body = deepcopy(self.body)
        for path, name in self.links.items():
            target = body
            *steps, last = path.removesuffix("[]").split(".")
            for step in steps:
                target = target.setdefault(step, {})
            id = ids.get(name, name)
            target[last] = [id] if path.endswith("[]") else id
        return body, ids.get(self.parent, self.parent)


@dataclass(frozen=True, slots=True)
class Skipped:
    """A chosen operation that the app already has, with its tool if tools are created. `key` is the tool's, if any."""

    source: str
    key: str


@dataclass(frozen=True, slots=True)
class Plan:
    """The resources to create or update, in an order in which dependencies come first.

    `tokens` estimates what its tools add to a model's context, `bytes` is their size in the list of tools. `problems`
    say what is left out and what the user should know; none prevents carrying out the plan. `skipped` are the chosen
    operations that already exist, `used` the ids of the existing integrations. `first_order` is the `order` of the
    first tool, None if the app was not read. `proposals` are those of the created tools.
    """

    resources: tuple[PlannedResource, ...]
    tokens: int = 0
    bytes: int = 0
    problems: tuple[DocumentProblem, ...] = ()
    skipped: tuple[Skipped, ...] = ()
    used: tuple[str, ...] = ()
    first_order: int | None = None
    proposals: tuple[Proposal, ...] = ()

    def of(self, kind: str) -> tuple[PlannedResource, ...]:
        """Return the resources of one kind."""
        return tuple(resource for resource in self.resources if resource.kind == kind)

    @property
    def summary(self) -> str:
        """What is created and changed, and what it costs a model, as a sentence."""
        created = Counter(resource.kind for resource in self.resources if not resource.changes)
        nouns = {"auth": "auth connection"}
        counts = [count_of(number, nouns.get(kind, kind)) for kind, number in created.items()]
        changed = Counter(resource.kind for resource in self.resources if resource.changes)
        chains = changed.pop("tool", 0)
        counts += [count_of(chains, "chain")] if chains else []
        counts += [f"changes of {count_of(number, nouns.get(kind, kind))}" for kind, number in changed.items()]
        cost = f"{kilobytes(self.bytes)}, about {self.tokens:,} tokens of a model's context"
        return f"{', '.join(counts) or 'Nothing'}; the list of tools grows by {cost}."

    def as_dict(self) -> dict[str, Any]:
        """Return the plan as `--json` prints it."""
        return {
            "resources": [
                {
                    "local": resource.local, "kind": resource.kind, "body": redact(resource.body),
                    "parent": resource.parent, "links": resource.links, "source": resource.source,
                    "changes": resource.changes or None,
                }
                for resource in self.resources
            ],
            "skipped": [{"source": skipped.source, "key": skipped.key} for skipped in self.skipped],
            "tokens": self.tokens,
            "bytes": self.bytes,
            "problems": [problem.as_dict() for problem in self.problems],
        } | ({"proposals": [proposal.as_dict() for proposal in self.proposals]} if self.proposals else {})  # fmt: skip


@dataclass(frozen=True, slots=True)
class NewConnection:
    """An auth connection to create first, or an existing one (`id`) that gets this config. It contains a secret."""

    body: dict[str, Any] = field(repr=False)
    id: str = ""


def make_plan(
    head: DocumentInfo,
    source: str,
    operations: Iterable[OperationSummary],
    details: Mapping[str, OperationDetail],
    *,
    base_url: str,
    integration: ExistingIntegration | str,
    auth: str | NewConnection,
    tools: bool,
    present: ExistingResources,
    again: bool,
    proposals: Proposals | None = None,
) -> Plan:
    """Plan the import; see `Document.plan`. Raises `ImportFailed`."""
    chosen = list(operations)
    planner = _Planner(head, source, integration, base_url, auth, present, again=again)
    problems: list[DocumentProblem] = []
    tokens = length = 0
    planner.find_existing(chosen, details)
    for operation in chosen:
        if operation.obstacle or operation.id not in details:
            problems.append(DocumentProblem(f"it is left out. {operation.obstacle}".strip(), operation=operation.id))
            continue
        detail = details[operation.id]
        proposal = proposals.get(operation.id) if proposals is not None and tools else None
        if planner.operation(operation, detail, proposal, tool=tools):
            cost = proposals.size_of(operation.id) if proposals and proposal else (detail.tokens, detail.bytes)
            tokens += cost[0] if tools else 0
            length += cost[1] if tools else 0
            problems += [DocumentProblem(note, operation=operation.id) for note in detail.notes]
    planner.finish()
    resources = (*planner.first, *planner.resources)
    count = sum(resource.kind == "tool" and not resource.changes for resource in resources)
    problems = [*warnings(count, tokens, length), *planner.problems, *problems]
    return Plan(
        resources, tokens, length, tuple(problems), tuple(planner.skipped), tuple(planner.used),
        proposals=tuple(planner.proposed.values()),
    )  # fmt: skip


def warnings(tools: int, tokens: int, length: int) -> list[DocumentProblem]:
    """Return warnings about the number and the size of the tools."""
    problems: list[DocumentProblem] = []
    if tools > MANY_TOOLS:
        many = f"{tools} tools are many: models choose worse among more than {MANY_TOOLS}"
        problems.append(DocumentProblem(f"{many}, and some clients refuse them"))
    if tokens > MANY_TOKENS:
        problems.append(
            DocumentProblem(
                f"these tools are {kilobytes(length)}, about {tokens:,} tokens of a model's context at every turn"
            )
        )
    return problems


class _Planner:
    """Collects the resources to create or update in `first` and `resources`, and existing ones in `skipped`."""

    def __init__(
        self,
        head: DocumentInfo,
        source: str,
        integration: ExistingIntegration | str,
        base_url: str,
        auth: str | NewConnection,
        present: ExistingResources,
        *,
        again: bool,
    ) -> None:
        self.first: list[PlannedResource] = []
        self.resources: list[PlannedResource] = []
        self.skipped: list[Skipped] = []
        self.problems: list[DocumentProblem] = []
        self.used: list[str] = []
        self.proposed: dict[str, Proposal] = {}
        """The proposals of the tools that are created, by the local names of these."""
        self._tool_of: dict[str, str] = {}
        """The tools of the chosen operations: local names, or ids of existing ones."""
        self._head, self._source = head, source
        self._auth = auth
        self._present = present
        self._again = again
        self._taken_keys = {kind: {*present.owners(kind)} for kind in ("integration", "operation", "tool")}
        self._tools = present.tools_by_operation()
        self._existing: dict[str, Raw] = {}
        self._integrations_by_url: dict[str, str] = {}
        self._required_schemes: dict[str, dict[str, None]] = {}
        self._imported: dict[str, dict[str, str]] = {}
        """The digests of the chosen operations, by integration (local name or id)."""
        self._schemes = {scheme.name: scheme.about for scheme in head.schemes}
        self._count = 0
        self._given_name = ""
        if isinstance(integration, ExistingIntegration):
            self._name = head.title
            self._main_url = base_url = integration.base_url.rstrip("/")
            self._integrations_by_url[base_url] = integration.id
        else:
            self._given_name = title_of(integration)
            self._name = self._given_name or head.title
            self._main_url = base_url
            error = why_no_base(base_url) if base_url else "The document names none that can be used."
            if error:
                raise ImportFailed(f"There is no base URL for its operations. {error}", hint="--server URL gives it.")

    # --- existing resources ----------------------------------------------------------------------

    def find_existing(self, chosen: Iterable[OperationSummary], details: Mapping[str, OperationDetail]) -> None:
        """Find the chosen operations and their integrations in the app."""
        calls_by_url: dict[str, dict[str, tuple[str, str]]] = {}
        for operation in chosen:
            if operation.id in details:
                call = (operation.method, str(details[operation.id].operation["path"]))
                calls_by_url.setdefault(self._url_of(operation), {})[operation.id] = call
        for url, calls in calls_by_url.items():
            id = self._integrations_by_url.get(url) or self._existing_integration(url)
            if id:
                self._integrations_by_url[url] = id
                self._existing |= self._present.operations_of(id, calls)

    def _existing_integration(self, url: str) -> str:
        """Return the id of the app's integration for a base URL; empty if there is none."""
        if self._again:
            return ""
        raw = self._present.integration(url, self._head.title, self._given_name if url == self._main_url else "")
        return str(raw.get("id") or "") if raw is not None else ""

    def _url_of(self, operation: OperationSummary) -> str:
        return next((server.url for server in operation.servers if server.url), "") or self._main_url

    # --- new resources ---------------------------------------------------------------------------

    def operation(
        self, operation: OperationSummary, detail: OperationDetail, proposal: Proposal | None, *, tool: bool
    ) -> bool:
        """Plan the missing ones of an operation, its tool and its integration; return whether any is missing."""
        self._count += 1
        parent = self._integration(self._url_of(operation))
        schemes = self._required_schemes.setdefault(parent, {})
        schemes |= dict.fromkeys(self._schemes.get(name, name) for name in operation.schemes)
        existing = self._existing.get(operation.id)
        bound = self._tools.get(str(existing.get("id"))) if existing is not None else None
        self._remember(parent, detail, existing, bound, tool=tool)
        if existing is not None and (bound is not None or not tool):
            self.skipped.append(Skipped(operation.id, str((bound or existing).get("key") or "")))
            self._tool_of[operation.id] = str((bound or {}).get("id") or "")
            return False
        wanted = detail.key if proposal is None else proposal.tool_key
        if existing is not None:
            key = "" if proposal is not None and proposal.edited else str(existing.get("key") or "")
            key = self._unique_key(key or wanted, "tool")
            link = str(existing.get("id"))
        else:
            key = self._unique_key(wanted, "operation", "tool")
            link = f"operation:{self._count}"
            body = detail.operation | {"key": key}
            self.resources.append(
                PlannedResource(link, "operation", f"Operation {operation.id}", body, parent, source=operation.id)
            )
        if tool:
            links = {"binding.integrationOperationId": link}
            texts = detail.tool if proposal is None else proposal.tool
            body = texts | {"key": key, "binding": {"type": "integration_operation"}}
            local = self._tool_of[operation.id] = f"tool:{self._count}"
            self.resources.append(PlannedResource(local, "tool", f"Tool {key}", body, links=links, source=operation.id))
            if proposal is not None:
                self._proposed(proposal, local)
        return True

    def _proposed(self, proposal: Proposal, tool: str) -> None:
        """Plan the widget that is proposed for a tool."""
        self.proposed[tool] = proposal
        widget = proposal.widget
        if widget is None or not proposal.takes("widget"):
            return
        body = {
            "name": widget.name,
            "primitive": widget.primitive,
            "config": {"fieldMappings": dict(widget.mappings)},
        }
        local = tool.replace("tool:", "widget:")
        about = f"Widget {widget.name} ({widget.primitive})"
        self.resources.append(PlannedResource(local, "widget", about, body, links={"toolId": tool}, source=proposal.id))

    def _chains(self) -> None:
        """Plan the chains that are proposed, now that all tools are known."""
        for tool, proposal in self.proposed.items():
            target = self._tool_of.get(proposal.chain.target, "") if proposal.chain is not None else ""
            if not target or not proposal.takes("chain"):
                continue
            after = self.proposed.get(target)
            name = str(after.tool["name"]) if after is not None else target
            about = f"Chain {proposal.tool['name']} → {name}"
            links = {"nextToolIds[]": target}
            local = tool.replace("tool:", "chain:")
            self.resources.append(
                PlannedResource(local, "tool", about, {}, links=links, source=proposal.id, changes=tool)
            )

    def _remember(
        self, parent: str, detail: OperationDetail, existing: Raw | None, bound: Raw | None, *, tool: bool
    ) -> None:
        """Note what of an operation and its tool will be as the document says."""
        integration = next((raw for raw in self._present.integrations if raw.get("id") == parent), {})
        call = imported.call_digest(detail.operation["method"], detail.operation["path"])
        before = imported.parse("" if existing is None else imported_of(integration).get(call, ""))
        tools = [bound] if bound is not None else None if tool else []
        after = imported.updated(before, detail, existing, tools)
        if after.digests:
            self._imported.setdefault(parent, {})[call] = after.as_text()

    def _integration(self, url: str) -> str:
        if url not in self._integrations_by_url:
            first = not any(resource.kind == "integration" for resource in self.resources) and url == self._main_url
            name = self._name if first else title_of(f"{self._name} ({urlsplit(url).netloc})")
            local = f"integration:{len(self._integrations_by_url) + 1}"
            body = {
                "name": name,
                "key": self._unique_key(key_of(name, "api"), "integration"),
                "kind": "rest",
                "baseUrl": url,
            }
            links = {"authId": self._connection()} if self._auth else {}
            self.resources.append(PlannedResource(local, "integration", f"Integration {name}", body, links=links))
            self._integrations_by_url[url] = local
        return self._integrations_by_url[url]

    def _connection(self) -> str:
        """Return the id of the auth connection, or the local name of the one to create."""
        if isinstance(self._auth, str):
            return self._auth
        if not self.first:
            about = f"Auth connection {self._auth.body['name']}"
            self.first.append(PlannedResource("auth:1", "auth", about, self._auth.body, changes=self._auth.id))
        return self._auth.id or "auth:1"

    def finish(self) -> None:
        """Plan the chains and the changes of existing integrations, and store in new ones which document it is from."""
        self._chains()
        for index, resource in enumerate(self.resources):
            if resource.kind == "integration":
                schemes = self._required_schemes.get(resource.local, ())
                origin = import_source_config(
                    self._head.title, self._head.version, self._source, schemes, self._imported.get(resource.local)
                )
                self.resources[index] = replace(resource, body=resource.body | {"config": {MEMBER: origin}})
        by_id = {str(raw.get("id")): raw for raw in self._present.integrations}
        for number, id in enumerate(dict.fromkeys(self._integrations_by_url.values()), start=1):
            raw = by_id.get(id)
            if raw is not None and id in self._required_schemes:
                self.used.append(id)
                self._change(f"change:{number}", id, raw)

    def _change(self, local: str, id: str, raw: Raw) -> None:
        """Plan that an existing integration uses the auth connection, and stores what is known about its operations."""
        name = str(raw.get("name") or id)
        current = raw.get("authId")
        chosen = self._auth if isinstance(self._auth, str) else self._auth.id
        if self._auth and current and current != chosen:
            self.problems.append(
                DocumentProblem(f"the integration {name} signs in with another connection, which is kept")
            )
        if current and current == chosen and isinstance(self._auth, NewConnection):
            self._connection()  # the new secret replaces the stored one
        links = {"authId": self._connection()} if self._auth and not current else {}
        document = document_of(raw)
        schemes = dict.fromkeys([*wanted_sign_in(raw), *(() if current else self._required_schemes[id])])
        if len(schemes) > len(wanted_sign_in(raw)):
            document["signIn"] = [*schemes]
        action = "sign in" if links else "note that it wants a sign-in"
        digests = imported_of(raw) | self._imported.get(id, {})
        if digests != imported_of(raw):
            action = action if links or document != document_of(raw) else "remember what was imported"
            document["imported"] = digests
        body: dict[str, Any] = {}
        if document != document_of(raw):
            origin = import_source_config(self._head.title, self._head.version, self._source, ())
            # with operations of several documents, the integration is of the first one
            body["config"] = {MEMBER: origin | document}
        if links or body:
            self.first.append(
                PlannedResource(local, "integration", f"Integration {name}: {action}", body, links=links, changes=id)
            )

    def _unique_key(self, key: str, *kinds: str) -> str:
        unique = unused(key, set().union(*(self._taken_keys[kind] for kind in kinds)), most=KEY_MAX)
        for kind in kinds:
            self._taken_keys[kind].add(unique)
        return unique
