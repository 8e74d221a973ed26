"""How an app is laid out as a tree: the nodes, their short texts, the problems counted on their parents.

    app
    ├ Branding
    ├ Auth            → connections, and the providers there are
    ├ Integrations    → integration → operations
    ├ Tools           → tool → binding, chain → next tools, widget → actions
    └ More            → members of the config that are no kind we know

An outline is built whole from a snapshot (5,000 nodes take some 20 ms) and is then only read. Which
nodes are open, and which are hidden by a filter, is decided by `rows`. Texts are as the API gave them,
cut to a line's length, not yet safe to show.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

from drio_tui.kinds import KINDS
from drio_tui.text import count_of
from drio_tui.workspace.lint.resource_checks import Problem, find_problems
from drio_tui.workspace.model.references import Links
from drio_tui.workspace.model.snapshot import Key, Resource, Snapshot, SnapshotPart

Tone = Literal["", "good", "warn", "bad", "info"]

TEXT_MAX = 300
"""Characters of a text that a node keeps; a line of a terminal is shorter."""

_GROUPS = {"auth": "Auth", "provider": "Providers", "integration": "Integrations", "tool": "Tools"}
_STANDS_FOR = {"operation": "integration", "widget": "tool", "provider": "auth"}

_TONES: dict[str, Tone] = {
    "valid": "good",
    "ready": "good",
    "published": "good",
    "deployed": "good",
    "active": "good",
    "connected": "good",
    "draft": "info",
    "pending": "warn",
    "stale": "warn",
    "unbound": "bad",
    "missing": "bad",
    "invalid": "bad",
    "error": "bad",
}


def tone_of(status: str) -> Tone:
    """How a status word is coloured; words we do not know are left plain."""
    return _TONES.get(status, "")


@dataclass(slots=True, eq=False)
class TreeNode:
    """One line of the tree.

    `kind` is the resource's kind, or branding, group, binding, chain, link, action, extra, member, pending,
    failed. `about` names the resource whose details are shown for it (None: nothing but `value`), `target`
    the resource that Enter on a link leads to. `errors` and `warnings` are its own; the `_below` ones those
    of everything under it.
    """

    key: Key
    kind: str
    title: str
    note: str = ""
    badge: str = ""
    tone: Tone = ""
    about: Key | None = None
    target: Key | None = None
    value: Any = None
    parent: TreeNode | None = None
    depth: int = 0
    children: list[TreeNode] = field(default_factory=list)
    errors: int = 0
    warnings: int = 0
    errors_below: int = 0
    warnings_below: int = 0
    haystack: str = ""

    def ancestors(self) -> Iterator[TreeNode]:
        """From the parent up to the root."""
        node = self.parent
        while node is not None:
            yield node
            node = node.parent


class TreeModel:
    """The tree of one snapshot at one moment, with its links and problems."""

    def __init__(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot
        self.links = Links(snapshot)
        self.problems = find_problems(snapshot, self.links)
        self.by_key: dict[Key, TreeNode] = {}
        self.root = self._app()
        self._branding(snapshot.app)
        self._auth()
        self._integrations()
        self._tools()
        self._extra()
        self._count()

    # --- reading ---------------------------------------------------------------------------------

    def default_open(self) -> set[Key]:
        """The nodes that are open when an app is first shown."""
        return {self.root.key, *(("group", name) for name in ("auth", "integration", "tool"))}

    def rows(self, opened: set[Key], shown: set[Key] | None = None) -> list[TreeNode]:
        """The visible nodes, top to bottom. `shown`, from `keep`, hides all others but what `opened` opens."""
        found: list[TreeNode] = []
        stack = [self.root]
        while stack:
            node = stack.pop()
            found.append(node)
            if not node.children:
                continue
            if shown is None:
                if node.key in opened:
                    stack.extend(reversed(node.children))
            elif node.key in opened and node.key in shown and not any(child.key in shown for child in node.children):
                stack.extend(reversed(node.children))
            else:
                stack.extend(child for child in reversed(node.children) if child.key in shown)
        return found

    def matches(self, query: str, among: Iterable[Key] | None = None) -> list[Key]:
        """The nodes in whose texts every word of the query stands, regardless of case, in tree order.

        `among` names the only ones to look at: the hits of a query that this one begins with.
        """
        words = query.casefold().split()
        if not words:
            return []
        nodes = self.walk() if among is None else (self.by_key[key] for key in among)
        return [node.key for node in nodes if all(word in _haystack(node) for word in words)]

    def keep(self, keys: Iterable[Key]) -> set[Key]:
        """The keys with all their ancestors."""
        kept: set[Key] = {self.root.key}
        for key in keys:
            node: TreeNode | None = self.by_key[key]
            while node is not None and node.key not in kept:
                kept.add(node.key)
                node = node.parent
        return kept

    def walk(self) -> Iterator[TreeNode]:
        """Every node, in tree order."""
        stack = [self.root]
        while stack:
            node = stack.pop()
            yield node
            stack.extend(reversed(node.children))

    def node_for(self, key: Key) -> TreeNode | None:
        """The node of a resource, or of the nearest that stands for it."""
        if key[0] == "app":
            return self.root
        found = self.by_key.get(key)
        if found is None and key[0] == "group":
            found = self.by_key.get(("group", _STANDS_FOR.get(key[1], ""))) or self.root
        return found

    def problems_of(self, node: TreeNode) -> list[Problem]:
        """The problems that are the node's own, or its resource's."""
        return [problem for problem in self.problems if self.node_of_problem(problem) is node]

    def node_of_problem(self, problem: Problem) -> TreeNode | None:
        """Where a problem is marked: on the resource, or on the part of it that the path names."""
        if problem.key[0] == "tool":
            part = {"binding": "binding", "nextToolIds": "chain"}.get(problem.path.split(".")[0].split("[")[0])
            if part and (part, problem.key[1]) in self.by_key:
                return self.by_key[(part, problem.key[1])]
        if problem.path.startswith("actions["):
            action = ("action", problem.key[1], problem.path[8:].split("]")[0])
            if action in self.by_key:
                return self.by_key[action]
        return self.node_for(problem.key)

    # --- building --------------------------------------------------------------------------------

    def _add(self, parent: TreeNode | None, node: TreeNode) -> TreeNode:
        node.title, node.note = node.title[:TEXT_MAX], node.note[:TEXT_MAX]
        node.badge = node.badge[:40]
        node.parent = parent
        if parent is not None:
            node.depth = parent.depth + 1
            parent.children.append(node)
        self.by_key[node.key] = node
        return node

    def _app(self) -> TreeNode:
        app = self.snapshot.app
        part = self.snapshot.parts["app"]
        if app is None:
            waiting = part.state == "waiting"
            return self._add(None, TreeNode(("app", ""), "app", "…" if waiting else "The app could not be read"))
        status = app.text("status")
        node = TreeNode(("app", ""), "app", app.name, app.text("version"), status, tone_of(status), about=app.key)
        return self._add(None, node)

    def _branding(self, app: Resource | None) -> None:
        branding = app.get("branding") if app else None
        note = " ".join(
            value
            for name in ("primaryColor", "accentColor", "backgroundColor")
            if isinstance(branding, dict) and isinstance(value := branding.get(name), str)
        )
        self._add(
            self.root,
            TreeNode(("branding", ""), "branding", "Branding", note, value=branding, about=app.key if app else None),
        )

    def _group(self, parent: TreeNode, name: str) -> TreeNode:
        part = self.snapshot.parts[name]
        count = str(len(part.resources)) if part.resources or part.state == "ready" else ""
        return self._add(parent, TreeNode(("group", name), "group", _GROUPS[name], count, value=name))

    def _state(self, group: TreeNode, part: SnapshotPart, name: str) -> None:
        """A row that says so where a part is on its way or could not be read, or is empty."""
        if part.state == "waiting" and not part.resources:
            self._add(group, TreeNode(("pending", name), "pending", ""))
        elif part.error is not None:
            self._add(group, TreeNode(("failed", name), "failed", str(part.error), tone="bad", value=part.error))

    def _auth(self) -> None:
        part = self.snapshot.parts["auth"]
        group = self._group(self.root, "auth")
        self._state(group, part, "auth")
        for resource in part.resources.values():
            status = resource.text("status")
            note = resource.text("providerName") or resource.text("providerKey")
            self._resource(group, resource, note, status, tone_of(status))
        providers = self.snapshot.parts["provider"]
        if providers.resources or providers.failures:
            group = self._group(group, "provider")
            self._state(group, providers, "provider")
            for resource in providers.resources.values():
                self._resource(group, resource, resource.text("kind"))

    def _integrations(self) -> None:
        part = self.snapshot.parts["integration"]
        operations = self.snapshot.parts["operation"]
        group = self._group(self.root, "integration")
        self._state(group, part, "integration")
        of: dict[str, list[Resource]] = {}
        for operation in operations.resources.values():
            of.setdefault(operation.text("integrationId") or operation.under, []).append(operation)
        for resource in part.resources.values():
            status = resource.text("status")
            node = self._resource(group, resource, resource.text("baseUrl"), status, tone_of(status))
            for operation in of.pop(resource.id, ()):
                self._operation(node, operation)
            if operations.state == "waiting" and not node.children:
                self._add(node, TreeNode(("pending", "operation", resource.id), "pending", ""))
            error = operations.failures.get(resource.id) or operations.error
            if error is not None:
                failed = TreeNode(("failed", "operation", resource.id), "failed", str(error), tone="bad", value=error)
                self._add(node, failed)
        if of and part.state != "waiting":
            homeless = TreeNode(("group", "homeless operations"), "group", "Operations without an integration")
            homeless = self._add(group, homeless)
            homeless.note = str(sum(map(len, of.values())))
            for operation in (operation for some in of.values() for operation in some):
                self._operation(homeless, operation)

    def _operation(self, parent: TreeNode, resource: Resource) -> None:
        self._resource(parent, resource, f"{resource.text('method')} {resource.text('path')}".strip())

    def _tools(self) -> None:
        part = self.snapshot.parts["tool"]
        group = self._group(self.root, "tool")
        self._state(group, part, "tool")
        of, homeless = self._widgets_by_tool()
        for resource in part.resources.values():
            off = resource.get("isEnabled") is False
            node = self._resource(group, resource, resource.text("key"), "off" if off else "")
            self._binding(node, resource)
            self._chain(node, resource)
            for widget in of.get(resource.id, ()):
                self._widget(node, widget)
        widgets = self.snapshot.parts["widget"]
        if widgets.error is not None:
            self._add(
                group, TreeNode(("failed", "widget"), "failed", str(widgets.error), tone="bad", value=widgets.error)
            )
        if homeless and part.state != "waiting":
            rest = TreeNode(("group", "homeless widgets"), "group", "Widgets without a tool", str(len(homeless)))
            rest = self._add(group, rest)
            for widget in homeless:
                self._widget(rest, widget)

    def _widgets_by_tool(self) -> tuple[dict[str, list[Resource]], list[Resource]]:
        """Each widget under the tool it names, else under the one that names it, else under none."""
        tools = self.snapshot.parts["tool"].resources
        named_by: dict[str, str] = {}
        for tool in tools.values():
            named_by.setdefault(tool.text("widgetId"), tool.id)
        of: dict[str, list[Resource]] = {}
        homeless: list[Resource] = []
        for widget in self.snapshot.resources("widget"):
            owner = widget.text("toolId")
            if owner not in tools:
                owner = "" if widget.made_up else named_by.get(widget.id, "")
            if owner:
                of.setdefault(owner, []).append(widget)
            else:
                homeless.append(widget)
        return of, homeless

    def _binding(self, parent: TreeNode, resource: Resource) -> None:
        binding = resource.get("binding")
        status = binding.get("status") if isinstance(binding, dict) else None
        id = binding.get("integrationOperationId") if isinstance(binding, dict) else None
        badge = status if isinstance(status, str) else ""
        target = ("operation", id) if isinstance(id, str) else None
        note = f"calls {self._name(target)}" if target else ("" if binding is None else "of an unknown shape")
        if binding is None:
            note = "none"
        node = TreeNode(
            ("binding", resource.id), "binding", "Binding", note, badge, tone_of(badge), resource.key, target, binding
        )
        self._add(parent, node)

    def _chain(self, parent: TreeNode, resource: Resource) -> None:
        links = self.links.chain(resource.key)
        if not links:
            return
        names = [self._name(link.target) for link in links[:4]]
        note = "then " + ", ".join(names) + (f" and {len(links) - 4} more" if len(links) > 4 else "")
        chain = TreeNode(
            ("chain", resource.id), "chain", "Chain", note, about=resource.key, value=resource.get("nextToolIds")
        )
        chain = self._add(parent, chain)
        for number, link in enumerate(links):
            key = ("link", resource.id, str(number))
            note = "not there" if link.broken else ""
            node = TreeNode(key, "link", self._name(link.target), note, about=link.target, target=link.target)
            node.tone = "bad" if link.broken else ""
            self._add(chain, node)

    def _widget(self, parent: TreeNode, resource: Resource) -> None:
        badge = "hidden" if resource.text("visibility") == "hidden" else ""
        node = self._resource(parent, resource, resource.text("primitive"), badge)
        actions = resource.get("actions")
        for number, action in enumerate(actions if isinstance(actions, list) else ()):
            title, note, target = "action", "", None
            if isinstance(action, dict):
                title = action["trigger"] if isinstance(action.get("trigger"), str) else "action"
                note = action["type"] if isinstance(action.get("type"), str) else ""
                id = action.get("targetToolId")
                if isinstance(id, str):
                    target = ("tool", id)
                    note += f" → {self._name(target)}"
            key = ("action", resource.id, str(number))
            self._add(node, TreeNode(key, "action", title, note, about=resource.key, target=target, value=action))

    def _extra(self) -> None:
        if not self.snapshot.extra:
            return
        group = TreeNode(("group", "extra"), "group", "More", "as the config gives it", value=self.snapshot.extra)
        group = self._add(self.root, group)
        for name, value in self.snapshot.extra.items():
            self._add(group, TreeNode(("member", name), "member", name, _shape(value), value=value))

    def _resource(self, parent: TreeNode, resource: Resource, note: str, badge: str = "", tone: Tone = "") -> TreeNode:
        return self._add(
            parent, TreeNode(resource.key, resource.kind, resource.name, note, badge, tone, about=resource.key)
        )

    def _name(self, key: Key) -> str:
        resource = self.snapshot.resource(*key)
        return resource.name if resource else key[1]

    def _count(self) -> None:
        for problem in self.problems:
            node = self.node_of_problem(problem)
            if node is None:
                continue
            error = problem.severity == "error"
            node.errors += error
            node.warnings += not error
            for above in node.ancestors():
                above.errors_below += error
                above.warnings_below += not error


def title_of(snapshot: Snapshot, key: Key) -> str:
    """A resource in words: `Tool Search Contacts`; the id where it is not there. Not yet safe to show."""
    resource = snapshot.at(key)
    kind = KINDS[key[0]].title if key[0] in KINDS else key[0].capitalize()
    return f"{kind} {resource.name if resource else key[1]}"


def _shape(value: Any) -> str:
    if isinstance(value, dict):
        return count_of(len(value), "member")
    if isinstance(value, list):
        return count_of(len(value), "item")
    return ""


def _haystack(node: TreeNode) -> str:
    if not node.haystack:
        node.haystack = "\n".join((node.title, node.note, node.badge, *node.key)).casefold()
    return node.haystack
