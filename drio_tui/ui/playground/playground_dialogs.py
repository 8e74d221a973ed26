"""The dialogs of the playground: credentials and the run history."""

from __future__ import annotations

from typing import ClassVar, Literal

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Input, Static

from drio_tui.api import json_codec
from drio_tui.text import duration
from drio_tui.ui.base import keymap
from drio_tui.ui.base.keymap import Key
from drio_tui.ui.base.stylesheets import stylesheet
from drio_tui.ui.dialogs.dialog import Dialog
from drio_tui.ui.playground.run_blocks import timestamp
from drio_tui.ui.widgets.row_list import Column, Row, RowList
from drio_tui.ui.widgets.sanitize import sanitize, sanitize_line
from drio_tui.workspace.run.local_runner import CredentialRequest
from drio_tui.workspace.run.tool_run import TARGETS, Run


class CredentialsDialog(Dialog[dict[str, str] | None]):
    """Asks for the credentials of an upstream; the result is the typed values by property, None if it was cancelled.

    `request` is the text of the request that will be sent with them.
    """

    CSS_PATH = stylesheet("playground")
    TYPED = "the credentials that you typed"
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
