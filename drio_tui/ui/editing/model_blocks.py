"""What AI clients make of a tool, or of all tools of an app, as blocks of a document."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from textual.content import Content

from drio_tui.text import count_of
from drio_tui.ui.widgets.json_lines import Limits, Truncation, lines_of
from drio_tui.ui.widgets.rich_text import Block, Entry, Field, Gap, Heading, Paragraph
from drio_tui.ui.widgets.sanitize import sanitize, sanitize_line
from drio_tui.ui.widgets.values import severity_mark
from drio_tui.workspace.lint.annotations import ANNOTATION_HELP
from drio_tui.workspace.lint.client_view import Lint, LintedTool, for_clients
from drio_tui.workspace.lint.clients import CLIENT_RULES, Client
from drio_tui.workspace.lint.diagnostics import Diagnostic

_HEADING = "bold $text-primary"
_MUTED = "$foreground-muted"
_LIMITS = Limits(lines=150, chars=20_000, string=1_000)
_LONGEST = 4_000
"""The most characters of a description that are shown."""


def diagnostics_for(tool: LintedTool, client: Client) -> tuple[list[Diagnostic], list[Diagnostic]]:
    """Return the diagnostics of a tool for one client: of its use, and of the review of the client's directory."""
    diagnostics = for_clients(tool.diagnostics, [client], review=True)
    of_review = [diagnostic for diagnostic in diagnostics if CLIENT_RULES[diagnostic.code].review]
    return [diagnostic for diagnostic in diagnostics if diagnostic not in of_review], of_review


def tool_blocks(tool: LintedTool, client: Client, *, enabled: bool = True) -> Iterator[Block]:
    """Yield a tool as a client lists it. Texts of the tool may be hostile."""
    listed = next(listed for listed in tool.listed if listed.client == client)
    yield Paragraph(sanitize_line(listed.name, 200, "bold"))
    if not enabled:
        yield Paragraph(Content.styled("It is disabled: no client lists it.", "$text-warning"), _mark("warning"))
    yield Paragraph(sanitize(listed.description[:_LONGEST], multiline=True))
    if listed.left_out:
        yield Paragraph(Content.styled(f"… and {listed.left_out:,} characters that the model does not get.", _MUTED))
    yield Gap()
    yield _field("Title", sanitize_line(tool.tool.title, 200))
    tokens = f"about {listed.tokens:,}; {tool.tool.tokens:,} ({tool.tool.bytes:,} bytes) with all that is published"
    yield _field("Tokens", Content(tokens))
    problems, of_review = diagnostics_for(tool, client)
    yield Heading(Content.styled("Diagnostics", _HEADING))
    yield from _entries(problems)
    if not problems:
        yield Paragraph(Content("None."), Content.styled("✓", "$text-success"))
    if of_review:
        yield Heading(Content.styled("For a review by its directory", _HEADING))
        yield from _entries(of_review)
    yield Heading(Content.styled("Annotations", _HEADING), Content.styled(client.facts["annotations"].basis, _MUTED))
    for name in client.annotations:
        value = listed.annotations.get(name)
        text = "not said" if value is None else str(value) if not isinstance(value, bool) else "yes" if value else "no"
        yield _field(ANNOTATION_HELP[name][0], sanitize_line(text, 200, _MUTED if value is None else ""))
    yield Heading(Content.styled("Input schema", _HEADING))
    cut = Truncation()
    for line in lines_of(listed.schema, _LIMITS, cut):
        text = line.lstrip()
        yield Paragraph(Content(text), Content(" " * (len(line) - len(text) - 1)) if line != text else Content())
    if cut.happened:
        yield Paragraph(Content.styled("… and more: the JSON has all of it.", _MUTED))
    yield Heading(Content.styled(f"How {client.title} lists tools", _HEADING))
    for part, fact in client.facts.items():
        note = Content.styled(f"{fact.basis}: {fact.source}", _MUTED)
        yield Entry(Content.styled("•", _MUTED), Content(f"{part.capitalize()}: {fact.text}"), body=note)


def app_blocks(report: Lint, client: Client) -> Iterator[Block]:
    """Yield all tools of an app as a client lists them, the largest first."""
    totals = [listed.tokens for tool in report.tools for listed in tool.listed if listed.client == client]
    yield Heading(
        Content.styled(f"{count_of(len(report.tools), 'tool')}, about {sum(totals):,} tokens", "bold"),
        Content.styled(f"{report.tokens:,} ({report.bytes:,} bytes) with all that is published", _MUTED),
    )
    of_app = [diagnostic for diagnostic in report.diagnostics if diagnostic.key[0] == "app"]
    yield from _entries(for_clients(of_app, [client]))
    yield Gap()
    for tool in sorted(report.tools, key=lambda tool: -_tokens(tool, client)):
        problems, _ = diagnostics_for(tool, client)
        severity = problems[0].severity if problems else ""
        note = f"{_tokens(tool, client):,} tokens, {tool.tool.tokens:,} published"
        name = next(listed.name for listed in tool.listed if listed.client == client)
        body = Content("\n").join(sanitize_line(diagnostic.message, 300) for diagnostic in problems)
        yield Entry(_mark(severity), sanitize_line(name, 120), Content.styled(note, _MUTED), body)
    if not report.tools:
        yield Paragraph(Content.styled("No tool is enabled: models see none.", _MUTED))


def counts(diagnostics: Iterable[Diagnostic]) -> Content:
    """Return the number of errors and warnings with their symbols, empty for none."""
    severities = [diagnostic.severity for diagnostic in diagnostics]
    parts = [
        Content.styled(f"{symbol}{severities.count(severity)}", style)
        for severity, symbol, style in (("error", "✗", "$text-error bold"), ("warning", "▲", "$text-warning bold"))
        if severity in severities
    ]
    return Content(" ").join(parts)


def _tokens(tool: LintedTool, client: Client) -> int:
    return next(listed.tokens for listed in tool.listed if listed.client == client)


def _entries(diagnostics: Iterable[Diagnostic]) -> Iterator[Block]:
    for diagnostic in diagnostics:
        rule = CLIENT_RULES[diagnostic.code]
        advice = Content.assemble(diagnostic.advice, "\n", (f"{diagnostic.code}, {rule.basis}: {rule.source}", _MUTED))
        yield Entry(_mark(diagnostic.severity), sanitize_line(diagnostic.message, 1_000), body=advice)


def _mark(severity: str) -> Content:
    return severity_mark(severity) if severity else Content(" ")


def _field(label: str, value: Content) -> Field:
    return Field(Content.styled(label, _MUTED), value)
