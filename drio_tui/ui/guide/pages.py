"""The page of each step."""

from __future__ import annotations

from typing import TYPE_CHECKING

from drio_tui.ui.guide.basics import BasicsPage
from drio_tui.ui.guide.create import CreatePage
from drio_tui.ui.guide.looks import LooksPage
from drio_tui.ui.guide.page import Page
from drio_tui.ui.guide.review import ReviewPage
from drio_tui.ui.guide.template import TemplatePage
from drio_tui.ui.guide.things import ApiPage, AuthPage, ToolsPage

if TYPE_CHECKING:
    from drio_tui.ui.screens.guide import GuideScreen

_PAGES: dict[str, type[Page]] = {
    "template": TemplatePage,
    "basics": BasicsPage,
    "branding": LooksPage,
    "auth": AuthPage,
    "api": ApiPage,
    "tools": ToolsPage,
    "review": ReviewPage,
    "create": CreatePage,
}


def make_page(name: str, guide: GuideScreen) -> Page:
    """The page of a step, over the wizard's draft."""
    return _PAGES[name](guide)
