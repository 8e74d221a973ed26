"""Carries out the plan of a draft: creates the app, reads what its template brought, and changes and completes it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from drio_tui.api.errors import DrioError
from drio_tui.kinds import APP
from drio_tui.plan.executor import Executor
from drio_tui.plan.state import PlanState
from drio_tui.plan.steps import Step
from drio_tui.wizard.draft import Draft, Object
from drio_tui.wizard.plan import plan
from drio_tui.wizard.template_parts import parts, template_resources
from drio_tui.workspace.model.loader import read_app
from drio_tui.workspace.model.snapshot import Snapshot
from drio_tui.workspace.saving.save_result import Failed, Outcome, Saved
from drio_tui.workspace.saving.saver import Saver


class DraftExecutor(Executor):
    """Carries out the plan of a draft, whose state is in the draft. `save_draft` writes the draft.

    Each process reads the app once, before anything but the app itself is created or changed.
    """

    def __init__(
        self,
        saver: Saver,
        draft: Draft,
        save_draft: Callable[[], Awaitable[None]],
        on_change: Callable[[], object] = lambda: None,
        *,
        pause: float = 1.5,
    ) -> None:
        super().__init__(
            saver, draft.app, (), PlanState(draft.steps, draft.known), save=save_draft, on_change=on_change,
            group=draft.group, pause=pause,
        )  # fmt: skip
        self.draft = draft
        self.app_snapshot: Snapshot | None = None
        self.replan()

    def replan(self) -> None:
        """Derive the plan again after the answers were edited or the app was read."""
        ids = {part.ref: part.id for part in parts(self.draft)}
        self.replace_steps(plan(self.draft, self.app_snapshot, self._read_app), ids)

    async def _read_app(self) -> Outcome:
        try:
            snapshot = await read_app(self.saver.client, self.draft.app)
        except DrioError as error:
            return Failed(error)
        if self.draft.brought is None:
            self.draft.brought = template_resources(self.draft, snapshot)
        self.app_snapshot = snapshot
        self.replan()
        return Saved({})

    def _will_create(self, step: Step, body: Object) -> None:
        if step.kind == APP.name:
            self.draft.sent = body

    def _has_created(self, step: Step) -> None:
        if step.kind == APP.name:
            self.draft.app = self.app
