"""The tree that `inspect` prints: the app's resources, the references between them, and the diagnostics."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

from drio_tui.api.client import DrioClient
from drio_tui.api.errors import DrioError
from drio_tui.cli.output import Line, Styled, style
from drio_tui.cli.render import Branch, ascii_only, format_value, resource_table, severity_mark, tree
from drio_tui.kinds import KINDS, Kind
from drio_tui.text import one_line
from drio_tui.workspace.lint.call_checks import fetch_tool_calls
from drio_tui.workspace.lint.resource_checks import ResourceDiagnostic, check_resources
from drio_tui.workspace.model.loader import read_app
from drio_tui.workspace.model.references import Links
from drio_tui.workspace.model.snapshot import Resource, ResourceKey, Snapshot


async def app_tree(client: DrioClient, app_id: str, only: Kind[Any] | None) -> list[Line]:
    """Read an app and return the lines to print: its tree, or a table of the resources of one kind.

    Raises the `DrioError` of the app itself, and of the one kind; the tree shows that of others.
    """
    snapshot = await read_app(client, app_id, required=["app", only.name] if only else ["app"])
    if only:
        return list(resource_table(only, snapshot.resources(only.name)))
    with contextlib.suppress(DrioError):  # the marks of a log are not what was asked for
        snapshot.calls = await fetch_tool_calls(client, app_id)
    links = Links(snapshot)
    problems = check_resources(snapshot, links)
    return [*tree(_TreeBuilder(snapshot, links, problems).root()), *_problem_lines(problems, snapshot)]


class _TreeBuilder:
    def __init__(self, snapshot: Snapshot, links: Links, problems: list[ResourceDiagnostic]) -> None:
        self.snapshot = snapshot
        self.links = links
        self.marks: dict[ResourceKey, Styled] = {}
        for problem in reversed(problems):
            self.marks[problem.key] = severity_mark(problem.severity)

    def root(self) -> Branch:
        app = self.snapshot.app
        details = (
            [format_value(app.get(name)) for name in ("slug", "status", "version") if app.get(name)] if app else []
        )
        root = Branch(self._line(app, *details) if app else ("(the app could not be read)",))
        branding = app.get("branding") if app else None
        if isinstance(branding, dict):
            root.add("Branding  " + _joined(*(format_value(value, 30) for value in branding.values() if value)))
        self._group(root, "auth", lambda resource: (resource.text("providerName"), resource.text("status")))
        self._group(root, "integration", lambda resource: (resource.text("baseUrl"), self._auth_text(resource)))
        self._group(root, "tool", self._tool_details)
        self._group(root, "widget", self._widget_details)
        for name, value in self.snapshot.extra.items():
            root.add(f"{one_line(name, 40)}  {format_value(value)}")
        return root

    def _group(self, root: Branch, name: str, details: Callable[[Resource], tuple[str, ...]]) -> None:
        """Add the resources of a kind, each with its `details`."""
        kind = KINDS[name]
        part = self.snapshot.parts[name]
        resources = list(self.snapshot.resources(name))
        symbol = "" if ascii_only() else f"{kind.symbol} "
        mark = self.marks.get(("group", name))
        group_mark = ("  ", mark) if mark else ()
        group = root.add(style(f"{symbol}{kind.plural} ({len(resources)})", bold=True), *group_mark)
        if part.error:
            group.add(f"could not be read: {one_line(str(part.error), 100)}")
        for resource in resources:
            branch = group.add(*self._line(resource, *details(resource)))
            if name == "integration":
                for operation in self.snapshot.resources("operation"):
                    if resource.id in (operation.get("integrationId"), operation.parent_id):
                        method, path = format_value(operation.get("method")), format_value(operation.get("path"))
                        branch.add(*self._line(operation, f"{method} {path}"))
            if name == "widget":
                actions = resource.get("actions")
                for action in actions if isinstance(actions, list) else []:
                    if isinstance(action, dict):
                        names = ("trigger", "type", "targetToolName", "template")
                        branch.add(_joined(*(format_value(action.get(name)) for name in names if action.get(name))))

    def _line(self, resource: Resource, *details: str) -> Line:
        mark = (self.marks[resource.key], " ") if resource.key in self.marks else ()
        disabled = " (disabled)" if resource.get("isEnabled") is False else ""
        text = _joined(*(one_line(detail, 80) for detail in details if detail))
        return (*mark, f"{one_line(resource.name, 80)}{disabled}" + (f"  {text}" if text else ""))

    def _auth_text(self, integration: Resource) -> str:
        connection = self.snapshot.resource("auth", integration.text("authId"))
        return f"auth: {connection.name}" if connection else ""

    def _tool_details(self, tool: Resource) -> tuple[str, ...]:
        return tuple(f"{link.label} {self._name(link.target)}" for link in self.links.uses(tool.key))

    def _widget_details(self, widget: Resource) -> tuple[str, ...]:
        shows = [f"shows {self._name(link.target)}" for link in self.links.uses(widget.key) if link.path == "toolId"]
        return (widget.text("primitive"), widget.text("displayMode"), *shows)

    def _name(self, key: ResourceKey) -> str:
        resource = self.snapshot.at(key)
        return resource.name if resource else f"{key[1]} (missing)"


def _problem_lines(problems: list[ResourceDiagnostic], snapshot: Snapshot) -> list[Line]:
    if not problems:
        return []
    lines: list[Line] = [(), (style(f"Problems ({len(problems)})", bold=True),)]
    for problem in problems:
        resource = snapshot.at(problem.key)
        subject = (
            f"{KINDS[resource.kind].title if resource.kind in KINDS else resource.kind} {resource.name}: "
            if resource
            else ""
        )
        lines.append((severity_mark(problem.severity), f" {one_line(subject + problem.message, 200)}"))
    return lines


def _joined(*parts: str) -> str:
    return (", " if ascii_only() else " · ").join(parts)
