"""The steps of a plan that make the changes of a comparison.

    app → auth → integrations → operations → tools (with their bindings) → widgets (with their actions), chains
    deletes: in reverse, after what is created and changed in their kind, and after what refers to them

A step waits only for those that it needs; the executor carries out the others at the same time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

from drio_tui.api import json_codec
from drio_tui.api.errors import top_property
from drio_tui.document_layout import PROPERTIES, ResourceName, create_body, place, ref_of, to_api
from drio_tui.kinds import KINDS
from drio_tui.manifest.compare import Change
from drio_tui.manifest.fields import split_secrets
from drio_tui.manifest.secret import revealed, secrets_in, with_placeholders
from drio_tui.plan.key_order import KeyChange, order_by_keys
from drio_tui.plan.steps import Step
from drio_tui.plan.tool_order import in_order, next_order
from drio_tui.schema.fields import MISSING
from drio_tui.storage.file_names import digest
from drio_tui.workspace.lint.tool_chain import Chains
from drio_tui.workspace.model.references import Links
from drio_tui.workspace.model.snapshot import Snapshot
from drio_tui.workspace.saving.merge import FieldChange, Object, dotted

_CHAIN = "nextToolIds"
_KIND_ORDER = [*KINDS]


@dataclass(frozen=True, slots=True)
class PlannedSteps:
    """The steps of a plan in order, and why they cannot be carried out."""

    steps: tuple[Step, ...]
    problems: tuple[str, ...] = ()


def needed_secrets(changes: Iterable[Change]) -> list[str]:
    """Return the names of the secrets that the changes send and whose values are not known, each once."""
    values = [value for change in changes for value in (change.entry, *(field.after for field in change.fields))]
    return list(
        dict.fromkeys(secret.name for value in values for _, secret in secrets_in(value) if not secret.is_given)
    )


def plan_steps(
    changes: Iterable[Change], ids: Mapping[ResourceName, str], snapshot: Snapshot, *, with_secrets: bool = True
) -> PlannedSteps:
    """Return the steps of these changes. `ids` are those of the existing resources by kind and the document's key.

    `snapshot` is the app as it is; what others change from then on is not overwritten. The values of the secrets that
    are sent have to be known, see `needed_secrets`; without `with_secrets` they are not in the steps, which can only be
    looked at then.
    """
    changes = [*changes]
    if not changes:
        return PlannedSteps(())
    return _Planner(changes, ids, snapshot, revealed if with_secrets else with_placeholders).planned()


class _Planner:
    """The making of the steps of one plan."""

    def __init__(
        self,
        changes: list[Change],
        ids: Mapping[ResourceName, str],
        snapshot: Snapshot,
        reveal: Callable[[Any], Any],
    ) -> None:
        self.changes, self.ids, self.snapshot, self.reveal = changes, ids, snapshot, reveal
        self.created = {ref_of(*change.name): change.name for change in changes if change.action == "create"}
        self.app = [name for name in self.created.values() if name[0] == "app"]
        self.delete_ids = {
            change.id: f"delete:{place(*change.name)}" for change in changes if change.action == "delete"
        }
        self.links = Links(snapshot)
        self.positions = {resource.key: position for position, resource in enumerate(snapshot)}
        self.steps: list[Step] = []
        self.problems: list[str] = []

    def planned(self) -> PlannedSteps:
        for change in sorted(self.changes, key=lambda change: _KIND_ORDER.index(change.kind)):
            if change.action == "create":
                self._create(change)
            elif change.action in ("update", "rename"):
                self._update(change)
        tools = [tool.raw for tool in self.snapshot.resources("tool") if isinstance(tool.raw, dict)]
        self.steps = [*in_order(self.steps, next_order(tools))]
        self._order_renames()
        self._order_chains()
        deletes = [change for change in self.changes if change.action == "delete"]
        for change in sorted(deletes, key=lambda change: -_KIND_ORDER.index(change.kind)):
            self._delete(change)
        return PlannedSteps(tuple(self.steps), (*self.problems, *self._cycles()))

    # --- creates and updates ---------------------------------------------------------------------

    def _id_of(self, kind: str, key: str) -> str:
        ref = ref_of(kind, key)
        return ref if ref in self.created else self.ids.get((kind, key), ref)

    def _after(self, value: Any, *names: ResourceName) -> tuple[str, ...]:
        """Return the ids of the steps that create what `value` refers to, and the resources `names`."""
        needed = [self.created[text] for text in _texts(value) if text in self.created]
        needed += [name for name in names if ref_of(*name) in self.created]
        return tuple(f"create:{place(*name)}" for name in dict.fromkeys((*self.app, *needed)))

    def _create(self, change: Change) -> None:
        kind, key = change.name
        body = create_body(kind, key, change.entry, self._id_of)
        chain = body.pop(_CHAIN, None) if kind == "tool" else None
        parent, parents = "", []
        if kind == "operation":
            integration = key.partition("/")[0]
            parent, parents = self._id_of("integration", integration), [("integration", integration)]
        step = self._step(change, "create", f"Create the {_title(kind)} {key}", body)
        after = () if kind == "app" else self._after(step.body, *parents)
        self.steps.append(replace(step, ref=ref_of(kind, key), parent=parent, after=after))
        if chain:
            changes = (FieldChange((_CHAIN,), MISSING, chain),)
            self._chain(change, ref_of(kind, key), changes, None, (step.id, *self._after(chain)))

    def _step(self, change: Change, verb: Any, about: str, body: Object) -> Step:
        _, secrets = split_secrets(body)
        return Step(
            f"{verb}:{place(change.kind, change.key)}", verb, change.kind, about, body=self.reveal(body),
            mark=_mark(with_placeholders(body)), secret=tuple(map(dotted, secrets)),
        )  # fmt: skip

    def _update(self, change: Change) -> None:
        kind, key = change.name
        changes = [self._to_api(kind, field) for field in change.fields]
        if change.action == "rename":
            changes.insert(0, FieldChange(("slug" if kind == "app" else "key",), change.was, key.rpartition("/")[2]))
        chain = tuple(field for field in changes if field.path == (_CHAIN,))
        others = tuple(field for field in changes if field.path != (_CHAIN,))
        resource = self.snapshot.resource(kind, change.id)
        base = resource.raw if resource is not None and isinstance(resource.raw, dict) else None
        if others:
            names = ", ".join(dict.fromkeys(field.path[0] for field in others))
            about = f"Change {names} of the {_title(kind)} {key}"
            if change.action == "rename":
                about = f"Rename the {_title(kind)} {change.was} to {key}"
            # another widget's change may have taken the tool from this one: that is no change by others
            paired = kind == "widget" and any(field.path == ("toolId",) for field in others)
            self.steps.append(
                Step(
                    f"update:{place(kind, key)}", "update", kind, about, change.id,
                    changes=tuple(replace(field, after=self.reveal(field.after)) for field in others),
                    base=None if paired else base,
                    after=self._after([field.after for field in others]),
                    mark=_mark([[*field.path, with_placeholders(_json(field.after))] for field in others]),
                    secret=tuple(field.dotted for field in others if _is_secret(field)),
                )
            )  # fmt: skip
        if chain:
            self._chain(change, change.id, chain, base, self._after(chain[0].after))

    def _chain(
        self, change: Change, ref: str, changes: tuple[FieldChange, ...], base: Object | None, after: tuple[str, ...]
    ) -> None:
        about = f"Chain the tool {change.key}" if changes[0].after else f"Unchain the tool {change.key}"
        step = Step(
            f"chain:{place('tool', change.key)}", "update", "tool", about, ref, changes=changes, base=base,
            after=tuple(dict.fromkeys(after)), mark=_mark(_json(changes[0].after)),
        )  # fmt: skip
        self.steps.append(step)

    def _to_api(self, kind: str, field: FieldChange) -> FieldChange:
        """Return a change with the API's names and ids."""
        name = field.path[0]
        api_name = {document_name: api_name for api_name, document_name in PROPERTIES[kind].items()}.get(name, name)
        path = (api_name, *field.path[1:])
        if len(path) > 1 or field.after is MISSING:
            return FieldChange(path, MISSING, field.after)
        return FieldChange(path, MISSING, to_api(kind, {name: field.after}, self._id_of)[api_name])

    # --- order -----------------------------------------------------------------------------------

    def _order_renames(self) -> None:
        """Let a rename to a key, and a create with one, wait for the rename that frees it."""
        changes = [
            KeyChange(
                f"{'create' if change.action == 'create' else 'update'}:{place(change.kind, change.key)}", change.kind,
                change.key.rpartition("/")[2], change.key,
                was=change.was.rpartition("/")[2] if change.action == "rename" else "",
            )
            for change in self.changes
            if change.action in ("create", "rename")
        ]  # fmt: skip
        self.steps = order_by_keys(self.steps, changes)

    def _order_chains(self) -> None:
        """Let the chains change one after the other where they could lead back to a tool in between."""
        edges: dict[str, set[str]] = {}
        for tool in self.snapshot.resources("tool"):
            next_ids = tool.get(_CHAIN)
            edges[tool.id] = {id for id in next_ids if isinstance(id, str)} if isinstance(next_ids, list) else set()
        chains = {step.ref: step for step in self.steps if step.id.startswith("chain:")}
        wanted = {ref: set(_texts(_json(step.changes[0].after))) for ref, step in chains.items()}
        together = {ref: edges.get(ref, set()) | wanted.get(ref, set()) for ref in edges.keys() | wanted.keys()}
        if not _has_cycle(together):
            return
        left, previous = dict(chains), ""
        while left:
            ref = next((ref for ref in left if not _leads_to(ref, wanted[ref], edges)), None)
            if ref is None:  # the last one of an order without a circle could always change next
                self._report_circle(left, edges | {ref: wanted[ref] for ref in left})
                return
            step = left.pop(ref)
            edges[ref] = wanted[ref]
            index = next(index for index, other in enumerate(self.steps) if other.id == step.id)
            if previous:
                self.steps[index] = replace(self.steps[index], after=(*self.steps[index].after, previous))
            previous = step.id

    def _report_circle(self, chains: Mapping[str, Step], edges: Mapping[str, set[str]]) -> None:
        """Report a circle that there would be once all is applied, and how to take a chain that is in drio out of it.

        `chains` are the steps that would close it by their tools, `edges` the next tools of all of them.
        """
        if any(change.action == "conflict" for change in self.changes):
            return  # a chain that is in the way may change once that is decided
        keys = {id: key for (kind, key), id in self.ids.items() if kind == "tool"}
        keys |= {ref: key for ref, (kind, key) in self.created.items() if kind == "tool"}
        tools = Chains(keys, {ref: sorted(targets) for ref, targets in edges.items()})
        ref, circle = next((ref, circle) for ref in chains if (circle := tools.cycle(ref)))
        sent = {step.ref for step in self.steps if step.id.startswith("chain:")}
        text = f"the chain would run in a circle: {' → '.join(map(tools.name, circle))}"
        for tool, following in pairwise(circle):
            if tool not in sent:
                others = ", ".join(tools.name(id) for id in tools.next[tool] if id != following)
                text += f"; {tools.name(tool)} → {tools.name(following)} is in drio already: "
                text += f"`next: [{others}]` at {place('tool', tools.name(tool))} in the document takes it out"
                break
        self.problems.append(f"{place('tool', tools.name(ref), ('next',))}: {text}")

    def _delete(self, change: Change) -> None:
        kind, key = change.name
        resource = self.snapshot.resource(kind, change.id)
        raw = resource.raw if resource is not None and isinstance(resource.raw, dict) else None
        referrers = {
            link.source[1]
            for link in self.links.used_by((kind, change.id))
            if (link.source[0], link.path) != ("tool", "widgetId")
        }
        delete_id = self.delete_ids[change.id]
        waiting = self._waiting_for(self._let_wait(change, delete_id))
        after = [
            step.id
            for step in self.steps
            if step.verb != "delete" and step.id not in waiting and (step.kind == kind or step.ref in referrers)
        ]
        after += [self.delete_ids[id] for id in referrers if id in self.delete_ids]
        after += [self._unbind(step) for step in [*self.steps] if step.ref in referrers and step.id in waiting]
        tools = [tool.id for tool in self.snapshot.resources("tool") if tool.text("widgetId") == change.id]
        links = tuple(("tool", id, "widgetId") for id in tools)
        self.steps.append(
            Step(
                f"delete:{place(kind, key)}", "delete", kind, f"Delete the {_title(kind)} {key}", change.id, base=raw,
                links=links, place=self.positions.get((kind, change.id)),
                ignoring=frozenset(top_property(reference.path) for reference in KINDS[kind].references),
                after=tuple(after), mark=change.id,
            )
        )  # fmt: skip

    def _let_wait(self, change: Change, delete_id: str) -> set[str]:
        """Let the steps that give the key of a deleted resource to another wait for the delete; return their ids.

        Keys of operations are unique in the app: the other one may be in another integration.
        """
        key = change.key.rpartition("/")[2]
        takers: set[str] = set()
        for index, step in enumerate(self.steps):
            is_taken = step.body.get("key") == key or any(
                field.path == ("key",) and field.after == key for field in step.changes
            )
            if is_taken and step.kind == change.kind and step.verb in ("create", "update"):
                self.steps[index] = replace(step, after=(*step.after, delete_id))
                takers.add(step.id)
        return takers

    def _waiting_for(self, ids: set[str]) -> set[str]:
        """Return the ids with those of the steps that wait for them, directly or through others."""
        waiting = set(ids)
        while ids:
            ids = {step.id for step in self.steps if step.id not in waiting and ids & {*step.after}}
            waiting |= ids
        return waiting

    def _unbind(self, step: Step) -> str:
        """Add a step that unbinds the tool of `step` before its operation is deleted; return its id."""
        id = f"unbind:{step.id.partition(':')[2]}"
        name = step.id.rpartition("/")[2]
        cleared = (FieldChange(("binding",), MISSING, None),)
        unbind = Step(id, "update", "tool", f"Unbind the tool {name}", step.ref, changes=cleared, mark=_mark(None))
        index = self.steps.index(step)
        self.steps[index] = replace(step, base=None, after=(*step.after, id))  # its base has the old binding
        self.steps.insert(index, unbind)
        return id

    def _cycles(self) -> Iterator[str]:
        """Yield a problem for steps that wait for each other."""
        if _has_cycle({step.id: set(step.after) for step in self.steps}):
            yield (
                "Some changes wait for each other, such as operations that move and are renamed at the same time: "
                "apply a part of them first."
            )


def _leads_to(node: str, starts: Iterable[str], graph: Mapping[str, Iterable[str]]) -> bool:
    """Return whether a node is among `starts`, or can be reached from one of them."""
    reached = {*starts}
    queue = [*reached]
    while queue and node not in reached:
        found = {*graph.get(queue.pop(), ())} - reached
        reached |= found
        queue += found
    return node in reached


def _has_cycle(graph: Mapping[str, Iterable[str]]) -> bool:
    """Return whether a graph (the successors by node) has a cycle; without recursion."""
    done: set[str] = set()
    for start in graph:
        path: dict[str, Iterator[str]] = {} if start in done else {start: iter(graph[start])}
        while path:
            node = next(reversed(path))
            successor = next(path[node], None)
            if successor is None:
                done.add(node)
                del path[node]
            elif successor in path:
                return True
            elif successor not in done and successor in graph:
                path[successor] = iter(graph[successor])
    return False


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _texts(item)


def _is_secret(field: FieldChange) -> bool:
    return any(True for _ in secrets_in(field.after))


def _json(value: Any) -> Any:
    return None if value is MISSING else value


def _mark(value: Any) -> str:
    return digest(json_codec.dumps(value))


def _title(kind: str) -> str:
    return KINDS[kind].title.lower()
