"""How far a plan got: the state of each step, as it is stored in files."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from drio_tui.api import json_codec
from drio_tui.workspace.saving.merge import Object
from drio_tui.workspace.saving.without_secrets import fingerprints_of

Progress = Literal["todo", "sent", "done", "failed", "skipped"]
_PROGRESS = frozenset({"todo", "sent", "done", "failed", "skipped"})


@dataclass(slots=True)
class StepState:
    """How far one step got.

    `made` is the id of the created resource, `mark` a digest of what was sent, `sent` are the `fingerprints_of` the
    body of a create. `why` is the reason why it failed or was skipped (not yet sanitized), `fields` the error messages
    by property path. `maybe`: the outcome is unknown, it may have been carried out. `own`: the user skipped it. `at` is
    when it was sent, in seconds since the epoch. `known` are the ids of the resources before it was sent, in files of
    earlier versions; they are in `PlanState.known` now.
    """

    state: Progress = "todo"
    made: str = ""
    known: tuple[str, ...] = ()
    mark: str = ""
    sent: dict[str, str] = field(default_factory=dict)
    why: str = ""
    fields: dict[str, str] = field(default_factory=dict)
    maybe: bool = False
    own: bool = False
    at: float = 0.0


@dataclass(slots=True)
class PlanState:
    """The states of the steps by id.

    `known` are the ids of the resources that existed before the plan's creates in a collection were sent, by
    `collection`: a resource that is not among them, and was not made by another step, may be the one that a create with
    an unknown outcome made.
    """

    steps: dict[str, StepState] = field(default_factory=dict)
    known: dict[str, list[str]] = field(default_factory=dict)

    def step(self, id: str) -> StepState:
        """Return the state of a step, created when the step has none yet."""
        return self.steps.setdefault(id, StepState())

    def is_done(self, *ids: str) -> bool:
        """Return whether one of these steps is done."""
        return any(id in self.steps and self.steps[id].state == "done" for id in ids)

    @property
    def made(self) -> set[str]:
        """The ids of the resources that the plan has created."""
        return {state.made for state in self.steps.values() if state.made}


def collection(kind: str, parent: str) -> str:
    """Return the key in `PlanState.known` of the resources of a kind below a parent (an id)."""
    return f"{kind} {parent}".strip()


def state_to_json(state: StepState) -> Object:
    """Return the state of a step as it is stored."""
    values = {name: getattr(state, name) for name in _STATE}
    return {name: [*value] if isinstance(value, tuple) else value for name, value in values.items()}


def state_from_json(value: Mapping[str, Any]) -> StepState:
    """Return the stored state of a step. Raises `ValueError`, `KeyError` or `TypeError`."""
    sent = value["sent"] if "sent" in value else fingerprints_of(value[_SENT_NAMES])
    state = StepState(**{name: value[name] for name in _STATE if name != "sent"}, sent=sent)
    state.known = tuple(_texts(state.known))
    if state.state not in _PROGRESS or not isinstance(state.fields, dict) or not isinstance(state.sent, dict):
        raise ValueError("it is not the state of a step")
    return state


class StateLines:
    """The lines by which a file follows a state: one for each step, and each list of known ids, that has changed."""

    def __init__(self) -> None:
        self._written: dict[str, Object] = {}

    def changed(self, state: PlanState) -> list[Object]:
        """Return the lines for what has changed since the last call."""
        current = {f"step {id}": {"step": id, **state_to_json(step)} for id, step in state.steps.items()}
        current |= {f"known {key}": {"known": key, "ids": [*ids]} for key, ids in state.known.items()}
        lines = [line for key, line in current.items() if self._written.get(key) != line]
        self._written = current
        return lines


def as_text(lines: Iterable[Object]) -> bytes:
    """Return lines as they are appended to a file."""
    return "".join(f"{json_codec.dumps(line)}\n" for line in lines).encode("ascii")


def add_lines(state: PlanState, data: bytes) -> None:
    """Add the lines that were appended to a file. Raises `ValueError`, `KeyError` or `TypeError`."""
    for raw in data.split(b"\n")[:-1]:  # a last line without an end was not written completely
        line = json_codec.loads(raw)
        if "step" in line:
            state.steps[line["step"]] = state_from_json(line)
        else:
            state.known |= known_from_json({line["known"]: line["ids"]})


def known_from_json(value: Any) -> dict[str, list[str]]:
    """Return the stored `PlanState.known`. Raises `ValueError` or `AttributeError`."""
    return {str(key): _texts(ids) for key, ids in value.items()}


def _texts(values: Iterable[Any]) -> list[str]:
    texts = [*values]
    if not all(isinstance(text, str) for text in texts):
        raise ValueError("it is not a list of ids")
    return texts


_SENT_NAMES = "said"
"""Files of earlier versions have the slug, key and name that were sent, not their fingerprints."""
_STATE = ("state", "made", "known", "mark", "sent", "why", "fields", "maybe", "own", "at")
