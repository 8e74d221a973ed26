"""Every fault that the issues want shown is named by the docstring of a test that shows it (`F05 F31: …`)."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

HERE = Path(__file__).parent

SHOWN: dict[str, tuple[str, ...]] = {
    "what a client meets": (
        "F01", "F03", "F05", "F06", "F07", "F08", "F09", "F10", "F11", "F12", "F13", "F14", "F15", "F16", "F17",
        "F18", "F19", "F20", "F21", "F22", "F23", "F24",
    ),
    "what an editor meets": (
        "F02", "F04", "F26", "F30", "F31", "F32", "F33", "F34", "F35", "F36", "F37", "F38", "F51", "F57", "F58", "F59",
    ),
    "what shipping an app meets": (
        "F34", "F35", "F36", "F59", "F60", "F61", "F62", "F63", "F64", "F65", "F66", "F68",
    ),
}  # fmt: skip
"""By subject; a new subject, or a new id in one, is all that it takes to demand its test."""


def claims() -> dict[str, list[str]]:
    """Fault → the tests whose docstring, or whose module's, names it."""
    found: dict[str, list[str]] = {}
    for path in sorted(HERE.rglob("test_*.py")):
        if path == Path(__file__):
            continue
        module = ast.parse(path.read_text(encoding="utf-8"))
        tests = [
            node
            for node in module.body
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_")
        ]
        for test in tests:
            told = f"{ast.get_docstring(module) or ''} {ast.get_docstring(test) or ''}"
            for fault in dict.fromkeys(re.findall(r"\bF\d\d\b", told)):
                found.setdefault(fault, []).append(f"{path.relative_to(HERE)}::{test.name}")
    return found


CLAIMS = claims()


@pytest.mark.parametrize("fault", sorted({fault for faults in SHOWN.values() for fault in faults}))
def test_a_fault_is_shown_by_a_test(fault: str) -> None:
    assert CLAIMS.get(fault), f"no test names {fault}"


def test_no_fault_is_named_that_there_is_not() -> None:
    assert {fault for fault in CLAIMS if not 1 <= int(fault[1:]) <= 75} == set()
