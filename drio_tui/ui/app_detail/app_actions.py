"""What the app screen can change: the keys that lead to the screens for editing, adding, deleting and undoing."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, cast

from textual.binding import BindingType
from textual.message import Message

from drio_tui.api.errors import Forbidden, UsageError
from drio_tui.kinds import AUTH, KINDS
from drio_tui.text import count_of
from drio_tui.ui.app_detail.new_resource import kinds_to_add
from drio_tui.ui.base import keymap
from drio_tui.ui.base.keymap import Key
from drio_tui.ui.base.services import not_allowed, saver_of
from drio_tui.ui.dialogs.select_dialog import Choice, ChooserScreen
from drio_tui.ui.editing.batch_dialog import BatchDialog
from drio_tui.ui.editing.create import make_new
from drio_tui.ui.editing.delete_dialog import delete_screen
from drio_tui.ui.editing.edit_screen import EditScreen, Target
from drio_tui.ui.editing.history_screen import HistoryScreen, told
from drio_tui.ui.editing.rebind import rebind, why_not_rebound
from drio_tui.ui.widgets.sanitize import safe, safe_line
from drio_tui.workspace.model.snapshot import Resource
from drio_tui.workspace.saving.batch import can_be_switched, enable_all
from drio_tui.workspace.saving.duplicate import CopyResult, copy_body, duplicate, why_not_copied
from drio_tui.workspace.saving.save_result import Outcome, Refused, problem
from drio_tui.workspace.saving.undo import Step, undo_last

if TYPE_CHECKING:
    from drio_tui.api.client import DrioClient
    from drio_tui.ui.app_detail.app_screen import AppScreen

BINDINGS: list[BindingType] = keymap.section(
    "editing",
    "Changing an app",
    Key("editing.edit", "e", "edit_resource", "Edit", "Edit what is chosen", dangerous=True),
    Key(
        "editing.outside",
        "E",
        "edit_outside",
        "$EDITOR",
        "Edit its JSON in $VISUAL or $EDITOR",
        dangerous=True,
        show=False,
    ),
    Key("editing.add", "a", "add_resource", "Add", "Make something new here", dangerous=True),
    Key("editing.delete", "D", "delete_resources", "Delete", "Delete what is marked or chosen", dangerous=True),
    Key("editing.copy", "c", "duplicate_resource", "Duplicate", "Make a copy of it", dangerous=True, show=False),
    Key(
        "editing.switch",
        "x",
        "switch_resources",
        "Enable/disable",
        "Switch it, or all marked",
        dangerous=True,
        show=False,
    ),
    Key(
        "editing.rebind",
        "b",
        "rebind_tool",
        "Bind anew",
        "Bind the tool to its operation as that is now",
        dangerous=True,
        show=False,
    ),
    Key("editing.mark", "m", "mark", "Mark", "Mark it, to do something to many at once", dangerous=True, show=False),
    Key("editing.undo", "z", "undo_change", "Undo", "Undo the last change", dangerous=True),
    Key("editing.history", "H", "show_history", "History", "Every change made here", dangerous=True, show=False),
)


class Copied(Message):
    """A copy was tried."""

    def __init__(self, copy: CopyResult, resource: Resource) -> None:
        super().__init__()
        self.copy = copy
        self.resource = resource


class Rebound(Message):
    """Binding anew ended; without an `outcome` when it was thought better of."""

    def __init__(self, outcome: Outcome | None, name: str) -> None:
        super().__init__()
        self.outcome = outcome
        self.name = name


class Undone(Message):
    """An undo was tried."""

    def __init__(self, steps: list[Step]) -> None:
        super().__init__()
        self.steps = steps


class Editing:
    """Mixed into the app screen."""

    marked: dict[tuple[str, ...], None]
    """The resources that are marked, in the order in which they were."""
    barred: dict[tuple[str, tuple[str, ...]], str]
    """What drio has not allowed: an action and the resource that it was tried on, with a sentence that says so."""

    @property
    def _screen(self) -> AppScreen:
        return cast("AppScreen", self)

    def _resource(self) -> Resource | None:
        node = self._screen.chosen
        if node is None or node.about is None:
            return None
        resource = self._screen.snapshot.at(node.about)
        return resource if resource is not None and resource.kind in KINDS and not resource.made_up else None

    def _resources(self) -> list[Resource]:
        """What is marked, else what is chosen."""
        marked = [resource for key in self.marked if (resource := self._screen.snapshot.at(key))]
        one = self._resource()
        return marked or ([one] if one else [])

    def _meant(self, action: str) -> list[Resource]:
        """What the action would be done to."""
        if action in ("delete_resources", "switch_resources"):
            return self._resources()
        resource = self._resource()
        return [resource] if resource is not None else []

    def _bar(self, action: str, resource: Resource, outcomes: Iterable[Outcome | None]) -> None:
        """Switch the action off for a resource where all that it came to is that drio does not allow it."""
        tried = [outcome for outcome in outcomes if outcome is not None]
        errors = [one.error for one in tried if isinstance(one, Refused) and isinstance(one.error, Forbidden)]
        if errors and len(errors) == len(tried):
            self.barred[action, resource.key] = not_allowed(errors[0], "Ask the owner of the app, then press r")
            self._screen.refresh_bindings()

    def why_not_changed(self, action: str) -> str | None:
        """Why one of these actions cannot be done now, None when it can (or it is none of these)."""
        if self.barred:
            refused = [self.barred.get((action, resource.key), "") for resource in self._meant(action)]
            if refused and all(refused):
                return refused[0]
        match action:
            case "edit_resource" | "edit_outside" | "mark" if self._resource() is None:
                return self._why_not_edited()
            case "duplicate_resource":
                resource = self._resource()
                return "There is nothing to copy here." if resource is None else why_not_copied(KINDS[resource.kind])
            case "delete_resources":
                resources = self._resources()
                if not resources or not all(KINDS[resource.kind].deletable for resource in resources):
                    return "drio has no way to delete this."
            case "rebind_tool":
                return why_not_rebound(self._resource(), self._screen.snapshot)
            case "switch_resources":
                resources = self._resources()
                if not resources or not all(can_be_switched(KINDS[resource.kind]) for resource in resources):
                    return "Only tools and apps can be enabled and disabled."
        return None

    def _why_not_edited(self) -> str:
        node = self._screen.chosen
        kind = kinds_to_add(node)[0].value[0] if node is not None and node.kind == "group" else ""
        if kind:
            title = KINDS[kind].title.lower()
            article = "an" if title[0] in "aeiou" else "a"
            return f"A heading is not edited: press a to add {article} {title}, or choose one."
        return "Choose a resource of the app to edit it."

    def what_can_be_done(self) -> frozenset[str]:
        """Those of these actions that can be done with what is marked or chosen."""
        names = ("edit_resource", "mark", "duplicate_resource", "delete_resources", "switch_resources")
        return frozenset(name for name in names if self.why_not_changed(name) is None)

    # -- editing and adding -----------------------------------------------------------------------

    def action_edit_resource(self) -> None:
        self._edit(outside=False)

    def action_edit_outside(self) -> None:
        self._edit(outside=True)

    def _edit(self, *, outside: bool) -> None:
        resource = self._resource()
        if resource is not None:
            # A connection that waits for its secret begins there.
            waits = (
                resource.kind == AUTH.name and resource.text("status") == "pending" and not resource.get("secretRef")
            )
            member = "config" if waits else ""
            self.open_edit(Target(self._screen.app_id, resource.kind, resource.id, outside=outside, member=member))

    def open_edit(self, target: Target) -> None:
        """Show the edit screen; what was saved is read anew and the cursor put on what is new."""
        self._screen.app.push_screen(EditScreen(target, self._screen.snapshot), lambda id: self._edited(target, id))

    def _edited(self, target: Target, id: str | None) -> None:
        if id:
            if not target.id:
                self._screen.go_to_when_read = (target.kind, id)
            self._screen.action_refresh()

    def action_add_resource(self) -> None:
        choices = kinds_to_add(self._screen.chosen)
        self._screen.app.push_screen(ChooserScreen("Make a new", choices), self._kind_chosen)

    def _kind_chosen(self, choice: Choice[Any] | None) -> None:
        if choice is None:
            return
        kind, parent = choice.value
        screen = self._screen

        async def make() -> None:
            made = await make_new(screen.drio, Target(screen.app_id, kind, parent=parent), screen.snapshot)
            if made is not None:
                screen.go_to_when_read = made.key
                screen.action_refresh()

        screen.run_worker(make(), name="new", group="new", exclusive=True)

    def action_duplicate_resource(self) -> None:
        resource = self._resource()
        screen = self._screen
        if resource is None or not isinstance(resource.raw, dict):
            return
        kind, raw = KINDS[resource.kind], resource.raw
        siblings = [one.raw for one in screen.snapshot.resources(resource.kind) if isinstance(one.raw, dict)]
        if kind.name in ("widget", "auth"):
            # A tool has one widget, and secrets are not copied: the person says what is missing.
            body = copy_body(kind, raw, siblings)
            body.pop("secretRef", None)  # it is the other connection's, and a server refuses it
            # It begins where something is missing: the secret, the tool.
            member = "config" if kind.name == "auth" else "toolId"
            self.open_edit(Target(screen.app_id, kind.name, mine=body, member=member))
            return

        async def copy(client: DrioClient) -> Message:
            return Copied(await duplicate(saver_of(screen.backend, client), kind, screen.app_id, raw), resource)

        screen.run_request(copy, lambda message: message, group="change", once=True)

    def on_copied(self, message: Copied) -> None:
        copy = message.copy
        self._bar("duplicate_resource", message.resource, [copy.outcome])
        text = problem(copy.outcome) or "\n".join(["Copied.", *copy.left_out])
        severity = "information" if copy.ok else "warning"
        title = safe_line(message.resource.name, 80).plain
        self._screen.notify(safe(text, multiline=True).plain, title=title, severity=severity, markup=False)  # type: ignore[arg-type] # one of the two words
        raw = getattr(copy.outcome, "raw", None)
        if isinstance(raw, dict):
            self._screen.go_to_when_read = (message.resource.kind, str(raw.get("id")))
        self._screen.action_refresh()

    def action_rebind_tool(self) -> None:
        resource, screen = self._resource(), self._screen
        if resource is None:
            return

        async def bind(client: DrioClient) -> Message:
            return Rebound(await rebind(screen.drio, client, screen.app_id, resource), resource.name)

        screen.run_request(bind, lambda message: message, group="change", once=True)

    def on_rebound(self, message: Rebound) -> None:
        if message.outcome is None:
            return
        wrong = problem(message.outcome)
        title = safe_line(message.name, 80).plain
        text = safe(wrong or "Bound anew.").plain
        self._screen.notify(text, title=title, severity="warning" if wrong else "information", markup=False)
        self._screen.action_refresh()

    # -- many at once -----------------------------------------------------------------------------

    def action_mark(self) -> None:
        resource = self._resource()
        if resource is None:
            return
        if resource.key in self.marked:
            del self.marked[resource.key]
        else:
            self.marked[resource.key] = None
        self._screen.say_marked()

    def action_delete_resources(self) -> None:
        resources = self._resources()
        try:
            screen = delete_screen(self._screen.snapshot, [resource.key for resource in resources])
        except UsageError as error:
            self._screen.drio.show_error(error)
            return
        self._ask(screen, "delete_resources")

    def action_switch_resources(self) -> None:
        resources = self._resources()
        on = not all(resource.get("isEnabled") is not False for resource in resources)
        word = "Enable" if on else "Disable"
        app = self._screen.app_id
        steps = [f"{word} {resource.name}" for resource in resources]
        title = (
            f"{word} {resources[0].name}?" if len(resources) == 1 else f"{word} {count_of(len(resources), 'resource')}?"
        )
        screen = BatchDialog(
            title, "", steps, lambda saver: enable_all(saver, app, resources, on), agree=word, danger=False
        )
        self._ask(screen, "switch_resources")

    def _ask(self, screen: BatchDialog, action: str) -> None:
        resources = self._meant(action)

        def ended(anything: bool | None) -> None:
            results = screen.work.results if screen.work is not None else []
            if len(resources) == 1:  # what has to be done first counts as well
                self._bar(action, resources[0], [result.outcome for result in results if result])
            elif action == "switch_resources":  # one task for each
                for resource, result in zip(resources, results, strict=False):
                    self._bar(action, resource, [result.outcome] if result else [])
            self._batch_ended(anything)

        self._screen.app.push_screen(screen, ended)

    def _batch_ended(self, anything: bool | None) -> None:
        if anything:
            self.marked.clear()
            self._screen.say_marked()
            self._screen.action_refresh()

    # -- taking back ------------------------------------------------------------------------------

    def action_undo_change(self) -> None:
        screen = self._screen

        async def take_back(client: DrioClient) -> Message:
            return Undone(await undo_last(saver_of(screen.backend, client), screen.app_id))

        screen.run_request(take_back, lambda message: message, group="change", once=True)

    def on_undone(self, message: Undone) -> None:
        text, fine = told(message.steps)
        severity = "information" if fine else "warning"
        self._screen.notify(safe(text, multiline=True).plain, severity=severity, markup=False)  # type: ignore[arg-type] # one of the two words
        if message.steps:
            self._screen.action_refresh()

    def stop_changing(self) -> bool:
        """Stop waiting for a change under way, which then tells what came of it; whether there was one."""
        screen = self._screen
        client = screen.backend.client
        return client is not None and screen.asking("change") and saver_of(screen.backend, client).stop(screen.app_id)

    def action_show_history(self) -> None:
        self._screen.app.push_screen(HistoryScreen(self._screen.app_id), self._batch_ended)
