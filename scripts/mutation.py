"""Mutation testing of the modules that protect people's work, with mutmut (`pip install "mutmut>=3.8,<4"`).

    python scripts/mutation.py [--commit REV] [--sample N] [--seed S] [--minutes M] [--children C] [--diffs] [MODULE …]

Works on a copy of the checkout, or of another commit, in a temporary folder. Each mutant is checked by mypy, as
`scripts/test` does, and then tried by those tests of its module that run the function in question and are not marked
slow. With `--sample`, that many mutants of each module are chosen by the seed; without, all are tried. After
`--minutes` a module is cut short: what was not tried is counted apart, and the rest is no sample, since mutmut begins
with what its tests take the least time for. Prints the share of the tried mutants that were killed, and the survivors.

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
    "auth/token_manager.py": ["tests/auth/test_refresh.py"],
    "tool_calls/egress.py": ["tests/tool_calls/test_egress.py", "tests/sandbox/mcp/test_egress.py"],
    "sandbox/mcp/runtime.py": ["tests/sandbox/mcp/test_runtime.py", "tests/sandbox/mcp/test_draft_calls.py"],
}
"""The modules, and patterns of the test files that try their mutants."""
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
# What is reported because mutmut puts all mutants of a method into one class.
NOT_OF_THE_MUTANT = {"has-type", "no-redef", "unused-ignore"}
# A failure is a kill, however large its example is: nothing is shrunk, and each mutant gets the same examples.
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
    """The exit codes of the mutants that were chosen, None for those that were not tried."""

    module: str
    of: int
    codes: dict[str, int | None]

    def names(self, codes: set[int]) -> list[str]:
        return [name for name, code in self.codes.items() if code in codes]

    def __str__(self) -> str:
        by_tests, late, by_types = (len(self.names(some)) for some in (KILLED, TIMED_OUT, CAUGHT_BY_TYPES))
        tried = sum(code is not None for code in self.codes.values())
        rate = f"{100 * (by_tests + late + by_types) / tried:.1f} %" if tried else "-"
        others = Counter(
            code
            for code in self.codes.values()
            if code is not None and code not in KILLED | TIMED_OUT | CAUGHT_BY_TYPES | {0, 33}
        )
        return (
            f"{self.module}: {rate} of {tried} tried are killed ({by_types} by mypy, {late} by timeout); "
            f"{len(self.names({0}))} survived, {len(self.names({33}))} are run by no test; {self.of} mutants in all, "
            f"{len(self.codes) - tried} chosen and not tried{f'; other exit codes {dict(others)}' if others else ''}"
        )


def copied(folder: Path, commit: str) -> None:
    """A copy of the files of a commit, or of the checkout as it is."""
    if commit:
        archive = subprocess.run(["git", "archive", commit], cwd=ROOT, check=True, capture_output=True).stdout
    else:
        listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
        names = subprocess.run(listed, cwd=ROOT, check=True, capture_output=True, text=True).stdout.split("\0")
        there = "\0".join(name for name in names if name and (ROOT / name).exists())
        pack = ["tar", "-c", "--null", "-T", "-"]
        archive = subprocess.run(pack, cwd=ROOT, check=True, capture_output=True, input=there.encode()).stdout
    subprocess.run(["tar", "-x"], cwd=folder, check=True, input=archive)


def mutmut(folder: Path, *arguments: str, seconds: float | None = None) -> str:
    """What one mutmut command says; it is stopped after `seconds`."""
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
    """What mypy says of the mutants in a file, as lines of JSON for mutmut's `type_check_command`."""
    said = subprocess.run([sys.executable, "-m", "mypy", "--output", "json", path], capture_output=True, text=True)
    mutants = [
        range(node.lineno, (node.end_lineno or node.lineno) + 1)
        for node in ast.walk(ast.parse(Path(path).read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and "__mutmut_" in node.name
        and not node.name.endswith("__mutmut_orig")
    ]
    for line in said.stdout.splitlines():
        error = json.loads(line)
        inside = error["file"] == path and any(error["line"] in lines for lines in mutants)
        if inside and error["code"] not in NOT_OF_THE_MUTANT:
            print(line)


def codes(folder: Path, module: str) -> dict[str, int | None]:
    found: dict[str, int | None] = json.loads((folder / "mutants" / "drio_tui" / f"{module}.meta").read_text())[
        "exit_code_by_key"
    ]
    return found


def tried(folder: Path, module: str, *, sample: int, seed: int, minutes: float, children: int) -> Result:
    """Try the mutants of one module. Raises `RuntimeError` with mutmut's words when its tests do not pass unchanged."""
    tests = sorted(str(path.relative_to(folder)) for pattern in TESTS[module] for path in folder.glob(pattern))
    settings = folder / "pyproject.toml"
    types = [sys.executable, __file__, "mypy", f"drio_tui/{module}"]
    settings.write_text(
        settings.read_text() + SETTINGS.format(module=module, tests=json.dumps(tests), types=json.dumps(types))
    )
    conftest = folder / "tests" / "conftest.py"
    conftest.write_text(conftest.read_text() + PROFILE)
    first = f"drio_tui.{module.removesuffix('.py').replace('/', '.')}.nothing*"
    said = mutmut(folder, "run", "--max-children", "1", first)  # makes the mutants, and learns what each test runs
    try:
        every = [*codes(folder, module)]
    except FileNotFoundError:
        raise RuntimeError(said[-3000:]) from None
    chosen = sorted(random.Random(seed).sample(every, sample)) if 0 < sample < len(every) else every
    began = time.monotonic()
    said = mutmut(folder, "run", "--max-children", str(children), *chosen, seconds=minutes * 60)
    found = codes(folder, module)
    if all(found[name] is None for name in chosen):
        raise RuntimeError(said[-3000:])
    if any(found[name] is None for name in chosen) and time.monotonic() - began < minutes * 60:
        print(f"mutmut ended early:\n{said[-1500:]}", flush=True)
    return Result(module, len(every), {name: found[name] for name in chosen})


def main() -> int:
    if sys.argv[1:2] == ["mypy"]:
        print_type_errors(sys.argv[2])
        return 0
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("modules", nargs="*", metavar="MODULE", help=", ".join(TESTS))
    parser.add_argument("--commit", default="", help="another commit than the checkout as it is")
    parser.add_argument("--sample", type=int, default=0, help="mutants of each module (all)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--minutes", type=float, default=60, help="for each module")
    parser.add_argument("--children", type=int, default=1, help="mutants tried at once (1)")
    parser.add_argument("--diffs", action="store_true", help="print what each survivor changes")
    chosen = parser.parse_args()
    if unknown := sorted({*chosen.modules} - {*TESTS}):
        parser.error(f"no such module: {', '.join(unknown)}")
    print(
        f"commit {chosen.commit or 'of the checkout'}, seed {chosen.seed}, sample {chosen.sample or 'all'}", flush=True
    )
    for module in chosen.modules or TESTS:
        began = time.monotonic()
        with tempfile.TemporaryDirectory(prefix="drio-mutation-") as name:
            folder = Path(name)
            copied(folder, chosen.commit)
            result = tried(
                folder, module, sample=chosen.sample, seed=chosen.seed, minutes=chosen.minutes, children=chosen.children
            )
            print(f"\n{result}; {time.monotonic() - began:.0f} s", flush=True)
            for mutant in result.names({0, 33}):
                print(f"  {mutant}", flush=True)
                if chosen.diffs:
                    print(mutmut(folder, "show", mutant), flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
