"""Compares a document with an app, and with what was applied to it last, and says what would have to change.

Only what the document declares is compared: a missing property is left as it is, null clears it, an empty list is none.
Secrets are write-only: they are sent when their resource is created, or where `Options.write_secrets` names them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from drio_tui.api.json_values import same_json
from drio_tui.api.redact import HIDDEN
from drio_tui.document_layout import (
    CREATE_ONLY,
    OPERATIONS,
    PROPERTIES,
    SECTIONS,
    WAS,
    ResourceName,
    entry_at,
    normalized,
    place,
    references,
)
from drio_tui.kinds import KINDS
from drio_tui.manifest import tool_order
from drio_tui.manifest.fields import changed_fields, declared, is_declared, same_value, split_secrets, with_nulls
from drio_tui.manifest.form import DocumentForm, mask_paths
from drio_tui.manifest.lock import Base, has_changed
from drio_tui.manifest.matching import Matching, own_key
from drio_tui.manifest.secret import Secret, with_placeholders
from drio_tui.plan.changes import Action, PlanView, ResourceChange, redacted
from drio_tui.plan.render import inline
from drio_tui.schema.fields import MISSING
from drio_tui.text import count_of, first_names
from drio_tui.workspace.saving.merge import FieldChange, FieldConflict, Object, dotted, value_at

OnConflict = Literal["", "document", "drio"]
BOTH_CHANGED = "both the document and drio changed it"
BOTH_ADDED = "added in both the document and drio since the last apply"
DRIO_CHANGED = "changed in drio since the last apply"


@dataclass(frozen=True, slots=True)
class Options:
    """What a plan may do.

    `prune`: delete what the document does not have, in collections whose key it has. `on_conflict`: which side is taken
    where drio was changed since the last apply; empty: none, the conflict stays. `write_secrets` are the secrets to
    send to existing resources: `auth/KEY#PATH`, or `all`. `exact`: a property that the document lacks is cleared.
    """

    prune: bool = False
    on_conflict: OnConflict = ""
    write_secrets: tuple[str, ...] = ()
    exact: bool = False


@dataclass(frozen=True, slots=True)
class Change:
    """What has to happen to one resource, in document form.

    `id` is that of an existing resource, `key` its key in the document and `was` that in drio if it is renamed. `entry`
    is all that a new resource gets; `fields` are the changes of an existing one. Both may hold secrets.
    """

    action: Action
    kind: str
    key: str
    id: str = ""
    was: str = ""
    entry: Object = field(default_factory=dict, repr=False)
    fields: tuple[FieldChange, ...] = ()
    conflicts: tuple[FieldConflict, ...] = ()
    note: str = ""

    @property
    def name(self) -> ResourceName:
        return self.kind, self.key

    def shown(self) -> ResourceChange:
        """Return the change for the user, with secrets hidden."""
        fields = self.fields
        if self.action == "create":
            public = with_placeholders(normalized(self.kind, self.entry))
            fields = tuple(FieldChange((name,), MISSING, value) for name, value in public.items())
        shown = tuple(
            FieldChange(
                item.path, item.before, HIDDEN if isinstance(item.after, Secret) else with_placeholders(item.after)
            )
            for item in fields
        )
        return ResourceChange(self.action, self.kind, self.key, shown, self.conflicts, self.was, self.note)


@dataclass(frozen=True, slots=True)
class Comparison:
    """The changes that make an app equal to a document, in the order of the document, deletes last.

    `problems` are reasons for which they cannot be made; `notes` are remarks, such as probable renames. `ids` are the
    ids of the existing resources by kind and the document's key.
    """

    changes: tuple[Change, ...]
    notes: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    ids: Mapping[ResourceName, str] = field(default_factory=dict)
    scope: str = ""

    @property
    def conflicts(self) -> tuple[Change, ...]:
        """The changes with a conflict that no option resolves."""
        return tuple(change for change in self.changes if change.action == "conflict")

    def view(self, target: str = "") -> PlanView:
        """Return the plan for the user."""
        shown = tuple(change.shown() for change in self.changes)
        return PlanView(shown, target, self.scope, self.notes, self.problems)


def compare(
    desired: Object, form: DocumentForm, *, base: Base | None = None, options: Options | None = None
) -> Comparison:
    """Return what has to change in the app `form` for it to be as the document `desired` says.

    `desired` has values and `Secret`s in place of `$env`, `$file` and `$secret`; `form` is empty for an app that does
    not exist yet. `base` is what was applied last: what drio has instead was changed by others since.
    """
    return _Comparer(desired, form, base, options or Options()).comparison()


class _Comparer:
    """One comparison, with what was found on the way."""

    def __init__(self, desired: Object, form: DocumentForm, base: Base | None, options: Options) -> None:
        self.app_id = next((id for (kind, _), id in form.ids.items() if kind == "app"), "")
        self.desired, self.form, self.options = desired, form, options
        self.base = base if base is not None and base.app == self.app_id else None
        self.matching = Matching(desired, form, self.base)
        self.problems = self.matching.problems
        self.notes: list[str] = []
        self.changes: dict[ResourceName, Change] = {}
        self.secret_places: set[str] = set()

    def comparison(self) -> Comparison:
        app = entry_at(self.desired, "app", "")
        if app is not None:
            self._compare_app(app)
        for (kind, key), entry in self.matching.desired.items():
            self._check(kind, key, entry)
            if (kind, key) in self.matching.current:
                self._update(kind, key, entry)
            elif (kind, key) not in self.form.unusable:
                self._create(kind, key, entry)
        deletes = self._deletes() if self.options.prune else {}
        deleted = {name for name, change in deletes.items() if change.action == "delete"}
        self._order_tools({key for kind, key in deleted if kind == "tool"})
        self._check_references(deleted)
        self._check_write_secrets()
        self._suggest_renames()
        self._note_unmatched(deletes)
        self._note_swaps()
        ids = {name: id for name in self.matching.desired if (id := self.matching.id_of(*name)) is not None}
        ids |= {name: self.form.ids[name] for name in self.matching.unmatched if name not in self.matching.desired}
        ids |= {name: id for name, id in self.form.ids.items() if name[0] == "app"}
        changes = (*self.changes.values(), *reversed(deletes.values()))
        return Comparison(changes, tuple(self.notes), tuple(self.problems), ids, self._scope())

    def _scope(self) -> str:
        parts = ["the app"] if self.desired.get("app") else []
        parts += [
            count_of(len(names), KINDS[kind].title.lower())
            for kind in KINDS
            if (names := [key for name, key in self.matching.desired if name == kind])
        ]
        deletes = "deletes what the document lacks" if self.options.prune else "deletes nothing"
        return f"Compared: {', '.join(parts) or 'nothing'}; {deletes}."

    # --- single resources ------------------------------------------------------------------------

    def _compare_app(self, entry: Object) -> None:
        slug = str(entry.get("slug", ""))
        current = self.form.entry("app", "")
        if not self.app_id or current is None:
            self.changes["app", slug] = Change("create", "app", slug, entry=declared(entry))
            return
        old = str(current.get("slug", ""))
        current = {name: value for name, value in current.items() if name != "slug"}
        self._update("app", slug, entry, current, "" if old == slug else old)

    def _create(self, kind: str, key: str, entry: Object) -> None:
        new_entry = declared(entry)
        if (kind, key) not in self.matching.deleted_elsewhere:
            self.changes[kind, key] = Change("create", kind, key, entry=new_entry)
        elif self.options.on_conflict == "drio":
            return
        elif self.options.on_conflict == "document" or not self._changed_in_document(kind, key, new_entry):
            note = "It was deleted in drio since the last apply; it is created again."
            self.changes[kind, key] = Change("create", kind, key, entry=new_entry, note=note)
        else:
            note = "It was deleted in drio since the last apply, and the document changed it."
            self.changes[kind, key] = Change("conflict", kind, key, note=note)

    def _changed_in_document(self, kind: str, key: str, entry: Object) -> bool:
        """Return whether an entry declares other values than at the last apply."""
        applied = (self.base.entry(kind, key) if self.base else None) or {}
        public, secrets = split_secrets(entry)
        return any(True for _ in changed_fields(kind, public, normalized(kind, applied), secrets))

    def _update(
        self, kind: str, key: str, entry: Object, current: Object | None = None, was: str | None = None
    ) -> None:
        current = self.matching.entry((kind, key)) if current is None else current
        entry, current = declared(entry), declared(current)
        was = self.matching.renamed.get((kind, key), "") if was is None else was
        identity = self._identity_conflict(kind, key, was)
        if not was and identity is None and same_json(normalized(kind, entry), current):
            return  # by far the most resources
        if self.options.exact:
            entry = with_nulls(kind, entry, current)
        public, secrets = split_secrets(entry)
        fields: list[FieldChange] = []
        conflicts: list[FieldConflict] = []
        if identity is not None:
            was = str(identity.remote) if self.options.on_conflict == "document" else ""
            if was and kind == "operation":
                was = self.matching.current[kind, key]
            if not self.options.on_conflict:
                conflicts.append(identity)
        for change in changed_fields(kind, public, current, secrets):
            conflict = self._conflict(kind, key, change)
            if conflict is None or self.options.on_conflict == "document":
                fields.append(change)
            elif not self.options.on_conflict:
                conflicts.append(conflict)
        if not self.options.exact:
            self._note_undeclared(kind, key, entry, current)
        note = ""
        for path, secret in secrets.items():
            where = place(kind, key, path)
            self.secret_places.add(where)
            if self._writes(where):
                fields.append(FieldChange(path, HIDDEN, secret))
            elif self._secret_changed(where, secret):
                note = f"{dotted(path)} was changed since it was sent; --write-secret {where} sends it."
        if conflicts or fields or was or note:
            action: Action = "conflict" if conflicts else "rename" if was else "update"
            if not (conflicts or fields or was):
                self.notes.append(f"{place(kind, key)}: {note}")
                return
            id = self.app_id if kind == "app" else self.matching.id_of(kind, key) or ""
            self.changes[kind, key] = Change(
                action, kind, key, id, was, fields=tuple(fields), conflicts=tuple(conflicts), note=note
            )

    def _note_undeclared(self, kind: str, key: str, entry: Object, current: Object) -> None:
        """Note what was applied once, is in drio, and is not in the document any more: it stays."""
        id = self.app_id if kind == "app" else self.matching.id_of(kind, key) or ""
        applied = self.matching.applied(kind, id) or {}
        for name, value in applied.items():
            if name in entry or value is None or name not in current or name in (*CREATE_ONLY, WAS, OPERATIONS, "slug"):
                continue
            shown = inline(redacted((name,), current[name]))
            stays = f"stays {shown}" if shown is not None and len(shown) <= 60 else "stays as it is"
            self.notes.append(f"{KINDS[kind].title.lower()} {key}: {name} is no longer declared and {stays}.")

    def _identity_conflict(self, kind: str, key: str, was: str) -> FieldConflict | None:
        """Return the conflict of a key, or of the slug `was`, that others changed; None if there is none."""
        if kind == "app":
            path, base, remote = ("slug",), self.base.slug if self.base else "", was
            if not was or not base or was == base:
                return None
        else:
            former = self.matching.renamed_in_drio.get((kind, key))
            if former is None:
                return None
            path, base, remote = ("key",), own_key(former[1]), own_key(self.matching.current[kind, key])
        local = own_key(key)
        return FieldConflict(path, base, remote, local, BOTH_CHANGED if base != local else DRIO_CHANGED)

    def _conflict(self, kind: str, key: str, change: FieldChange) -> FieldConflict | None:
        """Return the conflict of a change with what others changed since the last apply, None if there is none."""
        id = self.app_id if kind == "app" else self.matching.id_of(kind, key) or ""
        applied = self.matching.applied(kind, id)
        if applied is None and change.before is not MISSING and self.matching.is_new_in_drio(kind, id):
            return FieldConflict(change.path, MISSING, change.before, change.after, BOTH_ADDED)
        if applied is None or not is_declared(kind, applied, change.path):
            return None
        base = value_at(normalized(kind, applied), change.path)
        if same_value(base, change.before):
            return None
        both = not same_value(base, change.after)
        return FieldConflict(change.path, base, change.before, change.after, BOTH_CHANGED if both else DRIO_CHANGED)

    # --- secrets ---------------------------------------------------------------------------------

    def _writes(self, where: str) -> bool:
        return any(text in ("all", where, where.replace("#config.", "#")) for text in self.options.write_secrets)

    def _secret_changed(self, where: str, secret: Any) -> bool:
        hashed = self.base.secrets.get(where) if self.base else None
        return (
            hashed is not None
            and isinstance(secret, Secret)
            and secret.is_given
            and has_changed(secret.value, hashed) is True
        )

    def _check_write_secrets(self) -> None:
        known = {where.replace("#config.", "#") for where in self.secret_places} | self.secret_places | {"all"}
        for kind, key in self.changes:
            known |= {text for text in self.options.write_secrets if text.startswith(f"{place(kind, key)}#")}
        for text in self.options.write_secrets:
            if text not in known:
                self.problems.append(f"--write-secret {text}: the document has no such secret")

    # --- checks ----------------------------------------------------------------------------------

    def _check(self, kind: str, key: str, entry: Object) -> None:
        """Report what cannot be applied in one entry."""
        for api_name, name in PROPERTIES[kind].items():
            if api_name != name and api_name in entry:
                self.problems.append(
                    f"{place(kind, key)}: {api_name} holds an id, which differs in each drio; use {name}"
                )
        if kind in ("auth", "integration") and isinstance(config := entry.get("config"), dict):
            for path in mask_paths(config, ("config",)):
                self.problems.append(f"{place(kind, key, path)}: this is a mask that a server showed, and no value")
        if kind == "auth" and (kind, key) in self.matching.current:
            current = self.matching.entry((kind, key)).get("provider")
            if isinstance(entry.get("provider"), str) and current not in (None, entry["provider"]):
                self.problems.append(
                    f"{place(kind, key)}: its provider is {current} in drio and cannot be changed to "
                    f"{entry['provider']}; use another key for a new connection"
                )

    def _check_references(self, deleted: set[ResourceName]) -> None:
        """Report references to what does not exist, would be deleted, or stays deleted in drio."""
        not_created = self.matching.deleted_elsewhere - self.changes.keys()
        for (kind, key), entry in self.matching.desired.items():
            merged = self.matching.entry((kind, key)) | entry
            for path, to, target in references(kind, merged):
                known = (to, target) in self.matching.desired or self.matching.id_of(to, target) is not None
                title = KINDS[to].title.lower()
                if (to, target) in not_created:
                    if self._sends(kind, key, path[0]):
                        where = place(kind, key, path)
                        self.problems.append(f"{where}: the {title} {target} was deleted in drio, and stays deleted")
                    continue
                if known and (to, target) not in deleted:
                    continue
                if path[0] in entry:
                    self.problems.append(f"{place(kind, key, path)}: there is no {title} {target}")
                elif (to, target) in deleted:
                    self.problems.append(f"{place(kind, key, path)}: it still uses the {title} {target}, to be deleted")
        for kind, key, entry in self.matching.survivors(deleted):
            for path, to, target in references(kind, entry):
                if (to, target) in deleted:
                    title = KINDS[to].title.lower()
                    self.problems.append(
                        f"{place(kind, key, path)} in drio, not in the document, still uses the {title} {target}, "
                        "to be deleted"
                    )

    def _sends(self, kind: str, key: str, name: str) -> bool:
        """Return whether a property of a resource is sent: it is new, or the property changes."""
        change = self.changes.get((kind, key))
        if change is None:
            return False
        return name in change.entry or any(field.path[0] == name for field in change.fields)

    # --- collections -----------------------------------------------------------------------------

    def _order_tools(self, deleted: set[str]) -> None:
        absent = {key for kind, key in self.matching.deleted_elsewhere - self.changes.keys() if kind == "tool"}
        orders = tool_order.new_orders(self.desired, self.matching, deleted, absent)
        if not orders:
            return
        if self.base is not None and tool_order.changed_in_drio(self.matching, self.base):
            if self.options.on_conflict == "drio":
                return
            if not self.options.on_conflict:
                key = next(iter(orders))
                conflict = self._order_conflict(self.base.order)
                known = self._change_of_tool(key)
                self.changes["tool", key] = replace(known, action="conflict", conflicts=(*known.conflicts, conflict))
                return
        for key, (before, after) in orders.items():
            known = self._change_of_tool(key)
            if known.action == "create":
                known = replace(known, entry=known.entry | {"order": after})
            else:
                known = replace(known, fields=(*known.fields, FieldChange(("order",), before, after)))
            self.changes["tool", key] = known

    def _order_conflict(self, base: tuple[str, ...]) -> FieldConflict:
        """Return the conflict of the order of the tools; its values are lists of keys."""
        wanted = [*self.desired["tools"]]
        in_drio = [self.matching.document_key("tool", key) for key in self.form.data.get("tools", {})]
        common = {*base} & {*wanted}
        same = [key for key in base if key in common] == [key for key in wanted if key in common]
        reason = f"the order of the tools: {DRIO_CHANGED if same else BOTH_CHANGED}"
        return FieldConflict(("order",), [*base], in_drio, wanted, reason)

    def _change_of_tool(self, key: str) -> Change:
        """Return the change of a tool, an empty one if it has none."""
        return self.changes.get(("tool", key)) or Change("update", "tool", key, self.matching.id_of("tool", key) or "")

    def _deletes(self) -> dict[ResourceName, Change]:
        """Return the deletes of what the document lacks, those that others depend on last."""
        deletes: dict[ResourceName, Change] = {}
        for kind in KINDS:
            for key in [key for name, key in self.matching.unmatched if name == kind]:
                if not self._in_scope(kind, key, deletes):
                    continue
                delete = Change("delete", kind, key, self.form.ids[kind, key])
                if self.matching.changed_in_drio(kind, key):
                    if self.options.on_conflict == "drio":
                        continue
                    if not self.options.on_conflict:
                        note = "The document lacks it, and it was changed in drio since the last apply."
                        delete = replace(delete, action="conflict", note=note)
                deletes[kind, key] = delete
        return deletes

    def _in_scope(self, kind: str, key: str, deletes: Mapping[ResourceName, Change]) -> bool:
        """Return whether the document has the collection of a resource that it lacks."""
        if kind != "operation":
            return SECTIONS[kind] in self.desired
        integration = key.partition("/")[0]
        if ("integration", integration) in deletes:
            return deletes["integration", integration].action == "delete"
        entry = self.matching.desired.get(("integration", self.matching.document_key("integration", integration)))
        return entry is not None and OPERATIONS in entry

    def _note_unmatched(self, deletes: Mapping[ResourceName, Change]) -> None:
        left = [name for name in self.matching.unmatched if name not in deletes]
        if left:
            names = first_names([place(*name) for name in left], 3)
            prune = "" if self.options.prune else "; --prune deletes it, in collections that the document has"
            self.notes.append(f"Not in the document, and left as it is: {names}{prune}.")

    def _note_swaps(self) -> None:
        """Note which keys were swapped by the document, where it is not known whether they were in drio."""
        for (kind, key), entry in self.matching.desired.items():
            parent, slash, own_key = key.rpartition("/")
            other = (kind, f"{parent}{slash}{entry.get(WAS)}")
            if self.base is None and self.matching.desired.get(other, {}).get(WAS) == own_key and key < other[1]:
                text = "without drio.lock.json it is not known whether the keys were swapped already, and they are left"
                self.notes.append(f"{place(kind, key)} and {place(*other)}: {text}.")

    def _suggest_renames(self) -> None:
        """Note which new resources look like existing ones under another key."""
        unmatched = {
            name: _look(name[0], self.matching.translated(name[0], self.form.entry(*name) or {}))
            for name in self.matching.unmatched
        }
        for name, change in self.changes.items():
            if change.action != "create" or name[0] == "app":
                continue
            look = _look(name[0], change.entry)
            integration = name[1].rpartition("/")[0]  # an operation stays in its integration
            alike = [
                (kind, key)
                for (kind, key), old_look in unmatched.items()
                if kind == name[0] and look & old_look and key.rpartition("/")[0] == integration
            ]
            if alike:
                old = alike[0]
                del unmatched[old]
                was = old[1].rpartition("/")[2]
                self.notes.append(
                    f"{place(*name)} looks like {place(*old)} under another key; `was: {was}` in it renames it."
                )


def _look(kind: str, entry: Object) -> set[str]:
    """Return by what a resource of this kind is recognized under another key."""
    looks = {f"name {entry.get('name')}"} if isinstance(entry.get("name"), str) else set()
    match kind:
        case "operation":
            looks = {f"{entry.get('method')} {entry.get('path')}"}
        case "tool" if entry.get("binding") is not None:
            looks.add(f"binding {with_placeholders(entry['binding'])}")
        case "integration" if entry.get("baseUrl") is not None:
            looks.add(f"url {entry['baseUrl']}")
        case "widget" if entry.get("tool") is not None:
            looks.add(f"tool {entry['tool']}")
    return looks
