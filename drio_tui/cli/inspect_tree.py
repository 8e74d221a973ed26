"""The tree that `inspect` prints: the app with what it consists of, what refers to what, and what is wrong."""

from __future__ import annotations

from typing import Any

from drio_tui.api.client import DrioClient
from drio_tui.api.errors import DrioError
from drio_tui.cli.output import Line, Styled, style
from drio_tui.cli.render import Branch, plain, shown, table, tree
from drio_tui.kinds import KINDS, Kind
from drio_tui.text import one_line
from drio_tui.workspace.lint.resource_checks import Problem, find_problems
from drio_tui.workspace.model.loader import load_app
from drio_tui.workspace.model.references import Links
from drio_tui.workspace.model.snapshot import Key, Resource, Snapshot


async def app_tree(client: DrioClient, app_id: str, only: Kind[Any] | None) -> list[Line]:
    """The lines to print. Raises the `DrioError` that kept the app itself from being read."""
    snapshot = Snapshot(app_id)
    await load_app(client, app_id, snapshot.apply)
    error: DrioError | None = snapshot.parts["app"].error
    if error:
        raise error
    links = Links(snapshot)
    problems = find_problems(snapshot, links)
    if only:
        rows = [
            [shown(resource.get(member)) for member in (*only.columns, "id")]
            for resource in snapshot.resources(only.name)
        ]
        return list(table((*only.columns, "id"), rows))
    return [*tree(_Tree(snapshot, links, problems).root()), *_listed(problems, snapshot)]


class _Tree:
    def __init__(self, snapshot: Snapshot, links: Links, problems: list[Problem]) -> None:
        self.snapshot = snapshot
        self.links = links
        self.marks: dict[Key, Styled] = {}
        for problem in reversed(problems):
            self.marks[problem.key] = _mark(problem)

    def root(self) -> Branch:
        app = self.snapshot.app
        facts = [shown(app.get(member)) for member in ("slug", "status", "version") if app.get(member)] if app else []
        root = Branch(self._line(app, *facts) if app else ("(the app could not be read)",))
        branding = app.get("branding") if app else None
        if isinstance(branding, dict):
            root.add("Branding  " + _joined(*(shown(value, 30) for value in branding.values() if value)))
        self._group(root, "auth", lambda resource: (resource.text("providerName"), resource.text("status")))
        self._group(
            root, "integration", lambda resource: (resource.text("baseUrl"), self._named(resource, "authId", "auth"))
        )
        self._group(root, "tool", self._about_tool)
        self._group(root, "widget", self._about_widget)
        for name, value in self.snapshot.extra.items():
            root.add(f"{one_line(name, 40)}  {shown(value)}")
        return root

    def _group(self, root: Branch, name: str, about: Any) -> None:
        kind = KINDS[name]
        part = self.snapshot.parts[name]
        resources = list(self.snapshot.resources(name))
        symbol = "" if plain() else f"{kind.symbol} "
        mark = self.marks.get(("group", name))
        failed = ("  ", mark) if mark else ()
        group = root.add(style(f"{symbol}{kind.plural} ({len(resources)})", bold=True), *failed)
        if part.error:
            group.add(f"could not be read: {one_line(str(part.error), 100)}")
        for resource in resources:
            branch = group.add(*self._line(resource, *about(resource)))
            if name == "integration":
                for operation in self.snapshot.resources("operation"):
                    if resource.id in (operation.get("integrationId"), operation.under):
                        what = _joined(shown(operation.get("method")), shown(operation.get("path")), sep=" ")
                        branch.add(*self._line(operation, what))
            if name == "widget":
                actions = resource.get("actions")
                for action in actions if isinstance(actions, list) else []:
                    if isinstance(action, dict):
                        members = ("trigger", "type", "targetToolName", "template")
                        branch.add(_joined(*(shown(action.get(member)) for member in members if action.get(member))))

    def _line(self, resource: Resource, *facts: str) -> Line:
        mark = (self.marks[resource.key], " ") if resource.key in self.marks else ()
        off = " (disabled)" if resource.get("isEnabled") is False else ""
        about = _joined(*(one_line(fact, 80) for fact in facts if fact))
        return (*mark, f"{one_line(resource.name, 80)}{off}" + (f"  {about}" if about else ""))

    def _named(self, resource: Resource, member: str, kind: str) -> str:
        found = self.snapshot.resource(kind, resource.text(member))
        return f"auth: {found.name}" if found else ""

    def _about_tool(self, resource: Resource) -> tuple[str, ...]:
        return tuple(f"{link.label} {self._name(link.target)}" for link in self.links.uses(resource.key))

    def _about_widget(self, resource: Resource) -> tuple[str, ...]:
        shows = [f"shows {self._name(link.target)}" for link in self.links.uses(resource.key) if link.path == "toolId"]
        return (resource.text("primitive"), resource.text("displayMode"), *shows)

    def _name(self, key: Key) -> str:
        resource = self.snapshot.at(key)
        return resource.name if resource else f"{key[1]} (missing)"


def _listed(problems: list[Problem], snapshot: Snapshot) -> list[Line]:
    if not problems:
        return []
    lines: list[Line] = [(), (style(f"Problems ({len(problems)})", bold=True),)]
    for problem in problems:
        resource = snapshot.at(problem.key)
        where = (
            f"{KINDS[resource.kind].title if resource.kind in KINDS else resource.kind} {resource.name}: "
            if resource
            else ""
        )
        lines.append((_mark(problem), f" {one_line(where + problem.message, 200)}"))
    return lines


def _mark(problem: Problem) -> Styled:
    if problem.severity == "error":
        return style("x" if plain() else "✗", fg="red")
    return style("!" if plain() else "▲", fg="yellow")


def _joined(*parts: str, sep: str = "") -> str:
    return (sep or (", " if plain() else " · ")).join(parts)
