"""Importing what keys open before they are pressed, while nothing else is to be done."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Any

from textual.app import App

from drio_tui.asyncio_wait import import_in_thread
from drio_tui.ui.app.idle_work import InputPause
from drio_tui.ui.base.textual_internals.painting import loop_is_idle, needs_paint
from drio_tui.ui.base.type_ahead import LoadsContent

NEXT_MODULES = (
    "drio_tui.ui.app_detail.app_screen",
    "drio_tui.ui.wizard.wizard_screen",
    "drio_tui.ui.wizard.template_page",
    "drio_tui.ui.widgets.json_view",
    "drio_tui.ui.forms.schema_form",
    "drio_tui.workspace.run.tool_run",
    "drio_tui.ui.playground.playground_screen",
    "drio_tui.ui.editing.model_view",
    "drio_tui.ui.editing.edit_screen",
    "drio_tui.ui.app_detail.app_actions",
    "pydantic",
    "drio_tui.api.models",
    "drio_tui.ui.wizard.basics_page",
)
"""What keys open from the first list, and then from there, in this order.

Each takes some 30 ms at most, which a key waits for in the worst case.
"""

_CHECK_SECONDS = 0.02
"""How often it is checked whether the screen is ready."""


class Preloader:
    """Imports modules in a thread, one by one; each begins when the screen is filled and no key waits for its effect.

    `is_typing` says whether a key waits.
    """

    def __init__(self, app: App[Any], pause: InputPause, is_typing: Callable[[], bool]) -> None:
        self._app, self._pause, self._is_typing = app, pause, is_typing

    async def wait_until_filled(self) -> None:
        """Wait until the screen shows its content, and what the last key does is done."""
        while True:
            if self._is_ready:
                return
            await asyncio.sleep(_CHECK_SECONDS)

    async def import_next(self) -> None:
        """Import what keys open from the first list. It begins at once, since the next key may come soon."""
        for module in NEXT_MODULES:
            await self.wait_until_filled()
            await import_in_thread(module)

    async def import_all(self, modules: Iterable[str]) -> None:
        """Import modules, each once nobody types."""
        for module in modules:
            await self._pause.wait()
            await import_in_thread(module)

    @property
    def _is_ready(self) -> bool:
        screen = self._app.screen if self._app.screen_stack else None  # there is none while the program ends
        if self._is_typing() or not loop_is_idle(asyncio.get_running_loop()):
            return False
        return screen is None or not (needs_paint(screen) or (isinstance(screen, LoadsContent) and screen.filling))
