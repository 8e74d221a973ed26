"""The first frame: the program's outline, and the story of starting up told in place."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.content import Content
from textual.widgets import Static

from drio_tui.ui.messages import Step
from drio_tui.ui.screens.base import DrioScreen
from drio_tui.ui.stylesheets import stylesheet
from drio_tui.ui.widgets.safe import safe_line


class StartScreen(DrioScreen[None]):
    """Shown until the backend is ready; stays with the cause when it cannot be."""

    CSS_PATH = stylesheet("start")

    def compose_body(self) -> ComposeResult:
        yield Static(self._story(()), id="story")

    def on_mount(self) -> None:
        super().on_mount()
        self.watch(self.app, "steps", self._tell)

    def _tell(self, steps: tuple[Step, ...]) -> None:
        self.query_one("#story", Static).update(self._story(steps))

    def _story(self, steps: tuple[Step, ...]) -> Content:
        lines = [Content.from_markup("[bold $text-primary]drio[/]  [$foreground-muted]build MCP apps[/]"), Content()]
        for step in steps or (Step("Loading"),):
            if step.failed:
                lines.append(Content.assemble(("✗ ", "$text-error"), safe_line(step.text, 70)))
                lines.append(Content.assemble("  ", safe_line(step.failed, 200, "$text-error")))
            elif step.done:
                lines.append(Content.assemble(("✓ ", "$text-success"), safe_line(step.text, 70, "$foreground-muted")))
            else:
                lines.append(Content.assemble(("◌ ", "$text-warning"), safe_line(step.text, 70), "…"))
        return Content("\n").join(lines)
