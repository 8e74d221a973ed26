"""Places that hold others: objects, lists, maps, alternatives. A header that folds, and what is in it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.geometry import Size
from textual.message import Message
from textual.reactive import reactive
from textual.widget import Widget
from textual.widgets import Input

from drio_tui.schema.fields import Reference
from drio_tui.schema.form import hidden
from drio_tui.schema.leaves import Leaf
from drio_tui.schema.lists import ArrayNode, MapNode
from drio_tui.schema.nodes import Node
from drio_tui.schema.objects import ChoiceNode, ObjectNode
from drio_tui.ui.base import keymap
from drio_tui.ui.base.keymap import Key
from drio_tui.ui.dialogs.select_dialog import Choice, ChooserScreen
from drio_tui.ui.forms.field_row import FieldRow, on_one_line
from drio_tui.ui.forms.field_widget import CONTROLS, Place, message_line, once_mounted
from drio_tui.ui.forms.inputs import Picker
from drio_tui.ui.widgets.line_editor import LineEditor
from drio_tui.ui.widgets.sanitize import safe_line

References = Mapping[str, Reference]


def place_for(node: Node, references: References, *, header: bool = True) -> Place:
    """The widget for a node. Without `header`, an object's members stand alone (the tab names it already)."""
    if isinstance(node, ObjectNode):
        return ObjectBlock(node, references, header=header)
    if isinstance(node, ArrayNode):
        return ArrayBlock(node, references)
    if isinstance(node, MapNode):
        return MapBlock(node, references)
    if isinstance(node, ChoiceNode) and not on_one_line(node):
        return ChoiceBlock(node, references)
    return FieldRow(node, reference=references.get(node.field.pattern))


class AddLine(Widget, can_focus=True):
    """The line that adds one."""

    BINDINGS: ClassVar[list[BindingType]] = keymap.section(
        "form_add",
        "Adding to a list",
        Key("form_add.add", "enter,space", "add", "Add", show=False, palette=False),
    )

    class Pressed(Message):
        """One more is wanted."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self._text = text

    def render(self) -> Content:
        return Content.assemble(("+ ", "$text-accent"), safe_line(self._text, 60))

    def action_add(self) -> None:
        self.post_message(self.Pressed())

    def on_click(self) -> None:
        self.action_add()


class BlockHeader(Widget, can_focus=True):
    """The line over a block: folds it, says what is in it."""

    BINDINGS: ClassVar[list[BindingType]] = keymap.section(
        "form_header",
        "Groups of fields",
        Key("form_header.toggle", "enter,space", "toggle_fold", "Fold", show=False, palette=False),
        Key("form_header.fold", "left,h", "fold(True)", "Fold", show=False, palette=False),
        Key("form_header.unfold", "right,l", "fold(False)", "Unfold", show=False, palette=False),
    )

    def __init__(self, block: Block) -> None:
        super().__init__()
        self._block = block

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        return 1 + len(self._words(width))

    def _words(self, width: int) -> list[Content]:
        block = self._block
        words = message_line(block.node, help_text=block.help_text())
        return list(words.wrap(max(10, width - 2)))[:6] if words else []

    def render(self) -> Content:
        block = self._block
        width = self.content_size.width
        controls = Content(CONTROLS).stylize("$foreground-muted") if block.is_item else Content()
        arrow = Content.styled("▸ " if block.folded else "▾ ", "$text-accent")
        title = block.title().stylize("bold")
        note = Content.assemble("  ", block.summary().stylize("$foreground-muted"))
        menu = Content(" ⋯").stylize("$foreground-muted") if self.has_focus or self.mouse_hover else Content()
        room = max(4, width - controls.cell_length - menu.cell_length)
        line = Content.assemble(arrow, title, note).truncate(room, ellipsis=True)
        gap = max(0, width - line.cell_length - menu.cell_length - controls.cell_length)
        first = Content.assemble(line, menu, " " * gap, controls)
        return Content("\n").join([first, *(Content.assemble("  ", words) for words in self._words(width))])

    def action_toggle_fold(self) -> None:
        self._block.folded = not self._block.folded

    def action_fold(self, folded: bool) -> None:
        self._block.folded = folded

    def on_enter(self) -> None:
        self.refresh()

    def on_leave(self) -> None:
        self.refresh()

    def on_click(self, event: events.Click) -> None:
        step = self._block.control_at(event, self.content_size.width)
        if step is not None:
            self._block.post_message(Place.Shifted(self._block, step))
        elif event.button == 3:
            self._block.post_message(Place.MenuWanted(self._block))
        elif event.y == 0:
            self.action_toggle_fold()


class Block(Place):
    """A header and a body of other places."""

    folded: reactive[bool] = reactive(False)
    """Whether the body is hidden."""

    def __init__(self, node: Node, references: References, *, header: bool = True) -> None:
        super().__init__(node)
        self._references = references
        self._with_header = header

    def compose(self) -> ComposeResult:
        if self._with_header:
            yield BlockHeader(self)
        with Vertical(classes="-body" if self._with_header else "-bare"):
            yield from self._all_parts()

    def _all_parts(self) -> Iterator[Widget]:
        if isinstance(self.node.parent, MapNode):
            yield EntryName(self.node)
        yield from self.parts()

    def on_mount(self) -> None:
        self.set_class(self.is_item, "-item")

    @property
    def body(self) -> Vertical:
        """What holds the places."""
        return self.query_children(Vertical).only_one()

    def parts(self) -> Iterator[Widget]:
        """The places in the body."""
        yield from ()

    def summary(self) -> Content:
        """A few words on what is in it, beside the title."""
        return Content()

    def help_text(self) -> str:
        """What is said under the title."""
        return "" if self.is_item else self.node.field.description

    def watch_folded(self, folded: bool) -> None:
        if self.is_mounted:
            self.body.display = not folded
            self.refresh_state()

    def refresh_state(self) -> None:
        for header in self.query_children(BlockHeader):
            header.refresh(layout=True)

    @property
    def has_header(self) -> bool:
        """Whether it has a line of its own above its parts."""
        return self._with_header

    def refresh_summary(self) -> None:
        """Show anew the words beside the title; the layout stays."""
        for header in self.query_children(BlockHeader):
            header.refresh()

    def refill(self) -> None:
        """Make the body anew, since other nodes stand in it now, and take the focus into it."""
        body = self.body
        body.remove_children()
        mounting = body.mount(*self._all_parts())
        self.refresh_state()
        once_mounted(self, mounting, self.focus_inside)

    def focus_editor(self) -> None:
        for header in self.query_children(BlockHeader):
            header.focus()
            return
        self.focus_inside()

    def focus_inside(self) -> None:
        """Take the focus to the first editor in it."""
        for place in self.query(Place):
            if isinstance(place, FieldRow):
                place.focus_editor()
                return
        for header in self.query(BlockHeader):
            header.focus()
            return

    def on_focus(self) -> None:
        self.refresh_state()

    def place(self, node: Node) -> Place:
        """The widget for a node below."""
        return place_for(node, self._references)


class ObjectBlock(Block):
    """An object's members."""

    node: ObjectNode

    def parts(self) -> Iterator[Widget]:
        if self.node.field.recursive and not self.node.members:
            yield AddLine(f"Add {self.node.field.title}")
            return
        shown = [member for member in self.node.members.values() if not hidden(member)]
        for member in shown:
            yield self.place(member)

    def summary(self) -> Content:
        if self.node.presence == "null" and not self.node.counts:
            return Content("null")
        if not self.node.counts:
            return Content("not set")
        extra = len(self.node.extra)
        parts: list[Content] = []
        if self.is_item or self.folded:
            for member in self.node.members.values():
                if isinstance(member, Leaf) and member.text and member.field.kind in ("string", "enum"):
                    parts.append(safe_line(member.text, 30))
                if len(parts) == 2:
                    break
        if extra:
            parts.append(Content(f"+ {extra} more kept as they are"))
        return Content(" · ").join(parts)

    @on(AddLine.Pressed)
    def _make(self, event: AddLine.Pressed) -> None:
        if self.node.members:
            return
        event.stop()
        self.node.make_present()
        self.refill()
        self.post_message(self.Edited(self))


class EntryName(Widget):
    """The name of a map's entry whose value is a block."""

    def __init__(self, node: Node) -> None:
        super().__init__()
        self._node = node

    def compose(self) -> ComposeResult:
        parent = self._node.parent
        assert isinstance(parent, MapNode)
        name = next((entry.name for entry in parent.entries if entry.node is self._node), "")
        yield LineEditor(name, placeholder="name")

    def render(self) -> Content:
        return Content("Name").stylize("$foreground-muted")

    @on(Input.Changed)
    def _renamed(self, event: Input.Changed) -> None:
        event.stop()
        if isinstance(self._node.parent, MapNode):
            self._node.parent.rename(self._node, event.value)
            place = next(node for node in self.ancestors if isinstance(node, Place))
            place.post_message(Place.Edited(place))

    @on(Input.Submitted)
    def _entered(self, event: Input.Submitted) -> None:
        event.stop()
        self.screen.focus_next()


class ListBlock(Block):
    """What arrays and maps have in common: parts that come, go and move."""

    def nodes(self) -> list[Node]:
        """The nodes in order."""
        return list(self.node.children())

    def added(self) -> Node:
        """Add one to the node."""
        raise NotImplementedError

    def parts(self) -> Iterator[Widget]:
        for node in self.nodes():
            yield self.place(node)
        yield AddLine(f"Add {self.one()}")

    def one(self) -> str:
        """What one of them is called."""
        return "one"

    def summary(self) -> Content:
        presence = getattr(self.node, "presence", "there")
        count = len(self.nodes())
        return Content("null" if presence == "null" else "not set" if presence == "absent" else f"{count}")

    @on(AddLine.Pressed)
    def _add(self, event: AddLine.Pressed) -> None:
        event.stop()
        self.add()

    def add(self) -> None:
        """Add one at the end, ready to be filled in."""
        place = self.place(self.added())
        body = self.body
        mounting = body.mount(place, before=len(body.children) - 1)
        self.refresh_state()
        once_mounted(self, mounting, lambda: _focus_in(place))
        self.post_message(self.Edited(self))

    def shift(self, place: Place, step: int) -> None:
        """Move an item's widget with its node, or take it away when `step` is 0."""
        body = self.body
        node = self.node
        assert isinstance(node, ArrayNode | MapNode)
        if step == 0:
            at = body.children.index(place)
            node.remove(place.node)
            place.remove()
            left = [child for child in body.children if child is not place]
            target = left[min(at, len(left) - 1)]
            self.call_after_refresh(_focus_in, target)
        elif node.move(place.node, step):
            at = body.children.index(place)
            if step < 0:
                body.move_child(place, before=at - 1)
            else:
                body.move_child(place, after=at + 1)
            place.scroll_visible(animate=False)
        for child in body.children:
            if isinstance(child, Place):
                child.refresh_state()
        self.refresh_state()
        self.post_message(self.Edited(self))


class ArrayBlock(ListBlock):
    """A list of items."""

    node: ArrayNode

    def added(self) -> Node:
        return self.node.add()

    def one(self) -> str:
        return self.node.field.item.title or "an item"


class MapBlock(ListBlock):
    """Names and values."""

    node: MapNode

    def added(self) -> Node:
        return self.node.add().node

    def one(self) -> str:
        return "a name and value"


class ChoiceBlock(Block):
    """Alternatives of which one is shown, with a list to choose it from."""

    node: ChoiceNode

    def parts(self) -> Iterator[Widget]:
        yield _Alternatives(self._chosen())
        body = self.node.body
        if body is not None:
            yield place_for(body, self._references, header=False)

    def _chosen(self) -> Content:
        if self.node.chosen is None:
            return Content("null" if self.node.null else "choose…").stylize("$foreground-muted")
        return safe_line(self.node.field.variants[self.node.chosen].title, 60)

    def summary(self) -> Content:
        return self._chosen() if self.folded else Content()

    @on(Picker.Wanted)
    def _open(self, event: Picker.Wanted) -> None:
        event.stop()
        choices = [
            Choice(number, variant.title, variant.description)
            for number, variant in enumerate(self.node.field.variants)
        ]
        screen = ChooserScreen(
            self.node.field.title,
            choices,
            current=self.node.chosen,
            near=event.picker.region,
            typed=event.typed,
        )
        self.app.push_screen(screen, self._take)

    @on(Picker.Turned)
    def _turn(self, event: Picker.Turned) -> None:
        event.stop()
        at = self.node.chosen
        count = len(self.node.field.variants)
        self.choose((at + event.step) % count if at is not None else 0)

    def _take(self, choice: Choice[int] | None) -> None:
        if choice is not None:
            self.choose(choice.value)

    def choose(self, number: int) -> None:
        """Show another alternative; what was typed into the one before is kept."""
        if number == self.node.chosen:
            return
        self.node.choose(number)
        body = self.body
        for child in list(body.children):
            if isinstance(child, Place):
                child.remove()
        if self.node.body is not None:
            body.mount(place_for(self.node.body, self._references, header=False))
        self.query_one(Picker).show(self._chosen())
        self.node.check_self()
        self.refresh_state()
        self.post_message(self.Edited(self))

    def focus_inside(self) -> None:
        self.query_one(Picker).focus()


class _Alternatives(Widget):
    """The line with the list of alternatives."""

    def __init__(self, shown: Content) -> None:
        super().__init__()
        self._first = shown

    def compose(self) -> ComposeResult:
        yield Picker(self._first)

    def render(self) -> Content:
        return Content("Kind").stylize("$foreground-muted")


def _focus_in(widget: Widget) -> None:
    if isinstance(widget, Block):
        widget.focus_inside()
    elif isinstance(widget, Place):
        widget.focus_editor()
    elif widget.focusable:
        widget.focus()
