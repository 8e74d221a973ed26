"""The last deploy of each app, stored on this machine, and what has changed since.

A record holds the config that went live, without secrets, so that the next deploy can report its changes.
Deploys by other users or from elsewhere are not in it; the version shows whether there was one. Records
are private files, written atomically; of a config that is too large to store, fingerprints are stored.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import quote, urlsplit

from drio_tui.api import json_codec
from drio_tui.api.errors import DrioError
from drio_tui.api.json_codec import Document
from drio_tui.kinds import KINDS
from drio_tui.schema.fields import MISSING
from drio_tui.server_id import migrate_old_files
from drio_tui.storage import paths
from drio_tui.storage.file_names import FileNames, digest
from drio_tui.storage.files import os_error_text, private_dir, read_private, write_private
from drio_tui.workspace.model.snapshot import Snapshot
from drio_tui.workspace.saving.merge import FieldChange, Object, diff
from drio_tui.workspace.saving.save_requests import comparable
from drio_tui.workspace.saving.without_secrets import without_secrets

if TYPE_CHECKING:
    from drio_tui.api.client import DrioClient

VERSION = 1
LARGEST = 4 << 20
"""The largest config in bytes that is stored in full."""
_MOST_BYTES_READ = 8 << 20
_KEPT_VERSIONS = 10
_STORED_FIXED_PROPERTIES = frozenset({"id", "integrationId"})
_FINGERPRINT = "fingerprint"


class NotDeployed(DrioError):
    """There is no endpoint to call, or the endpoint does not offer the tool."""

    title = "It is not deployed"
    hint = "Deploy the app first."


@dataclass(frozen=True, slots=True)
class Record:
    """A deploy. `resources` are the JSON of all resources by `kind/id`; of a large config `{"fingerprint": …}` each."""

    version: str
    endpoint: str
    revision: str
    at: float
    resources: Mapping[str, Object] = field(default_factory=dict, repr=False)


def resources_of(snapshot: Snapshot) -> dict[str, Object]:
    """Return what makes up a revision: every resource by `kind/id`, without secrets and server-set properties."""
    resources: dict[str, Object] = {}
    for resource in snapshot:
        resource_type = KINDS.get(resource.kind)
        if resource_type is None or not isinstance(resource.raw, dict):
            continue
        dropped = set(resource_type.fixed) - _STORED_FIXED_PROPERTIES
        raw = {name: value for name, value in comparable(resource_type, resource.raw).items() if name not in dropped}
        resources[f"{resource.kind}/{resource.id}"] = without_secrets(raw)[0]
    return resources


def revision_of(resources: Mapping[str, Object]) -> str:
    """Return a short hash of a config, independent of the order of its resources."""
    return digest(json_codec.dumps(dict(sorted(resources.items()))))[:12]


@dataclass(frozen=True, slots=True)
class Change:
    """How one resource differs from the deployed one. `fields` is empty for added, removed and fingerprinted ones."""

    what: Literal["added", "removed", "changed"]
    kind: str
    id: str
    name: str
    fields: tuple[FieldChange, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON of `--json`."""
        fields = [
            {"field": field.dotted, "before": _json(field.before), "after": _json(field.after)} for field in self.fields
        ]  # fmt: skip
        return {"what": self.what, "kind": self.kind, "id": self.id, "name": self.name, "fields": fields}


def changes_since(record: Record, resources: Mapping[str, Object]) -> list[Change]:
    """Return what a deploy of `resources` changes, kind by kind."""
    return list(_changes(record.resources, resources))


def _changes(before: Mapping[str, Object], after: Mapping[str, Object]) -> Iterator[Change]:
    order = {name: number for number, name in enumerate(KINDS)}
    for key in sorted({*before, *after}, key=lambda key: (order.get(key.partition("/")[0], len(order)), key)):
        kind, _, id = key.partition("/")
        old, new = before.get(key), after.get(key)
        name = KINDS[kind].label(new or old or {}) if kind in KINDS else id
        if old is None:
            yield Change("added", kind, id, name)
        elif new is None:
            yield Change("removed", kind, id, old.get("name") or name)
        elif _FINGERPRINT in old:
            if old[_FINGERPRINT] != digest(json_codec.dumps(new)):
                yield Change("changed", kind, id, name)
        elif fields := tuple(diff(old, new)):
            yield Change("changed", kind, id, name, fields)


class DeployRecordStore:
    """The last deploy of one app at one drio (a `server_id`). Blocking.

    `notices` are messages about records that could not be stored or read.
    """

    def __init__(self, server: str, app: str) -> None:
        self._names = FileNames("deployed", app, ".json")
        self._server = server
        self.path: Path = paths.state_dir() / "deployed" / self._names.of(server)
        self.notices: list[str] = []

    def read(self) -> Record | None:
        """Return the last deploy, None where none is known. Never raises."""
        # An earlier version stored one record per port of a sandbox; the newest of them is used.
        migrate_old_files(
            self._server, self.path, self._names.pattern, self._names.of, lambda paths: _keep_newest(paths, self.path)
        )
        try:
            return _record(json_codec.loads(read_private(self.path, limit=_MOST_BYTES_READ)))
        except FileNotFoundError:
            return None
        except (OSError, json_codec.MalformedJson) as error:
            self.notices.append(f"What was deployed last cannot be read: {os_error_text(error)}")
            return None

    def keep(self, record: Record) -> None:
        """Store a record as the last deploy. The one before stays available by its version. Never raises."""
        resources: Mapping[str, Object] = record.resources
        text = json_codec.dumps(resources)
        if len(text) > LARGEST:
            resources = {
                key: {"name": resource.get("name"), _FINGERPRINT: digest(json_codec.dumps(resource))}
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
            self._delete_oldest()
        except (OSError, ValueError) as error:
            self.notices.append(f"What was deployed could not be kept for comparing: {os_error_text(error)}")

    def restored(self, earlier: str, version: str, endpoint: str) -> None:
        """Record that the deploy `earlier` is live again as `version`, if it is stored here. Never raises."""
        with contextlib.suppress(OSError, json_codec.MalformedJson):
            record = _record(json_codec.loads(read_private(self._path_of(earlier), limit=_MOST_BYTES_READ)))
            if record is not None:
                self.keep(replace(record, version=version, endpoint=endpoint or record.endpoint, at=time.time()))

    def _path_of(self, version: str) -> Path:
        return self.path.with_name(f"{self.path.stem}.{digest(version)[:16]}.json")

    def _delete_oldest(self) -> None:
        paths = sorted(self.path.parent.glob(f"{self.path.stem}.*.json"), key=lambda path: path.stat().st_mtime)
        for path in paths[:-_KEPT_VERSIONS]:
            path.unlink(missing_ok=True)


def record_of(version: str, endpoint: str, resources: Mapping[str, Object]) -> Record:
    """Return the record of a deploy made now."""
    return Record(version, endpoint, revision_of(resources), time.time(), resources)


def _keep_newest(paths: list[Path], path: Path) -> None:
    paths[-1].rename(path)
    for other in paths[:-1]:
        other.unlink()


def _record(raw: Any) -> Record | None:
    """Return a record from its JSON; None for anything else, also from a newer version of the program."""
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


def endpoint_of(api_url: str, app: Document, *, sandbox: bool) -> str | None:
    """Return the endpoint of an app by its public id; None where it cannot be derived (contract section 5).

    The local sandbox serves it beside its API; drio at a separate host for each app.
    """
    mcp_id = app.get("publicMcpId")
    if not isinstance(mcp_id, str) or not mcp_id:
        return None
    if sandbox:
        parts = urlsplit(api_url)
        return f"{parts.scheme}://{parts.netloc}/mcp/{quote(mcp_id, safe='')}"
    host = urlsplit(api_url).hostname or ""
    if (host == "getdrio.com" or host.endswith(".getdrio.com")) and mcp_id.replace("_", "").replace("-", "").isalnum():
        return f"https://{mcp_id}.mcp.getdrio.com/mcp"
    return None


async def endpoint_of_app(client: DrioClient, app: Document) -> str:
    """Return the endpoint of an app, by its public id or from the last deploy recorded here. Raises `NotDeployed`."""
    sandbox = client.transport.is_sandbox
    endpoint = endpoint_of(client.transport.base_url, app, sandbox=sandbox)
    if endpoint is None or not sandbox:  # a local sandbox may listen at another address by now
        last_record = await asyncio.to_thread(DeployRecordStore(client.transport.server_id, str(app.get("id"))).read)
        if last_record is not None and last_record.endpoint:
            return last_record.endpoint
    if app.get("status") == "draft":
        raise NotDeployed("the app is a draft, so there is nothing to call", hint="Deploy it, or run its draft.")
    if endpoint is None:
        raise NotDeployed("its endpoint cannot be derived from what drio says", hint="Run its draft.")
    return endpoint
