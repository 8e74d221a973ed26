"""Changing several resources of an app at once: what can be done with the marked ones, or with all of the app."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from textual.message import Message

from drio_tui.kinds import APP, KINDS, OPERATION, TOOL
from drio_tui.plan.bulk import can_be_changed
from drio_tui.plan.moving import integration_of
from drio_tui.ui.app_detail.selection import count_by_kind
from drio_tui.ui.base.services import DOCUMENT_SECONDS, get_openapi_document
from drio_tui.ui.dialogs.select_dialog import Choice, SelectDialog
from drio_tui.ui.editing.bulk_dialog import BulkDialog
from drio_tui.ui.editing.bulk_forms import BulkForm, edit_form, move_form, rename_form, replace_form
from drio_tui.ui.editing.editors import editor_properties
from drio_tui.workspace.model.snapshot import Resource

if TYPE_CHECKING:
    from drio_tui.api.client import DrioClient
    from drio_tui.ui.app_detail.selection import AppView
    from drio_tui.workspace.saving.unsaved_edits import UnsavedEdit


_WHOLE_APP = "the whole app"


class EditFormReady(Message):
    """The form that edits several resources can be shown; `document` is the server's OpenAPI document, or None.

    `edit` is the kept edit to go on with.
    """

    def __init__(
        self, resources: Sequence[Resource], only: Sequence[str], document: Any, edit: UnsavedEdit | None = None
    ) -> None:
        super().__init__()
        self.edit = edit
        self.resources = resources
        self.only = only
        self.document = document


class BulkActions:
    """Offers and carries out the changes of several resources. `ended` is called once a dialog was closed."""

    def __init__(self, screen: AppView, ended: Callable[[bool | None], None]) -> None:
        self._screen, self._ended = screen, ended

    def open_menu(self, marked: Sequence[Resource], selected: Resource | None) -> None:
        """Let the user choose what to do with the marked resources, or without any with those of the app."""
        snapshot = self._screen.snapshot
        marked = [resource for resource in marked if can_be_changed(resource)]
        if marked:
            scope = count_by_kind(marked)
            of_one_kind = len({resource.kind for resource in marked}) == 1
        else:
            scope, of_one_kind = _WHOLE_APP, False
        texts = marked or [resource for resource in snapshot if can_be_changed(resource)]
        alike = marked if of_one_kind else self._alike(selected) if not marked else []
        tools = [one for one in (marked or snapshot.resources(TOOL.name)) if one.kind == TOOL.name]
        operations = self._operations(marked, selected)
        choices: list[Choice[Callable[[], None]]] = [
            Choice(lambda: self._open(replace_form(texts, scope)), "Find and replace text…", scope)
        ]
        if of_one_kind:
            choices.insert(0, Choice(lambda: self.edit(marked), "Edit properties…", scope))
        if alike and alike[0].kind != APP.name:
            what = count_by_kind(alike)
            choices.append(Choice(lambda: self._open(rename_form(alike, what)), "Rename by a pattern…", what))
        if tools:
            choices.append(Choice(lambda: self.edit(tools, ("annotations",)), "Set annotations…", count_by_kind(tools)))
        if operations and self._targets(operations):
            choices.append(
                Choice(lambda: self._choose_target(operations), "Move to an integration…", count_by_kind(operations))
            )
        self._screen.drio.push_screen(SelectDialog("Change several", choices), _chosen)

    def _alike(self, selected: Resource | None) -> list[Resource]:
        """Return all resources of the kind of the selected one, else all tools."""
        kind = selected.kind if selected is not None and selected.kind in KINDS else TOOL.name
        return [one for one in self._screen.snapshot.resources(kind) if can_be_changed(one)]

    def _operations(self, marked: Sequence[Resource], selected: Resource | None) -> list[Resource]:
        """Return the operations to move: the marked ones, else the selected one or those of its integration."""
        if marked:
            return [one for one in marked if one.kind == OPERATION.name]
        if selected is None:
            return []
        operations = [one for one in self._screen.snapshot.resources(OPERATION.name) if can_be_changed(one)]
        return [one for one in operations if selected.id in (one.id, integration_of(one))]

    def _targets(self, operations: Sequence[Resource]) -> list[Resource]:
        """Return the integrations to which any of the operations can be moved."""
        return [
            integration
            for integration in self._screen.snapshot.resources("integration")
            if not integration.made_up and any(integration_of(one) != integration.id for one in operations)
        ]

    def _choose_target(self, operations: Sequence[Resource]) -> None:
        targets = [Choice(target, target.name, target.text("baseUrl")) for target in self._targets(operations)]

        def chosen(choice: Choice[Any] | None) -> None:
            if choice is not None:
                self._open(move_form(operations, choice.value))

        self._screen.drio.push_screen(SelectDialog("Move to", targets), chosen)

    def go_on(self, edit: UnsavedEdit) -> None:
        """Open the form of a kept edit with what was typed, for those of its resources that the app still has."""
        snapshot = self._screen.snapshot
        keys = [(str(kind), str(id)) for kind, id in edit.local["resources"]]
        resources = [one for key in keys if (one := snapshot.at(key)) is not None and can_be_changed(one)]
        if not resources:
            self._screen.drio.notify("The app has none of the resources any more.", severity="warning", markup=False)
            return
        match edit.local["form"]:
            case "replace":
                everything = len(resources) > 1 and {*keys} >= {one.key for one in snapshot if can_be_changed(one)}
                scope = _WHOLE_APP if everything else count_by_kind(resources)
                self._open(replace_form(resources, scope), edit)
            case "rename":
                self._open(rename_form(resources, count_by_kind(resources)), edit)
            case _:
                self.edit(resources, [str(name) for name in edit.local["only"]], edit)

    def edit(self, resources: Sequence[Resource], only: Sequence[str] = (), edit: UnsavedEdit | None = None) -> None:
        """Open the form that edits resources of one kind, with `only` these properties."""

        async def read(client: DrioClient) -> Message:
            document, _ = await get_openapi_document(client).now(DOCUMENT_SECONDS)
            return EditFormReady(resources, only, document, edit)

        self._screen.run_request(read, lambda ready: ready, group="bulk", once=True)

    def edit_form_ready(self, message: EditFormReady) -> None:
        """Open the form, once the server's schema is known."""
        left_out = editor_properties(message.resources[0].kind) - {"annotations"}
        form = edit_form(self._screen.snapshot, message.resources, message.document, left_out, message.only)
        self._open(form, message.edit)

    def _open(self, form: BulkForm, edit: UnsavedEdit | None = None) -> None:
        self._screen.drio.push_screen(BulkDialog(form, self._screen.snapshot.copy(), edit), self._ended)


def _chosen(choice: Choice[Callable[[], None]] | None) -> None:
    if choice is not None:
        choice.value()
