"""The dialog that changes many resources alike: a form, and below it what it would change, as it is typed."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Set
from typing import TYPE_CHECKING, Any, ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.message import Message
from textual.timer import Timer
from textual.widgets import Button, Static

from drio_tui.api.errors import DrioError
from drio_tui.api.json_values import same_json
from drio_tui.plan.bulk import BulkPlan
from drio_tui.plan.changes import ResourceChange
from drio_tui.plan.executor import Executor
from drio_tui.plan.steps import Step
from drio_tui.text import count_of, one_line
from drio_tui.ui.base import keymap
from drio_tui.ui.base.keymap import Key
from drio_tui.ui.base.workers import start_worker
from drio_tui.ui.editing.batch_dialog import BatchDialog
from drio_tui.ui.editing.bulk_forms import BulkForm
from drio_tui.ui.forms.keeps_edit import BULK, KeepsEdit, assign_edit, is_edited
from drio_tui.ui.forms.schema_form import SchemaForm
from drio_tui.ui.plan.plan_panel import PlanPanel
from drio_tui.ui.plan.plan_rows import PlanItem
from drio_tui.ui.plan.plan_tree import PlanTree
from drio_tui.ui.widgets.sanitize import sanitize
from drio_tui.workspace.model.loader import read_app
from drio_tui.workspace.model.snapshot import Snapshot
from drio_tui.workspace.saving.saver import Saver
from drio_tui.workspace.saving.unsaved_edits import UnsavedEdit

if TYPE_CHECKING:
    from drio_tui.api.client import DrioClient

_PLAN_AFTER = 0.15
"""Seconds without typing after which the plan is made again."""
_WIDE = 110
"""The width from which the form is beside the plan."""
_MOST_OPENED = 15
"""The most resources whose changes are shown opened at once."""


class BulkDialog(BatchDialog, KeepsEdit[bool]):
    """Shows a form and the plan that its values make, and carries out what is included of it; see `BatchDialog`.

    Without fields, only the plan is shown. The plan is made in a thread, of `snapshot`, which nobody changes. `edit` is
    the kept edit to go on with; what is typed is kept until the plan is, which then goes on instead.
    """

    BINDINGS: ClassVar[list[BindingType]] = keymap.section(
        "bulk",
        "Changing several resources",
        Key("bulk.plan", "f5", "switch_pane", "Form/plan", "Between the form and the changes"),
    )

    class Planned(Message):
        """The plan of the values with this number was made."""

        def __init__(self, number: int, plan: BulkPlan, changes: dict[str, ResourceChange]) -> None:
            super().__init__()
            self.number = number
            self.plan = plan
            self.changes = changes

    class ReadAgain(Message):
        """The app was read again, or not for the reason `error`."""

        def __init__(self, snapshot: Snapshot | None, error: DrioError | None = None) -> None:
            super().__init__()
            self.snapshot = snapshot
            self.error = error

    def __init__(self, form: BulkForm, snapshot: Snapshot, edit: UnsavedEdit | None = None) -> None:
        super().__init__(form.title, form.about, [], self._executor, agree=form.agree, danger=False)
        self.bulk_form, self._snapshot = form, snapshot
        self._plan = BulkPlan()
        self._plan_number = self._shown_number = 0
        self._timer: Timer | None = None
        self._values: dict[str, Any] = {}
        self._left_out: set[str] = set()
        self._goes_when_planned = False
        self._only: Set[str] | None = None
        self._undo_group = ""
        if edit is not None and form.model is not None:
            self.kept_edit_id = edit.id
            self._left_out |= {str(key) for key in edit.local["leftOut"]}
            assign_edit(form.model, edit, _typed_values(edit, form.model.value()))

    def compose_plan(self) -> ComposeResult:
        if self._body:
            yield Static(sanitize(self._body, multiline=True), id="body")
        with Vertical(id="bulk"):
            if self.bulk_form.model is not None:
                yield SchemaForm(self.bulk_form.model, references=self.bulk_form.references, json_view=False)
            yield PlanPanel(choosable=True)

    def on_resize(self, event: events.Resize) -> None:
        self.set_class(event.size.width >= _WIDE, "-wide")

    def on_mount(self) -> None:
        self.query_one(
            ".editing-box"
        ).border_subtitle = f"Ctrl+S {self.bulk_form.agree.lower()}s · F5 page · Space leaves one out · Esc leaves"
        if self.form is not None:
            self.form.focus_soon()
        self._make_plan_now()

    def show_steps(self) -> None:
        """Show the plan as soon as it is made."""

    @property
    def form(self) -> SchemaForm | None:
        """The form, None if there is nothing to fill in."""
        return next(iter(self.query(SchemaForm)), None)

    @property
    def is_planning(self) -> bool:
        """Whether the plan that is shown is not that of the form's values yet."""
        return self._timer is not None or self._shown_number != self._plan_number

    def key_of(self, step: Step) -> str:
        return self._plan.group_of(step)

    # -- the plan ---------------------------------------------------------------------------------

    @on(SchemaForm.Changed)
    def _values_changed(self, event: SchemaForm.Changed) -> None:
        event.stop()
        self.schedule_keep()
        self._goes_when_planned = False
        if not self.is_planning and self._form_values() == self._values:
            return
        self._show_can_go(False)
        if self._timer is not None:
            self._timer.stop()
        self._timer = self.set_timer(_PLAN_AFTER, self._make_plan_now)

    def _form_values(self) -> dict[str, Any]:
        return self.bulk_form.model.to_patch() if self.bulk_form.model is not None else {}

    def _make_plan_now(self) -> None:
        """Make the plan of the form's values, off the event loop; one that is still being made is not shown."""
        self._timer = None
        self._plan_number += 1
        number, snapshot = self._plan_number, self._snapshot
        values = self._values = self._form_values()

        def make() -> tuple[BulkPlan, dict[str, ResourceChange]]:
            plan = self.bulk_form.plan(values, snapshot)
            return plan, plan.changes(snapshot)

        async def work() -> None:
            self.post_message(self.Planned(number, *await asyncio.to_thread(make)))

        start_worker(self, work, group="plan", exclusive=True)

    def on_bulk_dialog_planned(self, message: Planned) -> None:
        if message.number != self._plan_number or self._is_begun:
            return
        self._shown_number, self._plan = message.number, message.plan
        panel = self.query_one(PlanPanel)
        only = self._only
        items = [PlanItem(key, change) for key, change in message.changes.items() if only is None or key in only]
        panel.plan_tree.opened |= {item.key for item in items[:_MOST_OPENED]}
        included = [item.key for item in items if item.key not in self._left_out]
        panel.show(items, problems=message.plan.problems, notes=message.plan.notes, included=included)
        self._show_can_go(bool(included) and not message.plan.problems)
        if self.form is None:
            self.focus_default()
        if self._goes_when_planned:
            self._goes_when_planned = False
            self.go()

    def _show_can_go(self, can_go: bool) -> None:
        self.query_one("#go", Button).disabled = not can_go

    @on(PlanTree.ChoiceChanged)
    def _choice_changed(self, event: PlanTree.ChoiceChanged) -> None:
        tree = self.query_one(PlanTree)
        self._left_out |= {item.key for item in tree.items if item.key not in tree.included}
        self._left_out -= tree.included
        if not self.is_planning and not self._is_begun:
            self._show_can_go(bool(tree.included) and not self._plan.problems)
            self.schedule_keep()

    # -- keeping what is typed --------------------------------------------------------------------

    def unsaved_input(self) -> str:
        is_typed = self.form is not None and not self._is_begun and is_edited(self.form)
        return f"what you typed in “{one_line(self.bulk_form.title, 60)}”" if is_typed else ""

    def action_close(self) -> None:
        if self.unsaved_input() and not self._batch_running:
            self.action_leave()
        else:
            super().action_close()

    def unsaved_edit(self, why: str, *, looking: bool = False) -> UnsavedEdit | None:
        form = self.form
        if form is None or (self._plan_session is not None) or not is_edited(form):
            return None
        values, app = form.model.value(secrets=False), self._snapshot.app_id
        local = {**self.bulk_form.origin, "values": values, "leftOut": sorted(self._left_out)}
        return self.edit_of_form(form, BULK, self.bulk_form.title, why, app=app, base=form.model.base, local=local)

    def on_batch_dialog_progress(self, message: BatchDialog.Progress) -> None:
        """Once a step has a result, what the plan's file has of it goes on after a kill, instead of the form."""
        if self._plan_session is not None:
            self.discard_kept_edit()

    # -- carrying it out --------------------------------------------------------------------------

    @on(SchemaForm.Submitted)
    def _submitted(self, event: SchemaForm.Submitted) -> None:
        event.stop()
        self.go()

    def action_confirm(self) -> None:
        if self.is_planning:
            self.go()
        else:
            super().action_confirm()

    def go(self) -> None:
        """Carry out what is included of the plan; what is not done of it, the second time.

        While the plan is made of what was typed just before, it is carried out as soon as it is made.
        """
        if self.is_planning and not self._is_begun:
            self._goes_when_planned = True
            if self._timer is not None:
                self._timer.stop()
                self._make_plan_now()
            return
        if self.query_one("#go", Button).disabled:
            return
        form = self.form
        if self._is_begun and self._can_plan_again:
            self._read_again()
            return
        if not self._is_begun:
            if form is not None and not form.validate():
                return
            included = self.query_one(PlanTree).included
            self._steps = [step for step in self._plan.steps if self._plan.group_of(step) in included]
            shown = [item for item in self.query_one(PlanTree).items if item.key in included]
            self.query_one(PlanPanel).show(shown)
            self._title = f"{self.bulk_form.agree} {count_of(len(shown), 'resource')}"
            if form is not None:
                form.disabled = True
            self.query_one(PlanTree).focus()
        super().go()

    def _executor(self, saver: Saver) -> Executor:
        return Executor(saver, self._snapshot.app_id, self._steps, group=self._undo_group)

    # -- after a failure --------------------------------------------------------------------------

    @property
    def _can_plan_again(self) -> bool:
        """Whether a new plan of what failed can take the place of this one: its steps do not depend on each other."""
        return not self._plan.groups and all(step.verb == "update" for step in self._steps)

    def retry_label(self, *, untried: bool) -> str:
        return "Plan the rest again" if self._can_plan_again else super().retry_label(untried=untried)

    def _read_again(self) -> None:
        """Read the app for a new plan: what conflicts with the changes of others would only fail again."""
        self._show_can_go(False)
        app = self._snapshot.app_id

        async def read(client: DrioClient) -> BulkDialog.ReadAgain:
            return self.ReadAgain(await read_app(client, app))

        self.run_request(
            read, lambda message: message, group="batch", failed=lambda error: self.ReadAgain(None, error), once=True
        )

    def on_bulk_dialog_read_again(self, message: ReadAgain) -> None:
        """Plan what was not done again, from how it is now; the user then decides about that plan."""
        work = self.work
        if message.error is not None:
            self.drio.show_error(message.error)
            self._show_can_go(True)
        elif message.snapshot is not None and work is not None:
            self._only = {self.key_of(step) for step in self._steps if work.state(step).state != "done"}
            self._undo_group, self._snapshot, self.work = work.group, message.snapshot, None
            self._end_session(forget=True)
            button = self.query_one("#go", Button)
            button.label = self.bulk_form.agree
            button.refresh(layout=True)
            self.query_one("#about").display = False
            self._make_plan_now()

    def action_switch_pane(self) -> None:
        """Move the focus between the form and the plan."""
        form, tree = self.form, self.query_one(PlanTree)
        if form is None or (self.focused is not None and form in self.focused.ancestors):
            tree.focus()
        else:
            form.focus_first()


def _typed_values(edit: UnsavedEdit, current: Mapping[str, Any]) -> dict[str, Any]:
    """Return the `current` values of the form with those that were typed in a kept edit, also if others changed any."""
    base, typed = edit.base or {}, edit.local["values"]
    changed = {name: value for name, value in typed.items() if name not in base or not same_json(base[name], value)}
    return {name: value for name, value in current.items() if name in typed or name not in base} | changed
