"""The program is idle when it has nothing left to do, for Textual's pilot too, and its style sheets are parsed once."""

from __future__ import annotations

from tests.ui import drawing, idle, parsed_styles

drawing.install()
idle.install()
parsed_styles.install()
