"""The preview of a widget is rendered for the width that is visible."""

from __future__ import annotations

from textual.app import App, ComposeResult

from drio_tui.ui.widgets.widget_preview import WidgetPreview
from drio_tui.workspace.run.text_renderer import RenderedWidget


class Preview(App[None]):
    def compose(self) -> ComposeResult:
        yield WidgetPreview()


async def test_a_widget_that_is_higher_than_its_page_is_not_wider_than_it() -> None:
    app = Preview()
    async with app.run_test(size=(40, 10)) as pilot:
        preview = app.query_one(WidgetPreview)
        preview.show(lambda width: RenderedWidget([[("x" * width, "value")]] * 30))
        await pilot.pause()
        assert preview.max_scroll_y > 0
        assert preview.max_scroll_x == 0
        assert not preview.show_horizontal_scrollbar
