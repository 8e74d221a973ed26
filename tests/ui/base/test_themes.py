"""Every theme that can be chosen has every colour that the program names."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from drio_tui.ui.app.drio_app import DrioApp
from drio_tui.ui.base import stylesheets

PACKAGE = Path(stylesheets.__file__).parents[1]
THEMES = sorted(DrioApp().available_themes)


def named_variables() -> set[str]:
    """The theme variables in stylesheets and in styles of content; Python's f-strings hold no `$name`."""
    files = [*PACKAGE.rglob("*.py"), *stylesheets.stylesheet("app").parent.glob("*.tcss")]
    found = {name for file in files for name in re.findall(r"\$([a-z][a-z0-9-]*[a-z0-9])", file.read_text("utf-8"))}
    return found - {"ref"}  # JSON Schema's `$ref`


NAMED = named_variables()


@pytest.mark.parametrize("theme", THEMES)
def test_every_theme_has_every_variable_that_is_named(theme: str) -> None:
    app = DrioApp()
    app.theme = theme
    assert NAMED - app.get_css_variables().keys() == set()
