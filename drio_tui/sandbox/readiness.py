"""Whether an app can go live: what in it could not work once it is deployed.

Looked at are the tools that are enabled, and what they lead to. Each problem is
`{"code", "message", "kind", "id", "name", "field"}`.

| code                | problem                                                                  |
|---------------------|--------------------------------------------------------------------------|
| `unbound_tool`      | a tool calls nothing                                                     |
| `dangling_binding`  | a tool's operation is gone                                               |
| `stale_binding`     | the operation's schema has changed since the tool was bound              |
| `broken_chain`      | a tool hands its result to one that is gone or disabled                  |
| `broken_action`     | a widget's action calls a tool that is gone, disabled or not named       |

An auth connection without its credentials does not keep an app from being deployed: its calls fail, and
say why.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

Document = dict[str, Any]

_BINDINGS = {
    "stale": ("stale_binding", "the operation has changed since the tool was bound; bind it again"),
    "missing": ("dangling_binding", "the operation that the tool calls is gone"),
}


def problems_of(everything: dict[str, list[Document]]) -> list[Document]:
    """The problems of an app, given the views of all its resources by kind."""
    tools = {tool["id"]: tool for tool in everything["tool"]}
    live = {tool_id for tool_id, tool in tools.items() if tool["isEnabled"]}
    found: list[Document] = []
    for tool_id in live:
        found += _tool_problems(tools[tool_id], tools, live)
    for widget in everything["widget"]:
        if widget["toolId"] in live:
            found += _widget_problems(widget, tools, live)
    return sorted(found, key=lambda problem: (problem["kind"], problem["name"], problem["field"]))


def _tool_problems(tool: Document, tools: dict[str, Document], live: set[str]) -> Iterator[Document]:
    binding = tool["binding"]
    if binding is None:
        yield _problem("unbound_tool", "the tool is not bound to an operation", "tool", tool, "binding")
    elif binding["status"] in _BINDINGS:
        code, message = _BINDINGS[binding["status"]]
        yield _problem(code, message, "tool", tool, "binding.integrationOperationId")
    for index, following in enumerate(tool["nextToolIds"]):
        if following not in live:
            yield _problem("broken_chain", _gone(following, tools), "tool", tool, f"nextToolIds.{index}")


def _widget_problems(widget: Document, tools: dict[str, Document], live: set[str]) -> Iterator[Document]:
    for index, action in enumerate(widget["actions"]):
        target = action.get("targetToolId")
        if target is None and action["type"] == "callTool":
            message = "the action does not say which tool to call"
        elif target is not None and target not in live:
            message = _gone(target, tools)
        else:
            continue
        yield _problem("broken_action", message, "widget", widget, f"actions.{index}.targetToolId")


def _gone(tool_id: str, tools: dict[str, Document]) -> str:
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
