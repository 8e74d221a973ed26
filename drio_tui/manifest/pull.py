"""Brings changes of drio into the files of a document: only values that differ change, all else stays as written.

With the base of the last apply, what only the document changed is kept, and what both changed is a conflict; without
it, drio's value is taken wherever the two differ.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from drio_tui.api import redact
from drio_tui.api.errors import DrioError
from drio_tui.api.json_values import same_json
from drio_tui.api.yaml_reader import Location
from drio_tui.document_layout import (
    CREATE_ONLY,
    DEFAULTS,
    OPERATIONS,
    ORDER,
    PROPERTIES,
    SECTIONS,
    WAS,
    ResourceName,
    entry_at,
    escape_names,
    place,
    unescape,
)
from drio_tui.manifest.document import COLLECTIONS, Document, substituted, with_short_bindings
from drio_tui.manifest.edits import CannotEdit, edited
from drio_tui.manifest.export import document_files
from drio_tui.manifest.form import DocumentForm
from drio_tui.manifest.lock import Base
from drio_tui.manifest.matching import Matching, own_key
from drio_tui.manifest.pull_entry import BOTH_CHANGED, EntryPull, PullOptions
from drio_tui.manifest.renamed_keys import edited_keys, new_name, with_new_keys, with_new_references
from drio_tui.manifest.secret import NOT_GIVEN, Secret
from drio_tui.manifest.source import Source
from drio_tui.manifest.substitutions import SecretValue, file_text
from drio_tui.manifest.validation import location_of
from drio_tui.naming import kebab, unused
from drio_tui.plan.changes import Action, PlanView, ResourceChange
from drio_tui.schema.fields import MISSING
from drio_tui.storage.files import os_error_text, write_public
from drio_tui.workspace.saving.merge import FieldChange, FieldConflict, Object
from drio_tui.workspace.saving.merge import Path as PropertyPath


class NotPulled(DrioError):
    """The files cannot be changed. Nothing was written."""

    title = "Nothing was pulled"


@dataclass(frozen=True)
class Pull:
    """What a pull changes. `files` are the new contents by path, None for a file that is removed.

    `changes` are the resources that change in the document; one in conflict, or left as it is for another reason, is
    among them with the action `conflict`. `notes` are remarks, not sanitized.
    """

    changes: tuple[ResourceChange, ...]
    notes: tuple[str, ...]
    files: Mapping[Path, bytes | None] = field(repr=False, default_factory=dict)
    before: Mapping[Path, bytes | None] = field(repr=False, default_factory=dict)

    @property
    def conflicts(self) -> tuple[ResourceChange, ...]:
        """The resources whose values were changed on both sides."""
        return tuple(change for change in self.changes if change.action == "conflict")

    def view(self, target: str = "") -> PlanView:
        """Return the changes for the user."""
        return PlanView(self.changes, target, notes=self.notes)

    def write_files(self) -> None:
        """Write the files, each atomically. Raises `NotPulled`, also if one was changed since it was read."""
        for path, before in self.before.items():
            if _read(path) != before:
                raise NotPulled(f"{path} was changed while it was compared.", hint="Pull again.")
        try:
            for path, data in self.files.items():
                if data is None:
                    path.unlink(missing_ok=True)
                else:
                    write_public(path, data)
        except OSError as error:
            raise NotPulled(f"A file cannot be written: {os_error_text(error)}.", hint="") from None


def desired_of(document: Document, environ: Mapping[str, str]) -> Object:
    """Return the document form as far as its values are known; a variable that is not set stays `{"$env": …}`."""
    values = {
        location: Secret(substitution.name, NOT_GIVEN)
        for location, substitution in document.substitutions.items()
        if isinstance(substitution, SecretValue)
    }
    return with_short_bindings(substituted(document.app_data, values | document.known_values(environ)))


def pull(
    document: Document,
    form: DocumentForm,
    environ: Mapping[str, str],
    *,
    base: Base | None = None,
    options: PullOptions | None = None,
) -> Pull:
    """Return what has to change in the files of a document for it to have what drio has.

    Raises `NotPulled` if a file is written in a way that cannot be changed.
    """
    return _Puller(document, form, environ, base, options or PullOptions()).result()


class _Puller:
    """One pull, with what was found on the way."""

    def __init__(
        self,
        document: Document,
        form: DocumentForm,
        environ: Mapping[str, str],
        base: Base | None,
        options: PullOptions,
    ) -> None:
        self.document, self.form, self.options = document, form, options
        self.app_id = next((id for (kind, _), id in form.ids.items() if kind == "app"), "")
        self.base = base if base is not None and base.app == self.app_id else None
        self.known = document.known_values(environ)
        self.desired = desired_of(document, environ)
        self.matching = Matching(self.desired, form, self.base)
        self.values: dict[str, Any] = {source.name: _copy(source.value) for source in document.sources}
        self.new_files: dict[Path, bytes] = {}
        self.file_values: dict[Path, Any] = {}
        self.changes: list[ResourceChange] = []
        self.notes: list[str] = []
        self.removed: set[ResourceName] = set()
        self.keys: dict[ResourceName, str] = {}
        self.omitted = {(item.kind, item.key, item.path) for item in form.not_exported}

    def result(self) -> Pull:
        self._find_new_keys()
        app = entry_at(self.document.data, "app", "")
        if app is not None and self.options.includes(("app", str(app.get("slug", "")))):
            current = {name: value for name, value in (self.form.entry("app", "") or {}).items() if name != "slug"}
            self._pull_entry(("app", str(app.get("slug", ""))), app, current, self.matching.applied("app", self.app_id))
        for name in self.matching.desired:
            if not self._includes(name):
                continue
            if name in self.matching.current:
                id = self.matching.id_of(*name) or ""
                applied = self.matching.applied(name[0], id)
                if applied is None and self.matching.is_new_in_drio(name[0], id):
                    applied = {}  # added on both sides
                entry = entry_at(self.document.data, *name) or {}
                self._pull_entry(name, entry, self.matching.entry(name), applied)
            else:
                self._missing_in_drio(name)
        if not self.options.declared_only:
            self._add_new()
        if self.options.only is None or any(kind == "tool" for kind, _ in self.options.only):
            self._order_tools()
        self._pull_identities()
        self.notes += self.matching.problems
        return self._finished()

    # --- keys --------------------------------------------------------------------------------------

    def _includes(self, name: ResourceName) -> bool:
        return self.options.includes(name) or self.options.includes(new_name(name, self.keys))

    def _find_new_keys(self) -> None:
        """Find the entries that get the key that their resource got in drio."""
        found: dict[ResourceName, str] = {}
        for name, former in self.matching.renamed_in_drio.items():
            if former == name or self.options.on_conflict == "drio":
                found[name] = own_key(self.matching.current[name])
        for name, key in found.items():
            new = new_name(name, {name: key})
            if new in self.matching.desired and new not in found:
                self.notes.append(f"{place(*name)} is {key} in drio, which is another resource in the document.")
            elif self.options.includes(name) or self.options.includes(new_name(name, found)):
                self.keys[name] = key
                if (entry_at(self.document.data, *name) or {}).get(WAS) == key:
                    self.set_value((*location_of(*name), WAS), MISSING)

    def _pull_identities(self) -> None:
        """Report the entries that get another key, or would; bring the app's slug."""
        for name, former in self.matching.renamed_in_drio.items():
            if name in self.keys:
                self._amend(name, "rename", was=name[1], new_key=new_name(name, self.keys)[1])
            elif former != name and not self.options.on_conflict and self.options.includes(name):
                base, remote, local = own_key(former[1]), own_key(self.matching.current[name]), own_key(name[1])
                self._add_conflict(name, FieldConflict(("key",), base, remote, local, BOTH_CHANGED))
        slug = str((self.desired.get("app") or {}).get("slug", ""))
        base = self.base.slug if self.base else ""
        in_drio = (self.form.entry("app", "") or {}).get("slug")
        app = ("app", slug)
        if not base or not isinstance(in_drio, str) or in_drio in (base, slug):
            return
        if not (self.options.includes(app) or self.options.includes(("app", in_drio))):
            return
        if base != slug and self.options.on_conflict != "drio":
            if not self.options.on_conflict:
                self._add_conflict(app, FieldConflict(("slug",), base, in_drio, slug, BOTH_CHANGED))
        elif ("app", "slug") in self.document.substitutions:
            self.notes.append("app.slug differs in drio, and is no plain text in the document: change it.")
        else:
            self.set_value(("app", "slug"), in_drio)
            self._amend(app, "rename", was=slug, new_key=in_drio)

    def _amend(
        self, name: ResourceName, action: Action, *, was: str = "", new_key: str = "",
        conflicts: tuple[FieldConflict, ...] = (),
    ) -> None:  # fmt: skip
        """Change what is reported of a resource; one in conflict stays one."""
        known = next((change for change in self.changes if (change.kind, change.name) == name), None)
        change = known or ResourceChange(action, *name)
        if known is not None:
            self.changes.remove(known)
        action = "conflict" if change.action == "conflict" else action
        conflicts = (*change.conflicts, *conflicts)
        self.changes.append(replace(change, action=action, name=new_key or name[1], was=was, conflicts=conflicts))

    def _add_conflict(self, name: ResourceName, conflict: FieldConflict) -> None:
        self._amend(name, "conflict", conflicts=(conflict,))

    # --- one resource ------------------------------------------------------------------------------

    def _pull_entry(self, name: ResourceName, entry: Object, current: Object, applied: Object | None) -> None:
        kind = name[0]
        one = EntryPull(self, name, location_of(*name), applied)
        known = set(PROPERTIES[kind].values())
        skipped = {WAS, *CREATE_ONLY, *({"slug"} if kind == "app" else {OPERATIONS} if kind == "integration" else ())}
        for written, value in entry.items():
            property_name = unescape(written)
            if property_name not in skipped:
                default = DEFAULTS[kind].get(property_name, MISSING)
                one.compare((written,), value, current.get(property_name, MISSING), default, property_name in known)
        own = {unescape(written) for written in entry}
        for property_name, value in current.items():
            if property_name not in own and property_name not in skipped:
                one.add((), property_name, value)
        one.report()

    def is_secret(self, name: ResourceName, path: PropertyPath) -> bool:
        """Return whether drio does not say what it has at a path, since it is a secret."""
        kind, key = name
        if kind in ("auth", "integration") and redact.is_secret(path[-1]):
            return True
        key = self.matching.current.get(name, key)
        return any((kind, key, path[:length]) in self.omitted for length in range(1, len(path) + 1))

    def set_value(self, location: Location, value: Any) -> None:
        """Set a value in the file that has it; `MISSING` removes it."""
        container = self.values[self.document.source_of(location).name]
        for step in location[:-1]:
            container = container.setdefault(step, {}) if isinstance(container, dict) else container[step]
        if value is MISSING:
            container.pop(location[-1], None)
        else:
            container[location[-1]] = escape_names(value)

    # --- whole resources ---------------------------------------------------------------------------

    def _missing_in_drio(self, name: ResourceName) -> None:
        """Report, or remove, a resource of the document that drio does not have."""
        where = place(*name)
        if self.base is not None and name not in self.matching.deleted_elsewhere:
            self.notes.append(f"{where} is not in drio yet: `drio-tui apply` creates it.")
        elif not self.options.delete:
            reason = "was deleted in drio" if self.base else "is not in drio: it was deleted there, or not applied yet"
            self.notes.append(f"{where} {reason}. It stays in the document; --delete removes it.")
        elif name[0] != "operation" or ("integration", name[1].partition("/")[0]) not in self.removed:
            self._remove(location_of(*name))
            self.removed.add(name)
            self.changes.append(ResourceChange("delete", *name))

    def _remove(self, location: Location) -> None:
        """Remove a resource from all files that have a part of it."""
        for container in self.values.values():
            for step in location[:-1]:
                container = container.get(step) if isinstance(container, dict) else None
            if isinstance(container, dict):
                container.pop(location[-1], None)

    def _add_new(self) -> None:
        """Add the resources that drio has and the document lacks, to collections that the document has."""
        for kind, key in self.matching.unmatched:
            id = self.form.ids[kind, key]
            if kind == "operation" and ("integration", key.partition("/")[0]) in self.matching.unmatched:
                continue  # it comes with its integration
            if not self.options.includes((kind, key)):
                continue
            collection = self._collection_of(kind, key)
            if collection is None:
                continue
            if self.base is not None and self.matching.applied(kind, id) is not None:
                self.notes.append(f"{place(kind, key)} was removed from the document and is still in drio.")
                continue
            own_key = key.rpartition("/")[2]
            if own_key in self._entries_at(collection):
                self.notes.append(f"{place(kind, key)} is another resource in drio than in the document.")
                continue
            entry = self.matching.translated(kind, self.form.entry(kind, key) or {})
            self._append(collection, own_key, entry)
            fields = tuple(FieldChange((name,), MISSING, value) for name, value in entry.items() if name != OPERATIONS)
            self.changes.append(ResourceChange("create", kind, key, fields))

    def _collection_of(self, kind: str, key: str) -> Location | None:
        """Return where new resources of a kind belong; None if the document does not have that collection."""
        if kind != "operation":
            return (SECTIONS[kind],) if SECTIONS[kind] in self.document.data else None
        integration = self.matching.document_key("integration", key.partition("/")[0])
        entry = entry_at(self.document.data, "integration", integration)
        return ("integrations", integration, OPERATIONS) if entry is not None and OPERATIONS in entry else None

    def _entries_at(self, location: Location) -> Object:
        value: Any = self.desired
        for step in location:
            value = value.get(step, {}) if isinstance(value, dict) else {}
        return value if isinstance(value, dict) else {}

    def _append(self, collection: Location, key: str, entry: Object) -> None:
        """Add a resource behind the last one of its collection, or as a separate file where the others are files."""
        name = collection[0] if len(collection) == 1 else f"integrations/{self._file_stem(collection)}"
        siblings = [source for source in self.document.sources if source.name.startswith(f"{name}/")]
        siblings = [source for source in siblings if source.name.count("/") == str(name).count("/") + 1]
        if siblings:
            self._append_file(str(name), siblings[0], collection, key, entry)
            return
        keys = [*self._entries_at(collection)]
        owner = self.document.source_of((*collection, keys[-1]) if keys else collection)
        container = self.values[owner.name]
        for step in collection:
            if not isinstance(container.get(step), dict):
                container[step] = {}
            container = container[step]
        container[key] = escape_names(entry)

    def _file_stem(self, collection: Location) -> str:
        return self.document.source_of(collection[:2]).path.stem

    def _append_file(self, folder: str, sibling: Source, collection: Location, key: str, entry: Object) -> None:
        suffix = sibling.path.suffix
        taken = {source.path.stem for source in self.document.sources if source.name.startswith(f"{folder}/")}
        taken |= {path.stem for path in self.new_files}
        value: Object = {key: entry}
        for step in reversed(collection):
            value = {str(step): value}
        value = with_new_keys(with_new_references(value, self.keys), self.keys)
        path = self.document.root / folder / f"{unused(kebab(key, 'resource'), taken)}{suffix}"
        (text,) = document_files(value, format="json" if suffix == ".json" else "yaml").values()
        self.new_files[path] = text.encode()

    # --- the order of the tools --------------------------------------------------------------------

    def _order_tools(self) -> None:
        """Take drio's order of the tools, as `$order`, where the document has all of them."""
        tools = self._entries_at(("tools",))
        in_drio = [self.matching.document_key("tool", key) for key in self.form.data.get("tools", {})]
        removed = {key for kind, key in self.removed if kind == "tool"}
        added = [change.name for change in self.changes if (change.action, change.kind) == ("create", "tool")]
        now = [key for key in tools if key not in removed] + added
        source = next((name for name, value in self.values.items() if ORDER in _tools_of(value)), None)
        if not set(in_drio) <= set(now):
            order = None
        else:
            wanted = iter(in_drio)
            order = [next(wanted) if key in in_drio else key for key in now]
        has_new_files = any(path.parent == self.document.root / "tools" for path in self.new_files)
        is_same = order == now and not has_new_files  # files are in the order of their names
        if order is None or is_same or not self._is_order_of_drio(now, in_drio, added):
            if source is not None and removed:
                listed = _tools_of(self.values[source])[ORDER]
                _tools_of(self.values[source])[ORDER] = [key for key in listed if key not in removed]
            return
        if source is None:
            main = self.document.sources[0].name
            source = main if _tools_of(self.values[main]) else self.document.source_of(("tools",)).name
        _tools_of(self.values[source])[ORDER] = order
        if order != now:
            self.notes.append(f"The order of the tools was changed in drio: {source} gets it, as $order in its tools.")

    def _is_order_of_drio(self, now: list[str], in_drio: list[str], added: list[str]) -> bool:
        """Return whether drio's order of the tools counts, and not that of the document."""
        if self.base is None:
            return True
        known = [key for key in in_drio if key in self.base.order]
        if known != [key for key in self.base.order if key in in_drio]:
            return True
        before = [key for key in in_drio if key not in added]
        return bool(added) and before == [key for key in now if key in before]

    # --- files -------------------------------------------------------------------------------------

    def _finished(self) -> Pull:
        files: dict[Path, bytes | None] = dict(self.new_files)
        before: dict[Path, bytes | None] = dict.fromkeys(self.new_files)
        for source in self.document.sources:
            value = self.values[source.name]
            is_same = same_json(value, source.value)
            data: bytes | None = source.data
            if not is_same and "/" in source.name and not _has_content(value):
                data = None
            else:
                is_json = source.path.suffix == ".json"
                data = source.data if is_same else _edited(source.name, source.data, value, is_json=is_json)
                if self.keys:
                    data = _edited_by(source.name, data, partial(edited_keys, keys=self.keys, is_json=is_json))
            if data != source.data:
                path = source.path.resolve()
                before[path], files[path] = source.data, data
        for path, value in self.file_values.items():
            data = _read(path)
            before[path] = data
            files[path] = _edited_file(path, data or b"", value)
        return Pull(tuple(self.changes), tuple(dict.fromkeys(self.notes)), files, before)


def _copy(value: Any) -> Any:
    """Return a copy in which nothing is shared, as it is in a value with aliases."""
    if isinstance(value, dict):
        return {name: _copy(item) for name, item in value.items()}
    return [_copy(item) for item in value] if isinstance(value, list) else value


def _tools_of(value: Any) -> Object:
    tools = value.get("tools") if isinstance(value, dict) else None
    return tools if isinstance(tools, dict) else {}


def _has_content(value: Any) -> bool:
    """Return whether a part of a document has anything but empty collections."""
    if not isinstance(value, dict) or not value.keys() <= set(COLLECTIONS):
        return True
    for name, entries in value.items():
        for entry in entries.values() if isinstance(entries, dict) else ():
            if name != "integrations" or not isinstance(entry, dict) or [*entry] != [OPERATIONS] or entry[OPERATIONS]:
                return True
    return False


def _read(path: Path) -> bytes | None:
    """Return the content of a file, None if there is none. Raises `NotPulled`."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise NotPulled(f"{path} cannot be read: {os_error_text(error)}.", hint="") from None


def _edited(name: str, data: bytes, value: Any, *, is_json: bool) -> bytes:
    return _edited_by(name, data, lambda text: edited(text, value, is_json=is_json))


def _edited_by(name: str, data: bytes, edit: Callable[[str], str]) -> bytes:
    try:
        return edit(data.decode("utf-8")).encode("utf-8")
    except UnicodeError:
        raise NotPulled(f"{name} is not UTF-8 text.", hint="Convert it, and pull again.") from None
    except CannotEdit as error:
        raise NotPulled(f"{name} cannot be changed. {error}", hint="Change it by hand.") from None


def _edited_file(path: Path, data: bytes, value: Any) -> bytes:
    """Return the content of a file that stands for a value."""
    suffix = path.suffix.lower()
    if suffix in (".json", ".yaml", ".yml"):
        return _edited(path.name, data, value, is_json=suffix == ".json")
    if not isinstance(value, str):
        raise NotPulled(f"{path.name} is text, and drio has another value.", hint="Change the document by hand.")
    try:
        return file_text(value, ends_with_newline=data.endswith(b"\n") or not data).encode("utf-8")
    except UnicodeError:
        raise NotPulled(f"{path.name}: the value is no text that can be written.", hint="") from None
