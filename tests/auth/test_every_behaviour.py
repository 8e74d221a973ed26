"""Every behaviour B01 to B70 of the sign-in list is named by the docstring of a test that shows it."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

HERE = Path(__file__).parent


def claims() -> dict[str, list[str]]:
    """Behaviour id → the tests whose docstrings name it."""
    found: dict[str, list[str]] = {}
    for path in HERE.glob("test_*.py"):
        if path.name == Path(__file__).name:
            continue
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
                for behaviour in re.findall(r"\bB\d\d\b", ast.get_docstring(node) or ""):
                    found.setdefault(behaviour, []).append(f"{path.name}::{node.name}")
    return found


@pytest.mark.parametrize("behaviour", [f"B{number:02}" for number in range(1, 71)])
def test_a_behaviour_is_shown_by_a_test(behaviour: str) -> None:
    assert claims().get(behaviour), f"no test names {behaviour}"


def test_every_sign_in_test_says_what_it_shows() -> None:
    for path in HERE.glob("test_*.py"):
        if path.name == Path(__file__).name:
            continue
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
                assert re.search(r"\b[BF]\d\d\b", ast.get_docstring(node) or ""), f"{path.name}::{node.name}"
