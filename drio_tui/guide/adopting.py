"""Taking what was chosen of an OpenAPI document into a draft."""

from __future__ import annotations

from drio_tui.guide.draft import Added, Draft
from drio_tui.importing.planning import Plan
from drio_tui.kinds import KINDS


def adopt(draft: Draft, plan: Plan) -> list[Added]:
    """Add everything that the plan would make, to be made with the app; gives it in order."""
    refs: dict[str, str] = {}
    found: list[Added] = []
    for thing in plan.things:
        body, under = thing.resolved(refs)
        owner = KINDS[thing.kind].parent
        if owner and under:
            body[owner[0]] = under
        added = draft.add(thing.kind, body)
        refs[thing.local] = added.ref
        found.append(added)
    return found
