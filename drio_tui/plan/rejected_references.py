"""Creating a resource without the references that drio rejects, because their targets do not exist any more."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from drio_tui.api.errors import FieldError
from drio_tui.kinds import Kind
from drio_tui.workspace.saving.merge import Object
from drio_tui.workspace.saving.save_result import CreateOutcome, Refused, Saved, Unknown
from drio_tui.workspace.saving.saver import Saver

_OPTIONAL_REFERENCES = frozenset({"secretRef", "widgetId", "authId", "binding", "nextToolIds", "actions"})
"""Properties that can be left out if their target does not exist, or can be referred to only once."""


async def create_without_rejected_references(
    saver: Saver,
    kind: Kind[Any],
    app: str,
    body: Object,
    *,
    parent: str = "",
    group: str = "",
    undoes: str = "",
    known: Iterable[str] | None = None,
) -> tuple[CreateOutcome, tuple[str, ...]]:
    """Create a resource, without the references that the server rejects; return also the labels of what was left out.

    After a response that rejects only optional references, the request is sent again without them.
    """
    left_out: list[str] = []
    ids = None if known is None else set(known)
    while True:
        outcome = await saver.create(kind, app, body, parent=parent, group=group, undoes=undoes, known=ids)
        if not isinstance(outcome, Refused) or not outcome.fields:
            return outcome, tuple(left_out)
        reduced = without_rejected(body, outcome.fields)
        if reduced is None:
            return outcome, tuple(left_out)
        body, labels = reduced
        left_out += [label for label in labels if label not in left_out]


def id_of_created(outcome: CreateOutcome) -> str:
    """Return the id of the created resource; empty if none was created."""
    if isinstance(outcome, Saved):
        return outcome.id
    if isinstance(outcome, Unknown) and outcome.read_back == "applied" and outcome.raw:
        return str(outcome.raw.get("id", ""))
    return ""


def without_rejected(body: Object, errors: Iterable[FieldError]) -> tuple[Object, list[str]] | None:
    """Return the body without the references with `errors`, and their labels; None if one is no optional reference."""
    result = dict(body)
    labels: list[str] = []
    chain: set[int] = set()
    actions: set[int] = set()
    for error in errors:
        head, _, rest = error.path.replace("[", ".").replace("]", "").partition(".")
        if head not in _OPTIONAL_REFERENCES or head not in result:
            return None
        index = rest.partition(".")[0]
        if head in ("nextToolIds", "actions") and index.isdecimal():
            (chain if head == "nextToolIds" else actions).add(int(index))
        else:
            del result[head]
            labels.append(_REFERENCE_LABELS.get(head, head))
    if chain and isinstance(result.get("nextToolIds"), list):
        result["nextToolIds"] = [id for index, id in enumerate(result["nextToolIds"]) if index not in chain]
        labels.append("a tool of the chain")
    if actions and isinstance(result.get("actions"), list):
        result["actions"] = [
            {name: value for name, value in action.items() if name not in ("targetToolId", "targetToolName")}
            if index in actions
            else action
            for index, action in enumerate(result["actions"])
            if index not in actions or (isinstance(action, dict) and "targetToolId" in action)
        ]
        labels.append("the target of an action")
    return result, labels


_REFERENCE_LABELS = {
    "secretRef": "the secret",
    "widgetId": "the widget",
    "authId": "the auth connection",
    "binding": "the binding",
}
