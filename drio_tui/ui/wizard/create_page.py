"""The last step: the list of requests with their results, and the actions on them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal
from textual.content import Content
from textual.widgets import Button, Static

from drio_tui.plan.steps import Step
from drio_tui.ui.base import keymap
from drio_tui.ui.base.keymap import Key
from drio_tui.ui.base.messages import undo_hint
from drio_tui.ui.plan.plan_panel import progress_line
from drio_tui.ui.plan.plan_rows import MARKS
from drio_tui.ui.widgets.row_list import Column, Row, RowList
from drio_tui.ui.widgets.sanitize import sanitize_line
from drio_tui.ui.wizard.page import Page
from drio_tui.wizard.plan import page_of


class CreatePage(Page):
    """One line per request. A failed request can be retried, edited or skipped; successful ones are not repeated."""

    TITLE = "Create it"
    ABOUT = ""
    BINDINGS: ClassVar[list[BindingType]] = keymap.section(
        "wizard_create",
        "New app: creating it",
        Key("wizard_create.retry", "r", "retry", "Retry", "Do again what failed, and what needed it"),
        Key("wizard_create.skip", "s", "skip", "Skip", "Skip this step, or include it again"),
        Key("wizard_create.edit", "e", "edit_step", "Edit", "Go to where this is edited"),
        Key("wizard_create.deploy", "d", "deploy", "Deploy", "Deploy the new app now"),
        Key("wizard_create.open", "o", "open", "Open", "Look at the new app; deploy it later"),
    )

    def compose(self) -> ComposeResult:
        yield Static(id="progress")
        yield RowList(
            Column("", 2), Column("Step", min_width=20), Column("Result", min_width=12, rank=1), id="requests-list"
        )
        yield Static(id="reason")
        with Horizontal(id="step-actions"):
            yield Button("Deploy it now", variant="primary", id="deploy", compact=True)
            yield Button("Open the app", id="open", compact=True)
            yield Button("Retry", variant="primary", id="retry", compact=True)
            yield Button("Skip", id="skip", compact=True)
            yield Button("Edit", id="edit", compact=True)

    def on_mount(self) -> None:
        self._last_index: int | None = 0
        self.update_content()

    @property
    def rows(self) -> RowList:
        """The list of requests."""
        return self.query_one("#requests-list", RowList)

    @property
    def steps(self) -> list[Step]:
        """The steps of the plan."""
        return self.wizard.steps

    @property
    def chosen(self) -> Step | None:
        """The step that the cursor is on."""
        return next((step for step in self.steps if step.id == self.rows.key), None)

    def update_content(self) -> None:
        steps, draft = self.steps, self.draft
        lines = []
        for step in steps:
            state = draft.step(step.id)
            result = {"done": "done", "sent": "sending…", "todo": ""}.get(state.state, state.why)
            style = "$text-error" if state.state == "failed" else "$foreground-muted"
            lines.append(
                Row(step.id, (Content.styled(*MARKS[state.state]), sanitize_line(step.about, 200),
                              sanitize_line(result, 200, style)))
            )  # fmt: skip
        self.rows.show(lines)
        states = [draft.step(step.id).state for step in steps]
        index = next((index for index, state in enumerate(states) if state in ("sent", "failed")), None)
        if self.wizard.running:
            done = states.count("done")
            self.rows.choose(steps[min(done, len(steps) - 1)].id if index is None else steps[index].id)
        elif index is not None and self._last_index != index:
            self.rows.choose(steps[index].id)
        self._last_index = index
        self.query_one("#progress", Static).update(self._progress(states))
        self._update_buttons(states)
        self._show_reason()
        self.refresh_bindings()

    def _progress(self, states: Sequence[str]) -> Content:
        skipped_by_user = sum(self.draft.step(step.id).own for step in self.steps)  # others wait for a failed step
        done, total = states.count("done") + skipped_by_user, len(states)
        name = sanitize_line(self.draft.name, 60, "bold")
        if self.wizard.finished:
            skipped = states.count("skipped")
            tail = f" {skipped} skipped." if skipped else ""
            return Content.assemble(("✓ ", "$text-success"), name, (f" is created.{tail} ", "$text-success"),
                                    "Deploy it, so that AI clients can use it.")  # fmt: skip
        if self.wizard.running:
            status = (self.wizard.plan_stop.text("creating…"), "$text-warning")
        elif "failed" in states:
            status = (f"stopped. {undo_hint(self.wizard.drio.status, 'What is done stays done.')}", "$text-error")
        else:
            status = ("not begun" if not done else "stopped", "$foreground-muted")
        return progress_line(done, total, *status)

    def _update_buttons(self, states: Sequence[str]) -> None:
        ready, failed = self.wizard.finished, "failed" in states and not self.wizard.running
        for name, shown in (("deploy", ready), ("open", ready), ("retry", failed), ("skip", failed), ("edit", failed)):
            self.query_one(f"#{name}", Button).display = shown
        idle = not self.wizard.running and not ready and not failed
        retry = self.query_one("#retry", Button)
        retry.display = retry.display or idle
        retry.label = "Retry" if failed else "Create it"

    @on(RowList.Moved, "#requests-list")
    def _cursor_moved(self, event: RowList.Moved) -> None:
        event.stop()
        self._show_reason()
        self.refresh_bindings()

    def _show_reason(self) -> None:
        step = self.chosen
        state = self.draft.step(step.id) if step else None
        lines = []
        if state is not None and state.why:
            style = "$text-error" if state.state == "failed" else "$foreground-muted"
            lines.append(sanitize_line(state.why, 600, style))
            lines += [
                Content.assemble(("  ", ""), sanitize_line(f"{path}: {message}", 300, style))
                for path, message in state.fields.items()
            ]
        if self.wizard.draft_session.problem:
            lines.append(sanitize_line(self.wizard.draft_session.problem, 300, "$text-warning"))
        self.query_one("#reason", Static).update(Content("\n").join(lines))

    def focus_first(self) -> None:
        if self.wizard.finished:
            self.query_one("#deploy").focus()
        else:
            self.rows.focus()

    # -- actions ----------------------------------------------------------------------------------

    def disabled_reason(self, action: str, parameters: tuple[object, ...]) -> str | None:
        """Return why an action is disabled now, or None."""
        step = self.chosen
        state = self.draft.step(step.id).state if step else ""
        if action in ("retry", "skip", "edit_step") and self.wizard.running:
            return "It is being created: Esc stops after the present request."
        match action:
            case "retry" if self.wizard.finished:
                return "Everything is done."
            case "skip" if step is None or step.id in ("app", "read") or state == "done":
                return "This step cannot be skipped."
            case "edit_step" if step is None or step.verb == "read":
                return "There is nothing to edit about this step."
            case "deploy" | "open" if not self.draft.app:
                return "The app is not there yet."
            case "deploy" if not self.wizard.finished:
                return "It is not complete yet: retry or skip what is left."
        return None

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        return None if self.disabled_reason(action, parameters) else True

    def action_retry(self) -> None:
        self.wizard.run_plan()

    def action_skip(self) -> None:
        if self.chosen is not None:
            self.wizard.skip(self.chosen)

    def action_edit_step(self) -> None:
        if self.chosen is not None:
            self.wizard.go_to(page_of(self.chosen), self.chosen.ref)

    def action_deploy(self) -> None:
        self.wizard.deploy()

    def action_open(self) -> None:
        self.wizard.open_created_app()

    @on(RowList.Opened, "#requests-list")
    async def _row_opened(self, event: RowList.Opened) -> None:
        event.stop()
        await self.run_action("edit_step")

    @on(Button.Pressed, "#step-actions Button")
    async def _button_pressed(self, event: Button.Pressed) -> None:
        event.stop()
        action = {"edit": "edit_step"}.get(event.button.id or "", event.button.id or "")
        await self.run_action(action)
