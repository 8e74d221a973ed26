"""Sphinx configuration: `scripts/docs` builds the site and fails on any warning, dead links included."""

from __future__ import annotations

project = "drio-tui"
author = "The drio-tui authors"
copyright = "2026, The drio-tui authors"

extensions = ["myst_parser"]
myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 3
exclude_patterns = ["_build"]
html_theme = "furo"
html_title = "drio-tui"
nitpicky = True
