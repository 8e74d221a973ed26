"""The page of each step, imported when it is first shown."""

from __future__ import annotations

import importlib

from drio_tui.ui.wizard.page import Page, WizardView

PAGES: dict[str, tuple[str, str]] = {
    "template": ("template_page", "TemplatePage"),
    "basics": ("basics_page", "BasicsPage"),
    "branding": ("branding_page", "BrandingPage"),
    "auth": ("resource_pages", "AuthPage"),
    "api": ("resource_pages", "ApiPage"),
    "tools": ("resource_pages", "ToolsPage"),
    "review": ("review_page", "ReviewPage"),
    "create": ("create_page", "CreatePage"),
}
"""Module (below `drio_tui.ui.wizard`) and class of the page of each step."""


def make_page(name: str, wizard: WizardView) -> Page:
    """Return a new page for a step of the wizard."""
    module, class_name = PAGES[name]
    page: Page = getattr(importlib.import_module(f"drio_tui.ui.wizard.{module}"), class_name)(wizard)
    return page
