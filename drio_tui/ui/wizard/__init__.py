"""The wizard that makes an app: one widget for each of its steps, and the line that says where one is.

`wizard_screen.py` holds the draft and moves between them; each page reads and writes the draft, so that going
back and forth, or ending the program, loses nothing.
"""

from __future__ import annotations

TITLES = {
    "template": "Template", "basics": "Basics", "branding": "Look", "auth": "Sign-in", "api": "API", "tools": "Tools",
    "review": "Review", "create": "Create",
}  # fmt: skip
"""What each step is called where there is little room."""
