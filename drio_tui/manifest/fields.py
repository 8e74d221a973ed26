"""The properties of one entry of a document: which are declared, which are secret, and which differ from drio."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterator
from typing import Any

from drio_tui.api.json_values import same_json
from drio_tui.document_layout import CREATE_ONLY, DEFAULTS, OPERATIONS, WAS, WHOLE, references
from drio_tui.manifest.secret import Secret, with_placeholders
from drio_tui.schema.fields import MISSING
from drio_tui.workspace.saving.merge import FieldChange, Object, Path, diff, value_at, with_value
from drio_tui.workspace.saving.without_secrets import without_secrets


def split_secrets(entry: Object) -> tuple[Object, dict[Path, Any]]:
    """Return an entry without secrets, and the secrets by path: `Secret`s, or what a document should not have had.

    A list with a secret in it is one as a whole.
    """
    found: dict[Path, Any] = {}
    public, lost = without_secrets(_strip(entry, (), found))
    found |= {path: value_at(entry, path) for path in lost}
    return public, found


def _strip(value: Object, path: Path, found: dict[Path, Any]) -> Object:
    result: Object = {}
    for name, item in value.items():
        item_path = (*path, name)
        if isinstance(item, dict):
            result[name] = _strip(item, item_path, found)
        elif isinstance(item, Secret) or (isinstance(item, list) and with_placeholders(item) != item):
            found[item_path] = item
        else:
            result[name] = item
    return result


def changed_fields(kind: str, public: Object, current: Object, secrets: Collection[Path] = ()) -> Iterator[FieldChange]:
    """Yield how an entry of a document differs from the current entry, in what it declares.

    `public` is the entry without what is at the paths `secrets`.
    """
    before: Object = {}
    after: Object = {}
    for name, value in public.items():
        if name in CREATE_ONLY or _is_no_property(kind, name):
            continue
        old = current.get(name, MISSING)
        default = DEFAULTS[kind].get(name)
        if (kind, name) == ("tool", "binding"):  # it is changed as a whole
            new = MISSING if value is None else value
            if not same_value(old, new):
                yield FieldChange((name,), old, new)
            continue
        if isinstance(value, dict) and name not in WHOLE:
            if old is not MISSING and not isinstance(old, dict):
                before[name], after[name] = old, _without_nulls(value)
                continue
            old_values: Object = old if isinstance(old, dict) else {}
            declared = {inner: item for inner, item in value.items() if item is not None}
            kept = {inner: old_values[inner] for inner in value if inner in old_values}
            if declared or kept:
                before[name], after[name] = kept, declared
                if old is MISSING:
                    del before[name]
        elif value is None or (default is not None and same_json(value, default)):
            if old is not MISSING:
                before[name] = old
                if value is not None:
                    after[name] = value
        else:
            after[name] = _without_nulls(value) if isinstance(value, dict) else value
            if old is not MISSING:
                before[name] = old
    for change in diff(before, after):
        if not any(change.path == path[: len(change.path)] and change.after is MISSING for path in secrets):
            yield change


def declared(entry: Object) -> Object:
    """Return the properties of the resource that an entry declares."""
    return {name: value for name, value in entry.items() if name not in (WAS, OPERATIONS, "slug")}


def _is_no_property(kind: str, name: str) -> bool:
    return name == WAS or (kind, name) in (("app", "slug"), ("integration", OPERATIONS))


def with_nulls(kind: str, entry: Object, current: Object) -> Object:
    """Return an entry that clears what it lacks and `current` has."""
    result = dict(entry)
    for path in undeclared_paths(kind, entry, current):
        result = with_value(result, path, None)
    return result


def undeclared_paths(kind: str, entry: Object, current: Object) -> Iterator[Path]:
    """Yield the paths of the properties that `current` has and an entry does not declare."""
    for name, value in current.items():
        if name in CREATE_ONLY or _is_no_property(kind, name):
            continue
        if name not in entry:
            yield (name,)
        elif isinstance(value, dict) and isinstance(entry[name], dict) and name not in WHOLE:
            yield from ((name, inner) for inner in value if inner not in entry[name])


def undeclared_digests(kind: str, entry: Object, current: Object) -> dict[Path, str]:
    """Return a digest of each value that `current` (normalized) has and an entry does not declare, by path.

    That of references is empty: they are keys, which may change. Secrets have none.
    """
    public, _ = split_secrets(current)
    referring = {path[0] for path, _, _ in references(kind, public)}
    return {
        path: "" if path[0] in referring else _digest(value_at(public, path))
        for path in undeclared_paths(kind, entry, public)
    }


def _digest(value: Any) -> str:
    text = json.dumps(value, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _without_nulls(value: Object) -> Object:
    return {name: item for name, item in value.items() if item is not None}


def is_declared(kind: str, entry: Object, path: Path) -> bool:
    """Return whether an entry declares the property at a path, be it null."""
    value = entry.get(path[0], MISSING)
    if value is MISSING:
        return False
    merged = isinstance(value, dict) and path[0] not in WHOLE and (kind, path[0]) != ("tool", "binding")
    return not merged or len(path) == 1 or path[1] in value


def declared_paths(kind: str, entry: Object) -> Iterator[Path]:
    """Yield the paths of the properties that an entry declares, as `is_declared` tells them apart."""
    for name, value in entry.items():
        if name in CREATE_ONLY or _is_no_property(kind, name):
            continue
        if isinstance(value, dict) and name not in WHOLE and (kind, name) != ("tool", "binding"):
            yield from ((name, inner) for inner in value)
        else:
            yield (name,)


def same_value(left: Any, right: Any) -> bool:
    """Return whether two values, JSON or `MISSING`, are equal."""
    return left is right if MISSING in (left, right) else same_json(left, right)
