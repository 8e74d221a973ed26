"""The README: its generated tables are up to date, and the files that it links exist."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def test_the_readme_tables_are_up_to_date() -> None:
    result = subprocess.run(
        [sys.executable, "scripts/readme_tables.py", "--check"], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert result.returncode == 0, result.stderr


def test_every_file_linked_in_the_readme_exists() -> None:
    links = re.findall(r"\]\(((?!https?:|#)[^)]+)\)", (ROOT / "README.md").read_text(encoding="utf-8"))
    assert links
    assert [path for path in links if not (ROOT / path).exists()] == []
