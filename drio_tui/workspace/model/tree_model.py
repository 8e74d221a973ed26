"""The tree of an app: its nodes, their short texts, and the number of problems below each node.

    app
    ├ Branding
    ├ Auth            → connections, and the available providers
    ├ Integrations    → integration → operations
    ├ Tools           → tool → binding, chain → next tools, widget → actions
    └ More            → unknown properties of the config

A `TreeModel` is built from a snapshot in one step (5,000 nodes take some 20 ms) and does not change afterwards. `rows`
computes which nodes are visible, given the open nodes and a filter. Texts are as received from the API, cut to
`TEXT_MAX` characters, not sanitized.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from drio_tui.kinds import KINDS
from drio_tui.text import count_of, first_names
from drio_tui.workspace.lint.resource_checks import ResourceDiagnostic, check_resources
from drio_tui.workspace.model.references import Links
from drio_tui.workspace.model.snapshot import Resource, ResourceKey, Snapshot, SnapshotPart
from drio_tui.workspace.model.status_tone import Tone, tone_of

TEXT_MAX = 300
"""The longest text of a node, in characters; a line of a terminal is shorter."""

PLACES = {
    "auth": "auth connections",
    "branding": "branding",
    "integration": "integrations",
    "operation": "operations",
    "tool": "tools",
    "widget": "widgets",
}
"""What one can go to in the tree of an app, and what there are none of where it is missing."""

_GROUPS = {"auth": "Auth", "provider": "Providers", "integration": "Integrations", "tool": "Tools"}
_PARENT_GROUP = {"operation": "integration", "widget": "tool", "provider": "auth"}


@dataclass(slots=True, eq=False)
class TreeNode:
    """One line of the tree.

    `kind` is the resource's kind, or branding, group, binding, chain, link, action, member, pending, failed. `about`
    is the key of the resource whose details are shown for it (None: only `value` is shown), `target` that of the
    resource that Enter on a link opens. `errors` and `warnings` count the node's own problems, the `_below` ones those
    of its descendants.
    """

    key: ResourceKey
    kind: str
    title: str
    note: str = ""
    badge: str = ""
    tone: Tone = ""
    about: ResourceKey | None = None
    target: ResourceKey | None = None
    value: Any = None
    parent: TreeNode | None = None
    depth: int = 0
    children: list[TreeNode] = field(default_factory=list)
    errors: int = 0
    warnings: int = 0
    errors_below: int = 0
    warnings_below: int = 0
    search_text: str = ""

    def ancestors(self) -> Iterator[TreeNode]:
        """Yield the ancestors, from the parent up to the root."""
        node = self.parent
        while node is not None:
            yield node
            node = node.parent


class TreeModel:
    """The tree of a snapshot at the time of construction, with its links and problems.

    Without `links_known`, as of a template before the app exists, that a widget has no tool says nothing.
    """

    def __init__(self, snapshot: Snapshot, *, links_known: bool = True) -> None:
        self.snapshot = snapshot
        self._links_known = links_known
        self.links = Links(snapshot)
        self.problems = check_resources(snapshot, self.links)
        self.by_key: dict[ResourceKey, TreeNode] = {}
        self.root = self._add_app()
        self._add_branding(snapshot.app)
        self._add_auth()
        self._add_integrations()
        self._add_tools()
        self._add_unknown_properties()
        self._count_problems()

    # --- reading ---------------------------------------------------------------------------------

    def default_open(self) -> set[ResourceKey]:
        """Return the keys of the nodes that are open when an app is first shown."""
        return {self.root.key, *(("group", name) for name in ("auth", "integration", "tool"))}

    def rows(self, opened: set[ResourceKey], shown: set[ResourceKey] | None = None) -> list[TreeNode]:
        """Return the visible nodes, top to bottom.

        With `shown` (a result of `with_ancestors`) only those nodes are visible; a node of `shown` that is open and has
        no child in `shown` shows all its children.
        """
        visible: list[TreeNode] = []
        stack = [self.root]
        while stack:
            node = stack.pop()
            visible.append(node)
            if not node.children:
                continue
            if shown is None:
                if node.key in opened:
                    stack.extend(reversed(node.children))
            elif node.key in opened and node.key in shown and not any(child.key in shown for child in node.children):
                stack.extend(reversed(node.children))
            else:
                stack.extend(child for child in reversed(node.children) if child.key in shown)
        return visible

    def matches(self, query: str, among: Iterable[ResourceKey] | None = None) -> list[ResourceKey]:
        """Return the keys of the nodes whose texts contain every word of the query, ignoring case, in tree order.

        `among` restricts the search to these keys: the matches of a query that is a prefix of this one.
        """
        words = query.casefold().split()
        if not words:
            return []
        nodes = self.walk() if among is None else (self.by_key[key] for key in among)
        return [node.key for node in nodes if all(word in _search_text(node) for word in words)]

    def with_ancestors(self, keys: Iterable[ResourceKey]) -> set[ResourceKey]:
        """Return the keys together with those of all their ancestors."""
        kept: set[ResourceKey] = {self.root.key}
        for key in keys:
            node: TreeNode | None = self.by_key[key]
            while node is not None and node.key not in kept:
                kept.add(node.key)
                node = node.parent
        return kept

    def walk(self, top: TreeNode | None = None) -> Iterator[TreeNode]:
        """Yield every node, or `top` and those below it, in tree order."""
        stack = [top or self.root]
        while stack:
            node = stack.pop()
            yield node
            stack.extend(reversed(node.children))

    def node_for(self, key: ResourceKey) -> TreeNode | None:
        """Return the node with a key; for a group without a node, that of its parent group; None if there is none."""
        if key[0] == "app":
            return self.root
        node = self.by_key.get(key)
        if node is None and key[0] == "group":
            node = self.by_key.get(("group", _PARENT_GROUP.get(key[1], ""))) or self.root
        return node

    def place(self, kind: str, selected: TreeNode | None) -> ResourceKey | None:
        """Return the key of the group or the resource of a kind (of `PLACES`) to go to from the selected node.

        For an operation or a widget, it is that of the selected tool, else the first one of the selected integration,
        else the first one of the app; None if there is none.
        """
        if kind not in ("operation", "widget"):
            key = ("branding", "") if kind == "branding" else ("group", kind)
            return key if key in self.by_key else None
        for node in [selected, *selected.ancestors()] if selected is not None else [self.root]:
            if node.kind == "tool" and kind == "operation":
                target = self.by_key[("binding", node.key[1])].target
                if target in self.by_key:
                    return target
            if node.kind in ("tool", "integration", "app"):
                below = next((found.key for found in self.walk(node) if found.kind == kind), None)
                if below is not None:
                    return below
        return None

    def problems_of(self, node: TreeNode) -> list[ResourceDiagnostic]:
        """Return the problems that are marked on the node."""
        return [problem for problem in self.problems if self.node_of_problem(problem) is node]

    def node_of_problem(self, problem: ResourceDiagnostic) -> TreeNode | None:
        """Return the node on which a problem is marked: that of the resource, or of the part its path is in."""
        if problem.key[0] == "tool":
            part = {"binding": "binding", "nextToolIds": "chain"}.get(problem.path.split(".")[0].split("[")[0])
            if part and (part, problem.key[1]) in self.by_key:
                return self.by_key[(part, problem.key[1])]
        if problem.path.startswith("actions["):
            action = ("action", problem.key[1], problem.path[8:].split("]")[0])
            if action in self.by_key:
                return self.by_key[action]
        return self.node_for(problem.key)

    def keep_deleted(self, deleted: TreeNode, index: int) -> None:
        """Show a node of an earlier model, whose resource was deleted since, as the `index`-th child of its parent."""
        parent = self.by_key.get(deleted.parent.key) if deleted.parent is not None else None
        resource = self.snapshot.at(deleted.key)
        if parent is None or resource is not None or deleted.key in self.by_key:
            return
        node = self._add(parent, TreeNode(deleted.key, "deleted", deleted.title, deleted.note, value=deleted.value))
        parent.children.insert(index, parent.children.pop())
        node.search_text = deleted.search_text

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

    def _add_app(self) -> TreeNode:
        app = self.snapshot.app
        part = self.snapshot.parts["app"]
        if app is None:
            waiting = part.state == "waiting"
            return self._add(None, TreeNode(("app", ""), "app", "…" if waiting else "The app could not be read"))
        status = app.text("status")
        node = TreeNode(("app", ""), "app", app.name, app.text("version"), status, tone_of(status), about=app.key)
        return self._add(None, node)

    def _add_branding(self, app: Resource | None) -> None:
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

    def _add_group(self, parent: TreeNode, name: str) -> TreeNode:
        part = self.snapshot.parts[name]
        count = str(len(part.resources)) if part.resources or part.state == "ready" else ""
        return self._add(parent, TreeNode(("group", name), "group", _GROUPS[name], count, value=name))

    def _add_state(self, group: TreeNode, part: SnapshotPart, name: str) -> None:
        """Add a node that shows that a part is still loading or could not be read."""
        if part.state == "waiting" and not part.resources:
            self._add(group, TreeNode(("pending", name), "pending", ""))
        elif part.error is not None:
            self._add(group, TreeNode(("failed", name), "failed", str(part.error), tone="bad", value=part.error))

    def _add_auth(self) -> None:
        part = self.snapshot.parts["auth"]
        group = self._add_group(self.root, "auth")
        self._add_state(group, part, "auth")
        for resource in part.resources.values():
            status = resource.text("status")
            note = resource.text("providerName") or resource.text("providerKey")
            self._add_resource(group, resource, note, status, tone_of(status))
        providers = self.snapshot.parts["provider"]
        if providers.resources or providers.failures:
            group = self._add_group(group, "provider")
            self._add_state(group, providers, "provider")
            for resource in providers.resources.values():
                self._add_resource(group, resource, resource.text("kind"))

    def _add_integrations(self) -> None:
        part = self.snapshot.parts["integration"]
        operations = self.snapshot.parts["operation"]
        group = self._add_group(self.root, "integration")
        self._add_state(group, part, "integration")
        by_integration: dict[str, list[Resource]] = {}
        for operation in operations.resources.values():
            by_integration.setdefault(operation.text("integrationId") or operation.parent_id, []).append(operation)
        for resource in part.resources.values():
            status = resource.text("status")
            node = self._add_resource(group, resource, resource.text("baseUrl"), status, tone_of(status))
            for operation in by_integration.pop(resource.id, ()):
                self._add_operation(node, operation)
            if operations.state == "waiting" and not node.children:
                self._add(node, TreeNode(("pending", "operation", resource.id), "pending", ""))
            error = operations.failures.get(resource.id) or operations.error
            if error is not None:
                failed = TreeNode(("failed", "operation", resource.id), "failed", str(error), tone="bad", value=error)
                self._add(node, failed)
        if by_integration and part.state != "waiting":
            orphans = TreeNode(("group", "orphaned operations"), "group", "Operations without an integration")
            orphans = self._add(group, orphans)
            orphans.note = str(sum(map(len, by_integration.values())))
            for without_integration in by_integration.values():
                for operation in without_integration:
                    self._add_operation(orphans, operation)

    def _add_operation(self, parent: TreeNode, resource: Resource) -> None:
        self._add_resource(parent, resource, f"{resource.text('method')} {resource.text('path')}".strip())

    def _add_tools(self) -> None:
        part = self.snapshot.parts["tool"]
        group = self._add_group(self.root, "tool")
        self._add_state(group, part, "tool")
        by_tool, orphans = self._widgets_by_tool()
        for resource in part.resources.values():
            disabled = resource.get("isEnabled") is False
            node = self._add_resource(group, resource, resource.text("key"), "off" if disabled else "")
            self._add_binding(node, resource)
            self._add_chain(node, resource)
            for widget in by_tool.get(resource.id, ()):
                self._add_widget(node, widget)
        widgets = self.snapshot.parts["widget"]
        if widgets.error is not None:
            self._add(
                group, TreeNode(("failed", "widget"), "failed", str(widgets.error), tone="bad", value=widgets.error)
            )
        if orphans and part.state != "waiting":
            title = "Widgets without a tool" if self._links_known else "Widgets"
            orphan_group = TreeNode(("group", "orphaned widgets"), "group", title, str(len(orphans)))
            orphan_group = self._add(group, orphan_group)
            for widget in orphans:
                self._add_widget(orphan_group, widget)

    def _widgets_by_tool(self) -> tuple[dict[str, list[Resource]], list[Resource]]:
        """Return the widgets by tool id, and those without a tool.

        A widget belongs to the tool in its `toolId`, else to the first tool whose `widgetId` it is.
        """
        tools = self.snapshot.parts["tool"].resources
        tool_of_widget: dict[str, str] = {}
        for tool in tools.values():
            tool_of_widget.setdefault(tool.text("widgetId"), tool.id)
        by_tool: dict[str, list[Resource]] = {}
        orphans: list[Resource] = []
        for widget in self.snapshot.resources("widget"):
            tool_id = widget.text("toolId")
            if tool_id not in tools:
                tool_id = "" if widget.made_up else tool_of_widget.get(widget.id, "")
            if tool_id:
                by_tool.setdefault(tool_id, []).append(widget)
            else:
                orphans.append(widget)
        return by_tool, orphans

    def _add_binding(self, parent: TreeNode, resource: Resource) -> None:
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

    def _add_chain(self, parent: TreeNode, resource: Resource) -> None:
        links = self.links.chain(resource.key)
        if not links:
            return
        note = "then " + first_names([self._name(link.target) for link in links], 4)
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

    def _add_widget(self, parent: TreeNode, resource: Resource) -> None:
        badge = "hidden" if resource.text("visibility") == "hidden" else ""
        node = self._add_resource(parent, resource, resource.text("primitive"), badge)
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

    def _add_unknown_properties(self) -> None:
        if not self.snapshot.extra:
            return
        group = TreeNode(("group", "extra"), "group", "More", "as the config gives it", value=self.snapshot.extra)
        group = self._add(self.root, group)
        for name, value in self.snapshot.extra.items():
            self._add(group, TreeNode(("member", name), "member", name, _size(value), value=value))

    def _add_resource(
        self, parent: TreeNode, resource: Resource, note: str, badge: str = "", tone: Tone = ""
    ) -> TreeNode:
        return self._add(
            parent, TreeNode(resource.key, resource.kind, resource.name, note, badge, tone, about=resource.key)
        )

    def _name(self, key: ResourceKey) -> str:
        resource = self.snapshot.resource(*key)
        return resource.name if resource else key[1]

    def _count_problems(self) -> None:
        for problem in self.problems:
            node = self.node_of_problem(problem)
            if node is None:
                continue
            is_error = problem.severity == "error"
            node.errors += is_error
            node.warnings += not is_error
            for ancestor in node.ancestors():
                ancestor.errors_below += is_error
                ancestor.warnings_below += not is_error


def title_of(snapshot: Snapshot, key: ResourceKey) -> str:
    """Return the kind and name of a resource: `Tool Search Contacts`; the id if it does not exist. Not sanitized."""
    resource = snapshot.at(key)
    kind = KINDS[key[0]].title if key[0] in KINDS else key[0].capitalize()
    return f"{kind} {resource.name if resource else key[1]}"


def _size(value: Any) -> str:
    if isinstance(value, dict):
        return f"{len(value):,} {'property' if len(value) == 1 else 'properties'}"
    if isinstance(value, list):
        return count_of(len(value), "item")
    return ""


def _search_text(node: TreeNode) -> str:
    if not node.search_text:
        node.search_text = "\n".join((node.title, node.note, node.badge, *node.key)).casefold()
    return node.search_text
