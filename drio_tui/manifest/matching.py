"""Which resource of drio is which entry of a document: by the lock file, by key, by `was`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from drio_tui.document_layout import WAS, ResourceName, entries, normalized, place, references
from drio_tui.manifest.fields import is_declared, same_value
from drio_tui.manifest.form import DocumentForm
from drio_tui.manifest.lock import Base, BegunChange
from drio_tui.schema.fields import MISSING
from drio_tui.workspace.saving.merge import Object, Path, value_at, with_value


class Matching:
    """The entries of a document and the resources of an app that they describe.

    `current` has the key that the resource of an entry has in drio, `renamed` those whose `was` names it. `unmatched`
    are the resources that no entry describes, `deleted_elsewhere` the entries whose resource was there at the last
    apply and is not there now; `deleted_by_begun` are those that an apply which did not end has deleted.
    """

    def __init__(self, desired: Object, form: DocumentForm, base: Base | None) -> None:
        self.form = form
        self.base = base
        self.desired: dict[ResourceName, Object] = {
            (kind, key): entry for kind, key, entry in entries(desired) if kind != "app"
        }
        self.current: dict[ResourceName, str] = {}
        self.renamed: dict[ResourceName, str] = {}
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
        for change in begun:
            id = change.id or form.ids.get((change.kind, change.key), "")
            if change.fields and id:
                self._begun.setdefault((change.kind, id), []).append(change)
        for kind in ("auth", "integration", "operation", "tool", "widget"):  # operations after their integrations
            names = [name for name in self.desired if name[0] == kind]
            for name in names:
                if (key := self._locked(name)) is not None:
                    self._claim(name, key)
            for name in names:
                if name not in self.current and self._exists(kind, self._key_in_drio(*name)):
                    self._claim(name, self._key_in_drio(*name))
            for name in names:
                if name not in self.current:
                    self._match_renamed(name)
        self.unmatched = [name for name in form.ids if name[0] != "app" and name not in self._document_keys]

    def _locked(self, name: ResourceName) -> str | None:
        """Return the key in drio of the resource that the lock file has for a key, None if there is none."""
        id = self.base.ids.get(name) if self.base else None
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

    def _match_renamed(self, name: ResourceName) -> None:
        kind, key = name
        was = self.desired[name].get(WAS)
        if isinstance(was, str):
            old = (kind, f"{key.rpartition('/')[0]}/{was}" if kind == "operation" else was)
            old_key = self._locked(old) or self._key_in_drio(*old)
            if old in self.desired:
                self.problems.append(f"{place(*name)}: it was {was}, which is in the document too")
            elif self._exists(kind, old_key):
                self._claim(name, old_key)
                self.renamed[name] = old_key
                return
        if (reason := self.form.unusable.get(name)) is not None:
            self.problems.append(f"{place(*name)}: drio has one that cannot be changed: {reason}")
        elif self.base is not None and name in self.base.ids:
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

    def _with_todays_keys(self, kind: str, entry: Object, ids: Mapping[ResourceName, str]) -> Object:
        """Return an entry of an earlier document, where keys had these `ids`, with today's keys in its references."""
        for path, to, key in references(kind, entry):
            target = self._key_of_id.get((to, ids.get((to, key), "")))
            if target is not None:
                entry = with_item(entry, path, self.document_key(to, target))
        return entry

    def _with_begun(self, kind: str, id: str, entry: Object | None, begun: Iterable[BegunChange]) -> Object | None:
        """Return what was applied to a resource with what drio has of changes that may have been made.

        A property that others have changed since is as it was before, or as it would have been without them.
        """
        ids = {**(self.base.ids if self.base else {}), **(self.base.begun_ids if self.base else {})}
        found = self.form.entry(kind, self._key_of_id.get((kind, id), ""))
        current = {} if found is None else self.translated(kind, found)
        result = entry or {}
        by_path: dict[Path, list[tuple[Any, Any]]] = {}
        for change in begun:
            for field in change.fields:
                if field.path != ("order",):
                    values = (field.before, field.after)
                    before, after = (self._value_today(kind, field.path, value, ids) for value in values)
                    by_path.setdefault(field.path, []).append((before, after))
        for path, changes in by_path.items():
            now = value_at(normalized(kind, current), path)
            if any(same_value(now, after) for _, after in changes):
                result = with_value(result, path, now)
            elif not (is_declared(kind, result, path) or any(same_value(now, before) for before, _ in changes)):
                result = with_value(result, path, changes[-1][1])
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


def with_item(value: Any, path: tuple[str, ...], new: Any) -> Any:
    """Return a copy of a JSON value with `new` at the path; list indexes are texts."""
    if not path:
        return new
    name, rest = path[0], path[1:]
    if isinstance(value, list):
        return [with_item(item, rest, new) if str(index) == name else item for index, item in enumerate(value)]
    return {**value, name: with_item(value[name], rest, new)}
