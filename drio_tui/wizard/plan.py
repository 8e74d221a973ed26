"""Derives the requests from the answers, in an order in which each comes after those it depends on.

    app                     POST /apps
    read                    the new app's config: ids of the template's resources
    detach:…, delete:…      delete what is not kept, after its dependents are detached (`plan.deletion`)
    change:…                new names, filled-in connections
    create:…                added connections, integrations, operations, tools, widgets
    chain:…                 chains of added tools, once all tools exist

A step has the same id in every plan, so that its state is found again.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from drio_tui.api import json_codec
from drio_tui.kinds import KINDS
from drio_tui.plan.deletion import plan_delete
from drio_tui.plan.steps import Step, changes_of
from drio_tui.plan.tool_order import in_order, next_order
from drio_tui.storage.file_names import digest
from drio_tui.wizard.draft import AddedResource, Draft, Object, refs_in
from drio_tui.wizard.template_parts import Part, by_ref, parts
from drio_tui.wizard.validation import PAGE_OF, app_body
from drio_tui.workspace.model.references import Links
from drio_tui.workspace.model.snapshot import Snapshot
from drio_tui.workspace.saving.save_result import Outcome


def page_of(step: Step) -> str:
    """Return the page of the wizard on which what a step sends is edited."""
    return {"app": "basics", "read": "template", "change:app": "basics"}.get(step.id) or PAGE_OF[step.kind]


def plan(
    draft: Draft, app_snapshot: Snapshot | None = None, read: Callable[[], Awaitable[Outcome]] | None = None
) -> list[Step]:
    """Return all steps, including those that are done; `read` reads the app after it was created.

    With `app_snapshot` the deletes are derived from the app as it is. Refs are those of the draft.
    """
    return [
        Step("app", "create", "app", f"Create the app {draft.name}", body=app_body(draft)),
        Step("read", "read", "app", "See what the template brought", after=("app",), run=read),
        *_app_changes(draft),
        *_deletes(draft, app_snapshot),
        *_changes(draft),
        *in_order(_creates(draft), _first_order(draft, app_snapshot)),
    ]


def _first_order(draft: Draft, app_snapshot: Snapshot | None) -> int:
    """Return the `order` of the first added tool: after those of the template."""
    added = {part.id for part in parts(draft, "tool") if part.added}
    tools = app_snapshot.resources("tool") if app_snapshot is not None else ()
    return next_order(tool.raw for tool in tools if isinstance(tool.raw, dict) and tool.id not in added)


def _app_changes(draft: Draft) -> Iterator[Step]:
    """Yield the change of the app itself, if it was edited after it was created."""
    if not draft.app or draft.sent is None:
        return
    current = app_body(draft)
    changed = {name: value for name, value in current.items() if draft.sent.get(name) != value and name != "templateId"}
    if changed or draft.is_done("change:app"):
        yield Step("change:app", "update", "app", f"Change the app's {', '.join(changed) or 'texts'}",
                   changes=changes_of(changed), after=("read",), mark=_digest(changed))  # fmt: skip


def _deletes(draft: Draft, app_snapshot: Snapshot | None) -> Iterator[Step]:
    dropped = [part for part in parts(draft) if not part.added and not part.kept]
    if app_snapshot is None or draft.brought is None:
        for part in dropped:
            yield _delete(part.ref, part.kind, part.template_name)
        return
    existing = [part for part in dropped if part.id and app_snapshot.resource(part.kind, part.id)]
    for part in dropped:
        if part not in existing:  # it is deleted already
            yield _delete(part.ref, part.kind, part.template_name)
    if existing:
        refs: dict[tuple[str, ...], str] = {(resource.kind, resource.id): resource.ref for resource in draft.brought}
        refs |= {(part.kind, part.id): part.ref for part in parts(draft) if part.added and part.id}
        delete_plan = plan_delete(app_snapshot, Links(app_snapshot), [(part.kind, part.id) for part in existing])
        yield from _app_deletes(delete_plan.steps, refs)


def _app_deletes(steps: Sequence[Step], refs: Mapping[tuple[str, ...], str]) -> Iterator[Step]:
    """Yield the steps of a delete plan with the refs of the draft."""
    ids: dict[str, str] = {}
    for step in steps:
        ref = refs.get(step.key, f"draft:{step.kind}:#{step.ref}")
        ids[step.id] = f"detach:{ref}:{step.property_name}" if step.verb == "detach" else f"delete:{ref}"
        after = ("read", *(ids[id] for id in step.after))
        yield replace(step, id=ids[step.id], ref=refs.get(step.key, step.ref), after=after)


def _delete(ref: str, kind: str, name: str) -> Step:
    about = f"Delete the {KINDS[kind].title.lower()} {name}"
    return Step(f"delete:{ref}", "delete", kind, about, ref, after=("read",))


def _changes(draft: Draft) -> Iterator[Step]:
    for part in parts(draft):
        if part.added or not part.kept:
            continue
        body: Object = {}
        phrases: list[str] = []
        filled = draft.auth.get(part.ref)
        if part.name != part.template_name:
            body["name"] = part.name
            phrases.append(f"Rename the {KINDS[part.kind].title.lower()} {part.template_name} to {part.name}")
        if filled is not None:
            body["config"] = filled.full
            phrases.append(f"Fill in {part.name}" if not phrases else "fill it in")
        if body:
            mark = _digest(body.get("name"), filled.fingerprint("auth") if filled else "")
            about = ", ".join(phrases)
            yield Step(f"change:{part.ref}", "update", part.kind, about, part.ref, changes=changes_of(body),
                       after=("read",), mark=mark)  # fmt: skip


def _creates(draft: Draft) -> Iterator[Step]:
    parts_by_ref = by_ref(draft)
    ordered = sorted(draft.added, key=lambda resource: list(KINDS).index(resource.kind))
    chained: list[Step] = []
    for part in [parts_by_ref[resource.ref] for resource in ordered]:
        added = draft.added_resource(part.ref)
        if added is None:
            continue
        body, chain = _create_body(added, parts_by_ref)
        created = draft.is_done(f"create:{part.ref}")
        mark = _digest(added.filled.fingerprint(part.kind))
        after = ("read", *_dependencies(body, parts_by_ref, part))
        step = Step(f"create:{part.ref}", "create", part.kind, _create_text(part), part.ref, part.parent, body,
                    after=after, mark=mark)  # fmt: skip
        yield step
        if created and draft.step(step.id).mark != step.mark:
            yield Step(f"change:{part.ref}", "update", part.kind, f"Change {part.name}", part.ref,
                       changes=changes_of(_changeable(part, body)), after=(step.id,), mark=mark)  # fmt: skip
        if chain:
            after = ("read", step.id, *_chain_dependencies(chain, parts_by_ref))
            chained.append(
                Step(f"chain:{part.ref}", "update", "tool", f"Chain {part.name}", part.ref,
                     changes=changes_of({"nextToolIds": chain}), after=after, mark=_digest(chain))
            )  # fmt: skip
    yield from chained


def _create_text(part: Part) -> str:
    request = f" ({part.raw['method']} {part.raw.get('path', '')})" if isinstance(part.raw.get("method"), str) else ""
    return f"Add the {KINDS[part.kind].title.lower()} {part.name}{request}"


def _create_body(resource: AddedResource, parts_by_ref: Mapping[str, Part]) -> tuple[Object, list[str]]:
    """Return the body of the POST, and the chain that is set once every tool exists."""
    kind = KINDS[resource.kind]
    body = {name: value for name, value in resource.body.items() if value is not None}
    if kind.parent:
        body.pop(kind.parent[0], None)
    body = _without_dropped(body, parts_by_ref)
    if resource.kind == "tool":
        body.pop("widgetId", None)  # the widget refers to its tool
        chain = body.pop("nextToolIds", None)
        return body, [id for id in chain if isinstance(id, str)] if isinstance(chain, list) else []
    return body, []


def _without_dropped(body: Object, parts_by_ref: Mapping[str, Part]) -> Object:
    """Return the body without references to resources that are not kept."""
    dropped = {ref for ref in refs_in(body) if ref not in parts_by_ref or not parts_by_ref[ref].kept}
    if not dropped:
        return body
    result: Object = {}
    for name, value in body.items():
        if not refs_in(value) & dropped:
            result[name] = value
        elif isinstance(value, list):
            result[name] = [item for item in value if not refs_in(item) & dropped]
    return result


def _dependencies(body: Object, parts_by_ref: Mapping[str, Part], part: Part) -> Iterator[str]:
    for ref in sorted({*refs_in(body), part.parent} - {""}):
        if ref in parts_by_ref and parts_by_ref[ref].added:
            yield f"create:{ref}"


def _chain_dependencies(chain: list[str], parts_by_ref: Mapping[str, Part]) -> list[str]:
    return [f"create:{ref}" for ref in chain if ref in parts_by_ref and parts_by_ref[ref].added]


def _digest(*values: Any) -> str:
    return digest(json_codec.dumps([*values]))


def _changeable(part: Part, body: Object) -> Object:
    kind = KINDS[part.kind]
    return {name: value for name, value in body.items() if name not in kind.fixed}
