"""Whether a tool can be bound to a changed operation without anyone looking at it.

Whoever calls the tool by its schema, as models do, follows a change. What is written for the earlier schema does not:

| what breaks                                                  | who notices                                        |
|--------------------------------------------------------------|----------------------------------------------------|
| a new required argument                                      | every caller that is not a model                   |
| an argument that is gone, or takes other values              | actions of widgets and chains that pass it         |
| a property of the result that is gone                        | mappings and actions of its widgets, its chain     |
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from drio_tui.api.json_values import same_json
from drio_tui.openapi_import.existing import Raw
from drio_tui.widget_data import template
from drio_tui.workspace.lint.binding import schema_changes
from drio_tui.workspace.lint.tool_chain import ids
from drio_tui.workspace.model.snapshot import Resource, Snapshot
from drio_tui.workspace.run.mapping import apply_mappings, check_template, scope_of
from drio_tui.workspace.run.schema_examples import example_of


def rebind_problems(snapshot: Snapshot, tool: Resource, before: Raw, after: Raw) -> list[str]:
    """Return why the tool cannot be bound to a changed operation as it is, each a clause; empty if it can.

    `before` and `after` have `inputSchema` and `outputSchema` of the operation; `before` has no `outputSchema` if it is
    not known. `snapshot` has the tools and widgets that are used with the tool; texts are not sanitized.
    """
    return list(
        dict.fromkeys(
            [
                *_argument_problems(snapshot, tool, before.get("inputSchema"), after.get("inputSchema")),
                *_result_problems(snapshot, tool, before, after),
            ]
        )
    )


def _argument_problems(snapshot: Snapshot, tool: Resource, before: Any, after: Any) -> Iterator[str]:
    old, new = _properties(before), _properties(after)
    for name in sorted(_required(after) - _required(before)):
        yield f"the argument {name} is required now"
    for user, names in _passed_arguments(snapshot, tool):
        if names is None:
            names = _first_arguments(before)
            if names != _first_arguments(after):
                yield f"{user} passes one value, which would go to another argument now"
                continue
        for name in names:
            if name in old and name not in new:
                yield f"{user} passes the argument {name}, which is gone"
            elif name in old and _is_retyped(old[name], new[name], before, after):
                yield f"{user} passes the argument {name}, which takes other values now"


def _passed_arguments(snapshot: Snapshot, tool: Resource) -> Iterator[tuple[str, list[str] | None]]:
    """Yield who passes arguments to the tool, and their names; None for one value, which goes to the first argument."""
    for widget in snapshot.resources("widget"):
        for action in _objects(widget.get("actions")):
            text = action.get("template")
            if action.get("targetToolId") != tool.id or not isinstance(text, str) or not text:
                continue
            arguments = template.arguments(text).get("object")
            yield f"the widget {widget.name}", [*arguments["members"]] if arguments is not None else None
    for source in snapshot.resources("tool"):
        if tool.id in ids(source.get("nextToolIds")):
            operation = _operation_of(snapshot, source)
            if operation is not None:
                passed = {**_result(operation.raw), **_properties(operation.get("inputSchema"))}
                yield f"the tool {source.name}", [*passed]


def _first_arguments(schema: Any) -> list[str]:
    """Return the argument that takes a single value: the first required one, else the first; at most one name."""
    required = schema.get("required") if isinstance(schema, Mapping) else None
    names = [*(name for name in (required if isinstance(required, list) else ()) if isinstance(name, str))]
    return [*names, *_properties(schema)][:1]


def _result_problems(snapshot: Snapshot, tool: Resource, before: Raw, after: Raw) -> Iterator[str]:
    is_known = "outputSchema" in before
    if (before if is_known else after).get("outputSchema") is None:
        return  # it was not described before either
    old, new = _result(before), _result(after)
    for id in ids(tool.get("nextToolIds")):
        next_tool = snapshot.resource("tool", id)
        operation = _operation_of(snapshot, next_tool) if next_tool is not None else None
        if next_tool is None or operation is None:
            continue
        for name in _properties(operation.get("inputSchema")):
            if name in old and name not in new:
                yield f"the tool {next_tool.name} takes {name} from its result, which is gone"
    samples = [example_of(schema.get("outputSchema")) for schema in (before, after)]
    for widget in snapshot.resources("widget"):
        if widget.get("toolId") != tool.id:
            continue
        config = widget.get("config")
        mappings = config.get("fieldMappings") if isinstance(config, Mapping) else None
        earlier_outcomes, outcomes = (apply_mappings(mappings, sample) for sample in samples)
        found = {outcome.slot for outcome in outcomes if outcome.state == "found"}
        for outcome in earlier_outcomes:
            slot = outcome.slot
            if slot not in found and (outcome.state == "found" or not is_known):
                yield f"the widget {widget.name} maps {slot} from {outcome.path}, which is gone"
        scopes = [scope_of(mappings if isinstance(mappings, dict) else {}, sample) for sample in samples]
        for action in _objects(widget.get("actions")):
            text = action.get("template")
            if not isinstance(text, str):
                continue
            earlier, now = (check_template(text, scope) for scope in scopes)
            for problem in now:
                if problem not in earlier or not is_known:
                    yield f"an action of the widget {widget.name} {problem}"


def _is_retyped(before: Any, after: Any, old_schema: Any, new_schema: Any) -> bool:
    if any(change.breaks for change in schema_changes(before, after)):
        return True
    old, new = _definitions(old_schema), _definitions(new_schema)
    return "$ref" in str(after) and not same_json(old, new)


def _definitions(schema: Any) -> Any:
    return schema.get("$defs") if isinstance(schema, Mapping) else None


def _properties(schema: Any) -> dict[str, Any]:
    properties = schema.get("properties") if isinstance(schema, Mapping) else None
    return dict(properties) if isinstance(properties, Mapping) else {}


def _required(schema: Any) -> set[str]:
    required = schema.get("required") if isinstance(schema, Mapping) else None
    return {name for name in required if isinstance(name, str)} if isinstance(required, list) else set()


def _result(operation: Raw) -> dict[str, Any]:
    """Return an example of the result, if that is an object."""
    schema = operation.get("outputSchema")
    example = example_of(schema) if schema is not None else None
    return example if isinstance(example, dict) else {}


def _operation_of(snapshot: Snapshot, tool: Resource) -> Resource | None:
    binding = tool.get("binding")
    id = binding.get("integrationOperationId") if isinstance(binding, Mapping) else None
    operation = snapshot.resource("operation", id) if isinstance(id, str) else None
    return operation if operation is not None and isinstance(operation.raw, dict) else None


def _objects(value: Any) -> list[Mapping[str, Any]]:
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list) else []
