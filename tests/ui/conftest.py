"""Set up UI tests: Textual's pilot waits for real idleness, frames are drawn on demand, style sheets parsed once."""

from __future__ import annotations

from tests.ui import drawing, idle, parsed_styles

drawing.install()
idle.install()
parsed_styles.install()
