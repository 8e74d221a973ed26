"""The last step: the requests one after the other, what came of each, and what can be done about it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal
from textual.content import Content
from textual.widgets import Button, Static

from drio_tui.ui.base import keymap
from drio_tui.ui.base.keymap import Key
from drio_tui.ui.widgets.row_list import Column, Row, RowList
from drio_tui.ui.widgets.sanitize import safe_line
from drio_tui.ui.wizard.page import Page
from drio_tui.wizard.plan import Step

_MARKS = {
    "todo": ("·", "$foreground-muted"),
    "sent": ("◌", "$text-warning"),
    "done": ("✓", "$text-success"),
    "failed": ("✗", "$text-error"),
    "skipped": ("–", "$foreground-muted"),
}


class CreatePage(Page):
    """A line for each request. What succeeded stays; a failed one can be retried, edited or skipped."""

    TITLE = "Create it"
    ABOUT = ""
    BINDINGS: ClassVar[list[BindingType]] = keymap.section(
        "wizard_create",
        "New app: creating it",
        Key("wizard_create.retry", "r", "retry", "Retry", "Do again what failed, and what needed it"),
        Key("wizard_create.skip", "s", "skip", "Skip", "Leave this step out, or want it after all"),
        Key("wizard_create.edit", "e", "edit_step", "Edit", "Go to where this is edited"),
        Key("wizard_create.deploy", "d", "deploy", "Deploy", "Deploy the new app now"),
        Key("wizard_create.open", "o", "open", "Open", "Look at the new app; deploy it later"),
    )

    def compose(self) -> ComposeResult:
        yield Static(id="progress")
        yield RowList(Column("", 2), Column("Step", least=20), Column("Result", least=12, rank=1), id="requests-list")
        yield Static(id="why")
        with Horizontal(id="ways"):
            yield Button("Deploy it now", variant="primary", id="deploy", compact=True)
            yield Button("Open the app", id="open", compact=True)
            yield Button("Retry", variant="primary", id="retry", compact=True)
            yield Button("Skip", id="skip", compact=True)
            yield Button("Edit", id="edit", compact=True)

    def on_mount(self) -> None:
        self._last = 0
        self.renew()

    @property
    def rows(self) -> RowList:
        """The list of requests."""
        return self.query_one("#requests-list", RowList)

    @property
    def steps(self) -> list[Step]:
        """The steps of the plan."""
        return self.guide.steps

    @property
    def chosen(self) -> Step | None:
        """The step that the cursor is on."""
        return next((step for step in self.steps if step.id == self.rows.key), None)

    def renew(self) -> None:
        steps, draft = self.steps, self.draft
        lines = []
        for step in steps:
            state = draft.step(step.id)
            said = {"done": "done", "sent": "sending…", "todo": ""}.get(state.state, state.why)
            style = "$text-error" if state.state == "failed" else "$foreground-muted"
            lines.append(
                Row(step.id, (Content.styled(*_MARKS[state.state]), safe_line(step.about, 200),
                              safe_line(said, 200, style)))
            )  # fmt: skip
        self.rows.show(lines)
        states = [draft.step(step.id).state for step in steps]
        at = next((place for place, state in enumerate(states) if state in ("sent", "failed")), None)
        if self.guide.running:
            done = states.count("done")
            self.rows.choose(steps[min(done, len(steps) - 1)].id if at is None else steps[at].id)
        elif at is not None and self._last != at:
            self.rows.choose(steps[at].id)
        self._last = -1 if at is None else at
        self.query_one("#progress", Static).update(self._progress(states))
        self._ways(states)
        self._explain()
        self.refresh_bindings()

    def _progress(self, states: Sequence[str]) -> Content:
        own = sum(self.draft.step(step.id).own for step in self.steps)  # others wait for what failed
        done, total = states.count("done") + own, len(states)
        name = safe_line(self.draft.name, 60, "bold")
        if self.guide.finished:
            left_out = states.count("skipped")
            tail = f" {left_out} skipped." if left_out else ""
            return Content.assemble(("✓ ", "$text-success"), name, (f" is created.{tail} ", "$text-success"),
                                    "Deploy it, so that AI clients can use it.")  # fmt: skip
        width = 30
        filled = round(width * done / max(1, total))
        bar = Content.assemble(("━" * filled, "$primary"), ("─" * (width - filled), "$foreground-muted"))
        if self.guide.running:
            word = ("  stopping after this request…" if self.guide.stopping else "  creating…", "$text-warning")
        elif "failed" in states:
            word = ("  stopped: what is done stays done", "$text-error")
        else:
            word = ("  not begun" if not done else "  stopped", "$foreground-muted")
        return Content.assemble(bar, f" {done}/{total}", word)

    def _ways(self, states: Sequence[str]) -> None:
        ready, failed = self.guide.finished, "failed" in states and not self.guide.running
        for name, shown in (("deploy", ready), ("open", ready), ("retry", failed), ("skip", failed), ("edit", failed)):
            self.query_one(f"#{name}", Button).display = shown
        idle = not self.guide.running and not ready and not failed
        retry = self.query_one("#retry", Button)
        retry.display = retry.display or idle
        retry.label = "Retry" if failed else "Create it"

    @on(RowList.Moved, "#requests-list")
    def _moved(self, event: RowList.Moved) -> None:
        event.stop()
        self._explain()
        self.refresh_bindings()

    def _explain(self) -> None:
        step = self.chosen
        state = self.draft.step(step.id) if step else None
        lines = []
        if state is not None and state.why:
            style = "$text-error" if state.state == "failed" else "$foreground-muted"
            lines.append(safe_line(state.why, 600, style))
            lines += [
                Content.assemble(("  ", ""), safe_line(f"{path}: {why}", 300, style))
                for path, why in state.fields.items()
            ]
        if self.guide.keeper.problem:
            lines.append(safe_line(self.guide.keeper.problem, 300, "$text-warning"))
        self.query_one("#why", Static).update(Content("\n").join(lines))

    def focus_first(self) -> None:
        if self.guide.finished:
            self.query_one("#deploy").focus()
        else:
            self.rows.focus()

    # -- acting -----------------------------------------------------------------------------------

    def why_not(self, action: str, parameters: tuple[object, ...]) -> str | None:
        """Why an action cannot be done now."""
        step = self.chosen
        state = self.draft.step(step.id).state if step else ""
        if action in ("retry", "skip", "edit_step") and self.guide.running:
            return "It is being created: Esc stops after the present request."
        match action:
            case "retry" if self.guide.finished:
                return "Everything is done."
            case "skip" if step is None or step.verb in ("app", "read") or state == "done":
                return "This step cannot be skipped."
            case "edit_step" if step is None or step.verb == "read":
                return "There is nothing to edit about this step."
            case "deploy" | "open" if not self.draft.app:
                return "The app is not there yet."
            case "deploy" if not self.guide.finished:
                return "It is not whole yet: retry or skip what is left."
        return None

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        return None if self.why_not(action, parameters) else True

    def action_retry(self) -> None:
        self.guide.carry_out()

    def action_skip(self) -> None:
        if self.chosen is not None:
            self.guide.skip(self.chosen)

    def action_edit_step(self) -> None:
        if self.chosen is not None:
            self.guide.go_to(self.chosen.page, self.chosen.ref)

    def action_deploy(self) -> None:
        self.guide.deploy()

    def action_open(self) -> None:
        self.guide.open_it()

    @on(RowList.Opened, "#requests-list")
    async def _enter(self, event: RowList.Opened) -> None:
        event.stop()
        await self.run_action("edit_step")

    @on(Button.Pressed, "#ways Button")
    async def _pressed(self, event: Button.Pressed) -> None:
        event.stop()
        action = {"edit": "edit_step"}.get(event.button.id or "", event.button.id or "")
        await self.run_action(action)
