"""The values that a command gives to the properties of a resource, and the steps that set them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from drio_tui.api import json_codec
from drio_tui.api.errors import UsageError
from drio_tui.api.redact import is_secret_schema, redact
from drio_tui.cli.find import find_resource
from drio_tui.cli.values import Assignment, Inputs, parse_assignment, read_object, read_secrets, restored, secret_error
from drio_tui.kinds import AUTH, KINDS, Kind
from drio_tui.plan.bulk import update_step
from drio_tui.plan.duplicate import create_body
from drio_tui.plan.steps import Step
from drio_tui.schema.fields import MISSING
from drio_tui.text import did_you_mean, one_line
from drio_tui.workspace.model.snapshot import Resource, Snapshot
from drio_tui.workspace.saving.merge import Object, value_at, with_value


def read_values(
    kind: Kind[Any], arguments: Iterable[str], file: str | None, secrets: Iterable[str], *, new: bool = False
) -> Values:
    """Return the values on the command line, in a file and of secrets, checked for what needs no server."""
    inputs = Inputs()
    body = read_object(file, inputs) if file is not None else {}
    if len(body) == 1 and isinstance(inner := body.get(kind.item_key), dict):  # as `get --json` prints it
        body = inner
    elif isinstance(body.get(kind.list_key), list):
        raise UsageError(f"{one_line(str(file), 200)} holds a list, and the properties of one {kind.name} are needed")
    assignments = [parse_assignment(argument, inputs) for argument in arguments]
    assignments += read_secrets(secrets, inputs)
    for assignment in assignments:
        _check_path(kind, assignment, new)
        _check_text(kind, assignment, new)
    return Values(body, assignments)


class Values:
    """Values for the properties of a resource: a JSON object, and single values, which have precedence."""

    def __init__(self, body: Object, assignments: list[Assignment]) -> None:
        self.body = body
        self.assignments = assignments

    @property
    def secret(self) -> tuple[str, ...]:
        """The dotted paths of the secrets."""
        return tuple(".".join(assignment.path) for assignment in self.assignments if assignment.secret)

    def update_of(self, snapshot: Snapshot, kind: Kind[Any], resource: Resource) -> Step | None:
        """Return the step that sets the values in a resource, None if it has them already. Raises `UsageError`."""
        raw = resource.raw
        if not isinstance(raw, dict) or resource.made_up:
            raise UsageError(f"{one_line(resource.name, 80)} is not as documented, so it cannot be changed")
        _check_names(kind, self.assignments, raw)
        body = restored(self.body, redact(raw), raw)
        body = {name: value for name, value in body.items() if name not in kind.fixed or raw.get(name) != value}
        if fixed := next((name for name in body if name in kind.fixed), None):
            raise UsageError(f"{one_line(fixed, 80)} in the file differs, and only drio sets it", hint="Leave it out.")
        wanted = _resolved(snapshot, kind, raw, self._applied(merge_patch(raw, body)))
        _refuse_write_only(snapshot, wanted, self.assignments)
        return update_step(resource, wanted, secret=self.secret)

    def create_of(self, snapshot: Snapshot, kind: Kind[Any]) -> Step:
        """Return the step that creates a resource with the values. Raises `UsageError`."""
        _check_names(kind, self.assignments, {})
        given = self._applied(merge_patch({}, restored(self.body, {}, {})))
        wanted = _resolved(snapshot, kind, {}, given)
        _refuse_write_only(snapshot, wanted, self.assignments)
        parent = ""
        if kind.parent is not None:
            property_name, parent_kind = kind.parent
            parent = str(wanted.get(property_name) or "")
            if not parent:
                title = KINDS[parent_kind].title.lower()
                raise UsageError(
                    f"an {kind.title.lower()} belongs to an {title}",
                    hint=f"Add {property_name}={title.upper()}: its key, name or id.",
                )
        body = create_body(kind, wanted)
        name = kind.label(body)
        return Step(
            f"create/{kind.name}", "create", kind.name, f"Create the {kind.title.lower()} {name}",
            parent=parent, body=body, secret=self.secret,
        )  # fmt: skip

    def _applied(self, result: Object) -> Object:
        for assignment in self.assignments:
            for length in range(1, len(assignment.path)):
                outer = value_at(result, assignment.path[:length])
                if outer is not MISSING and outer is not None and not isinstance(outer, dict):
                    path = one_line(".".join(assignment.path[:length]), 80)
                    raise UsageError(
                        f"{path} is no object, so it has no {one_line(assignment.path[length], 80)}",
                        hint=f"Set it as a whole: {path}:=JSON.",
                    )
            value = MISSING if assignment.value is None else assignment.value
            result = with_value(result, assignment.path, value)
        return result


def merge_patch(value: Object, patch: Object) -> Object:
    """Return a copy of `value` with a JSON Merge Patch (RFC 7396) applied."""
    result = dict(value)
    for name, item in patch.items():
        if item is None:
            result.pop(name, None)
        elif isinstance(item, dict):
            inner = result.get(name)
            result[name] = merge_patch(inner if isinstance(inner, dict) else {}, item)
        else:
            result[name] = item
    return result


def _resolved(snapshot: Snapshot, kind: Kind[Any], base: Object, wanted: Object) -> Object:
    """Return a copy in which new references have ids in place of names. Raises `NotFound` for an unknown name."""
    for reference in kind.references:
        before = {id for _, id in reference.ids(base)}
        target = KINDS[reference.to]
        ids = {
            name: find_resource(snapshot, target, name).id for _, name in reference.ids(wanted) if name not in before
        }
        wanted = reference.replaced(wanted, ids)
    return wanted


def _refuse_write_only(snapshot: Snapshot, connection: Object, assignments: Iterable[Assignment]) -> None:
    """Raise `UsageError` for an argument that is a secret according to the connection's provider, whatever its name."""
    for provider in snapshot.resources("provider"):
        keys = {connection.get("providerKey"), connection.get("providerId")}
        schema = provider.get("configSchema")
        properties = schema.get("properties") if isinstance(schema, dict) else None
        if not isinstance(properties, dict) or keys.isdisjoint({provider.text("key"), provider.id}):
            continue
        for assignment in assignments:
            described = (
                properties.get(assignment.path[1]) if assignment.path[:1] == ("config",) != assignment.path else None
            )
            if is_secret_schema(described) and not assignment.secret:
                raise secret_error(assignment.dotted)


def _settable(kind: Kind[Any]) -> set[str]:
    """Return the known properties that can be set in a resource of this kind."""
    models = [model for model in (kind.patch_model, kind.model, kind.create_model) if model is not None]
    return {str(field.alias) for model in models for field in model.model_fields.values()} - {*kind.fixed}


def _create_only(kind: Kind[Any]) -> set[str]:
    """Return the properties that only a new resource takes."""
    return {"providerKey"} if kind is AUTH else {kind.parent[0]} if kind.parent else set()


def _check_path(kind: Kind[Any], assignment: Assignment, new: bool) -> None:
    top = assignment.path[0]
    if top in kind.fixed and not (new and top in _create_only(kind)):
        hint = "It is set when the resource is created." if top in _create_only(kind) else ""
        raise UsageError(f"{one_line(top, 80)} cannot be set: drio sets it", hint=hint)


def _check_names(kind: Kind[Any], assignments: Iterable[Assignment], raw: Object) -> None:
    """Raise `UsageError` for a property that neither this program nor the resource knows: it is likely mistyped."""
    known = _settable(kind) | _create_only(kind) | raw.keys()
    for assignment in assignments:
        top = assignment.path[0]
        if top not in known:
            existing = f"The properties are: {', '.join(sorted(_settable(kind)))}. --file takes others too."
            raise UsageError(
                f"{kind.plural.lower()} have no property {one_line(top, 80)}",
                hint=f"{did_you_mean(top, known)} {existing}".strip(),
            )


def _check_text(kind: Kind[Any], assignment: Assignment, new: bool) -> None:
    """Raise `UsageError` for text where the property takes another type: `isEnabled=false` is meant as `:=false`."""
    model = kind.create_model if new else kind.patch_model
    if assignment.typed or assignment.secret or model is None or not isinstance(assignment.value, str):
        return
    from pydantic import ValidationError

    try:
        model.from_wire(with_value({}, assignment.path, assignment.value))
    except ValidationError as error:
        depth = len(assignment.path)
        problems = [problem for problem in error.errors() if problem["loc"][:depth] == assignment.path]
        if not problems or not all(problem["type"].endswith("_type") for problem in problems):
            return
        try:
            json_codec.loads(assignment.value)
            example = assignment.value
        except json_codec.MalformedJson:
            example = "JSON"
        dotted = one_line(assignment.dotted, 80)
        raise UsageError(
            f"{dotted} does not take text: {problems[0]['msg'].lower()}",
            hint=f"Write {dotted}:={one_line(example, 80)}, with a colon.",
        ) from None
