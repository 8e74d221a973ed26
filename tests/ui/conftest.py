"""Set up UI tests: Textual's pilot waits for real idleness, frames are drawn on demand, style sheets parsed once."""

from __future__ import annotations

from drio_tui.ui.app.drio_app import DrioApp
from tests.ui import drawing, idle, parsed_styles

drawing.install()
idle.install()
parsed_styles.install()
# A test looks at a notification after what follows it, which takes longer than five seconds on a busy machine.
DrioApp.NOTIFICATION_TIMEOUT = 600
