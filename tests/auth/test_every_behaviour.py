"""Every behaviour B01 to B70 of the sign-in list is named by the docstring of a test that shows it."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

HERE = Path(__file__).parent


def documented_behaviours() -> dict[str, list[str]]:
    """Return the tests whose docstrings name each behaviour id."""
    tests_by_id: dict[str, list[str]] = {}
    for path in HERE.glob("test_*.py"):
        if path.name == Path(__file__).name:
            continue
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
                for behaviour in re.findall(r"\bB\d\d\b", ast.get_docstring(node) or ""):
                    tests_by_id.setdefault(behaviour, []).append(f"{path.name}::{node.name}")
    return tests_by_id


@pytest.mark.parametrize("behaviour", [f"B{number:02}" for number in range(1, 71)])
def test_each_behaviour_is_named_by_a_test(behaviour: str) -> None:
    assert documented_behaviours().get(behaviour), f"no test names {behaviour}"


def test_every_sign_in_test_names_a_behaviour() -> None:
    """The tests of the sign-in doctor, which examines a sign-in, need not."""
    for path in HERE.glob("test_*.py"):
        if path.name in (Path(__file__).name, "test_doctor.py"):
            continue
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            is_test = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_")
            if is_test and "doctor" not in node.name:
                assert re.search(r"\b[BF]\d\d\b", ast.get_docstring(node) or ""), f"{path.name}::{node.name}"
