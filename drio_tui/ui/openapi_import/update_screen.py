"""The review of an update from a newer document: its changes as a plan, and how far they got."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.content import Content
from textual.message import Message
from textual.reactive import var
from textual.widgets import Static

from drio_tui.api.errors import DrioError
from drio_tui.openapi_import.updating import UpdatePlan
from drio_tui.plan.executor import Executor
from drio_tui.plan.record import PlanSession
from drio_tui.plan.step_changes import changes_by_step
from drio_tui.text import count_of
from drio_tui.ui.base import keymap
from drio_tui.ui.base.keymap import Key
from drio_tui.ui.base.messages import undo_hint
from drio_tui.ui.base.services import get_saver
from drio_tui.ui.base.stylesheets import stylesheet
from drio_tui.ui.plan.plan_panel import PlanPanel
from drio_tui.ui.plan.plan_rows import PlanItem
from drio_tui.ui.plan.plan_stop import PlanStop
from drio_tui.ui.screen import DrioScreen
from drio_tui.ui.widgets.sanitize import sanitize, sanitize_line
from drio_tui.workspace.model.snapshot import Snapshot

if TYPE_CHECKING:
    from drio_tui.api.client import DrioClient


@dataclass(frozen=True, slots=True)
class PreparedUpdate:
    """The plan of an update, the app that it was made for, and remarks about the document."""

    snapshot: Snapshot
    plan: UpdatePlan
    problems: Sequence[str] = ()


class UpdateScreen(DrioScreen[bool]):
    """Shows an update and carries it out. Returns whether anything was changed.

    `prepare` reads the app and makes the plan, `title` says from what it is updated.
    """

    AREA = "apps"
    CSS_PATH = stylesheet("openapi_import")
    BINDINGS: ClassVar[list[BindingType]] = keymap.section(
        "update",
        "An update from an OpenAPI document",
        Key("update.apply", "ctrl+s", "apply_changes", "Update", "Make the changes, or those that are left",
            dangerous=True),
    )  # fmt: skip

    running: var[bool] = var(False, init=False)
    """Whether the changes are being made."""

    class Prepared(Message):
        """The plan was made."""

        def __init__(self, prepared: PreparedUpdate) -> None:
            super().__init__()
            self.prepared = prepared

    class Progressed(Message):
        """A step began or ended."""

    class Ended(Message):
        """The run ended: all is done, or it was stopped, or steps failed."""

    class RunFailed(Message):
        """The plan could not be made, or its run could not go on."""

        def __init__(self, error: DrioError) -> None:
            super().__init__()
            self.error = error

    def __init__(self, app_id: str, title: str, prepare: Callable[[], Awaitable[PreparedUpdate]]) -> None:
        super().__init__()
        self._app_id, self._title, self._prepare = app_id, title, prepare
        self.prepared: PreparedUpdate | None = None
        self.executor: Executor | None = None
        self._plan_session: PlanSession | None = None
        self._redraw_scheduled = False
        self._stop = PlanStop()

    def compose_body(self) -> ComposeResult:
        yield Static(sanitize_line(self._title, 200, "bold"), id="update-title")
        yield PlanPanel()
        yield Static(id="update-note")

    def on_mount(self) -> None:
        super().on_mount()
        self._show_note(Content.styled("◌ Comparing the document with the app… Esc stops", "$text-warning"))

        async def prepare(_: DrioClient) -> PreparedUpdate:
            return await self._prepare()

        self.run_request(prepare, self.Prepared, group="prepare", failed=self.RunFailed)

    def on_update_screen_prepared(self, message: Prepared) -> None:
        prepared = self.prepared = message.prepared
        plan = prepared.plan
        changes = changes_by_step(plan.steps, prepared.snapshot, plan.shown)
        items = [PlanItem(step.id, changes[step.id]) for step in plan.steps]
        self.panel.show(items, notes=[*plan.notes, *(f"▲ {problem}" for problem in prepared.problems)])
        text = "Enter shows what changes. Ctrl+S makes the changes." if items else "The app is as the document says."
        self._show_note(Content.styled(text, "$foreground-muted"))
        self.panel.plan_tree.focus()

    def on_unmount(self) -> None:
        self._end_session(forget=False)

    @property
    def panel(self) -> PlanPanel:
        """The plan view."""
        return self.query_one(PlanPanel)

    def running_task(self) -> str:
        return "Updating the app" if self.running else ""

    def disabled_reason(self, action: str, parameters: tuple[object, ...]) -> str | None:
        if action != "apply_changes":
            return None
        if self.prepared is None:
            return "The document is not compared with the app yet."
        if not self.prepared.plan.steps:
            return "There is nothing to change."
        return "The changes are being made: Esc stops after the running requests." if self.running else None

    @property
    def done(self) -> bool:
        """Whether all changes are made."""
        return self.executor is not None and self.executor.done

    def _show_note(self, text: Content) -> None:
        self.query_one("#update-note", Static).update(text)

    # -- making the changes -----------------------------------------------------------------------

    def action_apply_changes(self) -> None:
        """Make the changes that are not made yet."""
        prepared = self.prepared
        if self.running or prepared is None:
            return
        self.running = True
        self._stop.begin()

        async def run(client: DrioClient) -> UpdateScreen.Ended:
            if self.executor is None:
                self.executor = Executor(
                    get_saver(self.connection, client), self._app_id, prepared.plan.steps,
                    on_change=lambda: self.post_message(self.Progressed()),
                )  # fmt: skip
            executor = self.executor
            if self._plan_session is None:
                profile, server = self.connection.status.profile, client.transport.server_id
                self._plan_session = await asyncio.to_thread(
                    PlanSession.keep, executor, profile, server, self._title
                )  # fmt: skip
            if not self._stop.wanted:
                await executor.run()
            if executor.done:
                await asyncio.to_thread(self._end_session, forget=True)
            return self.Ended()

        self.run_request(run, lambda ended: ended, group="update", failed=self.RunFailed, once=True)

    def _end_session(self, *, forget: bool) -> None:
        if self._plan_session is not None:
            self._plan_session.close(forget=forget)
            self._plan_session = None

    def on_update_screen_progressed(self) -> None:
        if not self._redraw_scheduled:  # many may come before the next refresh
            self._redraw_scheduled = True
            self.call_after_refresh(self._show_progress)

    def _show_progress(self) -> None:
        self._redraw_scheduled = False
        if self.executor is not None:
            text = self._stop.text("updating…") if self.running else "ended"
            self.panel.show_progress(self.executor, lambda step: step.id, text, "$text-warning" if self.running else "")

    def on_update_screen_ended(self) -> None:
        self.running = False
        self._show_progress()
        executor = self.executor
        if executor is None:
            return
        if executor.done:
            done = count_of(len(executor.steps), "change")
            undo = undo_hint(self.drio.status, "z takes them back.")
            self.notify(f"{done} made. {undo}", title="Updated", markup=False)
            self.dismiss(True)
            return
        failed = executor.failed
        first = f" {failed[0].problem}" if failed else ""
        left = count_of(len(executor.steps) - executor.counts[0], "change")
        text = f"✗ {left} not made; the others are. Ctrl+S tries again.{first}"
        self._show_note(sanitize(text, "$text-error"))

    def on_update_screen_run_failed(self, message: RunFailed) -> None:
        self.running = False
        self._show_progress()
        self._show_note(sanitize(f"✗ {message.error.title}: {message.error.message}", "$text-error"))

    def watch_running(self) -> None:
        self.refresh_bindings()

    def action_back(self) -> None:
        """Stop after the running requests, then cancel them; if nothing runs, empty the filter or go back."""
        if self.running:
            if self._stop.press(self.executor) and self.cancel_requests():
                self.post_message(self.Ended())
            self._show_progress()
        elif self.cancel_requests():
            self.dismiss(False)
        elif not self.panel.clear_filter():
            self._end_session(forget=True)
            self.dismiss(self.executor is not None)
