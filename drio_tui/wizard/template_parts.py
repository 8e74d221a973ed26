"""What the app will have: the template's resources as far as they are known, renamed or dropped, and what was added.

Before the app exists a template's resources are known by what its detail says of them (contract section 6,
inferred), which may be nothing at all; afterwards by what the app really got.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from drio_tui.kinds import KINDS
from drio_tui.naming import unused
from drio_tui.wizard.draft import AddedResource, Draft, Object, TemplateResource
from drio_tui.workspace.model.snapshot import PartLoaded, Resource, Snapshot

KIND_ORDER = ("auth", "integration", "operation", "tool", "widget")
APP_REF = "draft:app"
_LISTS = (("auth", "auth"), ("integrations", "integration"), ("tools", "tool"), ("widgets", "widget"))


@dataclass(frozen=True, slots=True)
class Part:
    """One resource of the app. `name` is the one it will have, `parent` the ref it stands under.

    `own`: it was added here. `kept`: it stays in the app. `gone`: it is deleted already. `id` is there once
    it exists. `raw` is what is known of it.
    """

    ref: str
    kind: str
    name: str
    was: str
    id: str = ""
    parent: str = ""
    own: bool = False
    kept: bool = True
    gone: bool = False
    raw: Object = field(default_factory=dict, repr=False)

    @property
    def text(self) -> str:
        """Its description. Not yet safe to show."""
        found = self.raw.get("description")
        return found if isinstance(found, str) else ""


def known(draft: Draft) -> bool:
    """Whether it is known what the template brings."""
    if draft.brought is not None:
        return True
    return any(isinstance((draft.template or {}).get(member), list) for member, _ in _LISTS)


def parts(draft: Draft, *kinds: str) -> list[Part]:
    """The resources of these kinds (or all), the template's first, in the order in which they are wired."""
    found = [*_from_template(draft), *(_own(draft, one) for one in draft.added)]
    wanted = kinds or KIND_ORDER
    return [part for kind in wanted for part in found if part.kind == kind]


def by_ref(draft: Draft) -> dict[str, Part]:
    """Every resource by its ref."""
    return {part.ref: part for part in parts(draft)}


def _own(draft: Draft, one: AddedResource) -> Part:
    parent = KINDS[one.kind].parent
    held = one.body.get(parent[0]) if parent else ""
    state = draft.steps.get(f"create:{one.ref}")
    return Part(
        one.ref, one.kind, one.name, one.name, state.made if state and state.state == "done" else "",
        held if isinstance(held, str) else "", own=True, raw=one.body,
    )  # fmt: skip


def _from_template(draft: Draft) -> Iterator[Part]:
    preview = list(_preview(draft.template))
    dropped = set(draft.dropped)

    def part(ref: str, kind: str, name: str, id: str, parent: str, raw: Object) -> Part:
        gone = draft.is_done(f"delete:{ref}")
        kept = ref not in dropped and parent not in dropped and not gone
        return Part(ref, kind, draft.names.get(ref, name), name, id, parent, False, kept, gone, raw)

    if draft.brought is None:
        for one, raw in preview:
            yield part(one.ref, one.kind, one.name, "", one.parent, raw)
        return
    said = {one.ref: raw for one, raw in preview}
    for one in draft.brought:
        yield part(one.ref, one.kind, one.name, one.id, one.parent, said.get(one.ref, {}))


def _preview(template: Object | None) -> Iterator[tuple[TemplateResource, Object]]:
    seen: set[str] = set()
    for member, kind in _LISTS:
        for raw in _objects((template or {}).get(member)):
            one = _named(kind, raw, seen)
            yield one, raw
            for inner in _objects(raw.get("operations")) if kind == "integration" else ():
                yield _named("operation", inner, seen, one.ref), inner


def _named(kind: str, raw: Mapping[str, Any], seen: set[str], parent: str = "") -> TemplateResource:
    key = raw.get("key") if isinstance(raw.get("key"), str) else ""
    name = KINDS[kind].label(raw)
    ref = unused(f"draft:{kind}:{key or name}", seen, most=1000, mark=":")
    seen.add(ref)
    return TemplateResource(ref, kind, "", str(key), name, parent)


def brought_by(draft: Draft, snapshot: Snapshot) -> list[TemplateResource]:
    """What the new app got from its template, under the refs that the template's detail gave: by key, else by name."""
    left: dict[tuple[str, str], str] = {}
    for one, _ in _preview(draft.template):
        left.setdefault((one.kind, one.key or one.name), one.ref)
    seen = set(left.values())
    refs: dict[str, str] = {}
    found: list[TemplateResource] = []
    for kind in KIND_ORDER:
        for resource in snapshot.resources(kind):
            if resource.made_up or not isinstance(resource.raw, dict):
                continue
            ref = left.pop((kind, resource.text("key")), "") or left.pop((kind, resource.text("name")), "")
            ref = ref or _named(kind, resource.raw, seen).ref
            refs[resource.id] = ref
            owner = KINDS[kind].parent
            parent = refs.get(resource.text(owner[0]), "") if owner else ""
            found.append(TemplateResource(ref, kind, resource.id, resource.text("key"), resource.name, parent))
    return found


def ids_of(draft: Draft) -> dict[str, str]:
    """By ref, the id of everything that exists."""
    return {part.ref: part.id for part in parts(draft) if part.id}


# -- the app as it will be --------------------------------------------------------------------------


def as_it_will_be(draft: Draft, real: Snapshot | None = None, providers: Iterable[Resource] = ()) -> Snapshot:
    """The app as a snapshot, with refs in the place of ids; of `real`, where the app exists, with all it says."""
    found = Snapshot(APP_REF)
    refs = {id: ref for ref, id in ids_of(draft).items()}
    app = _app(draft, real)
    found.apply(PartLoaded("app", (Resource("app", APP_REF, app),)))
    for kind in KIND_ORDER:
        resources: list[Resource] = []
        for part in parts(draft, kind):
            if part.kept:
                there = real.resource(kind, part.id) if real is not None and part.id else None
                raw = part.raw if there is None or not isinstance(there.raw, dict) else with_refs(there.raw, refs)
                raw = raw | {"id": part.ref, "name": part.name}
                if part.parent and KINDS[kind].parent:
                    raw[KINDS[kind].parent[0]] = part.parent  # type: ignore[index] # it is not None here
                raw.pop("operations", None)
                resources.append(Resource(kind, part.ref, raw))
        found.apply(PartLoaded(kind, tuple(resources)))
    found.apply(PartLoaded("provider", tuple(providers)))
    _let_go(found)
    return found


def _let_go(snapshot: Snapshot) -> None:
    """Take out references to what the template brought and is not kept, as deleting it will."""
    tools = {resource.id for resource in snapshot.resources("tool")}
    for widget in list(snapshot.resources("widget")):
        owner = widget.text("toolId")
        if owner.startswith("draft:") and owner not in tools:
            del snapshot.parts["widget"].resources[widget.id]


def _app(draft: Draft, real: Snapshot | None) -> Object:
    there = real.app.raw if real is not None and real.app is not None and isinstance(real.app.raw, dict) else {}
    texts = {name: text.strip() for name, text in draft.basics.items() if text.strip()}
    template = (draft.template or {}).get("branding")
    branding = draft.branding if draft.branding is not None else template if isinstance(template, dict) else {}
    own = {"id": APP_REF, "name": draft.name, "branding": branding, "templateId": draft.template_id}
    return {**there, **own, **texts}


def with_refs(value: Any, names: Mapping[str, str]) -> Any:
    """The JSON with every text that is a key of `names` replaced: ids by refs, or refs by ids."""
    if isinstance(value, str):
        return names.get(value, value)
    if isinstance(value, dict):
        return {name: with_refs(inner, names) for name, inner in value.items()}
    if isinstance(value, list):
        return [with_refs(inner, names) for inner in value]
    return value


def _objects(value: Any) -> list[Object]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []
