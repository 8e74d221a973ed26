"""The placeholder for an empty list or a failed request: why it is empty, and what to do next."""

from __future__ import annotations

from textual.content import Content
from textual.widgets import Static

from drio_tui.api.errors import DrioError
from drio_tui.ui.widgets.sanitize import sanitize


class EmptyState(Static):
    """A title, a sentence, and key hints: `steps` are pairs of a key and what it does."""

    DEFAULT_CSS = """
    EmptyState {
        width: 1fr;
        height: 1fr;
        content-align: center middle;
        text-align: center;
        padding: 0 2;
    }
    """

    def __init__(
        self,
        title: str = "",
        body: str = "",
        *steps: tuple[str, str],
        id: str | None = None,
        classes: str | None = None,
    ) -> None:
        super().__init__(self.content_of(title, body, *steps), id=id, classes=classes)

    def show_message(self, title: str, body: str = "", *steps: tuple[str, str]) -> None:
        """Show another message. Its box has a fixed size, so that nothing is laid out again."""
        self.update(self.content_of(title, body, *steps), layout=False)

    def show_error(self, error: DrioError, *steps: tuple[str, str]) -> None:
        """Show what went wrong and what to do about it."""
        self.show_message(error.title, "\n".join(filter(None, (error.message, error.hint))), *steps)

    @staticmethod
    def content_of(title: str, body: str, *steps: tuple[str, str]) -> Content:
        """Return the message as content."""
        lines = [sanitize(title, "bold")]
        if body:
            lines += [sanitize(body, "$foreground-muted", multiline=True)]
        if steps:
            keys = [sanitize(key, "bold $text-accent") for key, _ in steps]
            actions = [sanitize(action) for _, action in steps]
            key_width, width = (max(part.cell_length for part in parts) for parts in (keys, actions))
            lines.append(Content())
            for key, action in zip(keys, actions, strict=True):  # padded alike: each line is centered
                padding = " " * (width - action.cell_length)
                lines.append(Content.assemble(key, " " * (key_width - key.cell_length + 2), action, padding))
        return Content("\n").join(lines)
