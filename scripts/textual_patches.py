"""Finds the patches that Textual no longer needs: those without which no test of their module fails.

The patches are the functions of `ui/base/textual_internals/` without arguments and without a result, such as
`guards.guard_timers`. Each in turn does nothing in a copy of the program, on which the tests of its module run. Prints
the test that fails for each, and exits with 1 if there is none, or if one fails with the patches. Whether a patch for
speed is worth it only benchmarks show: its test compares with what Textual does, and fails without the patch.

python scripts/textual_patches.py [NAME …]
"""

from __future__ import annotations

import ast
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
INTERNALS = Path("drio_tui/ui/base/textual_internals")
TESTS = Path("tests/ui/base/textual_internals")
COPIED = ("drio_tui", "styles", "tests", "pyproject.toml")


def main(names: list[str]) -> int:
    failures = 0
    with tempfile.TemporaryDirectory(prefix="drio-patches-") as folder:
        copy = Path(folder)
        for name in COPIED:
            source = ROOT / name
            if source.is_dir():
                shutil.copytree(source, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(source, copy / name)
        for module in sorted((copy / INTERNALS).glob("*.py")):
            test = TESTS / f"test_{module.name}"
            source_text = module.read_text(encoding="utf-8")
            patches = [patch for patch in _patches(source_text) if not names or patch.name in names]
            if patches and (problem := _failing_test(copy, test)):
                print(f"{module.stem}: {problem} fails with the patches")
                failures += 1
                continue
            for patch in patches:
                module.write_text(_without(source_text, patch), encoding="utf-8")
                failing = _failing_test(copy, test)
                print(f"{module.stem}.{patch.name}: {failing or 'NOT NEEDED: no test fails without it'}", flush=True)
                failures += not failing
            module.write_text(source_text, encoding="utf-8")
    return 1 if failures else 0


def _patches(source: str) -> Iterator[ast.FunctionDef]:
    """Yield the functions that patch Textual."""
    for node in ast.parse(source).body:
        if not isinstance(node, ast.FunctionDef) or node.name.startswith("_") or node.args.args:
            continue
        if isinstance(node.returns, ast.Constant) and node.returns.value is None:
            yield node


def _without(source: str, patch: ast.FunctionDef) -> str:
    """Return the source with a function that does nothing."""
    lines = source.splitlines(keepends=True)
    lines.insert(patch.body[0].lineno - 1, "    return\n")
    return "".join(lines)


def _failing_test(copy: Path, test: Path) -> str:
    """Return the first test of a file that fails; empty if none does."""
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", str(test)]
    result = subprocess.run(command, cwd=copy, capture_output=True, text=True, check=False)
    if result.returncode == 0:
        return ""
    failed = (line.split("::")[-1].split(" - ")[0] for line in result.stdout.splitlines() if line.startswith("FAILED"))
    return next(failed, "the run of pytest: " + (result.stdout + result.stderr).strip()[-300:])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
