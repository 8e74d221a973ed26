"""What `scripts/release` does to the changelog; the rest of it builds and installs, and is run by hand."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parent.parent / "scripts" / "release_notes.py"
released = runpy.run_path(str(SCRIPT))["released"]


def test_unreleased_changes_become_the_dated_section_of_the_version() -> None:
    before = "# Changelog\n\n## Unreleased\n\n### Added\n\n- A thing.\n\n## 0.1.0 - 2026-01-01\n\n- Old.\n"
    after = released(before, "0.2.0", "2026-12-01")
    assert after == (
        "# Changelog\n\n## Unreleased\n\n## 0.2.0 - 2026-12-01\n\n### Added\n\n- A thing.\n\n"
        "## 0.1.0 - 2026-01-01\n\n- Old.\n"
    )


@pytest.mark.parametrize("text", ["# Changelog\n", "# Changelog\n\n## Unreleased\n\n## 0.1.0 - 2026-01-01\n\n- Old.\n"])
def test_without_unreleased_changes_there_is_no_release(text: str) -> None:
    with pytest.raises(ValueError, match="nothing under Unreleased"):
        released(text, "0.2.0", "2026-12-01")
