"""What can be changed in many resources alike: the form of each change, and the plan that its values make."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from drio_tui.api.json_values import same_json
from drio_tui.kinds import KINDS
from drio_tui.plan.bulk import BulkPlan, can_be_changed, edit_all
from drio_tui.plan.moving import move_operations
from drio_tui.plan.renaming import rename_by_pattern
from drio_tui.plan.replacing import PROPERTIES, Replacement, replace_text
from drio_tui.plan.steps import changes_of
from drio_tui.schema.fields import Reference, SchemaReader
from drio_tui.schema.form import FormModel
from drio_tui.text import count_of
from drio_tui.ui.base.services import body_schema, reference_options
from drio_tui.ui.widgets.values import label_of
from drio_tui.workspace.lint.annotations import ANNOTATION_HELP
from drio_tui.workspace.model.snapshot import Resource, Snapshot

if TYPE_CHECKING:
    from drio_tui.schema.resolve import Json

_UNIQUE = frozenset({"key", "slug", "widgetId", "toolId"})
"""Properties of which no two resources have the same value."""
_WHERE = {
    "all": "All of them",
    "name": "Name",
    "description": "Description",
    "serverInstructions": "Server instructions",
    "annotations": "Title in the annotations",
    "actions": "Actions of widgets",
    "config": "Texts of widgets",
}
"""Where text is replaced: each of `PROPERTIES`, or all, with its label."""
_REPLACE = {
    "find": {"type": "string", "title": "Find"},
    "text": {"type": "string", "title": "Replace with"},
    "regex": {
        "type": "boolean",
        "default": False,
        "title": "Regular expression",
        "description": r"\1 is what its first group matched.",
    },
    "ignoreCase": {"type": "boolean", "default": False, "title": "Ignore case"},
    "wholeWord": {"type": "boolean", "default": False, "title": "Whole words"},
    "property": {
        "oneOf": [{"const": name, "title": title} for name, title in _WHERE.items()],
        "default": "all",
        "title": "In",
        "description": "Where text is replaced.",
    },
}
_RENAME = {
    "pattern": {
        "type": "string", "title": "Pattern", "examples": ["s/^get /Fetch /"],
        "description": "s/FIND/REPLACEMENT/ (g: all, i: ignore case), or text with {name}, {key} and {n}.",
    },
    "property": {
        "oneOf": [{"const": "name", "title": "Name"}, {"const": "key", "title": "Key"}],
        "default": "name", "title": "What",
    },
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class BulkForm:
    """A change of many resources. `plan` makes the plan of the values of `model` for the app as in a snapshot.

    Without a `model` nothing is to be filled in. `origin` says as JSON of what the form is, so that it can be made
    again: the `form`, the `resources` (kind and id), and of an edit the properties `only` which are edited.
    """

    title: str
    agree: str
    plan: Callable[[Mapping[str, Any], Snapshot], BulkPlan]
    model: FormModel | None = None
    about: str = ""
    references: Mapping[str, Reference] = field(default_factory=dict)
    origin: Mapping[str, Any] = field(default_factory=dict)


def _origin(form: str, resources: Iterable[Resource], only: Sequence[str] = ()) -> dict[str, Any]:
    return {"form": form, "resources": [[*resource.key] for resource in resources], "only": [*only]}


def _current(resources: Iterable[Resource], snapshot: Snapshot) -> list[Resource]:
    """Return the resources as they are in a snapshot, without those that it has not."""
    return [current for resource in resources if (current := snapshot.at(resource.key)) is not None]


def replace_form(resources: Sequence[Resource], scope: str) -> BulkForm:
    """Return the form that replaces text in these resources; `scope` says in which, for the user."""

    def plan(values: Mapping[str, Any], snapshot: Snapshot) -> BulkPlan:
        if not values.get("find"):
            return BulkPlan()
        replacement = Replacement(
            str(values["find"]), str(values.get("text") or ""), *(bool(values.get(name)) for name in _FLAGS)
        )
        name = values.get("property") or "all"
        properties = PROPERTIES if name == "all" else (name,)
        return replace_text(_current(resources, snapshot), replacement, properties)

    origin = _origin("replace", resources)
    return BulkForm(f"Replace text in {scope}", "Replace", plan, _model(_REPLACE), origin=origin)


_FLAGS = ("regex", "ignoreCase", "wholeWord")


def rename_form(resources: Sequence[Resource], scope: str) -> BulkForm:
    """Return the form that renames these resources by a pattern."""

    def plan(values: Mapping[str, Any], snapshot: Snapshot) -> BulkPlan:
        if not values.get("pattern"):
            return BulkPlan()
        property_name = "key" if values.get("property") == "key" else "name"
        current = _current(resources, snapshot)
        return rename_by_pattern(snapshot, current, str(values["pattern"]), property_name)  # type: ignore[arg-type]

    return BulkForm(f"Rename {scope}", "Rename", plan, _model(_RENAME), origin=_origin("rename", resources))


def move_form(operations: Sequence[Resource], integration: Resource) -> BulkForm:
    """Return the plan that moves operations to another integration; there is nothing to fill in."""
    title = f"Move {count_of(len(operations), 'operation')} to {integration.name}"
    return BulkForm(
        title, "Move", lambda _, snapshot: move_operations(snapshot, _current(operations, snapshot), integration)
    )


def edit_form(
    snapshot: Snapshot, resources: Sequence[Resource], document: Json | None, left_out: frozenset[str],
    only: Sequence[str] = (),
) -> BulkForm:  # fmt: skip
    """Return the form that sets properties of resources of one kind; `document` is the server's OpenAPI document.

    It has the properties of the kind's form, without `left_out` (or `only` these), with the values that all have. What
    differs is empty, and stays as it is unless it is filled in.
    """
    resources = [resource for resource in resources if can_be_changed(resource)]
    kind = KINDS[resources[0].kind]
    reader, schema, _ = body_schema(kind, document, new=False)
    flat, _ = reader.schemas.flat(schema)
    properties = {
        name: described
        for name, described in (flat.get("properties") or {}).items()
        if (name in only if only else name not in left_out | _UNIQUE)
    }
    common, differing = common_values([resource.raw for resource in resources])
    if "annotations" in properties:
        properties["annotations"] = _with_labels(reader.schemas.flat(properties["annotations"])[0])
    for name in properties.keys() & {*differing}:
        properties[name] = _several(reader.schemas.flat(properties[name])[0])
    model = FormModel(
        reader.field({"type": "object", "properties": properties}),
        {name: value for name, value in common.items() if name in properties},
    )

    def plan(values: Mapping[str, Any], snapshot: Snapshot) -> BulkPlan:
        changes = {change.path: change.after for change in changes_of(values)}
        return BulkPlan(edit_all(_current(resources, snapshot), changes))

    inside = [name for name in differing if "." in name and name.partition(".")[0] in properties]
    labels = ", ".join(map(_label_of, inside))
    about = f"Several values, which stay unless you fill them in: {labels}." if inside else ""
    what = kind.plural.lower() if len(resources) > 1 else kind.title.lower()
    references = {path: replace(one, new="") for path, one in reference_options(kind, snapshot).items()}
    title, origin = f"Edit {len(resources)} {what}", _origin("edit", resources, only)
    return BulkForm(title, "Change", plan, model, about, references, origin)


def _label_of(path: str) -> str:
    """Return the label of a property inside another one, as the editors have it: `annotations.readOnlyHint`."""
    return f"“{label_of(path.rpartition('.')[2])}”"


def _with_labels(described: Mapping[str, Any]) -> dict[str, Any]:
    """Return the schema of annotations with the labels and the help of their editor."""
    properties = described.get("properties") or {}
    return {
        **described,
        "properties": {
            name: {**inner, "title": ANNOTATION_HELP[name][0], "description": ANNOTATION_HELP[name][1]}
            if name in ANNOTATION_HELP
            else inner
            for name, inner in properties.items()
        },
    }


def _several(described: Mapping[str, Any]) -> dict[str, Any]:
    """Return the schema of a property that has several values, which its field says instead of an example."""
    help_text = f"Several values. {described.get('description') or ''}".strip()
    return {**described, "description": help_text, "examples": []}


def common_values(raws: Sequence[Mapping[str, Any]]) -> tuple[dict[str, Any], list[str]]:
    """Return the values that all objects have, and the dotted paths of those that differ; objects are compared
    property by property, one level deep."""
    common: dict[str, Any] = {}
    differing: list[str] = []
    for name in dict.fromkeys(name for raw in raws for name in raw):
        values = [raw.get(name) for raw in raws]
        if all(same_json(value, values[0]) for value in values):
            common[name] = values[0]
        elif all(value is None or isinstance(value, dict) for value in values):
            inner, paths = common_values([value or {} for value in values])
            common[name] = {key: value for key, value in inner.items() if value is not None}
            differing += [f"{name}.{path.partition('.')[0]}" for path in paths]
        else:
            differing.append(name)
    return common, list(dict.fromkeys(differing))


def _model(properties: Mapping[str, Any]) -> FormModel:
    """Return the form of a change. What has a default always has a value, so it is not offered to leave it out."""
    required = [name for name, described in properties.items() if "default" in described]
    schema = {"type": "object", "properties": dict(properties), "required": required}
    return FormModel(SchemaReader(schema).field(schema))
