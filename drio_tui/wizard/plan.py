"""The requests that the answers come to, in an order in which each finds what it needs.

    app                     POST /apps
    read                    the new app's config: ids for what the template brought
    detach:…, delete:…      what is not kept goes, after what refers to it let go (`workspace.blast`)
    change:…                new names, filled-in connections
    create:…                what was added: connections, integrations, operations, tools, widgets
    chain:…                 chains of added tools, when all tools are there

Steps keep their ids from plan to plan, so that what was done is known again.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from drio_tui.api import json_codec
from drio_tui.kinds import KINDS
from drio_tui.wizard.draft import AddedResource, Draft, Object, refs_in
from drio_tui.wizard.template_parts import Part, by_ref, parts, with_refs
from drio_tui.wizard.validation import PAGE_OF, app_body
from drio_tui.workspace.model.references import Links
from drio_tui.workspace.model.snapshot import Snapshot
from drio_tui.workspace.saving.delete_plan import Plan as DeletePlan
from drio_tui.workspace.saving.delete_plan import plan_delete
from drio_tui.workspace.saving.journal import digest
from drio_tui.workspace.saving.save_result import Outcome
from drio_tui.workspace.saving.saver import Saver

Verb = Literal["app", "read", "change", "delete", "detach", "create"]
Run = Callable[[], Awaitable[Outcome]]


@dataclass(frozen=True, slots=True)
class Step:
    """One request (a change of a tool's binding or a widget's actions may take two).

    `about` says what it does (not yet safe to show), `after` the ids of the steps it needs done, `page` where
    a person edits it. `body` holds refs in the place of ids, `mark` is a digest of what is wanted (without
    secrets), to tell whether it was changed since it was done. `run` does a detach or a delete of the real app.
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


def plan(draft: Draft, real: Snapshot | None = None, saver: Saver | None = None) -> list[Step]:
    """Every step, those that are done included. With `real` and `saver`, deletes are those of the app as it is."""
    return [
        Step("app", "app", "app", "", f"Create the app {draft.name}", "basics", app_body(draft)),
        Step("read", "read", "app", "", "See what the template brought", "template", after=("app",)),
        *_app_changes(draft),
        *_deletes(draft, real, saver),
        *_changes(draft),
        *_creates(draft),
    ]


def _app_changes(draft: Draft) -> Iterator[Step]:
    """What was edited about the app after it was created."""
    if not draft.app or draft.sent is None:
        return
    now = app_body(draft)
    changed = {name: value for name, value in now.items() if draft.sent.get(name) != value and name != "templateId"}
    if changed or draft.is_done("change:app"):
        yield Step("change:app", "change", "app", "", f"Change the app's {', '.join(changed) or 'texts'}", "basics",
                   changed, ("read",), _mark(changed))  # fmt: skip


def _deletes(draft: Draft, real: Snapshot | None, saver: Saver | None) -> Iterator[Step]:
    wanted = [part for part in parts(draft) if not part.own and not part.kept]
    if real is None or saver is None or draft.brought is None:
        for part in wanted:
            yield _delete(part.ref, part.kind, part.was)
        return
    there = [part for part in wanted if part.id and real.resource(part.kind, part.id)]
    for part in wanted:
        if part not in there:  # it is gone already
            yield _delete(part.ref, part.kind, part.was)
    if there:
        refs: dict[tuple[str, ...], str] = {(one.kind, one.id): one.ref for one in draft.brought}
        refs |= {(part.kind, part.id): part.ref for part in parts(draft) if part.own and part.id}
        yield from _real_deletes(draft, plan_delete(real, Links(real), [(p.kind, p.id) for p in there]), refs, saver)


def _real_deletes(draft: Draft, found: DeletePlan, refs: Mapping[tuple[str, ...], str], saver: Saver) -> Iterator[Step]:
    runs = [task.run for task in found.batch(saver, draft.app).tasks]
    ids: list[str] = []
    for one, run in zip(found.steps, runs, strict=True):
        ref = refs.get(one.key, f"draft:{one.key[0]}:#{one.key[1]}")
        after = ("read", *(ids[place] for place in one.after))
        ids.append(f"detach:{ref}:{one.member}" if one.verb == "detach" else f"delete:{ref}")
        yield Step(ids[-1], one.verb, one.key[0], ref, one.about, PAGE_OF[one.key[0]], after=after, run=run)


def _delete(ref: str, kind: str, name: str) -> Step:
    about = f"Delete the {KINDS[kind].title.lower()} {name}"
    return Step(f"delete:{ref}", "delete", kind, ref, about, PAGE_OF[kind], after=("read",))


def _changes(draft: Draft) -> Iterator[Step]:
    for part in parts(draft):
        if part.own or not part.kept:
            continue
        body: Object = {}
        words: list[str] = []
        filled = draft.auth.get(part.ref)
        if part.name != part.was:
            body["name"] = part.name
            words.append(f"Rename the {KINDS[part.kind].title.lower()} {part.was} to {part.name}")
        if filled is not None:
            body["config"] = filled.whole
            words.append(f"Fill in {part.name}" if not words else "fill it in")
        if body:
            mark = _mark(body.get("name"), filled.mark("auth") if filled else "")
            yield Step(f"change:{part.ref}", "change", part.kind, part.ref, ", ".join(words), PAGE_OF[part.kind], body,
                       ("read",), mark)  # fmt: skip


def _creates(draft: Draft) -> Iterator[Step]:
    present = by_ref(draft)
    order = [present[one.ref] for one in sorted(draft.added, key=lambda one: list(KINDS).index(one.kind))]
    chained: list[Step] = []
    for part in order:
        added = draft.one_added(part.ref)
        if added is None:
            continue
        body, chain = _body(added, present)
        made = draft.is_done(f"create:{part.ref}")
        mark = _mark(added.filled.mark(part.kind))
        step = Step(f"create:{part.ref}", "create", part.kind, part.ref, _make(part), PAGE_OF[part.kind], body,
                    ("read", *_needs(body, present, part)), mark)  # fmt: skip
        yield step
        if made and draft.step(step.id).mark != step.mark:
            yield Step(f"change:{part.ref}", "change", part.kind, part.ref, f"Change {part.name}", PAGE_OF[part.kind],
                       _changeable(part, body), (step.id,), mark)  # fmt: skip
        if chain:
            chained.append(
                Step(f"chain:{part.ref}", "change", "tool", part.ref, f"Chain {part.name}", "tools",
                     {"nextToolIds": chain}, ("read", step.id, *_chain_needs(chain, present)), _mark(chain))
            )  # fmt: skip
    yield from chained


def _make(part: Part) -> str:
    verb = f" ({part.raw['method']} {part.raw.get('path', '')})" if isinstance(part.raw.get("method"), str) else ""
    return f"Add the {KINDS[part.kind].title.lower()} {part.name}{verb}"


def _body(one: AddedResource, present: Mapping[str, Part]) -> tuple[Object, list[str]]:
    """The body of the POST and the chain that is set when every tool is there."""
    kind = KINDS[one.kind]
    body = {name: value for name, value in one.body.items() if value is not None}
    if kind.parent:
        body.pop(kind.parent[0], None)
    body = _present(body, present)
    if one.kind == "tool":
        body.pop("widgetId", None)  # the widget names its tool
        chain = body.pop("nextToolIds", None)
        return body, [id for id in chain if isinstance(id, str)] if isinstance(chain, list) else []
    return body, []


def _present(body: Object, present: Mapping[str, Part]) -> Object:
    """The body without references to what is not kept."""
    gone = {ref for ref in refs_in(body) if ref not in present or not present[ref].kept}
    if not gone:
        return body
    found: Object = {}
    for name, value in body.items():
        if not refs_in(value) & gone:
            found[name] = value
        elif isinstance(value, list):
            found[name] = [item for item in value if not refs_in(item) & gone]
    return found


def _needs(body: Object, present: Mapping[str, Part], part: Part) -> Iterator[str]:
    for ref in sorted({*refs_in(body), part.parent} - {""}):
        if ref in present and present[ref].own:
            yield f"create:{ref}"


def _chain_needs(chain: list[str], present: Mapping[str, Part]) -> list[str]:
    return [f"create:{ref}" for ref in chain if ref in present and present[ref].own]


def _mark(*wanted: Any) -> str:
    return digest(json_codec.dumps([*wanted]))


def _changeable(part: Part, body: Object) -> Object:
    kind = KINDS[part.kind]
    return {name: value for name, value in body.items() if name not in kind.fixed}


def filled_in(step: Step, names: Mapping[str, str]) -> Object:
    """The body with ids in the place of refs. Raises `KeyError` for a ref without an id."""
    missing = refs_in(step.body) - names.keys()
    if missing:
        raise KeyError(min(missing))
    found: Object = with_refs(step.body, names)
    return found
