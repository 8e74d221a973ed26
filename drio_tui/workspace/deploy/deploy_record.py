"""What was deployed last, kept on this machine for each app, and what has changed since.

A record holds the config that went live, without secrets, so that the next deploy can say what it brings.
Deploys by other people or from elsewhere are not in it; the version tells whether there was one. Records
are private files, written whole or not at all; of a config too large to keep, fingerprints are kept.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from drio_tui.api import json_codec
from drio_tui.kinds import KINDS
from drio_tui.schema.fields import MISSING
from drio_tui.server_id import adopt
from drio_tui.storage import paths
from drio_tui.storage.files import private_dir, read_private, reason_of, write_private
from drio_tui.workspace.model.snapshot import Snapshot
from drio_tui.workspace.saving.journal import FileNames, digest, strip
from drio_tui.workspace.saving.merge import FieldChange, Object, diff
from drio_tui.workspace.saving.save_requests import comparable

VERSION = 1
LARGEST = 4 << 20
"""Bytes of a config that is kept whole."""
_READ = 8 << 20
_KEPT_VERSIONS = 10
_KEPT_MEMBERS = frozenset({"id", "integrationId"})
_PRINT = "fingerprint"


@dataclass(frozen=True, slots=True)
class Record:
    """A deploy. `resources` are the JSON of all resources by `kind/id`; of a large config `{"fingerprint": …}` each."""

    version: str
    endpoint: str
    revision: str
    at: float
    resources: Mapping[str, Object] = field(default_factory=dict, repr=False)


def resources_of(snapshot: Snapshot) -> dict[str, Object]:
    """What makes up a revision: every resource by `kind/id`, without secrets and without what only the server sets."""
    found: dict[str, Object] = {}
    for resource in snapshot:
        kind = KINDS.get(resource.kind)
        if kind is None or not isinstance(resource.raw, dict):
            continue
        fixed = set(kind.fixed) - _KEPT_MEMBERS
        raw = {name: value for name, value in comparable(kind, resource.raw).items() if name not in fixed}
        found[f"{resource.kind}/{resource.id}"] = strip(raw)[0]
    return found


def revision_of(resources: Mapping[str, Object]) -> str:
    """A short name for a config: the same for the same config, in whatever order its parts came."""
    return digest(json_codec.dumps(dict(sorted(resources.items()))))[:12]


@dataclass(frozen=True, slots=True)
class Change:
    """How one thing differs from what was deployed. `fields` is empty for what is new, gone or not known closer."""

    what: Literal["added", "removed", "changed"]
    kind: str
    id: str
    name: str
    fields: tuple[FieldChange, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """As `--json` prints it."""
        fields = [
            {"field": one.dotted, "before": _json(one.before), "after": _json(one.after)} for one in self.fields
        ]  # fmt: skip
        return {"what": self.what, "kind": self.kind, "id": self.id, "name": self.name, "fields": fields}


def changes_since(record: Record, resources: Mapping[str, Object]) -> list[Change]:
    """What a deploy of `resources` brings, kind by kind."""
    return list(_changes(record.resources, resources))


def _changes(before: Mapping[str, Object], now: Mapping[str, Object]) -> Iterator[Change]:
    order = {name: number for number, name in enumerate(KINDS)}
    for key in sorted({*before, *now}, key=lambda one: (order.get(one.partition("/")[0], len(order)), one)):
        kind, _, id = key.partition("/")
        old, new = before.get(key), now.get(key)
        name = KINDS[kind].label(new or old or {}) if kind in KINDS else id
        if old is None:
            yield Change("added", kind, id, name)
        elif new is None:
            yield Change("removed", kind, id, old.get("name") or name)
        elif _PRINT in old:
            if old[_PRINT] != digest(json_codec.dumps(new)):
                yield Change("changed", kind, id, name)
        elif fields := tuple(diff(old, new)):
            yield Change("changed", kind, id, name, fields)


class DeployRecordStore:
    """The last deploy of one app at one drio (a `server_id`). Blocking.

    `notices` says what could not be kept or read.
    """

    def __init__(self, server: str, app: str) -> None:
        self._names = FileNames("deployed", app, ".json")
        self._server = server
        self.path: Path = paths.state_dir() / "deployed" / self._names.of(server)
        self.notices: list[str] = []

    def read(self) -> Record | None:
        """The last deploy, None where none is known. Never raises."""
        # An earlier version kept one for each port that a sandbox had: the newest counts.
        adopt(self._server, self.path, self._names.pattern, self._names.of, lambda found: _newest(found, self.path))
        try:
            return _record(json_codec.loads(read_private(self.path, limit=_READ)))
        except FileNotFoundError:
            return None
        except (OSError, json_codec.MalformedJson) as error:
            self.notices.append(f"What was deployed last cannot be read: {reason_of(error)}")
            return None

    def keep(self, record: Record) -> None:
        """Put it in the place of the one before, which is kept by its version. Never raises."""
        resources: Mapping[str, Object] = record.resources
        text = json_codec.dumps(resources)
        if len(text) > LARGEST:
            resources = {
                key: {"name": resource.get("name"), _PRINT: digest(json_codec.dumps(resource))}
                for key, resource in resources.items()
            }
        body = {
            "v": VERSION, "version": record.version, "endpoint": record.endpoint, "revision": record.revision,
            "at": record.at, "things": resources,
        }  # fmt: skip
        try:
            private_dir(self.path.parent.parent)
            private_dir(self.path.parent)
            data = json_codec.dumps(body).encode("ascii")
            write_private(self._path_of(record.version), data)
            write_private(self.path, data)
            self._forget_oldest()
        except (OSError, ValueError) as error:
            self.notices.append(f"What was deployed could not be kept for comparing: {reason_of(error)}")

    def restored(self, earlier: str, version: str, endpoint: str) -> None:
        """Note that what was deployed as `earlier` is live again as `version`, if it is known here. Never raises."""
        with contextlib.suppress(OSError, json_codec.MalformedJson):
            record = _record(json_codec.loads(read_private(self._path_of(earlier), limit=_READ)))
            if record is not None:
                self.keep(replace(record, version=version, endpoint=endpoint or record.endpoint, at=time.time()))

    def _path_of(self, version: str) -> Path:
        return self.path.with_name(f"{self.path.stem}.{digest(version)[:16]}.json")

    def _forget_oldest(self) -> None:
        kept = sorted(self.path.parent.glob(f"{self.path.stem}.*.json"), key=lambda each: each.stat().st_mtime)
        for each in kept[:-_KEPT_VERSIONS]:
            each.unlink(missing_ok=True)


def record_of(version: str, endpoint: str, resources: Mapping[str, Object]) -> Record:
    """The record of a deploy made now."""
    return Record(version, endpoint, revision_of(resources), time.time(), resources)


def _newest(found: list[Path], path: Path) -> None:
    found[-1].rename(path)
    for each in found[:-1]:
        each.unlink()


def _record(raw: Any) -> Record | None:
    """A record as it was written; None for anything else, a newer version's too."""
    with contextlib.suppress(KeyError, TypeError, AttributeError):
        resources = raw["things"]
        if raw["v"] == VERSION and all(isinstance(resource, dict) for resource in resources.values()):
            version, endpoint, revision = (
                raw[name] if isinstance(raw[name], str) else "" for name in ("version", "endpoint", "revision")
            )
            at = raw["at"]
            return Record(version, endpoint, revision, float(at) if isinstance(at, int | float) else 0.0, resources)
    return None


def _json(value: Any) -> Any:
    return None if value is MISSING else value
