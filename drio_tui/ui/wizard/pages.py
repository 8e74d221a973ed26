"""The page class of each step."""

from __future__ import annotations

from typing import TYPE_CHECKING

from drio_tui.ui.wizard.basics_page import BasicsPage
from drio_tui.ui.wizard.branding_page import BrandingPage
from drio_tui.ui.wizard.create_page import CreatePage
from drio_tui.ui.wizard.page import Page
from drio_tui.ui.wizard.resource_pages import ApiPage, AuthPage, ToolsPage
from drio_tui.ui.wizard.review_page import ReviewPage
from drio_tui.ui.wizard.template_page import TemplatePage

if TYPE_CHECKING:
    from drio_tui.ui.wizard.wizard_screen import WizardScreen

_PAGES: dict[str, type[Page]] = {
    "template": TemplatePage,
    "basics": BasicsPage,
    "branding": BrandingPage,
    "auth": AuthPage,
    "api": ApiPage,
    "tools": ToolsPage,
    "review": ReviewPage,
    "create": CreatePage,
}


def make_page(name: str, wizard: WizardScreen) -> Page:
    """Return a new page for a step of the wizard."""
    return _PAGES[name](wizard)
