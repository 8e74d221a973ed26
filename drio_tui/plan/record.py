"""Plans in progress in the state folder, so that a plan goes on after the program was killed.

A plan has two private files in `plans/`: `ID.json` with its steps, without secrets, and `ID.states` to which a line is
appended for each change of a step's state. Both are removed when the plan is done. The process that carries it out
holds a lock file. Everything but `PlanSession.save` blocks and needs no event loop.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from drio_tui.api import json_codec
from drio_tui.kinds import AUTH, KINDS
from drio_tui.plan.executor import Executor
from drio_tui.plan.state import (
    PlanState,
    StateLines,
    StepState,
    add_lines,
    as_text,
    known_from_json,
    state_from_json,
    state_to_json,
)
from drio_tui.plan.steps import Step
from drio_tui.schema.fields import MISSING
from drio_tui.server_id import may_belong_to
from drio_tui.storage.files import append_private, os_error_text, private_dir, read_private
from drio_tui.storage.shared_files import FileInUse as FileInUse
from drio_tui.storage.shared_files import is_locked, lock_file
from drio_tui.storage.store import LIMIT, PrivateFileStore
from drio_tui.workspace.saving.history import new_id
from drio_tui.workspace.saving.merge import FieldChange, Object, dotted, value_at, with_value
from drio_tui.workspace.saving.saver import Saver
from drio_tui.workspace.saving.unsaved_edits import SECRETIVE
from drio_tui.workspace.saving.without_secrets import without_secrets

VERSION = 1
_RESUMABLE = frozenset({"create", "update", "detach", "delete"})
_PUBLIC_CONFIG = frozenset({
    "type", "in", "name", "headerName", "username", "clientId", "scopes", "authorizationEndpoint", "tokenEndpoint",
    "requiresAuthorizationEndpoint", "requiresTokenEndpoint",
})  # fmt: skip
"""The properties of an auth connection's `config` that are known to be no secrets."""


@dataclass(slots=True)
class PlanRecord:
    """A plan and how far it got.

    `server` (a `server_id`), `profile` and `app` (an id; empty if the plan creates it) are where it belongs; `title`
    says what it does, not yet sanitized. `ids` are those of refs that the plan does not create, `group` is the undo
    group, `at` the time of the last change in seconds since the epoch.
    """

    profile: str
    server: str
    app: str
    title: str
    steps: tuple[Step, ...]
    state: PlanState = field(default_factory=PlanState)
    ids: dict[str, str] = field(default_factory=dict)
    group: str = field(default_factory=new_id)
    at: float = field(default_factory=time.time)
    id: str = field(default_factory=lambda: secrets.token_hex(12))

    @property
    def counts(self) -> tuple[int, int]:
        """The number of steps that are done and of all steps."""
        return sum(self.state.step(step.id).state == "done" for step in self.steps), len(self.steps)

    @property
    def lost(self) -> tuple[str, ...]:
        """What the steps with secrets that were not kept do, not yet sanitized."""
        return tuple(step.about for step in self.steps if step.lost and self.state.step(step.id).state != "done")


@dataclass(frozen=True, slots=True)
class LoadedRecords:
    """The plans in progress, newest first, and one message for each file that could not be read."""

    records: list[PlanRecord]
    problems: list[str]


def load_records(profile: str | None = None, server: str | None = None) -> LoadedRecords:
    """Return the interrupted plans of one profile and one drio (a `server_id`), or of all.

    Plans that a process is carrying out are left out. A file that cannot be read is moved aside.
    """
    records, problems = _STORE.read_all()
    matching = [
        record
        for record in records
        if profile in (None, record.profile)
        and (server is None or may_belong_to(record.server, server))
        and not is_locked(_STORE.path(record.id))
    ]
    return LoadedRecords(sorted(matching, key=lambda record: record.at, reverse=True), problems)


def discard(id: str) -> None:
    """Delete a plan, if it exists. Raises `FileInUse`, or `OSError` when it cannot be removed."""
    with ExitStack() as stack:
        lock_file(stack, _STORE.path(id), "plan")
        _remove(id)


class PlanSession:
    """Holds the lock of one plan while it is carried out, and writes its state.

    Opened with `begin` (a new plan) or `resume`; `close` releases the lock. `problem` is the reason why the last write
    failed, or empty; the state then lives on in memory only.
    """

    def __init__(self, record: PlanRecord, lock: ExitStack) -> None:
        self.record = record
        self.problem = ""
        self._lock = lock
        self._mutex = threading.Lock()
        self._closed = False
        self._lines = StateLines()
        self._steps_written: tuple[Step, ...] | None = None
        self._executor: Executor | None = None

    @classmethod
    def begin(cls, record: PlanRecord) -> PlanSession:
        """Begin a plan; its files are written with the first save. Raises `OSError`."""
        private_dir(_STORE.folder.parent)
        private_dir(_STORE.folder)
        with ExitStack() as stack:
            lock_file(stack, _STORE.path(record.id), "plan")
            return cls(record, stack.pop_all())

    @classmethod
    def resume(cls, id: str) -> PlanSession:
        """Open a stored plan.

        Raises `FileInUse`, `FileNotFoundError`, `OSError` or `ValueError`.
        """
        with ExitStack() as stack:
            lock_file(stack, _STORE.path(id), "plan")
            record = _STORE.read(id)
            if record is None:
                raise ValueError("the plan was made by a newer version of the program")
            return cls(record, stack.pop_all())

    @classmethod
    def keep(cls, executor: Executor, profile: str, server: str, title: str) -> PlanSession | None:
        """Begin the record of a plan that `executor` carries out; None if the state folder cannot be used."""
        record = PlanRecord(
            profile, server, executor.app, title, tuple(executor.steps), executor.plan_state, executor.given_ids,
            executor.group,
        )  # fmt: skip
        try:
            session = cls.begin(record)
        except OSError:
            return None
        session._attach(executor)
        return session

    def executor(self, saver: Saver, **options: Any) -> Executor:
        """Return the executor of the plan, which saves its state here; the options are those of `Executor`."""
        record = self.record
        executor = Executor(
            saver, record.app, record.steps, record.state, ids=record.ids, group=record.group, **options
        )
        self._attach(executor)
        return executor

    def _attach(self, executor: Executor) -> None:
        self._executor = executor
        executor.store_with(self.save)

    async def save(self) -> None:
        """Write what has changed since the last call, off the event loop."""
        record = self.record
        if self._executor is not None:
            record.app, record.steps = self._executor.app, tuple(self._executor.steps)
        lines = self._lines.changed(record.state)
        document = to_json(record) if self._steps_written != record.steps else None
        self._steps_written = record.steps
        await asyncio.to_thread(self._write, document, lines)

    def close(self, *, forget: bool = False) -> None:
        """Release the lock; with `forget`, delete the plan."""
        with self._mutex:
            self._closed = True
            if forget:
                with contextlib.suppress(OSError):
                    _remove(self.record.id)
        self._lock.close()

    def _write(self, document: Object | None, lines: list[Object]) -> None:
        with self._mutex:
            if self._closed:
                return
            try:
                if document is not None:
                    _write_document(self.record.id, document)
                elif lines:
                    _append_lines(self.record.id, lines)
            except (OSError, ValueError) as error:
                self._steps_written = None  # the next save writes everything
                self.problem = f"The progress cannot be kept: {os_error_text(error)}"
            else:
                self.problem = ""


# -- the files --------------------------------------------------------------------------------------


def _write_document(id: str, document: Object) -> None:
    """Write the steps with the whole state, and remove the lines that were appended before."""
    _STORE.write(id, json_codec.dumps(document).encode("ascii"))
    _states_path(id).unlink(missing_ok=True)


def _append_lines(id: str, lines: Iterable[Object]) -> None:
    with append_private(_states_path(id), keep=LIMIT) as file:
        file.write(as_text(lines))
        file.flush()
        os.fsync(file.fileno())


def _states_path(id: str) -> Path:
    return _STORE.path(id).with_suffix(".states")


def _remove(id: str) -> None:
    _STORE.remove(id)
    for suffix in (".states", ".lock"):
        _STORE.path(id).with_suffix(suffix).unlink(missing_ok=True)


def _parse(data: Any, id: str) -> PlanRecord | None:
    record = from_json(data)
    if record is None:
        return None
    if record.id != id:
        raise ValueError("it is not a plan")
    try:
        appended = read_private(_states_path(id), limit=2 * LIMIT)
    except FileNotFoundError:
        return record
    add_lines(record.state, appended)
    record.at = max([record.at, *(state.at for state in record.state.steps.values())])
    return record


_STORE = PrivateFileStore("plans", "plan", "plans", _parse)


# -- to and from JSON -------------------------------------------------------------------------------


def to_json(record: PlanRecord) -> Object:
    """Return a plan as stored in its file: without secrets, and without steps that cannot go on in another process."""
    kept = [step for step in record.steps if step.verb in _RESUMABLE]
    return {
        "v": VERSION,
        **{name: getattr(record, name) for name in _TEXTS},
        "at": time.time(),
        "ids": {**record.ids},
        "steps": [_step_to_json(without_step_secrets(step)) for step in kept],
        "states": {id: state_to_json(state) for id, state in record.state.steps.items()},
        "known": {key: [*ids] for key, ids in record.state.known.items()},
    }


def from_json(value: Any) -> PlanRecord | None:
    """Return the plan that a file holds; None for one of a newer version.

    Raises `ValueError`, `KeyError`, `TypeError` or `AttributeError`.
    """
    if not isinstance(value, dict) or not isinstance(value.get("v"), int):
        raise ValueError("it is not a plan")
    if value["v"] != VERSION:
        return None
    texts = {name: _text(value[name]) for name in _TEXTS}
    steps = tuple(_step_from_json(item) for item in value["steps"])
    states: dict[str, StepState] = {str(id): state_from_json(item) for id, item in value["states"].items()}
    return PlanRecord(
        **texts, at=float(value["at"]), steps=steps, state=PlanState(states, known_from_json(value["known"])),
        ids={str(ref): _text(id) for ref, id in value["ids"].items()},
    )  # fmt: skip


def without_step_secrets(step: Step) -> Step:
    """Return a step without the secrets in it, as it is read again; `lost` has the paths of those that it needs."""
    body, lost = _without_secrets(step.kind, step.body, step.secret)
    changes: list[FieldChange] = []
    for change in step.changes:
        sent = {} if change.after is MISSING else with_value({}, change.path, change.after)
        kept, missing = _without_secrets(step.kind, sent, step.secret)
        lost += missing
        if missing:
            continue
        before = {} if change.before is MISSING else with_value({}, change.path, change.before)
        before, _ = _without_secrets(step.kind, before, step.secret)
        changes.append(replace(change, before=value_at(before, change.path), after=value_at(kept, change.path)))
    base, base_lost = (None, ()) if step.base is None else _without_secrets(step.kind, step.base, step.secret)
    return replace(
        step, body=body, changes=tuple(changes), base=base, lost=tuple(dict.fromkeys((*step.lost, *lost))),
        ignoring=step.ignoring | set(base_lost), secret=(),
    )  # fmt: skip


def _without_secrets(kind: str, value: Object, secret: Iterable[str]) -> tuple[Object, tuple[str, ...]]:
    """Return a body without its secrets, and the dotted paths of what was removed."""
    lost: list[str] = []
    if kind in SECRETIVE:
        value, paths = without_secrets(value)
        lost += map(dotted, paths)
    config = value.get("config")
    if kind == AUTH.name and isinstance(config, dict):
        secret = (
            *secret,
            *(f"config.{name}" for name, item in config.items() if item and name not in _PUBLIC_CONFIG),
        )
    for path in secret:
        names = tuple(path.split("."))
        if value_at(value, names) is not MISSING:
            value = with_value(value, names, MISSING)
            lost.append(path)
    return value, tuple(lost)


_TEXTS = ("id", "profile", "server", "app", "title", "group")
_STEP_TEXTS = ("id", "verb", "kind", "about", "ref", "parent", "mark", "property_name")
_STEP_LISTS = ("after", "follows", "again", "lost", "targets", "ignoring")


def _step_to_json(step: Step) -> Object:
    value: Object = {name: getattr(step, name) for name in _STEP_TEXTS}
    value |= {name: sorted(getattr(step, name)) for name in ("targets", "ignoring")}
    value |= {name: [*getattr(step, name)] for name in ("after", "follows", "again", "lost")}
    value |= {"drops_rejected": step.drops_rejected or None}
    value |= {"body": step.body, "base": step.base, "place": step.place, "links": [[*link] for link in step.links]}
    value["changes"] = [
        {"path": [*change.path]}
        | {name: item for name in ("before", "after") if (item := getattr(change, name)) is not MISSING}
        for change in step.changes
    ]
    return {name: item for name, item in value.items() if item not in ("", [], {}, None)}


def _step_from_json(value: Mapping[str, Any]) -> Step:
    lists = {name: tuple(_text(text) for text in value.get(name, ())) for name in _STEP_LISTS}
    body, base, place = value.get("body", {}), value.get("base"), value.get("place")
    if value["verb"] not in _RESUMABLE or value["kind"] not in KINDS:
        raise ValueError("it is not a step")
    if not isinstance(body, dict) or not isinstance(base, dict | None) or not isinstance(place, int | None):
        raise ValueError("it is not a step")
    make: Callable[..., Step] = Step
    return make(
        **{name: _text(value.get(name, "")) for name in _STEP_TEXTS},
        **lists | {"targets": frozenset(lists["targets"]), "ignoring": frozenset(lists["ignoring"])},
        body=body, base=base, place=place, drops_rejected=value.get("drops_rejected") is True,
        links=tuple((_text(kind), _text(id), _text(name)) for kind, id, name in value.get("links", ())),
        changes=tuple(_change_from_json(change) for change in value.get("changes", ())),
    )  # fmt: skip


def _change_from_json(value: Mapping[str, Any]) -> FieldChange:
    path = tuple(_text(name) for name in value["path"])
    return FieldChange(path, value.get("before", MISSING), value.get("after", MISSING))


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("it is not a plan")
    return value
