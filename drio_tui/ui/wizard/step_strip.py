"""The line over the wizard: every step, where one is, which ones are done; a click goes there."""

from __future__ import annotations

from textual import events
from textual.content import Content
from textual.message import Message
from textual.reactive import reactive
from textual.widget import Widget

from drio_tui.ui.wizard import TITLES
from drio_tui.wizard.validation import PAGES

_NARROW = 76
"""Cells below which only the step one is on is named."""


class StepStrip(Widget):
    """Two rows: the steps by name, and a bar for how far one is."""

    DEFAULT_CSS = """
    StepStrip {
        height: 2;
        padding: 0 1;
        background: $background;
    }
    """

    page: reactive[str] = reactive("template")
    """The step that is shown."""

    wrong: reactive[frozenset[str]] = reactive(frozenset)
    """The steps with something that has to be put right."""

    reached: reactive[int] = reactive(0)
    """The place of the furthest step that was shown."""

    class Go(Message):
        """A step was clicked."""

        def __init__(self, page: str) -> None:
            super().__init__()
            self.page = page

    def _labels(self) -> list[Content]:
        here = PAGES.index(self.page)
        narrow = self.size.width < _NARROW
        labels = []
        for place, name in enumerate(PAGES):
            title = "" if narrow and place != here else TITLES[name]
            if place == here:
                label = Content.styled(f"● {title}", "bold $text-primary")
            elif name in self.wrong and place <= self.reached:
                label = Content.styled(f"✗ {title}", "$text-error")
            elif place <= self.reached:
                label = Content.assemble(("✓ ", "$text-success"), title)
            else:
                label = Content.styled(f"○ {title}", "$foreground-muted")
            labels.append(Content.assemble(label, "  "))
        return labels

    def render(self) -> Content:
        width = self.content_size.width
        done = round(width * (PAGES.index(self.page) + 1) / len(PAGES))
        bar = Content.assemble(("━" * done, "$primary"), ("─" * (width - done), "$foreground-muted"))
        return Content.assemble(Content("").join(self._labels()).truncate(width), "\n", bar)

    def on_click(self, event: events.Click) -> None:
        at = self.styles.padding.left
        for name, label in zip(PAGES, self._labels(), strict=True):
            at += label.cell_length
            if event.x < at:
                self.post_message(self.Go(name))
                return
