"""The tree of an app: a flat list of the visible nodes, drawn a screenful at a time.

Only what is on the screen is drawn, so that thousands of nodes cost no more than dozens: opening a node
or typing in the filter makes a new list of visible nodes (`TreeModel.rows`) and repaints.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import ClassVar

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style as RichStyle
from textual import events
from textual.binding import BindingType
from textual.geometry import Size
from textual.message import Message
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip

from drio_tui.kinds import KINDS
from drio_tui.text import visible
from drio_tui.ui.base import keymap
from drio_tui.ui.base.keymap import Key as Binding
from drio_tui.ui.widgets.rich_text import set_virtual_size
from drio_tui.ui.widgets.values import TONES
from drio_tui.workspace.model.snapshot import Key
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
}
"""What stands before a node, by kind."""

_SKELETONS = ("▒▒▒▒▒▒▒▒▒▒▒▒▒▒", "▒▒▒▒▒▒▒▒▒▒", "▒▒▒▒▒▒▒▒▒▒▒▒")
_INDENT = 2
_STRIPS_MAX = 2000
"""Drawn lines that are kept: some dozens of screens."""


class ConfigTree(ScrollView, can_focus=True):
    """Shows an `TreeModel`; the cursor, what is open and the filter survive a new outline by the nodes' keys."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "config-tree--cursor",
        "config-tree--cursor-blurred",
        "config-tree--hover",
    }
    DEFAULT_CSS = """
    ConfigTree {
        background: $background;
        color: $foreground;
        overflow-x: hidden;
        overflow-y: scroll;  /* a bar that comes and goes would lay the whole screen out anew */
        scrollbar-size-vertical: 1;
        & > .config-tree--cursor { color: $block-cursor-foreground; background: $block-cursor-background; }
        & > .config-tree--cursor-blurred {
            color: $block-cursor-blurred-foreground;
            background: $block-cursor-blurred-background;
        }
        & > .config-tree--hover { background: $block-hover-background; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = keymap.section(
        "tree",
        "The app's tree",
        Binding("tree.down", "down,j", "cursor(1)", "Down", show=False, palette=False),
        Binding("tree.up", "up,k", "cursor(-1)", "Up", show=False, palette=False),
        Binding("tree.page_down", "pagedown,ctrl+f", "page(1)", "Page down", show=False, palette=False),
        Binding("tree.page_up", "pageup,ctrl+b", "page(-1)", "Page up", show=False, palette=False),
        Binding("tree.first", "home,g", "first", "First", show=False, palette=False),
        Binding("tree.last", "end,G", "last", "Last", show=False, palette=False),
        Binding("tree.close", "left,h", "close", "Close", "Close it, or go to its parent", show=False, palette=False),
        Binding("tree.open", "right,l", "open", "Open", "Open it, or go to its first child", show=False, palette=False),
        Binding("tree.enter", "enter", "enter", "Open", "Open or close; follow a link", show=False, palette=False),
        Binding("tree.toggle", "space", "toggle_node", "Open or close", show=False, palette=False),
        Binding("tree.open_all", "plus", "open_all", "Open all", "Open every node of the tree", show=False),
        Binding("tree.close_all", "minus", "close_all", "Close all", "Close every node but the groups", show=False),
    )  # fmt: skip

    cursor: reactive[int] = reactive(0)
    """The index of the chosen line."""

    hover: reactive[int] = reactive(-1)
    """The index of the line under the mouse."""

    class Moved(Message):
        """Another node is chosen."""

        def __init__(self, tree: ConfigTree, key: Key) -> None:
            super().__init__()
            self.tree = tree
            self.key = key

        @property
        def control(self) -> ConfigTree:
            return self.tree

    class Entered(Message):
        """Enter, or a second click, on a node that cannot be opened; `target` is where it leads, if anywhere."""

        def __init__(self, tree: ConfigTree, key: Key, target: Key | None) -> None:
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
        self.opened: set[Key] = set()
        self.marked: frozenset[Key] = frozenset()
        self.rows: list[TreeNode] = []
        self.hits: list[Key] = []
        self._hit_set: set[Key] = set()
        self._query = ""
        self._words: re.Pattern[str] | None = None
        self._kept: set[Key] | None = None
        self._wanted: Key | None = None
        self._strips: dict[tuple[Key, str, bool, str], Strip] = {}
        self._paints: dict[tuple[str, str], RichStyle] = {}

    # -- what is shown ----------------------------------------------------------------------------

    @property
    def filtered(self) -> bool:
        """Whether a filter hides nodes now."""
        return self._kept is not None

    @property
    def node(self) -> TreeNode | None:
        """The chosen node."""
        return self.rows[self.cursor] if 0 <= self.cursor < len(self.rows) else None

    def show(self, outline: TreeModel) -> None:
        """Show another outline; what was open stays open, the cursor on its node or the nearest above."""
        if self.outline is None:
            self.opened = outline.default_open()
        old = self.outline
        self.outline = outline
        self._strips.clear()
        if self._wanted is not None and old is not None and self._wanted not in outline.by_key:
            gone = old.by_key.get(self._wanted)
            above = (node.key for node in gone.ancestors()) if gone else ()
            self._wanted = next((key for key in above if key in outline.by_key), None)
        self._find()
        self._relist()

    def filter(self, query: str) -> None:
        """Show only nodes that contain every word, and their ancestors; an empty query shows all again."""
        narrower = self._words is not None and query.startswith(self._query)
        self._query = query
        words = [re.escape(word) for word in query.split()]
        self._words = re.compile("|".join(words), re.IGNORECASE) if words else None
        self._find(narrower)
        if self.hits and self._wanted not in self._hit_set:
            self._wanted = self.hits[0]
        if not words and self.outline is not None and self._wanted in self.outline.by_key:
            # What was found stays chosen, also where it stands in a branch that is closed.
            self.opened.update(above.key for above in self.outline.by_key[self._wanted].ancestors())
        self._relist()

    def reveal(self, key: Key) -> bool:
        """Move the cursor to a node, opening what hides it; whether there is such a node."""
        node = self.outline.node_for(key) if self.outline else None
        if node is None:
            return False
        self.opened.update(above.key for above in node.ancestors())
        if self._kept is not None and node.key not in self._kept:
            self._query, self._words = "", None
            self._find()
        self._wanted = node.key
        self._relist()
        return True

    def mark(self, keys: Iterable[Key]) -> None:
        """Draw a mark at the resources of these keys."""
        self.marked = frozenset(keys)
        self._strips.clear()
        self.refresh()

    def _is_marked(self, node: TreeNode) -> bool:
        return node.about is not None and node.about in self.marked and node.kind == node.about[0]

    def step_hit(self, step: int) -> None:
        """The next (1) or previous (-1) hit of the filter."""
        if not self.hits:
            return
        here = self.node.key if self.node else None
        if here in self._hit_set and here is not None:
            at = self.hits.index(here) + step
        else:  # from a node that is no hit: the nearest one in that direction
            order = [node.key for node in self.rows]
            below = [key for key in order[self.cursor + 1 :] if key in self._hit_set]
            above = [key for key in order[: self.cursor] if key in self._hit_set]
            found = (below or above)[:1] if step > 0 else (above or below)[-1:]
            at = self.hits.index(found[0]) if found else 0
        self.reveal(self.hits[at % len(self.hits)])

    def _find(self, narrower: bool = False) -> None:
        outline = self.outline
        among = self.hits if narrower else None
        self.hits = outline.matches(self._query, among) if outline and self._words else []
        self._hit_set = set(self.hits)
        self._kept = outline.keep(self.hits) if outline and self._words else None

    def _relist(self) -> None:
        if self.outline is None:
            return
        above = self.cursor - self.scroll_offset.y
        self.rows = self.outline.rows(self.opened, self._kept)
        set_virtual_size(self, Size(self.scrollable_content_region.width, len(self.rows)))
        index = next((at for at, node in enumerate(self.rows) if node.key == self._wanted), None)
        if index is None:
            index = max(0, min(self.cursor, len(self.rows) - 1))
        height = self.scrollable_content_region.height
        top = self.scroll_offset.y
        if index != self.cursor and not top <= index < top + height:
            self.scroll_to(y=max(0, index - min(max(above, 0), height // 2)), animate=False, immediate=True)
        self.set_reactive(ConfigTree.cursor, index)
        self._into_view()
        self._chosen()
        self.refresh()

    def _chosen(self) -> None:
        node = self.node
        if node is not None and node.key != self._wanted:
            self._wanted = node.key
        if node is not None:
            self.post_message(self.Moved(self, node.key))

    def _into_view(self) -> None:
        height = self.scrollable_content_region.height
        top = self.scroll_offset.y
        if self.cursor < top:
            self.scroll_to(y=self.cursor, animate=False, immediate=True)
        elif height and self.cursor >= top + height:
            self.scroll_to(y=self.cursor - height + 1, animate=False, immediate=True)

    def validate_cursor(self, cursor: int) -> int:
        return max(0, min(cursor, len(self.rows) - 1))

    def watch_cursor(self, old: int, new: int) -> None:
        self._into_view()
        self._chosen()
        self._repaint(old, new)

    def watch_hover(self, old: int, new: int) -> None:
        self._repaint(old, new)

    def _repaint(self, *indexes: int) -> None:
        """Only these lines changed."""
        for index in indexes:
            if index >= 0:
                self.refresh_line(index)

    def notify_style_update(self) -> None:
        """The theme changed, or the focus came or went."""
        self._strips.clear()
        self._paints.clear()
        super().notify_style_update()

    def on_resize(self, event: events.Resize) -> None:
        set_virtual_size(self, Size(self.scrollable_content_region.width, len(self.rows)))
        self._into_view()

    # -- drawing ----------------------------------------------------------------------------------

    def render_line(self, y: int) -> Strip:
        width = self.scrollable_content_region.width
        index = y + self.scroll_offset.y
        if index >= len(self.rows):
            return Strip.blank(width, self.visual_style.rich_style)
        name = ""
        if index == self.cursor:
            name = "config-tree--cursor" if self.has_focus else "config-tree--cursor-blurred"
        elif index == self.hover:
            name = "config-tree--hover"
        node = self.rows[index]
        lit = self._query if node.key in self._hit_set else ""
        look = (node.key, name, self._is_open(node), lit)
        strip = self._strips.get(look)
        if strip is None or strip.cell_length != width or node.kind == "pending":
            if len(self._strips) > _STRIPS_MAX:
                self._strips.clear()
            paint = self._painter(name)
            parts = self.line_of(node, index, width)
            strip = Strip([Segment(text, paint(style)) for text, style in parts]).adjust_cell_length(width, paint(""))
            self._strips[look] = strip
        return strip

    def _painter(self, name: str) -> Callable[[str], RichStyle]:
        """A maker of terminal styles from theme colours, on the ground of a component class (or none)."""
        base = self.get_visual_style(name) if name else self.visual_style

        def paint(style: str) -> RichStyle:
            found = self._paints.get((name, style))
            if found is None:
                found = (base + self.app.stylesheet.parse_style(style)).rich_style if style else base.rich_style
                self._paints[(name, style)] = found
            return found

        return paint

    def line_of(self, node: TreeNode, index: int, width: int) -> list[tuple[str, str]]:
        """A node's line in `width` cells, as safe texts with their styles: what is named first is cut last."""
        indent = " " * (1 + _INDENT * min(node.depth, 12))
        if node.kind == "pending":
            return [(f"{indent}  {_SKELETONS[index % len(_SKELETONS)]}", "$foreground-muted")]
        arrow = "  " if not node.children else "▾ " if self._is_open(node) else "▸ "
        symbol = SYMBOLS.get(node.kind, "•")
        mark = ("●", "bold $text-accent") if self._is_marked(node) else (" ", "")
        left = [
            (indent[:-1], ""),
            mark,
            (arrow, _QUIET),
            (f"{symbol} " if symbol else "", _SYMBOL_STYLES.get(node.kind, _QUIET)),
        ]
        marks = [(f" {text}", style) for text, style in _marks(node)]
        state = [(f" {_clip(node.badge, 16)[0]}", TONES[node.tone])] if node.badge else []
        room = width - _cells(left) - _cells(marks) - 1
        if room - _cells(state) >= 8:  # the name comes before the state word; the marks always stay
            room -= _cells(state)
        else:
            state = []
        title, taken = _clip(node.title or "(no name)", max(1, room))
        middle = self._lit(node, title, _title_style(node))
        if room - taken > 4 and node.note:
            note, more = _clip(node.note, room - taken - 2)
            middle += [("  ", ""), *self._lit(node, note, _QUIET)]
            taken += more + 2
        return [*left, *middle, (" " * max(0, room - taken), ""), *state, *marks, (" ", "")]

    def _lit(self, node: TreeNode, text: str, style: str) -> list[tuple[str, str]]:
        """The words of the filter marked in a hit."""
        if self._words is None or node.key not in self._hit_set:
            return [(text, style)]
        parts: list[tuple[str, str]] = []
        at = 0
        for found in self._words.finditer(text):
            start, end = found.span()
            parts += [(text[at:start], style), (text[start:end], "bold underline $text-warning")]
            at = end
        return [*parts, (text[at:], style)]

    def _is_open(self, node: TreeNode) -> bool:
        if self._kept is None:
            return node.key in self.opened
        return node.key in self.opened or any(child.key in self._kept for child in node.children)

    # -- acting -----------------------------------------------------------------------------------

    def action_cursor(self, step: int) -> None:
        self.cursor += step

    def action_page(self, pages: int) -> None:
        self.cursor += pages * max(1, self.size.height - 1)

    def action_first(self) -> None:
        self.cursor = 0

    def action_last(self) -> None:
        self.cursor = len(self.rows) - 1

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
            self._relist()

    def action_close_all(self) -> None:
        if self.outline is not None:
            self.opened = self.outline.default_open()
            here = self.node
            if here is not None:  # stay on the nearest node that is still visible
                path = [here, *here.ancestors()]
                hidden = {key for node in path if node.key not in self.opened for key in _keys_below(node)}
                self._wanted = next((node.key for node in path if node.key not in hidden), self._wanted)
            self._relist()

    def _set_open(self, node: TreeNode, opened: bool) -> None:
        (self.opened.add if opened else self.opened.discard)(node.key)
        self._relist()

    def on_mouse_move(self, event: events.MouseMove) -> None:
        self.hover = event.y + self.scroll_offset.y

    def on_leave(self, event: events.Leave) -> None:
        self.hover = -1

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


def _title_style(node: TreeNode) -> str:
    if node.kind in ("binding", "chain", "branding"):
        return "$text-secondary"
    if node.tone == "bad" and not node.badge:
        return "$text-error"
    return "bold" if node.depth == 0 or node.kind == "group" else ""


def _marks(node: TreeNode) -> list[tuple[str, str]]:
    """Its own problems as signs; of those under it the number."""
    parts: list[tuple[str, str]] = []
    if node.errors:
        parts.append(("✗", "bold $text-error"))
    elif node.errors_below:
        parts.append((f"✗{node.errors_below}", "$text-error"))
    if node.warnings:
        parts.append(("▲", "bold $text-warning"))
    elif node.warnings_below:
        parts.append((f"▲{node.warnings_below}", "$text-warning"))
    return parts


def _clip(text: str, room: int) -> tuple[str, int]:
    """`text` made safe, as one line of at most `room` cells; and the cells it takes."""
    shown = visible(text)
    cells = cell_len(shown)
    if cells <= room:
        return shown, cells
    return set_cell_size(shown, room - 1) + "…", room


def _cells(parts: list[tuple[str, str]]) -> int:
    return sum(cell_len(text) for text, _ in parts)


def _keys_below(node: TreeNode) -> set[Key]:
    found: set[Key] = set()
    stack = list(node.children)
    while stack:
        below = stack.pop()
        found.add(below.key)
        stack.extend(below.children)
    return found
