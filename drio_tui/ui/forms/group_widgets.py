"""Form widgets that contain others: objects, lists, maps, alternatives. Each has a header that folds its body."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Container, Iterator, Mapping, Sequence
from typing import ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.await_complete import AwaitComplete
from textual.binding import BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.geometry import Size
from textual.message import Message
from textual.reactive import reactive
from textual.widget import Widget
from textual.widgets import Input

from drio_tui.schema.fields import Reference
from drio_tui.schema.form import is_hidden
from drio_tui.schema.lists import EntriesNode, MapNode
from drio_tui.schema.nodes import Node
from drio_tui.schema.objects import ChoiceNode, ObjectNode
from drio_tui.schema.value_nodes import ScalarNode
from drio_tui.ui.base import keymap
from drio_tui.ui.base.keymap import Key
from drio_tui.ui.dialogs.select_dialog import Choice, SelectDialog
from drio_tui.ui.forms.field_row import FieldRow, on_one_line
from drio_tui.ui.forms.field_widget import CONTROLS, FieldWidget, call_when_mounted, message_line, message_lines
from drio_tui.ui.forms.inputs import Picker
from drio_tui.ui.widgets.line_editor import LineEditor
from drio_tui.ui.widgets.sanitize import sanitize_line

References = Mapping[str, Reference]

MOST_FIELDS = 100
"""The most fields of an object that are shown at once: each takes milliseconds to mount, and to lay out."""


def make_field_widget(node: Node, references: References, *, header: bool = True) -> FieldWidget:
    """Make the widget of a node. Without `header`, an object is shown without its header (the tab has its title)."""
    if isinstance(node, ObjectNode):
        return ObjectBlock(node, references, header=header)
    if isinstance(node, EntriesNode):
        return ListBlock(node, references)
    if isinstance(node, ChoiceNode) and not on_one_line(node):
        return ChoiceBlock(node, references)
    return FieldRow(node, reference=references.get(node.field.pattern))


class AddLine(Widget, can_focus=True):
    """The line that adds an item."""

    BINDINGS: ClassVar[list[BindingType]] = keymap.section(
        "form_add",
        "Adding to a list",
        Key("form_add.add", "enter,space", "add", "Add", show=False, palette=False),
    )

    class Pressed(Message):
        """An item should be added."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self._text = text

    def render(self) -> Content:
        return Content.assemble(("+ ", "$text-accent"), sanitize_line(self._text, 60))

    def action_add(self) -> None:
        self.post_message(self.Pressed())

    def on_click(self) -> None:
        self.action_add()


class MoreFields(AddLine):
    """The line below the first fields of very many: it shows the next ones. `make` makes the widget of a node."""

    left: reactive[Sequence[Node]] = reactive(())
    """The nodes whose fields are not shown yet."""

    def __init__(self, left: Sequence[Node], make: Callable[[Node], FieldWidget]) -> None:
        super().__init__("")
        self.set_reactive(MoreFields.left, left)
        self._make = make

    def render(self) -> Content:
        return Content.assemble(("+ ", "$text-accent"), f"Show more: {len(self.left):,} fields are left")

    def action_add(self) -> None:
        first, container = self.left[:1], self.parent
        if first and isinstance(container, Widget):  # else the key was pressed again before the line is gone
            call_when_mounted(container, self._show_next(MOST_FIELDS), lambda: self._focus_field(container, first[0]))

    def show_to(self, nodes: Container[Node]) -> Awaitable[object] | None:
        """Show the fields up to the one of `nodes` that is among those left; None if none is."""
        number = next((number for number, node in enumerate(self.left, start=1) if node in nodes), 0)
        return self._show_next(number) if number else None

    def _show_next(self, count: int) -> Awaitable[object]:
        container = self.parent
        assert isinstance(container, Widget)
        mounting = container.mount(*map(self._make, self.left[:count]), before=self)
        self.left = self.left[count:]
        return mounting if self.left else AwaitComplete(mounting, self.remove())

    @staticmethod
    def _focus_field(container: Widget, node: Node) -> None:
        for child in container.children:
            if isinstance(child, FieldWidget) and child.node is node:
                child.focus_editor()


def first_fields(nodes: Sequence[Node], make: Callable[[Node], FieldWidget]) -> Iterator[Widget]:
    """Yield the widgets of the first nodes, which `make` makes, and of very many the line that shows the next ones."""
    yield from map(make, nodes[:MOST_FIELDS])
    if nodes[MOST_FIELDS:]:
        yield MoreFields(nodes[MOST_FIELDS:], make)


class BlockHeader(Widget, can_focus=True):
    """The line above a block: it folds the block and summarizes it."""

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
        return 1 + len(self._message_lines(width))

    def _message_lines(self, width: int) -> list[Content]:
        block = self._block
        message = message_line(block.node, help_text=block.help_text())
        return message_lines(message, width - 2, whole=self.has_focus)

    def watch_has_focus(self, has_focus: bool) -> None:
        super().watch_has_focus(has_focus)
        self.refresh(layout=bool(self._block.node.errors))  # the whole text is shown then

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
        return Content("\n").join([first, *(Content.assemble("  ", line) for line in self._message_lines(width))])

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
            self._block.post_message(FieldWidget.MoveRequested(self._block, step))
        elif event.button == 3:
            self._block.post_message(FieldWidget.MenuRequested(self._block))
        elif event.y == 0:
            self.action_toggle_fold()


class Block(FieldWidget):
    """A header, and a body of other field widgets."""

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
            yield from self._with_entry_name()

    def _with_entry_name(self) -> Iterator[Widget]:
        if isinstance(self.node.parent, MapNode):
            yield EntryName(self.node)
        yield from self.body_widgets()

    def on_mount(self) -> None:
        self.set_class(self.is_item, "-item")

    @property
    def body(self) -> Vertical:
        """The container of the body."""
        return self.query_children(Vertical).only_one()

    def body_widgets(self) -> Iterator[Widget]:
        """Yield the widgets of the body."""
        yield from ()

    def summary(self) -> Content:
        """Return a short summary of the value, beside the title."""
        return Content()

    def help_text(self) -> str:
        """Return the text under the title."""
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
        """Whether there is a header above the body."""
        return self._with_header

    def refresh_summary(self) -> None:
        """Update the summary beside the title; the layout stays."""
        for header in self.query_children(BlockHeader):
            header.refresh()

    def rebuild_body(self) -> None:
        """Make the body again for other nodes, and focus its first editor."""
        body = self.body
        body.remove_children()
        mounting = body.mount(*self._with_entry_name())
        self.refresh_state()
        call_when_mounted(self, mounting, self.focus_inside)

    @property
    def first_line(self) -> Widget:
        return next(iter(self.query_children(BlockHeader)), self)

    def focus_editor(self) -> None:
        for header in self.query_children(BlockHeader):
            header.focus()
            return
        self.focus_inside()

    def focus_inside(self) -> None:
        """Focus the first editor in the body."""
        for field_widget in self.query(FieldWidget):
            if isinstance(field_widget, FieldRow):
                field_widget.focus_editor()
                return
        for header in self.query(BlockHeader):
            header.focus()
            return

    def on_focus(self) -> None:
        self.refresh_state()

    def child_widget(self, node: Node) -> FieldWidget:
        """Make the widget of a child node."""
        return make_field_widget(node, self._references)


class ObjectBlock(Block):
    """The properties of an object."""

    node: ObjectNode

    def body_widgets(self) -> Iterator[Widget]:
        if self.node.field.recursive and not self.node.properties:
            yield AddLine(f"Add {self.node.field.title}")
            return
        visible_members = [member for member in self.node.properties.values() if not is_hidden(member)]
        yield from first_fields(visible_members, self.child_widget)

    def summary(self) -> Content:
        if self.node.presence == "null" and not self.node.is_present:
            return Content("null")
        if not self.node.is_present:
            return Content("not set")
        extra = len(self.node.extra)
        parts: list[Content] = []
        if self.is_item or self.folded:
            for member in self.node.properties.values():
                if isinstance(member, ScalarNode) and member.text and member.field.kind in ("string", "enum"):
                    parts.append(sanitize_line(member.text, 30))
                if len(parts) == 2:
                    break
        if extra:
            parts.append(Content(f"+ {extra} more kept as they are"))
        return Content(" · ").join(parts)

    @on(AddLine.Pressed)
    def _make_present(self, event: AddLine.Pressed) -> None:
        if self.node.properties:
            return
        event.stop()
        self.node.ensure_present()
        self.rebuild_body()
        self.post_message(self.Edited(self))


class EntryName(Widget):
    """The editor of the name of a map's entry whose value is a block."""

    def __init__(self, node: Node) -> None:
        super().__init__()
        self._node = node

    def compose(self) -> ComposeResult:
        parent = self._node.parent
        assert isinstance(parent, MapNode)
        yield LineEditor(str(parent.step_to(self._node) or ""), placeholder="name")

    def render(self) -> Content:
        return Content("Name").stylize("$foreground-muted")

    @on(Input.Changed)
    def _renamed(self, event: Input.Changed) -> None:
        event.stop()
        if isinstance(self._node.parent, MapNode):
            self._node.parent.rename(self._node, event.value)
            field_widget = next(node for node in self.ancestors if isinstance(node, FieldWidget))
            field_widget.post_message(FieldWidget.Edited(field_widget))

    @on(Input.Submitted)
    def _entered(self, event: Input.Submitted) -> None:
        event.stop()
        self.screen.focus_next()


class ListBlock(Block):
    """An array or a map: items that are added, removed and moved."""

    node: EntriesNode

    def body_widgets(self) -> Iterator[Widget]:
        for entry in self.node.entries:
            yield self.child_widget(entry.node)
        is_map = isinstance(self.node, MapNode)
        yield AddLine(f"Add {'a name and value' if is_map else self.node.entry_field.title or 'an item'}")

    def summary(self) -> Content:
        texts = {"null": "null", "absent": "not set", "there": str(len(self.node.entries))}
        return Content(texts[self.node.presence])

    @on(AddLine.Pressed)
    def _add(self, event: AddLine.Pressed) -> None:
        event.stop()
        self.add()

    def add(self) -> None:
        """Add an item at the end and focus it."""
        field_widget = self.child_widget(self.node.add().node)
        body = self.body
        mounting = body.mount(field_widget, before=len(body.children) - 1)
        self.refresh_state()
        call_when_mounted(self, mounting, lambda: _focus(field_widget))
        self.post_message(self.Edited(self))

    def move_item(self, field_widget: FieldWidget, step: int) -> None:
        """Move an item's node and widget by `step`, or remove them if `step` is 0."""
        body = self.body
        if step == 0:
            index = body.children.index(field_widget)
            self.node.remove(field_widget.node)
            field_widget.remove()
            remaining = [child for child in body.children if child is not field_widget]
            target = remaining[min(index, len(remaining) - 1)]
            self.call_after_refresh(_focus, target)
        elif self.node.move(field_widget.node, step):
            index = body.children.index(field_widget)
            if step < 0:
                body.move_child(field_widget, before=index - 1)
            else:
                body.move_child(field_widget, after=index + 1)
            field_widget.scroll_visible(animate=False)
        for child in body.children:
            if isinstance(child, FieldWidget):
                child.refresh_state()
        self.refresh_state()
        self.post_message(self.Edited(self))


class ChoiceBlock(Block):
    """Alternatives (`oneOf`, `anyOf`): the chosen one, with a list to choose another."""

    node: ChoiceNode

    def body_widgets(self) -> Iterator[Widget]:
        yield _Alternatives(self._chosen_title())
        body = self.node.body
        if body is not None:
            yield make_field_widget(body, self._references, header=False)

    def _chosen_title(self) -> Content:
        if self.node.chosen is None:
            return Content("null" if self.node.null else "choose…").stylize("$foreground-muted")
        return sanitize_line(self.node.field.variants[self.node.chosen].title, 60)

    def summary(self) -> Content:
        return self._chosen_title() if self.folded else Content()

    @on(Picker.Wanted)
    def _open_choices(self, event: Picker.Wanted) -> None:
        event.stop()
        choices = [
            Choice(number, variant.title, variant.description)
            for number, variant in enumerate(self.node.field.variants)
        ]
        screen = SelectDialog(
            self.node.field.title,
            choices,
            current=self.node.chosen,
            near=event.picker.region,
            typed=event.typed,
        )
        self.app.push_screen(screen, self._alternative_picked)

    @on(Picker.Turned)
    def _step_alternative(self, event: Picker.Turned) -> None:
        event.stop()
        chosen = self.node.chosen
        count = len(self.node.field.variants)
        self.choose((chosen + event.step) % count if chosen is not None else 0)

    def _alternative_picked(self, choice: Choice[int] | None) -> None:
        if choice is not None:
            self.choose(choice.value)

    def choose(self, number: int) -> None:
        """Show another alternative; what was typed into the previous one is kept."""
        if number == self.node.chosen:
            return
        self.node.choose(number)
        body = self.body
        for child in list(body.children):
            if isinstance(child, FieldWidget):
                child.remove()
        if self.node.body is not None:
            body.mount(make_field_widget(self.node.body, self._references, header=False))
        self.query_one(Picker).show(self._chosen_title())
        self.node.check_self()
        self.refresh_state()
        self.post_message(self.Edited(self))

    def focus_inside(self) -> None:
        self.query_one(Picker).focus()


class _Alternatives(Widget):
    """The line with the picker of the alternative."""

    def __init__(self, title: Content) -> None:
        super().__init__()
        self._title = title

    def compose(self) -> ComposeResult:
        yield Picker(self._title)

    def render(self) -> Content:
        return Content("Kind").stylize("$foreground-muted")


def _focus(widget: Widget) -> None:
    if isinstance(widget, Block):
        widget.focus_inside()
    elif isinstance(widget, FieldWidget):
        widget.focus_editor()
    elif widget.focusable:
        widget.focus()
