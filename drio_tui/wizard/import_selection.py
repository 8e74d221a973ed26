"""Taking what was chosen of an OpenAPI document into a draft."""

from __future__ import annotations

from drio_tui.kinds import KINDS
from drio_tui.openapi_import.planning import Plan
from drio_tui.wizard.draft import AddedResource, Draft, Object


def _change(draft: Draft, ref: str, body: Object) -> None:
    """Give something that was added before what the plan says; what the template brings is changed once it is there."""
    own = draft.one_added(ref)
    if own is not None:
        config = {**(own.body.get("config") or {}), **body.pop("config", {})}
        more = body | ({"config": config} if config else {})
        own.filled.edit({**own.filled.whole, **more}, {**own.filled.shown, **more})


def adopt(draft: Draft, plan: Plan) -> list[AddedResource]:
    """Add everything that the plan would make, to be made with the app; gives it in order."""
    refs: dict[str, str] = {}
    found: list[AddedResource] = []
    for resource in plan.resources:
        body, under = resource.resolved(refs)
        if resource.changes:
            _change(draft, resource.changes, body)
            continue
        owner = KINDS[resource.kind].parent
        if owner and under:
            body[owner[0]] = under
        added = draft.add(resource.kind, body)
        refs[resource.local] = added.ref
        found.append(added)
    return found
