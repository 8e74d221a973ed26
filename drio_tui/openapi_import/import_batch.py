"""A plan carried out: one request after the other, each noted, one undo for all."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from drio_tui.api.errors import DrioError
from drio_tui.kinds import KINDS
from drio_tui.openapi_import.planning import Plan, PlannedResource
from drio_tui.workspace.saving import journal as journals
from drio_tui.workspace.saving.batch import Batch, Task
from drio_tui.workspace.saving.duplicate import made_id
from drio_tui.workspace.saving.save_result import CreateOutcome, Failed, SaveOutcome
from drio_tui.workspace.saving.saver import Saver


def batch(saver: Saver, app: str, plan: Plan, ids: Mapping[str, str] | None = None) -> Batch:
    """The plan's creates as a batch: what failed can be tried again, what needs it waits for it.

    `ids` are those of what the plan refers to by names that are not its own. Running the batch again makes
    nothing twice: what is done is not done again, and what may have been done is looked for first.
    """
    return _Making(saver, app, plan, dict(ids or {})).batch()


class _Making:
    def __init__(self, saver: Saver, app: str, plan: Plan, ids: dict[str, str]) -> None:
        self._saver, self._app, self._plan, self._ids = saver, app, plan, ids
        self._group = journals.new_id()
        self._known: dict[tuple[str, str], set[str]] = {}

    def batch(self) -> Batch:
        places = {resource.local: number for number, resource in enumerate(self._plan.resources)}
        tasks = []
        for resource in self._plan.resources:
            after = tuple(places[name] for name in resource.needs if name in places)
            verb = "Change" if resource.changes else "Create"
            tasks.append(Task(f"{verb} {resource.about[:1].lower()}{resource.about[1:]}", self._doing(resource), after))
        return Batch(tasks)

    def _doing(self, resource: PlannedResource) -> Callable[[], Awaitable[CreateOutcome | SaveOutcome]]:
        async def do() -> CreateOutcome | SaveOutcome:
            kind = KINDS[resource.kind]
            body, parent = resource.resolved(self._ids)
            if resource.changes:
                return await self._change(resource, body)
            known = await self._listed(resource.kind, parent)
            if isinstance(known, DrioError):
                return Failed(known)
            outcome = await self._saver.create(
                kind,
                self._app,
                body,
                parent=parent,
                intent=f"{self._group}:{resource.local}",
                group=self._group,
                known=known,
            )
            if id := made_id(outcome):
                self._ids[resource.local] = id
                known.add(id)
                if resource.kind == "integration":
                    self._known["operation", id] = set()  # it is new: nothing is in it
            return outcome

        return do

    async def _change(self, resource: PlannedResource, body: dict[str, Any]) -> SaveOutcome:
        """Update a resource that exists with what the plan says; an object keeps its other members."""

        def changed(now: dict[str, Any]) -> dict[str, Any]:
            merged = {
                name: {**now[name], **value} if isinstance(value, dict) and isinstance(now.get(name), dict) else value
                for name, value in body.items()
            }
            return {**now, **merged}

        kind = KINDS[resource.kind]
        return await self._saver.change(kind, self._app, resource.changes, changed, group=self._group)

    async def _listed(self, kind: str, parent: str) -> set[str] | DrioError:
        """The ids of what is there of a kind: read once, then kept."""
        if (kind, parent) not in self._known:
            listed = await self._saver.listed(KINDS[kind], self._app, parent)
            if isinstance(listed, DrioError):
                return listed
            self._known[kind, parent] = {str(raw.get("id")) for raw in listed}
        return self._known[kind, parent]
