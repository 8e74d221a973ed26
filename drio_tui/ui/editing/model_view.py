"""How ChatGPT, Claude and Cursor list a tool or an app: one client at a time, with what its rules say.

`ModelView` shows resources as they are, `ModelPage` a tool as it is being edited.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.reactive import var
from textual.timer import Timer

from drio_tui.naming import kebab
from drio_tui.ui.base import keymap
from drio_tui.ui.base.keymap import Key
from drio_tui.ui.base.workers import start_worker
from drio_tui.ui.editing.model_blocks import app_blocks, counts, diagnostics_for, tool_blocks
from drio_tui.ui.forms.tabs import TabStrip
from drio_tui.ui.widgets.rich_text import Block, Document, Paragraph
from drio_tui.workspace.lint.client_view import Lint, LintedTool, for_clients, lint, linted_tool
from drio_tui.workspace.lint.clients import CLIENTS
from drio_tui.workspace.model.snapshot import Resource, Snapshot

_CLIENTS = tuple(CLIENTS.values())
_EDIT_SECONDS = 0.2
"""Seconds from an edit until it is shown, together with those made meanwhile."""


class ModelView(Vertical):
    """Shows a tool, or all tools of an app, as one AI client lists them."""

    DEFAULT_CSS = """
    ModelView {
        height: 1fr;
        width: 1fr;
        & > TabStrip { height: 1; width: 1fr; margin: 0 0 1 0; }
        & > Document { height: 1fr; width: 1fr; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = keymap.section(
        "model_view",
        "As AI clients list it",
        Key("model_view.next", "right,l", "client(1)", "Client →", "The next client", show=False, palette=False),
        Key("model_view.previous", "left,h", "client(-1)", "Client ←", "The client before", show=False, palette=False),
    )

    chosen: var[int] = var(0, init=False)
    """The index of the client that is shown."""

    report: var[LintedTool | Lint | str] = var("", init=False, always_update=True)
    """What is shown; a text says why there is nothing."""

    class Checked(Message):
        """A check finished; `number` is that of the check. `blocks` show the report for the client `chosen`."""

        def __init__(self, number: int, report: LintedTool | Lint, chosen: int, blocks: list[Block]) -> None:
            super().__init__()
            self.number = number
            self.report = report
            self.chosen = chosen
            self.blocks = blocks

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._number = 0
        self._is_new = True
        self._ready: tuple[int, list[Block]] = (-1, [])
        self._shown: list[Block] = []

    def compose(self) -> ComposeResult:
        yield TabStrip([client.title for client in _CLIENTS])
        yield Document()

    def look_at(self, resource: Resource, snapshot: Snapshot, *, is_new: bool = True) -> None:
        """Show a tool, or an app with all its tools. With `is_new`, from the top."""
        snapshot = snapshot.copy()
        self._check(lambda: lint(snapshot) if resource.kind == "app" else linted_tool(resource, snapshot), is_new)

    def look_at_nothing(self, text: str) -> None:
        """Show a text instead."""
        self._number += 1
        self._ready = (-1, [])
        self.report = text

    def _check(self, check: Callable[[], LintedTool | Lint], is_new: bool) -> None:
        self._number += 1
        self._is_new = self._is_new or is_new
        number, chosen = self._number, self.chosen

        def check_and_lay_out() -> ModelView.Checked:  # in a thread, also the blocks: a large schema has hundreds
            report = check()
            return self.Checked(number, report, chosen, _blocks(report, chosen))

        async def check_in_thread() -> None:
            self.post_message(await asyncio.to_thread(check_and_lay_out))

        start_worker(self, check_in_thread, group="model", exclusive=True)

    def on_model_view_checked(self, message: Checked) -> None:
        message.stop()
        if message.number == self._number:
            self._ready = (message.chosen, message.blocks)
            self.report = message.report

    def watch_report(self) -> None:
        strip = self.query_one(TabStrip)
        strip.display = not isinstance(self.report, str)
        for number, client in enumerate(_CLIENTS):
            match self.report:
                case LintedTool():
                    strip.note(number, counts(diagnostics_for(self.report, client)[0]))
                case Lint():
                    strip.note(number, counts(for_clients(self.report.diagnostics, [client])))
        self._show()

    def watch_chosen(self) -> None:
        self.query_one(TabStrip).chosen = self.chosen
        self._is_new = True
        self._show()

    def _show(self) -> None:
        chosen, blocks = self._ready
        self._ready = (-1, [])
        if chosen != self.chosen:
            blocks = _blocks(self.report, self.chosen)
        if self._is_new or blocks != self._shown:
            self._shown = blocks
            self.query_one(Document).show(blocks, keep_place=not self._is_new)
        self._is_new = False

    def focus_first(self) -> None:
        """Focus the choice of clients, or the text that says why there is nothing to show."""
        strip = self.query_one(TabStrip)
        (strip if strip.display else self.query_one(Document)).focus()

    def action_client(self, step: int) -> None:
        if not isinstance(self.report, str):
            self.chosen = (self.chosen + step) % len(_CLIENTS)

    @on(TabStrip.Chosen)
    def _client_chosen(self, event: TabStrip.Chosen) -> None:
        event.stop()
        self.chosen = event.number
        if event.enter:
            self.query_one(Document).focus()


def _blocks(report: LintedTool | Lint | str, chosen: int) -> list[Block]:
    client = _CLIENTS[chosen]
    match report:
        case LintedTool():
            enabled = report.tool.resource.get("isEnabled") is not False
            return list(tool_blocks(report, client, enabled=enabled))
        case Lint():
            return list(app_blocks(report, client))
        case _:
            return [Paragraph(Content.styled(report, "$foreground-muted"))]


class ModelPage(ModelView):
    """Shows a tool while it is edited: `edited` returns its properties as they are now."""

    class Updated(Message):
        """The tool was checked; `note` is a short text about it for the title of the page."""

        def __init__(self, note: Content) -> None:
            super().__init__()
            self.note = note

    def __init__(self, edited: Callable[[], dict[str, Any]], snapshot: Snapshot, *, id: str) -> None:
        super().__init__(id=id)
        self._edited = edited
        self._snapshot = snapshot
        self._timer: Timer | None = None

    def on_mount(self) -> None:
        self.update_now()

    def update_soon(self) -> None:
        """Show the edits made until then, shortly."""
        if self._timer is None:
            self._timer = self.set_timer(_EDIT_SECONDS, self.update_now)

    def update_now(self) -> None:
        """Show the tool as it is now."""
        if self._timer is not None:
            self._timer.stop()
            self._timer = None
        raw = self._edited()
        name, id = raw.get("name"), raw.get("id")
        if not raw.get("key"):
            key = kebab(name) if isinstance(name, str) else ""
            if not key:
                self.look_at_nothing("It has no name yet, by which a model could call it.")
                return
            raw = raw | {"key": key}  # drio makes the key of a new tool from its name
        self.look_at(Resource("tool", id if isinstance(id, str) else "", raw), self._snapshot, is_new=False)

    def watch_report(self) -> None:
        super().watch_report()
        report = self.report
        if isinstance(report, LintedTool):
            diagnostics = [diagnostic for client in _CLIENTS for diagnostic in diagnostics_for(report, client)[0]]
            tokens = Content.styled(f"{report.listed[0].tokens:,}", "$foreground-muted")
            problems = counts(for_clients(dict.fromkeys(diagnostics), _CLIENTS))
            self.post_message(self.Updated(Content.assemble(tokens, " " if problems else "", problems)))
        else:
            self.post_message(self.Updated(Content()))
