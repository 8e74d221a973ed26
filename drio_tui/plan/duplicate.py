"""Creating a resource from another one: a copy, or the same resource again after it was deleted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from drio_tui.api.errors import DrioError
from drio_tui.kinds import AUTH, INTEGRATION, OPERATION, TOOL, Kind
from drio_tui.naming import NAME_MAX, slug_of
from drio_tui.plan.executor import Executor, Result
from drio_tui.plan.steps import Step
from drio_tui.workspace.saving.merge import Object
from drio_tui.workspace.saving.save_requests import comparable
from drio_tui.workspace.saving.save_result import CreateOutcome, Failed, Refused, Saved, Unknown, succeeded
from drio_tui.workspace.saving.saver import Saver

_CREATE_ONLY = {AUTH.name: ("providerKey",)}
"""Read-only properties that have to be set in the create request."""


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


async def duplicate(
    saver: Saver, kind: Kind[Any], app: str, raw: Mapping[str, Any], *, changed: Mapping[str, Any] | None = None
) -> CopyResult:
    """Copy a resource; an integration with its operations. One undo reverts all of it.

    `changed` overrides properties of the body: a name chosen by the user, the tool of a widget's copy (else the copy
    would replace the original widget of its tool). Secrets are never copied.
    """
    parent = str(raw.get(kind.parent[0], "")) if kind.parent else ""
    siblings = await saver.list_resources(kind, app, parent)
    if isinstance(siblings, DrioError):
        return CopyResult(Failed(siblings))
    is_integration = kind.name == INTEGRATION.name
    operations = await saver.list_resources(OPERATION, app, str(raw.get("id"))) if is_integration else []
    if isinstance(operations, DrioError):
        return CopyResult(Failed(operations))
    body = copy_body(kind, raw, siblings) | dict(changed or {})
    name = kind.label(body)
    copy = Step("copy", "create", kind.name, f"Create {name}", _COPY, parent, body, drops_rejected=True)
    inside: list[Step] = []
    for number, operation in enumerate(operations):
        operation_body = create_body(OPERATION, operation)
        operation_body.pop("key", None)  # keys are unique in the app; the server makes one from the name
        inside.append(
            Step(f"copy:{number}", "create", OPERATION.name, f"Create {OPERATION.label(operation)}", "", _COPY,
                 operation_body, after=("copy",), drops_rejected=True)
        )  # fmt: skip
    executor = Executor(saver, app, [copy, *inside])
    executor.set_known(kind.name, parent, (str(sibling.get("id")) for sibling in siblings))
    await executor.run()
    first, *others = (_copy_result(executor.result(step)) for step in executor.steps)
    if first is None:
        return CopyResult(Failed(DrioError("it was stopped")))
    left_out = first.left_out
    if kind.name == AUTH.name and raw.get("secretRef"):
        left_out = tuple(dict.fromkeys((*left_out, "the secret")))
    return CopyResult(first.outcome, left_out, tuple(copy for copy in others if copy is not None))


_COPY = "duplicate:copy"
"""The ref of the copy."""


def _copy_result(result: Result | None) -> CopyResult | None:
    """Return the result of a step; None if nothing was sent."""
    if result is None or not isinstance(result.outcome, Saved | Refused | Failed | Unknown):
        return None
    return CopyResult(result.outcome, result.left_out)
