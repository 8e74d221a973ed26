"""The README's tables are those of the program, and its pictures are there."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def test_the_tables_of_keys_and_commands_are_those_of_the_program() -> None:
    done = subprocess.run(
        [sys.executable, "scripts/readme_tables.py", "--check"], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr


def test_every_picture_and_file_the_readme_names_is_there() -> None:
    named = re.findall(r"\]\(((?!https?:|#)[^)]+)\)", (ROOT / "README.md").read_text(encoding="utf-8"))
    assert named
    assert [path for path in named if not (ROOT / path).exists()] == []
