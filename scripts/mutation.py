"""Mutation testing of the modules that protect the user's work, with mutmut (`pip install "mutmut>=3.8,<4"`).

    python scripts/mutation.py [--commit REV] [--sample N] [--seed S] [--minutes M] [--children C] [--diffs] [MODULE …]

Works on a copy of the checkout, or of another commit, in a temporary folder. Each mutant is checked by mypy, as
`scripts/test` does, and then by those tests of its module that run the mutated function and are not marked slow. With
`--sample`, that many mutants of each module are chosen by the seed; without it, all are tested. A module is stopped
after `--minutes`: the mutants that were not tested are counted separately, and the others are not a random sample,
since mutmut begins with those whose tests are fastest. Prints the share of killed mutants, and the survivors.

mutmut changes functions only; constants of a module are not mutated.
"""

from __future__ import annotations

import argparse
import ast
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

TESTS = {
    "workspace/saving/merge.py": ["tests/workspace/saving/test_merge.py"],
    "workspace/saving/saver.py": ["tests/workspace/saving/test_*.py", "tests/workspace/deploy/test_deployer.py"],
    "workspace/saving/creating.py": [
        "tests/workspace/saving/test_*.py",
        "tests/plan/test_executor.py",
        "tests/plan/test_unknown_outcomes.py",
    ],
    "auth/token_manager.py": [
        f"tests/auth/test_{name}.py" for name in ("refresh", "outages", "sign_in_again", "requests")
    ],
    "tool_calls/egress.py": ["tests/tool_calls/test_egress.py", "tests/sandbox/mcp/test_egress.py"],
    "sandbox/mcp/runtime.py": ["tests/sandbox/mcp/test_runtime.py", "tests/sandbox/mcp/test_draft_calls.py"],
}
"""The modules, and patterns of the test files for their mutants."""
KILLED = {1, 3}
CAUGHT_BY_TYPES = {37}
TIMED_OUT = {36, 24, -24, 152, 255, -9}
SETTINGS = """

[tool.mutmut]
source_paths = ["drio_tui/{module}"]
also_copy = ["drio_tui", "styles", "tests", "benchmarks", "README.md"]
pytest_add_cli_args_test_selection = {tests}
pytest_add_cli_args = ["-p", "no:cacheprovider", "-m", "not slow"]
timeout_multiplier = 3.0
timeout_constant = 10.0
type_check_command = {types}
"""
# Errors that mypy reports only because mutmut puts all mutants of a method into one class.
IGNORED_ERRORS = {"has-type", "no-redef", "unused-ignore"}
# Examples are not shrunk, since any failure kills the mutant, and each mutant gets the same examples.
PROFILE = """

import hypothesis
hypothesis.settings.register_profile(
    "mutation", deadline=None, database=None, derandomize=True, max_examples=100,
    phases=[hypothesis.Phase.explicit, hypothesis.Phase.generate], suppress_health_check=list(hypothesis.HealthCheck),
)
hypothesis.settings.load_profile("mutation")
"""


@dataclass
class Result:
    """The result for a module: its number of mutants, and the exit codes of the chosen ones, None if not tested."""

    module: str
    total: int
    codes: dict[str, int | None]

    def names(self, codes: set[int]) -> list[str]:
        """Return the mutants with one of the exit codes."""
        return [name for name, code in self.codes.items() if code in codes]

    def __str__(self) -> str:
        by_tests, by_timeout, by_types = (len(self.names(codes)) for codes in (KILLED, TIMED_OUT, CAUGHT_BY_TYPES))
        tested = sum(code is not None for code in self.codes.values())
        rate = f"{100 * (by_tests + by_timeout + by_types) / tested:.1f} %" if tested else "-"
        others = Counter(
            code
            for code in self.codes.values()
            if code is not None and code not in KILLED | TIMED_OUT | CAUGHT_BY_TYPES | {0, 33}
        )
        return (
            f"{self.module}: {rate} of {tested} tested are killed ({by_types} by mypy, {by_timeout} by timeout); "
            f"{len(self.names({0}))} survived, {len(self.names({33}))} are run by no test; {self.total} mutants in "
            f"all, {len(self.codes) - tested} chosen and not tested"
            f"{f'; other exit codes {dict(others)}' if others else ''}"
        )


def copy_files(folder: Path, commit: str) -> None:
    """Copy the files of a commit, or of the checkout with its uncommitted changes, into a folder."""
    if commit:
        archive = subprocess.run(["git", "archive", commit], cwd=ROOT, check=True, capture_output=True).stdout
    else:
        list_files = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
        names = subprocess.run(list_files, cwd=ROOT, check=True, capture_output=True, text=True).stdout.split("\0")
        existing = "\0".join(name for name in names if name and (ROOT / name).exists())
        pack = ["tar", "-c", "--null", "-T", "-"]
        archive = subprocess.run(pack, cwd=ROOT, check=True, capture_output=True, input=existing.encode()).stdout
    subprocess.run(["tar", "-x"], cwd=folder, check=True, input=archive)


def mutmut(folder: Path, *arguments: str, seconds: float | None = None) -> str:
    """Run a mutmut command, stop it after `seconds`, and return its output."""
    process = subprocess.Popen(
        [sys.executable, "-m", "mutmut", *arguments], cwd=folder, text=True, start_new_session=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
    )  # fmt: skip
    try:
        return process.communicate(timeout=seconds)[0]
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, 9)
        return process.communicate()[0]


def print_type_errors(path: str) -> None:
    """Print mypy's errors in the mutants of a file, as lines of JSON for mutmut's `type_check_command`."""
    result = subprocess.run([sys.executable, "-m", "mypy", "--output", "json", path], capture_output=True, text=True)
    mutants = [
        range(node.lineno, (node.end_lineno or node.lineno) + 1)
        for node in ast.walk(ast.parse(Path(path).read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and "__mutmut_" in node.name
        and not node.name.endswith("__mutmut_orig")
    ]
    for line in result.stdout.splitlines():
        error = json.loads(line)
        in_mutant = error["file"] == path and any(error["line"] in lines for lines in mutants)
        if in_mutant and error["code"] not in IGNORED_ERRORS:
            print(line)


def exit_codes(folder: Path, module: str) -> dict[str, int | None]:
    """Return the exit code of each mutant of a module, None if it was not tested."""
    meta = json.loads((folder / "mutants" / "drio_tui" / f"{module}.meta").read_text())
    codes: dict[str, int | None] = meta["exit_code_by_key"]
    return codes


def run_mutants(folder: Path, module: str, *, sample: int, seed: int, minutes: float, children: int) -> Result:
    """Test the mutants of one module. Raises `RuntimeError` with mutmut's output if its tests fail unmutated."""
    tests = sorted(str(path.relative_to(folder)) for pattern in TESTS[module] for path in folder.glob(pattern))
    settings = folder / "pyproject.toml"
    types = [sys.executable, __file__, "mypy", f"drio_tui/{module}"]
    settings.write_text(
        settings.read_text() + SETTINGS.format(module=module, tests=json.dumps(tests), types=json.dumps(types))
    )
    conftest = folder / "tests" / "conftest.py"
    conftest.write_text(conftest.read_text() + PROFILE)
    no_mutant = f"drio_tui.{module.removesuffix('.py').replace('/', '.')}.nothing*"
    # This creates the mutants, and records which functions each test runs.
    output = mutmut(folder, "run", "--max-children", "1", no_mutant)
    try:
        mutants = [*exit_codes(folder, module)]
    except FileNotFoundError:
        raise RuntimeError(output[-3000:]) from None
    chosen = sorted(random.Random(seed).sample(mutants, sample)) if 0 < sample < len(mutants) else mutants
    start = time.monotonic()
    output = mutmut(folder, "run", "--max-children", str(children), *chosen, seconds=minutes * 60)
    codes = exit_codes(folder, module)
    if all(codes[name] is None for name in chosen):
        raise RuntimeError(output[-3000:])
    if any(codes[name] is None for name in chosen) and time.monotonic() - start < minutes * 60:
        print(f"mutmut ended early:\n{output[-1500:]}", flush=True)
    return Result(module, len(mutants), {name: codes[name] for name in chosen})


def main() -> int:
    if sys.argv[1:2] == ["mypy"]:
        print_type_errors(sys.argv[2])
        return 0
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("modules", nargs="*", metavar="MODULE", help=", ".join(TESTS))
    parser.add_argument("--commit", default="", help="test this commit instead of the checkout")
    parser.add_argument("--sample", type=int, default=0, help="mutants of each module (all)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--minutes", type=float, default=60, help="for each module")
    parser.add_argument("--children", type=int, default=1, help="mutants tested at once (1)")
    parser.add_argument("--diffs", action="store_true", help="print what each survivor changes")
    options = parser.parse_args()
    if unknown := sorted({*options.modules} - {*TESTS}):
        parser.error(f"no such module: {', '.join(unknown)}")
    commit = options.commit or "of the checkout"
    print(f"commit {commit}, seed {options.seed}, sample {options.sample or 'all'}", flush=True)
    for module in options.modules or TESTS:
        start = time.monotonic()
        with tempfile.TemporaryDirectory(prefix="drio-mutation-") as name:
            folder = Path(name)
            copy_files(folder, options.commit)
            result = run_mutants(
                folder,
                module,
                sample=options.sample,
                seed=options.seed,
                minutes=options.minutes,
                children=options.children,
            )
            print(f"\n{result}; {time.monotonic() - start:.0f} s", flush=True)
            for mutant in result.names({0, 33}):
                print(f"  {mutant}", flush=True)
                if options.diffs:
                    print(mutmut(folder, "show", mutant), flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
