"""Which requests a change takes, kind by kind, and which changes deserve a second look before they are sent."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Literal

from drio_tui.api.client import DrioClient
from drio_tui.api.models import same_json
from drio_tui.api.redact import is_secret
from drio_tui.api.resource_type import Item
from drio_tui.kinds import Kind
from drio_tui.schema.fields import MISSING
from drio_tui.workspace.saving.merge import FieldChange, Object, Path, patch_of

Part = Literal["patch", "binding", "chain", "actions"]

_SERVER_SETS = ("schemaHashAtBindTime", "status")
_PARTS: dict[tuple[str, str], Part] = {
    ("tool", "binding"): "binding",
    ("tool", "nextToolIds"): "chain",
    ("widget", "actions"): "actions",
}


@dataclass(frozen=True, slots=True)
class Write:
    """One request. `body` is the PATCH, or the whole new value of the one member that a PUT replaces."""

    part: Part
    members: tuple[str, ...]
    body: Any = field(repr=False)

    async def send(self, client: DrioClient, kind: Kind[Any], app: str, id: str) -> Item[Any]:
        """Send it; gives the resource as it is then. Raises `DrioError`."""
        match self.part:
            case "binding":
                return await client.bind(app, id, self.body)
            case "chain":
                return await client.set_chain(app, id, self.body)
            case "actions":
                return await client.set_actions(app, id, self.body)
            case _:
                return await client.update(kind, id, self.body, app=app)


def identity_lists(kind: Kind[Any]) -> frozenset[Path]:
    """The lists whose members have an identity: those that hold references (the chain, a widget's actions)."""
    found = (reference.path.partition("[]") for reference in kind.references)
    return frozenset(tuple(head.split(".")) for head, mark, _ in found if mark)


def comparable(kind: Kind[Any], raw: Object) -> Object:
    """The object without what the server adds to members that a person sets.

    That is a binding's status and hash, and the name of an action's target tool.
    """
    result = dict(raw)
    binding, actions = raw.get("binding"), raw.get("actions")
    if kind.name == "tool" and isinstance(binding, dict):
        result["binding"] = {name: value for name, value in binding.items() if name not in _SERVER_SETS}
    if kind.name == "widget" and isinstance(actions, list):
        result["actions"] = [_without_target_name(action) for action in actions]
    return result


def writes(kind: Kind[Any], before: Object, after: Object, again: Iterable[str] = (), *names: Object) -> list[Write]:
    """The requests that lead from `before` to `after` (both `comparable`): the PATCH first, then whole replacements.

    `names` are objects in which the names of target tools stand that a server may not add by itself.
    """
    patch = patch_of(before, after)
    wanted = {*patch, *again}
    puts: list[Write] = []
    for (kind_name, member), part in _PARTS.items():
        if kind_name != kind.name or member not in wanted:
            continue
        value = after.get(member)
        if part == "binding":
            if not isinstance(value, dict):
                continue  # there is no route for an empty binding; PATCH with null takes it away
        elif value is None:
            value = []
        patch.pop(member, None)
        if part == "actions":
            value = _with_target_names(value, names)
        puts.append(Write(part, (member,), value))
    return ([Write("patch", tuple(patch), patch)] if patch else []) + puts


def danger_of(kind: Kind[Any], change: FieldChange) -> str:
    """Why a change deserves a look before it is written, in a few words; empty when it does not.

    The rule: what switches something off, takes something away, renames what others outside know, moves
    where calls or credentials go, changes what a tool calls or promises, or replaces a secret.
    """
    top, last = change.path[0], change.path[-1]
    if any(is_secret(name) for name in change.path) or last == "secretRef":
        return "replaces a secret"
    if change.path == ("isEnabled",) and change.after is False:
        return "switches it off"
    if top == "binding":
        return "changes what it calls"
    if change.path in (("slug",), ("key",)):
        return "others may know it by this name"
    if (kind.name, top) in _ROUTES:
        return "changes where calls or credentials go"
    if top == "annotations" or (kind.name, top) in _PROMISES:
        return "changes what callers are promised"
    if change.before not in (None, MISSING, "", [], {}) and change.after in (None, MISSING, "", [], {}):
        return "takes a value away"
    if isinstance(change.before, list) and isinstance(change.after, list):
        left = list(change.after)
        for value in change.before:
            twin = next((place for place, item in enumerate(left) if same_json(item, value)), None)
            if twin is None:
                return "takes entries out of the list"
            del left[twin]
    return ""


def needs_review(kind: Kind[Any], changes: Iterable[FieldChange]) -> bool:
    """Whether the changes should be shown before they are written: more than one, or a dangerous one."""
    changes = list(changes)
    return len(changes) > 1 or any(danger_of(kind, change) for change in changes)


_ROUTES = {
    ("integration", "baseUrl"), ("integration", "authId"), ("integration", "kind"), ("operation", "method"),
    ("operation", "path"), ("auth", "config"), ("auth", "grants"), ("widget", "toolId"), ("tool", "widgetId"),
}  # fmt: skip
_PROMISES = {("operation", "inputSchema"), ("operation", "outputSchema")}


def _without_target_name(action: Any) -> Any:
    if isinstance(action, dict) and isinstance(action.get("targetToolId"), str):
        return {name: value for name, value in action.items() if name != "targetToolName"}
    return action


def _with_target_names(actions: Any, sources: Iterable[Object]) -> Any:
    names: dict[str, Any] = {}
    for source in sources:
        for action in _objects(source.get("actions")):
            if isinstance(action.get("targetToolId"), str) and "targetToolName" in action:
                names.setdefault(action["targetToolId"], action["targetToolName"])
    return [_named(action, names) for action in actions] if isinstance(actions, list) else actions


def _named(action: Any, names: dict[str, Any]) -> Any:
    target = action.get("targetToolId") if isinstance(action, dict) else None
    if not isinstance(target, str) or target not in names or "targetToolName" in action:
        return action
    return action | {"targetToolName": names[target]}


def _objects(value: Any) -> list[Object]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
