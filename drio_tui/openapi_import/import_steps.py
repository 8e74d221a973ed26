"""The steps that carry out an import plan."""

from __future__ import annotations

from drio_tui.openapi_import.planning import Plan
from drio_tui.plan.steps import Step, changes_of
from drio_tui.plan.tool_order import in_order


def import_steps(plan: Plan) -> tuple[Step, ...]:
    """Return one step for each resource of the plan, in its order; each needs those of the resources it refers to.

    drio lists operations and widgets as they were created, so each is created after the one before it. Tools have an
    order.
    """
    refs = {resource.local: f"import/{resource.local}" for resource in plan.resources}
    steps: list[Step] = []
    last: dict[tuple[str, str], str] = {}
    for resource in plan.resources:
        body, parent = resource.resolved(refs)
        after = tuple(refs[name] for name in resource.needs if name in refs)
        id = refs[resource.local]
        about = f"{resource.about[:1].lower()}{resource.about[1:]}"
        if resource.changes:
            changes = changes_of(body)
            target = refs.get(resource.changes, resource.changes)
            verb = "Set" if resource.kind == "tool" else "Change"
            steps.append(Step(id, "update", resource.kind, f"{verb} {about}", target, changes=changes, after=after))
        else:
            follows: tuple[str, ...] = ()
            if resource.kind in ("operation", "widget"):
                before = last.get((resource.kind, parent))
                follows = () if before is None else (before,)
                last[resource.kind, parent] = id
            steps.append(
                Step(id, "create", resource.kind, f"Create {about}", id, parent, body, after=after, follows=follows)
            )
    return tuple(steps if plan.first_order is None else in_order(steps, plan.first_order))
