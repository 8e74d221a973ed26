"""Selecting operations of an OpenAPI document for an app that does not exist yet: nothing is sent."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from drio_tui.openapi_import.errors import DocumentProblem
from drio_tui.openapi_import.planning import Plan
from drio_tui.openapi_import.security import secret_of
from drio_tui.ui.openapi_import.import_screen import ImportScreen
from drio_tui.ui.widgets.sanitize import sanitize_line
from drio_tui.ui.wizard.resource_screens import FormResult, WizardResourceScreen
from drio_tui.wizard.draft import AddedResource
from drio_tui.wizard.template_parts import APP_REF
from drio_tui.workspace.model.snapshot import Resource, Snapshot


class WizardImportScreen(ImportScreen):
    """Returns True when `chosen_plan` is to be added to the draft."""

    def __init__(self, snapshot: Snapshot, add_connection: Callable[[FormResult], AddedResource]) -> None:
        super().__init__(APP_REF, snapshot)
        self.chosen_plan: Plan | None = None
        self._add_connection = add_connection

    def unsaved_edit(self, why: str, *, looking: bool = False) -> None:
        """There is no app yet with which an edit could be kept."""

    async def read_app(self) -> Snapshot:
        return self.settings.snapshot

    async def new_connection(self, begin: dict[str, Any]) -> str:
        """Add a connection to the draft; return its ref, or an empty string if the user cancelled."""
        screen = WizardResourceScreen("auth", "", self.settings.snapshot, begin=begin, member=secret_of(begin))
        await self.app.push_screen_wait(screen)
        if screen.result is None:
            return ""
        added = self._add_connection(screen.result)
        self.settings.snapshot.add(Resource("auth", added.ref, added.filled.shown | {"id": added.ref}))
        return added.ref

    def _confirm(self, plan: Plan, checked: tuple[DocumentProblem, ...]) -> None:
        for problem in (*plan.problems, *checked)[:3]:
            self.notify(sanitize_line(str(problem.message), 300).plain, severity="warning", markup=False)
        self.chosen_plan = plan
        self.dismiss(True)
