"""What the screens of the playground share: the local runner and run store, and the blocks that show a run."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from textual.content import Content

from drio_tui.api import json_codec
from drio_tui.schema.jsontext import pretty
from drio_tui.text import count_of, duration
from drio_tui.ui.base.messages import Notice
from drio_tui.ui.base.workers import start_worker
from drio_tui.ui.widgets.rich_text import Block, Entry, Field, Gap, Heading, Paragraph
from drio_tui.ui.widgets.sanitize import sanitize, sanitize_line
from drio_tui.workspace.model.snapshot import Snapshot
from drio_tui.workspace.run.bound_tool import BoundTool
from drio_tui.workspace.run.chain_runner import Chain, Step
from drio_tui.workspace.run.local_runner import LocalRunner
from drio_tui.workspace.run.run_history import NotKept, RunHistory
from drio_tui.workspace.run.schema_examples import sample_of
from drio_tui.workspace.run.text_renderer import RenderedWidget
from drio_tui.workspace.run.tool_run import TARGETS, Request, Run, Target, fill_widget, mapping_outcomes

if TYPE_CHECKING:
    from drio_tui.api.client import DrioClient
    from drio_tui.ui.base.connection import Connection
    from drio_tui.ui.base.context import DrioContext

_MAX_LENGTH = 20_000
_MARKS = {"found": ("✓", "$text-success"), "nothing": ("✗", "$text-error"), "wrong": ("✗", "$text-error"),
          "unseen": ("▲", "$text-warning")}  # fmt: skip
_runners: WeakKeyDictionary[DrioClient, LocalRunner] = WeakKeyDictionary()


def local_runner_of(client: DrioClient) -> LocalRunner:
    """Return the local runner of a connection, with its credentials and consents, which are kept in memory only."""
    runner = _runners.get(client)
    if runner is None:
        runner = _runners[client] = LocalRunner()
    return runner


def run_store_of(connection: Connection, app_id: str) -> RunHistory:
    """Return the stored runs and samples of an app."""
    return RunHistory(connection.server, app_id)


def keep_in_store(
    drio: DrioContext, keep: Callable[[], object], *, group: str, kept: str = "", not_kept: str = ""
) -> None:
    """Call `keep`, which stores something and may block, in a worker of the app, which Esc does not stop.

    The outcome is shown on whatever screen is current then: `kept`, if given, or the reason why not, after `not_kept`.
    """

    async def work() -> None:
        try:
            await asyncio.to_thread(keep)
        except NotKept as error:
            drio.post_message(Notice(f"{not_kept} {error}".strip(), warning=True))
        else:
            if kept:
                drio.post_message(Notice(kept))

    start_worker(drio, work, group=group)


def keep_sample(drio: DrioContext, app_id: str, tool_id: str, value: Any) -> None:
    """Keep a result of a tool as the sample of its widget."""
    keep_in_store(
        drio, partial(run_store_of(drio.connection, app_id).save_sample, tool_id, value), group="sample",
        kept="Kept: the widget's editor tries its mappings on this result.",
    )  # fmt: skip


# --- before the first run -------------------------------------------------------------------------

NOT_RUN = Content.styled("The tool was not run yet: Ctrl+R runs it.", "$foreground-muted")


def sample_run(run_store: RunHistory, snapshot: Snapshot, bound: BoundTool, target: Target) -> Run:
    """Return a run with sample data for the tool's widget: the saved sample, else one generated from the schema.

    Its `value` is None if the tool has no widget, or no output schema and no sample. Blocking.
    """
    value = None
    if bound.widget is not None:
        value = run_store.sample(bound.id)
        if value is None:
            value = sample_of(snapshot, bound.id).result
    run = Run(bound.id, bound.title, target, {}, value=value)
    return run if value is None else fill_widget(bound, run)


def draw_not_run(_width: int) -> RenderedWidget:
    """Render the widget's page where there is no sample data."""
    return RenderedWidget([[(NOT_RUN.plain, "muted")]])


# --- blocks of a run ------------------------------------------------------------------------------


def request_blocks(run: Run) -> list[Block]:
    """Return the blocks for the request and the response of a run."""
    blocks: list[Block] = [Heading(_title("Request"), _muted(TARGETS[run.target]))]
    if run.request is not None:
        blocks += sent_blocks(run.request)
    else:
        blocks.append(Paragraph(_muted("It was not sent.")))
    blocks.append(Heading(_title("Response")))
    if run.response is not None:
        response = run.response
        succeeded = 200 <= response.status < 300
        blocks += [
            Field(
                Content("Status"), Content.styled(str(response.status), "$text-success" if succeeded else "$text-error")
            ),
            Field(Content("Type"), sanitize_line(response.content_type or "none", 100)),
            Field(Content("Size"), Content(count_of(response.size, "byte"))),
        ]
        if response.text:
            shown_text = response.text[:_MAX_LENGTH]
            blocks += [Gap(), Paragraph(sanitize(shown_text, multiline=True))]
            if len(shown_text) < len(response.text):
                blocks.append(Paragraph(_muted(f"… {len(response.text) - len(shown_text):,} more characters")))
    elif run.target == "deployed" and not run.failed:
        blocks.append(
            Paragraph(_muted("The endpoint returns only the result: its request to the upstream is not known."))
        )
    elif not run.failed:
        blocks.append(Paragraph(_muted("What came back was not kept.")))
    if run.error:
        blocks += [Gap(), Paragraph(sanitize(run.error[:_MAX_LENGTH], "$text-error", multiline=True), Content("✗"))]
    if run.note:
        blocks += [Gap(), Paragraph(sanitize(run.note[:_MAX_LENGTH], "$text-warning", multiline=True), Content("▲"))]
    if run.unknown:
        blocks.append(
            Paragraph(Content.styled("It may have taken effect all the same.", "$text-warning"), Content("▲"))
        )
    return blocks


def sent_blocks(request: Request) -> list[Block]:
    """Return the blocks of a request: method and URL, headers, body."""
    blocks: list[Block] = [
        Paragraph(Content.assemble((sanitize_line(request.method, 20).plain, "bold"), "  ", sanitize(request.url)))
    ]
    blocks += [Field(sanitize_line(name, 40), sanitize_line(value, 300)) for name, value in request.headers]
    if request.body:
        blocks += [Gap(), Paragraph(sanitize(_pretty(request.body), multiline=True))]
    return blocks


def mapping_blocks(bound: BoundTool, run: Run) -> list[Block]:
    """Return the blocks that show what each field mapping matched."""
    if bound.widget is None:
        return [Paragraph(_muted("This tool has no widget, so nothing is mapped."))]
    name = sanitize_line(str(bound.widget.get("name") or ""), 60)
    blocks: list[Block] = [Heading(_title("Widget"), Content.assemble(name, "  ", sanitize_line(bound.primitive, 30)))]
    if run.failed:
        return [*blocks, Paragraph(_muted("There is no result that mappings could be tried on."))]
    outcomes = mapping_outcomes(bound, run)
    if not outcomes:
        return [*blocks, Paragraph(_muted("It has no mappings: it shows the result as it is."))]
    for outcome in outcomes:
        mark, style = _MARKS[outcome.state]
        path = sanitize_line(outcome.path, 120, "$foreground-muted")
        title = Content.assemble(sanitize_line(outcome.slot, 60, "bold"), "  ", path)
        blocks.append(Entry(Content.styled(mark, style), title, body=sanitize_line(outcome.shown, 300, style)))
    unmatched = sum(outcome.state != "found" for outcome in outcomes)
    text = "Every mapping matched." if not unmatched else f"{unmatched} of {len(outcomes)} matched nothing."
    return [*blocks, Gap(), Paragraph(_muted(text))]


def timing_blocks(run: Run) -> list[Block]:
    """Return the blocks that show how long each part of a run took."""
    blocks: list[Block] = [Heading(_title("Timing"), Content(f"{duration(run.seconds, short=True)} in all"))]
    longest = max((seconds for _, seconds in run.timing), default=0) or 1
    for name, seconds in run.timing:
        bar = "█" * max(1, round(seconds / longest * 30))
        blocks.append(
            Field(
                sanitize_line(name, 24), Content.assemble((bar, "$text-primary"), f" {duration(seconds, short=True)}")
            )
        )
    return [*blocks, Gap(), Field(Content("Started"), Content(timestamp(run.at)))]


def chain_blocks(chain: Chain | None, run: Run | None, step: Step | None) -> list[Block]:
    """Return the blocks of a chain: its results, the next step, and the steps that an endpoint ran itself."""
    blocks: list[Block] = []
    if chain is not None and chain.results:
        blocks.append(Heading(_title("Chain")))
        for number, result in enumerate(chain.results, start=1):
            shown = sanitize_line(json_codec.dumps(result.value), 200, "$foreground-muted")
            blocks.append(Entry(Content(f"{number}"), sanitize_line(result.title, 80, "bold"), body=shown))
        blocks += [Heading(_title("Next")), *step_blocks(step)]
    if run is not None and run.steps:
        blocks.append(Heading(_title("What the endpoint did after it")))
        for tool_step in run.steps[:20]:
            done = tool_step.get("status") == "done"
            title = Content.assemble(
                sanitize_line(str(tool_step.get("tool") or "the rest"), 60, "bold"),
                "  ",
                sanitize_line(str(tool_step.get("status")), 20),
            )
            body = sanitize_line(
                json_codec.dumps(tool_step.get("arguments")) if done else str(tool_step.get("reason") or ""),
                300,
                "$foreground-muted",
            )
            blocks.append(Entry(Content.styled("✓", "$text-success") if done else Content("·"), title, body=body))
    return blocks or [Paragraph(_muted("This tool hands its result to no other."))]


def step_blocks(step: Step | None) -> list[Block]:
    """Return the blocks for the arguments of a step and where each comes from."""
    if step is None:
        return [Paragraph(_muted("The chain ends here."))]
    effect = "reads" if step.bound.only_reads else "changes something"
    blocks: list[Block] = [
        Paragraph(Content.assemble(sanitize_line(step.bound.title, 80, "bold"), (f"  {effect}", "$foreground-muted")))
    ]
    for argument in step.taken:
        value = sanitize_line(json_codec.dumps(argument.value), 80)
        source = sanitize_line(f"{argument.path} of {argument.source}: {argument.reason}", 120, "$foreground-muted")
        title = Content.assemble(sanitize_line(argument.name, 40, "$text-secondary"), " = ", value)
        blocks.append(Entry(Content.styled("✓", "$text-success"), title, body=source))
    for name in step.absent:
        title = Content.assemble(sanitize_line(name, 40, "$text-secondary"), ("  no result has it", "$text-error"))
        blocks.append(Entry(Content.styled("✗", "$text-error"), title))
    if not step.taken and not step.absent:
        blocks.append(Paragraph(_muted("It takes nothing from the results.")))
    return blocks


def summary(run: Run) -> Content:
    """Return the outcome of a run as one line."""
    if run.failed:
        return Content.assemble(("✗ ", "$text-error"), sanitize_line(run.error, 200, "$text-error"))
    status = f"{run.response.status} · " if run.response else ""
    return Content.assemble(
        ("✓ ", "$text-success"),
        (f"{status}{duration(run.seconds, short=True)}", ""),
        (f"  {TARGETS[run.target]}", "$foreground-muted"),
        ("  ▲ not as documented" if run.note else "", "$text-warning"),
    )


def request_text(request: Request, extra_lines: Iterable[str] = ()) -> str:
    """Return a request and extra lines as the text of a question, not sanitized."""
    lines = [f"{request.method} {request.url}"]
    lines += [f"{name}: {value}" for name, value in request.headers[:12]]
    if request.body:
        lines += ["", *_pretty(request.body).splitlines()[:12]]
    return "\n".join([*lines, *extra_lines])


def timestamp(at: float) -> str:
    """Return a time in seconds since the epoch as local date and time; `?` if no date can represent it."""
    try:
        return f"{datetime.fromtimestamp(at):%Y-%m-%d %H:%M:%S}"
    except (OverflowError, OSError, ValueError):
        return "?"


def _pretty(text: str) -> str:
    try:
        return pretty(json_codec.loads(text))[:_MAX_LENGTH]
    except json_codec.MalformedJson:
        return text[:_MAX_LENGTH]


def _title(text: str) -> Content:
    return Content.styled(text, "bold $text-primary")


def _muted(text: str) -> Content:
    return Content.styled(text, "$foreground-muted")
