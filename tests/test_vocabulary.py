"""The program's code has none of the words that docs/terms.md replaces."""

from __future__ import annotations

import runpy
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def test_no_code_uses_a_replaced_word() -> None:
    findings_in = runpy.run_path(str(ROOT / "scripts" / "vocabulary.py"))["findings"]
    findings = [
        f"{path.relative_to(ROOT)}:{line}: {word}"
        for path in sorted((ROOT / "drio_tui").rglob("*.py"))
        for line, word in findings_in(path)
    ]
    assert not findings, "\n".join(findings)
