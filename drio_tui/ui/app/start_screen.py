"""The first frame: the program's outline, and the story of starting up told in place."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.content import Content
from textual.widgets import Static

from drio_tui.ui.base import keymap
from drio_tui.ui.base.keymap import Key
from drio_tui.ui.base.messages import Step
from drio_tui.ui.screen import DrioScreen
from drio_tui.ui.widgets.sanitize import safe, safe_line

_LINE = 120
_QUIET_SECONDS = 0.3
"""A start that takes no longer is not told step by step: each telling would delay it."""


class StartScreen(DrioScreen[None]):
    """Shown until the backend is ready; when it cannot be, it stays with the cause and the ways on.

    Its styles are in `app.tcss`, which is read anyway: the first frame waits for one file less.
    """

    BINDINGS = keymap.section(
        "start",
        "Starting",
        Key("start.retry", "r,enter", "retry", "Retry", "Try to start again"),
        Key("start.sandbox", "s", "sandbox", "Use the sandbox", "Use the local sandbox instead"),
    )

    def compose_body(self) -> ComposeResult:
        yield Static(self._story(), id="story")

    def on_mount(self) -> None:
        super().on_mount()
        self._telling = False
        self.set_timer(_QUIET_SECONDS, self._begin_to_tell)
        self.watch(self.app, "steps", self._tell, init=False)
        self.watch(self.app, "failure", self._tell, init=False)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action in ("retry", "sandbox") and self.drio.failure is None:
            return False
        if action == "sandbox" and self.drio.status.sandbox:
            return False
        return super().check_action(action, parameters)

    def _begin_to_tell(self) -> None:
        self._telling = True
        self._tell()

    def _tell(self) -> None:
        if not (self._telling or self.drio.failure):
            return
        self.query_one("#story", Static).update(self._story())
        self.refresh_bindings()

    def _story(self) -> Content:
        lines = [Content.from_markup("[bold $text-primary]drio[/]  [$foreground-muted]build MCP apps[/]"), Content()]
        for step in self.drio.steps or (Step("Loading"),):
            text = safe_line(step.text, _LINE)
            if step.failed:
                lines.append(Content.assemble(("✗ ", "$text-error"), text))
            elif step.done:
                lines.append(Content.assemble(("✓ ", "$text-success"), text.stylize("$foreground-muted")))
            else:
                lines.append(Content.assemble(("◌ ", "$text-warning"), text, "…"))
        failure = self.drio.failure
        if failure is not None:
            lines += [
                Content(),
                safe(failure.title, "bold $text-error"),
                safe(failure.message[:2000], multiline=True),
                safe(failure.hint, "$foreground-muted", multiline=True),
                Content(),
                Content.assemble(("r", "bold $text-accent"), " retry"),
            ]
            if not self.drio.status.sandbox:
                lines.append(Content.assemble(("s", "bold $text-accent"), " use the local sandbox"))
        return Content("\n").join(lines)

    def action_retry(self) -> None:
        self.drio.retry()

    def action_sandbox(self) -> None:
        self.drio.restart(sandbox=True)
