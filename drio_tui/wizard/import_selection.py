"""Adds the operations selected in an OpenAPI document to a draft."""

from __future__ import annotations

from drio_tui.kinds import KINDS
from drio_tui.openapi_import.planning import Plan
from drio_tui.wizard.draft import AddedResource, Draft, Object


def _change(draft: Draft, ref: str, body: Object) -> None:
    """Apply a planned change to a resource added before. The template's resources are changed once they exist."""
    resource = draft.added_resource(ref)
    if resource is not None:
        config = {**(resource.body.get("config") or {}), **body.pop("config", {})}
        changes = body | ({"config": config} if config else {})
        resource.filled.edit({**resource.filled.full, **changes}, {**resource.filled.shown, **changes})


def add_planned_resources(draft: Draft, plan: Plan) -> list[AddedResource]:
    """Add the resources of an import plan to the draft, to be created with the app; return them in order."""
    refs: dict[str, str] = {}
    added: list[AddedResource] = []
    for planned in plan.resources:
        body, parent_id = planned.resolved(refs)
        if planned.changes:
            _change(draft, refs.get(planned.changes, planned.changes), body)
            continue
        parent = KINDS[planned.kind].parent
        if parent and parent_id:
            body[parent[0]] = parent_id
        resource = draft.add(planned.kind, body)
        refs[planned.local] = resource.ref
        added.append(resource)
    return added
