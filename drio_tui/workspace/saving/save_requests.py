"""The requests that save a change of a resource, and which changes are reviewed before they are sent."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Literal

from drio_tui.api.client import DrioClient
from drio_tui.api.json_values import same_json
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
    """One request. `body` is that of the PATCH, or the new value of the one property that a PUT replaces."""

    part: Part
    properties: tuple[str, ...]
    body: Any = field(repr=False)

    async def send(self, client: DrioClient, kind: Kind[Any], app: str, id: str) -> Item[Any]:
        """Send the request and return the resource in the response. Raises `DrioError`."""
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
    """Return the lists whose elements have an identity: those with references (the chain, a widget's actions)."""
    partitions = (reference.path.partition("[]") for reference in kind.references)
    return frozenset(tuple(head.split(".")) for head, brackets, _ in partitions if brackets)


def comparable(kind: Kind[Any], raw: Object) -> Object:
    """Return the object without what the server adds to properties that the user sets.

    These are the status and hash of a binding, and the target tool's name of an action.
    """
    result = dict(raw)
    binding, actions = raw.get("binding"), raw.get("actions")
    if kind.name == "tool" and isinstance(binding, dict):
        result["binding"] = {name: value for name, value in binding.items() if name not in _SERVER_SETS}
    if kind.name == "widget" and isinstance(actions, list):
        result["actions"] = [_without_target_name(action) for action in actions]
    return result


def requests_for(
    kind: Kind[Any], before: Object, after: Object, again: Iterable[str] = (), *name_sources: Object
) -> list[Write]:
    """Return the requests that change `before` to `after` (both `comparable`): the PATCH first, then the PUTs.

    The properties in `again` are sent even if they are unchanged. `name_sources` are objects with the names of target
    tools: a server may not add them to actions by itself.
    """
    patch = patch_of(before, after)
    changed = {*patch, *again}
    puts: list[Write] = []
    for (kind_name, property_name), part in _PARTS.items():
        if kind_name != kind.name or property_name not in changed:
            continue
        value = after.get(property_name)
        if part == "binding":
            if not isinstance(value, dict):
                continue  # there is no route for an empty binding; PATCH with null removes it
        elif value is None:
            value = []
        patch.pop(property_name, None)
        if part == "actions":
            value = _with_target_names(value, name_sources)
        puts.append(Write(part, (property_name,), value))
    return ([Write("patch", tuple(patch), patch)] if patch else []) + puts


def review_reason(kind: Kind[Any], change: FieldChange) -> str:
    """Return why a change is reviewed before it is saved, in a few words; empty if it needs no review.

    Reviewed are changes that disable something, remove something, rename what is known outside, redirect calls or
    credentials, change what a tool calls or promises, or replace a secret.
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
    if (kind.name, top) in _ROUTING:
        return "changes where calls or credentials go"
    if top == "annotations" or (kind.name, top) in _CONTRACT:
        return "changes what callers are promised"
    if change.before not in (None, MISSING, "", [], {}) and change.after in (None, MISSING, "", [], {}):
        return "takes a value away"
    if isinstance(change.before, list) and isinstance(change.after, list):
        unmatched = list(change.after)
        for value in change.before:
            index = next((index for index, item in enumerate(unmatched) if same_json(item, value)), None)
            if index is None:
                return "takes entries out of the list"
            del unmatched[index]
    return ""


def needs_review(kind: Kind[Any], changes: Iterable[FieldChange]) -> bool:
    """Return whether changes are reviewed before they are saved: more than one, or one with a `review_reason`."""
    changes = list(changes)
    return len(changes) > 1 or any(review_reason(kind, change) for change in changes)


_ROUTING = {
    ("integration", "baseUrl"), ("integration", "authId"), ("integration", "kind"), ("operation", "method"),
    ("operation", "path"), ("auth", "config"), ("auth", "grants"), ("widget", "toolId"), ("tool", "widgetId"),
}  # fmt: skip
_CONTRACT = {("operation", "inputSchema"), ("operation", "outputSchema")}


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
    return [_with_target_name(action, names) for action in actions] if isinstance(actions, list) else actions


def _with_target_name(action: Any, names: dict[str, Any]) -> Any:
    target = action.get("targetToolId") if isinstance(action, dict) else None
    if not isinstance(target, str) or target not in names or "targetToolName" in action:
        return action
    return action | {"targetToolName": names[target]}


def _objects(value: Any) -> list[Object]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
