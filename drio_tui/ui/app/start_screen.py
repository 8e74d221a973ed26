"""The first frame: the outline of the program, and the steps of starting up."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.content import Content
from textual.widgets import Static

from drio_tui.ui.base import keymap
from drio_tui.ui.base.keymap import Key
from drio_tui.ui.base.messages import Step
from drio_tui.ui.screen import DrioScreen
from drio_tui.ui.widgets.sanitize import sanitize, sanitize_line

_MAX_LINE = 120
_QUIET_SECONDS = 0.3
"""A start that takes no longer does not show its steps: each update would delay it."""


class StartScreen(DrioScreen[None]):
    """Shown until the connection is ready; if starting fails, it shows the cause and what can be done.

    Its styles are in `app.tcss`, which is read anyway, so that the first frame waits for one file less.
    """

    BINDINGS = keymap.section(
        "start",
        "Starting",
        Key("start.retry", "r,enter", "retry", "Retry", "Try to start again"),
        Key("start.sandbox", "s", "sandbox", "Use the sandbox", "Use the local sandbox instead"),
    )

    def compose_body(self) -> ComposeResult:
        yield Static(self._startup_content(), id="startup")

    def on_mount(self) -> None:
        super().on_mount()
        self._shows_steps = False
        self.set_timer(_QUIET_SECONDS, self._start_showing_steps)
        self.watch(self.app, "steps", self._update, init=False)
        self.watch(self.app, "failure", self._update, init=False)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action in ("retry", "sandbox") and self.drio.failure is None:
            return False
        if action == "sandbox" and self.drio.status.sandbox:
            return False
        return super().check_action(action, parameters)

    def _start_showing_steps(self) -> None:
        self._shows_steps = True
        self._update()

    def _update(self) -> None:
        if not (self._shows_steps or self.drio.failure):
            return
        self.query_one("#startup", Static).update(self._startup_content())
        self.refresh_bindings()

    def _startup_content(self) -> Content:
        lines = [Content.from_markup("[bold $text-primary]drio[/]  [$foreground-muted]build MCP apps[/]"), Content()]
        for step in self.drio.steps or (Step("Loading"),):
            text = sanitize_line(step.text, _MAX_LINE)
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
                sanitize(failure.title, "bold $text-error"),
                sanitize(failure.message[:2000], multiline=True),
                sanitize(failure.hint, "$foreground-muted", multiline=True),
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
