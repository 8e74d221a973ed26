"""Every available theme defines every colour that the program uses."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from drio_tui.ui.app.drio_app import DrioApp
from drio_tui.ui.base import stylesheets

PACKAGE = Path(stylesheets.__file__).parents[1]
THEMES = sorted(DrioApp().available_themes)


def named_variables() -> set[str]:
    """Return the theme variables in style sheets and in styles of content; Python's f-strings contain no `$name`."""
    files = [*PACKAGE.rglob("*.py"), *stylesheets.stylesheet("app").parent.glob("*.tcss")]
    names = {name for file in files for name in re.findall(r"\$([a-z][a-z0-9-]*[a-z0-9])", file.read_text("utf-8"))}
    return names - {"ref"}  # JSON Schema's `$ref`


NAMED = named_variables()


@pytest.mark.parametrize("theme", THEMES)
def test_every_theme_defines_every_used_variable(theme: str) -> None:
    app = DrioApp()
    app.theme = theme
    assert NAMED - app.get_css_variables().keys() == set()
