"""A short run of scripts/kill_guide.py."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.sandbox_fixtures import close
from tests.wizard.dying import Home, proof


@pytest.mark.slow
def test_a_wizard_ended_by_a_hang_up_resumes_at_its_step(tmp_path: Path) -> None:
    home = Home(tmp_path)
    try:
        proof(home, "tools", "hang up", 1)
    finally:
        close(home.sandbox)
