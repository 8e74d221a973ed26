"""The wizard that makes an app: one widget for each of its steps, and the line that says where one is.

`screens/guide.py` holds the draft and moves between them; each page reads and writes the draft, so that going
back and forth, or ending the program, loses nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from drio_tui.ui.guide.page import Page
    from drio_tui.ui.screens.guide import GuideScreen

TITLES = {
    "template": "Template", "basics": "Basics", "branding": "Look", "auth": "Sign-in", "api": "API", "tools": "Tools",
    "review": "Review", "create": "Create",
}  # fmt: skip
"""What each step is called where there is little room."""

_PAGES = {
    "template": ("template", "TemplatePage"),
    "basics": ("basics", "BasicsPage"),
    "branding": ("looks", "LooksPage"),
    "auth": ("things", "AuthPage"),
    "api": ("things", "ApiPage"),
    "tools": ("things", "ToolsPage"),
    "review": ("review", "ReviewPage"),
    "create": ("create", "CreatePage"),
}


def make_page(name: str, guide: GuideScreen) -> Page:
    """The page of a step; its module is imported when it is first shown."""
    module, kind = _PAGES[name]
    made: Page = getattr(import_module(f"drio_tui.ui.guide.{module}"), kind)(guide)
    return made
