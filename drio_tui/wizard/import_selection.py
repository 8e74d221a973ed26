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
    for thing in plan.things:
        body, under = thing.resolved(refs)
        if thing.changes:
            _change(draft, thing.changes, body)
            continue
        owner = KINDS[thing.kind].parent
        if owner and under:
            body[owner[0]] = under
        added = draft.add(thing.kind, body)
        refs[thing.local] = added.ref
        found.append(added)
    return found
