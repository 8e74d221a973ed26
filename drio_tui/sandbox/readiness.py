"""Whether an app can be deployed: the parts of it that could not work.

Only enabled tools, and what they refer to, are checked. Each problem is
`{"code", "message", "kind", "id", "name", "field"}`.

| code                | problem                                                                  |
|---------------------|--------------------------------------------------------------------------|
| `unbound_tool`      | a tool is bound to no operation                                          |
| `dangling_binding`  | a tool's operation does not exist                                        |
| `stale_binding`     | the operation's schema has changed since the tool was bound              |
| `broken_chain`      | the next tool of a chain does not exist or is disabled                   |
| `broken_action`     | the tool of a widget's action does not exist, is disabled or not named   |

An auth connection without credentials does not prevent a deploy: the calls that need it fail with the reason.
"""

from __future__ import annotations

from collections.abc import Iterator

from drio_tui.api.json_codec import Document

_BINDING_PROBLEMS = {
    "stale": ("stale_binding", "the operation has changed since the tool was bound; bind it again"),
    "missing": ("dangling_binding", "the operation that the tool calls is gone"),
}


def deploy_problems(resources: dict[str, list[Document]]) -> list[Document]:
    """Return what prevents an app from being deployed, given the views of all its resources by kind."""
    tools = {tool["id"]: tool for tool in resources["tool"]}
    enabled = {tool_id for tool_id, tool in tools.items() if tool["isEnabled"]}
    problems: list[Document] = []
    for tool_id in enabled:
        problems += _tool_problems(tools[tool_id], tools, enabled)
    for widget in resources["widget"]:
        if widget["toolId"] in enabled:
            problems += _widget_problems(widget, tools, enabled)
    return sorted(problems, key=lambda problem: (problem["kind"], problem["name"], problem["field"]))


def _tool_problems(tool: Document, tools: dict[str, Document], enabled: set[str]) -> Iterator[Document]:
    binding = tool["binding"]
    if binding is None:
        yield _problem("unbound_tool", "the tool is not bound to an operation", "tool", tool, "binding")
    elif binding["status"] in _BINDING_PROBLEMS:
        code, message = _BINDING_PROBLEMS[binding["status"]]
        yield _problem(code, message, "tool", tool, "binding.integrationOperationId")
    for index, next_id in enumerate(tool["nextToolIds"]):
        if next_id not in enabled:
            yield _problem("broken_chain", _unavailable(next_id, tools), "tool", tool, f"nextToolIds.{index}")


def _widget_problems(widget: Document, tools: dict[str, Document], enabled: set[str]) -> Iterator[Document]:
    for index, action in enumerate(widget["actions"]):
        target = action.get("targetToolId")
        if target is None and action["type"] == "callTool":
            message = "the action does not say which tool to call"
        elif target is not None and target not in enabled:
            message = _unavailable(target, tools)
        else:
            continue
        yield _problem("broken_action", message, "widget", widget, f"actions.{index}.targetToolId")


def _unavailable(tool_id: str, tools: dict[str, Document]) -> str:
    return f"the tool {tools[tool_id]['name']} is disabled" if tool_id in tools else "the tool is gone"


def _problem(code: str, message: str, kind: str, resource: Document, field: str) -> Document:
    return {
        "code": code,
        "message": f"{resource['name']}: {message}.",
        "kind": kind,
        "id": resource["id"],
        "name": resource["name"],
        "field": field,
    }
