"""Carries out an import plan: one request after the other, each in the journal, all undone together."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from drio_tui.api.errors import DrioError
from drio_tui.kinds import KINDS
from drio_tui.openapi_import.planning import Plan, PlannedResource
from drio_tui.plan.bulk import Batch, Task
from drio_tui.plan.duplicate import id_of_created
from drio_tui.workspace.saving import journal as journals
from drio_tui.workspace.saving.save_result import CreateOutcome, Failed, SaveOutcome
from drio_tui.workspace.saving.saver import Saver


def import_batch(saver: Saver, app: str, plan: Plan, ids: Mapping[str, str] | None = None) -> Batch:
    """Return the plan's requests as a batch, in which each waits for those it depends on.

    `ids` maps local names that are not in the plan to ids. Running the batch again retries failed requests and
    creates nothing twice: after an unknown outcome, the resource is looked up first.
    """
    return _ImportBatch(saver, app, plan, dict(ids or {})).batch()


class _ImportBatch:
    def __init__(self, saver: Saver, app: str, plan: Plan, ids: dict[str, str]) -> None:
        self._saver, self._app, self._plan, self._ids = saver, app, plan, ids
        self._group = journals.new_id()
        self._known: dict[tuple[str, str], set[str]] = {}

    def batch(self) -> Batch:
        indexes = {resource.local: index for index, resource in enumerate(self._plan.resources)}
        tasks = []
        for resource in self._plan.resources:
            after = tuple(indexes[name] for name in resource.needs if name in indexes)
            verb = "Change" if resource.changes else "Create"
            about = f"{verb} {resource.about[:1].lower()}{resource.about[1:]}"
            tasks.append(Task(about, self._request(resource), after))
        return Batch(tasks)

    def _request(self, resource: PlannedResource) -> Callable[[], Awaitable[CreateOutcome | SaveOutcome]]:
        async def send() -> CreateOutcome | SaveOutcome:
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
                idempotency_key=f"{self._group}:{resource.local}",
                group=self._group,
                known=known,
            )
            if id := id_of_created(outcome):
                self._ids[resource.local] = id
                known.add(id)
                if resource.kind == "integration":
                    self._known["operation", id] = set()  # a new integration has no operations
            return outcome

        return send

    async def _change(self, resource: PlannedResource, body: dict[str, Any]) -> SaveOutcome:
        """Update an existing resource with the planned body; objects in it keep their other properties."""

        def changed(current: dict[str, Any]) -> dict[str, Any]:
            merged = {
                name: {**current[name], **value}
                if isinstance(value, dict) and isinstance(current.get(name), dict)
                else value
                for name, value in body.items()
            }
            return {**current, **merged}

        kind = KINDS[resource.kind]
        return await self._saver.change(kind, self._app, resource.changes, changed, group=self._group)

    async def _listed(self, kind: str, parent: str) -> set[str] | DrioError:
        """Return the ids of a kind's existing resources, which are read once."""
        if (kind, parent) not in self._known:
            listed = await self._saver.list_resources(KINDS[kind], self._app, parent)
            if isinstance(listed, DrioError):
                return listed
            self._known[kind, parent] = {str(raw.get("id")) for raw in listed}
        return self._known[kind, parent]
