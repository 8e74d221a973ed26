"""The wizard that creates an app: one page widget per step, and the line that shows the current step.

`wizard_screen.py` holds the draft and moves between the pages; each page reads and writes the draft, so that moving
back and forth or quitting loses nothing.
"""

from __future__ import annotations

TITLES = {
    "template": "Template", "basics": "Basics", "branding": "Look", "auth": "Sign-in", "api": "API", "tools": "Tools",
    "review": "Review", "create": "Create",
}  # fmt: skip
"""The short titles of the steps, for the line above the pages."""
