"""Drift: what is different in drio from what was applied last, or from the document where that is not known."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Any

from drio_tui.document_layout import DEFAULTS, OPERATIONS, SECTIONS, entries
from drio_tui.manifest.compare import Change, Options, compare
from drio_tui.manifest.form import DocumentForm
from drio_tui.manifest.lock import Base
from drio_tui.manifest.matching import Matching
from drio_tui.manifest.new_base import put_entry
from drio_tui.manifest.tool_order import changed_in_drio
from drio_tui.plan.changes import PlanView, ResourceChange
from drio_tui.schema.fields import MISSING
from drio_tui.text import count_of
from drio_tui.workspace.saving.merge import FieldChange, Object

DOCUMENT = "the document"


@dataclass(frozen=True, slots=True)
class Drift:
    """What was changed in drio: `changes` go from what was applied to what is there.

    `not_applied` is the number of resources that were changed in the document since the last apply.
    """

    changes: tuple[ResourceChange, ...]
    compared_with: str
    not_applied: int = 0

    def view(self, target: str = "", plan: str = "drio-tui plan", pull: str = "drio-tui pull") -> PlanView:
        """Return the drift for the user; `plan` and `pull` are those commands for this document."""
        notes: tuple[str, ...] = ()
        if self.changes:
            notes = (f"{pull} brings the changes into the document; {plan} shows what apply would do.",)
        if self.not_applied:
            count = count_of(self.not_applied, "resource")
            notes += (f"The document itself has changes of {count} that are not applied: {plan}",)
        scope = f"Compared with {self.compared_with}."
        return PlanView(self.changes, target, scope, notes, is_past=self.compared_with != DOCUMENT)

    def nothing_text(self, slug: str) -> str:
        """Return the sentence that says that there is no drift; not sanitized."""
        if self.compared_with == DOCUMENT:
            return f"No drift: {slug} is as the document says."
        return f"No drift: nothing was changed in {slug} since the last apply."


def find_drift(desired: Object, form: DocumentForm, base: Base | None, *, exact: bool = False) -> Drift:
    """Return what was changed in the app since the last apply; without a `base` of it, how it differs from `desired`.

    Resources that were made in drio count in the collections that the document has; with `exact`, so do properties that
    the document does not declare.
    """
    app_id = next((id for (kind, _), id in form.ids.items() if kind == "app"), "")
    known = base if base is not None and base.app == app_id and base.applied else None
    reference = _with_sections(_applied(known, form), desired) if known is not None else desired
    without_values = replace(known, applied={}, order=(), secrets={}, begun=()) if known is not None else None
    options = Options(prune=True, on_conflict="document", exact=exact)
    comparison = compare(reference, form, base=without_values, options=options)
    begun = {*known.begun_ids.values()} if known is not None else set()
    found = (_without_begun_rename(change, begun) for change in comparison.changes)
    changes = tuple(_reversed(change) for change in found if change.action != "update" or change.fields)
    if known is None:
        return Drift(changes, DOCUMENT)
    planned = {change.name for change in compare(desired, form, base=known).changes if change.action != "conflict"}
    drifted = {change.name for change in comparison.changes}
    return Drift(changes, "what was applied last, in drio.lock.json", len(planned - drifted))


def _applied(base: Base, form: DocumentForm) -> Object:
    """Return what was applied, with what drio has of the changes of an apply that did not end."""
    matching = Matching(base.applied, form, base)
    result: Object = {}
    for kind, key, _ in entries(base.applied):
        name = (kind, key)
        id = base.app if kind == "app" else base.ids.get(name, "")
        entry = matching.applied(kind, id)
        if entry is not None and name not in matching.deleted_by_begun:
            put_entry(result, name, {name: value for name, value in entry.items() if name != OPERATIONS})
    made = set(matching.made_by_begun.values())
    for kind, key in matching.unmatched:
        id = form.ids[kind, key]
        entry = matching.applied(kind, id) or ({} if id in made else None)
        if entry is not None and (kind, key) not in matching.desired:
            put_entry(result, (kind, key), entry)
    if "tools" in result:
        tools, names = result["tools"], {id: key for (kind, key), id in base.ids.items() if kind == "tool"}
        keys = [names.get(form.ids["tool", key], key) for key in form.data.get("tools", {})]
        if changed_in_drio(matching, base):
            keys = [*base.order]
        result["tools"] = {key: tools[key] for key in keys if key in tools} | tools
    return result


def _with_sections(applied: Object, desired: Object) -> Object:
    """Return what was applied, with empty collections for those that the document has."""
    result: Object = {section: {} for section in SECTIONS.values() if section in desired}
    result |= applied
    integrations = desired.get("integrations")
    for key, entry in (integrations if isinstance(integrations, dict) else {}).items():
        if isinstance(entry, dict) and OPERATIONS in entry and key in result["integrations"]:
            integration = {OPERATIONS: {}} | result["integrations"][key]
            result["integrations"] = result["integrations"] | {key: integration}
    return result


def _without_begun_rename(change: Change, begun: Collection[str]) -> Change:
    """Return a change without its rename if an apply that did not end has made it; `begun` are ids."""
    return replace(change, action="update", was="") if change.action == "rename" and change.id in begun else change


def _value_in_drio(kind: str, field: FieldChange) -> Any:
    """Return what drio has at a path: a default value, which a document form leaves out, too."""
    is_default = field.before is MISSING and len(field.path) == 1
    return DEFAULTS[kind].get(field.path[0], MISSING) if is_default else field.before


def _reversed(change: Change) -> ResourceChange:
    """Return what someone did in drio from the change that would take it back."""
    shown = change.shown()
    match change.action:
        case "create":
            return ResourceChange("delete", change.kind, change.key, note="It is not in drio any more.")
        case "delete":
            return ResourceChange("create", change.kind, change.key, note="It was made in drio.")
        case _:
            fields = tuple(
                FieldChange(field.path, field.after, _value_in_drio(change.kind, field)) for field in shown.fields
            )
            if change.was:
                return ResourceChange("rename", change.kind, change.was, fields, was=change.key)
            return ResourceChange("update", change.kind, change.key, fields)
