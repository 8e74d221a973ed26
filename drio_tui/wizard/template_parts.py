"""The resources that the app will have: the template's, renamed or left out, and the added ones.

Before the app exists, the template's resources come from its detail (contract section 6, inferred), which may list
none; afterwards from the app's config.
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
    """One resource of the app.

    `name` is the name it will have, `template_name` the one in the template, `id` its id once it exists, `parent` the
    ref of its parent. `added`: the user added it. `kept`: it stays in the app. `deleted`: it is deleted already. `raw`
    is its JSON as far as it is known.
    """

    ref: str
    kind: str
    name: str
    template_name: str
    id: str = ""
    parent: str = ""
    added: bool = False
    kept: bool = True
    deleted: bool = False
    raw: Object = field(default_factory=dict, repr=False)

    @property
    def description(self) -> str:
        """Its description, not yet sanitized."""
        description = self.raw.get("description")
        return description if isinstance(description, str) else ""


def contents_known(draft: Draft) -> bool:
    """Return whether it is known which resources the template contains."""
    if draft.brought is not None:
        return True
    return any(isinstance((draft.template or {}).get(key), list) for key, _ in _LISTS)


def parts(draft: Draft, *kinds: str) -> list[Part]:
    """Return the resources of these kinds (or all) by kind, the template's first."""
    all_parts = [*_template_parts(draft), *(_added_part(draft, resource) for resource in draft.added)]
    return [part for kind in kinds or KIND_ORDER for part in all_parts if part.kind == kind]


def by_ref(draft: Draft) -> dict[str, Part]:
    """Return all resources by ref."""
    return {part.ref: part for part in parts(draft)}


def _added_part(draft: Draft, resource: AddedResource) -> Part:
    parent = KINDS[resource.kind].parent
    parent_ref = resource.body.get(parent[0]) if parent else ""
    state = draft.steps.get(f"create:{resource.ref}")
    return Part(
        resource.ref, resource.kind, resource.name, resource.name,
        state.made if state and state.state == "done" else "",
        parent_ref if isinstance(parent_ref, str) else "", added=True, raw=resource.body,
    )  # fmt: skip


def _template_parts(draft: Draft) -> Iterator[Part]:
    preview = list(_preview(draft.template))
    dropped = set(draft.dropped)

    def part(resource: TemplateResource, raw: Object) -> Part:
        ref, parent = resource.ref, resource.parent
        deleted = draft.is_done(f"delete:{ref}")
        kept = ref not in dropped and parent not in dropped and not deleted
        name = draft.names.get(ref, resource.name)
        return Part(ref, resource.kind, name, resource.name, resource.id, parent, False, kept, deleted, raw)

    if draft.brought is None:
        for resource, raw in preview:
            yield part(resource, raw)
        return
    raws = {resource.ref: raw for resource, raw in preview}
    for resource in draft.brought:
        yield part(resource, raws.get(resource.ref, {}))


def _preview(template: Object | None) -> Iterator[tuple[TemplateResource, Object]]:
    refs: set[str] = set()
    for key, kind in _LISTS:
        for raw in _objects((template or {}).get(key)):
            resource = _template_resource(kind, raw, refs)
            yield resource, raw
            for operation in _objects(raw.get("operations")) if kind == "integration" else ():
                yield _template_resource("operation", operation, refs, resource.ref), operation


def _template_resource(kind: str, raw: Mapping[str, Any], refs: set[str], parent: str = "") -> TemplateResource:
    key = raw.get("key") if isinstance(raw.get("key"), str) else ""
    name = KINDS[kind].label(raw)
    ref = unused(f"draft:{kind}:{key or name}", refs, most=1000, mark=":")
    refs.add(ref)
    return TemplateResource(ref, kind, "", str(key), name, parent)


def template_resources(draft: Draft, snapshot: Snapshot) -> list[TemplateResource]:
    """Return the resources that the new app got from its template.

    A resource gets the ref it had in the template's detail, found by its key, else by its name.
    """
    preview_refs: dict[tuple[str, str], str] = {}
    for preview, _ in _preview(draft.template):
        preview_refs.setdefault((preview.kind, preview.key or preview.name), preview.ref)
    used_refs = set(preview_refs.values())
    refs: dict[str, str] = {}
    resources: list[TemplateResource] = []
    for kind in KIND_ORDER:
        for resource in snapshot.resources(kind):
            if resource.made_up or not isinstance(resource.raw, dict):
                continue
            key, name = resource.text("key"), resource.text("name")
            ref = preview_refs.pop((kind, key), "") or preview_refs.pop((kind, name), "")
            ref = ref or _template_resource(kind, resource.raw, used_refs).ref
            refs[resource.id] = ref
            owner = KINDS[kind].parent
            parent = refs.get(resource.text(owner[0]), "") if owner else ""
            resources.append(TemplateResource(ref, kind, resource.id, key, resource.name, parent))
    return resources


def ids_by_ref(draft: Draft) -> dict[str, str]:
    """Return the ids of the existing resources by ref."""
    return {part.ref: part.id for part in parts(draft) if part.id}


# -- the planned app --------------------------------------------------------------------------------


def planned_snapshot(
    draft: Draft, app_snapshot: Snapshot | None = None, providers: Iterable[Resource] = ()
) -> Snapshot:
    """Return the planned app as a snapshot with refs instead of ids, based on `app_snapshot` once the app exists."""
    snapshot = Snapshot(APP_REF)
    refs = {id: ref for ref, id in ids_by_ref(draft).items()}
    app = _app(draft, app_snapshot)
    snapshot.apply(PartLoaded("app", (Resource("app", APP_REF, app),)))
    for kind in KIND_ORDER:
        resources: list[Resource] = []
        for part in parts(draft, kind):
            if part.kept:
                existing = app_snapshot.resource(kind, part.id) if app_snapshot is not None and part.id else None
                raw = part.raw
                if existing is not None and isinstance(existing.raw, dict):
                    raw = replace_strings(existing.raw, refs)
                raw = raw | {"id": part.ref, "name": part.name}
                if part.parent and KINDS[kind].parent:
                    raw[KINDS[kind].parent[0]] = part.parent  # type: ignore[index] # it is not None here
                raw.pop("operations", None)
                resources.append(Resource(kind, part.ref, raw))
        snapshot.apply(PartLoaded(kind, tuple(resources)))
    snapshot.apply(PartLoaded("provider", tuple(providers)))
    _remove_orphaned_widgets(snapshot)
    return snapshot


def _remove_orphaned_widgets(snapshot: Snapshot) -> None:
    """Remove the widgets of tools that are not kept, as deleting the tools will."""
    tools = {resource.id for resource in snapshot.resources("tool")}
    for widget in list(snapshot.resources("widget")):
        owner = widget.text("toolId")
        if owner.startswith("draft:") and owner not in tools:
            del snapshot.parts["widget"].resources[widget.id]


def _app(draft: Draft, app_snapshot: Snapshot | None) -> Object:
    existing = (
        app_snapshot.app.raw
        if app_snapshot is not None and app_snapshot.app is not None and isinstance(app_snapshot.app.raw, dict)
        else {}
    )
    texts = {name: text.strip() for name, text in draft.basics.items() if text.strip()}
    default = (draft.template or {}).get("branding")
    branding = draft.branding if draft.branding is not None else default if isinstance(default, dict) else {}
    planned = {"id": APP_REF, "name": draft.name, "branding": branding, "templateId": draft.template_id}
    return {**existing, **planned, **texts}


def replace_strings(value: Any, replacements: Mapping[str, str]) -> Any:
    """Return the JSON value with every string that is a key of `replacements` replaced: ids by refs, or refs by ids."""
    if isinstance(value, str):
        return replacements.get(value, value)
    if isinstance(value, dict):
        return {name: replace_strings(item, replacements) for name, item in value.items()}
    if isinstance(value, list):
        return [replace_strings(item, replacements) for item in value]
    return value


def _objects(value: Any) -> list[Object]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
