"""Every fault of the issues is covered by a test, which names it in its docstring (`F05 F31: …`)."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

HERE = Path(__file__).parent
FAULT = re.compile(r"\bF\d\d\b")

FAULTS: dict[str, tuple[str, ...]] = {
    "a client": (
        "F01", "F03", "F05", "F06", "F07", "F08", "F09", "F10", "F11", "F12", "F13", "F14", "F15", "F16", "F17",
        "F18", "F19", "F20", "F21", "F22", "F23", "F24",
    ),
    "editing": (
        "F02", "F04", "F26", "F30", "F31", "F32", "F33", "F34", "F35", "F36", "F37", "F38", "F51", "F57", "F58", "F59",
    ),
    "deploying an app": (
        "F34", "F35", "F36", "F59", "F60", "F61", "F62", "F63", "F64", "F65", "F66", "F68",
    ),
}  # fmt: skip
"""The ids by subject; each needs a test."""


@cache
def covering_tests() -> dict[str, list[str]]:
    """For each fault, the tests that name it in their docstring or in that of their module."""
    result: dict[str, list[str]] = {}
    for path in sorted(HERE.rglob("test_*.py")):
        if path == Path(__file__):
            continue
        text = path.read_text(encoding="utf-8")
        if not FAULT.search(text):
            continue
        module = ast.parse(text)
        tests = [
            node
            for node in module.body
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_")
        ]
        for test in tests:
            docstrings = f"{ast.get_docstring(module) or ''} {ast.get_docstring(test) or ''}"
            for fault in dict.fromkeys(FAULT.findall(docstrings)):
                result.setdefault(fault, []).append(f"{path.relative_to(HERE)}::{test.name}")
    return result


@pytest.mark.parametrize("fault", sorted({fault for faults in FAULTS.values() for fault in faults}))
def test_every_fault_is_named_by_a_test(fault: str) -> None:
    assert covering_tests().get(fault), f"no test names {fault}"


def test_no_test_names_an_unknown_fault() -> None:
    assert {fault for fault in covering_tests() if not 1 <= int(fault[1:]) <= 75} == set()
