"""The dialogs for a batch: its steps, a confirmation, the result of each step, and a retry of the failed ones."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Sequence
from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.await_complete import AwaitComplete
from textual.binding import BindingType
from textual.containers import Vertical
from textual.message import Message
from textual.widgets import Button, Input, Static

from drio_tui.api.errors import DrioError
from drio_tui.plan.executor import Choice, Executor, Result
from drio_tui.plan.record import PlanRecord, PlanSession, discard
from drio_tui.plan.render import time_left
from drio_tui.plan.state import StepState
from drio_tui.plan.steps import Step
from drio_tui.storage.files import os_error_text
from drio_tui.text import one_line
from drio_tui.ui.base import keymap
from drio_tui.ui.base.keymap import Key
from drio_tui.ui.base.messages import RequestFailed, undo_hint
from drio_tui.ui.base.services import get_saver
from drio_tui.ui.base.stylesheets import stylesheet
from drio_tui.ui.dialogs.dialog import ButtonRow, Dialog
from drio_tui.ui.plan.plan_panel import PlanPanel
from drio_tui.ui.plan.plan_rows import ItemState, PlanItem, item_states, items_of_steps
from drio_tui.ui.plan.plan_stop import PlanStop
from drio_tui.ui.plan.plan_tree import PlanTree
from drio_tui.ui.screen import Requests
from drio_tui.ui.widgets.sanitize import sanitize, sanitize_line
from drio_tui.workspace.saving.saver import Saver

if TYPE_CHECKING:
    from drio_tui.api.client import DrioClient


_ROOM = 6
"""Lines for the details of an opened step."""
_MOST_LINES = 17
"""The most lines of the plan."""


class BatchDialog(Dialog[bool], Requests[bool]):
    """Confirms and runs a batch; the result is whether it was started.

    `make` returns the executor of the `steps` for a saver. `agree` is the label of the button that starts it; with
    `name`, that has to be typed before the button is enabled. `danger` marks a destructive batch. When a step fails and
    others are left, the user decides whether to go on. Until the dialog is closed, the batch is kept in a file, so that
    it can go on if the program is killed.
    """

    CSS_PATH = stylesheet("editing")
    BINDINGS: ClassVar[list[BindingType]] = keymap.section(
        "batch",
        "Deleting, and batches",
        Key(
            "batch.close",
            "escape",
            "close",
            "Close",
            "Stop after the running requests, then cancel them; close when nothing runs",
        ),
        Key("batch.go_on", "c", "decide('continue')", "Go on", "After a failure: go on with the others", show=False),
        Key("batch.stop", "s", "decide('stop')", "Stop", "After a failure: leave the others alone", show=False),
    )

    class Progress(Message):
        """A step has a result. Several that wait are handled as one."""

        def can_replace(self, message: Message) -> bool:
            return isinstance(message, BatchDialog.Progress)

    class Failed(Message):
        """A task failed and others are left; the batch waits for `answer`."""

        def __init__(self, result: Result, left: int, answer: asyncio.Future[Choice]) -> None:
            super().__init__()
            self.result = result
            self.left = left
            self.answer = answer

    class Ended(Message):
        """The run of the batch ended: all tasks are done, or it was stopped."""

    def __init__(
        self,
        title: str,
        body: str,
        steps: Sequence[Step],
        make: Callable[[Saver], Executor],
        *,
        agree: str,
        name: str | None = None,
        danger: bool = True,
    ) -> None:
        super().__init__()
        self._title, self._body, self._steps, self._make_batch = title, body, list(steps), make
        self._agree, self._confirm_name, self._danger = agree, name, danger
        self.work: Executor | None = None
        self._batch_running = False
        self._stop = PlanStop()
        self._was_started = False
        self._plan_session: PlanSession | None = None
        self._pending_answer: asyncio.Future[Choice] | None = None

    def compose(self) -> ComposeResult:
        with Vertical(classes="editing-box") as box:
            box.border_title = sanitize_line(self._title, 90)
            yield from self.compose_plan()
            yield Static(id="about")
            if self._confirm_name is not None:
                yield Static(sanitize(f"Type {self._confirm_name} to go on:"), classes="-asked")
                yield Input(id="typed", compact=True, select_on_focus=False)
            yield Static(id="failed")
            yield ButtonRow(Button("Stop", id="stop"), Button("Go on", id="continue", variant="warning"), id="choice")
            yield ButtonRow(
                Button("Cancel", id="cancel"),
                Button(
                    self._agree,
                    id="go",
                    variant="error" if self._danger else "primary",
                    disabled=self._confirm_name is not None,
                ),
                id="answers",
            )

    def compose_plan(self) -> ComposeResult:
        """Yield what is above the buttons: the text, and the plan."""
        if self._body:
            yield Static(sanitize(self._body, multiline=True), id="body")
        yield PlanPanel()

    def on_mount(self) -> None:
        self.show_steps()
        self._fill()
        self._show_question("")
        if self._confirm_name is not None:
            self.set_focus(self.query_one("#typed"))
        else:
            self.focus_default()

    def show_steps(self) -> None:
        """Show the steps before they are carried out."""
        items = items_of_steps(self._steps)
        panel = self.query_one(PlanPanel)
        panel.styles.height = min(
            len(items) + 1 + (_ROOM if any(item.has_details for item in items) else 0), _MOST_LINES
        )
        panel.show(items)

    def key_of(self, step: Step) -> str:
        """Return the key of the item of the plan view that a step belongs to."""
        return step.id

    def _show_question(self, text: str) -> None:
        """Show the question after a failure in place of the buttons; with an empty `text`, show the buttons again."""
        self.query_one("#failed", Static).update(sanitize(text, "$text-warning"))
        for name in ("failed", "choice"):
            self.query_one(f"#{name}").display = bool(text)
        self.query_one("#answers").display = not text

    def _state_of(self, step: Step) -> StepState:
        """Return the state of a step."""
        return self.work.state(step) if self.work is not None else StepState()

    @property
    def _is_begun(self) -> bool:
        return self.work is not None

    def _fill(self) -> None:
        """Show how far the steps got, once they were begun."""
        if not self._is_begun:
            return
        states = item_states(self._steps, self._state_of, self.key_of)
        self.query_one(PlanPanel).show_states(states, *self._status(states.values()))
        self._show_result(self.query_one(PlanTree).item)

    def _status(self, states: Collection[ItemState]) -> tuple[str, str]:
        if self._batch_running:
            return f"{self._stop.text('running…')}{time_left(self.work, before=' · ')}", "$text-warning"
        is_done = all(state.progress == "done" for state in states)
        if is_done:
            return "done", "$text-success"
        return f"stopped. {undo_hint(self.drio.status, 'What is done stays done.')}", "$text-error"

    @on(PlanTree.Moved)
    def _moved(self, event: PlanTree.Moved) -> None:
        self._show_result(event.tree.item)

    def _show_result(self, item: PlanItem | None) -> None:
        """Show the full error of a step, for which its line is too narrow."""
        state = self.query_one(PlanTree).states.get(item.key) if item is not None else None
        about = self.query_one("#about", Static)
        about.display = bool(state and state.why)
        about.update(sanitize(state.why) if state else "")

    @on(Input.Changed, "#typed")
    def _enable_action(self, event: Input.Changed) -> None:
        self.query_one("#go", Button).disabled = event.value != self._confirm_name

    @on(Input.Submitted, "#typed")
    def _name_submitted(self, event: Input.Submitted) -> None:
        if event.value == self._confirm_name:
            self.go()

    @on(Button.Pressed)
    def _pressed(self, event: Button.Pressed) -> None:
        match event.button.id:
            case "go":
                self.go()
            case "stop" | "continue" as choice:
                self.action_decide(choice)
            case _:
                self.action_close()

    def go(self) -> None:
        """Run the tasks that are not done yet."""
        if self._batch_running:
            return
        self._batch_running = True
        self._stop.begin()
        self.query_one("#go", Button).disabled = True

        async def run(client: DrioClient) -> BatchDialog.Ended:
            self._was_started = True
            if self.work is None:
                self.work = self._make_batch(get_saver(self.connection, client))
            work = self.work
            await self._keep_batch(work, client)

            accepted: set[str] = set()  # problems that the user went on after: of many alike, one is asked about

            async def ask(result: Result) -> Choice:
                left = work.left
                if not left or result.problem in accepted:
                    return "continue"
                answer: asyncio.Future[Choice] = asyncio.get_running_loop().create_future()
                self.post_message(self.Failed(result, left, answer))
                choice = await answer
                if choice == "continue":
                    accepted.add(result.problem)
                return choice

            if not self._stop.wanted:
                await work.run(on_result=lambda _: self.post_message(self.Progress()), on_failure=ask)
            if work.done:
                await asyncio.to_thread(self._end_session, forget=True)
            return self.Ended()

        self.run_request(run, lambda ended: ended, group="batch", once=True)

    async def _keep_batch(self, work: Executor, client: DrioClient) -> None:
        """Keep a batch of several steps in a file while it runs; one that cannot be kept runs without."""
        if self._plan_session is None and len(work.steps) > 1:
            profile, server = self.connection.status.profile, client.transport.server_id
            title = self._title.rstrip("?")
            self._plan_session = await asyncio.to_thread(PlanSession.keep, work, profile, server, title)

    def _end_session(self, *, forget: bool) -> None:
        if self._plan_session is not None:
            self._plan_session.close(forget=forget)
            self._plan_session = None

    def on_unmount(self) -> None:
        self._end_session(forget=False)

    def on_request_failed(self, message: RequestFailed) -> None:
        super().on_request_failed(message)
        self.post_message(self.Ended())

    def on_batch_dialog_progress(self, message: Progress) -> None:
        self._fill()

    def on_batch_dialog_failed(self, message: Failed) -> None:
        self._pending_answer = message.answer
        others = "the other one" if message.left == 1 else f"the other {message.left}"
        result = message.result
        self._show_question(
            f"{one_line(result.step.about, 60)} failed: {one_line(result.problem, 120)} – Go on with {others}?"
        )
        self.query_one("#stop").focus()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """The answers to the question after a failure are no keys until it is asked: they are letters."""
        if action == "decide" and self._pending_answer is None:
            return False
        return super().check_action(action, parameters)

    def action_decide(self, choice: Choice) -> None:
        """Answer the question after a failure."""
        if self._pending_answer is not None and not self._pending_answer.done():
            self._pending_answer.set_result(choice)
        self._pending_answer = None
        self._show_question("")
        self.query_one("#cancel").focus()

    def on_batch_dialog_ended(self, message: Ended) -> None:
        self._batch_running = False
        self._fill()
        if self.work is not None and self.work.done:
            undo = undo_hint(self.drio.status, "z takes it back.")
            self.notify(
                f"Done. {undo}",
                title=sanitize_line(self._title.rstrip("?"), 80).plain,
                markup=False,
            )
            self.dismiss(True)
            return
        button = self.query_one("#go", Button)
        untried = bool(self.work and self.work.untried)
        button.label, button.disabled = self.retry_label(untried=untried), False
        self.query_one("#cancel", Button).label = "Close"
        button.refresh(layout=True)  # a button keeps the width of its first label

    def retry_label(self, *, untried: bool) -> str:
        """Return the label of the button that goes on after failures; `untried` is whether steps have no result."""
        return "Retry and go on" if untried else "Retry the failed"

    def dismiss(self, result: bool | None = None) -> AwaitComplete:
        """Close. Without a result it is whether the batch was started, however the dialog is left."""
        return super().dismiss(self._was_started if result is None else result)

    def running_task(self) -> str:
        return f"“{one_line(self._title.rstrip('?'), 60)}”" if self._batch_running else ""

    def action_close(self) -> None:
        """Close the dialog; while the batch runs, stop it first, so that what came of its requests is shown."""
        if self._batch_running and not self._stop.press(self.work):
            self.action_decide("stop")
            self._fill()
            return
        self._end_session(forget=not self._batch_running)  # what a batch that hangs has not done is offered again
        self.dismiss()


class InterruptedPlanDialog(BatchDialog):
    """Offers a plan that an earlier run of the program did not finish: to go on with, to forget, or to keep."""

    BINDINGS: ClassVar[list[BindingType]] = keymap.section(
        "interrupted_plan",
        "Interrupted changes",
        Key("interrupted_plan.forget", "D", "forget", "Forget", "Leave the other steps undone, for good"),
    )

    def __init__(self, record: PlanRecord) -> None:
        done, total = record.counts
        lines = [f"{done} of {total} steps were done when the program ended. The others can be done now."]
        if record.lost:
            lines.append(f"Secrets are not kept; these cannot go on: {', '.join(record.lost[:12])}")
        self.record = record
        super().__init__(
            f"{record.title}: go on?", "\n".join(lines), record.steps, self._resume,
            agree="Go on", danger=False,
        )  # fmt: skip

    def _state_of(self, step: Step) -> StepState:
        return super()._state_of(step) if self.work is not None else self.record.state.step(step.id)

    @property
    def _is_begun(self) -> bool:
        return True

    def _resume(self, saver: Saver) -> Executor:
        """Return the executor of the stored plan. Raises `DrioError` if it is used elsewhere or cannot be read."""
        try:
            self._plan_session = PlanSession.resume(self.record.id)
        except (OSError, ValueError) as error:
            raise DrioError(os_error_text(error), title="It cannot go on") from error
        return self._plan_session.executor(saver)

    def action_forget(self) -> None:
        """Delete the plan, without doing the rest of it."""
        if self.work is None and not self._batch_running:
            try:
                discard(self.record.id)
            except OSError as error:
                self.notify(sanitize_line(os_error_text(error), 200).plain, severity="error", markup=False)
                return
        self.action_close()
