"""The line above the wizard's page: all steps, with the current and the completed ones marked; a click opens a step."""

from __future__ import annotations

from textual import events
from textual.content import Content
from textual.message import Message
from textual.reactive import reactive
from textual.widget import Widget

from drio_tui.ui.wizard import TITLES
from drio_tui.wizard.validation import PAGES

_NARROW = 76
"""The width in cells below which only the current step has its title."""


class StepStrip(Widget):
    """Two rows: the titles of the steps, and a progress bar."""

    DEFAULT_CSS = """
    StepStrip {
        height: 2;
        padding: 0 1;
        background: $background;
    }
    """

    page: reactive[str] = reactive("template")
    """The step that is shown."""

    pages_with_errors: reactive[frozenset[str]] = reactive(frozenset)
    """The steps with errors."""

    reached: reactive[int] = reactive(0)
    """The index of the last step that was shown."""

    class StepSelected(Message):
        """A step was clicked."""

        def __init__(self, page: str) -> None:
            super().__init__()
            self.page = page

    def _labels(self) -> list[Content]:
        current = PAGES.index(self.page)
        narrow = self.size.width < _NARROW
        labels = []
        for index, name in enumerate(PAGES):
            title = "" if narrow and index != current else TITLES[name]
            if index == current:
                label = Content.styled(f"● {title}", "bold $text-primary")
            elif name in self.pages_with_errors and index <= self.reached:
                label = Content.styled(f"✗ {title}", "$text-error")
            elif index <= self.reached:
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
        end = self.styles.padding.left
        for name, label in zip(PAGES, self._labels(), strict=True):
            end += label.cell_length
            if event.x < end:
                self.post_message(self.StepSelected(name))
                return
