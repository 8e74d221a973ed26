"""Making a resource from another one: a copy beside it, or the same again after it was deleted."""

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

_ALSO_SENT = {AUTH.name: ("providerKey",)}
"""Members that cannot be changed later but have to be said at the start."""

_REFERENCES = frozenset({"secretRef", "widgetId", "authId", "binding", "nextToolIds", "actions"})
"""Members that a resource can be made without when what they refer to is not there (or not to be had twice)."""


@dataclass(frozen=True, slots=True)
class CopyResult:
    """What came of a copy. `left_out` says in words what could not be copied; `inside` are the copies of its parts."""

    outcome: CreateOutcome
    left_out: tuple[str, ...] = ()
    inside: tuple[CopyResult, ...] = field(default=())

    @property
    def ok(self) -> bool:
        """Whether it and everything inside it was made."""
        return succeeded(self.outcome) and all(copy.ok for copy in self.inside)


def creatable(kind: Kind[Any], raw: Mapping[str, Any]) -> Object:
    """The body of a POST that makes the like of `raw`: without what the server sets, and without nulls."""
    also = _ALSO_SENT.get(kind.name, ())
    body = comparable(kind, dict(raw))
    if "actions" in raw:
        body["actions"] = raw["actions"]  # with the names of their targets
    return {
        name: value for name, value in body.items() if value is not None and (name in also or name not in kind.fixed)
    }


def copy_name(name: str, taken: Iterable[str]) -> str:
    """`Search copy`, then `Search copy 2`, and so on, within the length that a name may have."""
    used = set(taken)
    number = 1
    while True:
        tail = " copy" if number == 1 else f" copy {number}"
        made = f"{name[: NAME_MAX - len(tail)]}{tail}"
        if made not in used:
            return made
        number += 1


def copy_body(kind: Kind[Any], raw: Mapping[str, Any], siblings: Iterable[Mapping[str, Any]]) -> Object:
    """The body of a copy, as a form may show it: another name and key, the widget left with its tool.

    `siblings` are the resources of the kind that are there, whose names and keys are taken.
    """
    siblings = list(siblings)
    name = copy_name(kind.label(raw), (str(each.get("name")) for each in siblings))
    body = creatable(kind, raw)
    body["name"] = name
    body.pop("slug", None)
    body.pop("order", None)
    if kind.name == TOOL.name:
        body.pop("widgetId", None)  # a tool has one widget, which would leave the other tool
    key = slug_of(name, (str(each.get("key")) for each in siblings))
    if key and "key" in body:
        body["key"] = key
    else:
        body.pop("key", None)
    return body


def why_not_copied(kind: Kind[Any]) -> str | None:
    """Why there can be no copy of such a thing, or None."""
    if kind.name == APP.name:
        return "drio makes apps from templates only; create one from the same template instead"
    return None


def needs(kind: Kind[Any]) -> tuple[str, ...]:
    """Members that a person has to choose anew for a copy: a widget's tool, which has one widget at most."""
    return ("toolId",) if kind.name == WIDGET.name else ()


async def duplicate(
    saver: Saver, kind: Kind[Any], app: str, raw: Mapping[str, Any], *, changed: Mapping[str, Any] | None = None
) -> CopyResult:
    """Copy a resource; an integration with its operations. One undo takes all of it back.

    `changed` overrides members of the body: a name of the person's own, the tool of a widget's copy (without
    which the copy would take the tool away from the first widget). Secrets are never copied.
    """
    group = journals.new_id()
    parent = str(raw.get(kind.parent[0], "")) if kind.parent else ""
    siblings = await saver.listed(kind, app, parent)
    if isinstance(siblings, DrioError):
        return CopyResult(Failed(siblings))
    body = copy_body(kind, raw, siblings) | dict(changed or {})
    known = {str(each.get("id")) for each in siblings}
    outcome, left_out = await create_without(saver, kind, app, body, parent=parent, group=group, known=known)
    if kind.name == AUTH.name and raw.get("secretRef"):
        left_out = tuple(dict.fromkeys((*left_out, "the secret")))
    made = made_id(outcome)
    inside: list[CopyResult] = []
    if kind.name == INTEGRATION.name and made:
        parts = await saver.listed(OPERATION, app, str(raw.get("id")))
        if isinstance(parts, DrioError):
            return CopyResult(outcome, left_out, (CopyResult(Failed(parts)),))
        for part in parts:
            part_body = creatable(OPERATION, part)
            part_body.pop("key", None)  # keys are unique in the app; the server makes one from the name
            found, without = await create_without(saver, OPERATION, app, part_body, parent=made, group=group)
            inside.append(CopyResult(found, without))
    return CopyResult(outcome, left_out, tuple(inside))


async def create_without(
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
    """Make a resource, without the references that the server does not take; gives what was left out, in words.

    A refusal that names only such members is followed by another try without them.
    """
    left_out: list[str] = []
    ids = None if known is None else set(known)
    while True:
        outcome = await saver.create(kind, app, body, parent=parent, group=group, undoes=undoes, known=ids)
        if not isinstance(outcome, Refused) or not outcome.fields:
            return outcome, tuple(left_out)
        smaller = _without(body, [error.path for error in outcome.fields])
        if smaller is None:
            return outcome, tuple(left_out)
        body, words = smaller
        left_out += [word for word in words if word not in left_out]


def made_id(outcome: CreateOutcome) -> str:
    """The id of the resource that was made; empty when none was."""
    if isinstance(outcome, Saved):
        return outcome.id
    if isinstance(outcome, Unknown) and outcome.verdict == "applied" and outcome.raw:
        return str(outcome.raw.get("id", ""))
    return ""


def _without(body: Object, paths: list[str]) -> tuple[Object, list[str]] | None:
    """The body without the references at these paths; None when one of them is no reference."""
    result = dict(body)
    words: list[str] = []
    chain: set[int] = set()
    actions: set[int] = set()
    for path in paths:
        head, _, rest = path.replace("[", ".").replace("]", "").partition(".")
        if head not in _REFERENCES or head not in result:
            return None
        place = rest.partition(".")[0]
        if head in ("nextToolIds", "actions") and place.isdecimal():
            (chain if head == "nextToolIds" else actions).add(int(place))
        else:
            del result[head]
            words.append(_WORDS.get(head, head))
    if chain and isinstance(result.get("nextToolIds"), list):
        result["nextToolIds"] = [id for place, id in enumerate(result["nextToolIds"]) if place not in chain]
        words.append("a tool of the chain")
    if actions and isinstance(result.get("actions"), list):
        result["actions"] = [
            {name: value for name, value in action.items() if name not in ("targetToolId", "targetToolName")}
            if place in actions
            else action
            for place, action in enumerate(result["actions"])
            if place not in actions or (isinstance(action, dict) and "targetToolId" in action)
        ]
        words.append("the target of an action")
    return result, words


_WORDS = {
    "secretRef": "the secret",
    "widgetId": "the widget",
    "authId": "the auth connection",
    "binding": "the binding",
}
