"""A short run of scripts/kill_wizard.py."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.sandbox_fixtures import kill_process
from tests.wizard.dying import Home, check_recovery


@pytest.mark.slow
def test_a_wizard_ended_by_a_hang_up_resumes_at_its_step(tmp_path: Path) -> None:
    home = Home(tmp_path)
    try:
        check_recovery(home, "tools", "hang up", 1)
    finally:
        kill_process(home.sandbox)
