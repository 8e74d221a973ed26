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

from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from drio_tui.api import json_codec
from drio_tui.kinds import KINDS
from drio_tui.plan.deletion import DeletePlan as DeletePlan
from drio_tui.plan.deletion import plan_delete
from drio_tui.wizard.draft import AddedResource, Draft, Object, refs_in
from drio_tui.wizard.template_parts import Part, by_ref, parts, replace_strings
from drio_tui.wizard.validation import PAGE_OF, app_body
from drio_tui.workspace.model.references import Links
from drio_tui.workspace.model.snapshot import Snapshot
from drio_tui.workspace.saving.journal import digest
from drio_tui.workspace.saving.save_result import Outcome
from drio_tui.workspace.saving.saver import Saver

Verb = Literal["app", "read", "change", "delete", "detach", "create"]
Run = Callable[[], Awaitable[Outcome]]


@dataclass(frozen=True, slots=True)
class Step:
    """One request (a change of a tool's binding or a widget's actions may take two).

    `about` describes it (not yet sanitized), `after` holds the ids of the steps it depends on, `page` is the page where
    it is edited. `body` holds refs instead of ids; `mark` is a digest of it without secrets, which shows whether it was
    edited since the step was done. `run` sends a detach or a delete.
    """

    id: str
    verb: Verb
    kind: str
    ref: str
    about: str
    page: str
    body: Object = field(default_factory=dict, repr=False)
    after: tuple[str, ...] = ()
    mark: str = ""
    run: Run | None = field(default=None, repr=False, compare=False)


def plan(draft: Draft, app_snapshot: Snapshot | None = None, saver: Saver | None = None) -> list[Step]:
    """Return all steps, including those that are done.

    With `app_snapshot` and `saver`, the deletes are derived from the app as it is.
    """
    return [
        Step("app", "app", "app", "", f"Create the app {draft.name}", "basics", app_body(draft)),
        Step("read", "read", "app", "", "See what the template brought", "template", after=("app",)),
        *_app_changes(draft),
        *_deletes(draft, app_snapshot, saver),
        *_changes(draft),
        *_creates(draft),
    ]


def _app_changes(draft: Draft) -> Iterator[Step]:
    """Yield the change of the app itself, if it was edited after it was created."""
    if not draft.app or draft.sent is None:
        return
    current = app_body(draft)
    changed = {name: value for name, value in current.items() if draft.sent.get(name) != value and name != "templateId"}
    if changed or draft.is_done("change:app"):
        yield Step("change:app", "change", "app", "", f"Change the app's {', '.join(changed) or 'texts'}", "basics",
                   changed, ("read",), _digest(changed))  # fmt: skip


def _deletes(draft: Draft, app_snapshot: Snapshot | None, saver: Saver | None) -> Iterator[Step]:
    dropped = [part for part in parts(draft) if not part.added and not part.kept]
    if app_snapshot is None or saver is None or draft.brought is None:
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
        yield from _app_deletes(draft, delete_plan, refs, saver)


def _app_deletes(
    draft: Draft, delete_plan: DeletePlan, refs: Mapping[tuple[str, ...], str], saver: Saver
) -> Iterator[Step]:
    runs = [task.run for task in delete_plan.batch(saver, draft.app).tasks]
    ids: list[str] = []
    for step, run in zip(delete_plan.steps, runs, strict=True):
        kind = step.key[0]
        ref = refs.get(step.key, f"draft:{kind}:#{step.key[1]}")
        after = ("read", *(ids[index] for index in step.after))
        ids.append(f"detach:{ref}:{step.property_name}" if step.verb == "detach" else f"delete:{ref}")
        yield Step(ids[-1], step.verb, kind, ref, step.about, PAGE_OF[kind], after=after, run=run)


def _delete(ref: str, kind: str, name: str) -> Step:
    about = f"Delete the {KINDS[kind].title.lower()} {name}"
    return Step(f"delete:{ref}", "delete", kind, ref, about, PAGE_OF[kind], after=("read",))


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
            yield Step(f"change:{part.ref}", "change", part.kind, part.ref, about, PAGE_OF[part.kind], body,
                       ("read",), mark)  # fmt: skip


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
        step = Step(f"create:{part.ref}", "create", part.kind, part.ref, _create_text(part), PAGE_OF[part.kind], body,
                    ("read", *_dependencies(body, parts_by_ref, part)), mark)  # fmt: skip
        yield step
        if created and draft.step(step.id).mark != step.mark:
            yield Step(f"change:{part.ref}", "change", part.kind, part.ref, f"Change {part.name}", PAGE_OF[part.kind],
                       _changeable(part, body), (step.id,), mark)  # fmt: skip
        if chain:
            after = ("read", step.id, *_chain_dependencies(chain, parts_by_ref))
            chained.append(
                Step(f"chain:{part.ref}", "change", "tool", part.ref, f"Chain {part.name}", "tools",
                     {"nextToolIds": chain}, after, _digest(chain))
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


def resolve_refs(step: Step, ids: Mapping[str, str]) -> Object:
    """Return the step's body with ids instead of refs. Raises `KeyError` for a ref without an id."""
    missing = refs_in(step.body) - ids.keys()
    if missing:
        raise KeyError(min(missing))
    body: Object = replace_strings(step.body, ids)
    return body
