"""The widget that is edited, drawn with the sample while it is typed. Drawing happens in a thread, the newest wins."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from textual.message import Message

from drio_tui.ui.base.workers import start_worker
from drio_tui.ui.widgets.widget_preview import WidgetPreview
from drio_tui.workspace.model.snapshot import Snapshot
from drio_tui.workspace.run.bound_tool import BoundTool, drafted_tool
from drio_tui.workspace.run.text_renderer import RenderedWidget, render_widget
from drio_tui.workspace.run.tool_run import Run, view_of

MOST_ITEMS = 50
"""How many items of a result are looked at while the mappings are typed."""
NO_SAMPLE = "There is no result to draw: run the tool in the playground, or paste a sample (F7)."


@dataclass(frozen=True, slots=True)
class _Wanted:
    bound: BoundTool
    value: Any
    width: int


class WidgetPicture(WidgetPreview):
    """Draws a widget with a result. `draw` returns at once; what is wanted meanwhile replaces what waits."""

    class Drawn(Message):
        """A widget was drawn in the background."""

        def __init__(
            self, picture: WidgetPicture, bound: BoundTool, run: Run, lines: RenderedWidget, width: int
        ) -> None:
            super().__init__()
            self.picture, self.bound, self.run, self.lines, self.width = picture, bound, run, lines, width

        @property
        def control(self) -> WidgetPicture:
            return self.picture

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._wanted: _Wanted | None = None
        self._is_drawing = False

    def draw(self, snapshot: Snapshot, widget: Mapping[str, Any], value: Any) -> None:
        """Draw the widget with this result; None says that there is none."""
        if value is None:
            self._wanted = None
            self.show(lambda _width: RenderedWidget([[(NO_SAMPLE, "muted")]]))
            return
        self._wanted = _Wanted(drafted_tool(snapshot, widget), value, self.scrollable_content_region.width)
        if not self._is_drawing:
            self._is_drawing = True
            start_worker(self, self._draw_wanted, group="widget-picture")

    async def _draw_wanted(self) -> None:
        try:
            while self._wanted is not None:
                wanted, self._wanted = self._wanted, None
                run = Run(wanted.bound.id, wanted.bound.title, "here", {}, value=wanted.value)
                lines = await asyncio.to_thread(_drawn, wanted.bound, run, wanted.width)
                self.post_message(self.Drawn(self, wanted.bound, run, lines, wanted.width))
        finally:
            self._is_drawing = False

    def on_widget_picture_drawn(self, message: Drawn) -> None:
        message.stop()
        redraw = partial(render_widget, message.bound, message.run)
        self.show(lambda width: message.lines if width == message.width else redraw(width), keep_place=True)


def _drawn(bound: BoundTool, run: Run, width: int) -> RenderedWidget:
    view_of(bound, run, most=MOST_ITEMS)
    return render_widget(bound, run, width) if width > 0 else RenderedWidget()
