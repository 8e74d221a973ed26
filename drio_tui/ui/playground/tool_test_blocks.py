"""How a test of a tool and its last result are shown."""

from __future__ import annotations

from textual.content import Content

from drio_tui.api.json_codec import Document
from drio_tui.evaluation.runner import TestResult
from drio_tui.schema.jsontext import pretty
from drio_tui.text import duration
from drio_tui.ui.widgets.rich_text import Block, Entry, Field, Gap, Heading, Paragraph
from drio_tui.ui.widgets.sanitize import sanitize, sanitize_line

_MOST_TEXT = 4_000
_OUTCOMES = {
    "passed": ("✓ passed", "$text-success"),
    "failed": ("✗ failed", "$text-error"),
    "error": ("✗ not run", "$text-error"),
    "skipped": ("· skipped", "$text-warning"),
}


def outcome_content(result: TestResult | None, *, is_running: bool = False) -> Content:
    """Return the outcome of a test in a word."""
    if is_running:
        return Content.styled("◌ running", "$text-warning")
    if result is None:
        return Content.styled("not run", "$foreground-muted")
    return Content.styled(*_OUTCOMES[result.outcome])


def test_blocks(test: Document, result: TestResult | None, place: str) -> list[Block]:
    """Return a test with its last result: what was expected and what came, then the test as it is written."""
    blocks: list[Block] = [
        Heading(sanitize_line(str(test.get("name") or ""), 200, "bold"), sanitize_line(place, 200)),
    ]
    if result is not None:
        took = f"  {duration(result.seconds, short=True)}" if result.seconds else ""
        blocks.append(Paragraph(Content.assemble(outcome_content(result), (took, "$foreground-muted"))))
        if result.message:
            blocks.append(Paragraph(sanitize(result.message, "$text-warning", multiline=True)))
        for mismatch in result.mismatches:
            blocks.append(Entry(Content.styled("✗", "$text-error"), sanitize_line(mismatch.what, 200, "bold")))
            blocks.append(Field(Content("expected"), sanitize(mismatch.expected, multiline=True)))
            blocks.append(Field(Content("actual"), sanitize(mismatch.actual, "$text-error", multiline=True)))
        blocks.append(Gap())
    for title, name in (("Expect", "expect"), ("Arguments", "arguments")):
        blocks.append(Heading(Content.styled(title, "$text-secondary")))
        blocks.append(Paragraph(sanitize(pretty(test.get(name, {}))[:_MOST_TEXT], multiline=True)))
    return blocks
