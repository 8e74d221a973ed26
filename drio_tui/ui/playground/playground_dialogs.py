"""The dialogs of the playground: credentials, the next step of a chain, the run history."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Input, Static, TextArea

from drio_tui.api import json_codec
from drio_tui.schema.jsontext import pretty
from drio_tui.text import duration
from drio_tui.ui.base import keymap
from drio_tui.ui.base.keymap import Key
from drio_tui.ui.base.stylesheets import stylesheet
from drio_tui.ui.dialogs.dialog import Dialog
from drio_tui.ui.forms.inputs import TextEditor
from drio_tui.ui.playground.run_blocks import step_blocks, timestamp
from drio_tui.ui.widgets.rich_text import Document
from drio_tui.ui.widgets.row_list import Column, Row, RowList
from drio_tui.ui.widgets.sanitize import sanitize, sanitize_line
from drio_tui.workspace.run.chain_runner import Chain
from drio_tui.workspace.run.local_runner import CredentialRequest
from drio_tui.workspace.run.tool_run import TARGETS, Run

MAX_LENGTH = 2_000_000
"""Maximum length of an intermediate result that can be edited, in characters."""


class CredentialsDialog(Dialog[dict[str, str] | None]):
    """Asks for the credentials of an upstream; the result is the typed values by property, None if it was cancelled.

    `request` is the text of the request that will be sent with them.
    """

    CSS_PATH = stylesheet("playground")
    BINDINGS: ClassVar[list[BindingType]] = keymap.section(
        "credentials",
        "Signing in to an upstream",
        Key("credentials.use", "ctrl+s", "use", "Use it", "Use it for runs from this machine until you quit"),
        Key("credentials.leave", "escape", "leave", "Leave", "Send nothing"),
    )

    def __init__(self, credentials: CredentialRequest, request: str = "") -> None:
        super().__init__()
        self._credentials, self._request = credentials, request

    def compose(self) -> ComposeResult:
        with Vertical(classes="playground-box") as box:
            box.border_title = sanitize_line(f"Sign-in: {self._credentials.connection}", 60)
            box.border_subtitle = "Enter or Ctrl+S sends it · Esc leaves"
            if self._request:
                yield Static(sanitize(self._request, multiline=True), id="to-send")
            yield Static(
                sanitize(
                    "drio never returns a secret, so you have to type it for a run from this machine. It is sent to "
                    f"{self._credentials.place} only, and forgotten when this program ends."
                )
            )
            for name, label in self._credentials.members:
                yield Static(sanitize_line(label, 60), classes="-label")
                yield Input(password=True, id=f"secret-{name}")
            yield Static(id="message")

    def on_mount(self) -> None:
        self.query(Input).first().focus()

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.action_use()

    def action_use(self) -> None:
        values = {name: self.query_one(f"#secret-{name}", Input).value for name, _ in self._credentials.members}
        if not any(values.values()):
            self.query_one("#message", Static).update(Content.styled("✗ Nothing was typed.", "$text-error"))
            return
        self.dismiss(values)

    def action_leave(self) -> None:
        self.dismiss(None)


class ChainStepDialog(Dialog[bool]):
    """Shows the next step of a chain, and lets the result that it takes arguments from be edited.

    The result of the dialog is whether to go on with `chain`.
    """

    CSS_PATH = stylesheet("playground")
    BINDINGS: ClassVar[list[BindingType]] = keymap.section(
        "chain_step",
        "Chain step",
        Key("chain_step.go", "ctrl+r,f9", "go", "Run it", "Go to this tool with these arguments"),
        Key("chain_step.skip", "f7", "skip", "Leave it out", "Leave this tool out, and show the one after it"),
        Key("chain_step.leave", "escape", "leave", "Leave", "Stay where you are"),
    )

    def __init__(self, chain: Chain) -> None:
        super().__init__()
        self._chain = chain
        self._title, self._result = chain.results[-1]
        self._is_valid = True

    def compose(self) -> ComposeResult:
        with Vertical(classes="playground-box -large") as box:
            box.border_title = sanitize_line(f"Result of {self._title}", 80)
            box.border_subtitle = "Ctrl+R runs the next tool · F7 leaves it out · Esc stays"
            yield TextEditor(pretty(self._result))
            yield Static(id="message")
            yield Document(id="next")

    def on_mount(self) -> None:
        self.query_one(TextEditor).focus()
        self._show_next()

    @on(TextArea.Changed)
    def _edited(self) -> None:
        message = self.query_one("#message", Static)
        text = self.query_one(TextEditor).text
        try:
            if len(text) > MAX_LENGTH:
                raise json_codec.MalformedJson(f"it is longer than {MAX_LENGTH:,} characters")
            value: Any = json_codec.loads(text)
            if not isinstance(value, dict):
                raise json_codec.MalformedJson("the result has to be an object in { }")
        except json_codec.MalformedJson as error:
            self._is_valid = False
            message.update(sanitize_line(f"✗ not taken over: {error}", 200, "$text-error"))
            return
        self._is_valid = True
        message.update("")
        self._chain.edit(value)
        self._show_next()

    def _show_next(self) -> None:
        step, _passed = self._chain.next_step()
        self.query_one("#next", Document).show(step_blocks(step), keep_place=True)

    def action_go(self) -> None:
        if not self._is_valid:
            self.notify("The result does not parse, so nothing can be taken from it.", severity="warning", markup=False)
        elif self._chain.next_step()[0] is None:
            self.notify("The chain ends here.", markup=False)
        else:
            self.dismiss(True)

    def action_skip(self) -> None:
        self._chain.skip()
        self._show_next()

    def action_leave(self) -> None:
        self.dismiss(False)


RunChoice = tuple[Literal["run", "show"], Run]


class RunHistoryDialog(Dialog[RunChoice | None]):
    """Lists the run history of a tool, newest first; the result is a run to show or to run again, None if closed."""

    CSS_PATH = stylesheet("playground")
    BINDINGS: ClassVar[list[BindingType]] = keymap.section(
        "run_history",
        "Run history",
        Key("run_history.again", "r", "again", "Run again", "Run it again with these arguments"),
        Key("run_history.close", "escape,q", "close", "Close", "Back to the playground"),
    )

    def __init__(self, title: str, runs: list[Run]) -> None:
        super().__init__()
        self._title = title
        self._runs = {str(number): run for number, run in enumerate(runs)}

    def compose(self) -> ComposeResult:
        with Vertical(classes="playground-box -large") as box:
            box.border_title = sanitize_line(f"Runs of {self._title}", 80)
            box.border_subtitle = "Enter shows it · r runs it again · Esc closes"
            yield RowList(
                Column("When", 20), Column("Where", 26, rank=1), Column("Arguments", min_width=20), Column("Result", 12)
            )
            if not self._runs:
                yield Static("It was not run yet.", id="message")

    def on_mount(self) -> None:
        rows = []
        for key, run in self._runs.items():
            outcome = (
                Content.styled("✗ failed", "$text-error")
                if run.failed
                else Content.assemble(("✓ ", "$text-success"), duration(run.seconds, short=True))
            )
            arguments = sanitize_line(json_codec.dumps(run.arguments), 200)
            rows.append(Row(key, (Content(timestamp(run.at)), Content(TARGETS[run.target]), arguments, outcome)))
        self.query_one(RowList).show(rows)
        self.query_one(RowList).focus()

    @on(RowList.Opened)
    def _opened(self, event: RowList.Opened) -> None:
        self.dismiss(("show", self._runs[event.key]))

    def action_again(self) -> None:
        run = self._runs.get(self.query_one(RowList).key or "")
        if run is not None:
            self.dismiss(("run", run))

    def action_close(self) -> None:
        self.dismiss(None)
