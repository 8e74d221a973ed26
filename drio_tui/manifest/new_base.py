"""What the lock file says before an apply, and after an apply or a pull."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace

from drio_tui.document_layout import OPERATIONS, SECTIONS, WAS, ResourceName, entries, normalized, place
from drio_tui.manifest.compare import Change
from drio_tui.manifest.fields import (
    changed_fields,
    declared,
    declared_paths,
    is_declared,
    split_secrets,
    undeclared_digests,
)
from drio_tui.manifest.form import DocumentForm
from drio_tui.manifest.lock import Base, BegunChange, Digests, hash_of
from drio_tui.manifest.matching import Matching
from drio_tui.manifest.secret import Secret, secrets_in
from drio_tui.manifest.tool_order import changed_in_drio, sets_order
from drio_tui.schema.fields import MISSING
from drio_tui.workspace.saving.merge import FieldChange, Object, Path, value_at, with_value


def base_before(
    plan_changes: Collection[Change], ids: Mapping[ResourceName, str], form: DocumentForm, app: str, old: Base | None,
    desired: Object,
) -> Base:  # fmt: skip
    """Return the base for a comparison after an apply of these changes that does not end: `old` with the changes.

    `ids` are those of the existing resources by the document's key, `app` that of the app, `form` is how it was when
    the document `desired` was compared with it: what others change from then on is a conflict.
    """
    old = old if old is not None and old.app == app else None
    matching = Matching(desired, form, old)
    begun = tuple(
        BegunChange(
            change.kind, "" if change.kind == "app" else change.key, change.id, tuple(_public_fields(change, form)),
            change.action == "delete",
        )
        for change in plan_changes
    )  # fmt: skip
    left = _left_conflicts(matching, old, {change.name for change in plan_changes})
    seen = _seen_values(matching, desired, app, left, [change for change in plan_changes if change.action == "delete"])
    old = old or Base(app)
    to_rename = {(change.kind, change.was): change.id for change in plan_changes if change.action == "rename"}
    earlier = tuple(  # what they have created may have another key soon
        replace(change, id=change.id or to_rename.get((change.kind, change.key), "")) for change in old.begun
    )
    now = {name: id for name, id in ids.items() if name[0] != "app" and name not in left}
    named_now, named_before = set(now.values()), set(old.ids.values())
    begun_ids = {name: id for name, id in old.begun_ids.items() if id not in named_now} | now
    new_ids = {name: id for name, id in begun_ids.items() if old.ids.get(name) != id}
    order = old.order or tuple(matching.document_key("tool", key) for key in form.data.get("tools", {}))
    # A `was` without which the resource is found again is used up: it could name one that is created only now.
    renamed = {
        (kind, key): was
        for kind, key, was in _former_keys(desired)
        if old.renamed.get((kind, key)) == was
        or (kind, key) not in matching.matched_by_was
        or ids.get((kind, key)) not in named_before
    }
    deletes = {change.id for change in plan_changes if change.action == "delete"}
    undeclared = _unknown(old) | _undeclared_now(matching, desired, left) | {id: {} for id in deletes}
    return replace(
        old, order=order, begun=(*earlier, *seen, *begun), begun_ids=new_ids, renamed=renamed, undeclared=undeclared
    )  # fmt: skip


def _former_keys(desired: Object) -> Iterator[tuple[str, str, str]]:
    """Yield the kind, key and former key (`was`) of the entries that have one."""
    for kind, key, entry in entries(desired):
        if isinstance(was := entry.get(WAS), str):
            yield kind, key, was


Undeclared = dict[str, Digests | None]


def _unknown(old: Base | None) -> Undeclared:
    """Return what is known of undeclared properties; of those that were applied by an earlier version nothing is."""
    if old is None:
        return {}
    return dict.fromkeys(old.ids.values()) if old.undeclared is None else dict(old.undeclared)


def _undeclared_now(matching: Matching, desired: Object, left: Collection[ResourceName]) -> Undeclared:
    """Return the digests of what drio has of the document's resources, and the document or the last apply did not."""
    result: Undeclared = {}
    for kind, key, entry in entries(desired):
        name = (kind, key)
        if kind != "app" and name in matching.current and name not in left:
            id, current = matching.id_of(kind, key) or "", normalized(kind, matching.entry(name))
            applied = matching.applied(kind, id) or {}
            result[id] = {
                **undeclared_digests(kind, declared(entry), current), **undeclared_digests(kind, applied, current)
            }  # fmt: skip
    return result


def _left_conflicts(matching: Matching, old: Base | None, changed: Collection[ResourceName]) -> set[ResourceName]:
    """Return the entries that others added too, with other values, and that are not `changed`: a conflict stays one."""
    if old is None:
        return set()
    return {
        name
        for name in matching.current
        if name not in changed
        and matching.is_new_in_drio(name[0], matching.id_of(*name) or "")
        and _differs(name[0], matching.desired[name], matching.entry(name))
    }


def _differs(kind: str, entry: Object, current: Object) -> bool:
    public, secrets = split_secrets(declared(entry))
    return any(True for _ in changed_fields(kind, public, current, secrets))


def _seen_values(
    matching: Matching, desired: Object, app: str, left: Collection[ResourceName], deletes: Iterable[Change]
) -> Iterator[BegunChange]:
    """Yield what drio had of what the document declares or deletes, where no last apply tells: changes of nothing."""
    for kind, key, entry in entries(desired):
        name = (kind, key)
        if kind == "app":
            current, id = matching.form.entry("app", ""), app
        elif name in matching.current and name not in left:
            current, id = matching.entry(name), matching.id_of(kind, key) or ""
        else:
            continue
        fields = _seen_fields(kind, entry, normalized(kind, current or {}), matching.applied(kind, id) or {})
        if fields:
            yield BegunChange(kind, "" if kind == "app" else key, id, fields)
    for change in deletes:
        applied = matching.applied(change.kind, change.id) or {}
        current = matching.translated(change.kind, matching.form.entry(change.kind, change.key) or {})
        if fields := _seen_fields(change.kind, current, normalized(change.kind, current), applied):
            yield BegunChange(change.kind, change.key, change.id, fields)


def _seen_fields(kind: str, entry: Object, current: Object, applied: Object) -> tuple[FieldChange, ...]:
    public, _ = split_secrets(declared(entry))
    values = ((path, value_at(current, path)) for path in declared_paths(kind, public))
    return tuple(FieldChange(path, value, value) for path, value in values if not is_declared(kind, applied, path))


def _public_fields(change: Change, form: DocumentForm) -> Iterator[FieldChange]:
    """Yield the changes of a resource without secrets, and without what drio never returns."""
    secret = _secret_paths(change, form)
    if change.action == "create":
        public, _ = split_secrets(change.entry)
        for path in secret:
            public = with_value(public, path, MISSING)
        for name, value in public.items():
            if name not in (WAS, OPERATIONS):
                yield FieldChange((name,), MISSING, MISSING if value is None else value)
    for field in change.fields:
        if field.path in secret:
            continue
        after = {} if field.after is MISSING else with_value({}, field.path, field.after)
        public, secrets = split_secrets(after)
        if not secrets:
            yield FieldChange(field.path, field.before, field.after)


def _secret_paths(change: Change, form: DocumentForm) -> tuple[Path, ...]:
    """Return the paths of an auth connection that its provider says are secrets, whatever their names."""
    if change.kind != "auth":
        return ()
    keys = (key for (kind, key), id in form.ids.items() if kind == "auth" and id == change.id)
    entry = change.entry if change.action == "create" else form.entry("auth", next(keys, ""))
    provider = str((entry or {}).get("provider"))
    return tuple(("config", name) for name in form.secret_config.get(provider, ()))


def base_after(desired: Object, form: DocumentForm, old: Base | None, sent: Iterable[Change] = ()) -> Base:
    """Return the base of the next comparison: what of the document is in the app now.

    Where the app has something else, what was applied before stays, so that it is a conflict then too: `old` is that of
    `base_before` if an apply was begun. `sent` are the changes that were made: the secrets in them have new hashes.
    Takes 50 ms for each of those.
    """
    app_id = next((id for (kind, _), id in form.ids.items() if kind == "app"), "")
    old = old if old is not None and old.app == app_id else None
    matching = Matching(desired, form, old)
    left = _left_conflicts(matching, old, ())
    applied: Object = {}
    undeclared: Undeclared = {}
    ids: dict[ResourceName, str] = {}
    for kind, key, entry in entries(desired):
        name = (kind, key)
        id = app_id if kind == "app" else matching.id_of(kind, key) or ""
        before = matching.applied(kind, id) or {}
        if kind == "app":
            put_entry(applied, name, _applied_entry(kind, entry, form.entry("app", "") or {}, before))
        elif name in matching.current and name not in left:
            new_entry = _applied_entry(kind, entry, matching.entry(name), before)
            put_entry(applied, name, new_entry)
            ids[name] = id
            digests = undeclared_digests(kind, new_entry, normalized(kind, matching.entry(name)))
            undeclared[id] = _known_digests(digests, old, matching, kind, id)
    for name, entry, id in _kept(old, matching):
        put_entry(applied, name, {name: value for name, value in entry.items() if name != OPERATIONS})
        ids[name] = id
        undeclared[id] = old.undeclared_of(id) if old else None
    secrets = {
        where: hashed
        for where, hashed in (old.secrets if old else {}).items()
        if any(where.startswith(f"{place(*name)}#") for name in ids)
    }
    for where, secret in _sent_secrets(sent):
        secrets[where] = hash_of(secret.value)
    order = _order_after(desired, matching, old, ids)
    renamed = {
        (kind, key): was
        for kind, key, was in _former_keys(desired)
        if (kind, key) in matching.current
        and ((kind, key) not in matching.renamed or (old is not None and old.renamed.get((kind, key)) == was))
    }
    keys = {name: key for name, key in (old.keys if old else {}).items() if old and ids.get(name) == old.ids.get(name)}
    return Base(app_id, ids, order, applied, secrets, renamed=renamed, keys=keys, undeclared=undeclared)


def _known_digests(digests: Digests, old: Base | None, matching: Matching, kind: str, id: str) -> Digests:
    """Return the digests of undeclared properties without those that others added since `old`.

    Those of values that they changed stay as they were.
    """
    before = matching.applied(kind, id)
    known = old.undeclared_of(id) if old is not None and before is not None else None
    if known is None:
        return dict(digests)
    return {
        path: known.get(path, digest)
        for path, digest in digests.items()
        if path in known or is_declared(kind, before or {}, path)
    }


def _order_after(
    desired: Object, matching: Matching, old: Base | None, ids: Mapping[ResourceName, str]
) -> tuple[str, ...]:
    """Return the order of the tools for the next comparison; where others changed it, that of the last apply."""
    current = tuple(matching.document_key("tool", key) for key in matching.form.data.get("tools", {}))
    if old is None or not sets_order(desired, current) or not changed_in_drio(matching, old):
        return current
    if [*current] == [key for key in desired["tools"] if key in current]:
        return current
    keys = {id: key for (kind, key), id in ids.items() if kind == "tool"}
    return tuple(keys.get(old.ids.get(("tool", key), ""), key) for key in old.order)


def _applied_entry(kind: str, entry: Object, current: Object, before: Object) -> Object:
    """Return an entry without secrets, with what was applied before where the app has something else."""
    public, secrets = split_secrets({name: value for name, value in entry.items() if name not in (WAS, OPERATIONS)})
    result = public
    for change in changed_fields(kind, public, current, secrets):
        result = with_value(result, change.path, value_at(before, change.path))
    return result


def _kept(old: Base | None, matching: Matching) -> Iterator[tuple[ResourceName, Object, str]]:
    """Yield what was applied of resources that are in the app and not in the document, or the other way round."""
    unmatched = {matching.form.ids[name] for name in matching.unmatched}
    for name, id in {**matching.made_by_begun, **(old.ids if old else {})}.items():
        deleted = name in matching.deleted_elsewhere
        entry = old.entry(*name) if old and deleted else matching.applied(name[0], id)
        if entry is not None and (deleted or (id in unmatched and name not in matching.desired)):
            yield name, entry, id


def put_entry(applied: Object, name: ResourceName, entry: Object) -> None:
    """Add the entry of a resource to a document."""
    kind, key = name
    if kind == "app":
        applied["app"] = entry
        return
    if kind == "operation":
        integration, _, operation = key.partition("/")
        parent = applied.setdefault("integrations", {}).setdefault(integration, {})
        parent.setdefault(OPERATIONS, {})[operation] = entry
    else:
        applied.setdefault(SECTIONS[kind], {})[key] = entry


def _sent_secrets(sent: Iterable[Change]) -> Iterator[tuple[str, Secret]]:
    """Yield where each secret that was sent is, and the secret."""
    for change in sent:
        values: list[tuple[Path, object]] = [(field.path, field.after) for field in change.fields]
        if change.action == "create":
            values = [((), change.entry)]
        for path, value in values:
            for inner_path, secret in secrets_in(value):
                if secret.is_given:
                    yield place(change.kind, change.key, (*path, *inner_path)), secret
