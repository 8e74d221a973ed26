"""The tree of an app: opening a node or typing in the filter makes a new list of visible nodes (`TreeModel.rows`)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from textual import events
from textual.message import Message
from textual.strip import Strip

from drio_tui.kinds import KINDS
from drio_tui.ui.widgets.tree_lines import Part, TreeLines, cells_of, clip, highlighted, words_pattern
from drio_tui.ui.widgets.values import TONES
from drio_tui.workspace.model.snapshot import ResourceKey
from drio_tui.workspace.model.tree_model import TreeModel, TreeNode

SYMBOLS = {
    **{name: kind.symbol for name, kind in KINDS.items()},
    "branding": "◐",
    "provider": "⌂",
    "binding": "↳",
    "chain": "⇢",
    "link": "⚒",
    "action": "↯",
    "extra": "{}",
    "member": "·",
    "failed": "✗",
    "pending": "",
    "group": "",
    "deleted": "-",
}
"""The symbol before a node, by kind."""

_SKELETONS = ("▒▒▒▒▒▒▒▒▒▒▒▒▒▒", "▒▒▒▒▒▒▒▒▒▒", "▒▒▒▒▒▒▒▒▒▒▒▒")
_INDENT = 2
_LEAST_TITLE = 8
_ROOM_FOR_TITLE = 17
"""Cells that the text of a change leaves for the title and one space; it is dropped where there are fewer."""
_STRIPS_MAX = 2000
"""Maximum number of cached lines: some dozens of screens."""


class ConfigTree(TreeLines):
    """Shows a `TreeModel`. Cursor, open nodes and filter are kept by key when a new model is shown."""

    class Moved(Message):
        """Another node was selected."""

        def __init__(self, tree: ConfigTree, key: ResourceKey) -> None:
            super().__init__()
            self.tree = tree
            self.key = key

        @property
        def control(self) -> ConfigTree:
            return self.tree

    class Entered(Message):
        """Enter, or a double click, on a node that cannot be opened; `target` is the resource it links to, if any."""

        def __init__(self, tree: ConfigTree, key: ResourceKey, target: ResourceKey | None) -> None:
            super().__init__()
            self.tree = tree
            self.key = key
            self.target = target

        @property
        def control(self) -> ConfigTree:
            return self.tree

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.outline: TreeModel | None = None
        self.opened: set[ResourceKey] = set()
        self.marked: frozenset[ResourceKey] = frozenset()
        self.changes: Mapping[ResourceKey, tuple[str, str]] = {}
        self._changed_below: frozenset[ResourceKey] = frozenset()
        self.rows: list[TreeNode] = []
        self.hits: list[ResourceKey] = []
        self._hit_set: set[ResourceKey] = set()
        self._query = ""
        self._query_pattern: re.Pattern[str] | None = None
        self._visible_keys: set[ResourceKey] | None = None
        self._cursor_key: ResourceKey | None = None
        self._strips: dict[tuple[ResourceKey, str, bool, str], Strip] = {}

    # -- content ----------------------------------------------------------------------------------

    @property
    def filtered(self) -> bool:
        """Whether a filter hides nodes now."""
        return self._visible_keys is not None

    @property
    def node(self) -> TreeNode | None:
        """The selected node."""
        return self.rows[self.cursor] if 0 <= self.cursor < len(self.rows) else None

    def show(self, outline: TreeModel) -> None:
        """Show another model. Open nodes stay open; the cursor stays on its node or moves to the nearest ancestor."""
        if self.outline is None:
            self.opened = outline.default_open()
        old = self.outline
        self.outline = outline
        self._strips.clear()
        if self._cursor_key is not None and old is not None and self._cursor_key not in outline.by_key:
            removed = old.by_key.get(self._cursor_key)
            above = (node.key for node in removed.ancestors()) if removed else ()
            self._cursor_key = next((key for key in above if key in outline.by_key), None)
        self._find_changed_below()
        self._update_hits()
        self._update_rows(keep_place=True)

    def filter(self, query: str) -> None:
        """Show only nodes that contain every word of the query, and their ancestors; an empty query shows all."""
        narrowed = self._query_pattern is not None and query.startswith(self._query)
        self._query = query
        self._query_pattern = words_pattern(query)
        self._update_hits(narrowed)
        if self.hits and self._cursor_key not in self._hit_set:
            self._cursor_key = self.hits[0]
        if self._query_pattern is None and self.outline is not None and self._cursor_key in self.outline.by_key:
            # The selected hit stays selected, also in a branch that is closed.
            self.opened.update(above.key for above in self.outline.by_key[self._cursor_key].ancestors())
        self._update_rows()

    def reveal(self, key: ResourceKey) -> bool:
        """Move the cursor to a node, opening its ancestors; return whether there is such a node."""
        node = self.outline.node_for(key) if self.outline else None
        if node is None:
            return False
        self.opened.update(above.key for above in node.ancestors())
        if self._visible_keys is not None and node.key not in self._visible_keys:
            self._query, self._query_pattern = "", None
            self._update_hits()
        self._cursor_key = node.key
        self._update_rows()
        return True

    def set_marked(self, keys: Iterable[ResourceKey]) -> None:
        """Show a mark at the resources with these keys."""
        self.marked = frozenset(keys)
        self._strips.clear()
        self.refresh()

    def set_changes(self, changes: Mapping[ResourceKey, tuple[str, str]]) -> None:
        """Show what others have changed: by resource key a sign, and the text after it where there is room."""
        self.changes = changes
        self._find_changed_below()
        self._strips.clear()
        self.refresh()

    def _find_changed_below(self) -> None:
        nodes = [self.outline.node_for(key) for key in self.changes] if self.outline is not None else []
        self._changed_below = frozenset(above.key for node in nodes if node for above in node.ancestors())

    def _change_part(self, node: TreeNode, room: int) -> list[Part]:
        """Return the sign of a change by others, with its text if there is `room`. A closed node shows those below."""
        sign, text = self.changes.get(_resource_key(node), ("", ""))
        if sign:
            return [(f" {sign} {text}" if len(text) + 3 <= room else f" {sign}", "bold $text-accent")]
        if node.key in self._changed_below and not self._is_open(node):
            return [(" ~", "$text-accent")]
        return []

    def _is_marked(self, node: TreeNode) -> bool:
        return _resource_key(node) in self.marked

    def go_to_hit(self, step: int) -> None:
        """Go to the next (1) or previous (-1) hit of the filter."""
        if not self.hits:
            return
        current = self.node.key if self.node else None
        if current in self._hit_set and current is not None:
            at = self.hits.index(current) + step
        else:  # from a node that is not a hit, go to the nearest hit in that direction
            order = [node.key for node in self.rows]
            below = [key for key in order[self.cursor + 1 :] if key in self._hit_set]
            above = [key for key in order[: self.cursor] if key in self._hit_set]
            nearest = (below or above)[:1] if step > 0 else (above or below)[-1:]
            at = self.hits.index(nearest[0]) if nearest else 0
        self.reveal(self.hits[at % len(self.hits)])

    def go_to_change(self, step: int) -> None:
        """Go to the next (1) or previous (-1) resource that others have changed, from the last one to the first."""
        nodes = list(self.outline.walk()) if self.outline is not None else []
        changed = [index for index, node in enumerate(nodes) if _resource_key(node) in self.changes]
        if not changed:
            return
        current = self.node.key if self.node else None
        at = next((index for index, node in enumerate(nodes) if node.key == current), -1)
        if step > 0:
            target = next((index for index in changed if index > at), changed[0])
        else:
            target = next((index for index in reversed(changed) if index < at), changed[-1])
        self.reveal(nodes[target].key)

    def _update_hits(self, narrowed: bool = False) -> None:
        outline = self.outline
        candidates = self.hits if narrowed else None
        self.hits = outline.matches(self._query, candidates) if outline and self._query_pattern else []
        self._hit_set = set(self.hits)
        self._visible_keys = outline.with_ancestors(self.hits) if outline and self._query_pattern else None

    def _update_rows(self, *, keep_place: bool = False) -> None:
        if self.outline is None:
            return
        self.rows = self.outline.rows(self.opened, self._visible_keys)
        index = next((at for at, node in enumerate(self.rows) if node.key == self._cursor_key), None)
        shown = max(0, min(self.cursor, len(self.rows) - 1)) if index is None else index
        self.lines_changed(shown, keep_place=keep_place)

    @property
    def line_count(self) -> int:
        return len(self.rows)

    def cursor_moved(self) -> None:
        node = self.node
        if node is not None:
            self._cursor_key = node.key
            self.post_message(self.Moved(self, node.key))

    def styles_changed(self) -> None:
        self._strips.clear()

    # -- drawing ----------------------------------------------------------------------------------

    def draw_line(self, index: int, width: int, highlight: str) -> Strip:
        node = self.rows[index]
        query = self._query if node.key in self._hit_set else ""
        cache_key = (node.key, highlight, self._is_open(node), query)
        strip = self._strips.get(cache_key)
        if strip is None or strip.cell_length != width or node.kind == "pending":
            if len(self._strips) > _STRIPS_MAX:
                self._strips.clear()
            strip = self._strips[cache_key] = self.strip_of(self.line_of(node, index, width), width, highlight)
        return strip

    def line_of(self, node: TreeNode, index: int, width: int) -> list[Part]:
        """Return a node's line of `width` cells as sanitized texts with styles. The title is shortened last."""
        indent = " " * (1 + _INDENT * min(node.depth, 12))
        if node.kind == "pending":
            return [(f"{indent}  {_SKELETONS[index % len(_SKELETONS)]}", "$foreground-muted")]
        arrow = "  " if not node.children else "▾ " if self._is_open(node) else "▸ "
        symbol = SYMBOLS.get(node.kind, "•")
        mark = ("●", "bold $text-accent") if self._is_marked(node) else (" ", "")
        prefix = [
            (indent[:-1], ""),
            mark,
            (arrow, _QUIET),
            (f"{symbol} " if symbol else "", _SYMBOL_STYLES.get(node.kind, _QUIET)),
        ]
        signs = [(f" {text}", style) for text, style in _problem_signs(node)]
        state = [(f" {clip(node.badge, 16)[0]}", TONES[node.tone])] if node.badge else []
        signs = [*self._change_part(node, width - cells_of([*prefix, *signs, *state]) - _ROOM_FOR_TITLE), *signs]
        width_left = width - cells_of(prefix) - cells_of(signs) - 1
        # The state is dropped before the title gets short; the signs always stay.
        if width_left - cells_of(state) >= _LEAST_TITLE:
            width_left -= cells_of(state)
        else:
            state = []
        title, used = clip(node.title or "(no name)", max(1, width_left))
        middle = self._highlighted(node, title, _title_style(node))
        if width_left - used > 4 and node.note:
            note, note_cells = clip(node.note, width_left - used - 2)
            middle += [("  ", ""), *self._highlighted(node, note, _QUIET)]
            used += note_cells + 2
        return [*prefix, *middle, (" " * max(0, width_left - used), ""), *state, *signs, (" ", "")]

    def _highlighted(self, node: TreeNode, text: str, style: str) -> list[Part]:
        """Return a text with the words of the filter highlighted, if the node is a hit."""
        return highlighted(text, style, self._query_pattern if node.key in self._hit_set else None)

    def _is_open(self, node: TreeNode) -> bool:
        if self._visible_keys is None:
            return node.key in self.opened
        return node.key in self.opened or any(child.key in self._visible_keys for child in node.children)

    # -- actions ----------------------------------------------------------------------------------

    def action_open(self) -> None:
        node = self.node
        if node is None or not node.children:
            return
        if self._is_open(node):
            self.cursor += 1
        else:
            self._set_open(node, True)

    def action_close(self) -> None:
        node = self.node
        if node is None:
            return
        if node.children and node.key in self.opened:
            self._set_open(node, False)
        elif node.parent is not None:
            self.reveal(node.parent.key)

    def action_toggle_node(self) -> None:
        node = self.node
        if node is not None and node.children:
            self._set_open(node, node.key not in self.opened)

    def action_enter(self) -> None:
        node = self.node
        if node is None:
            return
        if node.children and node.target is None:
            self.action_toggle_node()
        else:
            self.post_message(self.Entered(self, node.key, node.target))

    def action_open_all(self) -> None:
        if self.outline is not None:
            self.opened = {node.key for node in self.outline.walk() if node.children}
            self._update_rows()

    def action_close_all(self) -> None:
        if self.outline is not None:
            self.opened = self.outline.default_open()
            current = self.node
            if current is not None:  # stay on the nearest node that is still visible
                path = [current, *current.ancestors()]
                hidden = {key for node in path if node.key not in self.opened for key in _keys_below(node)}
                self._cursor_key = next((node.key for node in path if node.key not in hidden), self._cursor_key)
            self._update_rows()

    def _set_open(self, node: TreeNode, opened: bool) -> None:
        (self.opened.add if opened else self.opened.discard)(node.key)
        self._update_rows()

    def on_click(self, event: events.Click) -> None:
        index = event.y + self.scroll_offset.y
        if index >= len(self.rows):
            return
        node = self.rows[index]
        self.cursor = index
        on_arrow = node.children and event.x < 4 + _INDENT * node.depth
        if on_arrow:
            self.action_toggle_node()
        elif event.chain == 2:
            self.action_enter()


_QUIET = "$foreground-muted"
_SYMBOL_STYLES = {
    "app": "$text-primary",
    "auth": "$text-warning",
    "integration": "$text-accent",
    "operation": "$text-accent",
    "tool": "$text-primary",
    "widget": "$text-success",
    "failed": "$text-error",
}


def _resource_key(node: TreeNode) -> ResourceKey:
    """Return the key of the resource that a node is for; an empty one for other nodes."""
    if node.kind == "deleted":
        return node.key
    return node.about if node.about is not None and node.kind == node.about[0] else ()


def _title_style(node: TreeNode) -> str:
    if node.kind == "deleted":
        return "strike $text-error"
    if node.kind in ("binding", "chain", "branding"):
        return "$text-secondary"
    if node.tone == "bad" and not node.badge:
        return "$text-error"
    return "bold" if node.depth == 0 or node.kind == "group" else ""


def _problem_signs(node: TreeNode) -> list[Part]:
    """Return signs for the problems of a node, and the number of problems below it."""
    parts: list[Part] = []
    if node.errors:
        parts.append(("✗", "bold $text-error"))
    elif node.errors_below:
        parts.append((f"✗{node.errors_below}", "$text-error"))
    if node.warnings:
        parts.append(("▲", "bold $text-warning"))
    elif node.warnings_below:
        parts.append((f"▲{node.warnings_below}", "$text-warning"))
    return parts


def _keys_below(node: TreeNode) -> set[ResourceKey]:
    keys: set[ResourceKey] = set()
    stack = list(node.children)
    while stack:
        below = stack.pop()
        keys.add(below.key)
        stack.extend(below.children)
    return keys
