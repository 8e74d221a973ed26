"""The base of the widgets of a form: the node, the messages to the form, the label and the message below."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from textual import events
from textual.content import Content
from textual.message import Message
from textual.widget import Widget

from drio_tui.schema.fields import MISSING
from drio_tui.schema.lists import ArrayNode, EntriesNode
from drio_tui.schema.nodes import Node
from drio_tui.ui.widgets.sanitize import sanitize_line

LABEL = 24
"""Cells of the column of labels."""

NUMBER = 4
"""Cells of the column of item numbers in a list."""

MOST_LINES = 6
"""The lines of a message that are shown of a field without the cursor."""

_LONGEST_ERROR = 2_000

CONTROLS = " ↑ ↓ ✕ "
"""The controls at the right of an item: up, down, remove."""


class FieldWidget(Widget):
    """The widget of one node of the form. It shows the node's errors and can take the focus."""

    class Edited(Message):
        """The user changed the value."""

        def __init__(self, field_widget: FieldWidget) -> None:
            super().__init__()
            self.field_widget = field_widget

    class MenuRequested(Message):
        """The menu of this field should open."""

        def __init__(self, field_widget: FieldWidget) -> None:
            super().__init__()
            self.field_widget = field_widget

    class MoveRequested(Message):
        """This item should move by `step`, or be removed if `step` is 0."""

        def __init__(self, field_widget: FieldWidget, step: int) -> None:
            super().__init__()
            self.field_widget = field_widget
            self.step = step

    class CreateRequested(Message):
        """A new resource should be created and referred to here; `name` is the typed name, if any."""

        def __init__(self, field_widget: FieldWidget, name: str = "") -> None:
            super().__init__()
            self.field_widget = field_widget
            self.name = name

    def __init__(self, node: Node, *, classes: str = "") -> None:
        super().__init__(classes=classes)
        self.node = node

    @property
    def is_item(self) -> bool:
        """Whether this is an item of a list or map, which can be moved and removed."""
        return isinstance(self.node.parent, EntriesNode)

    @property
    def narrow(self) -> bool:
        """Whether the form is too narrow for labels beside editors."""
        return any(node.has_class("-narrow-form") for node in self.ancestors if isinstance(node, Widget))

    def refresh_state(self) -> None:
        """Update what is shown of errors, changes and missing values."""
        self.refresh(layout=True)

    @property
    def first_line(self) -> Widget:
        """What has to be seen of this field when it is focused: of a block its header."""
        return self

    def focus_editor(self) -> None:
        """Focus the editor of this field."""

    @property
    def called(self) -> str:
        """The title of the property."""
        return self.node.field.title

    def title(self, room: int = 40) -> Content:
        """Return the label in at most `room` cells: a mark if changed, the name, a star if it has to be filled in."""
        field = self.node.field
        parent = self.node.parent
        text = self.called
        if isinstance(parent, ArrayNode):
            index = parent.step_to(self.node)
            text = str(index + 1) if isinstance(index, int) else ""
        mark = ("• ", "$text-accent") if self.node.is_changed else ""
        star = ("*", "$text-warning") if field.required and field.default is MISSING and not self.is_item else ""
        name = sanitize_line(text or field.name or "Value", max(2, room - 2 * bool(mark) - bool(star)))
        return Content.assemble(mark, name, star)

    def control_at(self, event: events.Click, width: int) -> int | None:
        """Return the step for a click on ↑ ↓ ✕ (-1, 1, 0); None beside them."""
        if not self.is_item or event.y != 0:
            return None
        column = event.x - (width - len(CONTROLS))
        return {1: -1, 3: 1, 5: 0}.get(column)


def call_when_mounted(owner: Widget, mounting: Awaitable[object], callback: Callable[[], None]) -> None:
    """Call `callback` once `mounting`, including everything in it, is mounted."""

    async def wait_and_call() -> None:
        await mounting
        callback()

    owner.call_later(wait_and_call)


def message_line(node: Node, *, more_errors: tuple[str, ...] = (), help_text: str = "") -> Content:
    """Return the lines under an editor: the errors, else the help text."""
    errors = (*node.errors, *more_errors)
    if errors:
        parts: list[Content | str | tuple[str, str]] = []
        for number, error in enumerate(dict.fromkeys(errors)):
            text = sanitize_line(error, _LONGEST_ERROR, "$text-error")
            parts += [("\n" if number else ""), ("✗ ", "$text-error"), text]
        return Content.assemble(*parts)
    return sanitize_line(help_text, 400, "$foreground-muted") if help_text else Content()


def message_lines(message: Content, room: int, *, whole: bool) -> list[Content]:
    """Return the lines of a message in `room` cells: with `whole` all of them, else the first ones."""
    room = max(10, room)
    lines = list(message.wrap(room)) if message else []
    if whole or len(lines) <= MOST_LINES:
        return lines
    return [*lines[: MOST_LINES - 1], Content.assemble(lines[MOST_LINES - 1].truncate(room - 1), "…")]
