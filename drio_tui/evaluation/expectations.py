"""What of a run differs from what its test expects. Texts are bounded and not sanitized."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from drio_tui.api.json_codec import Document
from drio_tui.api.json_values import same_json
from drio_tui.api.secret_values import SECRET_VALUES
from drio_tui.evaluation.tool_test import ToolTest
from drio_tui.schema import patterns
from drio_tui.text import count_of
from drio_tui.tool_calls.redaction import hide_secrets, texts_in
from drio_tui.tool_calls.token_count import compact, size, tokens
from drio_tui.widget_data.jsonpath import PathError, parse
from drio_tui.workspace.run.bound_tool import BoundTool
from drio_tui.workspace.run.tool_run import Run, mapping_outcomes, secret_texts

_LONGEST = 300


@dataclass(frozen=True, slots=True)
class Mismatch:
    """One expectation that was not met: `what` names it, such as `$.results[0].id`."""

    what: str
    expected: str
    actual: str

    def __str__(self) -> str:
        return f"{self.what}: expected {self.expected}, got {self.actual}"


def mismatches(test: ToolTest, bound: BoundTool, run: Run) -> list[Mismatch]:
    """Return the expectations of a test that a run does not meet. JSONPaths can take a while: call it in a thread.

    Secrets are hidden in the texts.
    """
    secrets = secret_texts(bound, run.arguments)
    return [
        Mismatch(
            mismatch.what, *(_bounded(hide_secrets(text, secrets)) for text in (mismatch.expected, mismatch.actual))
        )
        for mismatch in _mismatches(test.expect, bound, run)
    ]


def _mismatches(expect: Document, bound: BoundTool, run: Run) -> Iterator[Mismatch]:
    status = expect.get("status", "ok")
    actual_status = "error" if run.failed else "ok"
    if status != actual_status:
        yield Mismatch("status", status, f"error: {run.error}" if run.failed else "ok")
        return
    wanted = expect.get("contains")
    if wanted and not _contains(run, wanted):
        yield Mismatch("contains", compact(wanted), run.error or compact(run.structured))
    for value in expect.get("values") or ():
        yield from _value_mismatches(value, run.value)
    yield from _slot_mismatches(expect.get("slots") or [], bound, run)
    yield from _limit_mismatches(expect, run)


def _contains(run: Run, wanted: str) -> bool:
    texts = [run.error, compact(run.structured), *texts_in(run.value)]
    return any(wanted in text for text in texts)


def _value_mismatches(expected: Document, result: Any) -> Iterator[Mismatch]:
    path = expected["path"]
    try:
        values = [value for _, value in parse(path).find(result)]
    except PathError as error:
        yield Mismatch(path, "a path", str(error))
        return
    found = compact(values[0]) if len(values) == 1 else f"{count_of(len(values), 'value')} {compact(values)}"
    found = found if values else "nothing"
    if "exists" in expected and expected["exists"] != bool(values):
        yield Mismatch(path, "a value" if expected["exists"] else "nothing", found)
    if "equals" in expected:
        wanted = expected["equals"]
        if not (len(values) == 1 and same_json(values[0], wanted)) and not same_json(values, wanted):
            yield Mismatch(path, compact(wanted), found)
    if "matches" in expected:
        pattern = expected["matches"]
        texts = [value if isinstance(value, str) else compact(value) for value in values]
        if not texts or not all(patterns.can_match(pattern, text) for text in texts):
            yield Mismatch(path, f"a match of {pattern}", found if not texts else "a text too long for this pattern")
        elif any(patterns.mismatch(pattern, text) for text in texts):
            yield Mismatch(path, f"a match of {pattern}", found)
    if "count" in expected:
        is_list = len(values) == 1 and isinstance(values[0], list)
        count = len(values[0]) if is_list else len(values)
        if count != expected["count"]:
            yield Mismatch(path, count_of(expected["count"], "item"), count_of(count, "item"))


def _slot_mismatches(slots: list[str], bound: BoundTool, run: Run) -> Iterator[Mismatch]:
    if not slots:
        return
    outcomes = {outcome.slot: outcome for outcome in mapping_outcomes(bound, run)}
    for slot in slots:
        outcome = outcomes.get(slot)
        if outcome is None:
            yield Mismatch(f"slot {slot}", "a value", "no field mapping" if bound.widget else "no widget")
        elif outcome.state != "found":
            yield Mismatch(f"slot {slot}", "a value", f"{outcome.path} {outcome.shown}")


def _limit_mismatches(expect: Document, run: Run) -> Iterator[Mismatch]:
    result = run.structured if run.structured is not None else run.error
    measured: dict[str, tuple[str, float]] = {
        "maxSeconds": ("seconds", run.seconds),
        "maxBytes": ("bytes", size(result)),
        "maxTokens": ("tokens", tokens(compact(result))),
    }
    for name, (unit, actual) in measured.items():
        limit = expect.get(name)
        if limit is not None and actual > limit:
            yield Mismatch(unit, f"at most {limit:,}", f"{actual:,.2f}" if unit == "seconds" else f"{actual:,}")


def _bounded(text: str) -> str:
    text = SECRET_VALUES.hidden(text)
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
