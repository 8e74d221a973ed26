"""Creating a resource from another one: a copy, or the same resource again after it was deleted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from drio_tui.api.errors import DrioError
from drio_tui.kinds import APP, AUTH, INTEGRATION, OPERATION, TOOL, WIDGET, Kind
from drio_tui.naming import NAME_MAX, slug_of
from drio_tui.workspace.saving import journal as journals
from drio_tui.workspace.saving.merge import Object
from drio_tui.workspace.saving.save_requests import comparable
from drio_tui.workspace.saving.save_result import CreateOutcome, Failed, Refused, Saved, Unknown, succeeded
from drio_tui.workspace.saving.saver import Saver

_CREATE_ONLY = {AUTH.name: ("providerKey",)}
"""Read-only properties that have to be set in the create request."""

_OPTIONAL_REFERENCES = frozenset({"secretRef", "widgetId", "authId", "binding", "nextToolIds", "actions"})
"""Properties that can be left out if their target does not exist, or can be referred to only once."""


@dataclass(frozen=True, slots=True)
class CopyResult:
    """The result of a copy. `left_out` are labels of what was not copied; `inside` are the results for its children."""

    outcome: CreateOutcome
    left_out: tuple[str, ...] = ()
    inside: tuple[CopyResult, ...] = field(default=())

    @property
    def ok(self) -> bool:
        """Whether the copy and all its children were created."""
        return succeeded(self.outcome) and all(copy.ok for copy in self.inside)


def create_body(kind: Kind[Any], raw: Mapping[str, Any]) -> Object:
    """Return the body of a POST that creates a resource like `raw`: without read-only properties and nulls."""
    create_only = _CREATE_ONLY.get(kind.name, ())
    body = comparable(kind, dict(raw))
    if "actions" in raw:
        body["actions"] = raw["actions"]  # with the names of their targets
    return {
        name: value
        for name, value in body.items()
        if value is not None and (name in create_only or name not in kind.fixed)
    }


def copy_name(name: str, taken: Iterable[str]) -> str:
    """Return the first free name of `Search copy`, `Search copy 2`, …, cut to `NAME_MAX` characters."""
    used = set(taken)
    number = 1
    while True:
        suffix = " copy" if number == 1 else f" copy {number}"
        candidate = f"{name[: NAME_MAX - len(suffix)]}{suffix}"
        if candidate not in used:
            return candidate
        number += 1


def copy_body(kind: Kind[Any], raw: Mapping[str, Any], siblings: Iterable[Mapping[str, Any]]) -> Object:
    """Return the body of a copy, which a form may show: with a new name and key, for a tool without its widget.

    `siblings` are the existing resources of the kind; their names and keys are taken.
    """
    siblings = list(siblings)
    name = copy_name(kind.label(raw), (str(sibling.get("name")) for sibling in siblings))
    body = create_body(kind, raw)
    body["name"] = name
    body.pop("slug", None)
    body.pop("order", None)
    if kind.name == TOOL.name:
        body.pop("widgetId", None)  # a widget belongs to one tool: it would be moved to the copy
    key = slug_of(name, (str(sibling.get("key")) for sibling in siblings))
    if key and "key" in body:
        body["key"] = key
    else:
        body.pop("key", None)
    return body


def why_not_copied(kind: Kind[Any]) -> str | None:
    """Return why resources of this kind cannot be copied, None if they can."""
    if kind.name == APP.name:
        return "drio makes apps from templates only; create one from the same template instead"
    return None


def required_changes(kind: Kind[Any]) -> tuple[str, ...]:
    """Return the properties that the user has to change in a copy: a widget's tool, which can have only one widget."""
    return ("toolId",) if kind.name == WIDGET.name else ()


async def duplicate(
    saver: Saver, kind: Kind[Any], app: str, raw: Mapping[str, Any], *, changed: Mapping[str, Any] | None = None
) -> CopyResult:
    """Copy a resource; an integration with its operations. One undo reverts all of it.

    `changed` overrides properties of the body: a name chosen by the user, the tool of a widget's copy (else the copy
    would replace the original widget of its tool). Secrets are never copied.
    """
    group = journals.new_id()
    parent = str(raw.get(kind.parent[0], "")) if kind.parent else ""
    siblings = await saver.list_resources(kind, app, parent)
    if isinstance(siblings, DrioError):
        return CopyResult(Failed(siblings))
    body = copy_body(kind, raw, siblings) | dict(changed or {})
    known = {str(sibling.get("id")) for sibling in siblings}
    outcome, left_out = await create_without_rejected_references(
        saver, kind, app, body, parent=parent, group=group, known=known
    )
    if kind.name == AUTH.name and raw.get("secretRef"):
        left_out = tuple(dict.fromkeys((*left_out, "the secret")))
    copy_id = id_of_created(outcome)
    inside: list[CopyResult] = []
    if kind.name == INTEGRATION.name and copy_id:
        operations = await saver.list_resources(OPERATION, app, str(raw.get("id")))
        if isinstance(operations, DrioError):
            return CopyResult(outcome, left_out, (CopyResult(Failed(operations)),))
        for operation in operations:
            operation_body = create_body(OPERATION, operation)
            operation_body.pop("key", None)  # keys are unique in the app; the server makes one from the name
            operation_outcome, not_copied = await create_without_rejected_references(
                saver, OPERATION, app, operation_body, parent=copy_id, group=group
            )
            inside.append(CopyResult(operation_outcome, not_copied))
    return CopyResult(outcome, left_out, tuple(inside))


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
        reduced = _without_references(body, [error.path for error in outcome.fields])
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


def _without_references(body: Object, paths: list[str]) -> tuple[Object, list[str]] | None:
    """Return the body without the references at `paths`, and their labels; None if a path is no optional reference."""
    result = dict(body)
    labels: list[str] = []
    chain: set[int] = set()
    actions: set[int] = set()
    for path in paths:
        head, _, rest = path.replace("[", ".").replace("]", "").partition(".")
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
