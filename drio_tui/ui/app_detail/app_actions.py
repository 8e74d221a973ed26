"""The actions of the app screen that change the app: editing, adding, duplicating, deleting, undoing and so on."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import TYPE_CHECKING, Any

from textual.message import Message

from drio_tui.api.errors import Forbidden, UsageError
from drio_tui.kinds import AUTH, KINDS
from drio_tui.plan.bulk import enable_all
from drio_tui.plan.duplicate import CopyResult, copy_body, duplicate
from drio_tui.plan.executor import Executor
from drio_tui.plan.undo import UndoStep, undo_last
from drio_tui.text import count_of
from drio_tui.ui.app_detail.bulk_actions import BulkActions
from drio_tui.ui.app_detail.selection import AppView, Selection, kinds_to_add
from drio_tui.ui.base.services import forbidden_reason, get_saver
from drio_tui.ui.base.workers import start_worker
from drio_tui.ui.dialogs.select_dialog import Choice, SelectDialog
from drio_tui.ui.editing.batch_dialog import BatchDialog
from drio_tui.ui.editing.create import create_resource
from drio_tui.ui.editing.delete_dialog import delete_dialog
from drio_tui.ui.editing.edit_screen import EditScreen
from drio_tui.ui.editing.edit_target import EditTarget
from drio_tui.ui.editing.history_dialog import HistoryDialog, undo_report
from drio_tui.ui.editing.rebind import rebind
from drio_tui.ui.widgets.sanitize import sanitize, sanitize_line
from drio_tui.workspace.model.snapshot import Resource
from drio_tui.workspace.saving.save_result import Outcome, Refused, Saved, problem

if TYPE_CHECKING:
    from drio_tui.api.client import DrioClient


class CopyFinished(Message):
    """Copying a resource finished, successfully or not."""

    def __init__(self, copy: CopyResult, resource: Resource) -> None:
        super().__init__()
        self.copy = copy
        self.resource = resource


class RebindFinished(Message):
    """A rebind finished; `outcome` is None if the user cancelled."""

    def __init__(self, outcome: Outcome | None, name: str) -> None:
        super().__init__()
        self.outcome = outcome
        self.name = name


class UndoFinished(Message):
    """An undo finished."""

    def __init__(self, steps: list[UndoStep]) -> None:
        super().__init__()
        self.steps = steps


class ChangeEnded(Message):
    """A copy, a rebind or an undo ended, or was cancelled."""


class AppActions:
    """Carries out the actions of an app screen that change the app, on what is selected in it."""

    def __init__(self, screen: AppView, selection: Selection) -> None:
        self._screen = screen
        self._selection = selection
        self.bulk = BulkActions(screen, self._batch_ended)

    def _disable_if_forbidden(self, action: str, resource: Resource, outcomes: Iterable[Outcome | None]) -> None:
        """Disable an action for a resource if drio refused every attempt with 403."""
        attempted = [outcome for outcome in outcomes if outcome is not None]
        errors = [
            outcome.error
            for outcome in attempted
            if isinstance(outcome, Refused) and isinstance(outcome.error, Forbidden)
        ]
        if errors and len(errors) == len(attempted):
            self._selection.forbidden[action, resource.key] = forbidden_reason(
                errors[0], "Ask the owner of the app, then press r"
            )

    # -- editing and adding -----------------------------------------------------------------------

    def edit_resource(self) -> None:
        """Edit the marked resources together, else the selected one."""
        resources = self._selection.selected_resources()
        if len(resources) > 1:
            self.bulk.edit(resources)
        elif resources:
            self._edit(resources[0])

    def edit_outside(self) -> None:
        self._edit(self._selection.selected_resource(), in_external_editor=True)

    def change_several(self) -> None:
        marked = self._selection.selected_resources() if self._selection.marked else []
        self.bulk.open_menu(marked, self._selection.selected_resource())

    def _edit(self, resource: Resource | None, *, in_external_editor: bool = False) -> None:
        if resource is not None:
            # For a connection that waits for its secret, the secret is focused first.
            waits = (
                resource.kind == AUTH.name and resource.text("status") == "pending" and not resource.get("secretRef")
            )
            member = "config" if waits else ""
            self.open_edit(
                EditTarget(
                    self._screen.app_id,
                    resource.kind,
                    resource.id,
                    in_external_editor=in_external_editor,
                    focus_path=member,
                )
            )

    def open_edit(self, target: EditTarget) -> None:
        """Open the edit screen. After a save its result is shown, and the cursor moves to a new resource."""
        screen = EditScreen(target, self._screen.snapshot)
        self._screen.drio.push_screen(screen, lambda id: self._edited(target, id, screen.outcome))

    def _edited(self, target: EditTarget, id: str | None, outcome: Saved | None) -> None:
        if not id:
            return
        if target.id and outcome is not None:
            self._screen.show_saved(KINDS[target.kind], outcome)
            return
        if not target.id:
            self._screen.reveal_when_loaded = (target.kind, id)
        self._screen.action_refresh()

    def add_resource(self) -> None:
        choices = [
            Choice((kind, parent), f"{KINDS[kind].symbol} {KINDS[kind].title}")
            for kind, parent in kinds_to_add(self._screen.selected_node)
        ]
        self._screen.drio.push_screen(SelectDialog("Make a new", choices), self._kind_chosen)

    def _kind_chosen(self, choice: Choice[Any] | None) -> None:
        if choice is None:
            return
        kind, parent = choice.value
        screen = self._screen

        async def make() -> None:
            created = await create_resource(
                screen.drio, EditTarget(screen.app_id, kind, parent=parent), screen.snapshot
            )
            if created is not None:
                screen.reveal_when_loaded = created.key
                screen.action_refresh()

        start_worker(screen, make, group="new", exclusive=True)

    def duplicate_resource(self) -> None:
        resource = self._selection.selected_resource()
        screen = self._screen
        if resource is None or not isinstance(resource.raw, dict):
            return
        kind, raw = KINDS[resource.kind], resource.raw
        siblings = [
            sibling.raw for sibling in screen.snapshot.resources(resource.kind) if isinstance(sibling.raw, dict)
        ]
        if kind.name in ("widget", "auth"):
            # A tool has only one widget, and secrets are not copied: the user fills in what is missing.
            body = copy_body(kind, raw, siblings)
            body.pop("secretRef", None)  # it belongs to the original connection, and the server rejects it
            # The missing value is focused first: the secret, or the tool.
            member = "config" if kind.name == "auth" else "toolId"
            self.open_edit(EditTarget(screen.app_id, kind.name, local=body, focus_path=member))
            return

        async def copy(client: DrioClient) -> Message:
            return CopyFinished(
                await duplicate(get_saver(screen.connection, client), kind, screen.app_id, raw), resource
            )

        self._start_change(copy, "copying")

    def _start_change(self, call: Callable[[DrioClient], Awaitable[Message]], doing: str) -> None:
        """Make a change that `call` carries out, whose message ends it; `doing` is shown meanwhile."""
        screen = self._screen

        async def change(client: DrioClient) -> Message:
            try:
                with get_saver(screen.connection, client).stoppable(screen.app_id):
                    return await call(client)
            finally:
                screen.post_message(ChangeEnded())

        if screen.run_request(change, lambda message: message, group="change", once=True) is not None:
            screen.changing = doing

    def copy_finished(self, message: CopyFinished) -> None:
        copy = message.copy
        self._disable_if_forbidden("duplicate_resource", message.resource, [copy.outcome])
        text = problem(copy.outcome) or "\n".join(["Copied.", *copy.left_out])
        severity = "information" if copy.ok else "warning"
        title = sanitize_line(message.resource.name, 80).plain
        self._screen.drio.notify(sanitize(text, multiline=True).plain, title=title, severity=severity, markup=False)
        raw = getattr(copy.outcome, "raw", None)
        if isinstance(raw, dict):
            self._screen.reveal_when_loaded = (message.resource.kind, str(raw.get("id")))
        self._screen.action_refresh()

    def rebind_tool(self) -> None:
        resource, screen = self._selection.selected_resource(), self._screen
        if resource is None:
            return

        async def bind(client: DrioClient) -> Message:
            return RebindFinished(await rebind(screen.drio, client, screen.app_id, resource), resource.name)

        self._start_change(bind, "rebinding")

    def rebind_finished(self, message: RebindFinished) -> None:
        if message.outcome is None:
            return
        error_text = problem(message.outcome)
        title = sanitize_line(message.name, 80).plain
        text = sanitize(error_text or "Rebound.").plain
        self._screen.drio.notify(text, title=title, severity="warning" if error_text else "information", markup=False)
        self._screen.action_refresh()

    # -- batches ----------------------------------------------------------------------------------

    def delete_resources(self) -> None:
        resources = self._selection.selected_resources()
        try:
            keys = [resource.key for resource in resources]
            screen = delete_dialog(self._screen.snapshot, keys, self._screen.drio.status)
        except UsageError as error:
            self._screen.drio.show_error(error)
            return
        self._confirm_batch(screen, "delete_resources")

    def switch_resources(self) -> None:
        resources = self._selection.selected_resources()
        on = not all(resource.get("isEnabled") is not False for resource in resources)
        word = "Enable" if on else "Disable"
        app = self._screen.app_id
        steps = enable_all(resources, on)
        title = (
            f"{word} {resources[0].name}?" if len(resources) == 1 else f"{word} {count_of(len(resources), 'resource')}?"
        )
        screen = BatchDialog(
            title,
            "",
            steps,
            lambda saver: Executor(saver, app, steps),
            agree=word,
            danger=False,
        )
        self._confirm_batch(screen, "switch_resources")

    def _confirm_batch(self, screen: BatchDialog, action: str) -> None:
        resources = self._selection.affected_resources(action)

        def dialog_closed(changed: bool | None) -> None:
            results = screen.work.results if screen.work is not None else []
            if len(resources) == 1:  # tasks that prepare this one count too
                self._disable_if_forbidden(action, resources[0], [result.outcome for result in results if result])
            elif action == "switch_resources":  # one task per resource
                for resource, result in zip(resources, results, strict=False):
                    self._disable_if_forbidden(action, resource, [result.outcome] if result else [])
            outcomes = [result.outcome for result in results if result]
            if action == "switch_resources" and len(outcomes) == 1 and isinstance(outcomes[0], Saved):
                self._selection.unmark_all()
                self._screen.show_saved(KINDS[resources[0].kind], outcomes[0])
            else:
                self._batch_ended(changed)

        self._screen.drio.push_screen(screen, dialog_closed)

    def _batch_ended(self, changed: bool | None) -> None:
        if changed:
            self._selection.unmark_all()
            self._screen.action_refresh()

    # -- undoing ----------------------------------------------------------------------------------

    def undo_change(self) -> None:
        screen = self._screen

        async def undo(client: DrioClient) -> Message:
            return UndoFinished(await undo_last(get_saver(screen.connection, client), screen.app_id))

        self._start_change(undo, "undoing")

    def undo_finished(self, message: UndoFinished) -> None:
        text, all_undone = undo_report(message.steps)
        severity = "information" if all_undone else "warning"
        self._screen.drio.notify(sanitize(text, multiline=True).plain, severity=severity, markup=False)
        if message.steps:
            self._screen.action_refresh()

    def stop_change(self) -> bool:
        """Stop the request of a running change, which then reports its outcome; return whether there was a change."""
        screen = self._screen
        client = screen.connection.client
        if client is None or not screen.has_request("change"):
            return False
        get_saver(screen.connection, client).stop(screen.app_id)
        return True

    def show_history(self) -> None:
        self._screen.drio.push_screen(HistoryDialog(self._screen.app_id), self._batch_ended)
