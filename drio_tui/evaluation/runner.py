"""Running tests: those that only read concurrently, those that may change something one after the other."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Literal

from drio_tui.api.errors import DrioError
from drio_tui.api.json_codec import Document
from drio_tui.api.secret_values import SECRET_VALUES
from drio_tui.evaluation.expectations import Mismatch, mismatches
from drio_tui.evaluation.tool_test import ToolTest, problems_of
from drio_tui.text import sentence
from drio_tui.workspace.run.bound_tool import BoundTool
from drio_tui.workspace.run.local_runner import BadArguments
from drio_tui.workspace.run.tool_run import Run

PARALLEL = 4
"""The most tests that run at a time."""

Outcome = Literal["passed", "failed", "error", "skipped"]
OUTCOMES: tuple[Outcome, ...] = ("passed", "failed", "error", "skipped")
RunTool = Callable[[BoundTool, Document], Awaitable[Run]]
"""Runs a tool with arguments, and raises `DrioError` where it could not be run."""


@dataclass(frozen=True, slots=True)
class TestResult:
    """What became of a test.

    `failed`: the tool was run and `mismatches` says what was not as expected. `error`: it could not be run, `skipped`:
    it was not, each for the reason in `message`. `at` is when it ended, in seconds since the epoch. Texts are bounded,
    without secrets, and not sanitized.
    """

    __test__ = False

    test: ToolTest
    outcome: Outcome
    seconds: float = 0.0
    mismatches: tuple[Mismatch, ...] = ()
    message: str = ""
    at: float = field(default_factory=time.time)

    def as_dict(self) -> Document:
        """Return the result as JSON; the arguments are not in it."""
        return {
            "tool": self.test.tool,
            "name": self.test.name,
            "outcome": self.outcome,
            "seconds": round(self.seconds, 6),
            "mismatches": [
                {"what": mismatch.what, "expected": mismatch.expected, "actual": mismatch.actual}
                for mismatch in self.mismatches
            ],
            "message": self.message or None,
        }


def count_outcomes(results: Sequence[TestResult]) -> dict[Outcome, int]:
    """Return how many results have each outcome."""
    return {outcome: sum(result.outcome == outcome for result in results) for outcome in OUTCOMES}


async def evaluate(
    tests: Sequence[ToolTest],
    bound_tool: Callable[[str], BoundTool],
    run_tool: RunTool,
    *,
    include_writes: bool = False,
    on_start: Callable[[ToolTest], object] = lambda _: None,
    on_result: Callable[[TestResult], object] = lambda _: None,
) -> list[TestResult]:
    """Run tests and return their results in the same order.

    `bound_tool` returns the tool with a key, or raises `DrioError`. Without `include_writes`, tests of tools that do
    not only read are skipped.
    """
    slots = asyncio.Semaphore(PARALLEL)
    results: dict[int, TestResult] = {}
    runnable: dict[int, BoundTool] = {}

    def finish(index: int, result: TestResult) -> None:
        results[index] = result
        on_result(result)

    async def run_one(index: int, bound: BoundTool) -> None:
        async with slots:
            on_start(tests[index])
            finish(index, await run_test(tests[index], bound, run_tool))

    for index, test in enumerate(tests):
        if message := _invalid(test):
            finish(index, TestResult(test, "error", message=message))
            continue
        try:
            bound = bound_tool(test.tool)
        except DrioError as error:
            finish(index, _error(test, error))
            continue
        if bound.only_reads or include_writes:
            runnable[index] = bound
        else:
            finish(index, TestResult(test, "skipped", message="The tool is not marked as only reading."))
    async with asyncio.TaskGroup() as group:
        for index, bound in runnable.items():
            if bound.only_reads:
                group.create_task(run_one(index, bound))
    for index, bound in runnable.items():
        if not bound.only_reads:
            await run_one(index, bound)
    return [results[index] for index in range(len(tests))]


async def run_test(test: ToolTest, bound: BoundTool, run_tool: RunTool) -> TestResult:
    """Run one test. Arguments that the tool does not accept are an error of the tool, as its callers get it."""
    started = time.perf_counter()
    try:
        run = await run_tool(bound, test.arguments)
    except BadArguments as error:
        run = Run(bound.id, bound.title, "here", test.arguments, error=str(error), secret_names=bound.secret_names)
    except DrioError as error:
        return _error(test, error, time.perf_counter() - started)
    found = await asyncio.to_thread(mismatches, test, bound, run)
    return TestResult(test, "failed" if found else "passed", run.seconds, tuple(found))


def _invalid(test: ToolTest) -> str:
    problems = islice(problems_of(test.raw), 3)
    texts = [f"{'.'.join(map(str, path))} {text}" if path else text for path, text in problems]
    return f"The test is not valid: {'; '.join(texts)}." if texts else ""


def _error(test: ToolTest, error: DrioError, seconds: float = 0.0) -> TestResult:
    return TestResult(
        test, "error", seconds, message=SECRET_VALUES.hidden(f"{sentence(str(error))} {error.hint}".strip())[:300]
    )
