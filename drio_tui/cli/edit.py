"""`set`, `add`, `delete`, `enable`, `disable`: changing the resources of an app from scripts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import click

from drio_tui.api import json_codec
from drio_tui.api.errors import UsageError, top_property
from drio_tui.cli.common import (
    completer,
    connection_options,
    handle_errors,
    refuse_read_only,
    review_options,
    run,
)
from drio_tui.cli.find import OpenedApp, find_resource, find_resources, opened_app, reference_name
from drio_tui.cli.read import find_kind
from drio_tui.cli.review import carry_out
from drio_tui.cli.values import (
    Assignment,
    Inputs,
    is_assignment,
    parse_assignment,
    read_object,
    read_secrets,
    secret_error,
)
from drio_tui.kinds import APP, AUTH, KINDS, Kind
from drio_tui.schema.fields import MISSING
from drio_tui.text import did_you_mean, one_line
from drio_tui.workspace.model.snapshot import Resource, Snapshot
from drio_tui.workspace.saving.merge import Object, diff, value_at, with_value
from drio_tui.workspace.saving.save_requests import comparable

if TYPE_CHECKING:
    from drio_tui.plan.steps import Step

READ_ONLY = "--read-only changes nothing; --dry-run shows what would be changed"
_file_option = click.option(
    "--file", "-f", "file", metavar="FILE|-", help="A JSON object with properties: a file, or standard input."
)
_secret_option = click.option(
    "--secret", "secrets", metavar="PATH[=VARIABLE]", multiple=True,
    help="A secret property, read from the environment variable, else from DRIO_UPSTREAM_SECRET, a prompt or stdin.",
)  # fmt: skip


@click.command("set")
@click.argument("app", metavar="APP", shell_complete=completer("apps"))
@click.argument("kind_name", metavar="KIND", shell_complete=completer("kinds"))
@click.argument(
    "arguments", metavar="[NAME]... [PATH=TEXT|PATH:=JSON]...", nargs=-1, shell_complete=completer("assignments")
)
@_file_option
@_secret_option
@review_options
@connection_options
@handle_errors
def set_(
    app: str, kind_name: str, arguments: tuple[str, ...], file: str | None, secrets: tuple[str, ...], dry_run: bool,
    yes: bool, as_json: bool, **options: Any,
) -> None:  # fmt: skip
    """Change properties of resources: NAME is a key, name or id, or a glob pattern; the app itself has no NAME.

    PATH=TEXT sets text, whatever it looks like; PATH:=JSON sets a number, true, false, a list, an object, or null to
    clear. PATH=@FILE and PATH:=@FILE read the value from a file (- for stdin). PATH is dotted, such as
    branding.primaryColor. --file is merged into the resource like a JSON Merge Patch. References take names.
    """
    if not dry_run:
        refuse_read_only(READ_ONLY)
    kind = find_kind(kind_name)
    names = [argument for argument in arguments if not is_assignment(argument)]
    values = _read_values(kind, [argument for argument in arguments if is_assignment(argument)], file, secrets)
    if not values.body and not values.assignments:
        raise UsageError("there is nothing to set", hint="Such as description='Finds contacts' or isEnabled:=false.")

    async def work() -> None:
        async with opened_app(app, options) as opened:
            steps = []
            for resource in _chosen(opened.snapshot, kind, names):
                step = values.update_of(opened.snapshot, kind, resource)
                if step is not None:
                    steps.append(step)
            await carry_out(opened, steps, dry_run=dry_run, yes=yes, as_json=as_json)

    run(work())


@click.command()
@click.argument("app", metavar="APP", shell_complete=completer("apps"))
@click.argument("kind_name", metavar="KIND", shell_complete=completer("kinds"))
@click.argument("arguments", metavar="[PATH=TEXT|PATH:=JSON]...", nargs=-1, shell_complete=completer("assignments"))
@_file_option
@_secret_option
@review_options
@connection_options
@handle_errors
def add(
    app: str, kind_name: str, arguments: tuple[str, ...], file: str | None, secrets: tuple[str, ...], dry_run: bool,
    yes: bool, as_json: bool, **options: Any,
) -> None:  # fmt: skip
    """Create a resource in APP and print its id. Values are given as in `set`.

    An operation needs integrationId=INTEGRATION, a widget toolId=TOOL; references take names. --file takes what
    `get --json` prints of a resource, too: without its id and what else drio sets.
    """
    if not dry_run:
        refuse_read_only(READ_ONLY)
    kind = find_kind(kind_name)
    if kind is APP:
        raise UsageError("`add` adds to an app", hint="`drio-tui create` makes an app.")
    if stray := [argument for argument in arguments if not is_assignment(argument)]:
        raise UsageError(f"{one_line(stray[0], 80)} gives no value", hint=f"Such as name='{one_line(stray[0], 60)}'.")
    values = _read_values(kind, arguments, file, secrets, new=True)

    async def work() -> None:
        async with opened_app(app, options) as opened:
            step = values.create_of(opened.snapshot, kind)
            await carry_out(opened, [step], dry_run=dry_run, yes=yes, as_json=as_json, ids_only=True)

    run(work())


@click.command()
@click.argument("app", metavar="APP", shell_complete=completer("apps"))
@click.argument("kind_name", metavar="KIND", shell_complete=completer("kinds"))
@click.argument("names", metavar="NAME...", nargs=-1, required=True, shell_complete=completer("resources"))
@click.option("--cascade", "dependents", flag_value="cascade", help="Delete what refers to them too.")
@click.option("--detach", "dependents", flag_value="detach", help="Remove the references to them, where that can be.")
@review_options
@connection_options
@handle_errors
def delete(
    app: str, kind_name: str, names: tuple[str, ...], dependents: str | None, dry_run: bool, yes: bool, as_json: bool,
    **options: Any,
) -> None:  # fmt: skip
    """Delete resources of APP. If others refer to them, nothing is deleted without --cascade or --detach.

    With --detach only those are deleted too that cannot exist without them: the operations of an integration, the
    widget of a tool. What others changed since it was read is not deleted.
    """
    if not dry_run:
        refuse_read_only("--read-only deletes nothing; --dry-run shows what would be deleted")
    kind = find_kind(kind_name)

    async def work() -> None:
        async with opened_app(app, options) as opened:
            resources = find_resources(opened.snapshot, kind, names)
            steps = _deletion(opened, resources, dependents)
            await carry_out(opened, steps, dry_run=dry_run, yes=yes, as_json=as_json)

    run(work())


@click.command()
@click.argument("app", metavar="APP", shell_complete=completer("apps"))
@click.argument("kind_name", metavar="KIND", shell_complete=completer("kinds"))
@click.argument("names", metavar="[NAME]...", nargs=-1, shell_complete=completer("resources"))
@review_options
@connection_options
@handle_errors
def enable(app: str, kind_name: str, names: tuple[str, ...], **options: Any) -> None:
    """Enable tools of APP, or (KIND app, no NAME) the app itself. NAME may be a glob pattern."""
    _switch(app, kind_name, names, True, options)


@click.command()
@click.argument("app", metavar="APP", shell_complete=completer("apps"))
@click.argument("kind_name", metavar="KIND", shell_complete=completer("kinds"))
@click.argument("names", metavar="[NAME]...", nargs=-1, shell_complete=completer("resources"))
@review_options
@connection_options
@handle_errors
def disable(app: str, kind_name: str, names: tuple[str, ...], **options: Any) -> None:
    """Disable tools of APP, or (KIND app, no NAME) the app itself. NAME may be a glob pattern."""
    _switch(app, kind_name, names, False, options)


def _switch(app: str, kind_name: str, names: Sequence[str], enabled: bool, options: dict[str, Any]) -> None:
    if not options["dry_run"]:
        refuse_read_only(READ_ONLY)
    kind = find_kind(kind_name)
    if "isEnabled" not in _settable(kind):
        raise UsageError(f"drio has no way to disable {kind.plural.lower()}", hint="Tools and the app can be disabled.")
    values = Values({}, [Assignment(("isEnabled",), enabled)])

    async def work() -> None:
        async with opened_app(app, options) as opened:
            chosen = _chosen(opened.snapshot, kind, names)
            steps = [step for resource in chosen if (step := values.update_of(opened.snapshot, kind, resource))]
            await carry_out(opened, steps, **{name: options[name] for name in ("dry_run", "yes", "as_json")})

    run(work())


def _chosen(snapshot: Snapshot, kind: Kind[Any], names: Sequence[str]) -> list[Resource]:
    """Return the resources that a command is about. Raises `UsageError` and `NotFound`."""
    if kind is not APP:
        if not names:
            raise UsageError(f"which {kind.plural.lower()}?", hint="Give their keys, names or ids; '*' means all.")
        return find_resources(snapshot, kind, names)
    if names:
        raise UsageError(f"an app has one app, and no {one_line(names[0], 80)}", hint="Leave the name out.")
    return [snapshot.app] if snapshot.app else []


def _deletion(opened: OpenedApp, resources: Sequence[Resource], dependents: str | None) -> list[Step]:
    """Return the steps that delete resources. Raises `UsageError` if that takes a choice that was not made."""
    from drio_tui.plan.deletion import plan_delete
    from drio_tui.plan.steps import Step
    from drio_tui.workspace.model.references import Links

    links = Links(opened.snapshot)
    plan = plan_delete(
        opened.snapshot, links, [resource.key for resource in resources], cascade=dependents == "cascade"
    )
    others = [*plan.also_deleted, *plan.detached]
    if others and dependents is None:
        names = ", ".join(one_line(step.about, 100) for step in others[:10])
        more = f" and {len(others) - 10} more" if len(others) > 10 else ""
        raise UsageError(
            f"others refer to {'it' if len(resources) == 1 else 'them'}. Deleting would also: {names}{more}",
            hint="--detach does that; --cascade deletes everything that refers to them. --dry-run shows it.",
        )
    ids = [f"{step.verb}/{'/'.join(step.key)}/{step.property_name}" for step in plan.steps]
    places = {resource.key: place for place, resource in enumerate(opened.snapshot)}
    steps = []
    for id, step in zip(ids, plan.steps, strict=True):
        resource = opened.snapshot.at(step.key)
        is_delete = step.verb == "delete"
        references = KINDS[step.key[0]].references
        steps.append(
            Step(
                id,
                step.verb,
                step.key[0],
                step.about,
                ref=step.key[1],
                after=tuple(ids[index] for index in step.after),
                property_name=step.property_name,
                targets=step.targets,
                base=resource.raw if is_delete and resource is not None else None,
                links=plan.links_to(step.key) if is_delete else (),
                ignoring=frozenset(top_property(reference.path) for reference in references),
                place=places.get(step.key) if is_delete else None,
            )
        )
    return steps


# --- values ----------------------------------------------------------------------------------------


def _read_values(
    kind: Kind[Any], arguments: Iterable[str], file: str | None, secrets: Iterable[str], *, new: bool = False
) -> Values:
    """Return the values on the command line, in a file and of secrets, checked for what needs no server."""
    inputs = Inputs()
    body = read_object(file, inputs) if file is not None else {}
    if len(body) == 1 and isinstance(inner := body.get(kind.item_key), dict):  # as `get --json` prints it
        body = inner
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
        from drio_tui.plan.steps import Step

        raw = resource.raw
        if not isinstance(raw, dict) or resource.made_up:
            raise UsageError(f"{one_line(resource.name, 80)} is not as documented, so it cannot be changed")
        _check_names(kind, self.assignments, raw)
        body = {name: value for name, value in self.body.items() if name not in kind.fixed or raw.get(name) != value}
        if fixed := next((name for name in body if name in kind.fixed), None):
            raise UsageError(f"{one_line(fixed, 80)} in the file differs, and only drio sets it", hint="Leave it out.")
        wanted = _resolved(snapshot, kind, raw, self._applied(merge_patch(raw, body)))
        _refuse_write_only(snapshot, wanted, self.assignments)
        changes = tuple(diff(comparable(kind, raw), comparable(kind, wanted)))
        if not changes:
            return None
        name = reference_name(resource)
        return Step(
            f"update/{kind.name}/{resource.id}", "update", kind.name, f"Change the {kind.title.lower()} {name}",
            ref=resource.id, changes=changes, base=raw, secret=self.secret,
        )  # fmt: skip

    def create_of(self, snapshot: Snapshot, kind: Kind[Any]) -> Step:
        """Return the step that creates a resource with the values. Raises `UsageError`."""
        from drio_tui.plan.duplicate import create_body
        from drio_tui.plan.steps import Step

        _check_names(kind, self.assignments, {})
        given = self._applied(merge_patch({}, self.body))
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
            ref=f"new {kind.name}", parent=parent, body=body, secret=self.secret,
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
            is_secret = isinstance(described, dict) and (
                described.get("writeOnly") is True or described.get("format") == "password"
            )
            if is_secret and not assignment.secret:
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
