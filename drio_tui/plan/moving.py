"""Moving operations to another integration.

drio has no request for that. Each operation gives its key away, since keys are unique in an app, and is created in the
other integration; then its tools are bound to the new one, and the old one is deleted. At no point is a tool without an
operation. A move that was interrupted goes on when it is planned again: what gave its key away is recognized by it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator

from drio_tui.kinds import OPERATION, TOOL
from drio_tui.plan.bulk import BulkPlan, can_be_changed
from drio_tui.plan.changes import ResourceChange
from drio_tui.plan.duplicate import create_body
from drio_tui.plan.key_order import is_made_of, key_before, shortened_key, temporary_key
from drio_tui.plan.steps import Step
from drio_tui.text import first_names
from drio_tui.workspace.lint.binding import binding_state
from drio_tui.workspace.model.references import Links
from drio_tui.workspace.model.search import reference_name
from drio_tui.workspace.model.snapshot import Resource, Snapshot
from drio_tui.workspace.saving.merge import FieldChange

_MOST_NAMED = 10


def integration_of(operation: Resource) -> str:
    """Return the id of the integration that an operation belongs to."""
    return operation.text("integrationId") or operation.parent_id


def move_operations(snapshot: Snapshot, operations: Iterable[Resource], integration: Resource) -> BulkPlan:
    """Return the plan that moves operations to another integration of the app; those that are in it stay."""
    if snapshot.parts["tool"].state != "ready":
        return BulkPlan(problems=("The tools could not be read, so it is not known which are bound to them.",))
    return _Move(snapshot, integration).plan(operations)


class _Move:
    """The making of the plan of one move."""

    def __init__(self, snapshot: Snapshot, integration: Resource) -> None:
        self._snapshot, self._integration = snapshot, integration
        self._links = Links(snapshot)
        self._positions = {resource.key: position for position, resource in enumerate(snapshot)}
        self._in_target: dict[str, list[Resource]] = defaultdict(list)
        """The operations of the integration, by shortened key."""
        self._left_over: dict[str, list[Resource]] = defaultdict(list)
        """What gave its key away in a move that was interrupted, by that key, shortened."""
        for one in filter(can_be_changed, snapshot.resources("operation")):
            if integration_of(one) == integration.id:
                self._in_target[shortened_key(one.text("key"))].append(one)
            elif key := key_before(one.text("key"), one.id):
                self._left_over[key].append(one)
        self._steps: list[Step] = []
        self._shown: dict[str, ResourceChange] = {}
        self._groups: dict[str, str] = {}
        self._stale: list[str] = []

    def plan(self, operations: Iterable[Resource]) -> BulkPlan:
        moved: dict[str, Resource] = {}
        for operation in operations:
            is_moved = integration_of(operation) != self._integration.id
            left_over = () if is_moved else self._left_over[shortened_key(operation.text("key"))]
            one = operation if is_moved else next((one for one in left_over if is_made_of(operation, one)), None)
            if one is not None and one.kind == OPERATION.name and can_be_changed(one):
                moved[one.id] = one
        for operation in moved.values():
            start = len(self._steps)
            self._add_steps(operation)
            self._add_group(operation, self._steps[start:])
        notes = tuple(self._notes()) if self._steps else ()
        return BulkPlan(tuple(self._steps), (), notes, self._shown, self._groups)

    def _add_steps(self, operation: Resource) -> None:
        """Add the steps that move one operation, in their order."""
        id, key, name = operation.id, operation.text("key"), operation.name
        base = operation.raw
        needed: tuple[str, ...] = ()
        if (own_key := key_before(key, id)) is not None:  # it has given it away
            key = own_key
        elif key:
            other_key = temporary_key(key, id)
            free = Step(
                f"move/free/{id}", "update", OPERATION.name, f"Let the operation {name} give its key away", id,
                changes=(FieldChange(("key",), key, other_key),), base=base,
            )  # fmt: skip
            self._steps.append(free)
            base, needed = {**base, "key": other_key}, (free.id,)
        existing = next((one for one in self._in_target[own_key or ""] if is_made_of(one, operation)), None)
        if existing is None:
            ref = f"move:{id}"
            body = create_body(OPERATION, operation.raw) | ({"key": key} if key else {})
            create = Step(
                f"move/create/{id}", "create", OPERATION.name,
                f"Create the operation {name} in {self._integration.name}", ref, self._integration.id, body,
                after=needed,
            )  # fmt: skip
            self._steps.append(create)
            needed = (create.id,)
        else:
            ref = existing.id
        binds = [self._bind(operation, tool, ref, key, needed) for tool in self._tools_of(operation)]
        self._steps += binds
        self._steps.append(
            Step(
                f"move/delete/{id}", "delete", OPERATION.name, f"Delete the operation {name} where it was", id,
                base=base, after=(*needed, *(bind.id for bind in binds)), place=self._positions.get(operation.key),
            )
        )  # fmt: skip

    def _add_group(self, operation: Resource, steps: list[Step]) -> None:
        """Show the steps that move one operation as one change of it."""
        group = f"move/{operation.id}"
        self._groups |= {step.id: group for step in steps}
        tools = [self._shown[step.id].name for step in steps if step.kind == TOOL.name]
        note = f"bound to the new one: {first_names(tools, _MOST_NAMED)}" if tools else ""
        names = (
            reference_name(parent) if parent else "?" for parent in (self._parent_of(operation), self._integration)
        )
        self._shown[group] = ResourceChange(
            "update", OPERATION.name, reference_name(operation), (FieldChange(("integrationId",), *names),), note=note
        )

    def _parent_of(self, operation: Resource) -> Resource | None:
        return self._snapshot.resource("integration", integration_of(operation))

    def _bind(self, operation: Resource, tool: Resource, ref: str, key: str, after: tuple[str, ...]) -> Step:
        path = ("binding", "integrationOperationId")
        step = Step(
            f"move/bind/{operation.id}/{tool.id}", "update", TOOL.name, f"Bind the tool {tool.name} to it", tool.id,
            changes=(FieldChange(path, operation.id, ref),), base=tool.raw, after=after,
        )  # fmt: skip
        parent = self._parent_of(operation)
        before = f"{reference_name(parent) if parent else '?'}/{key or operation.id}"
        now = f"{reference_name(self._integration)}/{key or operation.name}"
        self._shown[step.id] = ResourceChange(
            "update", TOOL.name, reference_name(tool), (FieldChange(path, before, now),)
        )
        if binding_state(tool.get("binding"), self._snapshot) == "stale":
            self._stale.append(tool.name)
        return step

    def _tools_of(self, operation: Resource) -> list[Resource]:
        """Return the tools that are bound to an operation."""
        links = self._links.used_by(operation.key)
        sources = dict.fromkeys(link.source for link in links if link.source[0] == TOOL.name)
        return [tool for key in sources if (tool := self._snapshot.at(key)) is not None and can_be_changed(tool)]

    def _notes(self) -> Iterator[str]:
        base_url = self._integration.text("baseUrl") or "its base URL"
        yield (
            "drio cannot move an operation: each is created again, gets a new id, and the old one is deleted. Tools "
            "are bound to the new one; chains and widgets stay."
        )
        yield f"The paths are added to {base_url} then, and the requests sign in as those of {self._integration.name}."
        if self._stale:
            yield f"Bound to an earlier schema, and to the current one then: {first_names(self._stale, _MOST_NAMED)}."
