"""What every place on a form is made of: its node, the messages it sends up, and the words around it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from textual import events
from textual.content import Content
from textual.message import Message
from textual.widget import Widget

from drio_tui.schema.lists import ArrayNode, MapNode
from drio_tui.schema.nodes import Node
from drio_tui.ui.widgets.sanitize import safe_line

LABEL = 24
"""Cells of the column that labels stand in."""

NUMBER = 4
"""The same for the numbers of a list's items."""

CONTROLS = " ↑ ↓ ✕ "
"""What stands at the right of an item: up, down, remove."""


class Place(Widget):
    """One node on the form. Knows how to show what is wrong with it and how to take the focus."""

    class Edited(Message):
        """A person changed what is at this place."""

        def __init__(self, place: Place) -> None:
            super().__init__()
            self.place = place

    class MenuWanted(Message):
        """What can be done with this place is wanted."""

        def __init__(self, place: Place) -> None:
            super().__init__()
            self.place = place

    class Shifted(Message):
        """This item is to move by `step`, or to go when `step` is 0."""

        def __init__(self, place: Place, step: int) -> None:
            super().__init__()
            self.place = place
            self.step = step

    class NewWanted(Message):
        """Something new, called `name` where that was typed, is to be made and referred to here."""

        def __init__(self, place: Place, name: str = "") -> None:
            super().__init__()
            self.place = place
            self.name = name

    def __init__(self, node: Node, *, classes: str = "") -> None:
        super().__init__(classes=classes)
        self.node = node

    @property
    def is_item(self) -> bool:
        """Whether it stands in a list or map and can move and go."""
        return isinstance(self.node.parent, ArrayNode | MapNode)

    @property
    def narrow(self) -> bool:
        """Whether the form has no room for labels beside editors."""
        return any(node.has_class("-narrow-form") for node in self.ancestors if isinstance(node, Widget))

    def refresh_state(self) -> None:
        """Show anew what is wrong, changed or missing here."""
        self.refresh(layout=True)

    def focus_editor(self) -> None:
        """Take the focus to where this place is edited."""

    @property
    def called(self) -> str:
        """What people call the member."""
        return self.node.field.title

    def title(self, room: int = 40) -> Content:
        """The label in at most `room` cells: a mark when changed, the name, a star when required."""
        field = self.node.field
        parent = self.node.parent
        text = self.called
        if isinstance(parent, ArrayNode):
            text = str(parent.items.index(self.node) + 1) if self.node in parent.items else ""
        mark = ("• ", "$text-accent") if self.node.touched else ""
        star = ("*", "$text-warning") if field.required and not self.is_item else ""
        name = safe_line(text or field.name or "Value", max(2, room - 2 * bool(mark) - bool(star)))
        return Content.assemble(mark, name, star)

    def control_at(self, event: events.Click, width: int) -> int | None:
        """The step a click on ↑ ↓ ✕ means (-1, 1, 0); None beside them."""
        if not self.is_item or event.y != 0:
            return None
        at = event.x - (width - len(CONTROLS))
        return {1: -1, 3: 1, 5: 0}.get(at)


def once_mounted(owner: Widget, mounting: Awaitable[object], do: Callable[[], None]) -> None:
    """Call `do` when what was mounted, with everything in it, is there."""

    async def go() -> None:
        await mounting
        do()

    owner.call_later(go)


def message_line(node: Node, *, more: tuple[str, ...] = (), help_text: str = "") -> Content:
    """What is written under an editor: what is wrong, else what it is for."""
    errors = (*node.errors, *more)
    if errors:
        parts: list[Content | str | tuple[str, str]] = []
        for number, error in enumerate(dict.fromkeys(errors)):
            parts += [("\n" if number else ""), ("✗ ", "$text-error"), safe_line(error, 300, "$text-error")]
        return Content.assemble(*parts)
    return safe_line(help_text, 400, "$foreground-muted") if help_text else Content()
