"""A document compared with its app in the program: the plan, what of it the user chose, and what is to be said."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from drio_tui.api.client import DrioClient
from drio_tui.api.errors import DrioError
from drio_tui.document_layout import WAS, ResourceName, place, references
from drio_tui.manifest.apply import DocumentPlan, plan_for, read_snapshot, slug_of
from drio_tui.manifest.compare import Change, Options
from drio_tui.manifest.document import Document, read_document
from drio_tui.manifest.drift import Drift, find_drift
from drio_tui.manifest.form import DocumentForm, to_document
from drio_tui.manifest.lock import Base, find_base, known_app, target_of, write_base
from drio_tui.manifest.new_base import base_after
from drio_tui.manifest.problems import DocumentProblem
from drio_tui.manifest.pull import Pull, desired_of, pull
from drio_tui.manifest.pull_entry import PullOptions
from drio_tui.manifest.secret import NOT_GIVEN
from drio_tui.manifest.validation import validate
from drio_tui.plan.steps import Step
from drio_tui.workspace.lint.allowed_hosts import allowed_hosts
from drio_tui.workspace.saving.merge import Object, with_value


class OtherApp(DrioError):
    """The document belongs to another app."""

    title = "The document is of another app"
    hint = "Choose another document, or export the app to a new one."


@dataclass(frozen=True)
class OpenedDocument:
    """A document and the plan that makes its app equal to it.

    `resolved` is the same plan in which the document is taken where both sides changed. `warnings` are what a
    validation found in the document, errors included that do not keep it from being compared.
    """

    path: Path
    document: Document
    plan: DocumentPlan
    resolved: DocumentPlan
    drift: Drift
    target: str
    warnings: tuple[DocumentProblem, ...] = ()

    def chosen(self, names: Collection[ResourceName]) -> DocumentPlan:
        """Return the plan with only the changes of these resources; of a conflict the document is taken."""
        resolved = {change.name: change for change in self.resolved.changes}
        known = {change.name for change in self.plan.changes}
        chosen = [change for change in self.plan.changes if change.name in names]
        changes = [resolved.get(change.name, change) if change.action == "conflict" else change for change in chosen]
        if any(conflict.path == ("order",) for change in chosen for conflict in change.conflicts):
            # The order of the tools is one conflict, of the first of them; the others follow.
            changes += [change for change in self.resolved.changes if change.name not in known]
        return replace(self.plan, comparison=replace(self.plan.comparison, changes=tuple(changes)))

    def needed(self, names: Collection[ResourceName]) -> set[ResourceName]:
        """Return the resources that are not among `names` and that those need to be created first."""
        changes = {change.name: change for change in self.resolved.changes}
        created = {change.name for change in changes.values() if change.action == "create"}
        found: set[ResourceName] = set()
        queue = [*names]
        while queue:
            change = changes.get(queue.pop())
            missing = {name for name in _uses(change) if name in created} - found - {*names} if change else set()
            found |= missing
            queue += missing
        return found

    async def store_base(self, base: Base | None) -> None:
        """Write what was applied to the lock file, if that has changed. Raises `InvalidLock`."""
        if base is not None:
            await asyncio.to_thread(write_base, self.document.root, self.target, base)


def _uses(change: Change) -> set[ResourceName]:
    """Return what the new values of a change refer to, and for an operation its integration."""
    entry: Object = dict(change.entry)
    for field in change.fields:
        entry = with_value(entry, field.path, field.after)
    used = {(kind, key) for _, kind, key in references(change.kind, entry)}
    if change.kind == "operation":
        used.add(("integration", change.key.partition("/")[0]))
    return used


async def open_document(
    client: DrioClient, app: str, path: Path, environ: Mapping[str, str], *, prune: bool = False
) -> OpenedDocument:
    """Read a document and compare it with the app of this id.

    Secrets that are not in `environ` have no value. Raises `BadDocument`, `OtherApp`, `InvalidLock`, `IncompleteRead`
    and what a request can raise.
    """
    document, desired = await asyncio.to_thread(_read, path, environ)
    snapshot = await read_snapshot(client, app)
    allowed = await allowed_hosts(client)
    base_url, server = client.transport.base_url, client.transport.server_id
    target = target_of(server, slug_of(desired))

    def compare() -> OpenedDocument:
        form = to_document(snapshot)
        base = find_base(document.root, server, desired)
        _require_same_app(desired, form, base)
        plan = plan_for(desired, snapshot, form, base=base, options=Options(prune=prune))
        options = Options(prune=prune, on_conflict="document")
        has_conflicts = bool(plan.comparison.conflicts)
        resolved = plan_for(desired, snapshot, form, base=base, options=options) if has_conflicts else plan
        drift = find_drift(desired, form, base)
        warnings = tuple(validate(document, environ, base_url=base_url, allowed=allowed))
        return OpenedDocument(path, document, plan, resolved, drift, target, warnings)

    return await asyncio.to_thread(compare)


@dataclass(frozen=True)
class PlannedPull:
    """What a pull would change in the files of a document; `result` includes what only a delete removes."""

    path: Path
    document: Document
    form: DocumentForm
    base: Base | None
    server: str
    result: Pull

    async def write(self, names: Collection[ResourceName], environ: Mapping[str, str]) -> list[str]:
        """Pull only these resources, for a conflict drio's values; return the names of the changed files.

        The lock file follows if it knows the app. Raises `NotPulled`, `BadDocument` and `InvalidLock`.
        """
        options = PullOptions(delete=True, on_conflict="drio", only=frozenset(names))
        root = self.document.root

        def change_files() -> Pull:
            result = pull(self.document, self.form, environ, base=self.base, options=options)
            result.write_files()
            return result

        result = await asyncio.to_thread(change_files)
        if self.base is not None:
            after = await asyncio.to_thread(lambda: desired_of(read_document(self.path), environ))
            base = await asyncio.to_thread(base_after, after, self.form, self.base)
            target = target_of(self.server, slug_of(after))  # the slug may be another one now
            await asyncio.to_thread(write_base, root, target, base)
        return sorted(path.relative_to(root).as_posix() for path in result.files)


async def plan_pull(client: DrioClient, app: str, path: Path, environ: Mapping[str, str]) -> PlannedPull:
    """Return what a pull would change in a document of the app of this id.

    Raises `NotPulled` and what `open_document` raises.
    """
    document = await asyncio.to_thread(read_document, path)
    snapshot = await read_snapshot(client, app)

    def compare() -> PlannedPull:
        form, desired = to_document(snapshot), desired_of(document, environ)
        server = client.transport.server_id
        base = find_base(document.root, server, desired)
        _require_same_app(desired, form, base)
        result = pull(document, form, environ, base=base, options=PullOptions(delete=True))
        return PlannedPull(path, document, form, base, server, result)

    return await asyncio.to_thread(compare)


async def drift_of(client: DrioClient, app: str, path: Path, environ: Mapping[str, str]) -> Drift:
    """Return how the app of this id differs from its document. Raises what `open_document` raises."""
    document, desired = await asyncio.to_thread(_read, path, environ)
    snapshot = await read_snapshot(client, app)
    server = client.transport.server_id

    def compare() -> Drift:
        form = to_document(snapshot)
        base = find_base(document.root, server, desired)
        _require_same_app(desired, form, base)
        return find_drift(desired, form, base)

    return await asyncio.to_thread(compare)


def _read(path: Path, environ: Mapping[str, str]) -> tuple[Document, Object]:
    document = read_document(path)
    secrets = {name: environ.get(name) or NOT_GIVEN for name in document.secret_names()}
    return document, document.resolve(environ, secrets)


def _require_same_app(desired: Object, form: DocumentForm, base: Base | None) -> None:
    """Raise `OtherApp` unless the document has the slug of the app, or had it (`was`), or was applied to it last."""
    if (known := known_app(base, desired)) and known in form.ids.values():
        return
    current = (form.entry("app", "") or {}).get("slug")
    slug = slug_of(desired)
    if current not in (slug, desired["app"].get(WAS)):
        raise OtherApp(f"It is the document of {slug}, and this app is {current}.")


def key_of(name: ResourceName) -> str:
    """Return the key of a resource's line in a plan view: its place in the document."""
    return place(*name)


def key_of_step(step: Step) -> str:
    """Return the key of the line that a step of a document's plan belongs to: `update:tools/x` → `tools/x`."""
    return step.id.partition(":")[2]
