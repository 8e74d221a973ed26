"""The lock file `drio.lock.json`: what was applied last, for each target, and which key is which id there.

    {"version": 1,
     "targets": {"https://api.example.com acme-support": {
        "app": "app_123",
        "ids": {"tools/search-contacts": "tool_123"},
        "renamed": {"tools/search-contacts": "find"},
        "order": ["search-contacts"],
        "applied": {…the document as it was applied, without secrets…},
        "secrets": {"auth/helpdesk-key#config.apiKey": "scrypt:SALT:HASH"},
        "undeclared": {"tool_123": {"description": "DIGEST"}},
        "begun": {"ids": {…}, "changes": […]}}}}

`begun` is there while an apply is under way, and after one that was killed: what it was about to change. The file lies
beside the document and is meant for git. It holds no secret: of a value that is only written, it has a salted hash,
which tells whether the value was changed since.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from drio_tui.api import json_codec
from drio_tui.api.errors import DrioError
from drio_tui.api.json_values import same_json
from drio_tui.document_layout import WAS, ResourceName, entry_at, objects_of, place
from drio_tui.schema.fields import MISSING
from drio_tui.storage.files import os_error_text, write_public
from drio_tui.storage.lock import user_file_lock
from drio_tui.workspace.saving.merge import FieldChange, Object, with_value
from drio_tui.workspace.saving.merge import Path as PropertyPath

FILE_NAME = "drio.lock.json"
VERSION = 1
_LIMIT = 32 << 20
_LOCK_SECONDS = 5.0
_COST = {"n": 1 << 14, "r": 8, "p": 1, "dklen": 24}

Digests = Mapping[PropertyPath, str]
"""Digests of values by path."""


class InvalidLock(DrioError):
    """The lock file cannot be read or written."""

    title = "The lock file cannot be used"
    hint = "Without it a plan still compares the document with drio. Restore the file from git, or delete it."


@dataclass(frozen=True, slots=True)
class BegunChange:
    """A change that an apply was about to make and may have made, in document form, without secrets.

    `id` is that of the resource, empty for one to be created; `key` its key in the document. `fields` are the changed
    properties, all of them for a new resource; a `deleted` one has none.
    """

    kind: str
    key: str
    id: str = ""
    fields: tuple[FieldChange, ...] = ()
    deleted: bool = False


@dataclass(frozen=True, slots=True)
class Unfinished:
    """An apply that did not do all of it: its undo group, and a digest of its document."""

    group: str
    document: str


@dataclass(frozen=True, slots=True)
class Base:
    """What was applied to one target last.

    `app` is the id of the app there, `ids` those of the resources by kind and key, `order` the keys of the tools in
    their order, `applied` the document without secrets, `secrets` a hash by place (`auth/key#config.apiKey`). `begun`
    are the changes of applies since then that did not end, `begun_ids` the ids of the keys in them. `renamed` has the
    former keys (`was`) of the entries that were renamed, `keys` the keys in drio where the server chose another one.
    `unfinished` is an apply that did not do all of it. `undeclared` has, by id, the digests of what drio had then of a
    resource and the document did not declare (`fields.undeclared_digests`), None where they are not known: for a
    resource, or for all in a file of an earlier version.
    """

    app: str = ""
    ids: Mapping[ResourceName, str] = field(default_factory=dict)
    order: tuple[str, ...] = ()
    applied: Object = field(default_factory=dict, repr=False)
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    begun: tuple[BegunChange, ...] = field(default=(), repr=False)
    begun_ids: Mapping[ResourceName, str] = field(default_factory=dict)
    renamed: Mapping[ResourceName, str] = field(default_factory=dict)
    keys: Mapping[ResourceName, str] = field(default_factory=dict)
    unfinished: Unfinished | None = None
    undeclared: Mapping[str, Digests | None] | None = field(default=None, repr=False)

    def undeclared_of(self, id: str) -> Digests | None:
        """Return the digests of what was not declared of a resource, None if they are not known."""
        if self.undeclared is None:
            return None
        return self.undeclared.get(id, {} if id in self.ids.values() else None)

    @property
    def slug(self) -> str:
        """The slug of the app as it was applied, empty if that is not known."""
        slug = objects_of({"app": self.applied.get("app")}).get("app", {}).get("slug")
        return slug if isinstance(slug, str) else ""

    def entry(self, kind: str, key: str) -> Object | None:
        """Return the entry of a resource as it was applied, None if it was not in the document."""
        return entry_at(self.applied, kind, key)


def target_of(server: str, slug: str) -> str:
    """Return the name of a target in the lock file; `server` is a `server_id`."""
    return f"{server} {slug}"


def read_base(folder: Path, target: str) -> Base | None:
    """Return what was applied to a target last, None if that is not known. Raises `InvalidLock`. Blocks."""
    value = _read(folder / FILE_NAME)["targets"].get(target)
    if value is None:
        return None
    try:
        ids = {name_of(text): str(id) for text, id in value["ids"].items()}
        secrets = {str(where): str(hashed) for where, hashed in value.get("secrets", {}).items()}
        applied = value["applied"]
        if not isinstance(applied, dict):
            raise ValueError("applied is no object")
        begun = value.get("begun", {"ids": {}, "changes": ()})
        stopped = value.get("unfinished")
        return Base(
            str(value["app"]), ids, tuple(map(str, value.get("order", ()))), applied, secrets,
            tuple(_change_from_json(change) for change in begun["changes"]),
            {name_of(text): str(id) for text, id in begun["ids"].items()},
            {name_of(text): str(was) for text, was in value.get("renamed", {}).items()},
            {name_of(text): str(key) for text, key in value.get("keys", {}).items()},
            Unfinished(str(stopped["group"]), str(stopped["document"])) if stopped else None,
            _undeclared_from_json(value.get("undeclared")),
        )  # fmt: skip
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        raise InvalidLock(f"{folder / FILE_NAME}: its entry for {target} is not valid: {error}") from error


def find_base(folder: Path, server: str, desired: Object) -> Base | None:
    """Return what was applied last to the app of a document: under its slug, else under the one that it had (`was`).

    None if that is not known. `server` is a `server_id`. Raises `InvalidLock`. Blocks.
    """
    app = entry_at(desired, "app", "") or {}
    for slug in (app.get("slug"), app.get(WAS)):
        base = read_base(folder, target_of(server, slug)) if isinstance(slug, str) else None
        if base is not None:
            return base
    return None


def known_app(base: Base | None, desired: Object) -> str:
    """Return the id of the app to which the document was applied under its slug; empty if it was not."""
    app = entry_at(desired, "app", "") or {}
    return base.app if base is not None and base.slug == app.get("slug") else ""


def write_base(folder: Path, target: str, base: Base) -> None:
    """Store what was applied to a target; those of other targets stay. Raises `InvalidLock`. Blocks.

    The file is left alone if it says so already.
    """
    path = folder / FILE_NAME
    entry: Object = {
        "app": base.app,
        "ids": _by_place(base.ids),
        "order": [*base.order],
        "applied": base.applied,
        "secrets": dict(sorted(base.secrets.items())),
    }
    if base.begun:
        changes = [_change_to_json(change) for change in base.begun]
        entry["begun"] = {"ids": _by_place(base.begun_ids), "changes": changes}
    if base.renamed:
        entry["renamed"] = _by_place(base.renamed)
    if base.keys:
        entry["keys"] = _by_place(base.keys)
    if base.undeclared is not None:
        known_ids = set(base.ids.values())
        entry["undeclared"] = {
            id: None if digests is None else _digests_to_json(digests)
            for id, digests in sorted(base.undeclared.items())
            if digests != {} or id not in known_ids  # as of what is not there
        }
    if base.unfinished is not None:
        entry["unfinished"] = {"group": base.unfinished.group, "document": base.unfinished.document}
    try:
        with user_file_lock(path).hold_blocking(_LOCK_SECONDS):
            _write_entry(path, target, entry)
    except OSError as error:
        raise InvalidLock(f"{path}: {os_error_text(error)}") from error


def _write_entry(path: Path, target: str, entry: Object) -> None:
    """Write the entry of one target into the file, in place of that of the app's former slug.

    Raises `InvalidLock` and `OSError`.
    """
    content = _read(path)
    server = target.rpartition(" ")[0]
    targets = {
        name: other
        for name, other in content["targets"].items()
        if name == target
        or name.rpartition(" ")[0] != server
        or not (entry["app"] and isinstance(other, dict) and other.get("app") == entry["app"])
    }
    if same_json(targets.get(target), entry) and len(targets) == len(content["targets"]):
        return
    targets[target] = entry
    content["targets"] = dict(sorted(targets.items()))
    if json_codec.is_deeper(content, json_codec.MAX_DEPTH):  # nobody could read the file any more
        raise InvalidLock(
            f"{path}: what is applied is nested too deeply for it",
            hint="Nest the schemas of the document less deeply; --no-lock applies it without a lock file.",
        )
    text = json_codec.dumps(content, indent=2) + "\n"
    write_public(path, text.encode("ascii"))


def hash_of(secret: str, salt: bytes | None = None) -> str:
    """Return a salted hash of a secret, which cannot be turned back by trying short values quickly (scrypt, 50 ms)."""
    salt = os.urandom(12) if salt is None else salt
    hashed = hashlib.scrypt(secret.encode("utf-8", "surrogatepass"), salt=salt, **_COST)
    return f"scrypt:{base64.b64encode(salt).decode()}:{base64.b64encode(hashed).decode()}"


def has_changed(secret: str, hashed: str) -> bool | None:
    """Return whether a secret is another one than that of the hash; None if the hash is not readable."""
    try:
        _, salt, _ = hashed.split(":")
        return not hmac.compare_digest(hash_of(secret, base64.b64decode(salt, validate=True)), hashed)
    except ValueError:
        return None


def _read(path: Path) -> Object:
    try:
        with path.open("rb") as file:
            data = file.read(_LIMIT + 1)
    except FileNotFoundError:
        return {"version": VERSION, "targets": {}}
    except OSError as error:
        raise InvalidLock(f"{path}: {os_error_text(error)}") from error
    try:
        if len(data) > _LIMIT:
            raise ValueError("it is too large")
        content: Any = json_codec.loads(data)
        if not isinstance(content, dict) or not isinstance(content.get("targets"), dict):
            raise ValueError("it has no targets")
        if content.get("version") != VERSION:
            raise ValueError(f"its version is {content.get('version')}; this program knows {VERSION}")
    except ValueError as error:
        raise InvalidLock(f"{path}: {error}") from error
    return content


def _by_place(texts: Mapping[ResourceName, str]) -> Object:
    return dict(sorted((place(kind, key), text) for (kind, key), text in texts.items() if kind != "app"))


def _change_to_json(change: BegunChange) -> Object:
    value: Object = {"place": place(change.kind, change.key), "id": change.id}
    if change.deleted:
        return value | {"deleted": True}
    fields = [
        {"path": [*item.path]}
        | {name: known for name in ("before", "after") if (known := getattr(item, name)) is not MISSING}
        for item in change.fields
    ]
    return value | {"fields": fields}


def _change_from_json(value: Mapping[str, Any]) -> BegunChange:
    kind, key = ("app", "") if value["place"] == "app" else name_of(value["place"])
    fields = tuple(
        FieldChange(tuple(map(str, item["path"])), item.get("before", MISSING), item.get("after", MISSING))
        for item in value.get("fields", ())
    )
    return BegunChange(kind, key, str(value["id"]), fields, value.get("deleted") is True)


def _digests_to_json(digests: Digests) -> Object:
    value: Object = {}
    for path, digest in sorted(digests.items()):
        value = with_value(value, path, digest)
    return value


def _undeclared_from_json(value: Mapping[str, Any] | None) -> dict[str, Digests | None] | None:
    if value is None:
        return None
    return {str(id): None if digests is None else dict(_digests_from_json(digests)) for id, digests in value.items()}


def _digests_from_json(value: Mapping[str, Any]) -> Iterator[tuple[PropertyPath, str]]:
    for name, item in value.items():
        if isinstance(item, dict):
            yield from (((name, inner), str(digest)) for inner, digest in item.items())
        else:
            yield (name,), str(item)


_KINDS = {"auth": "auth", "integrations": "integration", "tools": "tool", "widgets": "widget"}


def name_of(text: str) -> ResourceName:
    """Return the kind and key of a place. Raises `ValueError`."""
    section, _, key = text.partition("/")
    if section not in _KINDS or not key:
        raise ValueError(f"{text} is no resource")
    return ("operation" if section == "integrations" and "/" in key else _KINDS[section]), key
