"""Updates an app to a newer version of a document that it was imported from.

`compare_with_app` says of each operation whether it is new, changed or gone; `plan_update` makes the steps for those
that are chosen. The document and the app are compared property by property, with what was imported (`imported`) as
their base:

| the app's value            | the document's value  | what happens                                              |
|----------------------------|-----------------------|-----------------------------------------------------------|
| as imported                | differs               | the document's is written                                 |
| edited                     | as imported           | the app's is kept                                         |
| edited                     | differs from both     | the app's is kept and named, or with `overwrite` replaced |
| not known whether imported | differs               | the same                                                  |
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from drio_tui.kinds import INTEGRATION, OPERATION, TOOL
from drio_tui.openapi_import import imported
from drio_tui.openapi_import.compatibility import rebind_problems
from drio_tui.openapi_import.document import Document
from drio_tui.openapi_import.errors import DocumentProblem, ImportFailed
from drio_tui.openapi_import.existing import ExistingResources, Raw, existing_resources, same_url
from drio_tui.openapi_import.import_steps import import_steps
from drio_tui.openapi_import.imported import Imported
from drio_tui.openapi_import.model import OperationDetail
from drio_tui.openapi_import.planning import ExistingIntegration, NewConnection, Plan
from drio_tui.plan.changes import ResourceChange
from drio_tui.plan.deletion import plan_delete
from drio_tui.plan.steps import Step, with_changes
from drio_tui.schema.fields import MISSING
from drio_tui.text import text_of
from drio_tui.workspace.lint.binding import binding_state
from drio_tui.workspace.lint.import_source import MEMBER, document_of, import_source_config, imported_of, title_of
from drio_tui.workspace.model.references import Links
from drio_tui.workspace.model.snapshot import Resource, ResourceKey, Snapshot
from drio_tui.workspace.saving.merge import FieldChange, Object

State = Literal["new", "same", "changed", "gone"]

EarlierSchemas = Callable[[str], Mapping[str, Any]]
"""Returns the input schemas that are known of an operation (an id), by their hash."""

_TOGETHER = (("name",), ("description",), ("path", "inputSchema"), ("outputSchema",))
"""Properties of an operation that are written or kept together: a path and the names of its arguments."""
_BOUND_TO = ("method", "path", "inputSchema", "outputSchema")
"""The properties of an operation on which a binding depends."""


@dataclass(frozen=True, slots=True)
class Kept:
    """Properties that differ from the document and are kept, and why (a clause)."""

    key: ResourceKey
    names: tuple[str, ...]
    reason: str


@dataclass(frozen=True, slots=True)
class ComparedOperation:
    """How one operation compares. `id` is that of the document, or method and path of one that is gone.

    `raw` is the app's operation, `tools` those that are bound to it. `fields` are the changes by resource. `rebound`
    are the ids of the tools to bind again, `unbound` the reasons why others are not. `imported` is whether it is known
    to be from the document.
    """

    id: str
    state: State
    raw: Raw | None = field(default=None, repr=False)
    tools: tuple[Raw, ...] = field(default=(), repr=False)
    fields: Mapping[ResourceKey, tuple[FieldChange, ...]] = field(default_factory=dict)
    kept: tuple[Kept, ...] = ()
    rebound: frozenset[str] = frozenset()
    unbound: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    imported: bool = False
    obstacle: str = ""

    @property
    def tool_names(self) -> tuple[str, ...]:
        """The keys, or else the names, of the tools that are bound to it."""
        return tuple(text_of(tool, "key") or text_of(tool, "name") or text_of(tool, "id") for tool in self.tools)

    def notes(self) -> Iterator[str]:
        """Yield what the user should know, as sentences; not sanitized."""
        names = dict(zip((text_of(tool, "id") for tool in self.tools), self.tool_names, strict=True))
        for kept in self.kept:
            owner = f"the tool {names[kept.key[1]]}" if kept.key[0] == TOOL.name else self.id
            verb = "are" if len(kept.names) > 1 else "is"
            yield f"{owner}: {' and '.join(kept.names)} {verb} kept: {kept.reason}."
        for id, reasons in self.unbound.items():
            yield f"the tool {names[id]} stays bound to the earlier schema of {self.id}: {'; '.join(reasons)}."
        if self.obstacle and self.raw is not None:
            yield f"{self.id} is left as it is. {self.obstacle}"
        if self.state == "gone":
            tools = f", and these tools are bound to it: {', '.join(self.tool_names)}" if self.tools else ""
            unknown = "" if self.imported else ", and it is not known whether it was imported"
            yield f"{self.id} is not in the document{unknown}{tools}."


@dataclass(frozen=True, slots=True)
class Comparison:
    """A document compared with an app. `integration` is the main one that it was imported into, `base_url` its URL."""

    document: Document = field(repr=False)
    snapshot: Snapshot = field(repr=False)
    integration: str
    base_url: str
    operations: tuple[ComparedOperation, ...]
    details: Mapping[str, OperationDetail] = field(repr=False)
    notes: tuple[str, ...] = ()

    def ids(self, *states: State) -> tuple[str, ...]:
        """Return the ids of the operations in these states."""
        return tuple(operation.id for operation in self.operations if operation.state in states)

    @property
    def prunable(self) -> tuple[str, ...]:
        """The ids of the operations that are gone and are known to be from the document."""
        return tuple(item.id for item in self.operations if item.state == "gone" and item.imported)


@dataclass(frozen=True, slots=True)
class UpdatePlan:
    """The steps of an update.

    `shown` has, by step, what to show of changes that say nothing to users; `added` is the plan of the new operations.
    """

    steps: tuple[Step, ...]
    notes: tuple[str, ...] = ()
    shown: Mapping[str, ResourceChange] = field(default_factory=dict)
    added: Plan | None = None

    @property
    def problems(self) -> tuple[DocumentProblem, ...]:
        """What is left out of the new operations."""
        return self.added.problems if self.added else ()


async def compare_with_app(
    document: Document,
    snapshot: Snapshot,
    *,
    base_url: str = "",
    integration: str = "",
    overwrite: bool = False,
    earlier: EarlierSchemas = lambda _: {},
) -> Comparison:
    """Compare a document with an app.

    `integration` (an id) is where its operations are; by default the integration with the document's title and
    `base_url`, or the only one with its title. With `overwrite` the document's values replace those of users. `earlier`
    may block. Raises `ImportFailed` if nothing of the document is in the app.
    """
    present = existing_resources(snapshot)
    base_url = base_url.strip().rstrip("/") or document.base_url
    main = _main_integration(document, present, base_url, integration)
    if main is None:
        raise ImportFailed(
            f"The app has no integration that was imported from {document.title} at {base_url or 'any address'}.",
            title="Nothing to update", hint="Import the document first, or name the integration.",
        )  # fmt: skip
    id = text_of(main, "id")
    existing = document.existing_operations(present, base_url, id)
    details = await document.details(existing)
    comparer = _Comparer(document, snapshot, present, overwrite, earlier)
    operations = await asyncio.to_thread(comparer.compare, id, existing, details)
    notes: list[str] = []
    own_url = text_of(main, "baseUrl")
    if base_url and not same_url(own_url, base_url):
        notes.append(f"The document names the base URL {base_url}; the integration keeps {own_url or 'none'}.")
    return Comparison(document, snapshot, id, own_url.rstrip("/") or base_url, operations, details, tuple(notes))


def _main_integration(document: Document, present: ExistingResources, base_url: str, id: str) -> Raw | None:
    if id:
        return next((raw for raw in present.integrations if raw.get("id") == id), None)
    known = present.integration(base_url, document.title)
    if known is not None and title_of(known):
        return known
    titled = [raw for raw in present.integrations if title_of(raw) == document.title]
    return titled[0] if len(titled) == 1 else known


class _Comparer:
    """Compares operations; what is written and what is kept is decided here."""

    def __init__(
        self,
        document: Document,
        snapshot: Snapshot,
        present: ExistingResources,
        overwrite: bool,
        earlier: EarlierSchemas,
    ) -> None:
        self._document, self._snapshot, self._present = document, snapshot, present
        self._overwrite, self._earlier = overwrite, earlier
        self._integrations = {text_of(raw, "id"): raw for raw in present.integrations}

    def compare(
        self, main: str, existing: Mapping[str, Raw], details: Mapping[str, OperationDetail]
    ) -> tuple[ComparedOperation, ...]:
        """Return the document's operations in its order, then those that are gone."""
        compared: list[ComparedOperation] = []
        for operation in self._document.operations:
            raw = existing.get(operation.id)
            if raw is None:
                compared.append(ComparedOperation(operation.id, "new", obstacle=operation.obstacle))
            elif operation.obstacle:
                tools = tuple(self._present.tools_of(text_of(raw, "id")))
                compared.append(ComparedOperation(operation.id, "same", raw, tools, obstacle=operation.obstacle))
            else:
                compared.append(self._compared(operation.id, raw, details[operation.id]))
        matched = {id(raw) for raw in existing.values()}
        used = dict.fromkeys([main, *(self._integration_of(raw) for raw in existing.values())])
        for integration in used:
            for raw in self._present.in_integration(integration):
                if id(raw) not in matched and (gone := self._gone(raw)):
                    compared.append(gone)
        return tuple(compared)

    def _integration_of(self, raw: Raw) -> str:
        return text_of(raw, "integrationId") or self._present.under.get(text_of(raw, "id"), "")

    def _imported(self, raw: Raw) -> Imported | None:
        """Return what was imported of an operation, None if nothing is known."""
        integration = self._integrations.get(self._integration_of(raw), {})
        text = imported_of(integration).get(imported.call_digest(text_of(raw, "method"), text_of(raw, "path")))
        return None if text is None else imported.parse(text)

    def _gone(self, raw: Raw) -> ComparedOperation | None:
        known = self._imported(raw) is not None
        integration = self._integrations.get(self._integration_of(raw), {})
        if not known and title_of(integration) != self._document.title:
            return None  # of an integration that was made by hand, or from another document
        tools = tuple(self._present.tools_of(text_of(raw, "id")))
        id = f"{text_of(raw, 'method')} {text_of(raw, 'path')}"
        return ComparedOperation(id, "gone", raw, tools, imported=known)

    def _compared(self, id: str, raw: Raw, detail: OperationDetail) -> ComparedOperation:
        base = self._imported(raw)
        tools = tuple(self._present.tools_of(text_of(raw, "id")))
        fields: dict[ResourceKey, tuple[FieldChange, ...]] = {}
        kept: list[Kept] = []
        for resource, kind in ((raw, "operation"), *((tool, "tool") for tool in tools)):
            key = (kind, text_of(resource, "id"))
            groups = _TOGETHER if kind == "operation" else tuple((name,) for of, name in imported.MEMBERS if of == kind)
            changes: list[FieldChange] = []
            for names in groups:
                differing, reason = self._decide(kind, names, resource, detail, base)
                if not reason:
                    changes += differing
                elif differing:
                    kept.append(Kept(key, tuple(change.path[0] for change in differing), reason))
            if changes:
                fields[key] = tuple(changes)
        rebound, unbound = self._bindings(raw, tools, fields.get(("operation", text_of(raw, "id")), ()))
        state: State = "changed" if fields or rebound else "same"
        return ComparedOperation(
            id, state, raw, tools, fields, tuple(kept), frozenset(rebound), unbound, imported=base is not None
        )

    def _decide(
        self, kind: str, names: tuple[str, ...], resource: Raw, detail: OperationDetail, base: Imported | None
    ) -> tuple[list[FieldChange], str]:
        """Return how some properties differ from the document, and why they are kept; no reason if they are written."""
        wanted = {name: imported.document_value(detail, (kind, name)) for name in names}
        changes = [
            FieldChange((name,), resource.get(name, MISSING), wanted[name])
            for name in names
            if not imported.same_value(resource.get(name), wanted[name])
        ]
        members = [(kind, name) for name in names]
        if not changes:
            return [], ""
        if base is not None and all(base.knows(member) for member in members):
            if all(base.equals(member, resource.get(member[1])) for member in members):
                return changes, ""
            if all(base.equals(member, wanted[member[1]]) for member in members):
                return [], ""
            reason = "changed in drio and in the document"
        elif base is not None and not base.knows_any(kind):
            return [], ""  # a tool that was not imported with the operation
        else:
            reason = "it is not known whether it was imported or written in drio"
        return changes, "" if self._overwrite else reason

    # -- bindings ---------------------------------------------------------------------------------

    def _bindings(
        self, raw: Raw, tools: Iterable[Raw], changes: tuple[FieldChange, ...]
    ) -> tuple[list[str], dict[str, tuple[str, ...]]]:
        """Return the ids of the tools to bind again, and for the others that need it the reasons why not."""
        becomes_stale = any(change.path[0] in _BOUND_TO for change in changes)
        after = with_changes(dict(raw), changes)
        rebound: list[str] = []
        unbound: dict[str, tuple[str, ...]] = {}
        for tool in tools:
            id = text_of(tool, "id")
            was_stale = binding_state(tool.get("binding"), self._snapshot) == "stale"
            if not (becomes_stale or was_stale):
                continue
            before = self._bound_to(raw, tool) if was_stale else raw
            if before is None:
                unbound[id] = ("it is not known here what it was bound to",)
                continue
            resource = self._snapshot.resource("tool", id) or Resource("tool", id, tool)
            problems = rebind_problems(self._snapshot, resource, before, after)
            if problems:
                unbound[id] = tuple(problems)
            else:
                rebound.append(id)
        return rebound, unbound

    def _bound_to(self, raw: Raw, tool: Raw) -> Raw | None:
        """Return the operation as it was when a tool was bound to it, None if its schema is not known here."""
        binding = tool.get("binding")
        bound = binding.get("schemaHashAtBindTime") if isinstance(binding, Mapping) else None
        schemas = self._earlier(text_of(raw, "id"))
        if not isinstance(bound, str) or bound not in schemas:
            return None
        return {"inputSchema": schemas[bound]}


# --- the plan --------------------------------------------------------------------------------------


async def plan_update(
    comparison: Comparison,
    chosen: Collection[str],
    *,
    prune: Collection[str] = (),
    tools: bool = True,
    complete: bool = False,
    auth: str | NewConnection = "",
) -> UpdatePlan:
    """Return the steps that add and change the `chosen` operations, and delete those of `prune` with their tools.

    With `complete`, chosen operations of the app that have no tool get one. An operation that is not known to be
    imported is not deleted. Raises `ImportFailed`.
    """
    document, snapshot = comparison.document, comparison.snapshot
    present = existing_resources(snapshot)
    operations = [item for item in comparison.operations if item.id in chosen and item.state in ("changed", "same")]
    added: Plan | None = None
    lacking = [item.id for item in operations if not item.tools and not item.obstacle] if tools and complete else []
    if new := [id for id in comparison.ids("new") if id in chosen] + lacking:
        target = ExistingIntegration(comparison.integration, comparison.base_url)
        added = await document.plan(
            new, base_url=comparison.base_url, integration=target, auth=auth, tools=tools, present=present
        )
    doomed = [item for item in comparison.operations if item.id in prune and item.id in comparison.prunable]
    return await asyncio.to_thread(_UpdatePlanner(comparison, present, added).plan, operations, doomed)


class _UpdatePlanner:
    def __init__(self, comparison: Comparison, present: ExistingResources, added: Plan | None) -> None:
        self._comparison, self._present, self._added = comparison, present, added
        self._head = comparison.document.head
        self._configs: dict[str, dict[str, Any]] = {}
        """What is stored about the document, by integration."""

    def plan(self, operations: list[ComparedOperation], doomed: list[ComparedOperation]) -> UpdatePlan:
        """Return the steps, the deletes and what is stored about the document last."""
        steps = [*self._added_steps()]
        for item in operations:
            steps += self._change_steps(item)
            self._remember(item)
        for item in doomed:
            self._forget(item)
        steps += self._deletes(doomed)
        stored, shown = self._store(tuple(step.id for step in steps))
        notes = [*self._comparison.notes]
        for item in self._comparison.operations:
            if item in operations or (item.state == "gone" and item not in doomed):
                notes += item.notes()
        return UpdatePlan((*steps, *stored), tuple(notes), shown, self._added)

    def _added_steps(self) -> Iterator[Step]:
        """Yield the steps for new operations, without what they store in an integration, which is done at the end."""
        for step in import_steps(self._added) if self._added else ():
            stored = {change.path: change.after for change in step.changes}.get(("config", MEMBER))
            if step.verb == "update" and step.kind == INTEGRATION.name and stored is not None:
                self._config(step.ref).update(stored)
                step = replace(
                    step, changes=tuple(change for change in step.changes if change.path != ("config", MEMBER))
                )
                if not step.changes:
                    continue
            yield step

    def _change_steps(self, item: ComparedOperation) -> Iterator[Step]:
        raw = item.raw or {}
        id = text_of(raw, "id")
        changes = item.fields.get(("operation", id), ())
        step = Step(
            f"update/operation/{id}", "update", OPERATION.name, f"Change operation {item.id}", id, changes=changes,
            base=dict(raw),
        )  # fmt: skip
        if changes:
            yield step
        for tool, name in zip(item.tools, item.tool_names, strict=True):
            tool_id = text_of(tool, "id")
            tool_changes = item.fields.get(("tool", tool_id), ())
            rebinds = tool_id in item.rebound
            if tool_changes or rebinds:
                about = f"bind it to the new schema of {item.id}" if rebinds else f"Change tool {name}"
                yield Step(
                    f"update/tool/{tool_id}", "update", TOOL.name, about, tool_id, changes=tool_changes,
                    base=dict(tool), after=(step.id,) if changes else (), again=("binding",) if rebinds else (),
                )  # fmt: skip

    def _deletes(self, doomed: list[ComparedOperation]) -> tuple[Step, ...]:
        snapshot = self._comparison.snapshot
        keys = [("tool", text_of(tool, "id")) for item in doomed for tool in item.tools]
        keys += [("operation", text_of(item.raw or {}, "id")) for item in doomed]
        return plan_delete(snapshot, Links(snapshot), keys).steps if keys else ()

    # -- what is stored in the integrations -------------------------------------------------------

    def _config(self, integration: str) -> dict[str, Any]:
        raw = self._raw_integration(integration)
        if integration not in self._configs:
            self._configs[integration] = document_of(raw) | {"imported": imported_of(raw)}
        return self._configs[integration]

    def _raw_integration(self, id: str) -> Raw:
        return next((raw for raw in self._present.integrations if raw.get("id") == id), {})

    def _integration_of(self, item: ComparedOperation) -> str:
        raw = item.raw or {}
        return text_of(raw, "integrationId") or self._present.under.get(text_of(raw, "id"), "")

    def _remember(self, item: ComparedOperation) -> None:
        """Store what of the operation and its tools is then as the document says."""
        detail = self._comparison.details.get(item.id)
        if detail is None or item.raw is None:
            return
        digests = self._config(self._integration_of(item))["imported"]
        call = imported.call_digest(text_of(item.raw, "method"), text_of(item.raw, "path"))
        operation = with_changes(dict(item.raw), item.fields.get(("operation", text_of(item.raw, "id")), ()))
        tools = [with_changes(dict(tool), item.fields.get(("tool", text_of(tool, "id")), ())) for tool in item.tools]
        after = imported.updated(imported.parse(digests.get(call, "")), detail, operation, [*tools])
        if after.digests:
            digests[call] = after.as_text()

    def _forget(self, item: ComparedOperation) -> None:
        raw = item.raw or {}
        call = imported.call_digest(text_of(raw, "method"), text_of(raw, "path"))
        self._config(self._integration_of(item))["imported"].pop(call, None)

    def _store(self, after: tuple[str, ...]) -> tuple[list[Step], dict[str, ResourceChange]]:
        """Return the steps that change what is stored about the document, and what to show of them."""
        steps: list[Step] = []
        shown: dict[str, ResourceChange] = {}
        for id, config in self._configs.items():
            raw = self._raw_integration(id)
            before = document_of(raw)
            source = self._comparison.document.source.url
            origin = import_source_config(self._head.title, self._head.version, source, ())
            config = origin | config
            if before.get("title", self._head.title) == self._head.title:
                config |= {name: origin[name] for name in ("version", "source") if name in origin}
            config = {name: value for name, value in config.items() if value}
            changes = tuple(
                FieldChange(("config", MEMBER, name), before.get(name, MISSING), config.get(name, MISSING))
                for name in dict.fromkeys([*before, *config])
                if not imported.same_value(before.get(name), config.get(name))
            )
            if not changes:
                continue
            name = text_of(raw, "key") or text_of(raw, "name") or id
            base: Object = dict(raw)
            step = Step(
                f"update/integration/{id}", "update", INTEGRATION.name, f"Remember what was imported into {name}", id,
                changes=changes, base=base, after=after,
            )  # fmt: skip
            steps.append(step)
            visible = tuple(change for change in changes if change.path[-1] != "imported")
            note = "Remembers what was imported." if len(visible) < len(changes) else ""
            shown[step.id] = ResourceChange("update", INTEGRATION.name, name, visible, note=note)
        return steps, shown
