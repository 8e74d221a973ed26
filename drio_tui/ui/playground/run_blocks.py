"""What the playground's screens share: what a connection knows about runs, and runs as reading matter."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from textual.content import Content

from drio_tui.api import json_codec
from drio_tui.schema.jsontext import pretty
from drio_tui.text import count_of, duration
from drio_tui.ui.widgets.rich_text import Block, Entry, Field, Gap, Heading, Paragraph
from drio_tui.ui.widgets.sanitize import safe, safe_line
from drio_tui.workspace.model.snapshot import Snapshot
from drio_tui.workspace.run.bound_tool import BoundTool
from drio_tui.workspace.run.chain_runner import Chain, Step
from drio_tui.workspace.run.local_runner import LocalRunner
from drio_tui.workspace.run.run_history import Kept
from drio_tui.workspace.run.schema_examples import sample_of
from drio_tui.workspace.run.text_renderer import RenderedWidget
from drio_tui.workspace.run.tool_run import TARGETS, Request, Run, Target, judged, look

if TYPE_CHECKING:
    from drio_tui.api.client import DrioClient
    from drio_tui.ui.base.connection import Backend

_LONGEST = 20_000
_MARKS = {"found": ("✓", "$text-success"), "nothing": ("✗", "$text-error"), "wrong": ("✗", "$text-error"),
          "unseen": ("▲", "$text-warning")}  # fmt: skip
_heres: WeakKeyDictionary[DrioClient, LocalRunner] = WeakKeyDictionary()


def here_of(client: DrioClient) -> LocalRunner:
    """What was typed and agreed to while this connection lasts; nothing of it outlives the connection."""
    found = _heres.get(client)
    if found is None:
        found = _heres[client] = LocalRunner()
    return found


def kept_of(backend: Backend, app_id: str) -> Kept:
    """The runs and samples that are kept for an app."""
    return Kept(backend.server, app_id)


# --- before the first run -------------------------------------------------------------------------

NOT_RUN = Content.styled("The tool was not run yet: Ctrl+R runs it.", "$foreground-muted")


def sample_run(kept: Kept, snapshot: Snapshot, bound: BoundTool, target: Target) -> Run:
    """A run with sample data for the tool's widget: the saved sample, else one made from the operation's schema.

    Its `value` is None where the tool has no widget or nothing is known of its result. Blocking.
    """
    value = None
    if bound.widget is not None:
        value = kept.sample(bound.id)
        if value is None:
            value = sample_of(snapshot, bound.id).result
    run = Run(bound.id, bound.title, target, {}, value=value)
    return run if value is None else look(bound, run)


def draw_not_run(_width: int) -> RenderedWidget:
    """What the widget's page shows where there are no sample data."""
    return RenderedWidget([[(NOT_RUN.plain, "muted")]])


# --- runs as reading matter -----------------------------------------------------------------------


def request_blocks(run: Run) -> list[Block]:
    """What was sent and what came back."""
    blocks: list[Block] = [Heading(_title("Request"), _muted(TARGETS[run.target]))]
    if run.request is not None:
        blocks += sent_blocks(run.request)
    else:
        blocks.append(Paragraph(_muted("It was not sent.")))
    blocks.append(Heading(_title("Response")))
    if run.response is not None:
        one = run.response
        good = 200 <= one.status < 300
        blocks += [
            Field(Content("Status"), Content.styled(str(one.status), "$text-success" if good else "$text-error")),
            Field(Content("Type"), safe_line(one.content_type or "none", 100)),
            Field(Content("Size"), Content(count_of(one.size, "byte"))),
        ]
        if one.text:
            cut = one.text[:_LONGEST]
            blocks += [Gap(), Paragraph(safe(cut, multiline=True))]
            if len(cut) < len(one.text):
                blocks.append(Paragraph(_muted(f"… {len(one.text) - len(cut):,} more characters")))
    elif run.target == "deployed" and not run.failed:
        blocks.append(
            Paragraph(_muted("The endpoint gives the result only: what it asked of the upstream is its own."))
        )
    elif not run.failed:
        blocks.append(Paragraph(_muted("What came back was not kept.")))
    if run.error:
        blocks += [Gap(), Paragraph(safe(run.error[:_LONGEST], "$text-error", multiline=True), Content("✗"))]
    if run.note:
        blocks += [Gap(), Paragraph(safe(run.note[:_LONGEST], "$text-warning", multiline=True), Content("▲"))]
    if run.unknown:
        blocks.append(
            Paragraph(Content.styled("It may have taken effect all the same.", "$text-warning"), Content("▲"))
        )
    return blocks


def sent_blocks(request: Request) -> list[Block]:
    """A request: method and address, headers, body."""
    blocks: list[Block] = [
        Paragraph(Content.assemble((safe_line(request.method, 20).plain, "bold"), "  ", safe(request.url)))
    ]
    blocks += [Field(safe_line(name, 40), safe_line(value, 300)) for name, value in request.headers]
    if request.body:
        blocks += [Gap(), Paragraph(safe(_pretty(request.body), multiline=True))]
    return blocks


def mapping_blocks(bound: BoundTool, run: Run) -> list[Block]:
    """Which mapping matched what."""
    if bound.widget is None:
        return [Paragraph(_muted("This tool has no widget, so nothing is mapped."))]
    name = safe_line(str(bound.widget.get("name") or ""), 60)
    blocks: list[Block] = [Heading(_title("Widget"), Content.assemble(name, "  ", safe_line(bound.primitive, 30)))]
    if run.failed:
        return [*blocks, Paragraph(_muted("There is no result that mappings could be tried on."))]
    found = judged(bound, run)
    if not found:
        return [*blocks, Paragraph(_muted("It has no mappings: it shows the result as it is."))]
    for one in found:
        mark, style = _MARKS[one.state]
        title = Content.assemble(safe_line(one.slot, 60, "bold"), "  ", safe_line(one.path, 120, "$foreground-muted"))
        blocks.append(Entry(Content.styled(mark, style), title, body=safe_line(one.shown, 300, style)))
    wrong = sum(one.state != "found" for one in found)
    said = "Every mapping matched." if not wrong else f"{wrong} of {len(found)} gave nothing."
    return [*blocks, Gap(), Paragraph(_muted(said))]


def timing_blocks(run: Run) -> list[Block]:
    """How long each part took."""
    blocks: list[Block] = [Heading(_title("Timing"), Content(f"{duration(run.seconds, short=True)} in all"))]
    most = max((seconds for _, seconds in run.timing), default=0) or 1
    for name, seconds in run.timing:
        bar = "█" * max(1, round(seconds / most * 30))
        blocks.append(
            Field(safe_line(name, 24), Content.assemble((bar, "$text-primary"), f" {duration(seconds, short=True)}"))
        )
    return [*blocks, Gap(), Field(Content("Started"), Content(moment(run.at)))]


def chain_blocks(chain: Chain | None, run: Run | None, step: Step | None) -> list[Block]:
    """How far a chain has come, what comes next, and what an endpoint's own chain did."""
    blocks: list[Block] = []
    if chain is not None and chain.results:
        blocks.append(Heading(_title("Chain")))
        for number, (name, result) in enumerate(chain.results, start=1):
            shown = safe_line(json_codec.dumps(result), 200, "$foreground-muted")
            blocks.append(Entry(Content(f"{number}"), safe_line(name, 80, "bold"), body=shown))
        blocks += [Heading(_title("Next")), *step_blocks(step)]
    if run is not None and run.steps:
        blocks.append(Heading(_title("What the endpoint did after it")))
        for each in run.steps[:20]:
            done = each.get("status") == "done"
            title = Content.assemble(
                safe_line(str(each.get("tool") or "the rest"), 60, "bold"), "  ", safe_line(str(each.get("status")), 20)
            )
            body = safe_line(
                json_codec.dumps(each.get("arguments")) if done else str(each.get("reason") or ""),
                300,
                "$foreground-muted",
            )
            blocks.append(Entry(Content.styled("✓", "$text-success") if done else Content("·"), title, body=body))
    return blocks or [Paragraph(_muted("This tool hands its result to no other."))]


def step_blocks(step: Step | None) -> list[Block]:
    """What a step would be called with, and where each argument came from."""
    if step is None:
        return [Paragraph(_muted("The chain ends here."))]
    verb = "reads" if step.bound.only_reads else "changes something"
    blocks: list[Block] = [
        Paragraph(Content.assemble(safe_line(step.bound.title, 80, "bold"), (f"  {verb}", "$foreground-muted")))
    ]
    for one in step.taken:
        value = safe_line(json_codec.dumps(one.value), 80)
        source = safe_line(f"from {one.source}", 60, "$foreground-muted")
        title = Content.assemble(safe_line(one.name, 40, "$text-secondary"), " = ", value)
        blocks.append(Entry(Content.styled("✓", "$text-success"), title, body=source))
    for name in step.absent:
        title = Content.assemble(safe_line(name, 40, "$text-secondary"), ("  no result has it", "$text-error"))
        blocks.append(Entry(Content.styled("✗", "$text-error"), title))
    if not step.taken and not step.absent:
        blocks.append(Paragraph(_muted("It takes nothing from the results.")))
    return blocks


def summary(run: Run) -> Content:
    """How a run went, on one line."""
    if run.failed:
        return Content.assemble(("✗ ", "$text-error"), safe_line(run.error, 200, "$text-error"))
    status = f"{run.response.status} · " if run.response else ""
    return Content.assemble(
        ("✓ ", "$text-success"),
        (f"{status}{duration(run.seconds, short=True)}", ""),
        (f"  {TARGETS[run.target]}", "$foreground-muted"),
        ("  ▲ not as documented" if run.note else "", "$text-warning"),
    )


def request_text(request: Request, arguments: Iterable[str] = ()) -> str:
    """A request as the lines of a question; not yet safe to show."""
    lines = [f"{request.method} {request.url}"]
    lines += [f"{name}: {value}" for name, value in request.headers[:12]]
    if request.body:
        lines += ["", *_pretty(request.body).splitlines()[:12]]
    return "\n".join([*lines, *arguments])


def moment(at: float) -> str:
    """A time of today or before, for people."""
    try:
        return f"{datetime.fromtimestamp(at):%Y-%m-%d %H:%M:%S}"
    except (OverflowError, OSError, ValueError):
        return "?"


def _pretty(text: str) -> str:
    try:
        return pretty(json_codec.loads(text))[:_LONGEST]
    except json_codec.MalformedJson:
        return text[:_LONGEST]


def _title(text: str) -> Content:
    return Content.styled(text, "bold $text-primary")


def _muted(text: str) -> Content:
    return Content.styled(text, "$foreground-muted")
