"""The program is idle when it has nothing left to do, for Textual's pilot too."""

from __future__ import annotations

from tests.ui import idle

idle.install()
