"""Choosing operations of an OpenAPI document for an app that is not there yet: nothing is sent."""

from __future__ import annotations

from drio_tui.guide.parts import APP_REF
from drio_tui.importing.errors import Problem
from drio_tui.importing.planning import Plan
from drio_tui.ui.screens.import_openapi import ImportScreen
from drio_tui.ui.widgets.safe import safe_line
from drio_tui.workspace.snapshot import Snapshot


class GuideImportScreen(ImportScreen):
    """Ends with True when there is a `chosen` plan to take into the draft."""

    def __init__(self, snapshot: Snapshot) -> None:
        super().__init__(APP_REF, snapshot)
        self.chosen: Plan | None = None

    def _ask(self, plan: Plan, checked: tuple[Problem, ...]) -> None:
        for problem in (*plan.problems, *checked)[:3]:
            self.notify(safe_line(str(problem.message), 300).plain, severity="warning", markup=False)
        self.chosen = plan
        self.dismiss(True)
