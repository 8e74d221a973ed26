"""Which resource of drio is which entry of a document: by the lock file, by key, by `was`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from drio_tui.document_layout import WAS, ResourceName, entries, normalized, place, references
from drio_tui.manifest.fields import changed_fields, is_declared, same_value, undeclared_digests
from drio_tui.manifest.form import DocumentForm
from drio_tui.manifest.lock import Base, BegunChange
from drio_tui.schema.fields import MISSING
from drio_tui.workspace.saving.merge import Object, Path, value_at, with_value


class Matching:
    """The entries of a document and the resources of an app that they describe.

    `current` has the key that the resource of an entry has in drio, `renamed` those that have to get another one.
    `matched_by_was` are the entries whose `was` tells their resource. `unmatched` are the resources that no entry
    describes, `deleted_elsewhere` the entries whose resource was there at the last apply and is not there now;
    `deleted_by_begun` are those that an apply which did not end has deleted. `renamed_in_drio` are the entries whose
    resource got another key in drio, with their names at the last apply.
    """

    def __init__(self, desired: Object, form: DocumentForm, base: Base | None) -> None:
        self.form = form
        self.base = base
        self.desired: dict[ResourceName, Object] = {
            (kind, key): entry for kind, key, entry in entries(desired) if kind != "app"
        }
        self.current: dict[ResourceName, str] = {}
        self.renamed: dict[ResourceName, str] = {}
        self.matched_by_was: set[ResourceName] = set()
        self.renamed_in_drio: dict[ResourceName, ResourceName] = {}
        self.deleted_elsewhere: set[ResourceName] = set()
        self.deleted_by_begun: set[ResourceName] = set()
        self.problems: list[str] = []
        self._document_keys: dict[ResourceName, str] = {}
        self._base_names = {(name[0], id): name for name, id in (base.ids if base else {}).items()}
        self._key_of_id = {(kind, id): key for (kind, key), id in form.ids.items()}
        begun = base.begun if base else ()
        self._begun_deletes = {change.id for change in begun if change.deleted}
        self._begun: dict[ResourceName, list[BegunChange]] = {}
        """By kind and id, the changes of applies that did not end."""
        begun_ids = base.begun_ids if base else {}
        self.made_by_begun = {name: id for name, id in begun_ids.items() if (name[0], id) not in self._base_names}
        """The ids of what they have created."""
        for change in begun:
            if change.fields and (id := change.id or self._id_of_begun_create(change)):
                self._begun.setdefault((change.kind, id), []).append(change)
                if not change.id:
                    self.made_by_begun.setdefault((change.kind, change.key), id)
        for kind in ("auth", "integration", "operation", "tool", "widget"):  # operations after their integrations
            names = [name for name in self.desired if name[0] == kind]
            self._match_renamed_since_base(names)
            renamed = {(kind, key) for key in self.renamed.values()}
            for name in names:
                key = self._locked(name)
                if name not in self.current and key is not None and (kind, key) not in renamed:
                    self._claim(name, key)
            self._match_renamed(names)
            for name in names:
                if name not in self.current and self._exists(kind, self._key_in_drio(*name)):
                    self._claim(name, self._key_in_drio(*name))
            for name in names:
                if name not in self.current:
                    self._note_missing(name)
        self._find_renamed_in_drio()
        self.unmatched = [name for name in form.ids if name[0] != "app" and name not in self._document_keys]

    def _id_of_begun_create(self, change: BegunChange) -> str:
        """Return the id of what a change has created; empty if it is not there, or another has its key."""
        id = self.form.ids.get((change.kind, change.key), "")
        begun_ids = self.base.begun_ids if self.base else {}
        keys = {key for (kind, key), other in begun_ids.items() if (kind, other) == (change.kind, id)} or {change.key}
        return "" if (change.kind, id) in self._base_names or change.key not in keys else id

    def _locked(self, name: ResourceName) -> str | None:
        """Return the key in drio of the resource that the lock file has for a key, None if there is none."""
        id = self.base.ids.get(name) or self.made_by_begun.get(name) if self.base else None
        return self._key_of_id.get((name[0], id)) if id is not None else None

    def _exists(self, kind: str, key: str) -> bool:
        return (kind, key) in self.form.ids and (kind, key) not in self._document_keys

    def _key_in_drio(self, kind: str, key: str) -> str:
        """Return the key with that of the matched integration, for an operation."""
        if kind != "operation":
            return key
        integration, _, operation = key.partition("/")
        return f"{self.current.get(('integration', integration), integration)}/{operation}"

    def _claim(self, name: ResourceName, key: str) -> None:
        kind = name[0]
        if (other := self._document_keys.get((kind, key))) is not None:
            self.problems.append(f"{place(*name)} and {place(kind, other)} are the same resource in drio")
            return
        self.current[name] = key
        self._document_keys[kind, key] = name[1]

    def _match_renamed_since_base(self, names: list[ResourceName]) -> None:
        """Match the entries with a `was` that they did not have at the last apply with what had that key then.

        Their new keys may be those of others that are renamed too: keys can be swapped.
        """
        old_keys: dict[ResourceName, str] = {}
        former: dict[ResourceName, ResourceName] = {}
        for name in names:
            for old in [*self._former_names(name)][:1]:
                if (other := former.setdefault(old, name)) != name:
                    self.problems.append(f"{place(*name)}: {place(*other)} was {old[1].rpartition('/')[2]} too")
            for old in self._former_names(name):
                if (key := self._locked(old)) is not None and key not in old_keys.values():
                    old_keys[name] = key
                    break
        while blocked := [name for name in old_keys if not self._becomes_free(name, old_keys)]:
            for name in blocked:
                del old_keys[name]
        for name, key in old_keys.items():
            self._claim_renamed(name, key)

    def _match_renamed(self, names: list[ResourceName]) -> None:
        """Match the entries whose `was` is the key of a resource and whose own key is not, or is freed by a rename."""
        old_keys = {
            name: self._key_in_drio(*old)
            for name in names
            if name not in self.current
            for old in [*self._former_names(name)][:1]
        }
        is_done = False
        while not is_done:
            is_done = True
            for name, key in old_keys.items():
                is_free = self._becomes_free(name, self.renamed)
                if name not in self.current and is_free and self._exists(name[0], key):
                    self._claim_renamed(name, key)
                    is_done = False

    def _former_names(self, name: ResourceName) -> Iterator[ResourceName]:
        """Yield by which names an entry that is to be renamed may have been known; none if it has no new `was`."""
        kind, key = name
        was = self.desired[name].get(WAS)
        if not isinstance(was, str) or (self.base is not None and self.base.renamed.get(name) == was):
            return
        if kind != "operation":
            yield kind, was
            return
        integration = key.partition("/")[0]
        yield kind, f"{integration}/{was}"
        id = self.form.ids.get(("integration", self.current.get(("integration", integration), "")), "")
        if (former := self._base_names.get(("integration", id))) is not None:
            yield kind, f"{former[1]}/{was}"

    def _becomes_free(self, name: ResourceName, old_keys: Mapping[ResourceName, str]) -> bool:
        """Return whether the key of an entry is not used in drio, or only by what is renamed: `old_keys` by name."""
        key = self._key_in_drio(*name)
        return (name[0], key) not in self.form.ids or any(
            other[0] == name[0] and old_key == key for other, old_key in old_keys.items()
        )

    def _claim_renamed(self, name: ResourceName, key: str) -> None:
        self._claim(name, key)
        self.matched_by_was.add(name)
        if key != self._key_in_drio(*name):
            self.renamed[name] = key

    def _find_renamed_in_drio(self) -> None:
        """Find the entries whose key in drio is neither that of the last apply nor that of the document.

        One that an apply which did not end was renaming is renamed on.
        """
        begun = {(kind, id) for (kind, _), id in (self.base.begun_ids if self.base else {}).items()}
        for name, key in self.current.items():
            kind, id = name[0], self.form.ids[name[0], key]
            former = self._base_names.get((kind, id), name if (kind, id) in begun else None)
            if former is None or (kind, key) in self.form.derived:
                continue
            known = self.base.keys.get(former, "") if self.base else ""
            if own_key(key) in (known or own_key(former[1]), own_key(name[1])):
                continue
            if (kind, id) in begun:
                self.renamed[name] = key
            else:
                self.renamed_in_drio[name] = former

    def _note_missing(self, name: ResourceName) -> None:
        if (reason := self.form.unusable.get(name)) is not None:
            self.problems.append(f"{place(*name)}: drio has one that cannot be changed: {reason}")
        elif self.base is not None and (id := self.base.ids.get(name)) and (name[0], id) not in self._key_of_id:
            deleted_by_begun = self.base.ids[name] in self._begun_deletes
            (self.deleted_by_begun if deleted_by_begun else self.deleted_elsewhere).add(name)

    # --- keys ------------------------------------------------------------------------------------

    def document_key(self, kind: str, key: str) -> str:
        """Return the key in the document of a resource with this key in drio; one that no entry describes keeps it.

        If the document uses that key for another resource, the key is marked.
        """
        if (mine := self._document_keys.get((kind, key))) is not None:
            return mine
        return f"{key} (in drio)" if (kind, key) in self.desired else key

    def entry(self, name: ResourceName) -> Object:
        """Return the entry in drio of the resource that an entry describes, with the document's keys as references."""
        key = self.current.get(name)
        found = self.form.entry(name[0], key) if key is not None else None
        return {} if found is None else self.translated(name[0], found)

    def translated(self, kind: str, entry: Object) -> Object:
        """Return an entry of drio with the document's keys in its references."""
        result = entry
        for path, to, key in references(kind, entry):
            mine = self.document_key(to, key)
            if mine != key:
                result = with_item(result, path, mine)
        return result

    def applied(self, kind: str, id: str) -> Object | None:
        """Return what was applied to the resource with this id last, with today's keys in its references.

        What drio has of the changes of an apply that did not end was applied too. None if the resource was not in the
        document then.
        """
        if self.base is None:
            return None
        name = ("app", "") if kind == "app" else self._base_names.get((kind, id))
        entry = self.base.entry(*name) if name else None
        if entry is not None:
            entry = self._with_todays_keys(kind, entry, self.base.ids)
        begun = self._begun.get((kind, id))
        return entry if begun is None else self._with_begun(kind, id, entry, begun)

    def is_new_in_drio(self, kind: str, id: str) -> bool:
        """Return whether a resource was added in drio since the last apply, as far as the lock file tells."""
        known = (kind, id) in self._base_names or (kind, id) in self._begun or id in self.made_by_begun.values()
        return self.base is not None and kind != "app" and not known

    def changed_in_drio(self, kind: str, key: str) -> bool:
        """Return whether a resource that the document lacks was applied once, and was changed in drio since.

        Properties that were added count too, and others that the document did not declare.
        """
        id = self.form.ids[kind, key]
        applied = self.applied(kind, id)
        current = self.form.entry(kind, key)
        if applied is None or current is None:
            return False
        current = self.translated(kind, current)
        if any(True for _ in changed_fields(kind, applied, current)):
            return True
        known = self.base.undeclared_of(id) if self.base is not None else None
        digests = undeclared_digests(kind, applied, normalized(kind, current))
        return known is not None and any(known.get(path) != digest for path, digest in digests.items())

    def _with_todays_keys(self, kind: str, entry: Object, ids: Mapping[ResourceName, str]) -> Object:
        """Return an entry of an earlier document, where keys had these `ids`, with today's keys in its references."""
        for path, to, key in references(kind, entry):
            target = self._key_of_id.get((to, ids.get((to, key), "")))
            if target is not None:
                entry = with_item(entry, path, self.document_key(to, target))
        return entry

    def _with_begun(self, kind: str, id: str, entry: Object | None, begun: Iterable[BegunChange]) -> Object | None:
        """Return what was applied to a resource with what drio has of changes that may have been made.

        A property that others have changed since is as it was before, that of a new resource as it would have been.
        """
        ids = {**(self.base.ids if self.base else {}), **(self.base.begun_ids if self.base else {})}
        found = self.form.entry(kind, self._key_of_id.get((kind, id), ""))
        current = {} if found is None else self.translated(kind, found)
        result = entry or {}
        by_path: dict[Path, list[tuple[Any, Any]]] = {}
        is_new = any(not change.id for change in begun)
        for change in begun:
            for field in change.fields:
                if field.path != ("order",):
                    values = (field.before, field.after)
                    before, after = (self._value_today(kind, field.path, value, ids) for value in values)
                    by_path.setdefault(field.path, []).append((before, after))
        for path, changes in by_path.items():
            now = value_at(normalized(kind, current), path)
            if any(same_value(now, after) for _, after in changes):
                result = _with_known(result, path, now)
            elif is_declared(kind, result, path):
                continue
            elif any(same_value(now, before) for before, _ in changes):
                result = _with_known(result, path, now)
            else:
                before, after = changes[-1]
                result = _with_known(result, path, after if is_new and before is MISSING else before)
        return result or entry

    def _value_today(self, kind: str, path: Path, value: Any, ids: Mapping[ResourceName, str]) -> Any:
        """Return a value of an earlier document as a comparison has it: normalized, with today's keys."""
        if value is MISSING:
            return MISSING
        entry = normalized(kind, self._with_todays_keys(kind, with_value({}, path, value), ids))
        return value_at(entry, path)

    def tools_before_begun_changes(self) -> list[str]:
        """Return the keys in drio of the tools, in their order without the changes of an apply that did not end."""
        keys: list[str] = [*self.form.data.get("tools", {})]
        orders = self.form.orders
        if self._begun and all(key in orders for key in keys):
            keys.sort(key=lambda key: self._order_before(key, orders[key]))
        return keys

    def _order_before(self, key: str, order: int) -> int:
        id = self.form.ids.get(("tool", key), "")
        changes = [
            field
            for change in self._begun.get(("tool", id), ())
            for field in change.fields
            if field.path == ("order",) and isinstance(field.before, int)
        ]
        return changes[0].before if any(field.after == order for field in changes) else order

    def id_of(self, kind: str, key: str) -> str | None:
        """Return the id of the resource that a key of the document names, None if it does not exist yet."""
        name = (kind, key)
        if name in self.desired:
            return self.form.ids[kind, self.current[name]] if name in self.current else None
        return self.form.ids.get(name) if name not in self._document_keys else None

    def survivors(self, deleted: set[ResourceName]) -> Iterator[tuple[str, str, Object]]:
        """Yield the kind, key and entry in drio of each resource that no entry describes and that is not deleted."""
        for kind, key in self.unmatched:
            if (kind, key) not in deleted:
                yield kind, key, self.translated(kind, self.form.entry(kind, key) or {})


def _with_known(entry: Object, path: Path, value: Any) -> Object:
    """Return an entry with a value that is known; one that is known to be absent is null there."""
    return with_value(entry, path, None if value is MISSING and len(path) <= 2 else value)


def own_key(key: str) -> str:
    """Return the key of a resource without that of its integration."""
    return key.rpartition("/")[2]


def with_item(value: Any, path: tuple[str, ...], new: Any) -> Any:
    """Return a copy of a JSON value with `new` at the path; list indexes are texts."""
    if not path:
        return new
    name, rest = path[0], path[1:]
    if isinstance(value, list):
        return [with_item(item, rest, new) if str(index) == name else item for index, item in enumerate(value)]
    return {**value, name: with_item(value[name], rest, new)}
