"""A walk through the running program: what a visit of a screen does, and which screens have to be visited."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from typing import Any

from textual.pilot import Pilot
from textual.screen import Screen

import drio_tui.ui
from tests.ui.driving import until

SIZES = ((120, 40), (80, 24))
NOT_VISITED = {
    "DrioScreen": "the base class of all screens",
    "Dialog": "the base class of all dialogs",
    "ResourceListScreen": "the base class of the lists of apps and templates",
    "SaveScreen": "the base class of the edit screen",
    "StartScreen": "closed before it is idle",
    "InterruptedPlanDialog": "tests/ui/editing/test_interrupted_plans.py",
}
"""Screens that the walk does not visit, and why."""


class Walk:
    """The running program; `seen` are the names of the screen classes that were visited. Subclasses override `look`.

    `suffix` ends the texts that the walk itself shows.
    """

    def __init__(self, pilot: Pilot[Any], suffix: str = "") -> None:
        self.suffix = suffix
        self.pilot = pilot
        self.app: Any = pilot.app
        self.seen: set[str] = set()

    async def visit(self, name: str, *, sizes: tuple[tuple[int, int], ...] = SIZES) -> None:
        """Look at the top screen, under a name that is unique in the walk; `sizes` are those it can be shown in."""
        self.seen |= {cls.__name__ for cls in type(self.app.screen).__mro__}
        await self.look(name, sizes)

    async def look(self, name: str, sizes: tuple[tuple[int, int], ...]) -> None:
        """Look at the top screen, in one or all of the sizes."""

    @property
    def not_visited(self) -> set[str]:
        """The names of the screens that should have been visited and were not."""
        return all_screens() - self.seen - NOT_VISITED.keys()

    async def wait_for(self, class_name: str, is_ready: Any = lambda _: True) -> Any:
        """Return the top screen once it is of that class and ready."""
        app = self.app
        await until(self.pilot, lambda: type(app.screen).__name__ == class_name and app.screen.is_mounted)
        await until(self.pilot, lambda: is_ready(app.screen))
        return app.screen

    async def close(self, screen: Screen[Any]) -> None:
        """Close a screen, and wait until it is removed."""
        screen.dismiss(None)
        await until(self.pilot, lambda: screen not in self.app.screen_stack)

    async def visit_dialog(self, name: str, screen: Screen[Any]) -> None:
        """Open a dialog, visit and close it."""
        self.app.push_screen(screen)
        await self.wait_for(type(screen).__name__)
        await self.visit(name)
        await self.close(screen)


def all_screens() -> set[str]:
    """Return the names of all screen classes of the program."""
    names = set()
    for module in pkgutil.walk_packages(drio_tui.ui.__path__, "drio_tui.ui."):
        for name, value in vars(importlib.import_module(module.name)).items():
            if inspect.isclass(value) and issubclass(value, Screen) and value.__module__ == module.name:
                names.add(name)
    return names - {"PageBindings"}
