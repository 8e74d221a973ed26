"""A plan in a file, `plan.json`: made by `plan --out`, reviewed, carried out by `apply plan.json`.

It is bound to a drio, an app and the state of the resources that it changes, and refused when one of them was changed
since. It has no secret: where one is sent, it has the name. How far it got is recorded in the file before each
request, so that applying it again goes on after an interruption, and does nothing twice.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from drio_tui.api import json_codec
from drio_tui.api.errors import DrioError, UsageError, top_property
from drio_tui.document_layout import ResourceName, entries, place, references, to_api
from drio_tui.kinds import KINDS
from drio_tui.manifest.apply import DocumentPlan, NotApplicable, plan_for
from drio_tui.manifest.compare import Change, Comparison, OnConflict, Options
from drio_tui.manifest.fields import split_secrets
from drio_tui.manifest.form import DocumentForm
from drio_tui.manifest.lock import Base, name_of
from drio_tui.manifest.matching import with_item
from drio_tui.manifest.secret import NOT_GIVEN, Secret, secrets_in
from drio_tui.plan.changes import SYMBOLS, as_dict
from drio_tui.plan.state import (
    PlanState,
    StateLines,
    add_lines,
    as_text,
    known_from_json,
    state_from_json,
    state_to_json,
)
from drio_tui.schema.fields import MISSING
from drio_tui.storage.file_names import digest
from drio_tui.storage.files import append_public, os_error_text, write_public
from drio_tui.workspace.model.snapshot import Snapshot
from drio_tui.workspace.saving.history import new_id
from drio_tui.workspace.saving.merge import FieldChange, Object

VERSION = 1
_FORMAT = "drio-tui plan"
_END = "\n}\n"
"""The end of the JSON object: the only line that is a brace alone."""
_LIMIT = 64 << 20
_ORDER = ("order",)
_CREATE_APP = "create:app"


class BadPlan(DrioError):
    """The file is no plan, or cannot be used here."""

    title = "The plan cannot be used"


@dataclass(slots=True)
class SavedPlan:
    """A plan as it is in a file.

    `server` is a `server_id`, `host` its address for messages; `app` is the id of the app, empty if it does not exist
    yet. `desired` is the document, `folder` that of its lock file, relative to the plan. `fingerprints` are those of
    the resources that it changes, by place, with and without their references. `state` and `group` are how far it got.
    """

    server: str
    host: str
    slug: str
    app: str
    desired: Object = field(repr=False)
    options: Options
    changes: tuple[Change, ...]
    ids: Mapping[ResourceName, str]
    fingerprints: Mapping[str, tuple[str, str]]
    folder: str = ""
    group: str = field(default_factory=new_id)
    state: PlanState = field(default_factory=PlanState)
    finished: bool = False
    view: Object = field(default_factory=dict, repr=False)

    @property
    def is_new(self) -> bool:
        """Whether nothing of it was begun."""
        return all(step.state == "todo" for step in self.state.steps.values())

    def plan(self, snapshot: Snapshot, form: DocumentForm, base: Base | None) -> DocumentPlan:
        """Return the plan for the app as it is now; the secrets in it have no values.

        Raises `NotApplicable` if the app was changed since the plan was made.
        """
        if not self.app:
            if snapshot.app_id and self.state.step(_CREATE_APP).state == "todo":
                raise NotApplicable(f"the app {self.slug} exists now", hint="Nothing was written. Make a new plan.")
            # what the new app has from its template is compared once it exists
            return plan_for(self.desired, snapshot, form, base=base, options=self.options)
        self._require_unchanged(form)
        comparison = Comparison(self.changes, ids=self.ids)
        return DocumentPlan(self.desired, self.app, snapshot, form, comparison, self.options, base)

    def _require_unchanged(self, form: DocumentForm) -> None:
        now = fingerprints_of(form, self.changes)
        freed = {(change.kind, change.was) for change in self.changes if change.action == "rename"}
        moved: list[str] = []
        for change in self.changes:
            where = place(change.kind, change.key)
            if any(state.state != "todo" for id, state in self._states_of(where)):
                continue
            # the steps that were done may have changed references of other resources
            index = 0 if self.is_new else 1
            before, current = self.fingerprints.get(where), now.get(where)
            if change.action == "create":
                if change.name in form.ids and change.name not in freed:
                    moved.append(f"{where} exists now")
            elif current is None:
                moved.append(f"{where} was deleted")
            elif before is None or before[index] != current[index]:
                moved.append(f"{where} was changed")
        moved += self._new_references_to_deleted(form)
        if moved:
            raise NotApplicable(
                f"the app has moved on since the plan was made: {', '.join(moved)}",
                hint="Nothing was written. Make a new plan.",
            )

    def _new_references_to_deleted(self, form: DocumentForm) -> Iterator[str]:
        """Yield what refers to, or is in, a resource that the plan deletes, and is not changed by it.

        The plan would not have been made with it: a server may delete it too.
        """
        deleted = {(change.kind, change.id) for change in self.changes if change.action == "delete"}
        changed = {(change.kind, change.id) for change in self.changes}
        for kind, key, entry in entries(form.data) if deleted else ():
            if kind == "app" or (kind, form.ids[kind, key]) in changed:
                continue
            targets = [(to, target) for _, to, target in references(kind, entry)]
            if kind == "operation":
                targets.append(("integration", key.partition("/")[0]))
            for target in targets:
                if (target[0], form.ids.get(target, "")) in deleted:
                    yield f"{place(kind, key)} needs {place(*target)} now"

    def _states_of(self, where: str) -> Iterator[tuple[str, Any]]:
        names = {f"{verb}:{where}" for verb in ("create", "update", "delete", "chain", "unbind", "free")}
        return ((id, state) for id, state in self.state.steps.items() if id in names)


def save_plan(plan: DocumentPlan, *, server: str, host: str, folder: str = "", target: str = "") -> SavedPlan:
    """Return a plan that can be stored.

    Raises `NotApplicable`, and `UsageError` if the document has a secret itself.
    """
    plan.require_applicable()
    for kind, key, entry in entries(plan.desired):
        for path, secret in split_secrets(entry)[1].items():
            if not any(True for _ in secrets_in(secret)):
                raise UsageError(
                    f"{place(kind, key, path)} is a secret, and a plan holds none",
                    hint="Write { $secret: NAME } in the document.",
                )
    return SavedPlan(
        server, host, plan.slug, plan.app, plan.desired, plan.options, plan.changes, plan.comparison.ids,
        fingerprints_of(plan.form, plan.changes), folder, view=as_dict(plan.comparison.view(target)),
    )  # fmt: skip


def fingerprints_of(form: DocumentForm, changes: Iterable[Change]) -> dict[str, tuple[str, str]]:
    """Return two digests of each existing resource that is changed, by place: of all, and of all but references.

    Ids stand for keys in them, so that a rename of another resource is no change.
    """
    names = {(kind, id): (kind, key) for (kind, key), id in form.ids.items()}
    result: dict[str, tuple[str, str]] = {}
    for change in changes:
        name = names.get((change.kind, change.id))
        entry = form.entry(*name) if name is not None else None
        if name is None or entry is None:
            continue
        resource = to_api(change.kind, entry, lambda kind, key: form.ids.get((kind, key), ""))
        resource["key"] = name[1]
        if any(item.path == _ORDER for item in change.fields):
            resource["order"] = form.orders.get(name[1])
        references = {top_property(reference.path) for reference in KINDS[change.kind].references}
        rest = {name: value for name, value in resource.items() if name not in references}
        result[place(change.kind, change.key)] = (_digest(resource), _digest(rest))
    return result


def _digest(value: Object) -> str:
    return digest(json_codec.dumps(dict(sorted(value.items()))))


def secret_names(plan: SavedPlan) -> list[str]:
    """Return the names of all secrets in the document of a plan, each once."""
    return list(dict.fromkeys(secret.name for _, secret in secrets_in(plan.desired)))


# --- the file --------------------------------------------------------------------------------------


class PlanFile:
    """The file of a plan; `save` records how far it got.

    The file is one JSON object. While the plan is carried out, a line for each change of its progress is behind it.
    """

    def __init__(self, path: Path, plan: SavedPlan) -> None:
        self.path, self.plan = path, plan
        self._lines = StateLines()
        self._is_written = False

    async def save(self) -> None:
        """Add how far the plan got, without blocking the event loop. Raises `BadPlan`."""
        lines = self._lines.changed(self.plan.state)
        if not self._is_written:
            await self._save_whole()
        elif lines:
            self._is_written = False  # after a failure the next save writes everything
            await asyncio.to_thread(self._write, append_public, as_text(lines))
            self._is_written = True

    async def end(self, *, finished: bool) -> None:
        """Write the file as one JSON object again; `finished`: all of the plan is done. Raises `BadPlan`."""
        self.plan.finished = finished
        await self._save_whole()

    async def _save_whole(self) -> None:
        text = self._text()
        await asyncio.to_thread(self._write, write_public, text)
        self._is_written = True

    def store(self) -> None:
        """Write the file. Raises `BadPlan`. Blocks."""
        self._write(write_public, self._text())

    def _text(self) -> bytes:
        fixed = json_codec.dumps(_fixed_to_json(self.plan), indent=1)[:-2]
        return f'{fixed},\n "progress": {json_codec.dumps(_progress_to_json(self.plan))}{_END}'.encode("ascii")

    def _write(self, write: Callable[[Path, bytes], None], data: bytes) -> None:
        try:
            write(self.path, data)
        except OSError as error:
            raise BadPlan(f"{self.path} cannot be written: {os_error_text(error)}") from error


def read_plan(path: Path) -> PlanFile:
    """Return the plan in a file. Raises `BadPlan`. Blocks."""
    try:
        with path.open("rb") as file:
            data = file.read(_LIMIT + 1)
    except OSError as error:
        raise BadPlan(f"{path} cannot be read: {os_error_text(error)}") from error
    try:
        if len(data) > _LIMIT:
            raise ValueError("it is too large")
        text, end, lines = data.partition(_END.encode())
        content = json_codec.loads(text + end)
        if not isinstance(content, dict) or content.get("format") != _FORMAT:
            raise ValueError("it was not made by `drio-tui plan --out`")
        if content["version"] != VERSION:
            raise ValueError("it was made by another version of drio-tui")
        plan = _from_json(content)
        add_lines(plan.state, lines)
        return PlanFile(path, plan)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BadPlan(f"{path} is no plan: {error}") from error


def is_plan(path: Path) -> bool:
    """Return whether a file looks like a plan, and not like a document. Blocks."""
    try:
        with path.open("rb") as file:
            return f'"format": "{_FORMAT}"'.encode() in file.read(200)
    except OSError:
        return False


def relative_folder(folder: Path, plan: Path) -> str:
    """Return the folder of a document relative to that of a plan, as it is stored."""
    return Path(os.path.relpath(folder.resolve(), plan.resolve().parent)).as_posix()


def _fixed_to_json(plan: SavedPlan) -> Object:
    options = plan.options
    return {
        "format": _FORMAT,
        "version": VERSION,
        "server": plan.server,
        "host": plan.host,
        "slug": plan.slug,
        "app": plan.app,
        "folder": plan.folder,
        "group": plan.group,
        "options": {
            "prune": options.prune, "onConflict": options.on_conflict, "writeSecrets": [*options.write_secrets],
            "exact": options.exact,
        },
        "plan": plan.view,
        "fingerprints": {where: [*digests] for where, digests in plan.fingerprints.items()},
        "ids": {place(*name): id for name, id in plan.ids.items() if name[0] != "app"},
        "changes": [_change_to_json(change) for change in plan.changes],
        "document": _encoded(plan.desired),
    }  # fmt: skip


def _progress_to_json(plan: SavedPlan) -> Object:
    return {
        "finished": plan.finished,
        "steps": {id: state_to_json(state) for id, state in plan.state.steps.items()},
        "known": {key: [*ids] for key, ids in plan.state.known.items()},
    }


def _from_json(content: Mapping[str, Any]) -> SavedPlan:
    options, progress = content["options"], content["progress"]
    if options["onConflict"] not in ("", "document", "drio"):
        raise ValueError("its options are not valid")
    state = PlanState(
        {str(id): state_from_json(item) for id, item in progress["steps"].items()}, known_from_json(progress["known"])
    )
    ids = {name_of(where): _text(id) for where, id in content["ids"].items()}
    app = _text(content["app"])
    if app:
        ids["app", _text(content["slug"])] = app
    return SavedPlan(
        _text(content["server"]), _text(content["host"]), _text(content["slug"]), app, _decoded(content["document"]),
        Options(
            bool(options["prune"]), cast(OnConflict, options["onConflict"]),
            tuple(map(_text, options["writeSecrets"])), bool(options["exact"]),
        ),
        tuple(_change_from_json(change) for change in content["changes"]), ids,
        {str(where): (_text(digests[0]), _text(digests[1])) for where, digests in content["fingerprints"].items()},
        _text(content["folder"]), _text(content["group"]), state, bool(progress["finished"]),
        content["plan"],
    )  # fmt: skip


def _change_to_json(change: Change) -> Object:
    fields = [
        {"path": [*item.path]}
        | ({} if item.before is MISSING else {"before": item.before})
        | ({} if item.after is MISSING else {"after": _encoded(item.after)})
        for item in change.fields
    ]
    texts = {name: getattr(change, name) for name in _CHANGE_TEXTS}
    return texts | {"entry": _encoded(change.entry), "fields": fields}


def _change_from_json(value: Mapping[str, Any]) -> Change:
    action, kind, key, id, was, note = (_text(value[name]) for name in _CHANGE_TEXTS)
    if action not in SYMBOLS or kind not in KINDS:
        raise ValueError("it has an unknown change")
    fields = tuple(
        FieldChange(
            tuple(map(_text, item["path"])), item.get("before", MISSING),
            _decoded(item["after"]) if "after" in item else MISSING,
        )
        for item in value["fields"]
    )  # fmt: skip
    return Change(action, kind, key, id, was, _decoded(value["entry"]), fields, note=note)


_CHANGE_TEXTS = ("action", "kind", "key", "id", "was", "note")


def _encoded(value: Any) -> Object:
    """Return a value as JSON, with the names of the secrets in it by their paths."""
    secrets = [[[*path], secret.name] for path, secret in secrets_in(value)]
    return {"value": _without(value)} | ({"secrets": secrets} if secrets else {})


def _without(value: Any) -> Any:
    if isinstance(value, Secret):
        return None
    if isinstance(value, dict):
        return {name: _without(item) for name, item in value.items()}
    return [_without(item) for item in value] if isinstance(value, list) else value


def _decoded(value: Mapping[str, Any]) -> Any:
    result = value["value"]
    for path, name in value.get("secrets", ()):
        result = with_item(result, tuple(map(_text, path)), Secret(_text(name), NOT_GIVEN))
    return result


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("it has no text where there should be one")
    return value
