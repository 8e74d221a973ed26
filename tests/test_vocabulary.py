"""The program's code has none of the words that docs/terms.md replaces."""

from __future__ import annotations

import importlib.util
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def test_no_code_uses_a_replaced_word() -> None:
    spec = importlib.util.spec_from_file_location("vocabulary", ROOT / "scripts" / "vocabulary.py")
    assert spec is not None
    assert spec.loader is not None
    vocabulary = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(vocabulary)
    findings = [
        f"{path.relative_to(ROOT)}:{line}: {word}"
        for path in sorted((ROOT / "drio_tui").rglob("*.py"))
        for line, word in vocabulary.findings(path)
    ]
    assert not findings, "\n".join(findings)
